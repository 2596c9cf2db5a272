//! POSIX timers (timer_create(2) and its like).
//!
//! As on Linux, a periodic timer whose signal waits does not run: when the signal is taken, the periods that have passed
//! become the overrun count and the timer is armed for the next one.

use super::info::SigInfo;
use super::itimer::{Setting, forward};
use super::set::Signal;
use crate::clock::Clock;
use crate::errno::{Errno, Result};
use crate::map::Map;
use alloc::vec::Vec;

/// Bytes of `struct sigevent`.
pub const SIGEVENT_SIZE: usize = 64;
/// Flag of timer_settime(2): the value is a moment, not a span.
pub const TIMER_ABSTIME: i32 = 1;
/// Linux: `delaytimer_max`.
const OVERRUN_MAX: u64 = i32::MAX as u64;

/// What happens at an expiry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notify {
    /// SIGEV_NONE: nothing; the timer is read.
    None,
    /// A signal with this `sigval`.
    Signal {
        /// Which signal.
        signal: Signal,
        /// Its value; none: the timer's id.
        value: Option<u64>,
        /// SIGEV_THREAD_ID: to this thread only (the caller has checked that it is one of the process's).
        thread: Option<i32>,
    },
}

impl Notify {
    /// What a null `sigevent` means: SIGALRM with the timer's id as its value.
    pub const DEFAULT: Notify = Notify::Signal { signal: Signal::ALRM, value: None, thread: None };

    /// From `struct sigevent`.
    ///
    /// # Errors
    /// EINVAL: unknown notification or signal.
    pub fn decode(bytes: &[u8; SIGEVENT_SIZE]) -> Result<Notify> {
        let word = |at: usize| i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let value = u64::from(word(0) as u32) | u64::from(word(4) as u32) << 32;
        let thread = match word(12) {
            1 => return Ok(Notify::None),
            // SIGEV_SIGNAL, SIGEV_THREAD (which the C library turns into the next one).
            0 | 2 => None,
            4 => Some(word(16)),
            _ => return Err(Errno::EINVAL),
        };
        let signal = Signal::new(word(8).into()).ok_or(Errno::EINVAL)?;
        Ok(Notify::Signal { signal, value: Some(value), thread })
    }
}

#[derive(Debug)]
struct Timer {
    clock: Clock,
    notify: Notify,
    /// Absolute, in the timer's own clock.
    deadline: Option<u64>,
    interval: u64,
    /// Its signal is queued.
    waiting: bool,
    overrun: i32,
}

/// An expiry to be signalled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fired {
    /// The timer.
    pub timer: i32,
    /// What to queue, unless [`super::pending::Queue::has_timer`] says that it is queued already.
    pub info: SigInfo,
    /// The thread that it is for; none: the process.
    pub thread: Option<i32>,
}

/// The timers of one process. Not inherited by fork, deleted by execve.
#[derive(Default, Debug)]
pub struct PosixTimers {
    timers: Map<i32, Timer>,
    next: i32,
}

impl PosixTimers {
    /// No timers.
    pub const fn new() -> PosixTimers {
        PosixTimers { timers: Map::new(), next: 0 }
    }

    /// timer_create(2): a disarmed timer; returns its id. `limit`: most timers (RLIMIT_SIGPENDING).
    ///
    /// # Errors
    /// EAGAIN: too many; EOPNOTSUPP: a clock without timers.
    pub fn create(&mut self, clock: Clock, notify: Notify, limit: u64) -> Result<i32> {
        if let Clock::Wall { coarse, raw, alarm, .. } = clock
            && (coarse || raw || alarm)
        {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.timers.len() as u64 >= limit.min(i32::MAX as u64) {
            return Err(Errno::EAGAIN);
        }
        while self.timers.contains_key(&self.next) {
            self.next = self.next.checked_add(1).unwrap_or(0);
        }
        let id = self.next;
        self.next = id.checked_add(1).unwrap_or(0);
        let timer = Timer { clock, notify, deadline: None, interval: 0, waiting: false, overrun: 0 };
        self.timers.insert(id, timer);
        Ok(id)
    }

    fn timer(&mut self, id: i32) -> Result<&mut Timer> {
        self.timers.get_mut(&id).ok_or(Errno::EINVAL)
    }

    /// The clock of a timer, for the `now` of the other calls.
    ///
    /// # Errors
    /// EINVAL: no such timer.
    pub fn clock(&self, id: i32) -> Result<Clock> {
        self.timers.get(&id).map(|t| t.clock).ok_or(Errno::EINVAL)
    }

    /// timer_settime(2). `new.value` is a moment of the timer's clock with [`TIMER_ABSTIME`]. Returns the old setting.
    ///
    /// # Errors
    /// EINVAL: no such timer.
    pub fn set(&mut self, id: i32, flags: i32, new: Setting, now: u64) -> Result<Setting> {
        let timer = self.timer(id)?;
        let old = timer.setting(now);
        timer.waiting = false;
        timer.overrun = 0;
        if new.value == 0 {
            timer.deadline = None;
            timer.interval = 0;
        } else {
            let start = if flags & TIMER_ABSTIME != 0 { 0 } else { now };
            timer.deadline = Some(start.saturating_add(new.value));
            timer.interval = new.interval;
        }
        Ok(old)
    }

    /// timer_gettime(2).
    ///
    /// # Errors
    /// EINVAL: no such timer.
    pub fn get(&mut self, id: i32, now: u64) -> Result<Setting> {
        Ok(self.timer(id)?.setting(now))
    }

    /// timer_getoverrun(2).
    ///
    /// # Errors
    /// EINVAL: no such timer.
    pub fn overrun(&mut self, id: i32) -> Result<i32> {
        Ok(self.timer(id)?.overrun)
    }

    /// timer_delete(2). The caller discards its queued signal ([`super::pending::Queue::discard_timer`]).
    ///
    /// # Errors
    /// EINVAL: no such timer.
    pub fn delete(&mut self, id: i32) -> Result<()> {
        self.timers.remove(&id).map(|_| ()).ok_or(Errno::EINVAL)
    }

    /// The ids, for execve and exit.
    pub fn ids(&self) -> Vec<i32> {
        self.timers.keys().copied().collect()
    }

    /// Nanoseconds until the next expiry of a timer whose clock `now` knows (none: not a clock of the kind that the caller
    /// asks about: passing time and processor time are armed differently).
    pub fn next_expiry(&self, now: impl Fn(Clock) -> Option<u64>) -> Option<u64> {
        self.timers
            .values()
            .filter(|t| t.is_running() && t.notify != Notify::None)
            .filter_map(|t| Some(t.deadline?.saturating_sub(now(t.clock)?)))
            .min()
    }

    /// Whether any timer of `which` clocks runs.
    pub fn any_running(&self, which: impl Fn(Clock) -> bool) -> bool {
        self.timers.values().any(|t| t.is_running() && which(t.clock))
    }

    /// Takes the timers that have expired.
    pub fn expire(&mut self, now: impl Fn(Clock) -> Option<u64>) -> Vec<Fired> {
        let mut fired = Vec::new();
        for (&id, timer) in self.timers.iter_mut() {
            let Notify::Signal { signal, value, thread } = timer.notify else { continue };
            let (true, Some(deadline), Some(now)) = (timer.is_running(), timer.deadline, now(timer.clock))
            else {
                continue;
            };
            if deadline > now {
                continue;
            }
            timer.waiting = true;
            if timer.interval == 0 {
                timer.deadline = None;
            }
            let info = SigInfo::timer(signal, id, 0, value.unwrap_or(id as u64));
            fired.push(Fired { timer: id, info, thread });
        }
        fired
    }

    /// The signal of a timer has been taken for delivery: counts the overruns (into `info`, too) and arms it again. `now` is its clock's.
    pub fn delivered(&mut self, info: &mut SigInfo, now: u64) {
        let Some(timer) = info.timer_id().and_then(|id| self.timers.get_mut(&id)) else { return };
        timer.overrun = 0;
        timer.run_again(now);
        info.set_overrun(timer.overrun);
    }

    /// The signal of a timer was ignored instead of queued.
    pub fn dropped(&mut self, id: i32, now: u64) {
        if let Some(timer) = self.timers.get_mut(&id) {
            timer.run_again(now);
        }
    }
}

impl Timer {
    fn is_running(&self) -> bool {
        self.deadline.is_some() && !self.waiting
    }

    fn run_again(&mut self, now: u64) {
        if !self.waiting {
            return;
        }
        self.waiting = false;
        if let Some(deadline) = self.deadline
            && self.interval != 0
        {
            let (next, periods) = forward(deadline, self.interval, now);
            self.deadline = Some(next);
            self.overrun = (periods - 1).min(OVERRUN_MAX) as i32;
        }
    }

    fn setting(&self, now: u64) -> Setting {
        let interval = self.interval;
        let Some(deadline) = self.deadline else { return Setting { value: 0, interval } };
        let silent = self.notify == Notify::None;
        let next = match (deadline <= now, interval) {
            (true, 1..) if self.waiting || silent => forward(deadline, interval, now).0,
            (true, 0) if silent => return Setting { value: 0, interval },
            _ => deadline,
        };
        Setting { value: next.saturating_sub(now).max(1), interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monotonic() -> Clock {
        Clock::decode(1).unwrap()
    }

    fn at(now: u64) -> impl Fn(Clock) -> Option<u64> {
        move |_| Some(now)
    }

    #[test]
    fn periods_that_pass_are_overruns() {
        let mut timers = PosixTimers::new();
        let id = timers.create(monotonic(), Notify::DEFAULT, 10).unwrap();
        assert_eq!(timers.next_expiry(at(0)), None);
        timers.set(id, 0, Setting { value: 100, interval: 10 }, 1000).unwrap();
        assert_eq!(timers.next_expiry(at(1040)), Some(60));
        assert!(timers.expire(at(1099)).is_empty());
        let fired = timers.expire(at(1100));
        assert_eq!((fired.len(), fired[0].info.signal()), (1, Signal::ALRM));
        // Waits: silent until it is taken.
        assert!(timers.expire(at(1200)).is_empty());
        assert_eq!(timers.get(id, 1203).unwrap(), Setting { value: 7, interval: 10 });
        let mut info = fired[0].info;
        timers.delivered(&mut info, 1145);
        assert_eq!((timers.overrun(id), timers.next_expiry(at(1145))), (Ok(4), Some(5)));
        assert_eq!(info.to_user()[20], 4);
        assert_eq!(timers.expire(at(1150)).len(), 1);
        timers.dropped(id, 1150);
        assert_eq!(timers.next_expiry(at(1150)), Some(10));
    }

    #[test]
    fn absolute_once_and_silent() {
        let mut timers = PosixTimers::new();
        let once = timers.create(monotonic(), Notify::DEFAULT, 10).unwrap();
        let silent = timers.create(monotonic(), Notify::None, 10).unwrap();
        assert_eq!(timers.create(monotonic(), Notify::None, 2), Err(Errno::EAGAIN));
        assert_eq!(timers.create(Clock::decode(6).unwrap(), Notify::None, 9), Err(Errno::EOPNOTSUPP));
        timers.set(once, TIMER_ABSTIME, Setting { value: 500, interval: 0 }, 1000).unwrap();
        timers.set(silent, 0, Setting { value: 100, interval: 30 }, 1000).unwrap();
        assert_eq!(timers.expire(at(1000)).len(), 1);
        assert_eq!(timers.get(once, 1000), Ok(Setting::default()));
        assert!(timers.expire(at(5000)).is_empty());
        assert_eq!(timers.get(silent, 1105), Ok(Setting { value: 25, interval: 30 }));
        timers.set(silent, 0, Setting { value: 100, interval: 0 }, 1000).unwrap();
        assert_eq!(timers.get(silent, 1105), Ok(Setting::default()));
        assert_eq!(timers.delete(once), Ok(()));
        assert_eq!(timers.delete(once), Err(Errno::EINVAL));
        assert_eq!(timers.ids(), [silent]);
    }

    #[test]
    fn events_are_checked() {
        let mut bytes = [0u8; SIGEVENT_SIZE];
        assert_eq!(Notify::decode(&bytes), Err(Errno::EINVAL));
        bytes[8] = 34;
        bytes[12] = 4;
        bytes[16] = 9;
        bytes[0] = 7;
        let signal = Signal::new(34).unwrap();
        assert_eq!(Notify::decode(&bytes), Ok(Notify::Signal { signal, value: Some(7), thread: Some(9) }));
        bytes[12] = 3;
        assert_eq!(Notify::decode(&bytes), Err(Errno::EINVAL));
        bytes[12] = 1;
        assert_eq!(Notify::decode(&bytes), Ok(Notify::None));
    }
}
