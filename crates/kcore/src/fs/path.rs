//! A place in the namespace: [`Path`].

use super::dentry::Dentry;
use super::inode::Inode;
use super::mount::Mount;
use crate::errno::{Errno, Result};
use alloc::rc::Rc;
use alloc::vec::Vec;

/// A dentry in a mount. Keeps its inode alive, and follows renames.
#[derive(Clone)]
pub struct Path {
    /// The mount through which it was reached.
    pub mount: Rc<Mount>,
    /// The name.
    pub dentry: Rc<Dentry>,
}

impl Path {
    /// A path to an object that has no place in any directory; `name` is what is shown for it.
    pub fn anonymous(inode: Rc<dyn Inode>, name: &[u8]) -> Path {
        let dentry = Dentry::root(inode, name);
        Path { mount: Mount::detached(dentry.clone()), dentry }
    }

    /// The inode.
    #[inline]
    pub fn inode(&self) -> &Rc<dyn Inode> {
        self.dentry.inode()
    }

    /// Whether both are the same place.
    pub fn is(&self, other: &Path) -> bool {
        Rc::ptr_eq(&self.dentry, &other.dentry) && Rc::ptr_eq(&self.mount, &other.mount)
    }

    /// Whether the name, or one above it, has been removed.
    pub fn is_deleted(&self) -> bool {
        self.dentry.is_deleted()
    }

    /// The directory above, across mounts; `root` and the root of everything are above themselves.
    pub fn parent(&self, root: &Path) -> Path {
        let mut at = self.clone();
        while !at.is(root) {
            if let Some(parent) = at.dentry.parent() {
                at.dentry = parent;
                break;
            }
            match at.mount.mount_point() {
                Some(place) => at = place,
                None => break,
            }
        }
        at
    }

    /// The absolute path as seen from `root`, with " (deleted)" if the name is gone, and "(unreachable)" before it if it is not
    /// below `root`: what `readlink("/proc/self/cwd")` gives.
    pub fn display(&self, root: &Path) -> Vec<u8> {
        let (mut path, reachable) = self.absolute(root);
        if !reachable {
            if self.dentry.parent().is_none() && self.mount.mount_point().is_none() && self.mount.id == 0 {
                return self.dentry.name().to_vec();
            }
            path.splice(0..0, *b"(unreachable)");
        }
        if self.is_deleted() {
            path.extend_from_slice(b" (deleted)");
        }
        path
    }

    /// The absolute path for getcwd(2).
    ///
    /// # Errors
    /// ENOENT: the directory has been removed.
    pub fn working_directory(&self, root: &Path) -> Result<Vec<u8>> {
        if self.is_deleted() { Err(Errno::ENOENT) } else { Ok(self.display(root)) }
    }

    fn absolute(&self, root: &Path) -> (Vec<u8>, bool) {
        let mut names: Vec<Rc<[u8]>> = Vec::new();
        let mut at = self.clone();
        let mut reachable = true;
        while !at.is(root) {
            if let Some(parent) = at.dentry.parent() {
                names.push(at.dentry.name());
                at.dentry = parent;
            } else if let Some(place) = at.mount.mount_point() {
                at = place;
            } else {
                reachable = false;
                break;
            }
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        if path.is_empty() {
            path.push(b'/');
        }
        (path, reachable)
    }
}
