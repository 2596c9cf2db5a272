//! One file of any kind: [`Node`].

use super::data::Data;
use super::directory::Directory;
use super::file::{DirectoryFile, RegularFile};
use super::{Kept, MemFs, PAGE};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::erofs;
use crate::fs::inode::{
    Attributes, Creation, DirectoryEntry, FileType, Inode, InodeState, NewNode, SetAttributes, StatFs,
};
use crate::map::Map;
use crate::stat::Stat;
use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, OnceCell};

pub(super) enum Content {
    Directory(Directory),
    Regular(Data),
    Symlink(Option<Box<[u8]>>),
    Special,
}

pub(super) type Xattrs = Map<Box<[u8]>, Option<Box<[u8]>>>;

/// Attributes of a node that comes from another kernel.
pub(super) struct Restored {
    pub permissions: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    pub rdev: u64,
    /// Access, modification, change, creation.
    pub times: [i64; 4],
    pub linkable: bool,
    pub access_noted: bool,
}

/// A file in memory, perhaps backed by an inode of the image.
pub struct Node {
    this: Weak<Node>,
    pub(super) fs: Rc<MemFs>,
    pub(super) inode: u64,
    pub(super) file_type: FileType,
    pub(super) lower: Option<erofs::Inode>,
    pub(super) permissions: Cell<u32>,
    pub(super) uid: Cell<u32>,
    pub(super) gid: Cell<u32>,
    pub(super) links: Cell<u32>,
    pub(super) rdev: u64,
    pub(super) accessed: Cell<i64>,
    pub(super) modified: Cell<i64>,
    pub(super) changed: Cell<i64>,
    pub(super) created: i64,
    /// The access time is later than the others: reading need not look at the clock.
    pub(super) access_noted: Cell<bool>,
    /// The file system keeps the node, because it differs from the image.
    kept: Cell<bool>,
    /// Made without a name, and may be given one (O_TMPFILE).
    pub(super) linkable: Cell<bool>,
    pub(super) content: Content,
    /// Attributes that differ from the image's; none as a value: removed.
    pub(super) xattrs: RefCell<Option<Box<Xattrs>>>,
    /// Made when first asked for: most files are never opened for writing, locked or executed.
    state: OnceCell<Box<InodeState>>,
}

impl Node {
    pub(super) fn from_image(fs: Rc<MemFs>, lower: erofs::Inode) -> Rc<Node> {
        let content = match lower.file_type {
            FileType::Directory => Content::Directory(Directory::default()),
            FileType::Regular => Content::Regular(Data::new(lower.size)),
            FileType::Symlink => Content::Symlink(None),
            _ => Content::Special,
        };
        Rc::new_cyclic(|this| Node {
            this: this.clone(),
            fs,
            inode: lower.nid,
            file_type: lower.file_type,
            lower: Some(lower),
            permissions: Cell::new(lower.mode & 0o7777),
            uid: Cell::new(lower.uid),
            gid: Cell::new(lower.gid),
            links: Cell::new(lower.links.max(1)),
            rdev: lower.rdev,
            accessed: Cell::new(lower.modified),
            modified: Cell::new(lower.modified),
            changed: Cell::new(lower.modified),
            created: lower.modified,
            access_noted: Cell::new(false),
            kept: Cell::new(false),
            linkable: Cell::new(false),
            content,
            xattrs: RefCell::new(None),
            state: OnceCell::new(),
        })
    }

    pub(super) fn create(
        fs: Rc<MemFs>,
        inode: u64,
        file_type: FileType,
        creation: Creation,
        rdev: u64,
        target: Option<&[u8]>,
    ) -> Rc<Node> {
        let now = fs.now();
        let content = match file_type {
            FileType::Directory => Content::Directory(Directory::default()),
            FileType::Regular => Content::Regular(Data::new(0)),
            FileType::Symlink => Content::Symlink(Some(target.unwrap_or_default().into())),
            _ => Content::Special,
        };
        Rc::new_cyclic(|this| Node {
            this: this.clone(),
            fs,
            inode,
            file_type,
            lower: None,
            permissions: Cell::new(creation.permissions & 0o7777),
            uid: Cell::new(creation.uid),
            gid: Cell::new(creation.gid),
            links: Cell::new(if file_type == FileType::Directory { 2 } else { 1 }),
            rdev,
            accessed: Cell::new(now),
            modified: Cell::new(now),
            changed: Cell::new(now),
            created: now,
            access_noted: Cell::new(true),
            kept: Cell::new(false),
            linkable: Cell::new(false),
            content,
            xattrs: RefCell::new(None),
            state: OnceCell::new(),
        })
    }

    /// A node that another kernel made.
    pub(super) fn new_restored(
        fs: Rc<MemFs>,
        inode: u64,
        file_type: FileType,
        restored: &Restored,
        target: Option<Box<[u8]>>,
    ) -> Rc<Node> {
        let content = match file_type {
            FileType::Directory => Content::Directory(Directory::default()),
            FileType::Regular => Content::Regular(Data::new(0)),
            FileType::Symlink => Content::Symlink(Some(target.unwrap_or_default())),
            _ => Content::Special,
        };
        Rc::new_cyclic(|this| Node {
            this: this.clone(),
            fs,
            inode,
            file_type,
            lower: None,
            permissions: Cell::new(restored.permissions),
            uid: Cell::new(restored.uid),
            gid: Cell::new(restored.gid),
            links: Cell::new(restored.links),
            rdev: restored.rdev,
            accessed: Cell::new(0),
            modified: Cell::new(0),
            changed: Cell::new(0),
            created: restored.times[3],
            access_noted: Cell::new(false),
            kept: Cell::new(false),
            linkable: Cell::new(false),
            content,
            xattrs: RefCell::new(None),
            state: OnceCell::new(),
        })
    }

    /// Sets the attributes to what another kernel had.
    pub(super) fn restore(&self, restored: &Restored) {
        self.permissions.set(restored.permissions);
        self.uid.set(restored.uid);
        self.gid.set(restored.gid);
        self.links.set(restored.links);
        self.accessed.set(restored.times[0]);
        self.modified.set(restored.times[1]);
        self.changed.set(restored.times[2]);
        self.access_noted.set(restored.access_noted);
        self.linkable.set(restored.linkable);
    }

    /// Number of the image's inode whose data this regular file has, all of them and nothing else.
    pub fn image_data(&self) -> Option<u64> {
        let (Content::Regular(data), Some(lower)) = (&self.content, &self.lower) else { return None };
        let whole =
            data.size() == lower.size && data.lower_end() == lower.size && data.pages.next(0).is_none();
        let whole = whole && data.backing.get().is_none();
        whole.then_some(lower.nid)
    }

    /// Its file system.
    pub fn file_system(&self) -> &Rc<MemFs> {
        &self.fs
    }

    /// Whether it is one of that file system.
    pub fn is_in(&self, fs: &Rc<MemFs>) -> bool {
        Rc::ptr_eq(&self.fs, fs)
    }

    /// Whether no directory has a name for it.
    pub fn is_unlinked(&self) -> bool {
        self.links.get() == 0
    }

    /// The node itself, counted.
    ///
    /// # Errors
    /// EIO: it is being dropped.
    pub fn rc(&self) -> Result<Rc<Node>> {
        self.this.upgrade().ok_or(Errno::EIO)
    }

    pub(super) fn directory(&self) -> Result<&Directory> {
        match &self.content {
            Content::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn data(&self) -> Result<&Data> {
        match &self.content {
            Content::Regular(data) => Ok(data),
            Content::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The node differs from the image from now on, and is kept while it has a name.
    pub(super) fn keep(&self) {
        if self.lower.is_some()
            && !self.kept.get()
            && self.links.get() > 0
            && let Some(this) = self.this.upgrade()
        {
            self.kept.set(true);
            self.fs.tell_changed(self.inode);
            self.fs.nodes.borrow_mut().insert(self.inode, Kept::Changed(this));
        }
    }

    /// One name less. A node without names lives only while it is open.
    pub(super) fn drop_link(&self) {
        let links = self.links.get().saturating_sub(1);
        self.links.set(links);
        if links == 0 || (links == 1 && self.file_type == FileType::Directory) {
            self.links.set(0);
            if self.kept.take() {
                // Taken out first and dropped after the borrow: dropping a node looks at the table again.
                let old = self.fs.nodes.borrow_mut().insert(self.inode, Kept::Unchanged(self.this.clone()));
                drop(old);
            }
        } else {
            self.keep();
        }
    }

    pub(super) fn touch_changed(&self) {
        self.changed.set(self.fs.now());
        self.access_noted.set(false);
        self.keep();
    }

    pub(super) fn touch_modified(&self) {
        let now = self.fs.now();
        self.modified.set(now);
        self.changed.set(now);
        self.access_noted.set(false);
        self.keep();
    }

    /// Notes a read in the access time, as the mount option relatime does: only when it is not later than the last change.
    #[inline]
    pub(super) fn touch_accessed(&self) {
        if !self.access_noted.get() {
            self.access_noted.set(true);
            if self.accessed.get() <= self.modified.get() || self.accessed.get() <= self.changed.get() {
                self.accessed.set(self.fs.now());
            }
        }
    }

    pub(super) fn as_node(inode: &Rc<dyn Inode>) -> Result<&Node> {
        inode.as_any().downcast_ref::<Node>().ok_or(Errno::EXDEV)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.links.get() == 0
            && let Some(state) = self.state.get()
        {
            state.watches.inode_gone();
        }
        if let Content::Directory(directory) = &self.content {
            // In a loop: a tree may be deeper than the stack.
            let mut below = directory.take_children();
            while let Some(node) = below.pop() {
                if let (1, Content::Directory(directory)) = (Rc::strong_count(&node), &node.content) {
                    below.extend(directory.take_children());
                }
            }
        }
        if let Content::Regular(data) = &self.content {
            self.fs.give_pages(data.pages.page_count());
            if data.backing.get().is_some() {
                self.fs.give_pages(data.size().div_ceil(super::PAGE));
            }
        }
        if self.lower.is_none() {
            self.fs.used_nodes.set(self.fs.used_nodes.get() - 1);
            return;
        }
        let mut nodes = self.fs.nodes.borrow_mut();
        if let Some(Kept::Unchanged(weak)) = nodes.get(&self.inode)
            && weak.ptr_eq(&self.this)
        {
            nodes.remove(&self.inode);
        }
    }
}

impl Inode for Node {
    fn id(&self) -> (u64, u64) {
        (self.fs.device, self.inode)
    }

    fn attributes(&self) -> Result<Attributes> {
        Ok(Attributes {
            file_type: self.file_type,
            permissions: self.permissions.get(),
            uid: self.uid.get(),
            gid: self.gid.get(),
        })
    }

    fn stat(&self) -> Result<Stat> {
        let (size, blocks) = match &self.content {
            Content::Regular(data) => (data.size(), data.blocks(self)),
            Content::Directory(directory) => (directory.size(self), 8),
            Content::Symlink(Some(target)) => (target.len() as u64, 0),
            Content::Symlink(None) => (self.lower.map_or(0, |l| l.size), 0),
            Content::Special => (0, 0),
        };
        Ok(Stat {
            device: self.fs.device,
            inode: self.inode,
            mode: self.file_type.mode_bits() | self.permissions.get(),
            links: self.links.get(),
            uid: self.uid.get(),
            gid: self.gid.get(),
            rdev: self.rdev,
            size,
            block_size: PAGE as u32,
            blocks,
            accessed: self.accessed.get(),
            modified: self.modified.get(),
            changed: self.changed.get(),
            created: self.created,
        })
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.change_attributes(change)
    }

    fn lookup(&self, name: &[u8]) -> Result<Rc<dyn Inode>> {
        Ok(self.find(name)?)
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, creation: Creation) -> Result<Rc<dyn Inode>> {
        Ok(self.make(name, node, creation)?)
    }

    fn create_unnamed(&self, creation: Creation, linkable: bool) -> Result<Rc<dyn Inode>> {
        self.directory()?;
        let node = self.fs.new_node(FileType::Regular, creation, 0, None)?;
        node.links.set(0);
        node.linkable.set(linkable);
        Ok(node)
    }

    fn link(&self, name: &[u8], target: &Rc<dyn Inode>) -> Result<()> {
        self.add_link(name, Node::as_node(target)?)
    }

    fn unlink(&self, name: &[u8]) -> Result<()> {
        self.remove_file(name)
    }

    fn rmdir(&self, name: &[u8]) -> Result<()> {
        self.remove_directory(name)
    }

    fn rename(&self, old: &[u8], directory: &Rc<dyn Inode>, new: &[u8], flags: u32) -> Result<()> {
        self.move_to(old, Node::as_node(directory)?, new, flags)
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        match (&self.content, &self.lower) {
            (Content::Symlink(Some(target)), _) => Ok(target.to_vec()),
            (Content::Symlink(None), Some(lower)) => {
                let image = self.fs.lower.as_ref().ok_or(Errno::EIO)?;
                Ok(image.read_link(lower)?.to_vec())
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn read_directory(&self, cookie: u64, emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool) -> Result<()> {
        self.list(cookie, emit)
    }

    fn open(self: Rc<Self>, _flags: u32) -> Result<Rc<dyn File>> {
        match self.file_type {
            FileType::Regular => Ok(Rc::new(RegularFile::new(self))),
            FileType::Directory => Ok(Rc::new(DirectoryFile::new(self))),
            _ => Err(Errno::ENXIO),
        }
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        self.xattr(name)
    }

    fn list_xattrs(&self) -> Result<Vec<u8>> {
        self.xattr_names()
    }

    fn set_xattr(&self, name: &[u8], value: Option<&[u8]>, flags: u32) -> Result<()> {
        self.change_xattr(name, value, flags)
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(self.fs.statfs())
    }

    fn state(&self) -> Option<&InodeState> {
        Some(self.state.get_or_init(Box::default))
    }

    fn used_state(&self) -> Option<&InodeState> {
        self.state.get().map(|state| &**state)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
