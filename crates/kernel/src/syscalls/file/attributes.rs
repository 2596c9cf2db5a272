//! chmod(2), chown(2), utimensat(2).

use super::{as_caller, at, only, place};
use crate::arch::user;
use crate::syscalls::Call;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::ops::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, TimeChange};

/// chmod(2).
pub fn chmod(call: &mut Call<'_>) -> Result<i64> {
    at(AT_FDCWD, call.arg(0), |caller, start, path| caller.chmod(start, path, call.uint(1) & 0o7777, 0))?;
    Ok(0)
}

/// fchmod(2).
pub fn fchmod(call: &mut Call<'_>) -> Result<i64> {
    super::super::io::file(call.int(0))?;
    let place = place(call.int(0))?;
    as_caller(|caller| caller.chmod_path(&place, call.uint(1) & 0o7777))?;
    Ok(0)
}

/// fchmodat(2).
pub fn fchmodat(call: &mut Call<'_>) -> Result<i64> {
    at(call.int(0), call.arg(1), |caller, start, path| caller.chmod(start, path, call.uint(2) & 0o7777, 0))?;
    Ok(0)
}

/// fchmodat2(2).
pub fn fchmodat2(call: &mut Call<'_>) -> Result<i64> {
    let flags = call.uint(3);
    only(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    at(call.int(0), call.arg(1), |caller, start, path| {
        caller.chmod(start, path, call.uint(2) & 0o7777, flags)
    })?;
    Ok(0)
}

fn chown_at(fd: i32, path: usize, uid: u32, gid: u32, flags: u32) -> Result<i64> {
    only(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    at(fd, path, |caller, start, path| caller.chown(start, path, uid, gid, flags))?;
    Ok(0)
}

/// chown(2).
pub fn chown(call: &mut Call<'_>) -> Result<i64> {
    chown_at(AT_FDCWD, call.arg(0), call.uint(1), call.uint(2), 0)
}

/// lchown(2).
pub fn lchown(call: &mut Call<'_>) -> Result<i64> {
    chown_at(AT_FDCWD, call.arg(0), call.uint(1), call.uint(2), AT_SYMLINK_NOFOLLOW)
}

/// fchown(2).
pub fn fchown(call: &mut Call<'_>) -> Result<i64> {
    super::super::io::file(call.int(0))?;
    let place = place(call.int(0))?;
    as_caller(|caller| caller.chown_path(&place, call.uint(1), call.uint(2)))?;
    Ok(0)
}

/// fchownat(2).
pub fn fchownat(call: &mut Call<'_>) -> Result<i64> {
    chown_at(call.int(0), call.arg(1), call.uint(2), call.uint(3), call.uint(4))
}

fn change(fd: i32, path: usize, times: [TimeChange; 2], flags: u32) -> Result<i64> {
    if path == 0 {
        if flags & !AT_EMPTY_PATH != 0 {
            return Err(Errno::EINVAL);
        }
        super::super::io::file(fd)?;
        let place = place(fd)?;
        as_caller(|caller| caller.utimens_path(&place, times[0], times[1]))?;
        return Ok(0);
    }
    only(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    at(fd, path, |caller, start, path| caller.utimens(start, path, times[0], times[1], flags))?;
    Ok(0)
}

/// Two pairs of words: seconds, and nanoseconds or microseconds.
fn pairs(address: usize) -> Result<[(i64, i64); 2]> {
    let mut bytes = [0; 32];
    user::read(address, &mut bytes)?;
    let word = |n: usize| i64::from_le_bytes(bytes[n * 8..n * 8 + 8].try_into().expect("eight bytes"));
    Ok([(word(0), word(1)), (word(2), word(3))])
}

/// utimensat(2).
pub fn utimensat(call: &mut Call<'_>) -> Result<i64> {
    let mut times = [TimeChange::Now; 2];
    if call.arg(2) != 0 {
        for (time, (seconds, nanoseconds)) in times.iter_mut().zip(pairs(call.arg(2))?) {
            *time = TimeChange::from_timespec(seconds, nanoseconds)?;
        }
    }
    if call.arg(1) == 0 && call.int(0) == AT_FDCWD {
        return Err(Errno::EFAULT);
    }
    change(call.int(0), call.arg(1), times, call.uint(3))
}

/// As microseconds.
fn from_timeval(address: usize) -> Result<[TimeChange; 2]> {
    let mut times = [TimeChange::Now; 2];
    if address != 0 {
        for (time, (seconds, microseconds)) in times.iter_mut().zip(pairs(address)?) {
            if !(0..1_000_000).contains(&microseconds) {
                return Err(Errno::EINVAL);
            }
            *time = TimeChange::from_timespec(seconds, microseconds * 1000)?;
        }
    }
    Ok(times)
}

/// utimes(2).
pub fn utimes(call: &mut Call<'_>) -> Result<i64> {
    let times = from_timeval(call.arg(1))?;
    if call.arg(0) == 0 {
        return Err(Errno::EFAULT);
    }
    change(AT_FDCWD, call.arg(0), times, 0)
}

/// futimesat(2).
pub fn futimesat(call: &mut Call<'_>) -> Result<i64> {
    let times = from_timeval(call.arg(2))?;
    if call.arg(1) == 0 && call.int(0) == AT_FDCWD {
        return Err(Errno::EFAULT);
    }
    change(call.int(0), call.arg(1), times, 0)
}

/// utime(2).
pub fn utime(call: &mut Call<'_>) -> Result<i64> {
    let mut times = [TimeChange::Now; 2];
    if call.arg(1) != 0 {
        let (accessed, modified) =
            (user::read_i64(call.arg(1))?, user::read_i64(call.arg(1).wrapping_add(8))?);
        times = [TimeChange::from_timespec(accessed, 0)?, TimeChange::from_timespec(modified, 0)?];
    }
    if call.arg(0) == 0 {
        return Err(Errno::EFAULT);
    }
    change(AT_FDCWD, call.arg(0), times, 0)
}
