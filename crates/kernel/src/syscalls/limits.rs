//! Limits and usage: getrlimit(2), prlimit(2), getrusage(2), times(2), sysinfo(2).

use super::Call;
use crate::arch::user;
use crate::task::process::{LIMITS, Limit, resource};
use crate::task::{sched, time};
use ramet_kcore::errno::{Errno, Result};

fn get(resource: u32) -> Result<Limit> {
    if resource as usize >= LIMITS {
        return Err(Errno::EINVAL);
    }
    sched::with_current(|thread| Ok(thread.process.limits.borrow()[resource as usize]))
}

fn set(resource: u32, new: Limit) -> Result<()> {
    if resource as usize >= LIMITS || new.soft > new.hard {
        return Err(Errno::EINVAL);
    }
    sched::with_current(|thread| {
        let mut limits = thread.process.limits.borrow_mut();
        let old = limits[resource as usize];
        if new.hard > old.hard && thread.credentials.borrow().euid != 0 {
            return Err(Errno::EPERM);
        }
        if resource as usize == resource::NOFILE && new.hard > 1 << 20 {
            return Err(Errno::EPERM);
        }
        limits[resource as usize] = new;
        drop(limits);
        crate::fs::limits_changed(&thread.process);
        crate::mm::limits_changed(&thread.process);
        crate::task::itimer::limits_changed(&thread.process);
        Ok(())
    })
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
    write_limit(call.arg(1), get(call.uint(0))?)?;
    Ok(0)
}

/// setrlimit(2).
pub fn setrlimit(call: &mut Call<'_>) -> Result<i64> {
    let new = read_limit(call.arg(1))?;
    set(call.uint(0), new)?;
    Ok(0)
}

/// prlimit(2), of the calling process.
pub fn prlimit64(call: &mut Call<'_>) -> Result<i64> {
    let pid = call.int(0);
    if pid < 0 || pid != 0 && sched::with_current(|thread| thread.process.thread(pid).is_none()) {
        return Err(Errno::ESRCH);
    }
    let new = if call.arg(2) == 0 { None } else { Some(read_limit(call.arg(2))?) };
    let old = get(call.uint(1))?;
    if let Some(new) = new {
        set(call.uint(1), new)?;
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
    let (cpu, resident) = match call.int(0) {
        SELF => sched::with_current(|thread| (thread.process.cpu_time(), crate::mm::resident_peak())),
        THREAD => sched::with_current(|thread| (thread.cpu_time_now(), crate::mm::resident_peak())),
        CHILDREN => (0, 0),
        _ => return Err(Errno::EINVAL),
    };
    let mut words = [0u64; 18];
    words[0] = cpu / 1_000_000_000;
    words[1] = cpu % 1_000_000_000 / 1000;
    words[4] = resident / 1024;
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
    let used = sched::with_current(|thread| thread.process.cpu_time()) / TICK;
    if call.arg(0) != 0 {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&used.to_le_bytes());
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
