//! unlink(2), rmdir(2), unlinkat(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::inode::FileType;
use crate::fs::notify;
use crate::fs::path::Path;
use crate::fs::permission;
use crate::fs::resolve::Last;

impl Caller<'_> {
    /// Removes a name of what is not a directory.
    ///
    /// # Errors
    /// EISDIR, ENOENT, EACCES, EPERM (sticky directory), EBUSY (mount point), EROFS; as path_resolution(7).
    pub fn unlink(&self, start: &Path, path: &[u8]) -> Result<()> {
        let resolver = self.resolver(0);
        let parent = resolver.parent(start, path)?;
        let Last::Name(name) = &parent.last else { return Err(Errno::EISDIR) };
        let directory = &parent.directory;
        let victim = self.vfs.namespace.child(&directory.dentry, name)?;
        let attributes = victim.inode().attributes()?;
        if parent.trailing_slash {
            let is_directory = attributes.file_type == FileType::Directory;
            return Err(if is_directory { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        directory.mount.check_writable()?;
        permission::check_delete(&directory.inode().attributes()?, &attributes, self.credentials)?;
        if attributes.file_type == FileType::Directory {
            return Err(Errno::EISDIR);
        }
        if victim.mounts() > 0 {
            return Err(Errno::EBUSY);
        }
        directory.inode().unlink(name)?;
        notify::removed(&**directory.inode(), name, victim, || directory.dentry.delete(name));
        Ok(())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// ENOTDIR, ENOTEMPTY, EINVAL (`.`), EBUSY, ENOENT, EACCES, EPERM, EROFS; as path_resolution(7).
    pub fn rmdir(&self, start: &Path, path: &[u8]) -> Result<()> {
        let parent = self.resolver(0).parent(start, path)?;
        let name = match &parent.last {
            Last::Name(name) => name,
            Last::Dot => return Err(Errno::EINVAL),
            Last::DotDot => return Err(Errno::ENOTEMPTY),
            Last::Root => return Err(Errno::EBUSY),
        };
        let directory = &parent.directory;
        directory.mount.check_writable()?;
        let victim = self.vfs.namespace.child(&directory.dentry, name)?;
        let attributes = victim.inode().attributes()?;
        permission::check_delete(&directory.inode().attributes()?, &attributes, self.credentials)?;
        if attributes.file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        if victim.mounts() > 0 {
            return Err(Errno::EBUSY);
        }
        directory.inode().rmdir(name)?;
        notify::removed(&**directory.inode(), name, victim, || directory.dentry.delete(name));
        Ok(())
    }
}
