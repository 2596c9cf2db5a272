//! chown(2), lchown(2), fchownat(2), fchown(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::credentials::cap;
use crate::fs::inode::{FileType, SetAttributes};
use crate::fs::notify;
use crate::fs::path::Path;
use crate::stat::{S_ISGID, S_ISUID};

const KEEP: u32 = u32::MAX;

impl Caller<'_> {
    /// Changes owner and group of the file at `path`; `u32::MAX` leaves one.
    ///
    /// # Errors
    /// EPERM, EROFS; as path_resolution(7).
    pub fn chown(&self, start: &Path, path: &[u8], uid: u32, gid: u32, flags: u32) -> Result<()> {
        self.chown_path(&self.target(start, path, flags)?, uid, gid)
    }

    /// Changes owner and group of an open file.
    ///
    /// # Errors
    /// EPERM, EROFS.
    pub fn chown_path(&self, path: &Path, uid: u32, gid: u32) -> Result<()> {
        path.mount.check_writable()?;
        let attributes = path.inode().attributes()?;
        let owns = self.credentials.fsuid == attributes.uid;
        let uid_allowed = uid == KEEP || (owns && uid == attributes.uid);
        let gid_allowed = gid == KEEP || (owns && (self.credentials.in_group(gid) || gid == attributes.gid));
        let allowed = uid_allowed && gid_allowed;
        if !allowed && !self.credentials.has(cap::CHOWN) {
            return Err(Errno::EPERM);
        }
        let mut change = SetAttributes {
            uid: (uid != KEEP).then_some(uid),
            gid: (gid != KEEP).then_some(gid),
            ..SetAttributes::default()
        };
        // Even root's chown takes the set-id bits from a file that is not a directory (chown(2)).
        if attributes.file_type != FileType::Directory && attributes.permissions & (S_ISUID | S_ISGID) != 0 {
            let mut permissions = attributes.permissions & !S_ISUID;
            if permissions & 0o010 != 0 {
                permissions &= !S_ISGID;
            }
            change.permissions = Some(permissions);
        }
        path.inode().set_attributes(&change)?;
        notify::changed(path, &change);
        Ok(())
    }
}
