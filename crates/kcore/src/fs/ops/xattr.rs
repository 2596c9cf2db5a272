//! getxattr(2), listxattr(2), setxattr(2), removexattr(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::credentials::cap;
use crate::fs::inode::FileType;
use crate::fs::notify;
use crate::fs::path::Path;
use crate::fs::permission::{self, READ, WRITE};
use crate::stat::S_ISVTX;
use alloc::vec::Vec;

/// Longest name of an attribute.
pub const XATTR_NAME_MAX: usize = 255;
/// Longest value of an attribute.
pub const XATTR_SIZE_MAX: usize = 65536;

impl Caller<'_> {
    fn check_xattr(&self, path: &Path, name: &[u8], want: u32) -> Result<()> {
        if name.is_empty() || name.len() > XATTR_NAME_MAX {
            return Err(Errno::ERANGE);
        }
        let attributes = path.inode().attributes()?;
        let writes = want & WRITE != 0;
        if writes {
            path.mount.check_writable()?;
        }
        let missing = if writes { Errno::EPERM } else { Errno::ENODATA };
        if name.starts_with(b"user.") {
            // User attributes are for files and directories, and in sticky directories for the owner (xattr(7)).
            if !matches!(attributes.file_type, FileType::Regular | FileType::Directory) {
                return Err(missing);
            }
            let sticky = attributes.file_type == FileType::Directory && attributes.permissions & S_ISVTX != 0;
            if writes && sticky && !permission::is_owner(&attributes, self.credentials) {
                return Err(Errno::EPERM);
            }
            permission::check(&attributes, self.credentials, want)
        } else if name.starts_with(b"trusted.") {
            if self.credentials.has(cap::SYS_ADMIN) { Ok(()) } else { Err(missing) }
        } else if name.starts_with(b"security.") {
            if !writes || self.credentials.has(cap::SYS_ADMIN) { Ok(()) } else { Err(Errno::EPERM) }
        } else if name.starts_with(b"system.") && !writes {
            Ok(())
        } else {
            Err(Errno::EOPNOTSUPP)
        }
    }

    /// The value of attribute `name`.
    ///
    /// # Errors
    /// ENODATA, EOPNOTSUPP, ERANGE, EACCES.
    pub fn get_xattr(&self, path: &Path, name: &[u8]) -> Result<Vec<u8>> {
        self.check_xattr(path, name, READ)?;
        path.inode().get_xattr(name)
    }

    /// The names, each followed by a zero byte. Trusted ones only for those who may read them.
    ///
    /// # Errors
    /// EIO.
    pub fn list_xattrs(&self, path: &Path) -> Result<Vec<u8>> {
        let mut names = path.inode().list_xattrs()?;
        if !self.credentials.has(cap::SYS_ADMIN) {
            let shown = names.split_inclusive(|&b| b == 0).filter(|n| !n.starts_with(b"trusted."));
            names = shown.flatten().copied().collect();
        }
        Ok(names)
    }

    /// Sets (some) or removes (none) an attribute; `flags` as setxattr(2).
    ///
    /// # Errors
    /// EEXIST, ENODATA, EOPNOTSUPP, EPERM, EACCES, E2BIG, ENOSPC, EROFS, EINVAL.
    pub fn set_xattr(&self, path: &Path, name: &[u8], value: Option<&[u8]>, flags: u32) -> Result<()> {
        if flags & !3 != 0 || flags == 3 {
            return Err(Errno::EINVAL);
        }
        if value.is_some_and(|v| v.len() > XATTR_SIZE_MAX) {
            return Err(Errno::E2BIG);
        }
        self.check_xattr(path, name, WRITE)?;
        path.inode().set_xattr(name, value, flags)?;
        notify::file(path, notify::event::ATTRIB);
        Ok(())
    }
}
