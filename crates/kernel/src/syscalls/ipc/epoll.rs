//! epoll(7).

use super::poll::with_mask;
use crate::arch::user;
use crate::fs::anonymous;
use crate::session;
use crate::syscalls::file::only;
use crate::syscalls::file::open::install;
use crate::syscalls::time::read_timespec;
use crate::syscalls::{Call, io};
use crate::task::time;
use alloc::rc::Rc;
use core::any::Any;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_CLOEXEC, O_RDWR};
use ramet_kcore::ipc::epoll::{Epoll, Watched};
use ramet_kcore::wait::Events;

/// Bytes of struct epoll_event, packed on x86-64.
const EVENT: usize = 12;

fn make(flags: u32) -> Result<i64> {
    only(flags, O_CLOEXEC)?;
    install(anonymous(Epoll::new(), O_RDWR), flags)
}

/// epoll_create(2).
pub fn epoll_create(call: &mut Call<'_>) -> Result<i64> {
    if call.int(0) <= 0 {
        return Err(Errno::EINVAL);
    }
    make(0)
}

/// epoll_create1(2).
pub fn epoll_create1(call: &mut Call<'_>) -> Result<i64> {
    make(call.uint(0))
}

/// epoll_ctl(2).
pub fn epoll_ctl(call: &mut Call<'_>) -> Result<i64> {
    const ADD: i32 = 1;
    const DELETE: i32 = 2;
    const MODIFY: i32 = 3;
    let (operation, fd) = (call.int(1), call.int(2));
    let mut event = [0; EVENT];
    if operation != DELETE {
        user::read(call.arg(3), &mut event)?;
    }
    let instance = io::file(call.int(0))?;
    let target = io::file(fd)?;
    // As Linux: this is told first, whatever the instance is.
    if target.file().wait_queue().is_none() {
        return Err(Errno::EPERM);
    }
    let events = u32::from_le_bytes(event[..4].try_into().expect("four bytes"));
    let data = u64::from_le_bytes(event[4..].try_into().expect("eight bytes"));
    if let Some(remote) = instance.remote() {
        if !remote.is_epoll() {
            return Err(Errno::EINVAL);
        }
        // Others that hold the instance are told of it, too.
        if session::is_common(&target) {
            session::share(&target)?;
        }
        return remote.epoll_control(operation, fd, &target, events, data).map(|()| 0);
    }
    let epoll = Epoll::of(&**instance.file()).ok_or(Errno::EINVAL)?;
    let description: Rc<dyn Any> = target.clone();
    let watched = Watched { fd, description: &description, file: target.file() };
    match operation {
        ADD => {
            crate::mm::need_room()?;
            epoll.add(&watched, events, data)?;
        }
        DELETE => epoll.delete(&watched)?,
        MODIFY => epoll.modify(&watched, events, data)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn wait(fd: i32, at: usize, most: i32, deadline: Option<u64>) -> Result<i64> {
    let most = usize::try_from(most).ok().filter(|most| (1..=i32::MAX as usize / EVENT).contains(most));
    let most = most.ok_or(Errno::EINVAL)?;
    if !user::in_program(at, most * EVENT) {
        return Err(Errno::EFAULT);
    }
    let instance = io::file(fd)?;
    // A fork of another thread may move the instance to the keeper in between.
    let attempt = || {
        let mut done = 0;
        let mut put = |events: u32, data: u64| {
            let mut event = [0; EVENT];
            event[..4].copy_from_slice(&events.to_le_bytes());
            event[4..].copy_from_slice(&data.to_le_bytes());
            user::write(at + done * EVENT, &event)?;
            done += 1;
            Ok(())
        };
        let count = match instance.remote() {
            Some(remote) => remote.epoll_wait(most, &mut put)?,
            None => Epoll::of(&**instance.file()).ok_or(Errno::EINVAL)?.wait(most, &mut put)?,
        };
        if count == 0 { Err(Errno::EAGAIN) } else { Ok(count) }
    };
    let result = match attempt() {
        Err(Errno::EAGAIN) if deadline != Some(0) => io::wait_until(&instance, Events::IN, deadline, attempt),
        other => other,
    };
    match result {
        Ok(count) => Ok(count as i64),
        Err(Errno::EAGAIN) => Ok(0),
        Err(Errno::ERESTARTSYS) => Err(Errno::ERESTARTNOHAND),
        Err(error) => Err(error),
    }
}

fn deadline(timeout: i32) -> Option<u64> {
    match timeout {
        i32::MIN..0 => None,
        0 => Some(0),
        ms => Some(time::monotonic() + ms as u64 * 1_000_000),
    }
}

/// epoll_wait(2).
pub fn epoll_wait(call: &mut Call<'_>) -> Result<i64> {
    wait(call.int(0), call.arg(1), call.int(2), deadline(call.int(3)))
}

/// epoll_pwait(2).
pub fn epoll_pwait(call: &mut Call<'_>) -> Result<i64> {
    with_mask(call.arg(4), call.arg(5), || wait(call.int(0), call.arg(1), call.int(2), deadline(call.int(3))))
}

/// epoll_pwait2(2).
pub fn epoll_pwait2(call: &mut Call<'_>) -> Result<i64> {
    let deadline = match call.arg(3) {
        0 => None,
        at => match read_timespec(at)? {
            0 => Some(0),
            span => Some(time::monotonic().saturating_add(span)),
        },
    };
    with_mask(call.arg(4), call.arg(5), || wait(call.int(0), call.arg(1), call.int(2), deadline))
}
