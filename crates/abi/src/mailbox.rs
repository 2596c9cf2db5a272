//! The first shared page: events, hypercall arguments, upcall description.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// Bits of [`Mailbox::events`]: set by the VMM, taken by the guest with an atomic exchange.
pub mod event {
    /// The time of `SET_TIMER` has come.
    pub const TIMER: u32 = 1 << 0;
    /// Bytes (or end of file) in the input ring.
    pub const INPUT: u32 = 1 << 1;
    /// Room in an output ring that was full.
    pub const OUTPUT_ROOM: u32 = 1 << 2;
    /// [`super::Mailbox::signals`] is not zero.
    pub const SIGNAL: u32 = 1 << 3;
    /// The terminal's size changed: see [`crate::ring::Console`].
    pub const WINDOW_SIZE: u32 = 1 << 4;
    /// This VM has just become a clone: its identity is new.
    pub const CLONED: u32 = 1 << 5;
    /// There are notices in the session's channel.
    pub const SESSION: u32 = 1 << 6;
    /// A process is to be added: the records ([`crate::boot::tag`]) say which program it runs, where and as whom. It ends in a FORK with `flags` 2
    /// ([`crate::session::op::FORK`]), or in `EXEC_FAILED`; the records stay as they are until then.
    pub const EXEC: u32 = 1 << 7;
}

/// What the VMM tells the kernel on an upcall. Written just before the upcall is entered, and valid until the
/// kernel has read it: the kernel copies it before anything else can fault.
#[repr(C)]
#[derive(Debug)]
pub struct Upcall {
    /// Exception vector 0-31, or one of the `VECTOR_*` constants.
    pub vector: AtomicU64,
    /// Error code, 0 where the vector has none.
    pub error: AtomicU64,
    /// Interrupted instruction pointer.
    pub rip: AtomicU64,
    /// Interrupted flags.
    pub rflags: AtomicU64,
    /// CR2 for a page fault; the guest-physical address, if KVM told it, for `VECTOR_HOST_FAULT`, else `u64::MAX`.
    pub address: AtomicU64,
}

/// An event arrived while the program was running.
pub const VECTOR_KICK: u64 = 256;
/// The host could not give the memory that the guest touched (a mapped volume file was truncated): SIGBUS.
pub const VECTOR_HOST_FAULT: u64 = 257;

/// Arguments and result of a hypercall.
#[repr(C)]
#[derive(Debug)]
pub struct Hypercall {
    /// Arguments.
    pub arguments: [AtomicU64; 6],
    /// Result, written by the VMM before it resumes the guest.
    pub result: AtomicU64,
}

/// The shared page at `MAILBOX_OFFSET`.
#[repr(C)]
#[derive(Debug)]
pub struct Mailbox {
    /// Bits of [`event`].
    pub events: AtomicU32,
    /// Incremented by the VMM after it sets an event bit.
    pub sequence: AtomicU32,
    /// Signals sent from outside, bit n-1 for signal n. Taken by the guest with an atomic exchange.
    pub signals: AtomicU64,
    /// Current hypercall.
    pub hypercall: Hypercall,
    /// Current upcall.
    pub upcall: Upcall,
}

const _: () = {
    assert!(core::mem::offset_of!(Mailbox, hypercall) == 16);
    assert!(core::mem::offset_of!(Mailbox, upcall) == 72);
    assert!(size_of::<Mailbox>() == 112);
};
