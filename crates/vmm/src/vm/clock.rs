//! The time page: host time without exits.

use ramet_abi::time::{self, TimePage};
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::atomic::fence;

const SECOND: u64 = 1_000_000_000;

fn now(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec of this frame; the clocks used here exist on every Linux.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64
}

/// CLOCK_MONOTONIC, ns.
pub fn monotonic() -> u64 {
    now(libc::CLOCK_MONOTONIC)
}

/// CLOCK_REALTIME, ns.
pub fn realtime() -> u64 {
    now(libc::CLOCK_REALTIME)
}

/// What a clock shows more than CLOCK_MONOTONIC, ns (wrapping), as exactly as a few tries allow: this thread may lose its processor
/// between two readings.
fn offset(clock: libc::clockid_t) -> u64 {
    let mut best = (u64::MAX, 0);
    for _ in 0..3 {
        let before = monotonic();
        let time = now(clock);
        let took = monotonic().saturating_sub(before);
        if took < best.0 {
            best = (took, time.wrapping_sub(before + took / 2));
        }
    }
    best.1
}

/// The host's time stamp counter, which is the guest's too on most hosts (see [`Clock`]).
pub fn host_tsc() -> u64 {
    // SAFETY: every x86-64 CPU has RDTSC; Linux allows it to processes (PR_SET_TSC is not used here).
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// One reading of TSC and CLOCK_MONOTONIC, as close together as a few tries allow.
fn anchor() -> (u64, u64) {
    let mut best = (u64::MAX, 0, 0);
    for _ in 0..4 {
        let before = host_tsc();
        let time = monotonic();
        let after = host_tsc();
        if after.wrapping_sub(before) < best.0 {
            best = (after.wrapping_sub(before), before + after.wrapping_sub(before) / 2, time);
        }
    }
    (best.1, best.2)
}

/// Reads the guest's counter. Some, with CLOCK_MONOTONIC of just before: it is not the host's.
fn own_counter<E>(read: impl FnOnce() -> Result<u64, E>) -> Result<Option<(u64, u64)>, E> {
    let now = monotonic();
    let before = host_tsc();
    let tsc = read()?;
    // KVM's answer is from between the two readings, unless there is an offset.
    let is_host = tsc.wrapping_add(SLACK) >= before && tsc <= host_tsc().wrapping_add(SLACK);
    Ok(if is_host { None } else { Some((tsc, now)) })
}

/// A counter of the guest's own is read again after this many ns.
const GUEST_INTERVAL: u64 = SECOND / 200;
/// Readings of a counter of the guest's own are judged together for this many ns.
const WINDOW: u64 = SECOND / 5;
/// At least so many readings, or [`WINDOW`] is not enough.
const READINGS: u32 = 8;
/// A counter that KVM answers may differ so much from the host's, in ticks, and still be the same.
const SLACK: u64 = 1 << 16;

/// Readings of a counter that is the guest's own.
///
/// A host whose counter is unstable (its kernel says so) gives each vCPU a counter that stands still from an exit to the next
/// entry, and catches up there. Read between the two it is behind: never ahead. So the least of several readings is the best.
#[derive(Clone, Copy, Debug)]
struct Readings {
    /// CLOCK_MONOTONIC minus what counter and natural rate make of it, ns: the least so far.
    least: i64,
    count: u32,
    /// CLOCK_MONOTONIC of the first and the last reading, ns.
    since: u64,
    last: u64,
}

impl Readings {
    fn none(now: u64) -> Self {
        Self { least: i64::MAX, count: 0, since: now, last: now }
    }
}

/// What the time page was last set to.
#[derive(Clone, Debug)]
pub struct Clock {
    tsc_hz: u64,
    tsc: u64,
    monotonic: u64,
    multiplier: u64,
    /// Measured nanoseconds per tick, 32.32: better than `tsc_hz` once enough time has passed.
    natural: u64,
    first: (u64, u64),
    /// None: the guest's counter is the host's.
    own: Option<Readings>,
}

impl Clock {
    /// A clock for a guest's counter of `tsc_hz` ticks per second. `read` reads the counter; it must have been set a moment ago,
    /// and the guest not have run since.
    pub fn new<E>(tsc_hz: u64, read: impl FnOnce() -> Result<u64, E>) -> Result<Self, E> {
        let natural = ((u128::from(SECOND) << 32) / u128::from(tsc_hz.max(1))) as u64;
        let own = own_counter(read)?;
        let (tsc, monotonic) = own.unwrap_or_else(anchor);
        let first = (tsc, monotonic);
        let own = own.map(|(_, now)| Readings::none(now));
        Ok(Self { tsc_hz, tsc, monotonic, multiplier: natural, natural, first, own })
    }

    /// TSC ticks per second.
    pub fn tsc_hz(&self) -> u64 {
        self.tsc_hz
    }

    /// Whether the guest's counter is not the host's: then it is to be read often, directly after an exit.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    fn at_rate(ticks: u64, rate: u64) -> u64 {
        ((u128::from(ticks) * u128::from(rate)) >> 32) as u64
    }

    fn shown_at(&self, tsc: u64) -> u64 {
        self.monotonic + Self::at_rate(tsc.saturating_sub(self.tsc), self.multiplier)
    }

    /// Whether it is time for [`Clock::refresh`]. Cheap.
    pub fn is_due(&self) -> bool {
        match &self.own {
            None => host_tsc().saturating_sub(self.tsc) >= self.tsc_hz,
            Some(readings) => monotonic().saturating_sub(readings.last) >= GUEST_INTERVAL,
        }
    }

    /// Sets a new anchor, or prepares one. `read` reads the guest's counter: directly after an exit.
    pub fn refresh<E>(&mut self, page: &TimePage, read: impl FnOnce() -> Result<u64, E>) -> Result<(), E> {
        if self.own.is_some() {
            let now = monotonic();
            self.observe(page, read()?, now);
        } else if let Some((tsc, now)) = own_counter(read)? {
            // It was the host's, and the host has lost its trust in that.
            (self.monotonic, self.tsc) = (self.shown_at(tsc), tsc);
            self.first = (tsc, now);
            self.own = Some(Readings::none(now));
            self.publish(page);
        } else {
            self.update(page);
        }
        Ok(())
    }

    /// A reading of a counter of the guest's own.
    fn observe(&mut self, page: &TimePage, tsc: u64, now: u64) {
        let Some(readings) = &mut self.own else { return };
        let natural = self.first.1 + Self::at_rate(tsc.saturating_sub(self.first.0), self.natural);
        readings.least = readings.least.min(now as i64 - natural as i64);
        readings.count += 1;
        readings.last = now;
        if now.saturating_sub(readings.since) >= WINDOW && readings.count >= READINGS {
            let actual = natural.saturating_add_signed(readings.least);
            *readings = Readings::none(now);
            self.steer(tsc, actual);
            self.publish(page);
        }
    }

    /// Sets a new anchor from the host's counter.
    fn update(&mut self, page: &TimePage) {
        let (tsc, actual) = anchor();
        let (ticks, time) = (tsc.saturating_sub(self.first.0), actual.saturating_sub(self.first.1));
        if time > SECOND && ticks > 0 {
            self.natural = ((u128::from(time) << 32) / u128::from(ticks)) as u64;
        }
        self.steer(tsc, actual);
        self.publish(page);
    }

    /// Anchors the clock at `tsc`, where it should show `actual`. What the page showed before goes on without a jump: an error is
    /// bent away within about a second. Only a clock that is behind by more than that can mend jumps forward (a host that
    /// slept).
    fn steer(&mut self, tsc: u64, actual: u64) {
        let shown = self.shown_at(tsc);
        let error = actual as i64 - shown as i64;
        let most = (SECOND / 20) as i64;
        self.tsc = self.tsc.max(tsc);
        self.monotonic = if error > most { actual } else { shown };
        let bend = if error > most { 0 } else { error.max(-most) };
        self.multiplier = (i128::from(self.natural)
            + i128::from(self.natural) * i128::from(bend) / i128::from(SECOND))
            as u64;
    }

    /// The vCPU has stopped for good: in a clone another counter takes the place of this one.
    pub fn stop<E>(&mut self, read: impl FnOnce() -> Result<u64, E>) -> Result<(), E> {
        if self.own.is_some() {
            let tsc = read()?;
            (self.monotonic, self.tsc) = (self.shown_at(tsc), self.tsc.max(tsc));
        }
        Ok(())
    }

    /// In a clone, whose counter has just been set (as for [`Clock::new`]): goes on from what the stopped clock has shown.
    pub fn restart<E>(&mut self, page: &TimePage, read: impl FnOnce() -> Result<u64, E>) -> Result<(), E> {
        if self.own.is_none() {
            // Found out at the next refresh if it is not so any more.
            self.update(page);
            return Ok(());
        }
        let own = own_counter(read)?;
        let (tsc, now) = own.unwrap_or_else(anchor);
        self.first = (tsc, now);
        self.own = own.map(|_| Readings::none(now));
        (self.tsc, self.monotonic) = (tsc, self.monotonic.max(now));
        self.multiplier = self.natural;
        self.publish(page);
        Ok(())
    }

    /// Writes the page from the current anchor.
    pub fn publish(&self, page: &TimePage) {
        let later = (offset(libc::CLOCK_BOOTTIME) as i64).max(0) as u64;
        let times = [
            (time::MONOTONIC, self.monotonic),
            (time::REALTIME, self.monotonic.wrapping_add(offset(libc::CLOCK_REALTIME))),
            (time::BOOTTIME, self.monotonic.wrapping_add(later)),
        ];
        let sequence = page.sequence.load(Relaxed) | 1;
        page.sequence.store(sequence, Relaxed);
        fence(Release);
        page.tsc.store(self.tsc, Relaxed);
        page.multiplier.store(self.multiplier, Relaxed);
        for (clock, time) in times {
            page.clocks[clock].seconds.store(time / SECOND, Relaxed);
            page.clocks[clock].fraction.store((time % SECOND) << 32, Relaxed);
        }
        page.sequence.store(sequence.wrapping_add(1), Release);
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
