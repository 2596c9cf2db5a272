//! Clocks, from the time page.

use crate::arch::cpu::rdtsc;
use crate::arch::hypercall::time_page;
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use core::sync::atomic::fence;

struct Reading {
    monotonic: u64,
    realtime_offset: u64,
    boottime_offset: u64,
}

fn read() -> Reading {
    let page = time_page();
    loop {
        let sequence = page.sequence.load(Acquire);
        let tsc = page.tsc.load(Relaxed);
        let anchor = page.monotonic.load(Relaxed);
        let multiplier = page.multiplier.load(Relaxed);
        let realtime_offset = page.realtime_offset.load(Relaxed);
        let boottime_offset = page.boottime_offset.load(Relaxed);
        let ticks = rdtsc().saturating_sub(tsc);
        fence(Acquire);
        if sequence & 1 == 0 && page.sequence.load(Relaxed) == sequence {
            let passed = ((ticks as u128 * multiplier as u128) >> 32) as u64;
            return Reading { monotonic: anchor.wrapping_add(passed), realtime_offset, boottime_offset };
        }
        core::hint::spin_loop();
    }
}

/// CLOCK_MONOTONIC of the host, ns.
pub fn monotonic() -> u64 {
    read().monotonic
}

/// CLOCK_REALTIME of the host, ns since 1970.
pub fn realtime() -> u64 {
    let now = read();
    now.monotonic.wrapping_add(now.realtime_offset)
}

/// CLOCK_BOOTTIME of the host, ns.
pub fn boottime() -> u64 {
    let now = read();
    now.monotonic.wrapping_add(now.boottime_offset)
}
