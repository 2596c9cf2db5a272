//! futex(2): the queues of `ramet_kcore::futex` over the program's memory and threads.

use super::process;
use super::sched::{self, Woken};
use super::thread::Thread;
use super::time;
use crate::arch::user;
use crate::global::Global;
use crate::syscalls::Call;
use crate::syscalls::time::read_timespec;
use alloc::rc::Rc;
use core::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::futex::pi::{Lock, PiLocks};
use ramet_kcore::futex::{Futexes, Key, MATCH_ANY, check_address, robust};

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

/// The word's name. A word in a shared mapping is named by its object, so that two mappings of it are one futex.
fn key(address: usize, private: bool) -> Key {
    if !private && let Some((space, offset)) = crate::mm::shared_object(address as u64) {
        return Key { space, offset };
    }
    Key { space: 0, offset: address as u64 }
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
    let _ = FUTEXES.borrow_mut().wake(key(address, false), count, MATCH_ANY);
}

/// The robust list of a thread that ends.
pub fn release_robust_list(thread: &Thread) {
    let (head, _) = thread.robust_list.replace((0, 0));
    if head == 0 {
        return;
    }
    let tid = thread.tid.get() as u32;
    let mut wake = |address: u64| wake_address(address as usize, 1);
    let mut hand_on = |address: u64| {
        LOCKS.borrow_mut().owner_died(&user::Program, address, key(address as usize, false));
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
    if realtime && !matches!(command, operation::WAIT | operation::WAIT_BITSET | operation::LOCK_PI2) {
        return Err(Errno::ENOSYS);
    }
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
    if matches!(command, operation::WAKE | operation::WAKE_BITSET) {
        // The word itself is not read.
        check_address(address as u64)?;
        check_shared(address, private)?;
        let bits = if command == operation::WAKE { MATCH_ANY } else { call.uint(5) };
        return Ok(FUTEXES.borrow_mut().wake(key(address, private), value as i32, bits)? as i64);
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
            let load = || user::load_word(address);
            let expected: Option<(u32, &dyn Fn() -> Result<u32>)> =
                if command == operation::CMP_REQUEUE { Some((call.uint(5), &load)) } else { None };
            let (from, to) = (key(address, private), key(second, private));
            let moved = FUTEXES.borrow_mut().requeue(from, to, value as i32, call.int(3), expected)?;
            Ok(moved as i64)
        }
        operation::WAKE_OP => {
            check_address(second as u64)?;
            check_shared(second, private)?;
            let (first, other) = (key(address, private), key(second, private));
            let update = |apply: &dyn Fn(u32) -> u32| {
                let mut old = user::load_word(second)?;
                loop {
                    let seen = user::exchange_word(second, old, apply(old))?;
                    if seen == old {
                        return Ok(old);
                    }
                    old = seen;
                }
            };
            // The word is touched before the queues are borrowed: a page fault must find them free.
            user::load_word(second)?;
            let woken = FUTEXES.borrow_mut().wake_op(
                first,
                other,
                value as i32,
                call.int(3),
                call.uint(5),
                update,
            )?;
            Ok(woken as i64)
        }
        operation::LOCK_PI | operation::LOCK_PI2 => lock(address, private, timeout),
        operation::TRYLOCK_PI => {
            let tid = sched::with_current(|thread| thread.tid.get() as u32);
            LOCKS.borrow_mut().lock(
                &user::Program,
                address as u64,
                key(address, private),
                tid,
                is_alive,
                None,
            )?;
            Ok(0)
        }
        operation::UNLOCK_PI => {
            let tid = sched::with_current(|thread| thread.tid.get() as u32);
            LOCKS.borrow_mut().unlock(&user::Program, address as u64, key(address, private), tid)?;
            Ok(0)
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn wait(address: usize, private: bool, expected: u32, bits: u32, deadline: Option<u64>) -> Result<i64> {
    // Touched before the queues are borrowed.
    user::load_word(address)?;
    let thread = sched::current();
    thread.woken.set(false);
    let key = key(address, private);
    let waiter = FUTEXES.borrow_mut().wait(key, bits, expected, || user::load_word(address), thread)?;
    loop {
        let woken = sched::sleep(deadline);
        if waiter.is_woken() {
            return Ok(0);
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

fn lock(address: usize, private: bool, deadline: Option<u64>) -> Result<i64> {
    user::load_word(address)?;
    let thread = sched::current();
    thread.woken.set(false);
    let tid = thread.tid.get() as u32;
    let wake: Rc<Thread> = thread.clone();
    let key = key(address, private);
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
