//! The bytes of a pipe: page-sized slots over one buffer.
//!
//! The slots are Linux's (`fs/pipe.c`): each holds up to a page, a small write goes into the last slot if it fits there
//! whole, else it takes a new one. So the points at which a pipe is full, and what fits, are the ones that programs
//! see on Linux. Slots that lie side by side in the buffer are copied at once.

use super::PIPE_BUF;
use crate::errno::{Errno, Result};
use crate::user::{Sink, SliceSource, Source};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

const PAGE: usize = PIPE_BUF;

#[derive(Clone, Copy)]
struct Slot {
    start: u16,
    len: u16,
    packet: bool,
}

/// Slot `i` of the queue lies in page `(first + i) % pages` of the buffer. The buffer grows on demand; the first page
/// is used again whenever the ring has run empty, so that short exchanges stay in one page.
pub(super) struct Ring {
    buffer: Vec<u8>,
    slots: VecDeque<Slot>,
    first: usize,
    /// Pages of the buffer in use, a power of two: `capacity`, or more until an overfull ring has run empty.
    pages: usize,
    /// So many slots make it full.
    capacity: usize,
    unread: usize,
}

impl Ring {
    /// `capacity`: a power of two, at least a page.
    pub fn new(capacity: usize) -> Ring {
        let pages = capacity / PAGE;
        Ring { buffer: Vec::new(), slots: VecDeque::new(), first: 0, pages, capacity: pages, unread: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.slots.len() >= self.capacity
    }

    pub fn has_packets(&self) -> bool {
        self.slots.iter().any(|slot| slot.packet)
    }

    pub fn unread(&self) -> usize {
        self.unread
    }

    pub fn capacity(&self) -> usize {
        self.capacity * PAGE
    }

    /// Slots that hold data.
    pub fn slots_used(&self) -> usize {
        self.slots.len()
    }

    fn page(&self, index: usize) -> usize {
        ((self.first + index) & (self.pages - 1)) * PAGE
    }

    /// Whether slot `index` goes on in the buffer where slot `index - 1` ends.
    fn continues(&self, index: usize) -> bool {
        let (before, slot) = (self.slots[index - 1], self.slots[index]);
        before.start + before.len == PAGE as u16 && slot.start == 0 && self.page(index) != 0 && !slot.packet
    }

    /// The longest run of bytes at the front that lies in one piece, at most `limit`: offset and length.
    fn front(&self, limit: usize) -> (usize, usize) {
        let slot = self.slots[0];
        let (start, mut len) = (self.page(0) + slot.start as usize, slot.len as usize);
        let mut next = 1;
        while !slot.packet && len < limit && next < self.slots.len() && self.continues(next) {
            len += self.slots[next].len as usize;
            next += 1;
        }
        (start, len.min(limit))
    }

    /// The bytes of [`Ring::front`].
    pub fn front_bytes(&self, limit: usize) -> &[u8] {
        if self.slots.is_empty() {
            return &[];
        }
        let (start, len) = self.front(limit);
        &self.buffer[start..start + len]
    }

    /// Removes `count` bytes from the front; a packet goes whole.
    pub fn consume(&mut self, mut count: usize) {
        while let Some(slot) = self.slots.front_mut() {
            let n = count.min(slot.len as usize);
            let gone = if slot.packet && n > 0 { slot.len as usize } else { n };
            slot.start += gone as u16;
            slot.len -= gone as u16;
            self.unread -= gone;
            count -= n;
            if slot.len > 0 {
                break;
            }
            self.slots.pop_front();
            self.first = (self.first + 1) & (self.pages - 1);
            if count == 0 {
                break;
            }
        }
        if self.slots.is_empty() {
            self.first = 0;
            self.pages = self.capacity;
        }
    }

    /// Reads from a ring that is not empty. A slot whose bytes could not all be delivered stays.
    pub fn read(&mut self, into: &mut dyn Sink) -> Result<usize> {
        let mut done = 0;
        while into.remaining() > 0 && !self.slots.is_empty() {
            let (start, len) = self.front(into.remaining());
            let packet = self.slots[0].packet;
            let put = match into.put(&self.buffer[start..start + len]) {
                Ok(n) if n == len => n,
                short => {
                    let whole = self.whole_slots(short.unwrap_or(0));
                    self.consume(whole);
                    done += whole;
                    return if done > 0 { Ok(done) } else { Err(Errno::EFAULT) };
                }
            };
            self.consume(put);
            done += put;
            if packet {
                break;
            }
        }
        Ok(done)
    }

    /// How many of the first `count` bytes lie in slots that `count` covers to the end.
    fn whole_slots(&self, count: usize) -> usize {
        let mut sum = 0;
        for slot in &self.slots {
            if sum + slot.len as usize > count {
                break;
            }
            sum += slot.len as usize;
        }
        sum
    }

    /// Writes what fits.
    pub fn write(&mut self, from: &mut dyn Source, packet: bool) -> Result<usize> {
        let mut done = self.merge(from)?;
        while from.remaining() > 0 {
            if self.is_full() {
                break;
            }
            let want = from.remaining();
            let room = match self.room(want) {
                Ok(room) => room,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            };
            let want = want.min(room.1);
            let took = from.take(&mut self.buffer[room.0..room.0 + want]);
            // A page that a bad address cut short is left out, as on Linux.
            let n = match took {
                Ok(n) if n == want => n,
                short => short.unwrap_or(0) / PAGE * PAGE,
            };
            self.commit(n, packet);
            done += n;
            if n < want {
                return if done > 0 { Ok(done) } else { Err(Errno::EFAULT) };
            }
        }
        if done > 0 { Ok(done) } else { Err(Errno::EAGAIN) }
    }

    /// Puts the odd bytes of a write (all of a small one) into the last slot, if they fit there.
    fn merge(&mut self, from: &mut dyn Source) -> Result<usize> {
        let odd = from.remaining() & (PAGE - 1);
        let Some(index) = self.slots.len().checked_sub(1) else { return Ok(0) };
        let (page, slot) = (self.page(index), self.slots[index]);
        let end = (slot.start + slot.len) as usize;
        if odd == 0 || slot.packet || end + odd > PAGE {
            return Ok(0);
        }
        if from.take(&mut self.buffer[page + end..page + end + odd])? < odd {
            return Err(Errno::EFAULT);
        }
        self.slots[index].len += odd as u16;
        self.unread += odd;
        Ok(odd)
    }

    /// A free run of whole pages after the last slot for up to `want` bytes: offset and length. There must be a free slot.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn room(&mut self, want: usize) -> Result<(usize, usize)> {
        let used = self.slots.len();
        let start = self.page(used);
        let pages =
            want.div_ceil(PAGE).min(self.capacity.saturating_sub(used)).min(self.pages - start / PAGE);
        let end = start + pages * PAGE;
        if end > self.buffer.len() {
            let grown = end.next_power_of_two();
            self.buffer.try_reserve_exact(grown - self.buffer.len()).map_err(|_| Errno::ENOMEM)?;
            self.buffer.resize(grown, 0);
        }
        self.slots.try_reserve(pages).map_err(|_| Errno::ENOMEM)?;
        Ok((start, pages * PAGE))
    }

    /// The bytes of a run that [`Ring::room`] gave.
    pub fn room_bytes(&mut self, room: (usize, usize)) -> &mut [u8] {
        &mut self.buffer[room.0..room.0 + room.1]
    }

    /// Makes `count` bytes at the start of what [`Ring::room`] gave part of the ring.
    pub fn commit(&mut self, mut count: usize, packet: bool) {
        while count > 0 {
            let len = count.min(PAGE);
            self.slots.push_back(Slot { start: 0, len: len as u16, packet });
            self.unread += len;
            count -= len;
        }
    }

    /// Copies up to `limit` bytes of this ring's data to the end of another without consuming them (tee(2)).
    pub fn copy_to(&self, other: &mut Ring, limit: usize) -> Result<usize> {
        let mut done = 0;
        for (index, slot) in self.slots.iter().enumerate() {
            let len = (slot.len as usize).min(limit - done);
            if len == 0 || other.is_full() {
                break;
            }
            let room = match other.room(len) {
                Ok(room) => room,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            };
            let start = self.page(index) + slot.start as usize;
            other.buffer[room.0..room.0 + len].copy_from_slice(&self.buffer[start..start + len]);
            other.commit(len, slot.packet);
            done += len;
        }
        Ok(done)
    }

    /// Changes the capacity (a power of two of at least a page).
    ///
    /// # Errors
    /// EBUSY: more slots are in use. ENOMEM.
    pub fn resize(&mut self, capacity: usize) -> Result<()> {
        let pages = capacity / PAGE;
        if pages < self.slots.len() {
            return Err(Errno::EBUSY);
        }
        let mut buffer = Vec::new();
        let needed = (self.slots.len() * PAGE).next_power_of_two();
        if !self.slots.is_empty() {
            buffer.try_reserve_exact(needed).map_err(|_| Errno::ENOMEM)?;
            for index in 0..self.slots.len() {
                let page = self.page(index);
                buffer.extend_from_slice(&self.buffer[page..page + PAGE]);
            }
            buffer.resize(needed, 0);
        }
        (self.buffer, self.first, self.pages, self.capacity) = (buffer, 0, pages, pages);
        Ok(())
    }

    /// Puts bytes into an empty ring, more than its capacity if need be: it is then full until it holds less.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn fill(&mut self, bytes: &[u8]) -> Result<()> {
        let capacity = self.capacity;
        self.resize(bytes.len().next_multiple_of(PAGE).next_power_of_two().max(capacity * PAGE))?;
        let filled = self.write(&mut SliceSource(bytes), false);
        self.capacity = capacity;
        if self.slots.is_empty() {
            self.pages = capacity;
        }
        filled.map(drop).or_else(|error| if bytes.is_empty() { Ok(()) } else { Err(error) })
    }

    /// The bytes of the first slot, and whether it is a packet.
    pub fn first_slot(&self) -> Option<(&[u8], bool)> {
        let slot = self.slots.front()?;
        let start = self.page(0) + slot.start as usize;
        Some((&self.buffer[start..start + slot.len as usize], slot.packet))
    }

    /// Puts up to a page of bytes into a slot of their own. There must be a free one.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn put_slot(&mut self, bytes: &[u8], packet: bool) -> Result<()> {
        let room = self.room(bytes.len())?;
        self.room_bytes(room)[..bytes.len()].copy_from_slice(bytes);
        self.commit(bytes.len(), packet);
        Ok(())
    }
}
