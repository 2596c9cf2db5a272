//! Time without exits: the page that kernel and vDSO read.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// The page at `TIME_OFFSET`. A sequence lock: odd while the VMM writes; a reader tries again when the sequence
/// was odd or has changed.
///
/// CLOCK_MONOTONIC (ns) = `monotonic` + ((rdtsc - `tsc`) × `multiplier`) >> 32, computed in 128 bits.
/// The VMM sets a new anchor about once a second (more often where the guest's TSC is not the host's) such that the
/// monotonic clock never jumps and never goes backwards (it bends `multiplier` instead).
#[repr(C)]
#[derive(Debug)]
pub struct TimePage {
    /// Sequence lock.
    pub sequence: AtomicU32,
    /// Reserved.
    pub reserved: AtomicU32,
    /// Time stamp counter at the anchor.
    pub tsc: AtomicU64,
    /// CLOCK_MONOTONIC of the host at the anchor, ns.
    pub monotonic: AtomicU64,
    /// CLOCK_REALTIME minus CLOCK_MONOTONIC, ns (wrapping).
    pub realtime_offset: AtomicU64,
    /// Nanoseconds per tick, as a 32.32 fixed-point number.
    pub multiplier: AtomicU64,
    /// CLOCK_BOOTTIME minus CLOCK_MONOTONIC of the host, ns.
    pub boottime_offset: AtomicU64,
}

const _: () = assert!(size_of::<TimePage>() == 48);
