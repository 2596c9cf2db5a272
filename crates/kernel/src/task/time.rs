//! Clocks, from the time page.

use crate::arch::cpu::rdtsc;
use crate::arch::hypercall::time_page;
use ramet_kcore::clock::{WallClock, read};

/// CLOCK_MONOTONIC of the host, ns.
pub fn monotonic() -> u64 {
    read(time_page(), WallClock::Monotonic, rdtsc)
}

/// CLOCK_REALTIME of the host, ns since 1970.
pub fn realtime() -> u64 {
    read(time_page(), WallClock::Realtime, rdtsc)
}

/// CLOCK_BOOTTIME of the host, ns.
pub fn boottime() -> u64 {
    read(time_page(), WallClock::Boottime, rdtsc)
}
