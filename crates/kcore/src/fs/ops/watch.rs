//! What inotify(7) is to watch.

use super::{AT_SYMLINK_NOFOLLOW, Caller};
use crate::errno::{Errno, Result};
use crate::fs::inode::FileType;
use crate::fs::notify::event;
use crate::fs::path::Path;
use crate::fs::permission::{self, READ};

impl Caller<'_> {
    /// The file at `path` that inotify_add_watch(2) means with its `mask`, and the caller may read.
    ///
    /// # Errors
    /// EACCES; ENOTDIR: only a directory was wanted; as path_resolution(7).
    pub fn to_watch(&self, start: &Path, path: &[u8], mask: u32) -> Result<Path> {
        let flags = if mask & event::DONT_FOLLOW != 0 { AT_SYMLINK_NOFOLLOW } else { 0 };
        let found = self.target(start, path, flags)?;
        let attributes = found.inode().attributes()?;
        if mask & event::ONLYDIR != 0 && attributes.file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        permission::check(&attributes, self.credentials, READ)?;
        Ok(found)
    }
}
