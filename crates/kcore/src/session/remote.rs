//! Open file descriptions that are in the keeper: [`RemoteFile`].

use super::client::{Client, error_of};
use super::inode::SessionInode;
use super::lent::LentPipe;
use super::memory::SharedFile;
use super::pages::Pages;
use super::traits::Traits;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::flags::{O_CLOEXEC, O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC};
use crate::file::{File, Page};
use crate::fs::inode::{Inode, SetAttributes};
use crate::fs::open_file::OpenFile;
use crate::ipc::epoll::Epoll;
use crate::ipc::socket::Socket;
use crate::ipc::tty::ReadTimer;
use crate::stat::Stat;
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, OnceCell};
use ramet_abi::session::{Reply, Request, op};

/// Most bytes that go with one request.
pub(super) const PIECE: usize = 256 << 10;
/// Readiness that is watched: everything that poll(2) knows.
pub(super) const WATCHED: u32 = 0x27ff;

/// A description in the keeper. It is released there when the last local descriptor is closed.
pub struct RemoteFile {
    pub(super) client: Rc<Client>,
    /// Its id.
    pub id: u64,
    pub(super) traits: Traits,
    node: Option<Rc<SessionInode>>,
    queue: WaitQueue,
    pub(super) watched: Cell<bool>,
    /// Of a terminal: when a read that waits gives up.
    pub(super) timer: Cell<ReadTimer>,
    /// It is a pipe or FIFO.
    pub(super) pipe: Cell<bool>,
    /// A FIFO whose open(2) waits for the other side.
    opening: Cell<bool>,
    released: Cell<bool>,
    pub(super) sigpipe: Cell<bool>,
    pages: Pages,
    /// The memory of a pipe that is lent to this VM.
    pub(super) lent: RefCell<Option<Rc<LentPipe>>>,
    /// What it was before it was exported: threads may still wait there.
    before: OnceCell<Rc<dyn File>>,
    /// This VM's description of it.
    opened: RefCell<Weak<OpenFile>>,
    /// An epoll instance: what only this VM can watch.
    pub(super) here: OnceCell<Rc<Epoll>>,
    /// A socket's time-outs (SO_RCVTIMEO, SO_SNDTIMEO), as the last answer had them, ns.
    pub(super) timeouts: Cell<(u64, u64)>,
}

impl RemoteFile {
    /// The description `id`, which this VM holds; of `node`, if it is a regular file or directory.
    pub fn new(
        client: &Rc<Client>,
        id: u64,
        traits: Traits,
        node: Option<Rc<SessionInode>>,
    ) -> Rc<RemoteFile> {
        let file = Rc::new(RemoteFile {
            client: client.clone(),
            id,
            traits,
            node,
            queue: WaitQueue::new(),
            watched: Cell::new(false),
            timer: Cell::new(ReadTimer::None),
            pipe: Cell::new(false),
            opening: Cell::new(false),
            released: Cell::new(false),
            sigpipe: Cell::new(true),
            pages: Pages::default(),
            lent: RefCell::default(),
            before: OnceCell::new(),
            opened: RefCell::default(),
            here: OnceCell::new(),
            timeouts: Cell::new((0, 0)),
        });
        client.files.borrow_mut().insert(id, Rc::downgrade(&file));
        file
    }

    /// Opens a node. `flags`: those of open(2).
    ///
    /// # Errors
    /// As open(2).
    pub fn open(node: &Rc<SessionInode>, flags: u32, offset: u64, was_open: bool) -> Result<Rc<RemoteFile>> {
        let flags = flags & !(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
        let request = Request {
            operation: op::OPEN,
            flags,
            id: node.node()?,
            arguments: [offset, was_open.into(), 0, 0, 0, 0],
            ..Request::default()
        };
        let reply = node.client().call(&request, &[])?;
        let traits = if node.is_fifo() { Traits::STREAM } else { Traits::FILE };
        let file = Self::new(node.client(), reply.result as u64, traits, Some(node.clone()));
        file.opening.set(reply.values[0] == 1);
        file.pipe.set(node.is_fifo());
        Ok(file)
    }

    /// The remote description behind `file`.
    pub fn of(file: &dyn File) -> Option<&RemoteFile> {
        file.as_any().downcast_ref()
    }

    /// Threads that wait for `file`, which this description takes the place of, are to look again.
    pub fn replaces(&self, file: Rc<dyn File>) {
        let file = self.before.get_or_init(|| file);
        if let Some(queue) = file.wait_queue() {
            queue.notify(Events::ALL);
        }
    }

    /// This VM's description of it.
    pub(crate) fn opened_as(&self, file: &Weak<OpenFile>) {
        self.opened.replace(file.clone());
    }

    /// This VM's description of it, if it is open.
    pub(super) fn opened(&self) -> Option<Rc<OpenFile>> {
        self.opened.borrow().upgrade()
    }

    /// It is a FIFO whose open(2) waits for the other side.
    pub(super) fn begin_opening(&self, opening: bool) {
        self.opening.set(opening);
    }

    /// The same description once more; this one is nothing but memory from now on.
    pub(crate) fn reborn(&self) -> Rc<RemoteFile> {
        self.released.set(true);
        let file = RemoteFile::new(&self.client, self.id, self.traits, self.node.clone());
        file.pipe.set(self.pipe.get());
        file.timeouts.set(self.timeouts.get());
        if let Some(here) = self.here.get() {
            file.watches_here(here);
        }
        file
    }

    /// It counts as released: the caller tells the keeper. False: it does already.
    pub(super) fn give_up(&self) -> bool {
        let is_first = !self.released.replace(true);
        if is_first {
            self.client.forget(self);
        }
        is_first
    }

    pub(super) fn traits(&self) -> Traits {
        self.traits
    }

    /// Whether the EPIPE that comes now brings a signal.
    pub(super) fn note_sigpipe(&self, comes: bool) {
        self.sigpipe.set(comes);
    }

    /// A request about it.
    pub fn request(&self, operation: u32, flags: u32, arguments: &[u64]) -> Request {
        let mut request = Request { operation, flags, id: self.id, ..Request::default() };
        request.arguments[..arguments.len()].copy_from_slice(arguments);
        request
    }

    /// Serves a request about it.
    ///
    /// # Errors
    /// What the keeper answers.
    pub fn call(&self, operation: u32, flags: u32, arguments: &[u64]) -> Result<Reply> {
        self.client.call(&self.request(operation, flags, arguments), &[])
    }

    /// The way to the keeper.
    pub fn client(&self) -> &Rc<Client> {
        &self.client
    }

    /// The node, if it is of a regular file or directory.
    pub fn node(&self) -> Option<&Rc<SessionInode>> {
        self.node.as_ref()
    }

    /// Asks to be told of changes. What is ready now.
    pub(super) fn watch(&self) -> Result<Events> {
        let on = self.watched.replace(true);
        let operation = if on { op::POLL } else { op::WATCH };
        let reply = self.call(operation, 0, &[if on { 0 } else { u64::from(WATCHED) }])?;
        Ok(Events(reply.result as u32))
    }

    /// Whether open(2) of a FIFO has to go on waiting, at [`RemoteFile::queue`].
    ///
    /// # Errors
    /// EIO.
    pub fn is_opening(&self) -> Result<bool> {
        if self.opening.get() {
            let waits = self.call(op::WATCH, 1, &[u64::from(WATCHED)])?.result == 1;
            self.opening.set(waits);
        }
        Ok(self.opening.get())
    }

    /// Told of all that the keeper tells.
    pub fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// There is news from the keeper.
    pub(super) fn notify(&self, events: Events) {
        if events.intersects(Events::ERR) {
            // It may have been taken back. The memory says so, too, but the other VM can write there, and did not have to leave it so.
            self.lent.replace(None);
        }
        if self.queue.is_empty()
            && self.before.get().and_then(|file| file.wait_queue()).is_none_or(WaitQueue::is_empty)
        {
            // Nobody waits (any more): whoever is the next asks anew.
            if self.watched.replace(false) {
                let _ = self.call(op::WATCH, 0, &[0]);
            }
            return;
        }
        self.queue.notify(events);
        if let Some(queue) = self.before.get().and_then(|file| file.wait_queue()) {
            queue.notify(events);
        }
    }

    /// Whether the keeper tells of changes.
    pub(super) fn is_watched(&self) -> bool {
        self.watched.get()
    }

    pub(super) fn forget_watch(&self) {
        self.watched.set(false);
        self.lent.replace(None);
    }

    /// Repeats `attempt` while it says EAGAIN although `events` are ready; the keeper is asked to tell of changes before the last time.
    pub(super) fn attempt<T>(&self, events: Events, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        loop {
            // What is watched already will be told of.
            let watched = self.watched.get();
            match attempt() {
                Err(Errno::EAGAIN) if self.traits.waits && !watched => {}
                other => return other,
            }
            let always = events.or(Events::ERR).or(Events::HUP);
            if !self.watch()?.intersects(always) {
                return Err(Errno::EAGAIN);
            }
        }
    }

    /// read(2) at the description's own offset, pread(2) at `at`.
    ///
    /// # Errors
    /// As read(2).
    pub fn read_from(&self, at: Option<u64>, into: &mut dyn Sink) -> Result<usize> {
        if self.traits.terminal {
            return self.read_terminal(into);
        }
        if self.traits.socket.is_some() {
            return self.read_socket(into, 0);
        }
        let mut lent = self.lent.borrow().clone();
        let mut done = 0;
        loop {
            if let Some(pipe) = lent.take()
                && let Some(result) = self.read_lent(&pipe, into)
            {
                return result;
            }
            let wanted = into.remaining().min(PIECE);
            let offset = at.map_or(0, |at| at + done as u64);
            let request = Request {
                wanted: wanted as u64,
                ..self.request(op::READ, u32::from(at.is_some()), &[offset])
            };
            let mut bytes = Vec::new();
            let got = self.attempt(Events::IN, || {
                bytes.clear();
                self.client.call_into(&request, &[], &mut bytes)
            });
            match got {
                Err(Errno::EREMCHG) => {
                    lent = self.borrow_pipe();
                    continue;
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => return Ok(done),
                Ok(_) => {}
            }
            let got = bytes.len();
            match into.put(&bytes) {
                Err(error) if done == 0 => return Err(error),
                Err(_) => return Ok(done),
                Ok(n) => done += n,
            }
            if got < wanted || into.remaining() == 0 || !self.traits.seekable {
                return Ok(done);
            }
        }
    }

    /// write(2) at the description's own offset, pwrite(2) at `at`. More may have been taken from the source than is written.
    ///
    /// # Errors
    /// As write(2).
    pub fn write_from(
        &self,
        at: Option<u64>,
        from: &mut dyn Source,
        keeps_id_bits: bool,
        size_limit: u64,
    ) -> Result<usize> {
        if self.traits.socket.is_some() {
            return self.write_socket(from);
        }
        let flags = u32::from(at.is_some()) | if keeps_id_bits { 2 } else { 0 };
        let mut done = 0;
        self.pages.retire();
        let lent = self.lent.borrow().clone();
        if let Some(result) = lent.and_then(|pipe| self.write_lent(&pipe, from)) {
            return result;
        }
        loop {
            let mut bytes = alloc::vec![0; from.remaining().min(PIECE)];
            let taken = match from.take(&mut bytes) {
                Ok(taken) => taken,
                Err(error) if done == 0 => return Err(error),
                Err(_) => return Ok(done),
            };
            let request =
                self.writer_request(op::WRITE, flags, &[at.map_or(0, |at| at + done as u64), size_limit]);
            let put = self.attempt(Events::OUT, || {
                let reply = self.client.ask(&request, &bytes[..taken], &mut Vec::new())?;
                match error_of(&reply) {
                    Some(error) => {
                        self.sigpipe.set(reply.values[0] != 0);
                        Err(error)
                    }
                    None => Ok((reply.result as usize).min(taken)),
                }
            });
            match put {
                // With these bytes, which cannot be given back.
                Err(Errno::EREMCHG) => return self.write_taken(&bytes[..taken]),
                Err(error) if done == 0 => return Err(error),
                Err(_) => return Ok(done),
                Ok(n) => {
                    done += n;
                    if n < taken || taken < bytes.len() || from.remaining() == 0 {
                        return Ok(done);
                    }
                }
            }
        }
    }

    /// lseek(2).
    ///
    /// # Errors
    /// As lseek(2).
    pub fn seek(&self, offset: i64, whence: u32) -> Result<u64> {
        Ok(self.call(op::SEEK, 0, &[offset as u64, u64::from(whence)])?.result as u64)
    }

    /// Status flags.
    ///
    /// # Errors
    /// EIO.
    pub fn flags(&self) -> Result<u32> {
        if let Some(flags) = self.lent.borrow().as_ref().and_then(|lent| lent.flags()) {
            return Ok(flags);
        }
        Ok(self.call(op::FLAGS, 0, &[])?.result as u32)
    }

    /// Changes status flags.
    pub fn set_flags(&self, flags: u32) {
        self.lent.replace(None);
        // There is nothing that could fail but the session.
        let _ = self.call(op::FLAGS, 1, &[u64::from(flags)]);
    }

    /// getdents64(2).
    ///
    /// # Errors
    /// As there.
    pub fn entries(&self, into: &mut dyn Sink) -> Result<usize> {
        let wanted = into.remaining().min(PIECE) as u64;
        let request = Request { wanted, ..self.request(op::GETDENTS, 0, &[]) };
        let mut bytes = Vec::new();
        self.client.call_into(&request, &[], &mut bytes)?;
        if bytes.is_empty() { Ok(0) } else { into.put(&bytes) }
    }

    /// flock(2) without waiting.
    ///
    /// # Errors
    /// As there.
    pub fn flock(&self, exclusive: Option<bool>) -> Result<()> {
        let kind = match exclusive {
            Some(false) => 0,
            Some(true) => 1,
            None => 2,
        };
        self.call(op::LOCK, 0, &[0, kind, 0, u64::MAX, 0]).map(|_| ())
    }

    fn regular(&self) -> Result<&Rc<SessionInode>> {
        self.node.as_ref().ok_or(Errno::EINVAL)
    }
}

impl Drop for RemoteFile {
    fn drop(&mut self) {
        self.release();
    }
}

impl File for RemoteFile {
    fn read(&self, offset: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        self.read_from(self.traits.seekable.then_some(offset), into)
    }

    fn write(&self, offset: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        self.write_from(self.traits.seekable.then_some(offset), from, false, u64::MAX)
    }

    fn is_seekable(&self) -> bool {
        self.traits.seekable
    }

    fn stat(&self) -> Result<Stat> {
        // A mapping lives longer than the description.
        if let Some(node) = &self.node {
            return Inode::stat(&**node);
        }
        let reply = self.call(op::STAT_DESCRIPTION, 0, &[])?;
        Ok(super::inode::shown(&reply.stat))
    }

    fn poll(&self) -> Events {
        if !self.traits.waits {
            return Events(0x145);
        }
        let here = self.here.get().map_or(Events::NONE, |here| here.poll());
        self.lent.replace(None);
        let ready = match self.watch() {
            Err(Errno::EREMCHG) => {
                // Readiness is the keeper's to tell: it takes the pipe back.
                self.watched.set(false);
                self.call(op::POLL, 2, &[]).and_then(|_| self.watch())
            }
            other => other,
        };
        ready.unwrap_or(Events::ERR).or(here)
    }

    fn is_stream(&self) -> bool {
        self.traits.stream
    }

    fn raises_sigpipe(&self) -> bool {
        self.sigpipe.get()
    }

    fn socket(&self) -> Option<&dyn Socket> {
        self.traits.socket.map(|_| -> &dyn Socket { self })
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        self.traits.waits.then_some(&self.queue)
    }

    fn ignores_seek(&self) -> bool {
        self.traits.waits && !self.traits.stream && self.traits.socket.is_none()
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        self.control(request, argument, memory)
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.change_attributes(change)
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.pages.retire();
        self.regular()?.set_attributes(&SetAttributes { size: Some(size), ..SetAttributes::default() })
    }

    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        let node = self.node.as_ref().ok_or(Errno::ENODEV)?;
        let request = Request {
            operation: op::ALLOCATE,
            id: node.node()?,
            arguments: [u64::from(mode), offset, length, 0, 0, 0],
            ..Request::default()
        };
        self.client.call(&request, &[]).map(|_| ())
    }

    fn seek_data(&self, offset: u64, data: bool) -> Result<u64> {
        let request = Request {
            operation: op::SEEK_DATA,
            flags: u32::from(!data),
            id: self.regular()?.node()?,
            arguments: [offset, 0, 0, 0, 0, 0],
            ..Request::default()
        };
        Ok(self.client.call(&request, &[])?.result as u64)
    }

    fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        let node = self.node.as_ref().filter(|node| node.is_regular()).ok_or(Errno::ENODEV)?;
        if for_write {
            return Err(Errno::ENODEV);
        }
        self.pages.get(&self.client, node.node()?, index)
    }

    fn shared_memory(&self, _: bool) -> Result<Option<Rc<dyn File>>> {
        match self.node.as_ref().filter(|node| node.is_regular()) {
            Some(node) => Ok(Some(SharedFile::new(node)?)),
            None => Ok(None),
        }
    }

    fn note_private(&self) {
        self.pages.retire();
    }

    fn seals(&self, add: u32) -> Result<u32> {
        let request = Request {
            operation: op::SEALS,
            id: self.regular()?.node()?,
            arguments: [u64::from(add), 0, 0, 0, 0, 0],
            ..Request::default()
        };
        Ok(self.client.call(&request, &[])?.result as u32)
    }

    fn describe(&self) -> Vec<u8> {
        let mut text = Vec::new();
        match self.client.call_into(&self.request(op::DISPLAY, 0, &[]), &[], &mut text) {
            Ok(_) => text,
            Err(_) => b"anon_inode:[file]".to_vec(),
        }
    }

    fn reopen(&self, open_flags: u32) -> Result<Rc<dyn File>> {
        let opened = self.call(op::REOPEN, open_flags, &[])?.result as u64;
        let file = RemoteFile::new(&self.client, opened, self.traits, self.node.clone());
        file.pipe.set(self.pipe.get());
        Ok(file)
    }

    fn release(&self) {
        if self.give_up() {
            let request = Request { operation: op::RELEASE, flags: 1, ..Request::default() };
            // The keeper knows what it has given: there is nothing that could fail.
            let _ = self.client.call(&request, &self.id.to_le_bytes());
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
