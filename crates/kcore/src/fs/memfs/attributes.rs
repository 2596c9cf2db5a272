//! Changing attributes of a node.

use super::Node;
use crate::errno::Result;
use crate::fs::inode::SetAttributes;

impl Node {
    pub(super) fn change_attributes(&self, change: &SetAttributes) -> Result<()> {
        if let Some(size) = change.size {
            self.resize(size)?;
        }
        if let Some(permissions) = change.permissions {
            self.permissions.set(permissions & 0o7777);
        }
        if let Some(uid) = change.uid {
            self.uid.set(uid);
        }
        if let Some(gid) = change.gid {
            self.gid.set(gid);
        }
        self.touch_changed();
        if let Some(time) = change.accessed {
            self.accessed.set(time);
        }
        if let Some(time) = change.modified {
            self.modified.set(time);
        }
        Ok(())
    }
}
