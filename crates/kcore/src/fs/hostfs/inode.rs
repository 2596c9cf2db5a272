//! Files of the host.

use super::file::HostFile;
use super::map::Mappings;
use super::{HostFs, small};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::{File, flags::*};
use crate::fs::inode::{
    Attributes, Creation, DirectoryEntry, FileType, Inode, InodeState, NewNode, SetAttributes, StatFs,
};
use crate::stat::{self, Stat};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;
use ramet_abi::hostfs::{self as abi, Request, op, set};

/// statfs(2) type of volumes: that of 9P, which is what they are like.
const V9FS_MAGIC: u64 = 0x0102_1997;
/// Directory entries are asked for in pieces of this size.
const DIRECTORY_PIECE: u64 = 32768;

pub(super) struct HostInode {
    pub(super) fs: Rc<HostFs>,
    pub(super) fid: u32,
    is_root: bool,
    number: u64,
    file_type: FileType,
    /// As of the last answer of the host.
    known: Cell<abi::Stat>,
    /// `known` came with the lookup that made this inode, and nobody has used it yet as the answer to stat(2).
    fresh: Cell<bool>,
    /// How the fid is open: readable, writable.
    opened: Cell<(bool, bool)>,
    pub(super) mappings: RefCell<Mappings>,
    state: Rc<InodeState>,
}

impl HostInode {
    pub(super) fn new(fs: &Rc<HostFs>, fid: u32, known: abi::Stat, is_root: bool) -> Result<Rc<HostInode>> {
        let file_type = FileType::from_mode(known.mode).ok_or(Errno::EIO)?;
        Ok(Rc::new(HostInode {
            fs: fs.clone(),
            fid,
            is_root,
            number: known.inode,
            file_type,
            known: Cell::new(known),
            fresh: Cell::new(true),
            opened: Cell::new((false, false)),
            mappings: RefCell::new(Mappings::default()),
            state: fs.state(known.inode),
        }))
    }

    pub(super) fn request(&self, operation: u32) -> Request {
        Request { operation, fid: self.fid, ..Request::default() }
    }

    fn check_directory(&self) -> Result<()> {
        if self.file_type == FileType::Directory { Ok(()) } else { Err(Errno::ENOTDIR) }
    }

    fn walk(&self, name: &[u8]) -> Result<Rc<HostInode>> {
        self.check_directory()?;
        let (fid, answer) = self.fs.call_names(self.request(op::WALK), name, &[])?;
        HostInode::new(&self.fs, small(fid)?, answer.stat, false)
    }

    /// Asks the host.
    pub(super) fn refresh(&self) -> Result<abi::Stat> {
        let answer = self.fs.call(self.request(op::STAT))?;
        self.known.set(answer.stat);
        Ok(answer.stat)
    }

    /// Bytes of the file, as of the last answer of the host.
    pub(super) fn known_size(&self) -> u64 {
        self.known.get().size
    }

    /// Makes sure that the fid is open at least so.
    fn ensure_open(&self, readable: bool, writable: bool) -> Result<()> {
        let now = self.opened.get();
        let wanted = (readable || now.0, writable || now.1);
        if wanted != now {
            let flags = match wanted {
                (true, true) => O_RDWR,
                (false, true) => O_WRONLY,
                _ => O_RDONLY,
            };
            self.fs.call(Request { flags, ..self.request(op::OPEN) })?;
            self.opened.set(wanted);
        }
        Ok(())
    }

    fn as_host(inode: &Rc<dyn Inode>) -> Result<&HostInode> {
        inode.as_any().downcast_ref::<HostInode>().ok_or(Errno::EXDEV)
    }

    /// What the host knows as `known`, for programs.
    fn shown(&self, known: &abi::Stat) -> Stat {
        let time = |t: u64| i64::try_from(t).unwrap_or(i64::MAX);
        Stat {
            device: self.fs.device,
            inode: self.number,
            mode: known.mode & (stat::S_IFMT | 0o7777),
            links: known.links,
            uid: known.uid,
            gid: known.gid,
            rdev: 0,
            size: known.size,
            block_size: 4096,
            blocks: known.blocks,
            accessed: time(known.accessed),
            modified: time(known.modified),
            changed: time(known.changed),
            created: 0,
        }
    }
}

impl Drop for HostInode {
    fn drop(&mut self) {
        // Mappings first: they are of this fid's file.
        self.mappings.take();
        self.fs.forget_state(self.number, &self.state);
        if !self.is_root {
            // Nothing can be done about an error: the fid is gone in any case.
            let _ = self.fs.call(self.request(op::CLOSE));
        }
    }
}

impl Inode for HostInode {
    fn id(&self) -> (u64, u64) {
        (self.fs.device, self.number)
    }

    fn attributes(&self) -> Result<Attributes> {
        let known = self.known.get();
        Ok(Attributes {
            file_type: self.file_type,
            permissions: known.mode & 0o7777,
            uid: known.uid,
            gid: known.gid,
        })
    }

    fn stat(&self) -> Result<Stat> {
        let known = if self.fresh.replace(false) { self.known.get() } else { self.refresh()? };
        Ok(self.shown(&known))
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.fresh.set(false);
        let mut request = self.request(op::SETATTR);
        let to = &mut request.stat;
        if let Some(permissions) = change.permissions {
            request.flags |= set::MODE;
            to.mode = permissions;
        }
        if change.uid.is_some() || change.gid.is_some() {
            request.flags |= set::OWNER;
            (to.uid, to.gid) = (change.uid.unwrap_or(u32::MAX), change.gid.unwrap_or(u32::MAX));
        }
        if let Some(size) = change.size {
            request.flags |= set::SIZE;
            to.size = size;
        }
        if let Some(time) = change.accessed {
            request.flags |= set::ACCESSED;
            to.accessed = time.max(0) as u64;
        }
        if let Some(time) = change.modified {
            request.flags |= set::MODIFIED;
            to.modified = time.max(0) as u64;
        }
        self.fs.call(request)?;
        self.refresh().map(|_| ())
    }

    fn lookup(&self, name: &[u8]) -> Result<Rc<dyn Inode>> {
        Ok(self.walk(name)?)
    }

    fn is_cacheable(&self) -> bool {
        false
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, creation: Creation) -> Result<Rc<dyn Inode>> {
        self.check_directory()?;
        let flags = creation.permissions;
        match node {
            NewNode::Regular => {
                let request = Request { flags, ..self.request(op::CREATE) };
                let (fid, answer) = self.fs.call_names(request, name, &[])?;
                let made = HostInode::new(&self.fs, small(fid)?, answer.stat, false)?;
                made.opened.set((true, true));
                return Ok(made);
            }
            NewNode::Directory => {
                self.fs.call_names(Request { flags, ..self.request(op::MKDIR) }, name, &[])?;
            }
            NewNode::Symlink(target) => {
                self.fs.call_names(self.request(op::SYMLINK), name, target)?;
            }
            NewNode::Fifo | NewNode::Socket | NewNode::CharacterDevice(_) | NewNode::BlockDevice(_) => {
                return Err(Errno::EPERM);
            }
        }
        Ok(self.walk(name)?)
    }

    fn link(&self, name: &[u8], target: &Rc<dyn Inode>) -> Result<()> {
        let target = HostInode::as_host(target)?;
        let request = Request { other: self.fid, ..target.request(op::LINK) };
        self.fs.call_names(request, name, &[]).map(|_| ())
    }

    fn unlink(&self, name: &[u8]) -> Result<()> {
        self.fs.call_names(self.request(op::UNLINK), name, &[]).map(|_| ())
    }

    fn rmdir(&self, name: &[u8]) -> Result<()> {
        let request = Request { flags: 1, ..self.request(op::UNLINK) };
        self.fs.call_names(request, name, &[]).map(|_| ())
    }

    fn rename(&self, old: &[u8], directory: &Rc<dyn Inode>, new: &[u8], flags: u32) -> Result<()> {
        let other = HostInode::as_host(directory)?.fid;
        let request = Request { other, flags, ..self.request(op::RENAME) };
        self.fs.call_names(request, old, new).map(|_| ())
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        if self.file_type != FileType::Symlink {
            return Err(Errno::EINVAL);
        }
        let length = self.fs.call_value(self.request(op::READLINK))?.0;
        let text = self.fs.data().get(..length as usize).ok_or(Errno::EIO)?;
        Ok(text.to_vec())
    }

    fn read_directory(
        &self,
        mut cookie: u64,
        emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool,
    ) -> Result<()> {
        self.check_directory()?;
        self.ensure_open(true, false)?;
        loop {
            let request = Request { offset: cookie, length: DIRECTORY_PIECE, ..self.request(op::READDIR) };
            let length = self.fs.call_value(request)?.0;
            if length == 0 {
                return Ok(());
            }
            // A copy: `emit` writes to the program's memory, which can fault.
            let records = self.fs.data().get(..length as usize).ok_or(Errno::EIO)?.to_vec();
            let mut rest = &records[..];
            while !rest.is_empty() {
                let (entry, length) = parse_entry(rest)?;
                if !emit(&entry) {
                    return Ok(());
                }
                cookie = entry.next;
                rest = rest.get(length..).unwrap_or(&[]);
            }
        }
    }

    fn open(self: Rc<Self>, flags: u32) -> Result<Rc<dyn File>> {
        let access = flags & O_ACCMODE;
        self.ensure_open(access != O_WRONLY, access != O_RDONLY)?;
        self.fresh.set(false);
        Ok(Rc::new(HostFile::new(self)))
    }

    fn statfs(&self) -> Result<StatFs> {
        let answer = self.fs.call(self.request(op::STATFS))?.stat;
        Ok(StatFs {
            magic: V9FS_MAGIC,
            block_size: 4096,
            blocks: answer.size,
            free: answer.blocks,
            id: self.fs.device,
            ..StatFs::default()
        })
    }

    fn state(&self) -> Option<&InodeState> {
        Some(&self.state)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The first entry of READDIR's answer, and its length with padding.
fn parse_entry(record: &[u8]) -> Result<(DirectoryEntry<'_>, usize)> {
    const HEADER: usize = 24;
    let word = |at: usize| record.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let half = |at: usize| record.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let length = half(20).ok_or(Errno::EIO)? as usize;
    let name = record.get(HEADER..HEADER.saturating_add(length)).ok_or(Errno::EIO)?;
    let entry = DirectoryEntry {
        inode: word(0).ok_or(Errno::EIO)?,
        next: word(8).ok_or(Errno::EIO)?,
        // DT_* are the type bits of a mode, shifted.
        file_type: FileType::from_mode(half(16).ok_or(Errno::EIO)? << 12).unwrap_or(FileType::Regular),
        name,
    };
    Ok((entry, (HEADER + length).next_multiple_of(8)))
}
