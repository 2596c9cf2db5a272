//! chmod(2), fchmodat(2), fchmod(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::credentials::cap;
use crate::fs::inode::{FileType, SetAttributes};
use crate::fs::notify;
use crate::fs::path::Path;
use crate::fs::permission;
use crate::stat::S_ISGID;

impl Caller<'_> {
    /// Changes the permissions of the file at `path`.
    ///
    /// # Errors
    /// EPERM: not the owner; EOPNOTSUPP: a symbolic link; EROFS; as path_resolution(7).
    pub fn chmod(&self, start: &Path, path: &[u8], mode: u32, flags: u32) -> Result<()> {
        self.chmod_path(&self.target(start, path, flags)?, mode)
    }

    /// Changes the permissions of an open file.
    ///
    /// # Errors
    /// As [`Caller::chmod`].
    pub fn chmod_path(&self, path: &Path, mode: u32) -> Result<()> {
        path.mount.check_writable()?;
        let attributes = path.inode().attributes()?;
        if attributes.file_type == FileType::Symlink {
            return Err(Errno::EOPNOTSUPP);
        }
        if !permission::is_owner(&attributes, self.credentials) {
            return Err(Errno::EPERM);
        }
        let mut permissions = mode & 0o7777;
        if !self.credentials.in_group(attributes.gid) && !self.credentials.has(cap::FSETID) {
            permissions &= !S_ISGID;
        }
        let change = SetAttributes { permissions: Some(permissions), ..SetAttributes::default() };
        path.inode().set_attributes(&change)?;
        notify::changed(path, &change);
        Ok(())
    }
}
