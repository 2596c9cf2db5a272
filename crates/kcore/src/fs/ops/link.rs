//! link(2), linkat(2).

use super::{AT_EMPTY_PATH, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, Caller};
use crate::errno::{Errno, Result};
use crate::fs::credentials::cap;
use crate::fs::inode::FileType;
use crate::fs::notify;
use crate::fs::path::Path;
use crate::fs::permission::{self, EXECUTE, READ, WRITE};
use crate::stat::{S_ISGID, S_ISUID};
use alloc::rc::Rc;

impl Caller<'_> {
    /// Makes `new` another name of `old`. `flags`: AT_SYMLINK_FOLLOW, AT_EMPTY_PATH.
    ///
    /// # Errors
    /// EXDEV, EEXIST, EPERM (a directory; fs.protected_hardlinks), EMLINK, EROFS; as path_resolution(7).
    pub fn link(&self, old_start: &Path, old: &[u8], new_start: &Path, new: &[u8], flags: u32) -> Result<()> {
        if flags & !(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
            return Err(Errno::EINVAL);
        }
        let nofollow = if flags & AT_SYMLINK_FOLLOW == 0 { AT_SYMLINK_NOFOLLOW } else { 0 };
        let target = self.target(old_start, old, flags & AT_EMPTY_PATH | nofollow)?;
        let (directory, name) = self.new_name(new_start, new, false)?;
        if !Rc::ptr_eq(&directory.mount, &target.mount) {
            return Err(Errno::EXDEV);
        }
        directory.mount.check_writable()?;
        permission::check(&directory.inode().attributes()?, self.credentials, WRITE | EXECUTE)?;
        let attributes = target.inode().attributes()?;
        if attributes.file_type == FileType::Directory {
            return Err(Errno::EPERM);
        }
        if self.credentials.fsuid != attributes.uid && !self.credentials.has(cap::FOWNER) {
            let set_gid = attributes.permissions & (S_ISGID | 0o010) == S_ISGID | 0o010;
            let safe = attributes.file_type == FileType::Regular
                && attributes.permissions & S_ISUID == 0
                && !set_gid
                && permission::check(&attributes, self.credentials, READ | WRITE).is_ok();
            if !safe {
                return Err(Errno::EPERM);
            }
        }
        directory.inode().link(&name, target.inode())?;
        notify::created(&**directory.inode(), &name, &**target.inode(), true);
        self.vfs.namespace.note_cached();
        directory.dentry.add(&name, target.inode().clone());
        Ok(())
    }
}
