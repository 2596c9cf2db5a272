//! chdir(2), fchdir(2), chroot(2): what the new directory may be. The caller puts the result into its [`super::FsContext`].

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::credentials::cap;
use crate::fs::inode::FileType;
use crate::fs::path::Path;
use crate::fs::permission::{self, EXECUTE};

impl Caller<'_> {
    /// The directory at `path`, as a new working directory.
    ///
    /// # Errors
    /// ENOTDIR, EACCES; as path_resolution(7).
    pub fn chdir(&self, start: &Path, path: &[u8]) -> Result<Path> {
        self.chdir_path(self.target(start, path, 0)?)
    }

    /// An open file as a new working directory.
    ///
    /// # Errors
    /// ENOTDIR, EACCES.
    pub fn chdir_path(&self, path: Path) -> Result<Path> {
        let attributes = path.inode().attributes()?;
        if attributes.file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        permission::check(&attributes, self.credentials, EXECUTE)?;
        Ok(path)
    }

    /// The directory at `path`, as a new root directory.
    ///
    /// # Errors
    /// EPERM; as [`Caller::chdir`].
    pub fn chroot(&self, start: &Path, path: &[u8]) -> Result<Path> {
        let found = self.chdir(start, path)?;
        if self.credentials.has(cap::SYS_CHROOT) { Ok(found) } else { Err(Errno::EPERM) }
    }
}
