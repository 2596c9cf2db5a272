//! stat(2), statx(2), statfs(2), access(2), readlink(2).

use super::{as_caller, at, at_path, only, path_at, place};
use crate::arch::user;
use crate::syscalls::Call;
use crate::task::sched;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::encode;
use ramet_kcore::fs::ops::{AT_EACCESS, AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW};
use ramet_kcore::stat::Stat;

const AT_NO_AUTOMOUNT: u32 = 0x800;
const AT_STATX_SYNC: u32 = 0x6000;

fn of_descriptor(fd: i32) -> Result<Stat> {
    sched::with_current(|thread| thread.process.files.borrow().get(fd).cloned())?.stat()
}

fn stat_at(fd: i32, path: usize, flags: u32) -> Result<Stat> {
    let name = path_or_nothing(path, flags)?;
    if name.is_empty() && flags & AT_EMPTY_PATH != 0 && fd != AT_FDCWD {
        return of_descriptor(fd);
    }
    at_path(fd, &name, |caller, start, path| caller.stat(start, path, flags))
}

/// stat(2).
pub fn stat(call: &mut Call<'_>) -> Result<i64> {
    let stat = stat_at(AT_FDCWD, call.arg(0), 0)?;
    user::write(call.arg(1), &encode::stat(&stat))?;
    Ok(0)
}

/// lstat(2).
pub fn lstat(call: &mut Call<'_>) -> Result<i64> {
    let stat = stat_at(AT_FDCWD, call.arg(0), AT_SYMLINK_NOFOLLOW)?;
    user::write(call.arg(1), &encode::stat(&stat))?;
    Ok(0)
}

/// fstat(2).
pub fn fstat(call: &mut Call<'_>) -> Result<i64> {
    let stat = of_descriptor(call.int(0))?;
    user::write(call.arg(1), &encode::stat(&stat))?;
    Ok(0)
}

/// newfstatat(2).
pub fn newfstatat(call: &mut Call<'_>) -> Result<i64> {
    let flags = call.uint(3);
    only(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)?;
    let stat = stat_at(call.int(0), call.arg(1), flags)?;
    user::write(call.arg(2), &encode::stat(&stat))?;
    Ok(0)
}

/// statx(2).
pub fn statx(call: &mut Call<'_>) -> Result<i64> {
    const RESERVED: u32 = 0x8000_0000;
    let flags = call.uint(2);
    only(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC)?;
    if call.uint(3) & RESERVED != 0 || flags & AT_STATX_SYNC == AT_STATX_SYNC {
        return Err(Errno::EINVAL);
    }
    let fd = call.int(0);
    let name = path_or_nothing(call.arg(1), flags)?;
    let (stat, mount, is_root) = if name.is_empty() && flags & AT_EMPTY_PATH != 0 && fd != AT_FDCWD {
        let place = place(fd)?;
        (of_descriptor(fd)?, place.mount.id, false)
    } else {
        at_path(fd, &name, |caller, start, path| {
            let place = caller.target(start, path, flags)?;
            Ok((place.inode().stat()?, place.mount.id, caller.vfs.namespace.is_mount_point(&place)))
        })?
    };
    user::write(call.arg(4), &encode::statx(&stat, mount, is_root))?;
    Ok(0)
}

/// A path argument that may be null where an empty path is allowed (since Linux 6.11).
fn path_or_nothing(address: usize, flags: u32) -> Result<Vec<u8>> {
    if address == 0 && flags & AT_EMPTY_PATH != 0 { Ok(Vec::new()) } else { path_at(address) }
}

/// statfs(2).
pub fn statfs(call: &mut Call<'_>) -> Result<i64> {
    let (fs, flags) = at(AT_FDCWD, call.arg(0), |caller, start, path| caller.statfs(start, path, 0))?;
    user::write(call.arg(1), &encode::statfs(&fs, flags))?;
    Ok(0)
}

/// fstatfs(2).
pub fn fstatfs(call: &mut Call<'_>) -> Result<i64> {
    let place = place(call.int(0))?;
    let (fs, flags) = as_caller(|caller| caller.statfs(&place, b"", AT_EMPTY_PATH))?;
    user::write(call.arg(1), &encode::statfs(&fs, flags))?;
    Ok(0)
}

fn access_at(fd: i32, path: usize, mode: u32, flags: u32) -> Result<i64> {
    only(mode, 7)?;
    at(fd, path, |caller, start, path| caller.access(start, path, mode, flags))?;
    Ok(0)
}

/// access(2).
pub fn access(call: &mut Call<'_>) -> Result<i64> {
    access_at(AT_FDCWD, call.arg(0), call.uint(1), 0)
}

/// faccessat(2).
pub fn faccessat(call: &mut Call<'_>) -> Result<i64> {
    access_at(call.int(0), call.arg(1), call.uint(2), 0)
}

/// faccessat2(2).
pub fn faccessat2(call: &mut Call<'_>) -> Result<i64> {
    only(call.uint(3), AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    access_at(call.int(0), call.arg(1), call.uint(2), call.uint(3))
}

fn read_link(fd: i32, path: usize, buffer: usize, size: i32) -> Result<i64> {
    if size <= 0 {
        return Err(Errno::EINVAL);
    }
    let target = at(fd, path, |caller, start, path| caller.read_link(start, path))?;
    let length = target.len().min(size as usize);
    user::write(buffer, &target[..length])?;
    Ok(length as i64)
}

/// readlink(2).
pub fn readlink(call: &mut Call<'_>) -> Result<i64> {
    read_link(AT_FDCWD, call.arg(0), call.arg(1), call.int(2))
}

/// readlinkat(2).
pub fn readlinkat(call: &mut Call<'_>) -> Result<i64> {
    read_link(call.int(0), call.arg(1), call.arg(2), call.int(3))
}
