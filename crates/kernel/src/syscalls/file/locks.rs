//! flock(2) and the record locks of fcntl(2).

use crate::arch::user;
use crate::session;
use crate::syscalls::{Call, io};
use crate::task::sched;
use alloc::rc::Rc;
use ramet_abi::session::op;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::locks::{LockOwner, RangeLock};
use ramet_kcore::fs::object::ObjectId;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::session::RemoteFile;
use ramet_kcore::wait::Events;

/// flock(2).
pub fn flock(call: &mut Call<'_>) -> Result<i64> {
    const NONBLOCK: u32 = 4;
    const MANDATORY: u32 = 32;
    if call.uint(1) & MANDATORY != 0 {
        // Since Linux 5.16 these locks are ignored, and nothing else of the call is looked at.
        return Ok(0);
    }
    let exclusive = match call.uint(1) & !NONBLOCK {
        1 => Some(false),
        2 => Some(true),
        8 => None,
        _ => return Err(Errno::EINVAL),
    };
    let file = io::file(call.int(0))?;
    match file.flock(exclusive) {
        Err(Errno::EAGAIN) if call.uint(1) & NONBLOCK == 0 => {}
        other => return other.map(|()| 0),
    }
    if let Some(remote) = file.remote() {
        let kind = u64::from(exclusive == Some(true));
        return wait_elsewhere(remote, &[FLOCK, kind, 0, u64::MAX]);
    }
    let locks = file.locks().ok_or(Errno::ENOLCK)?;
    sched::wait_for(locks.queue(), Events::OUT, None, || file.flock(exclusive))?;
    Ok(0)
}

/// fcntl(2) commands for record locks.
pub mod command {
    pub const GETLK: i32 = 5;
    pub const SETLK: i32 = 6;
    pub const SETLKW: i32 = 7;
    pub const OFD_GETLK: i32 = 36;
    pub const OFD_SETLK: i32 = 37;
    pub const OFD_SETLKW: i32 = 38;
}

const READ: i16 = 0;
const WRITE: i16 = 1;
const UNLOCK: i16 = 2;

/// Kinds of locks that the keeper knows.
const FLOCK: u64 = 0;
const POSIX: u64 = 1;
const DESCRIPTION: u64 = 2;

/// Waits for a lock of the session.
fn wait_elsewhere(remote: &RemoteFile, lock: &[u64; 4]) -> Result<i64> {
    // The calling thread waits for one lock at a time.
    let number = sched::with_current(|thread| thread.tid.get()) as u64;
    let [kind, lock_type, start, end] = *lock;
    let wanted = [kind, lock_type, start, end, number];
    let taken =
        sched::wait_for(session::lock_queue(), Events::OUT, None, || remote.call(op::LOCK, 0, &wanted));
    if taken.is_err() {
        // Whether it still waits there or not.
        let _ = remote.call(op::LOCK, 2, &wanted);
    }
    taken.map(|_| 0)
}

/// Record locks of the session.
fn record_elsewhere(remote: &RemoteFile, what: i32, at: usize, wanted: &Flock) -> Result<i64> {
    let kind = if what >= command::OFD_GETLK { DESCRIPTION } else { POSIX };
    let lock_type = u64::try_from(wanted.kind).ok().filter(|kind| *kind <= 2).ok_or(Errno::EINVAL)?;
    let lock = [kind, lock_type, wanted.start, wanted.last];
    match what {
        command::GETLK | command::OFD_GETLK => {
            if wanted.kind == UNLOCK {
                return Err(Errno::EINVAL);
            }
            let [found, start, length, pid, ..] = remote.call(op::LOCK, 1, &lock)?.values;
            let lock = (found != UNLOCK as u64).then_some(RangeLock {
                start,
                last: if length == 0 { i64::MAX as u64 } else { start + length - 1 },
                exclusive: found == WRITE as u64,
                owner: LockOwner::Description(ObjectId(0)),
                pid: pid as i32,
            });
            report(at, lock)
        }
        command::SETLKW | command::OFD_SETLKW if wanted.kind != UNLOCK => wait_elsewhere(remote, &lock),
        _ => remote.call(op::LOCK, 0, &lock).map(|_| 0),
    }
}

struct Flock {
    kind: i16,
    start: u64,
    last: u64,
    pid: i32,
}

/// Reads a struct flock and makes its range absolute.
fn read(file: &OpenFile, at: usize) -> Result<Flock> {
    let mut bytes = [0; 32];
    user::read(at, &mut bytes)?;
    let half = |n: usize| i16::from_le_bytes([bytes[n], bytes[n + 1]]);
    let word = |n: usize| i64::from_le_bytes(bytes[n..n + 8].try_into().expect("eight bytes"));
    let (kind, whence, offset, length) = (half(0), half(2), word(8), word(16));
    let base = match whence {
        0 => 0,
        1 => file.offset() as i64,
        2 => file.file().stat()?.size as i64,
        _ => return Err(Errno::EINVAL),
    };
    let start = base.checked_add(offset).ok_or(Errno::EOVERFLOW)?;
    let (start, last) = if length > 0 {
        (start, start.checked_add(length - 1).ok_or(Errno::EOVERFLOW)?)
    } else if length < 0 {
        (start.checked_add(length).ok_or(Errno::EINVAL)?, start - 1)
    } else {
        (start, i64::MAX)
    };
    if start < 0 || last < 0 {
        return Err(Errno::EINVAL);
    }
    let pid = i32::from_le_bytes(bytes[24..28].try_into().expect("four bytes"));
    Ok(Flock { kind, start: start as u64, last: last as u64, pid })
}

fn report(at: usize, lock: Option<RangeLock>) -> Result<i64> {
    let Some(lock) = lock else {
        user::write(at, &UNLOCK.to_le_bytes())?;
        return Ok(0);
    };
    let mut bytes = [0; 32];
    bytes[0..2].copy_from_slice(&(if lock.exclusive { WRITE } else { READ }).to_le_bytes());
    bytes[8..16].copy_from_slice(&lock.start.to_le_bytes());
    let length = if lock.last == i64::MAX as u64 { 0 } else { lock.last - lock.start + 1 };
    bytes[16..24].copy_from_slice(&length.to_le_bytes());
    bytes[24..28].copy_from_slice(&lock.pid.to_le_bytes());
    user::write(at, &bytes)?;
    Ok(0)
}

/// fcntl(2) F_GETLK, F_SETLK, F_SETLKW and their OFD forms.
pub fn record(file: &Rc<OpenFile>, what: i32, at: usize) -> Result<i64> {
    let description = what >= command::OFD_GETLK;
    let wanted = read(file, at)?;
    if description && wanted.pid != 0 {
        return Err(Errno::EINVAL);
    }
    ramet_kcore::session::share(file)?;
    if let Some(remote) = file.remote() {
        if matches!(what, command::SETLK | command::SETLKW) && wanted.kind != UNLOCK {
            let owner = sched::with_current(|thread| thread.process.files.borrow().lock_owner());
            // Before it waits: another thread may close a descriptor of the file meanwhile.
            ramet_kcore::session::has_locked(file, owner);
        }
        return record_elsewhere(remote, what, at, &wanted);
    }
    let (owner, pid) = if description {
        (LockOwner::Description(file.id), -1)
    } else {
        sched::with_current(|thread| (thread.process.files.borrow().lock_owner(), thread.process.pid.get()))
    };
    let locks = file.locks().ok_or(Errno::ENOLCK)?;
    let lock =
        RangeLock { start: wanted.start, last: wanted.last, exclusive: wanted.kind == WRITE, owner, pid };
    if matches!(what, command::GETLK | command::OFD_GETLK) {
        if !matches!(wanted.kind, READ | WRITE) {
            return Err(Errno::EINVAL);
        }
        return report(at, locks.conflict(&lock));
    }
    match wanted.kind {
        UNLOCK => {
            locks.unlock(owner, wanted.start, wanted.last);
            return Ok(0);
        }
        READ if !file.is_readable() => return Err(Errno::EBADF),
        WRITE if !file.is_writable() => return Err(Errno::EBADF),
        READ | WRITE if !crate::mm::has_room() => return Err(Errno::ENOLCK),
        READ | WRITE => {}
        _ => return Err(Errno::EINVAL),
    }
    match locks.lock(lock) {
        Err(Errno::EAGAIN) if matches!(what, command::SETLKW | command::OFD_SETLKW) => {}
        other => return other.map(|()| 0),
    }
    locks.begin_wait(&lock)?;
    let result = sched::wait_for(locks.queue(), Events::OUT, None, || locks.lock(lock));
    locks.end_wait(owner);
    result.map(|()| 0)
}
