//! truncate(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::inode::{FileType, SetAttributes};
use crate::fs::notify;
use crate::fs::path::Path;
use crate::fs::permission::{self, WRITE};

impl Caller<'_> {
    /// Sets the length of the file at `path`; `size_limit` is RLIMIT_FSIZE.
    ///
    /// # Errors
    /// EISDIR, EINVAL (not a regular file), EACCES, EROFS, ETXTBSY, EFBIG; as path_resolution(7).
    pub fn truncate(&self, start: &Path, path: &[u8], size: u64, size_limit: u64) -> Result<()> {
        let found = self.target(start, path, 0)?;
        let attributes = found.inode().attributes()?;
        match attributes.file_type {
            FileType::Directory => return Err(Errno::EISDIR),
            FileType::Regular => {}
            _ => return Err(Errno::EINVAL),
        }
        permission::check(&attributes, self.credentials, WRITE)?;
        found.mount.check_writable()?;
        if size > size_limit {
            return Err(Errno::EFBIG);
        }
        if let Some(state) = found.inode().state() {
            state.add_writer()?;
            state.remove_writer();
        }
        let permissions = permission::after_write(&attributes, self.credentials);
        let change = SetAttributes { size: Some(size), permissions, ..SetAttributes::default() };
        found.inode().set_attributes(&change)?;
        notify::changed(&found, &change);
        Ok(())
    }
}
