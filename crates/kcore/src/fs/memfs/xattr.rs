//! Extended attributes of a node: the image's, with changes in memory.

use super::Node;
use super::node::Xattrs;
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// setxattr(2): fail if it exists.
const XATTR_CREATE: u32 = 1;
/// setxattr(2): fail if it does not.
const XATTR_REPLACE: u32 = 2;
/// Attributes of one inode take at most this much memory (XATTR_LIST_MAX).
const TOTAL_MAX: usize = 65536;

/// Bytes of names and values.
fn used(changed: &Xattrs) -> usize {
    changed.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, |v| v.len())).sum()
}

impl Node {
    pub(super) fn xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        if let Some(changed) = self.xattrs.borrow().as_ref()
            && let Some(value) = changed.get(name)
        {
            return value.as_ref().map(|v| v.to_vec()).ok_or(Errno::ENODATA);
        }
        let mut found = None;
        if let (Some(image), Some(lower)) = (&self.fs.lower, &self.lower) {
            image.xattrs(lower, &mut |n, value| {
                if n == name {
                    found = Some(value.to_vec());
                }
                found.is_none()
            })?;
        }
        found.ok_or(Errno::ENODATA)
    }

    pub(super) fn xattr_names(&self) -> Result<Vec<u8>> {
        let mut names = Vec::new();
        let changed = self.xattrs.borrow();
        if let (Some(image), Some(lower)) = (&self.fs.lower, &self.lower) {
            image.xattrs(lower, &mut |name, _| {
                if !changed.as_ref().is_some_and(|c| c.contains_key(name)) {
                    names.extend_from_slice(name);
                    names.push(0);
                }
                true
            })?;
        }
        for (name, value) in changed.iter().flat_map(|c| c.iter()) {
            if value.is_some() {
                names.extend_from_slice(name);
                names.push(0);
            }
        }
        Ok(names)
    }

    /// A change as another kernel had it.
    pub(super) fn restore_xattr(&self, name: &[u8], value: Option<&[u8]>) -> Result<()> {
        let mut changed = self.xattrs.borrow_mut();
        let changed = changed.get_or_insert_default();
        if used(changed) + name.len() + value.map_or(0, <[u8]>::len) > TOTAL_MAX {
            return Err(Errno::ENOSPC);
        }
        changed.insert(name.into(), value.map(Into::into));
        Ok(())
    }

    pub(super) fn change_xattr(&self, name: &[u8], value: Option<&[u8]>, flags: u32) -> Result<()> {
        let exists = match self.xattr(name) {
            Ok(_) => true,
            Err(Errno::ENODATA) => false,
            Err(e) => return Err(e),
        };
        if exists && flags & XATTR_CREATE != 0 {
            return Err(Errno::EEXIST);
        }
        if !exists && (value.is_none() || flags & XATTR_REPLACE != 0) {
            return Err(Errno::ENODATA);
        }
        {
            let mut changed = self.xattrs.borrow_mut();
            let changed = changed.get_or_insert_default();
            let length = |value: Option<&[u8]>| name.len() + value.map_or(0, <[u8]>::len);
            let old = changed.get(name).map_or(0, |old| length(old.as_deref()));
            let new = length(value);
            // What takes less than before always fits.
            if new > old && used(changed) - old + new > TOTAL_MAX {
                return Err(Errno::ENOSPC);
            }
            if value.is_none() && self.lower.is_none() {
                changed.remove(name);
            } else {
                changed.insert(name.into(), value.map(Into::into));
            }
        }
        self.touch_changed();
        Ok(())
    }
}
