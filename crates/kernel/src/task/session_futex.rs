//! Futexes in memory that VMs share: the keeper has their queues, and the words are where every VM sees them.
//!
//! Nothing is asked for that nobody waits for: whether anybody does, the keeper shows in the channel. And whoever is about to sleep watches
//! the word first, for as long as a sleep would cost, while this VM has nothing else to do.

use super::sched::{self, Woken};
use super::thread::Thread;
use super::time;
use crate::arch::{hypercall, user};
use crate::global::Global;
use crate::session;
use alloc::rc::Rc;
use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;
use ramet_abi::session::{Request, op};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::futex::MATCH_ANY;
use ramet_kcore::futex::robust::{OWNER_DIED, TID_MASK, WAITERS};
use ramet_kcore::map::Map;
use ramet_kcore::session::SessionInode;
use ramet_kcore::wait::{Events, Wake};

/// Longest and shortest time that a word is watched, ns.
const WATCH_MAX: u64 = 200_000;
const WATCH_MIN: u64 = 2_000;

/// A word: the file of its memory, and the offset there.
pub type Place = (Rc<SessionInode>, u64);

struct Sleeper {
    thread: Rc<Thread>,
    woken: Cell<bool>,
}

static SLEEPERS: Global<RefCell<Map<u64, Rc<Sleeper>>>> = Global::new(RefCell::new(Map::new()));
static NUMBERS: Global<Cell<u64>> = Global::new(Cell::new(1));
/// How long words are watched: longer as long as that helps.
static PATIENCE: Global<Cell<u64>> = Global::new(Cell::new(WATCH_MAX / 2));

/// The keeper says that the waiter with that number is woken.
pub fn woken(number: u64) {
    if let Some(sleeper) = SLEEPERS.borrow_mut().remove(&number) {
        sleeper.woken.set(true);
        sleeper.thread.wake(Events::IN);
    }
}

/// In the child of a fork: the waiters are the parent's.
pub fn after_fork_child() {
    let gone = SLEEPERS.take();
    drop(gone);
}

fn request(operation: u32, (inode, offset): &Place, arguments: [u64; 6]) -> Result<Request> {
    Ok(Request { operation, id: inode.node()?, other: *offset, arguments, ..Request::default() })
}

/// Whether anybody may be waiting at the word, which the caller has changed already.
fn has_sleepers((inode, offset): &Place) -> bool {
    inode.client().has_sleepers(inode.id(), *offset)
}

/// FUTEX_WAKE and FUTEX_WAKE_BITSET: how many have been woken.
///
/// # Errors
/// EINVAL: no bits; EIO.
pub fn wake(place: &Place, count: u32, bits: u32) -> Result<i64> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    if !has_sleepers(place) {
        return Ok(0);
    }
    // Linux wakes one even for a count of 0, and takes it as signed.
    let count = (count as i32).max(1) as u64;
    Ok(session::call(&request(op::FUTEX_WAKE, place, [count, bits.into(), 0, 0, 0, 0])?, &[])?.result)
}

/// FUTEX_REQUEUE and, with `expected`, FUTEX_CMP_REQUEUE.
///
/// # Errors
/// EINVAL; EAGAIN: another value.
pub fn requeue(from: &Place, to: &Place, wake: i32, requeue: i32, expected: Option<u32>) -> Result<i64> {
    let [wake, requeue] = [wake, requeue].map(u64::try_from);
    let (wake, requeue) = (wake.map_err(|_| Errno::EINVAL)?, requeue.map_err(|_| Errno::EINVAL)?);
    let compare = u64::from(expected.unwrap_or(0));
    let arguments = [wake, requeue, to.0.node()?, to.1, compare, 0];
    let request =
        Request { flags: expected.is_some().into(), ..request(op::FUTEX_REQUEUE, from, arguments)? };
    Ok(session::call(&request, &[])?.result)
}

/// Watches the word for a while. True: it has changed.
fn watch(address: usize, expected: u32) -> Result<bool> {
    // Somebody else in this VM has to run for it, or wants to.
    if sched::runnable() > 1 {
        return Ok(false);
    }
    let patience = PATIENCE.get();
    let end = time::monotonic() + patience;
    let mailbox = hypercall::mailbox();
    loop {
        for _ in 0..50 {
            if user::load_word(address)? != expected {
                PATIENCE.set((patience * 2).min(WATCH_MAX));
                return Ok(true);
            }
            core::hint::spin_loop();
        }
        if mailbox.events.load(Relaxed) != 0 {
            return Ok(false);
        }
        if time::monotonic() >= end {
            PATIENCE.set((patience / 2).max(WATCH_MIN));
            return Ok(false);
        }
    }
}

/// Whether the calling thread is taking the robust lock at `address`, as it has said (get_robust_list(2)): then that names its owner.
fn is_robust(thread: &Thread, address: usize) -> bool {
    let (head, _) = thread.robust_list.get();
    if head == 0 {
        return false;
    }
    let word = |at: usize| {
        let mut bytes = [0; 8];
        user::read(head + at, &mut bytes).ok().map(|()| usize::from_le_bytes(bytes))
    };
    let (Some(offset), Some(pending)) = (word(8), word(16)) else { return false };
    pending & !1 != 0 && (pending & !1).wrapping_add(offset) == address
}

/// FUTEX_WAIT and FUTEX_WAIT_BITSET on the word at `address`.
///
/// # Errors
/// EAGAIN: another value; ETIMEDOUT; ERESTARTSYS, ERESTARTNOHAND: a signal is to be handled; ENOMEM: too many wait.
pub fn wait(address: usize, place: &Place, expected: u32, bits: u32, deadline: Option<u64>) -> Result<i64> {
    let robust = sched::with_current(|thread| is_robust(thread, address));
    wait_for(address, place, expected, bits, deadline, robust)
}

/// `robust`: the word holds its owner's thread id, whose death ends the wait.
fn wait_for(
    address: usize,
    place: &Place,
    expected: u32,
    bits: u32,
    deadline: Option<u64>,
    robust: bool,
) -> Result<i64> {
    if bits == 0 {
        return Err(Errno::EINVAL);
    }
    // As if the call had come a little later.
    if watch(address, expected)? {
        return Err(Errno::EAGAIN);
    }
    let thread = sched::current();
    thread.woken.set(false);
    let number = NUMBERS.replace(NUMBERS.get() + 1);
    let sleeper = Rc::new(Sleeper { thread, woken: Cell::new(false) });
    SLEEPERS.borrow_mut().insert(number, sleeper.clone());
    let arguments = [number, expected.into(), bits.into(), 0, 0, 0];
    let asked = request(op::FUTEX_WAIT, place, arguments)
        .and_then(|request| session::call(&Request { flags: robust.into(), ..request }, &[]));
    if let Err(error) = asked {
        SLEEPERS.borrow_mut().remove(&number);
        return Err(error);
    }
    let ended = loop {
        let slept = sched::sleep(deadline);
        if sleeper.woken.get() {
            return Ok(0);
        }
        match slept {
            Ok(Woken::Event) => {}
            Ok(Woken::Deadline) => break Errno::ETIMEDOUT,
            Err(_) if deadline.is_some() => break Errno::ERESTARTNOHAND,
            Err(_) => break Errno::ERESTARTSYS,
        }
    };
    SLEEPERS.borrow_mut().remove(&number);
    let cancel =
        Request { operation: op::FUTEX_CANCEL, arguments: [number, 0, 0, 0, 0, 0], ..Request::default() };
    // Woken on the way: a wake must not be lost.
    if session::call(&cancel, &[])?.result == 1 { Ok(0) } else { Err(ended) }
}

/// FUTEX_LOCK_PI and, unless it `waits`, FUTEX_TRYLOCK_PI of thread `tid`. Nothing runs with another's priority in another VM: it is the lock alone,
/// and not in turn.
///
/// # Errors
/// EDEADLK: it owns the lock already; EAGAIN: taken; those of [`wait`].
pub fn lock(address: usize, place: &Place, tid: u32, deadline: Option<u64>, waits: bool) -> Result<i64> {
    let mut others = 0;
    loop {
        let word = user::load_word(address)?;
        let owner = word & TID_MASK;
        if owner == tid {
            return Err(Errno::EDEADLK);
        }
        if owner == 0 {
            if user::exchange_word(address, word, tid | word & (OWNER_DIED | WAITERS) | others)? == word {
                return Ok(0);
            }
            continue;
        }
        if !waits {
            return Err(Errno::EAGAIN);
        }
        if word & WAITERS == 0 && user::exchange_word(address, word, word | WAITERS)? != word {
            continue;
        }
        match wait_for(address, place, word | WAITERS, MATCH_ANY, deadline, true) {
            // Whoever slept does not know who else does.
            Ok(_) => others = WAITERS,
            Err(Errno::EAGAIN) => {}
            Err(error) => return Err(error),
        }
    }
}

/// FUTEX_UNLOCK_PI of thread `tid`.
///
/// # Errors
/// EPERM: not the owner; EFAULT.
pub fn unlock(address: usize, place: &Place, tid: u32) -> Result<i64> {
    loop {
        let word = user::load_word(address)?;
        if word & TID_MASK != tid {
            return Err(Errno::EPERM);
        }
        if user::exchange_word(address, word, 0)? == word {
            return wake(place, 1, MATCH_ANY).map(|_| 0);
        }
    }
}
