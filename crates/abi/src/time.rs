//! Time without exits: the page that kernel and vDSO read.

use core::sync::atomic::{AtomicU32, AtomicU64};

/// The page at `TIME_OFFSET`. A sequence lock: odd while the VMM writes; a reader tries again when the sequence
/// was odd or has changed.
///
/// A clock shows `seconds` and, of the second, ((rdtsc - `tsc`) × `multiplier` + `fraction`) >> 32 ns, computed in 128 bits
/// (a stamp before `tsc` counts as `tsc`). When these are a second or more, the reader carries: mostly not at all, since an anchor
/// is about a second old at most, so that a loop of subtractions does it and nobody divides.
///
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
    /// Nanoseconds per tick, as a 32.32 fixed-point number.
    pub multiplier: AtomicU64,
    /// The clocks at the anchor: [`MONOTONIC`], [`REALTIME`], [`BOOTTIME`].
    pub clocks: [ClockBase; CLOCKS],
}

/// What one clock shows at the anchor.
#[repr(C)]
#[derive(Debug)]
pub struct ClockBase {
    /// Whole seconds.
    pub seconds: AtomicU64,
    /// Nanoseconds of the second, less than 10⁹, as a 32.32 fixed-point number.
    pub fraction: AtomicU64,
}

/// CLOCK_MONOTONIC of the host.
pub const MONOTONIC: usize = 0;
/// CLOCK_REALTIME of the host.
pub const REALTIME: usize = 1;
/// CLOCK_BOOTTIME of the host.
pub const BOOTTIME: usize = 2;
/// Number of clocks in the page.
pub const CLOCKS: usize = 3;

const _: () = assert!(size_of::<TimePage>() == 72);
