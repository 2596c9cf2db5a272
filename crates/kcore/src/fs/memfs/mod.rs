//! The writable file system: one tree in memory whose nodes may be backed by the image.
//!
//! A node that comes from the image holds only what differs from it: a directory its added and removed names, a regular
//! file the pages that were written, every node its changed attributes. Nothing is copied that is not written. Without an
//! image the same code is a tmpfs.
//!
//! Lifetime of nodes: a node lives while something refers to it (a directory entry for added nodes, a dentry, an open
//! file). A node of the image is made anew at its next lookup, unless it has been changed: then the file system keeps
//! it as long as it has names (`Kept::Changed`). Each inode of the image has at most one node at a time, so that all of its
//! hard links are one file.
//!
//! No `RefCell` is borrowed while bytes are copied from or to the program: such a copy can fault, and the fault may
//! ask this file system for a page.

mod attributes;
mod backing;
mod data;
mod directory;
mod export;
mod file;
mod import;
mod memfd;
mod node;
mod pages;
mod records;
mod xattr;

#[cfg(test)]
mod tests;

pub use backing::Backing;
pub use export::{Export, export};
pub use file::RegularFile;
pub use import::{Import, Imported};
pub use memfd::{F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_WRITE, create_memfd};
pub use node::Node;
pub use records::PIECE_MAX;

use super::erofs::Image;
use super::inode::{Clock, Creation, FileType, StatFs};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::PageSource;
use crate::map::Map;
use alloc::rc::{Rc, Weak};
use core::cell::Cell;

/// statfs(2) type of tmpfs, which is what programs see here.
pub const TMPFS_MAGIC: u64 = 0x0102_1994;
/// Inode numbers of nodes that are not in the image start here: an image has at most 2^31 inodes.
const FIRST_NEW_INODE: u64 = 1 << 32;
const PAGE: u64 = 4096;

/// Told when pages of a file are no longer the ones that [`crate::file::File::page`] or
/// [`crate::file::File::image_extent`] gave: mappings of them must be looked up again (or give SIGBUS).
pub trait PageListener {
    /// Pages `first..end` of inode `inode` (device and number) were replaced or removed.
    fn pages_replaced(&self, inode: (u64, u64), first: u64, end: u64);

    /// The file now ends at `size`, after [`PageListener::pages_replaced`] for what is behind: private copies of pages wholly
    /// behind the end give SIGBUS too.
    fn truncated(&self, inode: (u64, u64), size: u64) {
        let _ = (inode, size);
    }

    /// The image's inode `number` is about to differ from it, for the first time.
    fn changed(&self, number: u64) {
        let _ = number;
    }
}

/// What a file system may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of file data, counted in pages.
    pub bytes: u64,
    /// Nodes that are not in the image.
    pub nodes: u64,
}

enum Kept {
    Unchanged(Weak<Node>),
    Changed(Rc<Node>),
}

/// A file system in memory.
pub struct MemFs {
    this: Weak<MemFs>,
    device: u64,
    lower: Option<Image>,
    nodes: RefCell<Map<u64, Kept>>,
    root: RefCell<Weak<Node>>,
    next_inode: Cell<u64>,
    pages: Rc<dyn PageSource>,
    clock: Clock,
    limits: Limits,
    used_pages: Cell<u64>,
    used_nodes: Cell<u64>,
    listener: RefCell<Option<Rc<dyn PageListener>>>,
}

impl MemFs {
    /// A file system over `lower`, or an empty one whose root has `creation`'s owner and permissions.
    /// `device` is the `st_dev` of its files.
    ///
    /// # Errors
    /// EUCLEAN.
    pub fn new(
        device: u64,
        lower: Option<Image>,
        pages: Rc<dyn PageSource>,
        clock: Clock,
        limits: Limits,
        creation: Creation,
    ) -> Result<(Rc<MemFs>, Rc<Node>)> {
        let fs = Rc::new_cyclic(|this| MemFs {
            this: this.clone(),
            device,
            lower,
            nodes: RefCell::new(Map::new()),
            root: RefCell::new(Weak::new()),
            next_inode: Cell::new(FIRST_NEW_INODE),
            pages,
            clock,
            limits,
            used_pages: Cell::new(0),
            used_nodes: Cell::new(0),
            listener: RefCell::new(None),
        });
        let root = match &fs.lower {
            Some(image) => fs.lower_node(image.root())?,
            None => fs.new_node(FileType::Directory, creation, 0, None)?,
        };
        *fs.root.borrow_mut() = Rc::downgrade(&root);
        Ok((fs, root))
    }

    /// The file system itself, counted.
    fn rc(&self) -> Result<Rc<MemFs>> {
        self.this.upgrade().ok_or(Errno::EIO)
    }

    /// Sets who is told that pages were replaced.
    pub fn set_listener(&self, listener: Rc<dyn PageListener>) {
        *self.listener.borrow_mut() = Some(listener);
    }

    /// Bytes of file data that are held in memory.
    pub fn used_bytes(&self) -> u64 {
        self.used_pages.get() * PAGE
    }

    fn now(&self) -> i64 {
        (self.clock)()
    }

    fn tell_replaced(&self, inode: u64, first: u64, end: u64) {
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            listener.pages_replaced((self.device, inode), first, end);
        }
    }

    fn tell_changed(&self, inode: u64) {
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            listener.changed(inode);
        }
    }

    fn tell_truncated(&self, inode: u64, size: u64) {
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            listener.pages_replaced((self.device, inode), size / PAGE, u64::MAX);
            listener.truncated((self.device, inode), size);
        }
    }

    /// The node of the image's inode `nid`.
    ///
    /// # Errors
    /// EUCLEAN: there is none; EIO: there is no image.
    pub fn image_node(&self, nid: u64) -> Result<Rc<Node>> {
        self.lower_node(nid)
    }

    /// The node of the image's inode `nid`.
    fn lower_node(&self, nid: u64) -> Result<Rc<Node>> {
        if let Some(kept) = self.nodes.borrow().get(&nid) {
            match kept {
                Kept::Changed(node) => return Ok(node.clone()),
                Kept::Unchanged(weak) => {
                    if let Some(node) = weak.upgrade() {
                        return Ok(node);
                    }
                }
            }
        }
        let image = self.lower.as_ref().ok_or(Errno::EIO)?;
        let node = Node::from_image(self.rc()?, image.inode(nid)?);
        self.nodes.borrow_mut().insert(nid, Kept::Unchanged(Rc::downgrade(&node)));
        Ok(node)
    }

    fn new_node(
        &self,
        file_type: FileType,
        creation: Creation,
        rdev: u64,
        target: Option<&[u8]>,
    ) -> Result<Rc<Node>> {
        if self.used_nodes.get() >= self.limits.nodes || !self.pages.has_room() {
            return Err(Errno::ENOSPC);
        }
        let inode = self.next_inode.get();
        self.next_inode.set(inode + 1);
        self.used_nodes.set(self.used_nodes.get() + 1);
        Ok(Node::create(self.rc()?, inode, file_type, creation, rdev, target))
    }

    /// Takes one page from the limit.
    fn take_page(&self) -> Result<Rc<dyn crate::file::Page>> {
        if self.used_pages.get() >= self.limits.bytes / PAGE {
            return Err(Errno::ENOSPC);
        }
        let page = self.pages.zeroed().map_err(|_| Errno::ENOSPC)?;
        self.used_pages.set(self.used_pages.get() + 1);
        Ok(page)
    }

    /// Counts a file whose data are somewhere else by its length, which becomes `new`.
    fn count_length(&self, old: u64, new: u64) -> Result<()> {
        let (old, new) = (old.div_ceil(PAGE), new.div_ceil(PAGE));
        if new > old && self.used_pages.get() + (new - old) > self.limits.bytes / PAGE {
            return Err(Errno::ENOSPC);
        }
        self.used_pages.set(self.used_pages.get() + new - old);
        Ok(())
    }

    fn give_pages(&self, count: u64) {
        self.used_pages.set(self.used_pages.get() - count);
    }

    fn statfs(&self) -> StatFs {
        let image_pages = self.lower.map_or(0, |image| image.size().div_ceil(PAGE));
        let blocks = self.limits.bytes / PAGE;
        StatFs {
            magic: TMPFS_MAGIC,
            block_size: PAGE,
            blocks: blocks + image_pages,
            free: blocks - self.used_pages.get().min(blocks),
            files: self.limits.nodes + self.lower.map_or(0, |image| image.inode_count()),
            files_free: self.limits.nodes - self.used_nodes.get(),
            id: self.device,
        }
    }
}
