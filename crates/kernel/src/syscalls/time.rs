//! Clocks and sleeping: clock_gettime(2), nanosleep(2) and their relatives.

use super::Call;
use crate::arch::user;
use crate::fs::proc_elsewhere;
use crate::session::questions;
use crate::task::sched::{self, Woken};
use crate::task::{process, time};
use ramet_kcore::clock::Clock;
use ramet_kcore::errno::{Errno, Result};

const SECOND: u64 = 1_000_000_000;

/// Clock ids (clock_gettime(2)).
mod clock {
    pub const REALTIME: i32 = 0;
    pub const MONOTONIC: i32 = 1;
    pub const PROCESS_CPU: i32 = 2;
    pub const THREAD_CPU: i32 = 3;
    pub const MONOTONIC_RAW: i32 = 4;
    pub const REALTIME_COARSE: i32 = 5;
    pub const MONOTONIC_COARSE: i32 = 6;
    pub const BOOTTIME: i32 = 7;
    pub const REALTIME_ALARM: i32 = 8;
    pub const BOOTTIME_ALARM: i32 = 9;
    pub const TAI: i32 = 11;
}

/// The clock's time in ns.
///
/// # Errors
/// EINVAL: no such clock.
pub fn read_clock(id: i32) -> Result<u64> {
    Ok(match id {
        clock::REALTIME | clock::REALTIME_COARSE | clock::REALTIME_ALARM | clock::TAI => time::realtime(),
        clock::MONOTONIC | clock::MONOTONIC_RAW | clock::MONOTONIC_COARSE => time::monotonic(),
        clock::BOOTTIME | clock::BOOTTIME_ALARM => time::boottime(),
        clock::PROCESS_CPU => sched::with_current(|thread| thread.process.cpu_time()),
        clock::THREAD_CPU => sched::with_current(|thread| thread.cpu_time_now()),
        // User and all time are one: the kernel's part is not counted by itself.
        id if id < 0 => match Clock::decode(id)? {
            Clock::Thread { tid: 0, .. } => sched::with_current(|thread| thread.cpu_time_now()),
            Clock::Thread { tid, .. } => sched::with_current(|thread| {
                // A thread of another process has no clock.
                thread.process.thread(tid as i32).map(|other| other.cpu_time_now()).ok_or(Errno::EINVAL)
            })?,
            Clock::Process { pid: 0, .. } => sched::with_current(|thread| thread.process.cpu_time()),
            Clock::Process { pid, .. } => process_time(pid as i32)?,
            Clock::Wall { .. } => return Err(Errno::EINVAL),
        },
        _ => return Err(Errno::EINVAL),
    })
}

/// Processor time of a process, here or elsewhere in the session.
fn process_time(pid: i32) -> Result<u64> {
    match process::find(pid) {
        Some(process) => Ok(process.cpu_time()),
        None if crate::session::is_open() => match questions::cpu_time(pid) {
            // It has ended, and its clock is what its parent will be told.
            Err(Errno::ESRCH) => proc_elsewhere::used_in_all(pid as u32)
                .map(|(user, system)| user + system)
                .ok_or(Errno::EINVAL),
            other => other.map_err(|_| Errno::EINVAL),
        },
        None => Err(Errno::EINVAL),
    }
}

/// Reads a struct timespec as ns.
///
/// # Errors
/// EFAULT; EINVAL for negative seconds or nanoseconds out of range.
pub fn read_timespec(at: usize) -> Result<u64> {
    let mut bytes = [0; 16];
    user::read(at, &mut bytes)?;
    let seconds = i64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    let nanoseconds = i64::from_le_bytes(bytes[8..].try_into().expect("eight bytes"));
    if seconds < 0 || !(0..SECOND as i64).contains(&nanoseconds) {
        return Err(Errno::EINVAL);
    }
    Ok((seconds as u64).saturating_mul(SECOND).saturating_add(nanoseconds as u64))
}

/// Writes ns as a struct timespec.
///
/// # Errors
/// EFAULT.
pub fn write_timespec(at: usize, nanoseconds: u64) -> Result<()> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&(nanoseconds / SECOND).to_le_bytes());
    bytes[8..].copy_from_slice(&(nanoseconds % SECOND).to_le_bytes());
    user::write(at, &bytes)
}

/// clock_gettime(2).
pub fn clock_gettime(call: &mut Call<'_>) -> Result<i64> {
    let now = read_clock(call.int(0))?;
    write_timespec(call.arg(1), now)?;
    Ok(0)
}

/// clock_getres(2).
pub fn clock_getres(call: &mut Call<'_>) -> Result<i64> {
    let id = call.int(0);
    read_clock(id)?;
    let resolution =
        if matches!(id, clock::REALTIME_COARSE | clock::MONOTONIC_COARSE) { 4_000_000 } else { 1 };
    if call.arg(1) != 0 {
        write_timespec(call.arg(1), resolution)?;
    }
    Ok(0)
}

/// clock_settime(2): nobody may.
pub fn clock_settime(call: &mut Call<'_>) -> Result<i64> {
    let id = call.int(0);
    if id != clock::REALTIME && id >= 0 {
        return Err(Errno::EINVAL);
    }
    if id < 0 {
        user::read(call.arg(1), &mut [0; 16])?;
        read_clock(id)?;
    } else {
        read_timespec(call.arg(1))?;
    }
    Err(Errno::EPERM)
}

/// gettimeofday(2).
pub fn gettimeofday(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(0) != 0 {
        let now = time::realtime();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(now / SECOND).to_le_bytes());
        bytes[8..].copy_from_slice(&(now % SECOND / 1000).to_le_bytes());
        user::write(call.arg(0), &bytes)?;
    }
    if call.arg(1) != 0 {
        user::write_u64(call.arg(1), 0)?;
    }
    Ok(0)
}

/// time(2).
pub fn time(call: &mut Call<'_>) -> Result<i64> {
    let now = (time::realtime() / SECOND) as i64;
    if call.arg(0) != 0 {
        user::write_i64(call.arg(0), now)?;
    }
    Ok(now)
}

/// Sleeps until CLOCK_MONOTONIC reaches `deadline`.
fn sleep_until(deadline: u64) -> Result<()> {
    sched::with_current(|thread| thread.woken.set(false));
    loop {
        if sched::sleep(Some(deadline))? == Woken::Deadline || time::monotonic() >= deadline {
            return Ok(());
        }
    }
}

/// Sleeps until processor-time clock `id` shows `wanted`. With one vCPU no such clock is faster than the time that passes.
fn sleep_until_used(id: i32, wanted: u64) -> Result<()> {
    // Between two looks: no more than a thousand of them a second for a clock that stands.
    const LEAST: u64 = 1_000_000;
    loop {
        let now = read_clock(id)?;
        if now >= wanted {
            return Ok(());
        }
        sleep_until(time::monotonic().saturating_add((wanted - now).max(LEAST)))?;
    }
}

/// clock_nanosleep(2) on the processor time of a process or of another thread.
fn sleep_used(id: i32, wanted: u64, is_absolute: bool, remaining: usize) -> Result<i64> {
    let now = read_clock(id)?;
    let deadline = if is_absolute { wanted } else { now.saturating_add(wanted) };
    match sleep_until_used(id, deadline) {
        Err(Errno::ERESTARTSYS) => {
            if !is_absolute && remaining != 0 {
                write_timespec(remaining, deadline.saturating_sub(read_clock(id)?))?;
            }
            Err(Errno::ERESTARTNOHAND)
        }
        other => other.map(|()| 0),
    }
}

fn sleep_relative(duration: u64, remaining: usize) -> Result<i64> {
    let deadline = time::monotonic().saturating_add(duration);
    match sleep_until(deadline) {
        Err(Errno::ERESTARTSYS) => {
            let left = deadline.saturating_sub(time::monotonic());
            if left == 0 {
                return Ok(0);
            }
            if remaining != 0 {
                write_timespec(remaining, left)?;
            }
            Err(Errno::ERESTARTNOHAND)
        }
        other => other.map(|()| 0),
    }
}

/// nanosleep(2).
pub fn nanosleep(call: &mut Call<'_>) -> Result<i64> {
    sleep_relative(read_timespec(call.arg(0))?, call.arg(1))
}

/// clock_nanosleep(2).
pub fn clock_nanosleep(call: &mut Call<'_>) -> Result<i64> {
    const ABSOLUTE: i32 = 1;
    /// The low bits of a clock that is a device's.
    const DEVICE: i32 = 3;
    let id = call.int(0);
    match id {
        clock::REALTIME | clock::MONOTONIC | clock::BOOTTIME | clock::TAI => {}
        clock::PROCESS_CPU => {}
        clock::THREAD_CPU
        | clock::MONOTONIC_RAW
        | clock::REALTIME_COARSE
        | clock::MONOTONIC_COARSE
        | clock::REALTIME_ALARM
        | clock::BOOTTIME_ALARM => return Err(Errno::EOPNOTSUPP),
        id if id < 0 => match Clock::decode(id) {
            Ok(Clock::Thread { tid, .. }) => {
                // A thread cannot wait for its own time to pass.
                if tid == 0 || tid as i32 == sched::with_current(|thread| thread.tid.get()) {
                    return Err(Errno::EINVAL);
                }
            }
            Ok(_) => {}
            Err(_) if id & 7 == DEVICE => return Err(Errno::EOPNOTSUPP),
            Err(error) => return Err(error),
        },
        _ => return Err(Errno::EINVAL),
    }
    let wanted = read_timespec(call.arg(2))?;
    if id < 0 || id == clock::PROCESS_CPU {
        return sleep_used(id, wanted, call.int(1) & ABSOLUTE != 0, call.arg(3));
    }
    if call.int(1) & ABSOLUTE == 0 {
        return sleep_relative(wanted, call.arg(3));
    }
    let deadline = to_monotonic(id, wanted)?;
    match sleep_until(deadline) {
        Err(Errno::ERESTARTSYS) => Err(Errno::ERESTARTNOHAND),
        other => other.map(|()| 0),
    }
}

/// When CLOCK_MONOTONIC will be what it is when clock `id` shows `at`.
///
/// # Errors
/// EINVAL: no such clock.
pub fn to_monotonic(id: i32, at: u64) -> Result<u64> {
    let ahead = at.saturating_sub(read_clock(id)?);
    Ok(if ahead == 0 { 0 } else { time::monotonic().saturating_add(ahead) })
}
