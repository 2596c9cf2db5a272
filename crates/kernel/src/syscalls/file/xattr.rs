//! Extended attributes: getxattr(2), listxattr(2), setxattr(2), removexattr(2).

use super::{as_caller, at, place};
use crate::arch::user;
use crate::syscalls::{Call, io};
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::ops::{AT_FDCWD, AT_SYMLINK_NOFOLLOW};
use ramet_kcore::fs::path::Path;

/// Longest value (XATTR_SIZE_MAX).
const VALUE_MAX: usize = 65536;

fn name_at(address: usize) -> Result<Vec<u8>> {
    match user::read_string(address, 255) {
        Err(Errno::ENAMETOOLONG) => Err(Errno::ERANGE),
        other => other,
    }
}

fn by_path(path: usize, flags: u32) -> Result<Path> {
    at(AT_FDCWD, path, |caller, start, path| caller.target(start, path, flags))
}

fn by_descriptor(fd: i32) -> Result<Path> {
    io::file(fd)?;
    place(fd)
}

fn give(bytes: &[u8], at: usize, size: usize) -> Result<i64> {
    if size != 0 {
        if bytes.len() > size {
            return Err(Errno::ERANGE);
        }
        user::write(at, bytes)?;
    }
    Ok(bytes.len() as i64)
}

fn get(path: &Path, call: &Call<'_>) -> Result<i64> {
    let name = name_at(call.arg(1))?;
    let value = as_caller(|caller| caller.get_xattr(path, &name))?;
    give(&value, call.arg(2), call.arg(3))
}

fn list(path: &Path, call: &Call<'_>) -> Result<i64> {
    let names = as_caller(|caller| caller.list_xattrs(path))?;
    give(&names, call.arg(1), call.arg(2))
}

fn set(path: &Path, call: &Call<'_>) -> Result<i64> {
    const CREATE_OR_REPLACE: u32 = 3;
    if call.uint(4) & !CREATE_OR_REPLACE != 0 {
        return Err(Errno::EINVAL);
    }
    let name = name_at(call.arg(1))?;
    if call.arg(3) > VALUE_MAX {
        return Err(Errno::E2BIG);
    }
    let mut value = alloc::vec![0; call.arg(3)];
    user::read(call.arg(2), &mut value)?;
    as_caller(|caller| caller.set_xattr(path, &name, Some(&value), call.uint(4)))?;
    Ok(0)
}

fn remove(path: &Path, call: &Call<'_>) -> Result<i64> {
    let name = name_at(call.arg(1))?;
    as_caller(|caller| caller.set_xattr(path, &name, None, 0))?;
    Ok(0)
}

/// getxattr(2).
pub fn getxattr(call: &mut Call<'_>) -> Result<i64> {
    get(&by_path(call.arg(0), 0)?, call)
}
/// lgetxattr(2).
pub fn lgetxattr(call: &mut Call<'_>) -> Result<i64> {
    get(&by_path(call.arg(0), AT_SYMLINK_NOFOLLOW)?, call)
}
/// fgetxattr(2).
pub fn fgetxattr(call: &mut Call<'_>) -> Result<i64> {
    get(&by_descriptor(call.int(0))?, call)
}
/// listxattr(2).
pub fn listxattr(call: &mut Call<'_>) -> Result<i64> {
    list(&by_path(call.arg(0), 0)?, call)
}
/// llistxattr(2).
pub fn llistxattr(call: &mut Call<'_>) -> Result<i64> {
    list(&by_path(call.arg(0), AT_SYMLINK_NOFOLLOW)?, call)
}
/// flistxattr(2).
pub fn flistxattr(call: &mut Call<'_>) -> Result<i64> {
    list(&by_descriptor(call.int(0))?, call)
}
/// setxattr(2).
pub fn setxattr(call: &mut Call<'_>) -> Result<i64> {
    set(&by_path(call.arg(0), 0)?, call)
}
/// lsetxattr(2).
pub fn lsetxattr(call: &mut Call<'_>) -> Result<i64> {
    set(&by_path(call.arg(0), AT_SYMLINK_NOFOLLOW)?, call)
}
/// fsetxattr(2).
pub fn fsetxattr(call: &mut Call<'_>) -> Result<i64> {
    set(&by_descriptor(call.int(0))?, call)
}
/// removexattr(2).
pub fn removexattr(call: &mut Call<'_>) -> Result<i64> {
    remove(&by_path(call.arg(0), 0)?, call)
}
/// lremovexattr(2).
pub fn lremovexattr(call: &mut Call<'_>) -> Result<i64> {
    remove(&by_path(call.arg(0), AT_SYMLINK_NOFOLLOW)?, call)
}
/// fremovexattr(2).
pub fn fremovexattr(call: &mut Call<'_>) -> Result<i64> {
    remove(&by_descriptor(call.int(0))?, call)
}
