//! The area that guest and VMM share.

use crate::{Mapping, OutOfBounds};
use ramet_abi::identity::Identity;
use ramet_abi::layout::*;
use ramet_abi::mailbox::Mailbox;
use ramet_abi::ring::Console;
use ramet_abi::syscall::Counters;
use ramet_abi::time::TimePage;
use std::io;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// The shared area. Private to this process: after `fork(2)` parent and child have one each.
#[derive(Debug)]
pub struct SharedArea {
    mapping: Mapping,
}

impl SharedArea {
    /// An area full of zeros.
    pub fn new() -> io::Result<Self> {
        Ok(Self { mapping: Mapping::anonymous(SHARED_SIZE)? })
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
        self.mapping.write(offset, bytes)
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
