//! How often the program makes which call: counted where the VMM reads it when it is asked about the VM.
//!
//! Only the kernel writes, and there is one vCPU: a load and a store do.

use crate::arch::hypercall::counters;
use crate::arch::site;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use ramet_abi::syscall::{NOT_SERVED, name};

#[inline(always)]
fn add(counter: &AtomicU64, mark: u64) {
    counter.store((counter.load(Relaxed) + 1) | mark, Relaxed);
}

/// A call that came by a trap.
pub fn trapped() {
    let counters = counters();
    add(&counters.traps, 0);
    counters.sites.store(site::statistics().0, Relaxed);
}

/// A call that has a handler.
#[inline(always)]
pub fn served(number: u32) {
    if let Some(counter) = counters().calls.get(number as usize) {
        add(counter, 0);
    }
}

/// A call that nobody serves.
pub fn not_served(number: u32) {
    match counters().calls.get(number as usize) {
        Some(counter) => add(counter, NOT_SERVED),
        None => add(&counters().beyond, 0),
    }
}

/// Calls that nobody served, and how often.
pub fn unknown() -> impl Iterator<Item = (u32, u64)> {
    let calls = counters().calls.iter().enumerate();
    calls
        .map(|(number, counter)| (number as u32, counter.load(Relaxed)))
        .filter(|(_, count)| count & NOT_SERVED != 0)
        .map(|(number, count)| (number, count & !NOT_SERVED))
}

/// In a clone: counts from its beginning.
pub fn became_clone() {
    let counters = counters();
    for counter in counters.calls.iter().chain([&counters.traps, &counters.beyond]) {
        counter.store(0, Relaxed);
    }
}

/// The call's name, for people.
pub fn name_of(number: u32) -> &'static str {
    name(number as usize).unwrap_or("syscall")
}
