//! Limits and usage: getrlimit(2), prlimit(2), getrusage(2), times(2), sysinfo(2).

use super::Call;
use crate::arch::user;
use crate::session;
use crate::session::questions::{What, ask};
use crate::task::process::{self, LIMITS, Limit, Process, resource};
use crate::task::{family, sched, time};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::family::Usage;
use ramet_kcore::fs::credentials::{Credentials, cap};
use ramet_kcore::proc::wire::{Portrait, Reader, Wire};

/// A limit of a process.
///
/// # Errors
/// EINVAL: there is no such resource.
pub fn get(process: &Process, resource: u32) -> Result<Limit> {
    if resource as usize >= LIMITS {
        return Err(Errno::EINVAL);
    }
    Ok(process.limits.borrow()[resource as usize])
}

fn may_raise() -> bool {
    sched::with_current(|thread| thread.credentials.borrow().has(cap::SYS_RESOURCE))
}

/// Changes a limit; `may_raise`: its hard value, too.
///
/// # Errors
/// EINVAL, EPERM.
pub fn set(process: &Process, resource: u32, new: Limit, may_raise: bool) -> Result<()> {
    if resource as usize >= LIMITS || new.soft > new.hard {
        return Err(Errno::EINVAL);
    }
    let mut limits = process.limits.borrow_mut();
    let old = limits[resource as usize];
    if new.hard > old.hard && !may_raise {
        return Err(Errno::EPERM);
    }
    if resource as usize == resource::NOFILE && new.hard > 1 << 20 {
        return Err(Errno::EPERM);
    }
    limits[resource as usize] = new;
    drop(limits);
    crate::fs::limits_changed(process);
    crate::mm::limits_changed(process);
    crate::task::itimer::limits_changed(process);
    Ok(())
}

fn write_limit(at: usize, limit: Limit) -> Result<()> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&limit.soft.to_le_bytes());
    bytes[8..].copy_from_slice(&limit.hard.to_le_bytes());
    user::write(at, &bytes)
}

fn read_limit(at: usize) -> Result<Limit> {
    let mut bytes = [0; 16];
    user::read(at, &mut bytes)?;
    let word = |n: usize| u64::from_le_bytes(bytes[n..n + 8].try_into().expect("eight bytes"));
    Ok(Limit { soft: word(0), hard: word(8) })
}

/// getrlimit(2).
pub fn getrlimit(call: &mut Call<'_>) -> Result<i64> {
    let process = sched::with_current(|thread| thread.process.clone());
    write_limit(call.arg(1), get(&process, call.uint(0))?)?;
    Ok(0)
}

/// setrlimit(2).
pub fn setrlimit(call: &mut Call<'_>) -> Result<i64> {
    let new = read_limit(call.arg(1))?;
    let process = sched::with_current(|thread| thread.process.clone());
    set(&process, call.uint(0), new, may_raise())?;
    Ok(0)
}

/// Whether the caller may look at and change the limits of a process with those credentials (prlimit(2)): its ids are all the
/// caller's real ones, or the caller may everything.
fn may_change(of: &Credentials) -> bool {
    sched::with_current(|thread| {
        let own = thread.credentials.borrow();
        own.has(cap::SYS_RESOURCE)
            || [of.uid, of.euid, of.suid].iter().all(|id| *id == own.uid)
                && [of.gid, of.egid, of.sgid].iter().all(|id| *id == own.gid)
    })
}

/// Reads and changes a limit of a process in another VM.
fn limit_elsewhere(pid: i32, resource: u32, new: Option<Limit>) -> Result<Limit> {
    const CHANGE: u64 = 1 << 32;
    const RAISE: u64 = 1 << 33;
    if !session::is_open() || pid < 0 {
        return Err(Errno::ESRCH);
    }
    let (_, bytes) = ask(pid, What::Portrait, [0; 3])?;
    let portrait = Portrait::take(&mut Reader(&bytes)).ok_or(Errno::ESRCH)?;
    if !may_change(&portrait.process.credentials) {
        return Err(Errno::EPERM);
    }
    let change = if new.is_some() { CHANGE } else { 0 } | if may_raise() { RAISE } else { 0 };
    let wanted = new.map_or([0, 0], |new| [new.soft, new.hard]);
    let (_, bytes) = ask(pid, What::Limit, [u64::from(resource) | change, wanted[0], wanted[1]])?;
    let (soft, hard) = Wire::take(&mut Reader(&bytes)).ok_or(Errno::ESRCH)?;
    Ok(Limit { soft, hard })
}

/// prlimit(2).
pub fn prlimit64(call: &mut Call<'_>) -> Result<i64> {
    let (pid, resource) = (call.int(0), call.uint(1));
    let caller = sched::with_current(|thread| thread.process.clone());
    let process = if pid == 0 { Some(caller.clone()) } else { process::of_id(pid) };
    let new = if call.arg(2) == 0 { None } else { Some(read_limit(call.arg(2))?) };
    let old = match process {
        Some(process) => {
            let first = process.threads.borrow().first().cloned();
            let is_own =
                |thread: alloc::rc::Rc<crate::task::thread::Thread>| may_change(&thread.credentials.borrow());
            if !alloc::rc::Rc::ptr_eq(&caller, &process) && !first.is_some_and(is_own) {
                return Err(Errno::EPERM);
            }
            let old = get(&process, resource)?;
            if let Some(new) = new {
                set(&process, resource, new, may_raise())?;
            }
            old
        }
        None => limit_elsewhere(pid, resource, new)?,
    };
    if call.arg(3) != 0 {
        write_limit(call.arg(3), old)?;
    }
    Ok(0)
}

/// getrusage(2). All CPU time counts as user time: the kernel is a library.
pub fn getrusage(call: &mut Call<'_>) -> Result<i64> {
    const SELF: i32 = 0;
    const CHILDREN: i32 = -1;
    const THREAD: i32 = 1;
    let usage = sched::with_current(|thread| match call.int(0) {
        SELF => Ok(family::used(&thread.process)),
        THREAD => Ok(Usage { user_time: thread.cpu_time_now(), ..family::used(&thread.process) }),
        CHILDREN => Ok(thread.process.family.children_usage.get()),
        _ => Err(Errno::EINVAL),
    })?;
    let mut words = [0u64; 18];
    words[0] = usage.user_time / 1_000_000_000;
    words[1] = usage.user_time % 1_000_000_000 / 1000;
    words[4] = usage.resident;
    words[8] = usage.faults;
    if call.int(0) != CHILDREN {
        words[16] = sched::switches();
    }
    let mut bytes = [0; 144];
    for (field, word) in bytes.chunks_exact_mut(8).zip(words) {
        field.copy_from_slice(&word.to_le_bytes());
    }
    user::write(call.arg(1), &bytes)?;
    Ok(0)
}

/// times(2), in ticks of 10 ms.
pub fn times(call: &mut Call<'_>) -> Result<i64> {
    const TICK: u64 = 10_000_000;
    let (used, children) =
        sched::with_current(|thread| (thread.process.cpu_time(), thread.process.family.children_usage.get()));
    if call.arg(0) != 0 {
        let mut bytes = [0; 32];
        // tms_utime, tms_stime, tms_cutime, tms_cstime.
        for (at, time) in [(0, used), (16, children.user_time), (24, children.system_time)] {
            bytes[at..at + 8].copy_from_slice(&(time / TICK).to_le_bytes());
        }
        user::write(call.arg(0), &bytes)?;
    }
    Ok((time::monotonic() / TICK) as i64)
}

/// sysinfo(2).
pub fn sysinfo(call: &mut Call<'_>) -> Result<i64> {
    let memory = crate::mm::statistics();
    let mut bytes = [0; 112];
    let mut put = |at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    put(0, crate::boot::uptime() / 1_000_000_000);
    for (at, load) in [8, 16, 24].into_iter().zip(crate::fs::proc::load()) {
        // With 16 fractional bits (SI_LOAD_SHIFT); the kernel's own have 11.
        put(at, load << 5);
    }
    put(32, memory.limit);
    put(40, memory.free);
    bytes[80..82].copy_from_slice(&1u16.to_le_bytes());
    bytes[104..108].copy_from_slice(&1u32.to_le_bytes());
    user::write(call.arg(0), &bytes)?;
    Ok(0)
}
