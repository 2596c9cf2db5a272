//! stat(2), readlink(2), statfs(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::inode::{FileType, Link, StatFs};
use crate::fs::path::Path;
use crate::stat::Stat;
use alloc::vec::Vec;

impl Caller<'_> {
    /// fstatat(2), statx(2).
    ///
    /// # Errors
    /// As path_resolution(7).
    pub fn stat(&self, start: &Path, path: &[u8], flags: u32) -> Result<Stat> {
        self.target(start, path, flags)?.inode().stat()
    }

    /// readlinkat(2). An empty path names `start` itself.
    ///
    /// # Errors
    /// EINVAL: not a symbolic link (ENOENT with an empty path); as path_resolution(7).
    pub fn read_link(&self, start: &Path, path: &[u8]) -> Result<Vec<u8>> {
        let found =
            if path.is_empty() { start.clone() } else { self.resolver(0).lookup(start, path, false)? };
        if found.inode().attributes()?.file_type != FileType::Symlink {
            return Err(if path.is_empty() { Errno::ENOENT } else { Errno::EINVAL });
        }
        match found.inode().read_link() {
            // Magic links show where they lead.
            Err(Errno::EINVAL) => match found.inode().follow()? {
                Link::Text(text) => Ok(text),
                Link::Magic(path) => Ok(path.display(&self.context.root)),
            },
            other => other,
        }
    }

    /// statfs(2): also the mount's flags.
    ///
    /// # Errors
    /// As path_resolution(7).
    pub fn statfs(&self, start: &Path, path: &[u8], flags: u32) -> Result<(StatFs, u32)> {
        let found = self.target(start, path, flags)?;
        Ok((found.inode().statfs()?, found.mount.flags.get()))
    }
}
