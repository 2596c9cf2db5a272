//! futex(2): the queues of `ramet_kcore::futex` over the program's memory and threads.

use super::process;
use super::sched::{self, Woken};
use super::thread::Thread;
use super::{session_futex, time};
use crate::arch::user;
use crate::global::Global;
use crate::mm::{self, Word};
use crate::syscalls::Call;
use crate::syscalls::time::read_timespec;
use alloc::rc::Rc;
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::futex::pi::{Lock, PiLocks};
use ramet_kcore::futex::{Futexes, Key, MATCH_ANY, WakeOp, check_address, robust};

static FUTEXES: Global<RefCell<Futexes>> = Global::new(RefCell::new(Futexes::new()));
static LOCKS: Global<RefCell<PiLocks>> = Global::new(RefCell::new(PiLocks::new()));

mod operation {
    pub const WAIT: i32 = 0;
    pub const WAKE: i32 = 1;
    pub const REQUEUE: i32 = 3;
    pub const CMP_REQUEUE: i32 = 4;
    pub const WAKE_OP: i32 = 5;
    pub const LOCK_PI: i32 = 6;
    pub const UNLOCK_PI: i32 = 7;
    pub const TRYLOCK_PI: i32 = 8;
    pub const WAIT_BITSET: i32 = 9;
    pub const WAKE_BITSET: i32 = 10;
    pub const LOCK_PI2: i32 = 13;
    pub const PRIVATE: i32 = 128;
    pub const CLOCK_REALTIME: i32 = 256;
}

/// The word's name.
fn name(address: usize, private: bool) -> Word {
    if private {
        return Word::Local(Key { space: 0, offset: address as u64 });
    }
    mm::shared_word(address as u64)
}

/// Words in shared memory have other names from now on: who waits at one waits there.
pub fn words_have_moved() {
    FUTEXES.borrow_mut().evict_shared();
}

/// A word that is not said to be private must be there, and be writable unless it is a file's (`get_futex_key` of Linux).
fn check_shared(address: usize, private: bool) -> Result<()> {
    if private {
        return Ok(());
    }
    let value = user::load_word(address)?;
    if user::exchange_word(address, value, value).is_ok() || is_file(address as u64) {
        Ok(())
    } else {
        Err(Errno::EFAULT)
    }
}

fn is_file(address: u64) -> bool {
    let page = address & !4095;
    crate::mm::with_space(|space| space.areas().find(page).is_some_and(|area| area.file_at(page).is_some()))
}

/// Wakes up to `count` threads that wait at a private word.
pub fn wake_address(address: usize, count: i32) {
    // Glibc joins with a shared wait, musl with a private one; without a shared mapping both have the same key.
    let _ = wake(&name(address, false), count as u32, MATCH_ANY);
}

fn wake(word: &Word, count: u32, bits: u32) -> Result<i64> {
    match word {
        Word::Local(key) => Ok(FUTEXES.borrow_mut().wake(*key, count as i32, bits)? as i64),
        Word::Session(inode, offset) => session_futex::wake(&(inode.clone(), *offset), count, bits),
    }
}

/// The robust list of a thread that ends.
pub fn release_robust_list(thread: &Thread) {
    let (head, _) = thread.robust_list.replace((0, 0));
    if head == 0 {
        return;
    }
    let tid = thread.tid.get() as u32;
    let mut wake = |address: u64| wake_address(address as usize, 1);
    let mut hand_on = |address: u64| match name(address as usize, false) {
        Word::Local(key) => LOCKS.borrow_mut().owner_died(&user::Program, address, key),
        Word::Session(..) => wake_address(address as usize, 1),
    };
    robust::exit(&user::Program, head as u64, tid, &mut wake, &mut hand_on);
}

/// futex(2).
pub fn sys_futex(call: &mut Call<'_>) -> Result<i64> {
    let address = call.arg(0);
    let command = call.int(1) & !(operation::PRIVATE | operation::CLOCK_REALTIME);
    let private = call.int(1) & operation::PRIVATE != 0;
    let realtime = call.int(1) & operation::CLOCK_REALTIME != 0;
    let value = call.uint(2);
    let timeout = match command {
        operation::WAIT | operation::WAIT_BITSET | operation::LOCK_PI | operation::LOCK_PI2
            if call.arg(3) != 0 =>
        {
            let time = read_timespec(call.arg(3))?;
            let absolute = command != operation::WAIT;
            // LOCK_PI is always on CLOCK_REALTIME.
            let clock = if realtime || command == operation::LOCK_PI { 0 } else { 1 };
            Some(if absolute {
                crate::syscalls::time::to_monotonic(clock, time)?
            } else {
                time::monotonic().saturating_add(time)
            })
        }
        _ => None,
    };
    if realtime && !matches!(command, operation::WAIT_BITSET | operation::LOCK_PI2) {
        return Err(Errno::ENOSYS);
    }
    if matches!(command, operation::WAKE | operation::WAKE_BITSET) {
        // The word itself is not read.
        check_address(address as u64)?;
        check_shared(address, private)?;
        let bits = if command == operation::WAKE { MATCH_ANY } else { call.uint(5) };
        return wake(&name(address, private), value, bits);
    }
    check_address(address as u64)?;
    check_shared(address, private)?;
    let second = call.arg(4);
    match command {
        operation::WAIT => wait(address, private, value, MATCH_ANY, timeout),
        operation::WAIT_BITSET => wait(address, private, value, call.uint(5), timeout),
        operation::REQUEUE | operation::CMP_REQUEUE => {
            check_address(second as u64)?;
            check_shared(second, private)?;
            let expected = (command == operation::CMP_REQUEUE).then(|| call.uint(5));
            requeue((address, second), private, value as i32, call.int(3), expected)
        }
        operation::WAKE_OP => {
            check_address(second as u64)?;
            check_shared(second, private)?;
            wake_op((address, second), private, value, call.uint(3), call.uint(5))
        }
        operation::LOCK_PI | operation::LOCK_PI2 => lock(address, private, timeout),
        operation::TRYLOCK_PI => try_lock(address, private),
        operation::UNLOCK_PI => {
            let tid = sched::with_current(|thread| thread.tid.get() as u32);
            match name(address, private) {
                Word::Local(key) => {
                    LOCKS.borrow_mut().unlock(&user::Program, address as u64, key, tid)?;
                    Ok(0)
                }
                Word::Session(inode, offset) => session_futex::unlock(address, &(inode, offset), tid),
            }
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// The word at `second` replaced by what `apply` makes of it; the old value.
fn update(second: usize, apply: &dyn Fn(u32) -> u32) -> Result<u32> {
    let mut old = user::load_word(second)?;
    loop {
        let seen = user::exchange_word(second, old, apply(old))?;
        if seen == old {
            return Ok(old);
        }
        old = seen;
    }
}

fn wake_op(
    (first, second): (usize, usize),
    private: bool,
    count: u32,
    other_count: u32,
    encoded: u32,
) -> Result<i64> {
    // The word is touched before the queues are borrowed: a page fault must find them free.
    user::load_word(second)?;
    match (name(first, private), name(second, private)) {
        (Word::Local(first), Word::Local(other)) => {
            let (count, other_count) = (count as i32, other_count as i32);
            let update = |apply: &dyn Fn(u32) -> u32| update(second, apply);
            let woken = FUTEXES.borrow_mut().wake_op(first, other, count, other_count, encoded, update)?;
            Ok(woken as i64)
        }
        (first, other) => {
            let operation = WakeOp::decode(encoded)?;
            let old = update(second, &|value| operation.apply(value))?;
            let mut woken = wake(&first, count, MATCH_ANY)?;
            if operation.matches(old) {
                woken += wake(&other, other_count, MATCH_ANY)?;
            }
            Ok(woken)
        }
    }
}

fn requeue(
    (first, second): (usize, usize),
    private: bool,
    count: i32,
    moved: i32,
    expected: Option<u32>,
) -> Result<i64> {
    let load = || user::load_word(first);
    match (name(first, private), name(second, private)) {
        (Word::Local(from), Word::Local(to)) => {
            let compare = expected.map(|value| (value, &load as &dyn Fn() -> Result<u32>));
            Ok(FUTEXES.borrow_mut().requeue(from, to, count, moved, compare)? as i64)
        }
        (Word::Session(from, at), Word::Session(to, to_at)) => {
            session_futex::requeue(&(from, at), &(to, to_at), count, moved, expected)
        }
        // Between memory of one VM and of several: whoever would move is woken, and looks again.
        (from, _) => {
            if count < 0 || moved < 0 {
                return Err(Errno::EINVAL);
            }
            if expected.is_some_and(|value| load() != Ok(value)) {
                return Err(Errno::EAGAIN);
            }
            wake(&from, (count as u32).saturating_add(moved as u32), MATCH_ANY)
        }
    }
}

fn wait(address: usize, private: bool, expected: u32, bits: u32, deadline: Option<u64>) -> Result<i64> {
    // Touched before the queues are borrowed.
    user::load_word(address)?;
    let key = match name(address, private) {
        Word::Local(key) => key,
        Word::Session(inode, offset) => {
            return session_futex::wait(address, &(inode, offset), expected, bits, deadline);
        }
    };
    let thread = sched::current();
    thread.woken.set(false);
    let waiter = FUTEXES.borrow_mut().wait(key, bits, expected, || user::load_word(address), thread)?;
    loop {
        let woken = sched::sleep(deadline);
        if waiter.is_woken() {
            return Ok(0);
        }
        if waiter.has_moved() {
            return wait(address, private, expected, bits, deadline);
        }
        match woken {
            Ok(Woken::Event) => {}
            Ok(Woken::Deadline) => {
                FUTEXES.borrow_mut().cancel(&waiter);
                return Err(Errno::ETIMEDOUT);
            }
            Err(_) => {
                FUTEXES.borrow_mut().cancel(&waiter);
                return Err(if deadline.is_some() { Errno::ERESTARTNOHAND } else { Errno::ERESTARTSYS });
            }
        }
    }
}

fn is_alive(tid: u32) -> bool {
    process::find_thread(tid as i32).is_some()
}

fn try_lock(address: usize, private: bool) -> Result<i64> {
    let tid = sched::with_current(|thread| thread.tid.get() as u32);
    let key = match name(address, private) {
        Word::Local(key) => key,
        Word::Session(inode, offset) => {
            return session_futex::lock(address, &(inode, offset), tid, None, false);
        }
    };
    LOCKS.borrow_mut().lock(&user::Program, address as u64, key, tid, is_alive, None)?;
    Ok(0)
}

fn lock(address: usize, private: bool, deadline: Option<u64>) -> Result<i64> {
    user::load_word(address)?;
    let thread = sched::current();
    thread.woken.set(false);
    let tid = thread.tid.get() as u32;
    let wake: Rc<Thread> = thread.clone();
    let key = match name(address, private) {
        Word::Local(key) => key,
        Word::Session(inode, offset) => {
            return session_futex::lock(address, &(inode, offset), tid, deadline, true);
        }
    };
    let locked = LOCKS.borrow_mut().lock(&user::Program, address as u64, key, tid, is_alive, Some(wake))?;
    let waiter = match locked {
        Lock::Taken => return Ok(0),
        Lock::Wait(waiter) => waiter,
    };
    loop {
        let woken = sched::sleep(deadline);
        if waiter.is_woken() {
            return Ok(0);
        }
        match woken {
            Ok(Woken::Event) => continue,
            Ok(Woken::Deadline) if LOCKS.borrow_mut().cancel(&waiter) => return Err(Errno::ETIMEDOUT),
            Err(_) if LOCKS.borrow_mut().cancel(&waiter) => return Err(Errno::ERESTARTSYS),
            // It got the lock in the meantime.
            _ => return Ok(0),
        }
    }
}
