//! access(2), faccessat2(2).

use super::{AT_EACCESS, Caller};
use crate::errno::{Errno, Result};
use crate::fs::inode::FileType;
use crate::fs::mount::MS_NOEXEC;
use crate::fs::path::Path;
use crate::fs::permission::{self, EXECUTE, WRITE};

impl Caller<'_> {
    /// Whether the caller may do `want` (R_OK 4, W_OK 2, X_OK 1; 0: it exists), with the real ids unless AT_EACCESS.
    ///
    /// # Errors
    /// EACCES, EROFS, EINVAL; as path_resolution(7).
    pub fn access(&self, start: &Path, path: &[u8], want: u32, flags: u32) -> Result<()> {
        if want & !7 != 0 {
            return Err(Errno::EINVAL);
        }
        let real;
        let mut caller = *self;
        if flags & AT_EACCESS == 0 {
            real = self.credentials.with_real_ids();
            // The copy's lifetime is this call's.
            caller = Caller { credentials: &real, ..caller };
            return caller.may(start, path, want, flags);
        }
        caller.may(start, path, want, flags)
    }

    fn may(&self, start: &Path, path: &[u8], want: u32, flags: u32) -> Result<()> {
        let found = self.target(start, path, flags)?;
        let attributes = found.inode().attributes()?;
        if want & EXECUTE != 0
            && attributes.file_type == FileType::Regular
            && found.mount.flags.get() & MS_NOEXEC != 0
        {
            return Err(Errno::EACCES);
        }
        let on_disk =
            matches!(attributes.file_type, FileType::Regular | FileType::Directory | FileType::Symlink);
        if want != 0 {
            permission::check(&attributes, self.credentials, want)?;
        }
        if want & WRITE != 0 && on_disk {
            found.mount.check_writable()?;
        }
        Ok(())
    }
}
