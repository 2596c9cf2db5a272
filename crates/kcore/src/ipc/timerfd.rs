//! timerfd_create(2): a timer that can be read and waited for.
//!
//! The kernel supplies time and arms the hardware through [`TimerHost`]; when a deadline that was armed has passed
//! it calls [`TimerFd::expire`]. All times are nanoseconds of the timer's clock.

use super::object::{anon_name, anon_stat};
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::stat::Stat;
use crate::user::{Sink, Source};
use crate::wait::{Events, WaitQueue};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;

/// timerfd_settime(2): the initial expiration is a time of the clock, not a span from now.
pub const TFD_TIMER_ABSTIME: u32 = 1;
/// A jump of CLOCK_REALTIME cancels the timer: read(2) fails once with ECANCELED.
pub const TFD_TIMER_CANCEL_ON_SET: u32 = 2;

const NANOSECONDS: u64 = 1_000_000_000;
/// Longest time that is kept apart from "for ever", as in Linux's ktime_t.
const FOREVER: u64 = i64::MAX as u64;

/// Clocks that a timer may follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerClock {
    /// Wall clock.
    Realtime,
    /// Since boot, never set.
    Monotonic,
    /// As Monotonic, suspension included.
    Boottime,
}

impl TimerClock {
    /// Its clock id.
    pub fn id(self) -> i32 {
        match self {
            TimerClock::Realtime => 0,
            TimerClock::Monotonic => 1,
            TimerClock::Boottime => 7,
        }
    }

    /// From timerfd_create(2)'s clock id.
    ///
    /// # Errors
    /// EINVAL: another clock. EPERM: an alarm clock without `may_wake` (CAP_WAKE_ALARM).
    pub fn from_id(id: i32, may_wake: bool) -> Result<TimerClock> {
        match id {
            0 => Ok(TimerClock::Realtime),
            1 => Ok(TimerClock::Monotonic),
            7 => Ok(TimerClock::Boottime),
            8 | 9 if !may_wake => Err(Errno::EPERM),
            8 => Ok(TimerClock::Realtime),
            9 => Ok(TimerClock::Boottime),
            _ => Err(Errno::EINVAL),
        }
    }
}

/// What the kernel does for timers.
pub trait TimerHost {
    /// The clock's time, nanoseconds.
    fn now(&self, clock: TimerClock) -> u64;

    /// From now on `timer` wants [`TimerFd::expire`] at [`TimerFd::deadline`], which has changed (none: no more).
    fn rearm(&self, timer: &Rc<TimerFd>);
}

/// struct itimerspec in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimerSpec {
    /// Time between expirations after the first; 0: only one.
    pub interval: u64,
    /// First expiration, or time until it; 0: disarmed.
    pub value: u64,
}

impl TimerSpec {
    /// Decodes struct itimerspec.
    ///
    /// # Errors
    /// EINVAL: negative seconds, or nanoseconds outside 0..10^9.
    pub fn decode(bytes: &[u8; 32]) -> Result<TimerSpec> {
        let word = |i: usize| i64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|k| bytes[i * 8 + k]));
        let span = |i: usize| {
            let (seconds, nanoseconds) = (word(i), word(i + 1));
            if seconds < 0 || !(0..NANOSECONDS as i64).contains(&nanoseconds) {
                return Err(Errno::EINVAL);
            }
            let all = (seconds as u64).saturating_mul(NANOSECONDS).saturating_add(nanoseconds as u64);
            Ok(all.min(FOREVER))
        };
        Ok(TimerSpec { interval: span(0)?, value: span(2)? })
    }

    /// Encodes struct itimerspec.
    pub fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let words = [self.interval, self.value].map(|n| [n / NANOSECONDS, n % NANOSECONDS]);
        for (place, word) in bytes.chunks_exact_mut(8).zip(words.as_flattened()) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// A timer on its way to another kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerState {
    /// Time until the next expiration.
    pub left: Option<u64>,
    /// See [`TimerSpec`].
    pub interval: u64,
    /// Expirations that nobody has read.
    pub ticks: u64,
    /// Armed with [`TFD_TIMER_CANCEL_ON_SET`]; `Some(true)`: the clock has been set since.
    pub canceled: Option<bool>,
}

/// The object behind a timerfd.
pub struct TimerFd {
    me: Weak<TimerFd>,
    host: Rc<dyn TimerHost>,
    clock: TimerClock,
    /// Next expiration, a time of the clock.
    next: Cell<Option<u64>>,
    interval: Cell<u64>,
    ticks: Cell<u64>,
    /// Armed with CANCEL_ON_SET; `Some(true)`: the clock has been set since.
    canceled: Cell<Option<bool>>,
    queue: WaitQueue,
}

impl TimerFd {
    /// A disarmed timer.
    pub fn new(clock: TimerClock, host: Rc<dyn TimerHost>) -> Rc<TimerFd> {
        Rc::new_cyclic(|me| TimerFd {
            me: me.clone(),
            host,
            clock,
            next: Cell::new(None),
            interval: Cell::new(0),
            ticks: Cell::new(0),
            canceled: Cell::new(None),
            queue: WaitQueue::new(),
        })
    }

    /// The timer, if `file` is one.
    pub fn of(file: &dyn File) -> Option<&TimerFd> {
        file.as_any().downcast_ref()
    }

    /// The clock that [`TimerFd::deadline`] is a time of.
    pub fn clock(&self) -> TimerClock {
        self.clock
    }

    /// When [`TimerFd::expire`] is due.
    pub fn deadline(&self) -> Option<u64> {
        self.next.get()
    }

    /// The state, for [`TimerFd::restore`]; the timer is disarmed.
    pub fn export(&self) -> TimerState {
        self.expire();
        let now = self.host.now(self.clock);
        let left = self.next.get().map(|next| next.saturating_sub(now));
        self.release();
        TimerState {
            left,
            interval: self.interval.get(),
            ticks: self.ticks.get(),
            canceled: self.canceled.get(),
        }
    }

    /// Takes over the state of a timer that was somewhere else.
    pub fn restore(&self, state: TimerState) {
        let now = self.host.now(self.clock);
        self.next.set(state.left.map(|left| now.saturating_add(left).min(FOREVER)));
        self.interval.set(state.interval.min(FOREVER));
        self.ticks.set(state.ticks);
        self.canceled.set(state.canceled);
        self.rearm();
        if state.ticks > 0 {
            self.queue.notify(Events::IN);
        }
    }

    /// timerfd_settime(2); returns the old setting.
    ///
    /// # Errors
    /// EINVAL: unknown flags. ECANCELED: the clock was set since the last time (the new setting holds nevertheless).
    pub fn settime(&self, flags: u32, spec: TimerSpec) -> Result<TimerSpec> {
        if flags & !(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) != 0 {
            return Err(Errno::EINVAL);
        }
        let both = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
        let watch = self.clock == TimerClock::Realtime && flags & both == both;
        let canceled = self.canceled.get() == Some(true) && watch;
        let old = self.gettime();
        let now = self.host.now(self.clock);
        self.canceled.set(watch.then_some(false));
        self.ticks.set(0);
        self.interval.set(spec.interval);
        self.next.set(match spec.value {
            0 => None,
            value if flags & TFD_TIMER_ABSTIME != 0 => Some(value),
            value => Some(now.saturating_add(value).min(FOREVER)),
        });
        self.rearm();
        // A time in the past expires at once.
        self.expire();
        if canceled { Err(Errno::ECANCELED) } else { Ok(old) }
    }

    /// timerfd_gettime(2): time to the next expiration, and the interval.
    pub fn gettime(&self) -> TimerSpec {
        self.expire();
        let now = self.host.now(self.clock);
        let value = self.next.get().map_or(0, |next| next.saturating_sub(now).max(1));
        TimerSpec { interval: self.interval.get(), value }
    }

    /// Counts the expirations that have passed and tells the waiters.
    pub fn expire(&self) {
        let Some(next) = self.next.get() else { return };
        let now = self.host.now(self.clock);
        if now < next {
            return;
        }
        let interval = self.interval.get();
        let (count, following) = match interval {
            0 => (1, None),
            _ => {
                let count = (now - next) / interval + 1;
                (count, Some(next.saturating_add(count.saturating_mul(interval)).min(FOREVER)))
            }
        };
        self.ticks.set(self.ticks.get().saturating_add(count));
        self.next.set(following);
        self.rearm();
        self.queue.notify(Events::IN);
    }

    /// The kernel tells that CLOCK_REALTIME was set (or that this VM is a new clone whose wall clock has jumped).
    pub fn clock_was_set(&self) {
        if self.canceled.get() == Some(false) {
            self.canceled.set(Some(true));
            self.queue.notify(Events::IN);
        }
        if self.clock == TimerClock::Realtime && self.next.get().is_some() {
            self.rearm();
            self.expire();
        }
    }

    fn rearm(&self) {
        if let Some(me) = self.me.upgrade() {
            self.host.rearm(&me);
        }
    }
}

impl File for TimerFd {
    /// Number of expirations since the last read or setting, 8 bytes.
    ///
    /// # Errors
    /// EINVAL: less than 8 bytes. EAGAIN: none. ECANCELED: see [`TFD_TIMER_CANCEL_ON_SET`].
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        if into.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        self.expire();
        if self.canceled.get() == Some(true) {
            self.canceled.set(Some(false));
            self.ticks.set(0);
            return Err(Errno::ECANCELED);
        }
        let ticks = self.ticks.take();
        if ticks == 0 {
            return Err(Errno::EAGAIN);
        }
        match into.put(&ticks.to_le_bytes()) {
            Ok(8) => Ok(8),
            _ => Err(Errno::EFAULT),
        }
    }

    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anon_stat())
    }

    fn poll(&self) -> Events {
        if self.ticks.get() > 0 || self.canceled.get() == Some(true) { Events::IN } else { Events::NONE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn describe(&self) -> Vec<u8> {
        anon_name("timerfd")
    }

    fn release(&self) {
        if self.next.take().is_some() {
            self.rearm();
        }
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::SliceSink;

    #[derive(Default)]
    struct Host {
        now: Cell<u64>,
        armed: Cell<Option<u64>>,
    }
    impl TimerHost for Host {
        fn now(&self, _: TimerClock) -> u64 {
            self.now.get()
        }
        fn rearm(&self, timer: &Rc<TimerFd>) {
            self.armed.set(timer.deadline());
        }
    }

    fn timer(clock: TimerClock) -> (Rc<Host>, Rc<TimerFd>) {
        let host = Rc::new(Host::default());
        host.now.set(1000);
        (host.clone(), TimerFd::new(clock, host))
    }

    fn read(timer: &TimerFd) -> Result<u64> {
        let mut bytes = [0; 8];
        timer.read(0, &mut SliceSink::new(&mut bytes), 0).map(|_| u64::from_le_bytes(bytes))
    }

    const ABS: u32 = TFD_TIMER_ABSTIME;

    #[test]
    fn moves_with_what_is_left_of_its_time() {
        let (host, first) = timer(TimerClock::Monotonic);
        assert!(first.settime(0, TimerSpec { interval: 100, value: 50 }).is_ok());
        host.now.set(1200);
        let state = first.export();
        assert_eq!(state, TimerState { left: Some(50), interval: 100, ticks: 2, canceled: None });
        assert_eq!(host.armed.get(), None);
        let (host, second) = timer(TimerClock::Monotonic);
        second.restore(state);
        assert_eq!(host.armed.get(), Some(1050));
        host.now.set(1050);
        assert_eq!((read(&second), host.armed.get()), (Ok(3), Some(1150)));
    }

    #[test]
    fn fires_once() {
        let (host, timer) = timer(TimerClock::Monotonic);
        assert_eq!(timer.settime(0, TimerSpec { interval: 0, value: 50 }), Ok(TimerSpec::default()));
        assert_eq!(host.armed.get(), Some(1050));
        host.now.set(1049);
        timer.expire();
        assert_eq!((read(&timer), timer.poll()), (Err(Errno::EAGAIN), Events::NONE));
        assert_eq!(timer.gettime(), TimerSpec { interval: 0, value: 1 });
        host.now.set(1050);
        timer.expire();
        assert_eq!((timer.poll(), host.armed.get()), (Events::IN, None));
        assert_eq!(read(&timer), Ok(1));
        assert_eq!(timer.gettime(), TimerSpec::default());
    }

    #[test]
    fn counts_overruns() {
        let (host, timer) = timer(TimerClock::Monotonic);
        timer.settime(0, TimerSpec { interval: 10, value: 5 }).unwrap();
        host.now.set(1036);
        assert_eq!(read(&timer), Ok(4));
        assert_eq!(host.armed.get(), Some(1045));
        host.now.set(1045);
        timer.expire();
        host.now.set(1055);
        assert_eq!(read(&timer), Ok(2));
        assert_eq!(timer.gettime(), TimerSpec { interval: 10, value: 10 });
    }

    #[test]
    fn absolute_past_fires_at_once_and_setting_clears() {
        let (host, timer) = timer(TimerClock::Realtime);
        timer.settime(ABS, TimerSpec { interval: 0, value: 1 }).unwrap();
        assert_eq!(timer.poll(), Events::IN);
        timer.settime(0, TimerSpec { interval: 7, value: 7 }).unwrap();
        assert_eq!(timer.poll(), Events::NONE);
        assert_eq!(timer.settime(0, TimerSpec::default()), Ok(TimerSpec { interval: 7, value: 7 }));
        assert_eq!(host.armed.get(), None);
        assert_eq!(timer.settime(4, TimerSpec::default()), Err(Errno::EINVAL));
    }

    #[test]
    fn setting_the_clock_cancels() {
        let (host, timer) = timer(TimerClock::Realtime);
        timer.settime(ABS | TFD_TIMER_CANCEL_ON_SET, TimerSpec { interval: 0, value: 5000 }).unwrap();
        host.now.set(900);
        timer.clock_was_set();
        assert_eq!(timer.poll(), Events::IN);
        assert_eq!((read(&timer), read(&timer)), (Err(Errno::ECANCELED), Err(Errno::EAGAIN)));
        host.now.set(6000);
        timer.clock_was_set();
        assert_eq!((read(&timer), read(&timer)), (Err(Errno::ECANCELED), Err(Errno::EAGAIN)));
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let (host, timer) = timer(TimerClock::Monotonic);
        timer.settime(0, TimerSpec { interval: 1, value: FOREVER }).unwrap();
        assert_eq!(host.armed.get(), Some(FOREVER));
        timer.settime(ABS, TimerSpec { interval: 1, value: 1 }).unwrap();
        host.now.set(FOREVER);
        assert_eq!(read(&timer), Ok(FOREVER));
    }

    #[test]
    fn itimerspec_round_trips() {
        let spec = TimerSpec { interval: 1_500_000_000, value: 2_000_000_007 };
        assert_eq!(TimerSpec::decode(&spec.encode()), Ok(spec));
        let mut bytes = spec.encode();
        bytes[8..16].copy_from_slice(&1_000_000_000u64.to_le_bytes());
        assert_eq!(TimerSpec::decode(&bytes), Err(Errno::EINVAL));
        bytes[8..16].copy_from_slice(&0u64.to_le_bytes());
        bytes[..8].copy_from_slice(&(-1i64).to_le_bytes());
        assert_eq!(TimerSpec::decode(&bytes), Err(Errno::EINVAL));
        bytes[..8].copy_from_slice(&i64::MAX.to_le_bytes());
        assert_eq!(TimerSpec::decode(&bytes).unwrap().interval, FOREVER);
    }

    #[test]
    fn clocks() {
        assert_eq!(TimerClock::from_id(1, false), Ok(TimerClock::Monotonic));
        assert_eq!(TimerClock::from_id(8, false), Err(Errno::EPERM));
        assert_eq!(TimerClock::from_id(3, true), Err(Errno::EINVAL));
    }

    #[test]
    fn closing_disarms() {
        let (host, timer) = timer(TimerClock::Monotonic);
        timer.settime(0, TimerSpec { interval: 0, value: 50 }).unwrap();
        timer.release();
        assert_eq!(host.armed.get(), None);
    }
}
