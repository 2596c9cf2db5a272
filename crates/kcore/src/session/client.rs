//! Requests to the keeper: [`Client`].

use super::inode::SessionInode;
use super::received::Foreign;
use super::remote::RemoteFile;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::PageSource;
use crate::fs::hostfs::HostTransport;
use crate::fs::memfs::MemFs;
use crate::map::{Map, Set};
use crate::sort;
use crate::wait::Events;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Acquire;
use ramet_abi::session::{
    Control, DATA_MAX, Reply, Request, SLEEPERS, TOUCHED_SIZE, VERSIONS, futex_slot, futex_space, op,
    touched_bit, version_slot,
};

/// Nodes that are no longer used are told of when there are so many.
const RELEASE_BATCH: usize = 128;

/// Carries requests to the keeper.
pub trait Transport {
    /// Serves the request with `data`, at most [`DATA_MAX`] bytes. The answer's data are appended to `answer`, at most [`DATA_MAX`] bytes.
    ///
    /// # Errors
    /// EIO: there is no keeper (any more).
    fn call(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply>;

    /// The first page of the channel.
    fn control(&self) -> &Control;

    /// Byte `index` of the map of the image's inodes that differ from it, below [`TOUCHED_SIZE`].
    fn touched(&self, index: u64) -> u8;

    /// The counter at `slot`, below [`VERSIONS`], of directories' names and inodes' attributes.
    fn version(&self, slot: u64) -> u32;

    /// Whether anybody waits at futexes of `slot` ([`ramet_abi::session::futex_slot`]), below [`SLEEPERS`].
    fn has_sleepers(&self, slot: u64) -> bool;

    /// Whether the calling thread blocks or ignores that signal.
    fn is_steadfast(&self, _signal: u32) -> bool {
        false
    }

    /// The calling process's id, if it is not the one that the keeper knows this VM by; or 0.
    fn lodger(&self) -> u64 {
        0
    }
}

/// What a VM has by itself.
pub struct Local {
    /// A file system over the image in which nothing is ever written.
    pub image: Option<Rc<MemFs>>,
    /// Memory for pages of files.
    pub pages: Rc<dyn PageSource>,
    /// The way to the VMM's volume window, where files are that are mapped shared.
    pub window: Option<Rc<dyn HostTransport>>,
}

/// The way to the keeper, and the ids that this VM holds there.
pub struct Client {
    transport: Rc<dyn Transport>,
    pub(super) local: Local,
    pub(super) nodes: RefCell<Map<u64, Weak<SessionInode>>>,
    pub(super) files: RefCell<Map<u64, Weak<RemoteFile>>>,
    released: RefCell<Vec<u64>>,
    pub(super) foreign: RefCell<Option<Rc<dyn Foreign>>>,
    /// Descriptor tables, and device and number of files, through and of which ranges have been locked.
    pub(super) ranges: RefCell<Set<(u64, (u64, u64))>>,
}

impl Client {
    /// A client that holds nothing yet.
    pub fn new(transport: Rc<dyn Transport>, local: Local) -> Rc<Client> {
        Rc::new(Client {
            transport,
            local,
            nodes: RefCell::default(),
            files: RefCell::default(),
            released: RefCell::default(),
            ranges: RefCell::default(),
            foreign: RefCell::default(),
        })
    }

    /// Serves a request whose answer has no data.
    ///
    /// # Errors
    /// What the keeper answers; EIO.
    pub fn call(&self, request: &Request, data: &[u8]) -> Result<Reply> {
        self.call_into(request, data, &mut Vec::new())
    }

    /// Serves a request. The answer's data are appended to `answer`.
    ///
    /// # Errors
    /// What the keeper answers; EIO.
    pub fn call_into(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply> {
        let reply = self.ask(request, data, answer)?;
        match error_of(&reply) {
            Some(error) => Err(error),
            None => Ok(reply),
        }
    }

    /// Serves a request, whatever its result ([`error_of`]).
    ///
    /// # Errors
    /// EIO: there is no keeper; EINVAL: too many data.
    pub fn ask(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply> {
        if data.len() as u64 > DATA_MAX {
            return Err(Errno::EINVAL);
        }
        self.release_nodes();
        let request = Request { length: data.len() as u64, ..*request };
        self.transport.call(&request, data, answer)
    }

    /// The first page of the channel.
    pub(super) fn control(&self) -> &Control {
        self.transport.control()
    }

    /// Changes whenever a name, an owner or permissions in the session's file system do.
    pub fn names(&self) -> u64 {
        self.transport.control().names.load(Acquire)
    }

    /// Changes whenever a name in that directory, or owner or permissions of that inode do.
    pub fn version(&self, device: u64, inode: u64) -> u32 {
        self.transport.version(version_slot(device, inode) % VERSIONS)
    }

    /// Whether the image's inode `number` may differ from it.
    pub fn is_touched(&self, number: u64) -> bool {
        let bit = touched_bit(number);
        self.transport.touched(bit / 8 % TOUCHED_SIZE) >> (bit % 8) & 1 != 0
    }

    /// Whether anybody may be waiting at the word at `offset` of the memory of that device and inode number. Whoever has changed the word
    /// has made sure that the change is seen before (any locked instruction does).
    pub fn has_sleepers(&self, (device, inode): (u64, u64), offset: u64) -> bool {
        core::sync::atomic::fence(core::sync::atomic::Ordering::SeqCst);
        self.transport.has_sleepers(futex_slot(futex_space(device, inode), offset) % SLEEPERS)
    }

    /// The calling process's id, if it is not the one that the keeper knows this VM by; or 0.
    pub(super) fn lodger(&self) -> u64 {
        self.transport.lodger()
    }

    /// Whether the calling thread blocks or ignores that signal.
    pub(super) fn is_steadfast(&self, signal: u32) -> bool {
        self.transport.is_steadfast(signal)
    }

    /// Description `id` may have become ready.
    pub fn ready(&self, id: u64, events: Events) {
        let file = self.files.borrow().get(&id).and_then(Weak::upgrade);
        if let Some(file) = file {
            file.notify(events);
        }
    }

    /// In the child of a fork: the keeper knows nothing of what the parent waits for here; the child has locked nothing.
    pub fn forked(&self) {
        for file in self.files.borrow().values().filter_map(Weak::upgrade) {
            file.forget_watch();
        }
        self.ranges.take();
    }

    /// The description is released: its number may come again, for another object of this VM.
    pub(super) fn forget(&self, file: &RemoteFile) {
        let mut files = self.files.borrow_mut();
        if files.get(&file.id).is_some_and(|known| core::ptr::eq(known.as_ptr(), file)) {
            files.remove(&file.id);
        }
    }

    /// In the child of a fork: gives up, at once, all descriptions but those that `is_used` says it can still reach. Threads of the parent's that
    /// do not live on hold the others for ever.
    pub fn release_others(&self, is_used: &dyn Fn(&RemoteFile) -> bool) {
        let files: Vec<Rc<RemoteFile>> = self.files.borrow().values().filter_map(Weak::upgrade).collect();
        let unused: Vec<Rc<RemoteFile>> = files.into_iter().filter(|file| !is_used(file)).collect();
        let ids: Vec<u8> =
            unused.iter().filter(|file| file.give_up()).flat_map(|file| file.id.to_le_bytes()).collect();
        if !ids.is_empty() {
            let request = Request { operation: op::RELEASE, flags: 1, ..Request::default() };
            // The keeper knows what it has given: there is nothing that could fail.
            let _ = self.call(&request, &ids);
        }
    }

    /// A node is not used any more.
    pub(super) fn drop_node(&self, id: u64) {
        self.released.borrow_mut().push(id);
    }

    fn release_nodes(&self) {
        if self.released.borrow().len() < RELEASE_BATCH {
            return;
        }
        let mut ids = self.released.take();
        {
            // A node may have come back since.
            let nodes = self.nodes.borrow();
            sort::by_key(&mut ids, |id| *id);
            ids.dedup();
            ids.retain(|id| !nodes.contains_key(id));
        }
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        let request = Request { operation: op::RELEASE, length: bytes.len() as u64, ..Request::default() };
        // The keeper knows what it has given: there is nothing that could fail.
        let _ = self.transport.call(&request, &bytes, &mut Vec::new());
    }
}

/// The error that a reply says.
pub fn error_of(reply: &Reply) -> Option<Errno> {
    match i32::try_from(reply.result) {
        Ok(error @ -4095..0) => Some(Errno(-error)),
        _ if reply.result < 0 => Some(Errno::EIO),
        _ => None,
    }
}
