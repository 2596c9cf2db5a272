//! Calls about files: by path and by descriptor. The rules are `ramet_kcore::fs::ops`'s; here arguments are read and results
//! are written.

pub mod attributes;
pub mod control;
pub mod copy;
pub mod descriptors;
pub mod directory;
pub mod links;
pub mod locks;
pub mod open;
pub mod signal_io;
pub mod size;
pub mod stat;
pub mod xattr;

use crate::arch::user;
use crate::global::Global;
use crate::task::sched;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::inode::PATH_MAX;
use ramet_kcore::fs::ops::Caller;
use ramet_kcore::fs::path::Path;

/// A path argument.
///
/// # Errors
/// EFAULT; ENAMETOOLONG.
pub fn path_at(address: usize) -> Result<Vec<u8>> {
    user::read_string(address, PATH_MAX - 1)
}

/// Runs `f` with the calling thread's context and credentials.
pub fn as_caller<R>(f: impl FnOnce(&Caller<'_>) -> R) -> R {
    let (context, credentials) = sched::with_current(|thread| {
        (thread.process.context.borrow().clone(), thread.credentials.borrow().clone())
    });
    crate::fs::caller(&context, &credentials, f)
}

/// If the working directory is the session's and names have changed since: looks where it is now.
pub fn find_cwd() {
    static SEEN: Global<Cell<(u64, usize)>> = Global::new(Cell::new((0, 0)));
    let Some(client) = crate::session::client() else { return };
    let cwd = sched::with_current(|thread| thread.process.context.borrow().cwd.clone());
    let now = (client.names(), Rc::as_ptr(&cwd.dentry) as usize);
    if SEEN.replace(now) != now {
        // Whoever moves it at this moment is not done: it is shown where it was.
        let _ = ramet_kcore::session::refresh(&crate::fs::vfs().namespace, &cwd);
    }
}

/// Runs `f` with the starting point and path that a descriptor and a path argument name. A null path is an empty one where the
/// call allows that.
///
/// # Errors
/// EBADF, EFAULT, ENOTDIR; those of `f`.
pub fn at<R>(fd: i32, path: usize, f: impl FnOnce(&Caller<'_>, &Path, &[u8]) -> Result<R>) -> Result<R> {
    let path = path_at(path)?;
    at_path(fd, &path, f)
}

/// As [`at`], with the path in kernel memory.
///
/// # Errors
/// As [`at`].
pub fn at_path<R>(fd: i32, path: &[u8], f: impl FnOnce(&Caller<'_>, &Path, &[u8]) -> Result<R>) -> Result<R> {
    if path.starts_with(b"..") {
        find_cwd();
    }
    as_caller(|caller| {
        let start =
            sched::with_current(|thread| caller.context.start(&thread.process.files.borrow(), fd, path))?;
        f(caller, &start, path)
    })
}

/// Refuses flags that the call does not know.
///
/// # Errors
/// EINVAL.
pub fn only(flags: u32, known: u32) -> Result<()> {
    if flags & !known == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}

/// The place that an open descriptor names.
///
/// # Errors
/// EBADF.
pub fn place(fd: i32) -> Result<Path> {
    sched::with_current(|thread| {
        let files = thread.process.files.borrow();
        let file = files.get(fd)?;
        Ok(file.path().cloned().unwrap_or_else(|| ramet_kcore::fs::anonymous::place(file)))
    })
}
