//! Advisory locks: flock(2), and the byte ranges of fcntl(2) for processes and for open file descriptions.
//!
//! They are kept with the inode, and owners are named by session-wide numbers, so that other processes of the session can
//! see them. Nothing here waits: a lock that another owner holds is EAGAIN, and [`LockTable::queue`] tells when to try again.

use super::object::ObjectId;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::sort;
use crate::wait::{Events, WaitQueue};
use alloc::vec::Vec;

/// Who holds a range lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockOwner {
    /// A descriptor table: classic POSIX locks (F_SETLK).
    Process(ObjectId),
    /// An open file description (F_OFD_SETLK).
    Description(ObjectId),
}

/// A locked range of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RangeLock {
    /// First byte.
    pub start: u64,
    /// Last byte, inclusive; `i64::MAX`: to the end, however the file grows.
    pub last: u64,
    /// Write lock.
    pub exclusive: bool,
    /// Holder.
    pub owner: LockOwner,
    /// Process id to show (F_GETLK); -1 for an open file description.
    pub pid: i32,
}

impl RangeLock {
    fn overlaps(&self, other: &RangeLock) -> bool {
        self.start <= other.last && other.start <= self.last
    }
}

#[derive(Default)]
struct Locks {
    whole: Vec<(ObjectId, bool)>,
    ranges: Vec<RangeLock>,
    /// Processes that wait for a range, and for whom: to see deadlocks.
    waiting: Vec<(LockOwner, LockOwner)>,
}

/// The locks of one inode.
#[derive(Default)]
pub struct LockTable {
    locks: RefCell<Locks>,
    queue: WaitQueue,
}

impl LockTable {
    /// Told (as [`Events::OUT`]) whenever a lock is released or weakened.
    pub fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// flock(2): `exclusive` none unlocks.
    ///
    /// # Errors
    /// EAGAIN: another description holds a conflicting lock. A lock that was to be converted is lost then, as on Linux.
    pub fn flock(&self, owner: ObjectId, exclusive: Option<bool>) -> Result<()> {
        let mut locks = self.locks.borrow_mut();
        let held = locks.whole.iter().find(|l| l.0 == owner).map(|l| l.1);
        if held == exclusive {
            return Ok(());
        }
        locks.whole.retain(|l| l.0 != owner);
        let result = match exclusive {
            Some(exclusive) if locks.whole.iter().any(|l| exclusive || l.1) => Err(Errno::EAGAIN),
            Some(exclusive) => {
                locks.whole.push((owner, exclusive));
                Ok(())
            }
            None => Ok(()),
        };
        drop(locks);
        if held.is_some() {
            self.queue.notify(Events::OUT);
        }
        result
    }

    /// What `owner` holds by flock(2): whether it is exclusive.
    pub fn flock_of(&self, owner: ObjectId) -> Option<bool> {
        self.locks.borrow().whole.iter().find(|lock| lock.0 == owner).map(|lock| lock.1)
    }

    /// F_GETLK: the first lock that stands in the way of `wanted`.
    pub fn conflict(&self, wanted: &RangeLock) -> Option<RangeLock> {
        let locks = self.locks.borrow();
        let stands = |l: &&RangeLock| {
            l.owner != wanted.owner && l.overlaps(wanted) && (l.exclusive || wanted.exclusive)
        };
        locks.ranges.iter().find(stands).copied()
    }

    /// F_SETLK: takes `lock`, which replaces what the owner holds of that range.
    ///
    /// # Errors
    /// EAGAIN.
    pub fn lock(&self, lock: RangeLock) -> Result<()> {
        if self.conflict(&lock).is_some() {
            return Err(Errno::EAGAIN);
        }
        let weakened = self.replace(lock.owner, lock.start, lock.last, Some(lock));
        if weakened {
            self.queue.notify(Events::OUT);
        }
        Ok(())
    }

    /// F_UNLCK of `start..=last`.
    pub fn unlock(&self, owner: LockOwner, start: u64, last: u64) {
        if self.replace(owner, start, last, None) {
            self.queue.notify(Events::OUT);
        }
    }

    /// Cuts the owner's locks out of the range, puts `new` there, and joins neighbours of the same kind. True: something that
    /// was locked is no longer, or less.
    fn replace(&self, owner: LockOwner, start: u64, last: u64, new: Option<RangeLock>) -> bool {
        let mut locks = self.locks.borrow_mut();
        let mut kept = Vec::with_capacity(locks.ranges.len() + 2);
        let mut released = false;
        for lock in locks.ranges.drain(..) {
            if lock.owner != owner || lock.start > last || lock.last < start {
                kept.push(lock);
                continue;
            }
            released |= new.is_none_or(|new| lock.exclusive && !new.exclusive);
            if lock.start < start {
                kept.push(RangeLock { last: start - 1, ..lock });
            }
            if lock.last > last {
                kept.push(RangeLock { start: last + 1, ..lock });
            }
        }
        if let Some(mut new) = new {
            kept.retain(|lock| {
                let joins = lock.owner == owner
                    && lock.exclusive == new.exclusive
                    && (lock.last.checked_add(1) == Some(new.start)
                        || new.last.checked_add(1) == Some(lock.start));
                if joins {
                    new.start = new.start.min(lock.start);
                    new.last = new.last.max(lock.last);
                }
                !joins
            });
            kept.push(new);
        }
        sort::few_by_key(&mut kept, |lock| lock.start);
        locks.ranges = kept;
        released
    }

    /// Releases everything that `owner` holds.
    pub fn release(&self, owner: LockOwner) {
        let before = self.locks.borrow().ranges.len();
        if before == 0 {
            return;
        }
        self.locks.borrow_mut().ranges.retain(|l| l.owner != owner);
        if self.locks.borrow().ranges.len() != before {
            self.queue.notify(Events::OUT);
        }
    }

    /// Whether nobody holds a range, so that closing a descriptor has nothing to release.
    #[inline]
    pub fn has_no_ranges(&self) -> bool {
        self.locks.borrow().ranges.is_empty()
    }

    /// Called before `wanted`'s owner waits in F_SETLKW.
    ///
    /// # Errors
    /// EDEADLK: the holder waits, in this table, for the one who would wait.
    pub fn begin_wait(&self, wanted: &RangeLock) -> Result<()> {
        let Some(holder) = self.conflict(wanted) else { return Ok(()) };
        let mut locks = self.locks.borrow_mut();
        // Open file descriptions have no deadlock detection (fcntl(2)).
        if matches!(wanted.owner, LockOwner::Process(_)) {
            let mut at = holder.owner;
            for _ in 0..=locks.waiting.len() {
                match locks.waiting.iter().find(|w| w.0 == at) {
                    Some(&(_, next)) if next == wanted.owner => return Err(Errno::EDEADLK),
                    Some(&(_, next)) => at = next,
                    None => break,
                }
            }
        }
        locks.waiting.push((wanted.owner, holder.owner));
        Ok(())
    }

    /// The wait that [`LockTable::begin_wait`] began is over.
    pub fn end_wait(&self, owner: LockOwner) {
        let mut locks = self.locks.borrow_mut();
        if let Some(i) = locks.waiting.iter().position(|w| w.0 == owner) {
            locks.waiting.swap_remove(i);
        }
    }

    /// All locks, for `/proc/locks` and tests.
    pub fn ranges(&self) -> Vec<RangeLock> {
        self.locks.borrow().ranges.clone()
    }
}
