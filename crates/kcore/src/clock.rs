//! Clocks (clock_gettime(2)): the time page in nanoseconds, `timespec` and `timeval`, clock numbers.

use crate::errno::{Errno, Result};
use core::sync::atomic::Ordering;
use ramet_abi::time::{self, TimePage};

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;
/// Resolution of the coarse clocks, as with a 250 Hz kernel; of all others: 1 ns.
pub const COARSE_RESOLUTION: u64 = 4_000_000;

/// What `clock` shows now, ns. `stamp` reads the time stamp counter; it is called under the page's sequence lock, or a new anchor
/// between page and stamp could make time run backwards. The writer (the VMM) is quick and cannot wait for us, so that this ends.
pub fn read(page: &TimePage, clock: WallClock, stamp: impl Fn() -> u64) -> u64 {
    let base = &page.clocks[match clock {
        WallClock::Monotonic => time::MONOTONIC,
        WallClock::Realtime => time::REALTIME,
        WallClock::Boottime => time::BOOTTIME,
    }];
    loop {
        let before = page.sequence.load(Ordering::Acquire);
        let ticks = stamp().wrapping_sub(page.tsc.load(Ordering::Relaxed));
        let multiplier = page.multiplier.load(Ordering::Relaxed);
        let seconds = base.seconds.load(Ordering::Relaxed);
        let fraction = base.fraction.load(Ordering::Relaxed);
        core::sync::atomic::fence(Ordering::Acquire);
        if before & 1 == 0 && page.sequence.load(Ordering::Relaxed) == before {
            // A stamp can be a little older than a fresh anchor.
            let ticks = if ticks as i64 >= 0 { ticks } else { 0 };
            let ns = (u128::from(ticks) * u128::from(multiplier) + u128::from(fraction)) >> 32;
            return seconds.wrapping_mul(SECOND).wrapping_add(ns as u64);
        }
        core::hint::spin_loop();
    }
}

/// The clocks behind the clock numbers that show time passing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WallClock {
    /// CLOCK_REALTIME (and TAI: the offset is 0 unless NTP sets it).
    Realtime,
    /// CLOCK_MONOTONIC.
    Monotonic,
    /// CLOCK_BOOTTIME.
    Boottime,
}

/// A clock number, decoded (`clockid_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// A wall clock; `coarse`: the cheap form.
    Wall {
        /// Which one.
        clock: WallClock,
        /// Coarse form: readable, no timers.
        coarse: bool,
        /// CLOCK_MONOTONIC_RAW: readable, no timers.
        raw: bool,
        /// CLOCK_*_ALARM: needs CAP_WAKE_ALARM for timers.
        alarm: bool,
    },
    /// Processor time of a process; 0: the caller's.
    Process {
        /// Process id.
        pid: u32,
        /// What is counted.
        kind: CpuTime,
    },
    /// Processor time of a thread; 0: the caller.
    Thread {
        /// Thread id.
        tid: u32,
        /// What is counted.
        kind: CpuTime,
    },
}

/// What a processor-time clock counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CpuTime {
    /// User and system time (CPUCLOCK_PROF).
    Both,
    /// User time (CPUCLOCK_VIRT).
    User,
    /// Time on the CPU (CPUCLOCK_SCHED).
    Scheduled,
}

impl Clock {
    /// Decodes a clock number.
    ///
    /// # Errors
    /// EINVAL: no such clock.
    pub fn decode(number: i32) -> Result<Clock> {
        let wall = |clock, coarse, raw, alarm| Ok(Clock::Wall { clock, coarse, raw, alarm });
        match number {
            0 | 11 => wall(WallClock::Realtime, false, false, false),
            1 => wall(WallClock::Monotonic, false, false, false),
            2 => Ok(Clock::Process { pid: 0, kind: CpuTime::Scheduled }),
            3 => Ok(Clock::Thread { tid: 0, kind: CpuTime::Scheduled }),
            4 => wall(WallClock::Monotonic, false, true, false),
            5 => wall(WallClock::Realtime, true, false, false),
            6 => wall(WallClock::Monotonic, true, false, false),
            7 => wall(WallClock::Boottime, false, false, false),
            8 => wall(WallClock::Realtime, false, false, true),
            9 => wall(WallClock::Boottime, false, false, true),
            // Bits: ~id << 3, 4: of one thread, 0-2: what is counted, 3: a device's descriptor.
            i32::MIN..=-1 => {
                let id = !(number >> 3) as u32;
                let kind = match number & 3 {
                    0 => CpuTime::Both,
                    1 => CpuTime::User,
                    2 => CpuTime::Scheduled,
                    _ => return Err(Errno::EINVAL),
                };
                Ok(if number & 4 != 0 {
                    Clock::Thread { tid: id, kind }
                } else {
                    Clock::Process { pid: id, kind }
                })
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// What clock_getres(2) says, in ns.
    pub fn resolution(&self) -> u64 {
        match self {
            Clock::Wall { coarse: true, .. } => COARSE_RESOLUTION,
            _ => 1,
        }
    }
}

/// `struct timespec`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Timespec {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds of the second.
    pub nanoseconds: i64,
}

impl Timespec {
    /// From the program's bytes.
    pub fn decode(bytes: &[u8; 16]) -> Timespec {
        let (seconds, nanoseconds) = pair(bytes);
        Timespec { seconds, nanoseconds }
    }

    /// To the program's bytes.
    pub fn encode(&self) -> [u8; 16] {
        unpair(self.seconds, self.nanoseconds)
    }

    /// From nanoseconds.
    pub const fn from_ns(ns: u64) -> Timespec {
        Timespec { seconds: (ns / SECOND) as i64, nanoseconds: (ns % SECOND) as i64 }
    }

    /// From signed nanoseconds since 1970 (file times).
    pub const fn from_signed_ns(ns: i64) -> Timespec {
        Timespec { seconds: ns.div_euclid(SECOND as i64), nanoseconds: ns.rem_euclid(SECOND as i64) }
    }

    /// Nanoseconds of a time span or moment that is to be waited for; too far ones become the farthest.
    ///
    /// # Errors
    /// EINVAL: negative, or a fraction outside 0..999,999,999.
    pub fn to_ns(&self) -> Result<u64> {
        if self.seconds < 0 || !(0..SECOND as i64).contains(&self.nanoseconds) {
            return Err(Errno::EINVAL);
        }
        // Linux: KTIME_MAX.
        Ok((self.seconds as u64)
            .saturating_mul(SECOND)
            .saturating_add(self.nanoseconds as u64)
            .min(i64::MAX as u64))
    }
}

/// `struct timeval`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Timeval {
    /// Seconds.
    pub seconds: i64,
    /// Microseconds of the second.
    pub microseconds: i64,
}

impl Timeval {
    /// From the program's bytes.
    pub fn decode(bytes: &[u8; 16]) -> Timeval {
        let (seconds, microseconds) = pair(bytes);
        Timeval { seconds, microseconds }
    }

    /// To the program's bytes.
    pub fn encode(&self) -> [u8; 16] {
        unpair(self.seconds, self.microseconds)
    }

    /// From nanoseconds.
    pub const fn from_ns(ns: u64) -> Timeval {
        Timeval { seconds: (ns / SECOND) as i64, microseconds: (ns % SECOND / 1000) as i64 }
    }

    /// Nanoseconds, as [`Timespec::to_ns`].
    ///
    /// # Errors
    /// EINVAL, as there.
    pub fn to_ns(&self) -> Result<u64> {
        if !(0..1_000_000).contains(&self.microseconds) {
            return Err(Errno::EINVAL);
        }
        Timespec { seconds: self.seconds, nanoseconds: self.microseconds * 1000 }.to_ns()
    }
}

fn pair(bytes: &[u8; 16]) -> (i64, i64) {
    let word = u128::from_le_bytes(*bytes);
    (word as i64, (word >> 64) as i64)
}

fn unpair(first: i64, second: i64) -> [u8; 16] {
    (u128::from(first as u64) | u128::from(second as u64) << 64).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(tsc: u64, multiplier: u64, clocks: [(u64, u64); time::CLOCKS]) -> TimePage {
        TimePage {
            sequence: 2.into(),
            reserved: 0.into(),
            tsc: tsc.into(),
            multiplier: multiplier.into(),
            clocks: clocks.map(|(seconds, ns)| time::ClockBase {
                seconds: seconds.into(),
                fraction: (ns << 32).into(),
            }),
        }
    }

    #[test]
    fn counts_from_the_anchor() {
        // Half a nanosecond a tick.
        let page = page(1000, 1 << 31, [(5, 999_999_000), (1_700_000_000, 7), (6, 0)]);
        let at = |clock, tsc| read(&page, clock, || tsc);
        let start = 5_999_999_000;
        assert_eq!(at(WallClock::Monotonic, 1000), start);
        assert_eq!(at(WallClock::Monotonic, 999), start);
        assert_eq!(at(WallClock::Monotonic, 1001), start);
        assert_eq!(at(WallClock::Monotonic, 2998), start + 999);
        assert_eq!(at(WallClock::Monotonic, 3000), 6 * SECOND);
        assert_eq!(at(WallClock::Realtime, 3000), 1_700_000_000 * SECOND + 1007);
        assert_eq!(at(WallClock::Boottime, 3000), 6 * SECOND + 1000);
        // An anchor that is old: years of a VM that stood still.
        assert_eq!(at(WallClock::Monotonic, 1000 + (1 << 62)), start + (1 << 61));
    }

    #[test]
    fn fractions_add_up() {
        let page = page(0, (1 << 32) / 3, [(0, 0); time::CLOCKS]);
        page.clocks[time::MONOTONIC].fraction.store(u64::from(u32::MAX), Ordering::Relaxed);
        assert_eq!(read(&page, WallClock::Monotonic, || 0), 0);
        assert_eq!(read(&page, WallClock::Monotonic, || 1), 1);
        assert_eq!(read(&page, WallClock::Realtime, || 3), 0);
        assert_eq!(read(&page, WallClock::Realtime, || 4), 1);
    }

    #[test]
    fn a_page_that_is_being_written_is_read_again() {
        let page = page(0, 1 << 32, [(1, 0); time::CLOCKS]);
        page.sequence.store(3, Ordering::Relaxed);
        let tries = core::cell::Cell::new(0);
        let time = read(&page, WallClock::Monotonic, || {
            tries.set(tries.get() + 1);
            match tries.get() {
                2 => page.sequence.store(4, Ordering::Relaxed),
                // The writer comes while we read.
                3 => page.sequence.store(6, Ordering::Relaxed),
                _ => {}
            }
            tries.get()
        });
        assert_eq!((time, tries.get()), (SECOND + 4, 4));
    }

    #[test]
    fn clock_numbers() {
        assert!(matches!(Clock::decode(6), Ok(Clock::Wall { coarse: true, .. })));
        assert_eq!(Clock::decode(6).unwrap().resolution(), COARSE_RESOLUTION);
        assert_eq!(Clock::decode(10), Err(Errno::EINVAL));
        assert_eq!(Clock::decode(12), Err(Errno::EINVAL));
        // clock_getcpuclockid(3) of process 77, pthread_getcpuclockid(3) of thread 78.
        assert_eq!(Clock::decode((!77 << 3) | 2), Ok(Clock::Process { pid: 77, kind: CpuTime::Scheduled }));
        assert_eq!(Clock::decode((!78 << 3) | 6), Ok(Clock::Thread { tid: 78, kind: CpuTime::Scheduled }));
        assert_eq!(Clock::decode(-1), Err(Errno::EINVAL));
    }

    #[test]
    fn times_are_checked() {
        let good = Timespec { seconds: 1, nanoseconds: 999_999_999 };
        assert_eq!(good.to_ns(), Ok(1_999_999_999));
        assert_eq!(Timespec::from_ns(1_999_999_999), good);
        assert_eq!(Timespec::decode(&good.encode()), good);
        assert_eq!(Timespec { seconds: i64::MAX, nanoseconds: 0 }.to_ns(), Ok(i64::MAX as u64));
        for bad in [(0, -1), (0, 1_000_000_000), (-1, 0), (i64::MIN, i64::MIN)] {
            assert!(Timespec { seconds: bad.0, nanoseconds: bad.1 }.to_ns().is_err());
        }
        assert!(Timeval { seconds: 0, microseconds: 1_000_000 }.to_ns().is_err());
        assert!(Timeval { seconds: 0, microseconds: i64::MAX }.to_ns().is_err());
        assert_eq!(Timeval::from_ns(1_500_000_999), Timeval { seconds: 1, microseconds: 500_000 });
        assert_eq!(Timespec::from_signed_ns(-1), Timespec { seconds: -1, nanoseconds: 999_999_999 });
    }
}
