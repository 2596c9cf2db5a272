//! Files of the session's file system: [`SessionInode`].

use super::client::Client;
use super::file::SessionFile;
use super::memory::Window;
use super::remote::RemoteFile;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::file::flags::{O_ACCMODE, O_RDONLY};
use crate::fs::inode::{
    Attributes, Creation, DirectoryEntry, FileType, Inode, InodeState, NewNode, SetAttributes, StatFs,
};
use crate::fs::memfs::Node;
use crate::stat::{self, Stat};
use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, OnceCell};
use ramet_abi::hostfs::set;
use ramet_abi::session::{self as abi, Reply, Request, op, tree};

/// Inode numbers below are the image's.
const IMAGE_END: u64 = 1 << 32;

/// A file of the session. There is one for each node that this VM holds.
pub struct SessionInode {
    this: Weak<SessionInode>,
    client: Rc<Client>,
    tree: u64,
    id: u64,
    file_type: FileType,
    /// As of the last answer, and the inode's version then.
    known: Cell<(abi::Stat, u32)>,
    /// Its data were the image's when it was looked up.
    image_data: bool,
    /// The image's file, if it is one.
    pristine: Option<Rc<Node>>,
    state: OnceCell<Box<InodeState>>,
    /// Its memory, while it is mapped.
    pub(super) window: RefCell<Weak<Window>>,
}

/// Attributes as programs see them.
pub(super) fn shown(known: &abi::Stat) -> Stat {
    let time = |t: u64| i64::try_from(t).unwrap_or(i64::MAX);
    Stat {
        device: known.device,
        inode: known.inode,
        mode: known.mode & (stat::S_IFMT | 0o7777),
        links: known.links,
        uid: known.uid,
        gid: known.gid,
        rdev: known.special,
        size: known.size,
        block_size: 4096,
        blocks: known.blocks,
        accessed: time(known.accessed),
        modified: time(known.modified),
        changed: time(known.changed),
        created: 0,
    }
}

/// Flags and arguments of SETATTR.
pub(super) fn encode_change(change: &SetAttributes) -> (u32, [u64; 6]) {
    let keep = u64::from(u32::MAX);
    let arguments = [
        change.permissions.map_or(0, u64::from),
        change.uid.map_or(keep, u64::from),
        change.gid.map_or(keep, u64::from),
        change.size.unwrap_or(0),
        change.accessed.map_or(0, |time| time.max(0) as u64),
        change.modified.map_or(0, |time| time.max(0) as u64),
    ];
    let bits = [
        (set::MODE, change.permissions.is_some()),
        (set::OWNER, change.uid.is_some() || change.gid.is_some()),
        (set::SIZE, change.size.is_some()),
        (set::ACCESSED, change.accessed.is_some()),
        (set::MODIFIED, change.modified.is_some()),
    ];
    let flags = bits.iter().filter(|(_, on)| *on).fold(0, |flags, (bit, _)| flags | bit);
    (flags, arguments)
}

impl SessionInode {
    /// The root directory of file system `number` (one of [`tree`]).
    ///
    /// # Errors
    /// What the keeper answers.
    pub fn root(client: &Rc<Client>, number: u64) -> Result<Rc<SessionInode>> {
        let names = client.names();
        let request =
            Request { operation: op::ROOT, arguments: [number, 0, 0, 0, 0, 0], ..Request::default() };
        let reply = client.call(&request, &[])?;
        Self::answered(client, number, &reply, names)
    }

    /// After an import: the node with inode number `inode` of file system `number`, which has no name; `shown`: what is shown for it.
    ///
    /// # Errors
    /// ENOENT.
    pub fn by_number(client: &Rc<Client>, number: u64, inode: u64, shown: &[u8]) -> Result<Rc<SessionInode>> {
        let names = client.names();
        let request =
            Request { operation: op::INODE, arguments: [number, inode, 0, 0, 0, 0], ..Request::default() };
        let reply = client.call(&request, shown)?;
        Self::answered(client, number, &reply, names)
    }

    /// memfd_create(2) with those `flags`, for that user and group. The file, and what is shown as its path.
    ///
    /// # Errors
    /// As memfd_create(2).
    pub fn memory_file(
        client: &Rc<Client>,
        name: &[u8],
        flags: u32,
        owner: [u32; 2],
    ) -> Result<(Rc<SessionInode>, Vec<u8>)> {
        let [uid, gid] = owner.map(u64::from);
        let names = client.names();
        let request =
            Request { operation: op::MEMFD, flags, arguments: [uid, gid, 0, 0, 0, 0], ..Request::default() };
        let reply = client.call(&request, name)?;
        let inode = Self::answered(client, tree::MEMORY, &reply, names)?;
        Ok((inode, [b"/memfd:", name, b" (deleted)"].concat()))
    }

    /// The version of the inode in an answer. It is not known for sure if anything has changed since the count was `names`, before
    /// the question: then it is one that will not be met again.
    fn version_of(client: &Client, reply: &Reply, names: u64) -> u32 {
        let version = client.version(reply.stat.device, reply.stat.inode);
        if client.names() == names { version } else { version.wrapping_sub(1) }
    }

    /// The node that an answer gives. `names`: the count before the question, and what the question itself adds to it.
    pub(super) fn answered(
        client: &Rc<Client>,
        number: u64,
        reply: &Reply,
        names: u64,
    ) -> Result<Rc<SessionInode>> {
        let id = reply.result as u64;
        let held = client.nodes.borrow().get(&id).and_then(Weak::upgrade);
        if let Some(held) = held {
            held.known.set((reply.stat, Self::version_of(client, reply, names)));
            return Ok(held);
        }
        let file_type = FileType::from_mode(reply.stat.mode).ok_or(Errno::EIO)?;
        let of_image = number == tree::ROOT && reply.stat.inode < IMAGE_END;
        let pristine = match &client.local.image {
            Some(image) if of_image => Some(image.image_node(reply.stat.inode)?),
            _ => None,
        };
        let inode = Rc::new_cyclic(|this| SessionInode {
            this: this.clone(),
            client: client.clone(),
            tree: number,
            id,
            file_type,
            known: Cell::new((reply.stat, Self::version_of(client, reply, names))),
            image_data: reply.values[0] != 0,
            pristine,
            state: OnceCell::new(),
            window: RefCell::default(),
        });
        client.nodes.borrow_mut().insert(id, Rc::downgrade(&inode));
        Ok(inode)
    }

    /// The way to the keeper.
    pub fn client(&self) -> &Rc<Client> {
        &self.client
    }

    /// The node's id.
    ///
    /// # Errors
    /// None, so far.
    pub fn node(&self) -> Result<u64> {
        Ok(self.id)
    }

    /// The inode itself, counted.
    ///
    /// # Errors
    /// EIO: it is being dropped.
    pub fn rc(&self) -> Result<Rc<SessionInode>> {
        self.this.upgrade().ok_or(Errno::EIO)
    }

    /// Whether it is a named pipe.
    pub fn is_fifo(&self) -> bool {
        self.file_type == FileType::Fifo
    }

    /// The file system that it is in (one of [`ramet_abi::session::tree`]).
    pub fn tree(&self) -> u64 {
        self.tree
    }

    /// Its size as of the last answer.
    pub(super) fn known_size(&self) -> u64 {
        self.known.get().0.size
    }

    /// Whether it is a regular file.
    pub fn is_regular(&self) -> bool {
        self.file_type == FileType::Regular
    }

    /// The image's file, while nothing in it is different.
    pub(super) fn untouched(&self) -> Option<&Rc<Node>> {
        let (known, _) = self.known.get();
        self.pristine.as_ref().filter(|_| !self.client.is_touched(known.inode))
    }

    pub(super) fn request(&self, operation: u32) -> Result<Request> {
        Ok(Request { operation, id: self.node()?, ..Request::default() })
    }

    fn refresh(&self) -> Result<abi::Stat> {
        if self.untouched().is_some() {
            return Ok(self.known.get().0);
        }
        let version = self.version();
        let reply = self.client.call(&self.request(op::STAT)?, &[])?;
        self.known.set((reply.stat, version));
        Ok(reply.stat)
    }

    fn version(&self) -> u32 {
        let (known, _) = self.known.get();
        self.client.version(known.device, known.inode)
    }

    /// A request that gives a node, and changes names so often.
    fn ask(&self, request: &Request, data: &[u8], changes: u64) -> Result<Rc<SessionInode>> {
        let names = self.client.names().wrapping_add(changes);
        let reply = self.client.call(request, data)?;
        Self::answered(&self.client, self.tree, &reply, names)
    }

    fn as_session(inode: &Rc<dyn Inode>) -> Result<&SessionInode> {
        inode.as_any().downcast_ref::<SessionInode>().ok_or(Errno::EXDEV)
    }

    pub(super) fn check_directory(&self) -> Result<()> {
        if self.file_type == FileType::Directory { Ok(()) } else { Err(Errno::ENOTDIR) }
    }

    /// Bytes of the file without a description.
    ///
    /// # Errors
    /// What the keeper answers.
    pub(super) fn read_node(&self, offset: u64, wanted: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let request = Request {
            arguments: [offset, 0, 0, 0, 0, 0],
            wanted: wanted as u64,
            ..self.request(op::READ_NODE)?
        };
        self.client.call_into(&request, &[], &mut bytes)?;
        Ok(bytes)
    }
}

impl Drop for SessionInode {
    fn drop(&mut self) {
        let mut nodes = self.client.nodes.borrow_mut();
        // Another may have taken its place already.
        if nodes.get(&self.id).is_some_and(|node| node.ptr_eq(&self.this)) {
            nodes.remove(&self.id);
            self.client.drop_node(self.id);
        }
    }
}

impl Inode for SessionInode {
    fn id(&self) -> (u64, u64) {
        let (known, _) = self.known.get();
        (known.device, known.inode)
    }

    fn attributes(&self) -> Result<Attributes> {
        let (mut known, version) = self.known.get();
        if version != self.version() {
            known = self.refresh()?;
        }
        Ok(Attributes {
            file_type: self.file_type,
            permissions: known.mode & 0o7777,
            uid: known.uid,
            gid: known.gid,
        })
    }

    fn stat(&self) -> Result<Stat> {
        Ok(shown(&self.refresh()?))
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let mut request = self.request(op::SETATTR)?;
        (request.flags, request.arguments) = encode_change(change);
        // This change counts as one, unless it is of size or times only.
        let own = u32::from(request.flags & (set::MODE | set::OWNER) != 0);
        let version = self.version().wrapping_add(own);
        let reply = self.client.call(&request, &[])?;
        self.known.set((reply.stat, version));
        Ok(())
    }

    fn lookup(&self, name: &[u8]) -> Result<Rc<dyn Inode>> {
        self.check_directory()?;
        if let Some(pristine) = self.untouched() {
            // A name that is not there costs no request.
            pristine.lookup(name)?;
        }
        Ok(self.ask(&self.request(op::WALK)?, name, 0)?)
    }

    fn names_version(&self) -> u64 {
        if self.untouched().is_some() { 0 } else { u64::from(self.version()) }
    }

    fn create(&self, name: &[u8], node: NewNode<'_>, creation: Creation) -> Result<Rc<dyn Inode>> {
        let mode = node.file_type().mode_bits() | creation.permissions;
        let mut request = self.request(op::CREATE)?;
        request.arguments[..3].copy_from_slice(&[mode, creation.uid, creation.gid].map(u64::from));
        let mut data = name.to_vec();
        match node {
            NewNode::CharacterDevice(device) | NewNode::BlockDevice(device) => request.arguments[3] = device,
            NewNode::Symlink(target) => {
                request.arguments[4] = name.len() as u64;
                data.extend_from_slice(target);
            }
            _ => {}
        }
        Ok(self.ask(&request, &data, 1)?)
    }

    fn create_unnamed(&self, creation: Creation, linkable: bool) -> Result<Rc<dyn Inode>> {
        let mode = FileType::Regular.mode_bits() | creation.permissions;
        let mut request = Request { flags: if linkable { 1 } else { 3 }, ..self.request(op::CREATE)? };
        request.arguments[..3].copy_from_slice(&[mode, creation.uid, creation.gid].map(u64::from));
        Ok(self.ask(&request, &[], 0)?)
    }

    fn link(&self, name: &[u8], target: &Rc<dyn Inode>) -> Result<()> {
        let target = Self::as_session(target)?;
        let request = Request { other: self.node()?, ..target.request(op::LINK)? };
        self.client.call(&request, name).map(|_| ())
    }

    fn unlink(&self, name: &[u8]) -> Result<()> {
        self.client.call(&self.request(op::UNLINK)?, name).map(|_| ())
    }

    fn rmdir(&self, name: &[u8]) -> Result<()> {
        self.client.call(&Request { flags: 1, ..self.request(op::UNLINK)? }, name).map(|_| ())
    }

    fn rename(&self, old: &[u8], directory: &Rc<dyn Inode>, new: &[u8], flags: u32) -> Result<()> {
        let mut request =
            Request { flags, other: Self::as_session(directory)?.node()?, ..self.request(op::RENAME)? };
        request.arguments[0] = old.len() as u64;
        self.client.call(&request, &[old, new].concat()).map(|_| ())
    }

    fn read_link(&self) -> Result<Vec<u8>> {
        if self.file_type != FileType::Symlink {
            return Err(Errno::EINVAL);
        }
        // What a link says never changes.
        if let Some(pristine) = &self.pristine {
            return pristine.read_link();
        }
        let mut text = Vec::new();
        self.client.call_into(&self.request(op::READLINK)?, &[], &mut text)?;
        Ok(text)
    }

    fn read_directory(&self, cookie: u64, emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool) -> Result<()> {
        self.list(cookie, emit)
    }

    fn open(self: Rc<Self>, flags: u32) -> Result<Rc<dyn File>> {
        let reads_only = flags & O_ACCMODE == O_RDONLY;
        let is_watched = self.client.is_watched();
        match self.file_type {
            FileType::Directory if !is_watched => Ok(Rc::new(SessionFile::new(self, None))),
            FileType::Regular
                if reads_only && !is_watched && self.image_data && self.untouched().is_some() =>
            {
                let pristine = self.untouched().cloned().ok_or(Errno::EIO)?;
                let pristine = pristine.open(flags)?;
                Ok(Rc::new(SessionFile::new(self, Some(pristine))))
            }
            _ => Ok(RemoteFile::open(&self, flags, 0, false)?),
        }
    }

    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        if let Some(pristine) = self.untouched() {
            return pristine.get_xattr(name);
        }
        let mut value = Vec::new();
        self.client.call_into(&Request { flags: 1, ..self.request(op::XATTR)? }, name, &mut value)?;
        Ok(value)
    }

    fn list_xattrs(&self) -> Result<Vec<u8>> {
        if let Some(pristine) = self.untouched() {
            return pristine.list_xattrs();
        }
        let mut names = Vec::new();
        self.client.call_into(&Request { flags: 2, ..self.request(op::XATTR)? }, &[], &mut names)?;
        Ok(names)
    }

    fn set_xattr(&self, name: &[u8], value: Option<&[u8]>, flags: u32) -> Result<()> {
        let mut request = self.request(op::XATTR)?;
        match value {
            Some(value) => {
                request.flags = 3;
                request.arguments[..2].copy_from_slice(&[name.len() as u64, u64::from(flags)]);
                self.client.call(&request, &[name, value].concat()).map(|_| ())
            }
            None => {
                request.flags = 4;
                self.client.call(&request, name).map(|_| ())
            }
        }
    }

    fn statfs(&self) -> Result<StatFs> {
        let values = self.client.call(&self.request(op::STATFS)?, &[])?.values;
        let [magic, block_size, blocks, free, files, files_free, id, _] = values;
        Ok(StatFs { magic, block_size, blocks, free, files, files_free, id })
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
