//! The area that guest and VMM share.

use crate::{Mapping, OutOfBounds};
use ramet_abi::identity::Identity;
use ramet_abi::layout::*;
use ramet_abi::mailbox::Mailbox;
use ramet_abi::ring::Console;
use ramet_abi::syscall::Counters;
use ramet_abi::time::TimePage;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// The shared area. Private to this process: after `fork(2)` parent and child have one each.
#[derive(Debug)]
pub struct SharedArea {
    mapping: Mapping,
    /// Pages that this process has written, one bit each.
    written: [AtomicU64; PAGES / 64],
}

const PAGES: usize = (SHARED_SIZE / PAGE_SIZE) as usize;

impl SharedArea {
    /// An area full of zeros.
    pub fn new() -> io::Result<Self> {
        Ok(Self { mapping: Mapping::anonymous(SHARED_SIZE)?, written: Default::default() })
    }

    /// Address in this process.
    pub fn address(&self) -> u64 {
        self.mapping.address()
    }

    /// The raw mapping, for transfers between the area and a descriptor.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Events, hypercall and upcall.
    pub fn mailbox(&self) -> &Mailbox {
        // SAFETY: Mailbox consists of atomic integers.
        unsafe { self.mapping.atomics(MAILBOX_OFFSET) }
    }

    /// The time page.
    pub fn time(&self) -> &TimePage {
        // SAFETY: TimePage consists of atomic integers.
        unsafe { self.mapping.atomics(TIME_OFFSET) }
    }

    /// The identity page.
    pub fn identity(&self) -> &Identity {
        // SAFETY: Identity consists of atomic integers.
        unsafe { self.mapping.atomics(IDENTITY_OFFSET) }
    }

    /// Console control words.
    pub fn console(&self) -> &Console {
        // SAFETY: Console consists of atomic integers.
        unsafe { self.mapping.atomics(CONSOLE_OFFSET) }
    }

    /// What the guest has counted.
    pub fn counters(&self) -> &Counters {
        // SAFETY: Counters consists of atomic integers.
        unsafe { self.mapping.atomics(COUNTERS_OFFSET) }
    }

    /// Copies bytes out.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), OutOfBounds> {
        self.mapping.read(offset, buffer)
    }

    /// Copies bytes in.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.note(offset, bytes.len() as u64);
        self.mapping.write(offset, bytes)
    }

    /// Reads from a descriptor straight into the area, as [`Mapping::read_from`].
    pub fn read_from(&self, offset: u64, length: u64, fd: i32, at: Option<u64>) -> io::Result<usize> {
        let count = self.mapping.read_from(offset, length, fd, at)?;
        self.note(offset, count as u64);
        Ok(count)
    }

    fn note(&self, offset: u64, length: u64) {
        let first = (offset / PAGE_SIZE) as usize;
        let end = (offset.saturating_add(length).div_ceil(PAGE_SIZE) as usize).min(PAGES);
        for page in first..end {
            self.written[page / 64].fetch_or(1 << (page % 64), Relaxed);
        }
    }

    /// Takes the pages that this process has written since the last call: a bit for each, in 64-bit words. The structures of atomics are not noted
    /// one by one: their pages are always among them.
    pub fn take_written(&self) -> [u64; PAGES / 64] {
        let mut taken = std::array::from_fn(|word| self.written[word].swap(0, Relaxed));
        for offset in [MAILBOX_OFFSET, TIME_OFFSET, IDENTITY_OFFSET, CONSOLE_OFFSET] {
            taken[(offset / PAGE_SIZE / 64) as usize] |= 1 << (offset / PAGE_SIZE % 64);
        }
        taken
    }

    /// Sets event bits and advances the sequence, in this order: a guest that sleeps on the sequence sees the bits.
    pub fn raise(&self, events: u32) {
        let mailbox = self.mailbox();
        mailbox.events.fetch_or(events, AcqRel);
        mailbox.sequence.fetch_add(1, AcqRel);
    }

    /// Event bits that the guest has not taken.
    pub fn events(&self) -> u32 {
        self.mailbox().events.load(Acquire)
    }
}
