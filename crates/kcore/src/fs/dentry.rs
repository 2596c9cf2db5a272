//! Names that have been looked up: [`Dentry`].
//!
//! A dentry is a name in a directory together with its inode. The tree of dentries is the cache of lookups, and what tells
//! a path its current name: renaming moves the dentry, so that everyone who holds it sees the new name.
//! A parent refers to its cached children and a child to its parent; [`Dentry::prune`] removes what nobody else holds.

use super::inode::Inode;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::map::Map;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell};

struct Place {
    parent: Option<Rc<Dentry>>,
    name: Rc<[u8]>,
}

/// A name and its inode.
pub struct Dentry {
    inode: Rc<dyn Inode>,
    /// What has taken the place of the inode.
    moved: OnceCell<Rc<dyn Inode>>,
    /// [`Inode::names_version`] of the directory when the name was looked up.
    version: Cell<u64>,
    children: RefCell<Map<Rc<[u8]>, Rc<Dentry>>>,
    mounts: Cell<u32>,
    deleted: Cell<bool>,
    /// The last to be dropped.
    place: RefCell<Place>,
}

impl Dentry {
    /// The root of a file system, or an object without a place (`name` is what is shown for it).
    pub fn root(inode: Rc<dyn Inode>, name: &[u8]) -> Rc<Dentry> {
        Self::new(inode, None, name.into())
    }

    fn new(inode: Rc<dyn Inode>, parent: Option<Rc<Dentry>>, name: Rc<[u8]>) -> Rc<Dentry> {
        Rc::new(Dentry {
            inode,
            moved: OnceCell::new(),
            version: Cell::new(0),
            place: RefCell::new(Place { parent, name }),
            children: RefCell::new(Map::new()),
            mounts: Cell::new(0),
            deleted: Cell::new(false),
        })
    }

    /// The inode that it names.
    #[inline]
    pub fn inode(&self) -> &Rc<dyn Inode> {
        self.moved.get().unwrap_or(&self.inode)
    }

    /// The inode that it had at first.
    pub fn first_inode(&self) -> &Rc<dyn Inode> {
        &self.inode
    }

    /// The file has moved to another file system: `inode` takes the place of the inode for all who hold the dentry. Once only.
    ///
    /// # Errors
    /// EBUSY: it has been moved before.
    pub fn move_to(&self, inode: Rc<dyn Inode>) -> Result<()> {
        self.moved.set(inode).map_err(|_| Errno::EBUSY)
    }

    /// Whether the name was looked up in this `version` of its directory.
    #[inline]
    pub(super) fn is_of(&self, version: u64) -> bool {
        self.version.get() == version
    }

    /// The name has just been looked up in `directory`.
    pub fn looked_up_in(&self, directory: &Dentry) {
        self.version.set(directory.inode().names_version());
    }

    /// The name was looked up in this version of its directory.
    pub(super) fn set_version(&self, version: u64) {
        self.version.set(version);
    }

    /// The cached children.
    pub fn children(&self) -> Vec<Rc<Dentry>> {
        self.children.borrow().values().cloned().collect()
    }

    /// The directory it is in; none for a root.
    pub fn parent(&self) -> Option<Rc<Dentry>> {
        self.place.borrow().parent.clone()
    }

    /// Its current (or last) name.
    pub fn name(&self) -> Rc<[u8]> {
        self.place.borrow().name.clone()
    }

    /// Whether the name has been removed.
    pub fn is_deleted(&self) -> bool {
        self.deleted.get()
    }

    /// Number of mounts on it.
    #[inline]
    pub fn mounts(&self) -> u32 {
        self.mounts.get()
    }

    /// Whether `self` is `other` or above it.
    pub fn is_ancestor_of(self: &Rc<Self>, other: &Rc<Dentry>) -> bool {
        let mut at = Some(other.clone());
        while let Some(dentry) = at {
            if Rc::ptr_eq(self, &dentry) || self.inode().id() == dentry.inode().id() {
                return true;
            }
            at = dentry.parent();
        }
        false
    }

    /// The cached child `name`.
    #[inline]
    pub fn child(&self, name: &[u8]) -> Option<Rc<Dentry>> {
        self.children.borrow().get(name).cloned()
    }

    /// Makes the dentry for `inode`, which a lookup of `name` or a creation gave. Kept if names here change only through this kernel.
    pub fn add(self: &Rc<Self>, name: &[u8], inode: Rc<dyn Inode>) -> Rc<Dentry> {
        let name: Rc<[u8]> = name.into();
        let child = Self::new(inode, Some(self.clone()), name.clone());
        child.version.set(self.inode().names_version());
        if self.inode().is_cacheable() {
            // The old value, if any, is dropped after the borrow.
            let old = self.children.borrow_mut().insert(name, child.clone());
            drop(old);
        }
        child
    }

    /// The name has been removed from the file system.
    pub fn delete(&self, name: &[u8]) {
        let child = self.children.borrow_mut().remove(name);
        if let Some(child) = child {
            child.deleted.set(true);
        }
    }

    /// The child `old` has become `new` in `directory`, where it took the place of what had that name.
    pub fn rename(&self, old: &[u8], directory: &Rc<Dentry>, new: &[u8]) {
        let moved = self.children.borrow_mut().remove(old);
        directory.delete(new);
        if let Some(moved) = moved {
            moved.settle(directory, new);
        }
    }

    /// The children `old` here and `new` in `directory` have changed places.
    pub fn exchange(self: &Rc<Self>, old: &[u8], directory: &Rc<Dentry>, new: &[u8]) {
        let first = self.children.borrow_mut().remove(old);
        let second = directory.children.borrow_mut().remove(new);
        if let Some(first) = first {
            first.settle(directory, new);
        }
        if let Some(second) = second {
            second.settle(self, old);
        }
    }

    /// Another process has removed the name.
    pub fn has_gone(&self) {
        self.deleted.set(true);
    }

    /// Another process has moved it: it is `name` in `directory` now.
    pub fn has_moved(self: &Rc<Self>, directory: &Rc<Dentry>, name: &[u8]) {
        let (parent, old) = (self.parent(), self.name());
        if let Some(parent) = parent {
            let mut children = parent.children.borrow_mut();
            let is_here = children.get(&old).is_some_and(|child| Rc::ptr_eq(child, self));
            let removed = if is_here { children.remove(&old) } else { None };
            drop(children);
            drop(removed);
        }
        self.clone().settle(directory, name);
    }

    fn settle(self: Rc<Self>, directory: &Rc<Dentry>, name: &[u8]) {
        let name: Rc<[u8]> = name.into();
        self.version.set(directory.inode().names_version());
        let old = self.place.replace(Place { parent: Some(directory.clone()), name: name.clone() });
        directory.children.borrow_mut().insert(name, self);
        drop(old);
    }

    /// Notes a mount on it (`change` 1) or the end of one (-1). While there is one, the dentries above keep it, even where names
    /// are not cached: a mount hides what others do to the names above it.
    pub(super) fn note_mount(self: &Rc<Self>, change: i32) {
        self.mounts.set(self.mounts.get().saturating_add_signed(change));
        let mut at = self.clone();
        while let Some(parent) = at.parent() {
            if change > 0 {
                parent.children.borrow_mut().insert(at.name(), at.clone());
            } else if at.mounts() == 0 && at.children.borrow().is_empty() && !parent.inode().is_cacheable() {
                let gone = parent.children.borrow_mut().remove(&at.name());
                drop(gone);
            }
            at = parent;
        }
    }

    /// Forgets every cached name below that nobody holds. Returns how many are left.
    pub fn prune(self: &Rc<Self>) -> usize {
        let mut all = Vec::from([self.clone()]);
        let mut next = 0;
        while let Some(dentry) = all.get(next).cloned() {
            all.extend(dentry.children.borrow().values().cloned());
            next += 1;
        }
        // Children come after their parents: from the end, each one's children are done before it.
        let mut left = 0;
        while let Some(dentry) = all.pop() {
            let mut children = dentry.children.borrow_mut();
            children.retain(|_, child| {
                Rc::strong_count(child) > 1 || child.mounts.get() > 0 || !child.children.borrow().is_empty()
            });
            left += children.len();
        }
        left
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A chain of parents that only this one holds is dropped in a loop: it may be longer than the stack. It comes after the inode: what
        // watches both hears of the file first.
        let mut parent = self.parent.take();
        while let Some(dentry) = parent.and_then(Rc::into_inner) {
            let mut dentry = dentry;
            parent = dentry.place.get_mut().parent.take();
        }
    }
}
