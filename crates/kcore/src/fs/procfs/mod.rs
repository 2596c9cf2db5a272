//! procfs, and other synthetic trees: directories and files whose content is made when they are read.
//!
//! A tree is made of [`ProcNode`]s. [`Tree`] is a directory with fixed entries; a [`ProcDirectory`] of one's own lists
//! what changes (processes, descriptors). [`mount_root`](super::mount::Namespace::mount) takes what [`ProcFs::root`] gives.
//!
//! ```
//! # use std::rc::Rc;
//! # use ramet_kcore::fs::procfs::{ProcFs, ProcNode, Tree};
//! let tree = Tree::new()
//!     .with("version", ProcNode::text(|out| { out.extend_from_slice(b"Linux version 6.1\n"); Ok(()) }))
//!     .with("mounts", ProcNode::symlink(|| Ok(b"self/mounts".to_vec())))
//!     .with("sys", Tree::new().with("kernel", Tree::new().node()).node());
//! let root = ProcFs::root(5, Rc::new(|| 0), tree.node());
//! # let _ = root;
//! ```

mod file;
mod inode;
mod tree;

#[cfg(test)]
mod tests;

pub use tree::Tree;

use super::inode::{Clock, FileType, Inode};
use super::path::Path;
use crate::errno::Result;
use crate::file::File;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// statfs(2) type of procfs.
pub const PROC_SUPER_MAGIC: u64 = 0x9fa0;
/// statfs(2) type of sysfs.
pub const SYSFS_MAGIC: u64 = 0x6265_6572;

/// Writes a file's text.
pub type Generate = Rc<dyn Fn(&mut Vec<u8>) -> Result<()>>;
/// Takes what a program wrote to a file: all bytes of one write(2).
pub type Accept = Rc<dyn Fn(&[u8]) -> Result<()>>;

/// Says whether the caller may look.
type Guard = Rc<dyn Fn() -> Result<()>>;

/// A directory whose entries may change at any time.
pub trait ProcDirectory {
    /// The entry `name`; none: there is none.
    fn lookup(&self, name: &[u8]) -> Option<ProcNode>;

    /// The entries from `cookie` on (0: the first) in the order of their cookies: cookie, name, kind. The next listing begins with
    /// a cookie one greater than that of the last entry that was read, so that cookies must stay with their entries
    /// (descriptor number, process id). A few hundred entries at a time are enough.
    fn list(&self, cookie: u64) -> Vec<ProcName>;
}

/// One entry in a listing.
pub struct ProcName {
    /// Where it is in the order of entries.
    pub cookie: u64,
    /// The name.
    pub name: Vec<u8>,
    /// Its kind.
    pub file_type: FileType,
}

#[derive(Clone)]
enum Content {
    Directory(Rc<dyn ProcDirectory>, bool),
    Text { generate: Generate, accept: Option<Accept> },
    Open(Rc<dyn Fn(u32) -> Result<Rc<dyn File>>>),
    Symlink(Rc<dyn Fn() -> Result<Vec<u8>>>),
    Magic(Rc<dyn Fn() -> Result<Path>>),
}

/// A file of a synthetic tree: what it is, its permissions and its owner (root, unless said otherwise).
#[derive(Clone)]
pub struct ProcNode {
    content: Content,
    permissions: u32,
    uid: u32,
    gid: u32,
    guard: Option<Guard>,
}

impl ProcNode {
    fn new(content: Content, permissions: u32) -> ProcNode {
        ProcNode { content, permissions, uid: 0, gid: 0, guard: None }
    }

    /// A directory (r-xr-xr-x) whose entries change: they are looked up anew each time.
    pub fn directory(directory: Rc<dyn ProcDirectory>) -> ProcNode {
        Self::new(Content::Directory(directory, false), 0o555)
    }

    /// A file (r--r--r--) whose text is generated when it is read from its start.
    pub fn text(generate: impl Fn(&mut Vec<u8>) -> Result<()> + 'static) -> ProcNode {
        Self::new(Content::Text { generate: Rc::new(generate), accept: None }, 0o444)
    }

    /// As [`ProcNode::text`], and it can be written (rw-r--r--).
    pub fn control(
        generate: impl Fn(&mut Vec<u8>) -> Result<()> + 'static,
        accept: impl Fn(&[u8]) -> Result<()> + 'static,
    ) -> ProcNode {
        let content = Content::Text { generate: Rc::new(generate), accept: Some(Rc::new(accept)) };
        Self::new(content, 0o644)
    }

    /// A file (r--r--r--) that is whatever `open`, called with the flags of open(2), gives.
    pub fn open_with(open: impl Fn(u32) -> Result<Rc<dyn File>> + 'static) -> ProcNode {
        Self::new(Content::Open(Rc::new(open)), 0o444)
    }

    /// A symbolic link (rwxrwxrwx).
    pub fn symlink(target: impl Fn() -> Result<Vec<u8>> + 'static) -> ProcNode {
        Self::new(Content::Symlink(Rc::new(target)), 0o777)
    }

    /// A magic link (rwxrwxrwx): leads to the very object, and shows its path. For an open file use
    /// [`super::anonymous::place`]. ENOENT: there is nothing behind it now.
    pub fn magic(target: impl Fn() -> Result<Path> + 'static) -> ProcNode {
        Self::new(Content::Magic(Rc::new(target)), 0o777)
    }

    /// With a check that opening it, listing it and following it begin with.
    #[must_use]
    pub fn guarded(self, guard: impl Fn() -> Result<()> + 'static) -> ProcNode {
        ProcNode { guard: Some(Rc::new(guard)), ..self }
    }

    fn check(&self) -> Result<()> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard())
    }

    /// With other permission bits.
    #[must_use]
    pub fn permissions(self, permissions: u32) -> ProcNode {
        ProcNode { permissions, ..self }
    }

    /// With another owner.
    #[must_use]
    pub fn owner(self, uid: u32, gid: u32) -> ProcNode {
        ProcNode { uid, gid, ..self }
    }

    /// Its kind.
    pub fn file_type(&self) -> FileType {
        match self.content {
            Content::Directory(..) => FileType::Directory,
            Content::Text { .. } | Content::Open(_) => FileType::Regular,
            Content::Symlink(_) | Content::Magic(_) => FileType::Symlink,
        }
    }
}

/// A synthetic file system.
pub struct ProcFs {
    device: u64,
    magic: u64,
    clock: Clock,
}

impl ProcFs {
    /// The root directory `tree` of a file system whose `st_dev` is `device`.
    pub fn root(device: u64, clock: Clock, tree: ProcNode) -> Rc<dyn Inode> {
        Self::root_of_type(PROC_SUPER_MAGIC, device, clock, tree)
    }

    /// As [`ProcFs::root`], of a file system whose statfs(2) type is `magic`.
    pub fn root_of_type(magic: u64, device: u64, clock: Clock, tree: ProcNode) -> Rc<dyn Inode> {
        inode::ProcInode::new(Rc::new(ProcFs { device, magic, clock }), 1, tree)
    }
}
