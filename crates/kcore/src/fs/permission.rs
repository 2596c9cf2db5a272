//! Permission bits against credentials: path_resolution(7), inode(7).

use super::credentials::{Credentials, cap};
use super::inode::{Attributes, FileType};
use crate::errno::{Errno, Result};
use crate::stat::{S_ISGID, S_ISUID, S_ISVTX};

/// Read permission.
pub const READ: u32 = 4;
/// Write permission.
pub const WRITE: u32 = 2;
/// Execute (files) or search (directories) permission.
pub const EXECUTE: u32 = 1;

/// Checks that `credentials` (their file system ids) may do `want` (bits of [`READ`], [`WRITE`], [`EXECUTE`]).
///
/// # Errors
/// EACCES.
#[inline]
pub fn check(attributes: &Attributes, credentials: &Credentials, want: u32) -> Result<()> {
    let shift = if credentials.fsuid == attributes.uid {
        6
    } else if credentials.in_group(attributes.gid) {
        3
    } else {
        0
    };
    if (attributes.permissions >> shift) & want == want {
        return Ok(());
    }
    let directory = attributes.file_type == FileType::Directory;
    let override_all = credentials.has(cap::DAC_OVERRIDE)
        && (directory || want & EXECUTE == 0 || attributes.permissions & 0o111 != 0);
    let only_reads = if directory { want & WRITE == 0 } else { want == READ };
    if override_all || (only_reads && credentials.has(cap::DAC_READ_SEARCH)) {
        Ok(())
    } else {
        Err(Errno::EACCES)
    }
}

/// Whether the credentials own the inode, or may act as if they did.
pub fn is_owner(attributes: &Attributes, credentials: &Credentials) -> bool {
    credentials.fsuid == attributes.uid || credentials.has(cap::FOWNER)
}

/// Checks that a name of `victim` may be removed from `directory` (write and search permission, sticky bit).
///
/// # Errors
/// EACCES, EPERM (sticky).
pub fn check_delete(directory: &Attributes, victim: &Attributes, credentials: &Credentials) -> Result<()> {
    check(directory, credentials, WRITE | EXECUTE)?;
    let sticky = directory.permissions & S_ISVTX != 0
        && credentials.fsuid != victim.uid
        && credentials.fsuid != directory.uid
        && !credentials.has(cap::FOWNER);
    if sticky { Err(Errno::EPERM) } else { Ok(()) }
}

/// The permission bits that a regular file keeps when `credentials` write to it or change its length: none if they stay as they are.
pub fn after_write(attributes: &Attributes, credentials: &Credentials) -> Option<u32> {
    let now = attributes.permissions;
    if now & (S_ISUID | S_ISGID) == 0 || credentials.has(cap::FSETID) {
        return None;
    }
    let mut kept = now & !S_ISUID;
    // Without group execution the bit marks mandatory locking, which a member of the group may leave on.
    if now & 0o010 != 0 || !credentials.in_group(attributes.gid) {
        kept &= !S_ISGID;
    }
    (kept != now).then_some(kept)
}
