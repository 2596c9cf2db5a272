//! Console rings: single producer, single consumer, bytes.
//!
//! `head` counts bytes ever produced and `tail` bytes ever consumed, both wrapping; `head - tail` ≤ `RING_SIZE`.
//! Each side keeps its own index privately and only publishes it; an index of the other side that breaks the
//! invariant is an error of that side (the VMM ends the guest; the kernel panics).
//!
//! Before the consumer sleeps it sets `consumer_waits` and looks again; the producer of bytes into a ring with
//! `consumer_waits` set clears it and wakes the consumer (guest: `DOORBELL_PORT`; VMM: an event). The same with
//! `producer_waits` when a ring is full.

use core::sync::atomic::AtomicU32;

/// Control words of one ring.
#[repr(C)]
#[derive(Debug)]
pub struct Ring {
    /// Bytes produced.
    pub head: AtomicU32,
    /// Bytes consumed.
    pub tail: AtomicU32,
    /// The consumer sleeps.
    pub consumer_waits: AtomicU32,
    /// The producer sleeps (ring full).
    pub producer_waits: AtomicU32,
}

/// Number of rings; their bytes are at `RINGS_OFFSET + index * RING_SIZE`.
pub const RINGS: usize = 4;
/// Host to guest: standard input, or the terminal's.
pub const INPUT: usize = 0;
/// Guest to host: standard output, or the terminal's.
pub const OUTPUT: usize = 1;
/// Guest to host: standard error.
pub const ERROR: usize = 2;
/// Guest to host: lines of `--strace`, written by the VMM to its standard error.
pub const TRACE: usize = 3;

/// What the host's standard stream is, for fstat(2) and isatty(3) in the guest.
pub mod kind {
    /// Not open: /dev/null.
    pub const NULL: u32 = 0;
    /// A pipe, a socket or anything else that is read in order.
    pub const PIPE: u32 = 1;
    /// The VM's own terminal (`-t`).
    pub const TERMINAL: u32 = 2;
    /// A regular file on the host; the guest still reads or writes it in order.
    pub const FILE: u32 = 3;
}

/// The page at `CONSOLE_OFFSET`.
#[repr(C)]
#[derive(Debug)]
pub struct Console {
    /// Control words.
    pub rings: [Ring; RINGS],
    /// [`kind`] of standard input, output and error.
    pub kinds: [AtomicU32; 3],
    /// Set by the VMM when the host's input has ended; the bytes in the ring come first.
    pub input_ended: AtomicU32,
    /// Set by the guest when it wants input and the ring is empty (then it rings the doorbell): the VMM reads its
    /// standard input only on request, so that it takes nothing that the program did not ask for.
    pub input_wanted: AtomicU32,
    /// Set by the VMM, per ring, when the host side of an output stream takes nothing more: the error number of a further
    /// write (EPIPE: its reader is gone; ENOSPC: its disk is full). 0 before.
    pub output_closed: [AtomicU32; RINGS],
    /// Terminal size: rows.
    pub rows: AtomicU32,
    /// Terminal size: columns.
    pub columns: AtomicU32,
}

const _: () = assert!(size_of::<Console>() == 64 + 12 + 8 + 16 + 8);
