//! The time page: host time without exits.

use ramet_abi::time::TimePage;
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

/// The host's time stamp counter, which is the guest's too.
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
}

impl Clock {
    /// A clock for a TSC of `tsc_hz` ticks per second.
    pub fn new(tsc_hz: u64) -> Self {
        let natural = ((u128::from(SECOND) << 32) / u128::from(tsc_hz.max(1))) as u64;
        let (tsc, monotonic) = anchor();
        Self { tsc_hz, tsc, monotonic, multiplier: natural, natural, first: (tsc, monotonic) }
    }

    /// TSC ticks per second.
    pub fn tsc_hz(&self) -> u64 {
        self.tsc_hz
    }

    fn shown_at(&self, tsc: u64) -> u64 {
        let ticks = tsc.saturating_sub(self.tsc);
        self.monotonic + ((u128::from(ticks) * u128::from(self.multiplier)) >> 32) as u64
    }

    /// Sets a new anchor if the last one is older than a second. Cheap otherwise.
    pub fn refresh(&mut self, page: &TimePage) {
        if host_tsc().saturating_sub(self.tsc) >= self.tsc_hz {
            self.update(page);
        }
    }

    /// Sets a new anchor. What the page showed before goes on without a jump: an error is bent away within
    /// about a second. Only a clock that is behind by more than that can mend jumps forward (a host that slept).
    pub fn update(&mut self, page: &TimePage) {
        let (tsc, actual) = anchor();
        let shown = self.shown_at(tsc);
        let (ticks, time) = (tsc.saturating_sub(self.first.0), actual.saturating_sub(self.first.1));
        if time > SECOND && ticks > 0 {
            self.natural = ((u128::from(time) << 32) / u128::from(ticks)) as u64;
        }
        let error = actual as i64 - shown as i64;
        let most = (SECOND / 20) as i64;
        self.tsc = tsc;
        self.monotonic = if error > most { actual } else { shown };
        let bend = if error > most { 0 } else { error.max(-most) };
        self.multiplier = (i128::from(self.natural)
            + i128::from(self.natural) * i128::from(bend) / i128::from(SECOND))
            as u64;
        self.publish(page);
    }

    /// Writes the page from the current anchor.
    pub fn publish(&self, page: &TimePage) {
        let sequence = page.sequence.load(Relaxed) | 1;
        page.sequence.store(sequence, Relaxed);
        fence(Release);
        let time = monotonic();
        page.tsc.store(self.tsc, Relaxed);
        page.monotonic.store(self.monotonic, Relaxed);
        page.realtime_offset.store(realtime().wrapping_sub(time), Relaxed);
        page.multiplier.store(self.multiplier, Relaxed);
        page.boottime_offset.store(now(libc::CLOCK_BOOTTIME).saturating_sub(time), Relaxed);
        page.sequence.store(sequence.wrapping_add(1), Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_backwards_and_stays_close() {
        // SAFETY: TimePage consists of integers, for which zeros are valid.
        let page: TimePage = unsafe { std::mem::zeroed() };
        // A frequency that is wrong by 0.1 %: the worst that a calibration of the kernel could be.
        let (t0, m0) = anchor();
        std::thread::sleep(std::time::Duration::from_millis(50));
        let (t1, m1) = anchor();
        let hz = (u128::from(t1 - t0) * 1_001_000_000 / u128::from(m1 - m0)) as u64;
        let mut clock = Clock::new(hz);
        let mut last = 0;
        for _ in 0..5 {
            clock.update(&page);
            for _ in 0..1000 {
                let shown = clock.shown_at(host_tsc());
                assert!(shown >= last);
                last = shown;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let off = monotonic() as i64 - clock.shown_at(host_tsc()) as i64;
        assert!(off.abs() < 1_000_000, "off by {off} ns");
        assert_eq!(page.sequence.load(Relaxed) % 2, 0);
    }
}
