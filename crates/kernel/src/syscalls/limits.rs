//! Limits and usage: getrlimit(2), prlimit(2), getrusage(2), times(2), sysinfo(2).

use super::Call;
use crate::arch::user;
use crate::task::process::{self, LIMITS, Limit, Process, resource};
use crate::task::{family, sched, time};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::family::Usage;
use ramet_kcore::fs::credentials::{Credentials, cap};

fn get(process: &Process, resource: u32) -> Result<Limit> {
    if resource as usize >= LIMITS {
        return Err(Errno::EINVAL);
    }
    Ok(process.limits.borrow()[resource as usize])
}

fn set(process: &Process, resource: u32, new: Limit) -> Result<()> {
    if resource as usize >= LIMITS || new.soft > new.hard {
        return Err(Errno::EINVAL);
    }
    let mut limits = process.limits.borrow_mut();
    let old = limits[resource as usize];
    if new.hard > old.hard && sched::with_current(|thread| thread.credentials.borrow().euid != 0) {
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
    set(&process, call.uint(0), new)?;
    Ok(0)
}

/// Whether the caller may look at and change the limits of `target` (prlimit(2)): its ids are all the caller's real ones, or the
/// caller is root.
fn may_change(target: &Process) -> bool {
    sched::with_current(|thread| {
        let own = thread.credentials.borrow();
        let is_own = |of: &Credentials| {
            [of.uid, of.euid, of.suid].iter().all(|id| *id == own.uid)
                && [of.gid, of.egid, of.sgid].iter().all(|id| *id == own.gid)
        };
        let first = target.threads.borrow().first().cloned();
        own.has(cap::SYS_RESOURCE)
            || core::ptr::eq(&*thread.process, target)
            || first.is_some_and(|first| is_own(&first.credentials.borrow()))
    })
}

/// prlimit(2), of processes in this VM.
pub fn prlimit64(call: &mut Call<'_>) -> Result<i64> {
    let pid = call.int(0);
    let process = match pid {
        0 => sched::with_current(|thread| thread.process.clone()),
        pid => process::of_id(pid).ok_or(Errno::ESRCH)?,
    };
    if !may_change(&process) {
        return Err(Errno::EPERM);
    }
    let new = if call.arg(2) == 0 { None } else { Some(read_limit(call.arg(2))?) };
    let old = get(&process, call.uint(1))?;
    if let Some(new) = new {
        set(&process, call.uint(1), new)?;
    }
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
    put(32, memory.limit);
    put(40, memory.free);
    bytes[80..82].copy_from_slice(&1u16.to_le_bytes());
    bytes[104..108].copy_from_slice(&1u32.to_le_bytes());
    user::write(call.arg(0), &bytes)?;
    Ok(0)
}
