//! prctl(2): the operations that concern a single process.

use super::Call;
use crate::arch::user;
use crate::task::family::{Facts, elsewhere};
use crate::task::sched;
use crate::task::thread::{MemoryErrors, Thread};
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::{Credentials, cap};

mod option {
    pub const SET_PDEATHSIG: i32 = 1;
    pub const GET_PDEATHSIG: i32 = 2;
    pub const GET_DUMPABLE: i32 = 3;
    pub const SET_DUMPABLE: i32 = 4;
    pub const GET_KEEPCAPS: i32 = 7;
    pub const SET_KEEPCAPS: i32 = 8;
    pub const GET_TIMING: i32 = 13;
    pub const SET_TIMING: i32 = 14;
    pub const SET_NAME: i32 = 15;
    pub const GET_NAME: i32 = 16;
    pub const GET_SECCOMP: i32 = 21;
    pub const CAPBSET_READ: i32 = 23;
    pub const CAPBSET_DROP: i32 = 24;
    pub const GET_TSC: i32 = 25;
    pub const SET_TSC: i32 = 26;
    pub const GET_SECUREBITS: i32 = 27;
    pub const MCE_KILL: i32 = 33;
    pub const MCE_KILL_GET: i32 = 34;
    pub const GET_TIMERSLACK: i32 = 30;
    pub const SET_TIMERSLACK: i32 = 29;
    pub const SET_CHILD_SUBREAPER: i32 = 36;
    pub const GET_CHILD_SUBREAPER: i32 = 37;
    pub const SET_NO_NEW_PRIVS: i32 = 38;
    pub const GET_NO_NEW_PRIVS: i32 = 39;
    pub const GET_TID_ADDRESS: i32 = 40;
    pub const SET_THP_DISABLE: i32 = 41;
    pub const GET_THP_DISABLE: i32 = 42;
    pub const CAP_AMBIENT: i32 = 47;
}

/// PR_CAP_AMBIENT.
fn ambient(thread: &Thread, call: &Call<'_>) -> Result<i64> {
    const IS_SET: usize = 1;
    const RAISE: usize = 2;
    const LOWER: usize = 3;
    const CLEAR_ALL: usize = 4;
    let (operation, number) = (call.arg(1), call.arg(2));
    if operation == CLEAR_ALL {
        if (2..5).any(|n| call.arg(n) != 0) {
            return Err(Errno::EINVAL);
        }
        change(thread, |credentials| credentials.ambient = 0);
        return Ok(0);
    }
    if call.arg(3) != 0 || call.arg(4) != 0 || number > cap::LAST as usize {
        return Err(Errno::EINVAL);
    }
    let bit = 1 << number;
    match operation {
        IS_SET => Ok((thread.credentials.borrow().ambient & bit != 0) as i64),
        RAISE => {
            let current = thread.credentials.borrow().clone();
            if current.permitted & current.inheritable & bit == 0 {
                return Err(Errno::EPERM);
            }
            change(thread, |credentials| credentials.ambient |= bit);
            Ok(0)
        }
        LOWER => {
            change(thread, |credentials| credentials.ambient &= !bit);
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// PR_MCE_KILL: what a thread wishes to be told of memory errors. The host tells its guests of none.
fn memory_errors(thread: &Thread, call: &Call<'_>) -> Result<i64> {
    const CLEAR: usize = 0;
    const SET: usize = 1;
    let policy = match (call.arg(1), call.arg(2)) {
        _ if call.arg(3) != 0 || call.arg(4) != 0 => return Err(Errno::EINVAL),
        (CLEAR, 0) => MemoryErrors::Default,
        (SET, 0) => MemoryErrors::Late,
        (SET, 1) => MemoryErrors::Early,
        (SET, 2) => MemoryErrors::Default,
        (SET, _) => {
            // Refused too late, as in Linux: the thread has a policy of its own from now on.
            if thread.memory_errors.get() == MemoryErrors::Default {
                thread.memory_errors.set(MemoryErrors::Late);
            }
            return Err(Errno::EINVAL);
        }
        _ => return Err(Errno::EINVAL),
    };
    thread.memory_errors.set(policy);
    Ok(0)
}

fn change(thread: &Thread, change: impl FnOnce(&mut Credentials)) {
    let mut new = (**thread.credentials.borrow()).clone();
    change(&mut new);
    thread.credentials.replace(Rc::new(new));
}

/// prctl(2).
pub fn prctl(call: &mut Call<'_>) -> Result<i64> {
    let thread = sched::current();
    let rest_is_zero = |from: usize| (from..5).all(|n| call.arg(n) == 0);
    match call.int(0) {
        option::SET_NAME => {
            let mut name = [0; 16];
            let mut got = user::read_some(call.arg(1), &mut name);
            if let Some(end) = name[..got].iter().position(|byte| *byte == 0) {
                name[end..].fill(0);
                got = 16;
            }
            if got < 15 {
                return Err(Errno::EFAULT);
            }
            name[15] = 0;
            thread.name.set(name);
            elsewhere().describe(&thread.process, Facts::Program);
            Ok(0)
        }
        option::GET_NAME => {
            user::write(call.arg(1), &thread.name.get())?;
            Ok(0)
        }
        option::GET_DUMPABLE => Ok(thread.process.dumpable.get() as i64),
        option::SET_DUMPABLE => match call.arg(1) {
            value @ (0 | 1) => {
                thread.process.dumpable.set(value == 1);
                Ok(0)
            }
            _ => Err(Errno::EINVAL),
        },
        option::SET_NO_NEW_PRIVS if call.arg(1) == 1 && rest_is_zero(2) => {
            thread.process.no_new_privileges.set(true);
            change(&thread, |credentials| credentials.no_new_privileges = true);
            Ok(0)
        }
        option::GET_NO_NEW_PRIVS if rest_is_zero(1) => Ok(thread.process.no_new_privileges.get() as i64),
        option::GET_SECCOMP => Ok(0),
        option::GET_KEEPCAPS => Ok(thread.credentials.borrow().keep_capabilities as i64),
        option::SET_KEEPCAPS if call.arg(1) <= 1 => {
            change(&thread, |credentials| credentials.keep_capabilities = call.arg(1) == 1);
            Ok(0)
        }
        option::CAPBSET_READ if call.arg(1) > cap::LAST as usize => Err(Errno::EINVAL),
        option::CAPBSET_READ => Ok((thread.credentials.borrow().bounding >> call.arg(1) & 1) as i64),
        option::CAPBSET_DROP => {
            if !thread.credentials.borrow().has(cap::SETPCAP) {
                return Err(Errno::EPERM);
            }
            if call.arg(1) > cap::LAST as usize {
                return Err(Errno::EINVAL);
            }
            change(&thread, |credentials| credentials.bounding &= !(1 << call.arg(1)));
            Ok(0)
        }
        // No securebits are set, and none can be.
        option::GET_SECUREBITS => Ok(0),
        option::CAP_AMBIENT => ambient(&thread, call),
        option::GET_TIMING => Ok(0),
        // Only statistical times, which is what there is.
        option::SET_TIMING if call.arg(1) == 0 => Ok(0),
        // The time stamp counter cannot be taken away from a program here.
        option::GET_TSC => {
            user::write_i32(call.arg(1), 1)?;
            Ok(0)
        }
        option::SET_TSC if call.arg(1) == 1 => Ok(0),
        option::MCE_KILL => memory_errors(&thread, call),
        option::MCE_KILL_GET if rest_is_zero(1) => Ok(thread.memory_errors.get() as i64),
        // Noted, no more: whether pages are large is up to the host, as it is without transparent huge pages.
        option::SET_THP_DISABLE if rest_is_zero(2) => {
            thread.process.small_pages.set(call.arg(1) != 0);
            Ok(0)
        }
        option::GET_THP_DISABLE if rest_is_zero(1) => Ok(thread.process.small_pages.get() as i64),
        option::GET_TID_ADDRESS => {
            user::write_u64(call.arg(1), thread.clear_child_tid.get() as u64)?;
            Ok(0)
        }
        // Sleeps are as exact as the host's timer whatever the slack.
        option::GET_TIMERSLACK => Ok(thread.timer_slack.get() as i64),
        option::SET_TIMERSLACK => {
            thread.timer_slack.set(if call.arg(1) == 0 { 50_000 } else { call.arg(1) as u64 });
            Ok(0)
        }
        option::SET_PDEATHSIG => {
            if call.arg(1) > 64 {
                return Err(Errno::EINVAL);
            }
            thread.process.parent_death_signal.set(call.int(1));
            elsewhere().describe(&thread.process, Facts::Options);
            Ok(0)
        }
        option::GET_PDEATHSIG => {
            user::write_i32(call.arg(1), thread.process.parent_death_signal.get())?;
            Ok(0)
        }
        option::SET_CHILD_SUBREAPER => {
            thread.process.subreaper.set(call.arg(1) != 0);
            elsewhere().describe(&thread.process, Facts::Options);
            Ok(0)
        }
        option::GET_CHILD_SUBREAPER => {
            user::write_i32(call.arg(1), thread.process.subreaper.get() as i32)?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
