//! Threads that sched_setscheduler(2), setpriority(2) and their relatives are about: of this VM, or of another one of the session.

use super::family::elsewhere;
use super::process::{self, Process, resource};
use super::thread::Thread;
use super::{relatives, sched};
use crate::session;
use crate::session::questions::{What, ask};
use crate::syscalls::scheduling::Scheduling;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::{Credentials, cap};
use ramet_kcore::proc::wire::{Portrait, Reader, Wire, take_list};

/// One of the three values that can be changed: SCHEDULE's second argument.
pub mod field {
    /// Policy.
    pub const POLICY: u64 = 0;
    /// Nice value.
    pub const NICE: u64 = 1;
    /// I/O priority.
    pub const IO: u64 = 2;
}

/// A thread's id, policy, nice value and I/O priority, as they travel.
pub type Values = (u64, (i32, (i32, i32)));

/// A thread.
pub enum Target {
    /// Of this VM.
    Here(Rc<Thread>),
    /// Of another.
    There(Other),
}

/// A thread in another VM.
pub struct Other {
    pid: i32,
    tid: i32,
    now: Scheduling,
    nice_limit: u64,
    owner: Credentials,
}

impl Target {
    /// The thread with that id; 0 is the caller.
    ///
    /// # Errors
    /// ESRCH.
    pub fn of_thread(tid: i32) -> Result<Target> {
        if tid == 0 {
            return Ok(Target::Here(sched::current()));
        }
        match process::find_thread(tid) {
            Some(thread) => Ok(Target::Here(thread)),
            None => there(tid, tid)?.pop().ok_or(Errno::ESRCH),
        }
    }

    /// What it has asked for.
    pub fn scheduling(&self) -> Scheduling {
        match self {
            Target::Here(thread) => thread.scheduling.get(),
            Target::There(other) => other.now,
        }
    }

    /// RLIMIT_NICE of its process.
    pub fn nice_limit(&self) -> u64 {
        match self {
            Target::Here(thread) => thread.process.limit(resource::NICE),
            Target::There(other) => other.nice_limit,
        }
    }

    /// Whether the caller may change it: the same user, or CAP_SYS_NICE.
    ///
    /// # Errors
    /// EPERM.
    pub fn check_owner(&self) -> Result<()> {
        let owner = match self {
            Target::Here(thread) => (**thread.credentials.borrow()).clone(),
            Target::There(other) => other.owner.clone(),
        };
        sched::with_current(|caller| {
            let own = caller.credentials.borrow();
            let is_own = own.euid == owner.uid || own.euid == owner.euid;
            if is_own || own.has(cap::SYS_NICE) { Ok(()) } else { Err(Errno::EPERM) }
        })
    }

    /// Changes one [`field`].
    ///
    /// # Errors
    /// ESRCH: it has ended; EAGAIN: its VM does not answer.
    pub fn change(&self, field: u64, value: i32) -> Result<()> {
        match self {
            Target::Here(thread) => {
                thread.scheduling.set(thread.scheduling.get().with(field, value));
                Ok(())
            }
            Target::There(other) => {
                ask(other.pid, What::Schedule, [other.tid as u64, field, value as u64]).map(drop)
            }
        }
    }
}

/// A thread of a process in another VM, or all of them (`tid` 0).
fn there(pid: i32, tid: i32) -> Result<Vec<Target>> {
    if !session::is_open() || pid <= 0 {
        return Err(Errno::ESRCH);
    }
    let (_, bytes) = ask(pid, What::Scheduling, [tid as u64, 0, 0])?;
    let threads: Vec<Values> = take_list(&mut Reader(&bytes)).ok_or(Errno::ESRCH)?;
    if threads.is_empty() {
        return Err(Errno::ESRCH);
    }
    let (_, bytes) = ask(pid, What::Portrait, [0; 3])?;
    let portrait = Portrait::take(&mut Reader(&bytes)).ok_or(Errno::ESRCH)?.process;
    let nice_limit = portrait.limits[resource::NICE].0;
    let other = |(tid, (policy, (nice, io))): Values| {
        let now = Scheduling::new(policy, nice, io);
        Target::There(Other { pid, tid: tid as i32, now, nice_limit, owner: portrait.credentials.clone() })
    };
    Ok(threads.into_iter().map(other).collect())
}

/// All threads of those processes that are here, and of those elsewhere whose place or user `is_meant` (group, real user id) accepts.
pub fn members(here: &[Rc<Process>], is_meant: impl Fn(i32, u32) -> bool) -> Vec<Target> {
    let mut all: Vec<Target> =
        here.iter().flat_map(|process| process.threads.borrow().clone()).map(Target::Here).collect();
    if session::is_open() {
        for pid in relatives::pids() {
            let is_here = process::find(pid).is_some();
            let known = elsewhere().place(pid).zip(relatives::user_of(pid));
            if !is_here && known.is_some_and(|(place, user)| is_meant(place.group, user)) {
                // One that ends meanwhile, or does not answer, is left out.
                all.extend(there(pid, 0).unwrap_or_default());
            }
        }
    }
    all
}

/// For another VM: a thread of this one's process with its values, or all of them (`tid` 0).
pub fn own(process: &Process, tid: i32) -> Vec<Values> {
    let threads = process.threads.borrow();
    let meant = threads.iter().filter(|thread| tid == 0 || thread.tid.get() == tid);
    meant.map(|thread| (thread.tid.get() as u64, thread.scheduling.get().values())).collect()
}

/// For another VM: changes one [`field`] of a thread.
///
/// # Errors
/// ESRCH.
pub fn change_own(process: &Process, tid: i32, field: u64, value: i32) -> Result<()> {
    let thread = process.thread(tid).ok_or(Errno::ESRCH)?;
    thread.scheduling.set(thread.scheduling.get().with(field, value));
    Ok(())
}
