//! setitimer(2), alarm(2), timer_create(2) and their relatives.

use super::Call;
use crate::arch::user;
use crate::task::process::resource;
use crate::task::{itimer, sched};
use ramet_kcore::clock::{Clock, SECOND, Timespec};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::signal::itimer::{ITIMERVAL_SIZE, Setting, Which};
use ramet_kcore::signal::posix_timer::{Notify, SIGEVENT_SIZE};

/// getitimer(2).
pub fn getitimer(call: &mut Call<'_>) -> Result<i64> {
    let which = Which::decode(call.int(0))?;
    let setting = sched::with_current(|thread| itimer::get(&thread.process, which));
    user::write(call.arg(1), &setting.encode())?;
    Ok(0)
}

/// setitimer(2). A null pointer disarms, as in Linux.
pub fn setitimer(call: &mut Call<'_>) -> Result<i64> {
    let new = if call.arg(1) == 0 {
        Setting::default()
    } else {
        let mut bytes = [0; ITIMERVAL_SIZE];
        user::read(call.arg(1), &mut bytes)?;
        Setting::decode(&bytes)?
    };
    let which = Which::decode(call.int(0))?;
    let old = sched::with_current(|thread| itimer::set(&thread.process, which, new));
    if call.arg(2) != 0 {
        user::write(call.arg(2), &old.encode())?;
    }
    Ok(0)
}

/// alarm(2).
pub fn alarm(call: &mut Call<'_>) -> Result<i64> {
    let new = Setting { value: call.uint(0) as u64 * SECOND, interval: 0 };
    Ok(sched::with_current(|thread| itimer::set(&thread.process, Which::Real, new)).seconds() as i64)
}

/// timer_create(2).
pub fn timer_create(call: &mut Call<'_>) -> Result<i64> {
    let clock = Clock::decode(call.int(0))?;
    let notify = if call.arg(1) == 0 {
        Notify::DEFAULT
    } else {
        let mut bytes = [0; SIGEVENT_SIZE];
        user::read(call.arg(1), &mut bytes)?;
        Notify::decode(&bytes)?
    };
    let thread = sched::current();
    let process = &thread.process;
    if let Notify::Signal { thread: Some(tid), .. } = notify
        && process.thread(tid).is_none()
    {
        return Err(Errno::EINVAL);
    }
    let id = process.timers.posix.borrow_mut().create(clock, notify, process.limit(resource::SIGPENDING))?;
    if let Err(error) = user::write_i32(call.arg(2), id) {
        process.timers.posix.borrow_mut().delete(id)?;
        return Err(error);
    }
    Ok(0)
}

/// A struct itimerspec: interval, value.
fn encode(setting: &Setting) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&Timespec::from_ns(setting.interval).encode());
    bytes[16..].copy_from_slice(&Timespec::from_ns(setting.value).encode());
    bytes
}

/// timer_settime(2).
pub fn timer_settime(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(2) == 0 {
        return Err(Errno::EINVAL);
    }
    let mut bytes = [0; 32];
    user::read(call.arg(2), &mut bytes)?;
    let time = |from: &[u8]| Timespec::decode(from.try_into().expect("sixteen bytes")).to_ns();
    let new = Setting { interval: time(&bytes[..16])?, value: time(&bytes[16..])? };
    let thread = sched::current();
    let process = &thread.process;
    let id = call.int(0);
    let clock = process.timers.posix.borrow().clock(id)?;
    let now = itimer::read(process, clock);
    let old = process.timers.posix.borrow_mut().set(id, call.int(1), new, now)?;
    process.pending.borrow_mut().discard_timer(id, &process.signal_limit);
    itimer::rearm(process);
    if call.arg(3) != 0 {
        user::write(call.arg(3), &encode(&old))?;
    }
    Ok(0)
}

/// timer_gettime(2).
pub fn timer_gettime(call: &mut Call<'_>) -> Result<i64> {
    let thread = sched::current();
    let process = &thread.process;
    let clock = process.timers.posix.borrow().clock(call.int(0))?;
    let now = itimer::read(process, clock);
    let setting = process.timers.posix.borrow_mut().get(call.int(0), now)?;
    user::write(call.arg(1), &encode(&setting))?;
    Ok(0)
}

/// timer_getoverrun(2).
pub fn timer_getoverrun(call: &mut Call<'_>) -> Result<i64> {
    sched::with_current(|thread| Ok(thread.process.timers.posix.borrow_mut().overrun(call.int(0))? as i64))
}

/// timer_delete(2).
pub fn timer_delete(call: &mut Call<'_>) -> Result<i64> {
    let thread = sched::current();
    let process = &thread.process;
    process.timers.posix.borrow_mut().delete(call.int(0))?;
    process.pending.borrow_mut().discard_timer(call.int(0), &process.signal_limit);
    itimer::rearm(process);
    Ok(0)
}
