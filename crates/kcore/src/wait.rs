//! Waiting: who is to be told when a file's readiness changes.

use crate::cell::RefCell;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

/// Readiness bits, numerically poll(2)'s and epoll(7)'s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Events(pub u32);

impl Events {
    /// There is something to read.
    pub const IN: Events = Events(0x001);
    /// Urgent data.
    pub const PRI: Events = Events(0x002);
    /// Writing would not block.
    pub const OUT: Events = Events(0x004);
    /// Error condition; always reported.
    pub const ERR: Events = Events(0x008);
    /// The other side hung up; always reported.
    pub const HUP: Events = Events(0x010);
    /// Not an open descriptor (poll only).
    pub const NVAL: Events = Events(0x020);
    /// As IN.
    pub const RDNORM: Events = Events(0x040);
    /// As OUT.
    pub const WRNORM: Events = Events(0x100);
    /// The peer shut down writing.
    pub const RDHUP: Events = Events(0x2000);
    /// Every bit.
    pub const ALL: Events = Events(u32::MAX);
    /// No bit.
    pub const NONE: Events = Events(0);

    /// Whether any bit of `other` is set in `self`.
    pub const fn intersects(self, other: Events) -> bool {
        self.0 & other.0 != 0
    }
    /// Bits in both.
    pub const fn and(self, other: Events) -> Events {
        Events(self.0 & other.0)
    }
    /// Bits in either.
    pub const fn or(self, other: Events) -> Events {
        Events(self.0 | other.0)
    }
    /// Whether no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Someone who waits: a thread (the kernel makes it runnable) or an epoll item.
pub trait Wake {
    /// `events` may have become ready. Must not block; may add to or remove from any wait queue.
    fn wake(&self, events: Events);
}

/// Names one registration in one queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitKey(u64);

struct Waiter {
    key: u64,
    mask: Events,
    wake: Rc<dyn Wake>,
}

/// The waiters of one object, in order of registration.
#[derive(Default)]
pub struct WaitQueue {
    waiters: RefCell<Vec<Waiter>>,
    next: Cell<u64>,
}

impl WaitQueue {
    /// An empty queue.
    pub const fn new() -> Self {
        WaitQueue { waiters: RefCell::new(Vec::new()), next: Cell::new(0) }
    }

    /// Registers `wake` for `mask` until [`WaitQueue::remove`].
    pub fn add(&self, mask: Events, wake: Rc<dyn Wake>) -> WaitKey {
        let key = self.next.get();
        self.next.set(key + 1);
        self.waiters.borrow_mut().push(Waiter { key, mask, wake });
        WaitKey(key)
    }

    /// Ends a registration; nothing happens if it has ended already.
    pub fn remove(&self, key: WaitKey) {
        let mut waiters = self.waiters.borrow_mut();
        if let Ok(index) = waiters.binary_search_by_key(&key.0, |w| w.key) {
            let waiter = waiters.remove(index);
            // Dropping the waiter may come back to this queue.
            drop(waiters);
            drop(waiter);
        }
    }

    /// Tells every waiter whose mask meets `events` (ERR and HUP meet every mask).
    pub fn notify(&self, events: Events) {
        let always = Events::ERR.or(Events::HUP);
        // One at a time, by key: a waiter may change this queue, and who joins it meanwhile is not told.
        let (mut from, end) = (0, self.next.get());
        loop {
            let found = {
                let waiters = self.waiters.borrow();
                let start = waiters.partition_point(|w| w.key < from);
                let waiting = waiters[start..].iter().take_while(|w| w.key < end);
                waiting
                    .filter(|w| w.mask.or(always).intersects(events))
                    .map(|w| (w.key, w.wake.clone()))
                    .next()
            };
            let Some((key, wake)) = found else { return };
            from = key + 1;
            wake.wake(events);
        }
    }

    /// Ends all registrations.
    pub fn forget_all(&self) {
        let waiters = self.waiters.take();
        // Dropping them may come back to this queue.
        drop(waiters);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiters.borrow().len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiters.borrow().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(Cell<u32>);
    impl Wake for Count {
        fn wake(&self, _: Events) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn tells_those_whose_mask_meets_and_always_errors() {
        let queue = WaitQueue::new();
        let (reader, writer) = (Rc::new(Count(Cell::new(0))), Rc::new(Count(Cell::new(0))));
        let key = queue.add(Events::IN, reader.clone());
        queue.add(Events::OUT, writer.clone());
        queue.notify(Events::IN);
        assert_eq!((reader.0.get(), writer.0.get()), (1, 0));
        queue.notify(Events::HUP);
        assert_eq!((reader.0.get(), writer.0.get()), (2, 1));
        queue.remove(key);
        queue.notify(Events::ALL);
        assert_eq!((reader.0.get(), writer.0.get()), (2, 2));
    }
}
