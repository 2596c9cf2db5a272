//! Timers ordered by deadline.

use crate::map::Map;

/// Names one armed timer in one queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimerKey {
    deadline: u64,
    id: u64,
}

impl TimerKey {
    /// When it expires, in the queue's nanoseconds.
    pub const fn deadline(&self) -> u64 {
        self.deadline
    }
}

/// Armed timers, each with what it is for. Equal deadlines expire in the order of arming.
#[derive(Debug)]
pub struct TimerQueue<T> {
    armed: Map<TimerKey, T>,
    next: u64,
}

impl<T> Default for TimerQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> TimerQueue<T> {
    /// Nothing armed.
    pub const fn new() -> Self {
        TimerQueue { armed: Map::new(), next: 0 }
    }

    /// Arms a timer for `deadline` (nanoseconds of the queue's clock).
    pub fn add(&mut self, deadline: u64, what: T) -> TimerKey {
        let key = TimerKey { deadline, id: self.next };
        self.next += 1;
        self.armed.insert(key, what);
        key
    }

    /// Disarms; none if it has expired or was disarmed before.
    pub fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.armed.remove(&key)
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<u64> {
        self.armed.first_key_value().map(|(key, _)| key.deadline)
    }

    /// Takes the earliest timer if its deadline is not after `now`.
    pub fn pop_expired(&mut self, now: u64) -> Option<(TimerKey, T)> {
        if self.next_deadline()? <= now { self.armed.pop_first() } else { None }
    }

    /// Number of armed timers.
    pub fn len(&self) -> usize {
        self.armed.len()
    }

    /// Whether none is armed.
    pub fn is_empty(&self) -> bool {
        self.armed.is_empty()
    }
}

/// How soon a tick may follow another: so that a program gets at least half of the time, whatever a tick costs (tens of
/// microseconds on software KVM) and however short the periods of its timers are. What is due meanwhile waits for the next tick;
/// timers count the periods that have passed.
///
/// Only ticks in a row are kept apart: a deadline that comes alone is not delayed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// When the last tick came.
    last: u64,
    /// From a deadline until the kernel sees the tick, ns, smoothed; likewise for setting the next one.
    latency: u64,
    setting: u64,
}

/// A longer sample says nothing about ticks: the VM did not run.
const MOST_COST: u64 = 1_000_000;

fn smooth(average: &mut u64, sample: u64) {
    let sample = sample.min(MOST_COST);
    *average = if *average == 0 { sample } else { (*average * 7 + sample) / 8 };
}

impl Pace {
    /// Nothing is known yet.
    pub const fn new() -> Pace {
        Pace { last: 0, latency: 0, setting: 0 }
    }

    /// The tick of `deadline` (`u64::MAX`: of none, it was a stray one) was seen at `now`.
    pub fn ticked(&mut self, deadline: u64, now: u64) {
        self.last = now;
        if deadline <= now {
            smooth(&mut self.latency, now - deadline);
        }
    }

    /// Setting the next tick took `cost` ns.
    pub fn armed(&mut self, cost: u64) {
        smooth(&mut self.setting, cost);
    }

    /// The next tick should not come earlier than this.
    pub fn earliest(&self) -> u64 {
        // It is set first, and then the program runs as long as all of a tick takes.
        self.last.saturating_add(2 * self.setting + self.latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_half_of_the_time() {
        // A tick costs 70 us until it is seen, and 80 us until the next one is set; the period is 50 us.
        let (latency, setting, period) = (70_000, 80_000, 50_000);
        let mut pace = Pace::new();
        let (mut now, mut ran, mut armed, mut ticks) = (1_000_000u64, 0, 1_000_000, 0);
        let start = now;
        while now < start + 100_000_000 {
            now = now.max(armed) + latency;
            pace.ticked(armed, now);
            ticks += 1;
            armed = (now / period + 1) * period;
            armed = armed.max(pace.earliest());
            pace.armed(setting);
            now += setting;
            ran += armed.saturating_sub(now);
        }
        assert!(ran * 100 / (now - start) >= 45, "ran {ran} of {}", now - start);
        assert!(ticks >= 250, "{ticks}");
    }

    #[test]
    fn ticks_far_apart_are_not_delayed() {
        let mut pace = Pace::new();
        assert_eq!(pace.earliest(), 0);
        pace.ticked(10_000_000, 10_070_000);
        pace.armed(80_000);
        assert_eq!(pace.earliest(), 10_300_000);
        // The VM stood still for a minute: that is not what a tick costs.
        pace.ticked(11_000_000, 60_000_000_000);
        assert!(pace.earliest() < 60_000_500_000);
        pace.ticked(u64::MAX, 61_000_000_000);
        assert!(pace.earliest() < 61_000_500_000);
    }

    #[test]
    fn expires_in_order() {
        let mut queue = TimerQueue::new();
        assert_eq!(queue.next_deadline(), None);
        let a = queue.add(30, 'a');
        let b = queue.add(10, 'b');
        queue.add(30, 'c');
        queue.add(u64::MAX, 'd');
        assert_eq!((queue.next_deadline(), b.deadline()), (Some(10), 10));
        assert_eq!(queue.pop_expired(9), None);
        assert_eq!(queue.pop_expired(10), Some((b, 'b')));
        assert_eq!(queue.cancel(b), None);
        assert_eq!(queue.pop_expired(40).map(|t| t.1), Some('a'));
        assert_eq!(queue.cancel(a), None);
        assert_eq!(queue.pop_expired(40).map(|t| t.1), Some('c'));
        assert_eq!((queue.pop_expired(40), queue.len()), (None, 1));
    }
}
