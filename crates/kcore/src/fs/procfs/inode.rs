//! Inodes of a synthetic tree.

use super::file::{DirectoryFile, TextFile};
use super::{Content, ProcFs, ProcNode};
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::inode::{Attributes, Creation, DirectoryEntry, Inode, Link, NewNode, SetAttributes, StatFs};
use crate::stat::Stat;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

pub(super) struct ProcInode {
    fs: Rc<ProcFs>,
    number: u64,
    node: ProcNode,
}

/// The number of entry `name` in directory `parent`: always the same (FNV-1a).
fn child_number(parent: u64, name: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ parent;
    let hash = name.iter().fold(start, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    // Shown as an unsigned 64-bit number; small numbers read better.
    (hash >> 16).max(2)
}

impl ProcInode {
    pub(super) fn new(fs: Rc<ProcFs>, number: u64, node: ProcNode) -> Rc<ProcInode> {
        Rc::new(ProcInode { fs, number, node })
    }
}

impl Inode for ProcInode {
    fn id(&self) -> (u64, u64) {
        (self.fs.device, self.number)
    }

    fn attributes(&self) -> Result<Attributes> {
        Ok(Attributes {
            file_type: self.node.file_type(),
            permissions: self.node.permissions,
            uid: self.node.uid,
            gid: self.node.gid,
        })
    }

    fn stat(&self) -> Result<Stat> {
        let now = (self.fs.clock)();
        let is_directory = matches!(self.node.content, Content::Directory(..));
        Ok(Stat {
            device: self.fs.device,
            inode: self.number,
            mode: self.node.file_type().mode_bits() | self.node.permissions,
            links: if is_directory { 2 } else { 1 },
            uid: self.node.uid,
            gid: self.node.gid,
            block_size: 1024,
            accessed: now,
            modified: now,
            changed: now,
            ..Stat::default()
        })
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        // O_TRUNC and new times do nothing to generated text; owners and permissions are not the program's.
        let own = change.permissions.is_some() || change.uid.is_some() || change.gid.is_some();
        if own { Err(Errno::EPERM) } else { Ok(()) }
    }

    fn lookup(&self, name: &[u8]) -> Result<Rc<dyn Inode>> {
        self.node.check()?;
        let Content::Directory(directory, _) = &self.node.content else { return Err(Errno::ENOTDIR) };
        let node = directory.lookup(name).ok_or(Errno::ENOENT)?;
        Ok(ProcInode::new(self.fs.clone(), child_number(self.number, name), node))
    }

    /// As Linux: a name that is not there cannot be made there.
    fn create(&self, _: &[u8], _: NewNode<'_>, _: Creation) -> Result<Rc<dyn Inode>> {
        Err(Errno::ENOENT)
    }

    fn is_cacheable(&self) -> bool {
        matches!(self.node.content, Content::Directory(_, true))
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        self.node.check()?;
        match &self.node.content {
            Content::Symlink(target) => target(),
            _ => Err(Errno::EINVAL),
        }
    }

    fn follow(&self) -> Result<Link> {
        self.node.check()?;
        match &self.node.content {
            Content::Magic(target) => target().map(Link::Magic),
            _ => self.read_link().map(Link::Text),
        }
    }

    fn read_directory(
        &self,
        mut cookie: u64,
        emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool,
    ) -> Result<()> {
        let Content::Directory(directory, _) = &self.node.content else { return Err(Errno::ENOTDIR) };
        loop {
            let names = directory.list(cookie);
            if names.is_empty() {
                return Ok(());
            }
            for entry in names {
                // A listing that does not go on would never end.
                if entry.cookie < cookie {
                    return Err(Errno::EIO);
                }
                cookie = entry.cookie + 1;
                let shown = DirectoryEntry {
                    inode: child_number(self.number, &entry.name),
                    file_type: entry.file_type,
                    next: cookie,
                    name: &entry.name,
                };
                if !emit(&shown) {
                    return Ok(());
                }
            }
        }
    }

    fn open(self: Rc<Self>, flags: u32) -> Result<Rc<dyn File>> {
        self.node.check()?;
        match &self.node.content {
            Content::Directory(..) => Ok(Rc::new(DirectoryFile { inode: self })),
            Content::Text { generate, accept } => {
                let (generate, accept) = (generate.clone(), accept.clone());
                Ok(Rc::new(TextFile::new(self, generate, accept)))
            }
            Content::Open(open) => open(flags),
            Content::Symlink(_) | Content::Magic(_) => Err(Errno::ELOOP),
        }
    }

    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs { magic: self.fs.magic, block_size: 4096, id: self.fs.device, ..StatFs::default() })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
