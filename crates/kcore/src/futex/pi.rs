//! Priority-inheritance futexes: FUTEX_LOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI (futex(2), "Priority-inheritance futexes").
//!
//! The kernel has one priority for all threads, so that there is nothing to inherit; what remains is the protocol: the word
//! holds the owner's thread id, an unlock with waiters hands the lock to the one who has waited longest. The word is changed
//! while nothing else runs.

use super::robust::{OWNER_DIED, TID_MASK, WAITERS, load, store};
use super::{Futexes, Key, MATCH_ANY, Waiter};
use crate::errno::{Errno, Result};
use crate::map::Map;
use crate::user::UserMemory;
use crate::wait::Wake;
use alloc::rc::Rc;

/// What became of an attempt to lock.
pub enum Lock {
    /// The caller owns the lock.
    Taken,
    /// It must sleep; once it is woken, it owns the lock. After a timeout or a signal: [`PiLocks::cancel`].
    Wait(Rc<Waiter>),
}

/// Sleepers on priority-inheritance locks, apart from the other futexes, with their thread ids.
#[derive(Default)]
pub struct PiLocks {
    sleepers: Futexes,
    /// In the order of arrival.
    threads: Map<Key, alloc::collections::VecDeque<(u32, Rc<Waiter>)>>,
}

impl PiLocks {
    /// No locks.
    pub const fn new() -> PiLocks {
        PiLocks { sleepers: Futexes::new(), threads: Map::new() }
    }

    /// FUTEX_LOCK_PI of thread `tid`, or FUTEX_TRYLOCK_PI with `wake` none. `alive` says whether a thread id exists.
    ///
    /// # Errors
    /// EDEADLK: it owns the lock already; ESRCH: the owner does not exist; EAGAIN: FUTEX_TRYLOCK_PI of a taken lock; EFAULT; EINVAL.
    pub fn lock(
        &mut self,
        memory: &dyn UserMemory,
        address: u64,
        key: Key,
        tid: u32,
        alive: impl Fn(u32) -> bool,
        wake: Option<Rc<dyn Wake>>,
    ) -> Result<Lock> {
        let word = load(memory, address)?;
        let owner = word & TID_MASK;
        if owner == tid {
            return Err(Errno::EDEADLK);
        }
        if owner == 0 {
            let waiting = if self.threads.contains_key(&key) { WAITERS } else { 0 };
            store(memory, address, tid | word & OWNER_DIED | waiting)?;
            return Ok(Lock::Taken);
        }
        if !alive(owner) {
            return Err(Errno::ESRCH);
        }
        let wake = wake.ok_or(Errno::EAGAIN)?;
        store(memory, address, word | WAITERS)?;
        let waiter = self.sleepers.wait(key, MATCH_ANY, 0, || Ok(0), wake)?;
        self.threads.get_or_insert_with(key, Default::default).push_back((tid, waiter.clone()));
        Ok(Lock::Wait(waiter))
    }

    /// FUTEX_UNLOCK_PI of thread `tid`.
    ///
    /// # Errors
    /// EPERM: not the owner; EFAULT; EINVAL.
    pub fn unlock(&mut self, memory: &dyn UserMemory, address: u64, key: Key, tid: u32) -> Result<()> {
        if load(memory, address)? & TID_MASK != tid {
            return Err(Errno::EPERM);
        }
        self.hand_on(memory, address, key, 0)
    }

    /// The owner died ([`super::robust::exit`]): the next one gets the lock, marked.
    pub fn owner_died(&mut self, memory: &dyn UserMemory, address: u64, key: Key) {
        let _ = self.hand_on(memory, address, key, OWNER_DIED);
    }

    fn hand_on(&mut self, memory: &dyn UserMemory, address: u64, key: Key, mark: u32) -> Result<()> {
        let next = self.threads.get(&key).and_then(|queue| queue.front()).map(|(tid, _)| *tid);
        let more = self.threads.get(&key).is_some_and(|queue| queue.len() > 1);
        store(memory, address, next.unwrap_or(0) | mark | if more { WAITERS } else { 0 })?;
        if let Some(queue) = self.threads.get_mut(&key) {
            queue.pop_front();
            if queue.is_empty() {
                self.threads.remove(&key);
            }
            self.sleepers.wake(key, 1, MATCH_ANY)?;
        }
        Ok(())
    }

    /// Ends a wait. True: it did not get the lock; false: it owns it.
    pub fn cancel(&mut self, waiter: &Rc<Waiter>) -> bool {
        let waited = self.sleepers.cancel(waiter);
        if waited {
            let key = waiter.key.get();
            if let Some(queue) = self.threads.get_mut(&key) {
                queue.retain(|(_, w)| !Rc::ptr_eq(w, waiter));
                if queue.is_empty() {
                    self.threads.remove(&key);
                }
            }
        }
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::super::robust::tests::Memory;
    use super::super::tests::count;
    use super::*;

    const KEY: Key = Key { space: 0, offset: 0x1000 };

    fn lock(locks: &mut PiLocks, memory: &Memory, tid: u32) -> Result<Lock> {
        locks.lock(memory, 0x1000, KEY, tid, |t| t < 10, Some(count()))
    }

    fn sleeper(lock: Result<Lock>) -> Rc<Waiter> {
        match lock {
            Ok(Lock::Wait(waiter)) => waiter,
            _ => panic!("not asleep"),
        }
    }

    #[test]
    fn hands_the_lock_on_in_order() {
        let (mut locks, memory) = (PiLocks::new(), Memory::new(&[]));
        assert!(matches!(lock(&mut locks, &memory, 1), Ok(Lock::Taken)));
        assert_eq!(load(&memory, 0x1000), Ok(1));
        assert_eq!(lock(&mut locks, &memory, 1).err(), Some(Errno::EDEADLK));
        let two = sleeper(lock(&mut locks, &memory, 2));
        let three = sleeper(lock(&mut locks, &memory, 3));
        let four = sleeper(lock(&mut locks, &memory, 4));
        assert_eq!(load(&memory, 0x1000), Ok(1 | WAITERS));
        assert_eq!(locks.unlock(&memory, 0x1000, KEY, 2), Err(Errno::EPERM));
        assert!(locks.cancel(&three));
        assert_eq!(locks.unlock(&memory, 0x1000, KEY, 1), Ok(()));
        assert!(two.is_woken() && !four.is_woken());
        assert_eq!(load(&memory, 0x1000), Ok(2 | WAITERS));
        assert!(!locks.cancel(&two));
        locks.owner_died(&memory, 0x1000, KEY);
        assert_eq!(load(&memory, 0x1000), Ok(4 | OWNER_DIED));
        assert_eq!(locks.unlock(&memory, 0x1000, KEY, 4), Ok(()));
        assert_eq!(load(&memory, 0x1000), Ok(0));
    }

    #[test]
    fn refusals() {
        let (mut locks, memory) = (PiLocks::new(), Memory::new(&[(0x1000, 77)]));
        assert_eq!(lock(&mut locks, &memory, 1).err(), Some(Errno::ESRCH));
        store(&memory, 0x1000, 3).unwrap();
        let tried = locks.lock(&memory, 0x1000, KEY, 1, |_| true, None);
        assert_eq!(tried.err(), Some(Errno::EAGAIN));
        assert_eq!(load(&memory, 0x1000), Ok(3));
        let bad = locks.lock(&memory, 0x10, KEY, 1, |_| true, None);
        assert_eq!(bad.err(), Some(Errno::EFAULT));
    }
}
