//! The VMM's ends of the console rings (see [`ramet_abi::ring`]).
//!
//! Each end keeps its own index privately and publishes it; the guest's index is read once per operation and checked.

use crate::SharedArea;
use ramet_abi::layout::{RING_SIZE, RINGS_OFFSET};
use ramet_abi::ring::{RINGS, Ring};
use std::io;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

const SIZE: u32 = RING_SIZE as u32;

/// The guest published an index that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guest broke console ring {ring}: head {head}, tail {tail}")]
pub struct BrokenRing {
    /// Which ring.
    pub ring: usize,
    /// Bytes produced.
    pub head: u32,
    /// Bytes consumed.
    pub tail: u32,
}

fn control(area: &SharedArea, ring: usize) -> &Ring {
    &area.console().rings[ring]
}

/// The contiguous part of `length` bytes from ring position `position`, as offset in the shared area and length.
fn contiguous(ring: usize, position: u32, length: u32) -> (u64, u32) {
    let start = position % SIZE;
    (RINGS_OFFSET + ring as u64 * RING_SIZE + u64::from(start), length.min(SIZE - start))
}

/// The VMM's end of a ring that the guest fills.
#[derive(Debug)]
pub struct Consumer {
    ring: usize,
    tail: u32,
}

impl Consumer {
    /// The end of a ring in which nothing was produced yet.
    pub fn new(ring: usize) -> Self {
        assert!(ring < RINGS);
        Self { ring, tail: 0 }
    }

    /// Takes over a ring that is in use, dropping what is in it, and publishes that.
    pub fn drop_content(area: &SharedArea, ring: usize) -> Self {
        assert!(ring < RINGS);
        let tail = control(area, ring).head.load(Acquire);
        control(area, ring).tail.store(tail, Release);
        Self { ring, tail }
    }

    /// Bytes in the ring.
    pub fn available(&self, area: &SharedArea) -> Result<u32, BrokenRing> {
        let head = control(area, self.ring).head.load(Acquire);
        let available = head.wrapping_sub(self.tail);
        if available > SIZE {
            return Err(BrokenRing { ring: self.ring, head, tail: self.tail });
        }
        Ok(available)
    }

    /// Writes at most `length` of the bytes in the ring (as `available` reported them) to a descriptor, with one
    /// call. What was written is consumed.
    pub fn write_to(&mut self, area: &SharedArea, length: u32, fd: i32) -> io::Result<usize> {
        let (offset, length) = contiguous(self.ring, self.tail, length);
        let written = area.mapping().write_to(offset, length.into(), fd, None)?;
        self.consume(area, written as u32);
        Ok(written)
    }

    /// Drops bytes.
    pub fn consume(&mut self, area: &SharedArea, count: u32) {
        self.tail = self.tail.wrapping_add(count);
        control(area, self.ring).tail.store(self.tail, Release);
    }

    /// Announces that this end is about to sleep. Look at [`Consumer::available`] again afterwards.
    pub fn announce_sleep(&self, area: &SharedArea) {
        control(area, self.ring).consumer_waits.swap(1, AcqRel);
    }

    /// Whether the producer sleeps because the ring was full; clears the mark.
    pub fn take_producer_waits(&self, area: &SharedArea) -> bool {
        control(area, self.ring).producer_waits.swap(0, AcqRel) != 0
    }
}

/// The VMM's end of a ring that the guest empties.
#[derive(Debug)]
pub struct Producer {
    ring: usize,
    head: u32,
}

impl Producer {
    /// The end of a ring in which nothing was produced yet.
    pub fn new(ring: usize) -> Self {
        assert!(ring < RINGS);
        Self { ring, head: 0 }
    }

    /// Takes over a ring that is in use, taking back what the guest has not consumed.
    pub fn take_back(area: &SharedArea, ring: usize) -> Self {
        assert!(ring < RINGS);
        let head = control(area, ring).tail.load(Acquire);
        control(area, ring).head.store(head, Release);
        Self { ring, head }
    }

    /// Room in the ring.
    pub fn room(&self, area: &SharedArea) -> Result<u32, BrokenRing> {
        let tail = control(area, self.ring).tail.load(Acquire);
        let used = self.head.wrapping_sub(tail);
        if used > SIZE {
            return Err(BrokenRing { ring: self.ring, head: self.head, tail });
        }
        Ok(SIZE - used)
    }

    /// Reads at most `room` bytes from a descriptor into the ring, with one call. 0 is end of file.
    pub fn read_from(&mut self, area: &SharedArea, room: u32, fd: i32) -> io::Result<usize> {
        let (offset, length) = contiguous(self.ring, self.head, room);
        let count = area.read_from(offset, length.into(), fd, None)?;
        self.head = self.head.wrapping_add(count as u32);
        control(area, self.ring).head.store(self.head, Release);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ramet_abi::ring::{INPUT, OUTPUT};
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn a_guest_index_out_of_range_is_an_error() {
        let area = SharedArea::new().unwrap();
        let consumer = Consumer::new(OUTPUT);
        area.console().rings[OUTPUT].head.store(SIZE, Relaxed);
        assert_eq!(consumer.available(&area), Ok(SIZE));
        area.console().rings[OUTPUT].head.store(SIZE + 1, Relaxed);
        assert!(consumer.available(&area).is_err());
        let producer = Producer::new(INPUT);
        area.console().rings[INPUT].tail.store(1, Relaxed);
        assert!(producer.room(&area).is_err());
    }

    #[test]
    fn indices_wrap() {
        let area = SharedArea::new().unwrap();
        let mut consumer = Consumer { ring: OUTPUT, tail: u32::MAX - 3 };
        area.console().rings[OUTPUT].head.store(4, Relaxed);
        assert_eq!(consumer.available(&area), Ok(8));
        // The indices wrap at a multiple of the ring's size, so the bytes lie at its end and its beginning.
        assert_eq!(contiguous(OUTPUT, consumer.tail, 8).1, 4);
        consumer.consume(&area, 8);
        assert_eq!(consumer.available(&area), Ok(0));
    }
}
