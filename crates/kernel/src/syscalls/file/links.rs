//! link(2), symlink(2), rename(2).

use super::{at, at_path, only, path_at};
use crate::syscalls::Call;
use crate::task::sched;
use ramet_kcore::errno::Result;
use ramet_kcore::fs::ops::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW};

fn link_at(old_fd: i32, old: usize, new_fd: i32, new: usize, flags: u32) -> Result<i64> {
    only(flags, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)?;
    let new = path_at(new)?;
    at(old_fd, old, |caller, old_start, old| {
        let start =
            sched::with_current(|thread| caller.context.start(&thread.process.files.borrow(), new_fd, &new))?;
        caller.link(old_start, old, &start, &new, flags)
    })?;
    Ok(0)
}

/// link(2).
pub fn link(call: &mut Call<'_>) -> Result<i64> {
    link_at(AT_FDCWD, call.arg(0), AT_FDCWD, call.arg(1), 0)
}

/// linkat(2).
pub fn linkat(call: &mut Call<'_>) -> Result<i64> {
    link_at(call.int(0), call.arg(1), call.int(2), call.arg(3), call.uint(4))
}

fn symlink_at(target: usize, fd: i32, path: usize) -> Result<i64> {
    let target = path_at(target)?;
    at(fd, path, |caller, start, path| caller.symlink(&target, start, path))?;
    Ok(0)
}

/// symlink(2).
pub fn symlink(call: &mut Call<'_>) -> Result<i64> {
    symlink_at(call.arg(0), AT_FDCWD, call.arg(1))
}

/// symlinkat(2).
pub fn symlinkat(call: &mut Call<'_>) -> Result<i64> {
    symlink_at(call.arg(0), call.int(1), call.arg(2))
}

fn rename_at(old_fd: i32, old: usize, new_fd: i32, new: usize, flags: u32) -> Result<i64> {
    let (old, new) = (path_at(old)?, path_at(new)?);
    at_path(old_fd, &old, |caller, old_start, old| {
        let start =
            sched::with_current(|thread| caller.context.start(&thread.process.files.borrow(), new_fd, &new))?;
        caller.rename(old_start, old, &start, &new, flags)
    })?;
    Ok(0)
}

/// rename(2).
pub fn rename(call: &mut Call<'_>) -> Result<i64> {
    rename_at(AT_FDCWD, call.arg(0), AT_FDCWD, call.arg(1), 0)
}

/// renameat(2).
pub fn renameat(call: &mut Call<'_>) -> Result<i64> {
    rename_at(call.int(0), call.arg(1), call.int(2), call.arg(3), 0)
}

/// renameat2(2).
pub fn renameat2(call: &mut Call<'_>) -> Result<i64> {
    rename_at(call.int(0), call.arg(1), call.int(2), call.arg(3), call.uint(4))
}
