//! rename(2), renameat2(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::dentry::Dentry;
use crate::fs::inode::{FileType, RENAME_EXCHANGE, RENAME_NOREPLACE};
use crate::fs::notify;
use crate::fs::path::Path;
use crate::fs::permission::{self, EXECUTE, WRITE};
use crate::fs::resolve::{Last, Parent};
use alloc::rc::Rc;

impl Caller<'_> {
    /// Renames `old` to `new`.
    ///
    /// # Errors
    /// EXDEV, EINVAL (into itself; flags), EEXIST, ENOTEMPTY, EISDIR, ENOTDIR, EBUSY, EACCES, EPERM, EROFS; as path_resolution(7).
    pub fn rename(
        &self,
        old_start: &Path,
        old: &[u8],
        new_start: &Path,
        new: &[u8],
        flags: u32,
    ) -> Result<()> {
        // RENAME_WHITEOUT is for overlay file systems; a file system may refuse it.
        let both = RENAME_NOREPLACE | RENAME_EXCHANGE;
        if flags & !both != 0 || flags & both == both {
            return Err(Errno::EINVAL);
        }
        let resolver = self.resolver(0);
        let from = resolver.parent(old_start, old)?;
        let to = resolver.parent(new_start, new)?;
        if !Rc::ptr_eq(&from.directory.mount, &to.directory.mount) {
            return Err(Errno::EXDEV);
        }
        let (Last::Name(old_name), Last::Name(new_name)) = (&from.last, &to.last) else {
            let taken = flags & RENAME_NOREPLACE != 0 && matches!(from.last, Last::Name(_));
            return Err(if taken { Errno::EEXIST } else { Errno::EBUSY });
        };
        from.directory.mount.check_writable()?;
        let namespace = &self.vfs.namespace;
        let source = namespace.child(&from.directory.dentry, old_name)?;
        let target = match namespace.child(&to.directory.dentry, new_name) {
            Ok(target) => Some(target),
            Err(Errno::ENOENT) => None,
            Err(e) => return Err(e),
        };
        if flags & RENAME_NOREPLACE != 0 && target.is_some() {
            return Err(Errno::EEXIST);
        }
        if flags & RENAME_EXCHANGE != 0 && target.is_none() {
            return Err(Errno::ENOENT);
        }
        self.check_places(&from, &to, &source, target.as_ref(), flags)?;
        if target.as_ref().is_some_and(|t| t.inode().id() == source.inode().id()) {
            // Two names of one file: nothing happens (rename(2)).
            return Ok(());
        }
        self.check_permissions(&from, &to, &source, target.as_ref(), flags)?;
        from.directory.inode().rename(old_name, to.directory.inode(), new_name, flags)?;
        if flags & RENAME_EXCHANGE != 0 {
            from.directory.dentry.exchange(old_name, &to.directory.dentry, new_name);
        } else {
            from.directory.dentry.rename(old_name, &to.directory.dentry, new_name);
        }
        let from = (&**from.directory.inode(), &old_name[..]);
        let to = (&**to.directory.inode(), &new_name[..]);
        notify::renamed(from, to, &source, target, flags & RENAME_EXCHANGE != 0);
        Ok(())
    }

    /// Slashes behind names, and directories that would become their own descendants.
    fn check_places(
        &self,
        from: &Parent,
        to: &Parent,
        source: &Rc<Dentry>,
        target: Option<&Rc<Dentry>>,
        flags: u32,
    ) -> Result<()> {
        let exchange = flags & RENAME_EXCHANGE != 0;
        let attributes = source.inode().attributes()?;
        let is_directory = attributes.file_type == FileType::Directory;
        if exchange && to.trailing_slash {
            let over = target.map(|target| target.inode().attributes()).transpose()?;
            if over.is_some_and(|over| over.file_type != FileType::Directory) {
                return Err(Errno::ENOTDIR);
            }
        }
        // Only a directory can be renamed to or from a name with a slash behind it.
        if !is_directory && (from.trailing_slash || (to.trailing_slash && !exchange)) {
            return Err(Errno::ENOTDIR);
        }
        if source.is_ancestor_of(&to.directory.dentry) {
            return Err(Errno::EINVAL);
        }
        if let Some(target) = target
            && target.is_ancestor_of(&from.directory.dentry)
        {
            return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        Ok(())
    }

    fn check_permissions(
        &self,
        from: &Parent,
        to: &Parent,
        source: &Rc<Dentry>,
        target: Option<&Rc<Dentry>>,
        flags: u32,
    ) -> Result<()> {
        let exchange = flags & RENAME_EXCHANGE != 0;
        let attributes = source.inode().attributes()?;
        let is_directory = attributes.file_type == FileType::Directory;
        let from_attributes = from.directory.inode().attributes()?;
        let to_attributes = to.directory.inode().attributes()?;
        permission::check_delete(&from_attributes, &attributes, self.credentials)?;
        permission::check(&to_attributes, self.credentials, WRITE | EXECUTE)?;
        let over = target.map(|target| target.inode().attributes()).transpose()?;
        if let Some(over) = &over {
            permission::check_delete(&to_attributes, over, self.credentials)?;
            match (is_directory, over.file_type == FileType::Directory) {
                (true, false) if !exchange => return Err(Errno::ENOTDIR),
                (false, true) if !exchange => return Err(Errno::EISDIR),
                _ => {}
            }
        }
        if !Rc::ptr_eq(&from.directory.dentry, &to.directory.dentry) {
            // The entry `..` of a moved directory changes.
            if is_directory {
                permission::check(&attributes, self.credentials, WRITE)?;
            }
            if let Some(over) = over.filter(|o| exchange && o.file_type == FileType::Directory) {
                permission::check(&over, self.credentials, WRITE)?;
            }
        }
        let busy = source.mounts() > 0 || target.is_some_and(|target| target.mounts() > 0);
        if busy { Err(Errno::EBUSY) } else { Ok(()) }
    }
}
