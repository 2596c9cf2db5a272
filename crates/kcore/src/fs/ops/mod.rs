//! The file system calls of one process, one verb in each file.
//!
//! What processes share is in [`Vfs`]; what fork(2) copies is in [`FsContext`], the credentials and the descriptor table.
//! A [`Caller`] brings them together for the time of one call.

mod access;
mod chmod;
mod chown;
mod copy;
mod create;
mod link;
mod open;
mod rename;
mod stat;
mod truncate;
mod unlink;
mod utimens;
mod watch;
mod workdir;
mod xattr;

pub use copy::copy_range;
pub use open::OpenHow;
pub use utimens::TimeChange;

use super::credentials::Credentials;
use super::device::Devices;
use super::fd_table::FdTable;
use super::inode::{Clock, FileType, Inode};
use super::mount::Namespace;
use super::path::Path;
use super::resolve::Resolver;
use crate::errno::{Errno, Result};
use alloc::rc::Rc;

/// Start at the working directory.
pub const AT_FDCWD: i32 = -100;
/// Do not follow a symbolic link at the end.
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
/// faccessat2(2): use the effective ids.
pub const AT_EACCESS: u32 = 0x200;
/// unlinkat(2): remove a directory.
pub const AT_REMOVEDIR: u32 = 0x200;
/// linkat(2): follow a symbolic link at the end.
pub const AT_SYMLINK_FOLLOW: u32 = 0x400;
/// An empty path means the starting file itself.
pub const AT_EMPTY_PATH: u32 = 0x1000;

/// What all processes of a session share: mounts, drivers, the clock.
pub struct Vfs {
    /// Mounts.
    pub namespace: Namespace,
    /// Drivers.
    pub devices: Devices,
    /// CLOCK_REALTIME.
    pub clock: Clock,
}

/// What a process has of its own, copied by fork(2) and shared by CLONE_FS.
#[derive(Clone)]
pub struct FsContext {
    /// Root directory.
    pub root: Path,
    /// Working directory.
    pub cwd: Path,
    /// File mode creation mask.
    pub umask: u32,
}

impl FsContext {
    /// A process whose root and working directory are `root`, umask 022.
    pub fn new(root: Path) -> Self {
        FsContext { cwd: root.clone(), root, umask: 0o022 }
    }

    /// Where a path relative to descriptor `fd` (or [`AT_FDCWD`]) starts. An absolute path looks at no descriptor.
    ///
    /// # Errors
    /// EBADF; ENOTDIR: the descriptor has no path.
    pub fn start(&self, table: &FdTable, fd: i32, path: &[u8]) -> Result<Path> {
        if fd == AT_FDCWD || path.first() == Some(&b'/') {
            return Ok(self.cwd.clone());
        }
        let file = table.get(fd)?;
        match file.path() {
            Some(place) => Ok(place.clone()),
            None => Ok(super::anonymous::place(file)),
        }
    }
}

/// Who asks, for one call.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// Shared state.
    pub vfs: &'a Vfs,
    /// The process's own state.
    pub context: &'a FsContext,
    /// Its credentials.
    pub credentials: &'a Credentials,
}

impl<'a> Caller<'a> {
    fn resolver(&self, resolve: u64) -> Resolver<'a> {
        Resolver::new(&self.vfs.namespace, &self.context.root, self.credentials, resolve)
    }

    /// The file that the arguments of an `*at` call name; `flags`: AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH.
    ///
    /// # Errors
    /// As path_resolution(7).
    pub fn target(&self, start: &Path, path: &[u8], flags: u32) -> Result<Path> {
        if path.is_empty() && flags & AT_EMPTY_PATH != 0 {
            return Ok(start.clone());
        }
        self.resolver(0).lookup(start, path, flags & AT_SYMLINK_NOFOLLOW == 0)
    }

    /// The directory that the arguments name.
    ///
    /// # Errors
    /// As path_resolution(7); ENOTDIR.
    pub fn directory(&self, start: &Path, path: &[u8]) -> Result<Path> {
        let found = self.target(start, path, 0)?;
        if is_directory(found.inode())? { Ok(found) } else { Err(Errno::ENOTDIR) }
    }
}

fn is_directory(inode: &Rc<dyn Inode>) -> Result<bool> {
    Ok(inode.attributes()?.file_type == FileType::Directory)
}
