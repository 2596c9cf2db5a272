//! Deadlines on CLOCK_MONOTONIC.

use crate::global::Global;
use alloc::rc::Rc;
use core::cell::Cell;
use ramet_kcore::cell::RefCell;
use ramet_kcore::map::Map;

/// What happens at a deadline. Runs in whatever thread the kernel was entered by: must not block.
pub trait Expire {
    /// The deadline has come.
    fn expire(&self);
}

/// Names one armed deadline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TimerKey {
    deadline: u64,
    number: u64,
}

struct Timers {
    queue: RefCell<Map<TimerKey, Rc<dyn Expire>>>,
    next: Cell<u64>,
}

static TIMERS: Global<Timers> = Global::new(Timers { queue: RefCell::new(Map::new()), next: Cell::new(0) });

/// Calls `what` when CLOCK_MONOTONIC reaches `deadline` (ns).
pub fn add(deadline: u64, what: Rc<dyn Expire>) -> TimerKey {
    let number = TIMERS.next.get();
    TIMERS.next.set(number + 1);
    let key = TimerKey { deadline, number };
    TIMERS.queue.borrow_mut().insert(key, what);
    super::sched::timer_added();
    key
}

/// Forgets a deadline; nothing happens if it has come already.
pub fn cancel(key: TimerKey) {
    TIMERS.queue.borrow_mut().remove(&key);
}

/// In the child of a fork: nobody waits for anything any more.
pub fn forget_all() {
    let gone = TIMERS.queue.take();
    drop(gone);
}

/// The earliest deadline, `u64::MAX` if there is none.
pub fn next_deadline() -> u64 {
    TIMERS.queue.borrow().keys().next().map_or(u64::MAX, |key| key.deadline)
}

/// Runs everything whose deadline has come.
pub fn run_expired() {
    if TIMERS.queue.borrow().is_empty() {
        return;
    }
    let now = super::time::monotonic();
    loop {
        let due = {
            let mut queue = TIMERS.queue.borrow_mut();
            match queue.first_key_value() {
                Some((key, _)) if key.deadline <= now => queue.pop_first(),
                _ => None,
            }
        };
        match due {
            Some((_, what)) => what.expire(),
            None => return,
        }
    }
}
