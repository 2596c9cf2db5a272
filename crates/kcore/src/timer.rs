//! Timers ordered by deadline.

use alloc::collections::BTreeMap;

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
    armed: BTreeMap<TimerKey, T>,
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
        TimerQueue { armed: BTreeMap::new(), next: 0 }
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

#[cfg(test)]
mod tests {
    use super::*;

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
