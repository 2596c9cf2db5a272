//! prctl(2): the operations that concern a single process.

use super::Call;
use crate::arch::user;
use crate::task::family::{Facts, elsewhere};
use crate::task::sched;
use crate::task::thread::Thread;
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
    pub const SET_NAME: i32 = 15;
    pub const GET_NAME: i32 = 16;
    pub const GET_SECCOMP: i32 = 21;
    pub const CAPBSET_READ: i32 = 23;
    pub const CAPBSET_DROP: i32 = 24;
    pub const GET_SECUREBITS: i32 = 27;
    pub const GET_TIMERSLACK: i32 = 30;
    pub const SET_TIMERSLACK: i32 = 29;
    pub const SET_CHILD_SUBREAPER: i32 = 36;
    pub const GET_CHILD_SUBREAPER: i32 = 37;
    pub const SET_NO_NEW_PRIVS: i32 = 38;
    pub const GET_NO_NEW_PRIVS: i32 = 39;
    pub const GET_TID_ADDRESS: i32 = 40;
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
