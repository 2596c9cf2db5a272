//! Directories: the image's listing, minus removed names, plus added ones.

use super::{MemFs, Node};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::fs::inode::{Creation, DirectoryEntry, FileType, NewNode, RENAME_EXCHANGE, RENAME_NOREPLACE};
use crate::map::{Map, Set};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::ops::Bound;

/// Cookies of added names start here; smaller ones are positions in the image's directory.
pub(super) const ADDED: u64 = 1 << 56;
/// Most links to one inode (as ext4).
const LINKS_MAX: u32 = 65000;

struct Added {
    node: Rc<Node>,
    cookie: u64,
}

#[derive(Default)]
struct Names {
    added: Map<Rc<[u8]>, Added>,
    /// Added names by cookie, which is the order in which they came.
    order: Map<u64, Rc<[u8]>>,
    /// Names of the image that are gone.
    removed: Set<Rc<[u8]>>,
    next_cookie: u64,
    /// Subtracted from the image's size of the directory, and added to it: only for show.
    balance: i64,
}

impl Names {
    fn add(&mut self, name: &[u8], node: Rc<Node>) {
        let name: Rc<[u8]> = name.into();
        let cookie = ADDED + self.next_cookie;
        self.next_cookie += 1;
        self.balance += 1;
        self.order.insert(cookie, name.clone());
        self.added.insert(name, Added { node, cookie });
    }
}

#[derive(Default)]
pub(super) struct Directory {
    names: RefCell<Names>,
}

impl Directory {
    /// Takes out all added nodes, when the directory itself is dropped.
    pub(super) fn take_children(&self) -> Vec<Rc<Node>> {
        let names = self.names.take();
        names.added.into_values().map(|added| added.node).collect()
    }

    /// Whether the listing differs from the image's.
    pub(super) fn is_changed(&self) -> bool {
        let names = self.names.borrow();
        names.next_cookie != 0 || names.balance != 0 || !names.removed.is_empty()
    }

    /// Names that have been added so far, and the balance of the size.
    pub(super) fn counters(&self) -> (u64, i64) {
        let names = self.names.borrow();
        (names.next_cookie, names.balance)
    }

    pub(super) fn set_counters(&self, next_cookie: u64, balance: i64) {
        let mut names = self.names.borrow_mut();
        names.next_cookie = next_cookie;
        names.balance = balance;
    }

    pub(super) fn added_nodes(&self) -> Vec<Rc<Node>> {
        self.names.borrow().added.values().map(|added| added.node.clone()).collect()
    }

    /// The first added name at or behind `cookie`: its cookie, the name and the node's number.
    pub(super) fn added_from(&self, cookie: u64) -> Option<(u64, Rc<[u8]>, u64)> {
        let names = self.names.borrow();
        let (&at, name) = names.order.range(cookie..).next()?;
        Some((at, name.clone(), names.added.get(name)?.node.inode))
    }

    /// The first removed name behind `after`.
    pub(super) fn removed_after(&self, after: Option<&[u8]>) -> Option<Rc<[u8]>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.names.borrow().removed.range::<[u8]>((start, Bound::Unbounded)).next().cloned()
    }

    /// Puts an added name back.
    pub(super) fn restore_added(&self, name: &[u8], cookie: u64, node: Rc<Node>) -> Result<()> {
        let mut names = self.names.borrow_mut();
        let name: Rc<[u8]> = name.into();
        if names.order.contains_key(&cookie) || names.added.contains_key(&name) {
            return Err(Errno::EINVAL);
        }
        names.order.insert(cookie, name.clone());
        names.added.insert(name, Added { node, cookie });
        Ok(())
    }

    /// Takes a name of the image out again.
    pub(super) fn restore_removed(&self, name: &[u8]) -> Result<()> {
        if self.names.borrow_mut().removed.insert(name.into()) { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Size for stat(2): the image's, or 20 bytes an entry as tmpfs counts.
    pub(super) fn size(&self, node: &Node) -> u64 {
        let lower = node.lower.map_or(40, |l| l.size);
        lower.saturating_add_signed(self.names.borrow().balance * 20)
    }
}

enum Found {
    Added(Rc<Node>),
    Lower(u64),
}

impl Node {
    fn search(&self, name: &[u8]) -> Result<Option<Found>> {
        let names = self.directory()?.names.borrow();
        if let Some(added) = names.added.get(name) {
            return Ok(Some(Found::Added(added.node.clone())));
        }
        if let (Some(image), Some(lower)) = (&self.fs.lower, &self.lower)
            && !names.removed.contains(name)
        {
            let entry = image.lookup(lower, name)?;
            return Ok(entry.map(|e| Found::Lower(e.nid)));
        }
        Ok(None)
    }

    fn resolve_found(&self, found: Found) -> Result<Rc<Node>> {
        match found {
            Found::Added(node) => Ok(node),
            Found::Lower(nid) => self.fs.lower_node(nid),
        }
    }

    pub(super) fn find(&self, name: &[u8]) -> Result<Rc<Node>> {
        let found = self.search(name)?.ok_or(Errno::ENOENT)?;
        self.resolve_found(found)
    }

    /// Makes sure that a name may be added here.
    fn check_new(&self, name: &[u8]) -> Result<()> {
        self.check_alive()?;
        if self.search(name)?.is_some() { Err(Errno::EEXIST) } else { Ok(()) }
    }

    fn check_alive(&self) -> Result<()> {
        self.directory()?;
        if self.links.get() == 0 { Err(Errno::ENOENT) } else { Ok(()) }
    }

    fn insert(&self, name: &[u8], node: Rc<Node>) -> Result<()> {
        // An added node is kept by its name. One of the image is kept by the file system's table as well.
        node.keep();
        if node.file_type == FileType::Directory {
            self.links.set(self.links.get() + 1);
        }
        self.directory()?.names.borrow_mut().add(name, node);
        self.touch_modified();
        Ok(())
    }

    /// Takes `name` out of the listing. The node keeps its link count.
    fn remove(&self, name: &[u8], node: &Node) -> Result<()> {
        let mut names = self.directory()?.names.borrow_mut();
        let old = names.added.remove(name);
        match &old {
            Some(added) => {
                names.order.remove(&added.cookie);
            }
            None => {
                names.removed.insert(name.into());
            }
        }
        names.balance -= 1;
        drop(names);
        // Only now: it may be the last reference to the node.
        drop(old);
        if node.file_type == FileType::Directory {
            self.links.set(self.links.get().saturating_sub(1));
        }
        self.touch_modified();
        Ok(())
    }

    pub(super) fn make(&self, name: &[u8], new: NewNode<'_>, creation: Creation) -> Result<Rc<Node>> {
        self.check_new(name)?;
        let (rdev, target) = match new {
            NewNode::CharacterDevice(number) | NewNode::BlockDevice(number) => (number, None),
            NewNode::Symlink(target) => (0, Some(target)),
            _ => (0, None),
        };
        let node = self.fs.new_node(new.file_type(), creation, rdev, target)?;
        self.insert(name, node.clone())?;
        Ok(node)
    }

    pub(super) fn add_link(&self, name: &[u8], target: &Node) -> Result<()> {
        if !Rc::ptr_eq(&self.fs, &target.fs) {
            return Err(Errno::EXDEV);
        }
        if target.file_type == FileType::Directory {
            return Err(Errno::EPERM);
        }
        self.check_new(name)?;
        if !self.fs.pages.has_room() {
            return Err(Errno::ENOSPC);
        }
        if target.links.get() == 0 && !target.linkable.replace(false) {
            return Err(Errno::ENOENT);
        }
        if target.links.get() >= LINKS_MAX {
            return Err(Errno::EMLINK);
        }
        target.links.set(target.links.get() + 1);
        target.touch_changed();
        self.insert(name, target.rc()?)
    }

    pub(super) fn remove_file(&self, name: &[u8]) -> Result<()> {
        let node = self.find(name)?;
        if node.file_type == FileType::Directory {
            return Err(Errno::EISDIR);
        }
        self.remove(name, &node)?;
        node.touch_changed();
        node.drop_link();
        Ok(())
    }

    pub(super) fn is_empty_directory(&self) -> Result<bool> {
        let mut empty = true;
        self.list(0, &mut |_| {
            empty = false;
            false
        })?;
        Ok(empty)
    }

    pub(super) fn remove_directory(&self, name: &[u8]) -> Result<()> {
        let node = self.find(name)?;
        if node.file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        if !node.is_empty_directory()? {
            return Err(Errno::ENOTEMPTY);
        }
        self.remove(name, &node)?;
        node.links.set(1);
        node.touch_changed();
        node.drop_link();
        Ok(())
    }

    pub(super) fn move_to(&self, old: &[u8], to: &Node, new: &[u8], flags: u32) -> Result<()> {
        if !Rc::ptr_eq(&self.fs, &to.fs) {
            return Err(Errno::EXDEV);
        }
        let node = self.find(old)?;
        to.check_alive()?;
        let target = to.search(new)?.map(|found| to.resolve_found(found)).transpose()?;
        if flags & RENAME_EXCHANGE != 0 {
            let target = target.ok_or(Errno::ENOENT)?;
            self.remove(old, &node)?;
            to.remove(new, &target)?;
            self.insert(old, target.clone())?;
            to.insert(new, node.clone())?;
            target.touch_changed();
            node.touch_changed();
            return Ok(());
        }
        if let Some(target) = target {
            if flags & RENAME_NOREPLACE != 0 {
                return Err(Errno::EEXIST);
            }
            if Rc::ptr_eq(&target, &node) {
                return Ok(());
            }
            match (node.file_type == FileType::Directory, target.file_type == FileType::Directory) {
                (true, false) => return Err(Errno::ENOTDIR),
                (false, true) => return Err(Errno::EISDIR),
                (true, true) if !target.is_empty_directory()? => return Err(Errno::ENOTEMPTY),
                _ => {}
            }
            to.remove(new, &target)?;
            if target.file_type == FileType::Directory {
                target.links.set(1);
            }
            target.touch_changed();
            target.drop_link();
        }
        self.remove(old, &node)?;
        to.insert(new, node.clone())?;
        node.touch_changed();
        Ok(())
    }

    pub(super) fn list(
        &self,
        mut cookie: u64,
        emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool,
    ) -> Result<()> {
        let directory = self.directory()?;
        self.touch_accessed();
        if let (Some(image), Some(lower)) = (&self.fs.lower, &self.lower) {
            while cookie < ADDED {
                let Some(entry) = image.next_entry(lower, cookie)? else { break };
                cookie = entry.next;
                let names = directory.names.borrow();
                if names.removed.contains(entry.name) || names.added.contains_key(entry.name) {
                    continue;
                }
                drop(names);
                let entry = DirectoryEntry {
                    inode: entry.nid,
                    file_type: entry.file_type,
                    next: entry.next,
                    name: entry.name,
                };
                if !emit(&entry) {
                    return Ok(());
                }
            }
        }
        cookie = cookie.max(ADDED);
        loop {
            let names = directory.names.borrow();
            let Some((&at, name)) = names.order.range((Bound::Included(cookie), Bound::Unbounded)).next()
            else {
                return Ok(());
            };
            let name = name.clone();
            let Some(added) = names.added.get(&name) else { return Err(Errno::EIO) };
            let (inode, file_type) = (added.node.inode, added.node.file_type);
            drop(names);
            cookie = at + 1;
            if !emit(&DirectoryEntry { inode, file_type, next: cookie, name: &name }) {
                return Ok(());
            }
        }
    }
}

impl MemFs {
    /// The root directory, while anything refers to it.
    pub fn root(&self) -> Option<Rc<Node>> {
        self.root.borrow().upgrade()
    }
}
