//! utimensat(2), futimens(3), utime(2), utimes(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::inode::SetAttributes;
use crate::fs::notify;
use crate::fs::path::Path;
use crate::fs::permission::{self, WRITE};
use crate::stat::Nanoseconds;

const UTIME_NOW: i64 = (1 << 30) - 1;
const UTIME_OMIT: i64 = (1 << 30) - 2;

/// What becomes of one time stamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeChange {
    /// The current time (UTIME_NOW).
    Now,
    /// Nothing (UTIME_OMIT).
    Omit,
    /// This.
    Set(Nanoseconds),
}

impl TimeChange {
    /// From a `struct timespec` of utimensat(2).
    ///
    /// # Errors
    /// EINVAL: the nanoseconds are out of range.
    pub fn from_timespec(seconds: i64, nanoseconds: i64) -> Result<TimeChange> {
        match nanoseconds {
            UTIME_NOW => Ok(TimeChange::Now),
            UTIME_OMIT => Ok(TimeChange::Omit),
            0..1_000_000_000 => {
                Ok(TimeChange::Set(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)))
            }
            _ => Err(Errno::EINVAL),
        }
    }
}

impl Caller<'_> {
    /// Sets the times of the file at `path`.
    ///
    /// # Errors
    /// EACCES, EPERM, EROFS; as path_resolution(7).
    pub fn utimens(
        &self,
        start: &Path,
        path: &[u8],
        accessed: TimeChange,
        modified: TimeChange,
        flags: u32,
    ) -> Result<()> {
        if (accessed, modified) == (TimeChange::Omit, TimeChange::Omit) {
            return Ok(());
        }
        self.utimens_path(&self.target(start, path, flags)?, accessed, modified)
    }

    /// Sets the times of an open file.
    ///
    /// # Errors
    /// EACCES: "now" needs write permission; EPERM: other times need the owner; EROFS.
    pub fn utimens_path(&self, path: &Path, accessed: TimeChange, modified: TimeChange) -> Result<()> {
        path.mount.check_writable()?;
        let attributes = path.inode().attributes()?;
        if !permission::is_owner(&attributes, self.credentials) {
            if (accessed, modified) != (TimeChange::Now, TimeChange::Now) {
                return Err(Errno::EPERM);
            }
            permission::check(&attributes, self.credentials, WRITE)?;
        }
        let now = (self.vfs.clock)();
        let value = |change| match change {
            TimeChange::Now => Some(now),
            TimeChange::Omit => None,
            TimeChange::Set(time) => Some(time),
        };
        let change = SetAttributes {
            accessed: value(accessed),
            modified: value(modified),
            ..SetAttributes::default()
        };
        path.inode().set_attributes(&change)?;
        notify::changed(path, &change);
        Ok(())
    }
}
