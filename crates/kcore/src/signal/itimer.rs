//! Interval timers (setitimer(2), alarm(2)). Their clocks are the kernel's: passing time for ITIMER_REAL, user time of the
//! process for ITIMER_VIRTUAL, user and system time for ITIMER_PROF; all in nanoseconds.

use super::set::Signal;
use crate::clock::{SECOND, Timeval};
use crate::errno::{Errno, Result};

/// Bytes of `struct itimerval`: interval, value.
pub const ITIMERVAL_SIZE: usize = 32;

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// ITIMER_REAL.
    Real,
    /// ITIMER_VIRTUAL.
    Virtual,
    /// ITIMER_PROF.
    Prof,
}

impl Which {
    /// From the number of setitimer(2).
    ///
    /// # Errors
    /// EINVAL.
    pub fn decode(number: i32) -> Result<Which> {
        match number {
            0 => Ok(Which::Real),
            1 => Ok(Which::Virtual),
            2 => Ok(Which::Prof),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The signal that it sends (to the process).
    pub const fn signal(self) -> Signal {
        match self {
            Which::Real => Signal::ALRM,
            Which::Virtual => Signal::VTALRM,
            Which::Prof => Signal::PROF,
        }
    }
}

/// Time left and interval, in ns; 0 left: disarmed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Setting {
    /// Nanoseconds until the next expiry.
    pub value: u64,
    /// Nanoseconds between expiries; 0: once.
    pub interval: u64,
}

impl Setting {
    /// From `struct itimerval`.
    ///
    /// # Errors
    /// EINVAL: negative, or microseconds out of range.
    pub fn decode(bytes: &[u8; ITIMERVAL_SIZE]) -> Result<Setting> {
        let (mut interval, mut value) = ([0; 16], [0; 16]);
        interval.copy_from_slice(&bytes[..16]);
        value.copy_from_slice(&bytes[16..]);
        Ok(Setting { interval: Timeval::decode(&interval).to_ns()?, value: Timeval::decode(&value).to_ns()? })
    }

    /// To `struct itimerval`. What is left is never shown as 0.
    pub fn encode(&self) -> [u8; ITIMERVAL_SIZE] {
        let value = if self.value == 0 { 0 } else { self.value.max(1000) };
        let mut bytes = [0; ITIMERVAL_SIZE];
        bytes[..16].copy_from_slice(&Timeval::from_ns(self.interval).encode());
        bytes[16..].copy_from_slice(&Timeval::from_ns(value).encode());
        bytes
    }

    /// What alarm(2) returns: seconds, rounded, at least 1 if armed.
    pub fn seconds(&self) -> u64 {
        if self.value == 0 { 0 } else { (self.value.saturating_add(SECOND / 2) / SECOND).max(1) }
    }
}

/// One interval timer. Not inherited by fork, kept by execve.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct IntervalTimer {
    deadline: Option<u64>,
    interval: u64,
}

impl IntervalTimer {
    /// Disarmed.
    pub const fn new() -> IntervalTimer {
        IntervalTimer { deadline: None, interval: 0 }
    }

    /// The setting when its clock shows `now`.
    pub fn get(&self, now: u64) -> Setting {
        match self.deadline {
            None => Setting { value: 0, interval: self.interval },
            // Expired and not served yet: soon.
            Some(deadline) => Setting { value: deadline.saturating_sub(now).max(1), interval: self.interval },
        }
    }

    /// Sets it; returns what was set before.
    pub fn set(&mut self, now: u64, new: Setting) -> Setting {
        let old = self.get(now);
        *self = if new.value == 0 {
            IntervalTimer { deadline: None, interval: new.interval }
        } else {
            IntervalTimer { deadline: Some(now.saturating_add(new.value)), interval: new.interval }
        };
        old
    }

    /// When it expires next.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// Whether it has expired (then the caller sends the signal); sets the next deadline after `now`.
    pub fn expire(&mut self, now: u64) -> bool {
        match self.deadline {
            Some(deadline) if deadline <= now => {
                self.deadline = (self.interval != 0).then(|| forward(deadline, self.interval, now).0);
                true
            }
            _ => false,
        }
    }
}

/// The first `deadline + n × interval` (n ≥ 1) after `now`, and n.
pub(super) fn forward(deadline: u64, interval: u64, now: u64) -> (u64, u64) {
    let periods = now.saturating_sub(deadline) / interval + 1;
    (deadline.saturating_add(periods.saturating_mul(interval)), periods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_down_and_repeats() {
        let mut timer = IntervalTimer::new();
        assert_eq!(timer.get(5), Setting::default());
        assert_eq!(timer.set(1000, Setting { value: 500, interval: 100 }), Setting::default());
        assert_eq!(timer.get(1200).value, 300);
        assert!(!timer.expire(1499));
        assert_eq!(timer.get(1500).value, 1);
        assert!(timer.expire(1750));
        assert_eq!(timer.deadline(), Some(1800));
        assert_eq!(timer.set(1760, Setting { value: 1, interval: 0 }), Setting { value: 40, interval: 100 });
        assert!(timer.expire(1761));
        assert_eq!(timer.deadline(), None);
        timer.set(u64::MAX - 1, Setting { value: 500, interval: 1 });
        assert!(timer.expire(u64::MAX));
    }

    #[test]
    fn structures() {
        let setting = Setting { value: 2_500_000_000, interval: 1_000_000 };
        assert_eq!(Setting::decode(&setting.encode()), Ok(setting));
        assert_eq!((setting.seconds(), Setting { value: 1, interval: 0 }.seconds()), (3, 1));
        assert!(Setting::decode(&[0xff; 32]).is_err());
        assert_eq!(Which::decode(1).unwrap().signal(), Signal::VTALRM);
        assert!(Which::decode(3).is_err());
    }
}
