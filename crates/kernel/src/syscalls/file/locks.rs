//! flock(2) and the record locks of fcntl(2).

use crate::arch::user;
use crate::syscalls::{Call, io};
use crate::task::sched;
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::locks::{LockOwner, RangeLock};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::wait::Events;

/// flock(2).
pub fn flock(call: &mut Call<'_>) -> Result<i64> {
    const NONBLOCK: u32 = 4;
    let file = io::file(call.int(0))?;
    let exclusive = match call.uint(1) & !NONBLOCK {
        1 => Some(false),
        2 => Some(true),
        8 => None,
        _ => return Err(Errno::EINVAL),
    };
    match file.flock(exclusive) {
        Err(Errno::EAGAIN) if call.uint(1) & NONBLOCK == 0 => {}
        other => return other.map(|()| 0),
    }
    let state = file.inode().and_then(|inode| inode.state()).ok_or(Errno::ENOLCK)?;
    sched::wait_for(state.locks.queue(), Events::OUT, None, || file.flock(exclusive))?;
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
    let (owner, pid) = if description {
        (LockOwner::Description(file.id), -1)
    } else {
        sched::with_current(|thread| (thread.process.files.borrow().lock_owner(), thread.process.pid.get()))
    };
    let locks = &file.inode().and_then(|inode| inode.state()).ok_or(Errno::ENOLCK)?.locks;
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
