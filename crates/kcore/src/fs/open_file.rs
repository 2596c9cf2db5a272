//! Open file descriptions: what descriptors refer to, and what fork(2) shares.

use super::credentials::{Credentials, cap};
use super::encode;
use super::inode::{Inode, OFFSET_MAX, SetAttributes};
use super::locks::{LockOwner, LockTable, RangeLock};
use super::notify::{self, event};
use super::object::ObjectId;
use super::path::Path;
use super::permission;
use crate::errno::{Errno, Result};
use crate::file::{File, flags::*};
use crate::session::{self, RemoteFile};
use crate::stat::Stat;
use crate::user::{Limited, Sink, Source};
use crate::wait::{Events, WaitKey, Wake};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell};

/// Status flags that fcntl(F_SETFL) changes; O_ASYNC is [`OpenFile::watch`]'s.
pub const SETTABLE: u32 = O_APPEND | O_DIRECT | O_NOATIME | O_NONBLOCK;
/// Flags of open(2) that F_GETFL does not show.
const CREATION: u32 = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;
/// Most bytes that one read or write moves (MAX_RW_COUNT).
pub const COUNT_MAX: usize = 0x7fff_f000;

/// Who is writing, for what depends on it.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    /// Set-user-ID bits stay only with CAP_FSETID.
    pub credentials: &'a Credentials,
    /// RLIMIT_FSIZE, bytes.
    pub size_limit: u64,
}

/// To whom SIGIO and SIGURG go (fcntl(2) F_SETOWN_EX).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SignalOwner {
    /// F_OWNER_TID 0, F_OWNER_PID 1, F_OWNER_PGRP 2.
    pub kind: u32,
    /// Thread, process or process group; 0: nobody.
    pub id: u32,
    /// F_SETSIG; 0: SIGIO.
    pub signal: u32,
}

/// An open file description.
pub struct OpenFile {
    me: Weak<OpenFile>,
    /// Name in the session.
    pub id: ObjectId,
    file: Rc<dyn File>,
    /// The description is in the keeper (since an export).
    moved: OnceCell<Rc<dyn File>>,
    path: Option<Path>,
    offset: Cell<u64>,
    flags: Cell<u32>,
    readable: bool,
    writable: bool,
    seekable: bool,
    counts_as_writer: Cell<bool>,
    /// fcntl(F_SETOWN_EX), F_SETSIG.
    pub signal_owner: Cell<SignalOwner>,
    /// The descriptor that O_ASYNC was turned on through.
    pub signal_fd: Cell<i32>,
    watcher: Cell<Option<WaitKey>>,
}

impl OpenFile {
    /// A description of `file` opened with `flags`. `path`: its place, if it has one.
    pub fn new(file: Rc<dyn File>, path: Option<Path>, flags: u32) -> Rc<OpenFile> {
        Self::build(file, path, flags, false)
    }

    /// A description that counts as a writer of its inode until it is closed ([`super::inode::InodeState::add_writer`] has been called).
    pub(super) fn new_writer(file: Rc<dyn File>, path: Path, flags: u32) -> Rc<OpenFile> {
        Self::build(file, Some(path), flags, true)
    }

    fn build(file: Rc<dyn File>, path: Option<Path>, flags: u32, counts_as_writer: bool) -> Rc<OpenFile> {
        let named_only = flags & O_PATH != 0;
        let access = flags & O_ACCMODE;
        let description = Rc::new_cyclic(|me| OpenFile {
            me: me.clone(),
            id: ObjectId::fresh(),
            seekable: file.is_seekable(),
            file,
            moved: OnceCell::new(),
            path,
            offset: Cell::new(0),
            flags: Cell::new(flags & !CREATION),
            readable: !named_only && (access == O_RDONLY || access == O_RDWR),
            writable: !named_only && (access == O_WRONLY || access == O_RDWR),
            counts_as_writer: Cell::new(counts_as_writer),
            signal_owner: Cell::new(SignalOwner::default()),
            signal_fd: Cell::new(-1),
            watcher: Cell::new(None),
        });
        if let Some(remote) = description.remote() {
            remote.opened_as(&description.me);
        }
        description
    }

    /// In the child of a fork: the same description of the keeper's for this VM once more, which takes the place of this one. Threads that do not
    /// live on may hold this one for ever; it is nothing but memory from now on. None: it is not in the keeper.
    pub fn reborn(&self) -> Option<Rc<OpenFile>> {
        let file = self.remote()?.reborn();
        let counts = self.counts_as_writer.take();
        Some(Self::build(file, self.path.clone(), self.flags.get() | self.access(), counts))
    }

    fn access(&self) -> u32 {
        match (self.readable, self.writable) {
            (true, true) => O_RDWR,
            (false, true) => O_WRONLY,
            _ => O_RDONLY,
        }
    }

    /// The object that is open.
    #[inline]
    pub fn file(&self) -> &Rc<dyn File> {
        self.moved.get().unwrap_or(&self.file)
    }

    /// The description in the keeper, if it is there: its offset and status flags are there, too.
    #[inline]
    pub fn remote(&self) -> Option<&RemoteFile> {
        RemoteFile::of(&**self.file())
    }

    /// The description has moved to the keeper, for all who hold it. Threads that wait for it look again.
    ///
    /// # Errors
    /// EBUSY: it has been moved before.
    pub fn move_to(&self, remote: Rc<RemoteFile>) -> Result<()> {
        self.moved.set(remote.clone()).map_err(|_| Errno::EBUSY)?;
        remote.opened_as(&self.me);
        remote.replaces(self.file.clone());
        if let Some(change) = self.file.changed_attributes() {
            // They are shown, and nothing depends on them.
            let _ = remote.set_attributes(&change);
        }
        Ok(())
    }

    /// The object as its concrete type.
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        self.file().as_any().downcast_ref()
    }

    /// Where it was opened; follows renames.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_ref()
    }

    /// The inode, if it was opened through a path.
    pub fn inode(&self) -> Option<&Rc<dyn Inode>> {
        self.path.as_ref().map(Path::inode)
    }

    /// What `/proc/self/fd/N` shows.
    pub fn display(&self, root: &Path) -> Vec<u8> {
        match &self.path {
            Some(path) => path.display(root),
            None => self.file().describe(),
        }
    }

    /// Status flags and access mode, as F_GETFL gives them.
    #[inline]
    pub fn flags(&self) -> u32 {
        match self.remote() {
            Some(remote) => remote.flags().unwrap_or(self.flags.get()),
            None => self.flags.get(),
        }
    }

    /// F_SETFL: changes the [`SETTABLE`] flags.
    pub fn set_flags(&self, flags: u32) {
        if let Some(remote) = self.remote() {
            remote.set_flags(flags & SETTABLE);
        }
        self.flags.set((self.flags.get() & !SETTABLE) | (flags & SETTABLE));
    }

    /// Turns O_ASYNC on: `wake` is told of every change until it is turned off or the description is closed. Whether the object
    /// can do it.
    pub fn watch(&self, wake: Rc<dyn Wake>) -> bool {
        let Some(queue) = self.file().wait_queue().filter(|_| !self.file().signalled().is_empty()) else {
            return false;
        };
        self.unwatch();
        self.watcher.set(Some(queue.add(Events::ALL, wake)));
        self.flags.set(self.flags.get() | O_ASYNC);
        // What waits to be asked for (the console's input) is asked for here.
        self.file().poll();
        true
    }

    /// Turns O_ASYNC off.
    pub fn unwatch(&self) {
        if let (Some(key), Some(queue)) = (self.watcher.take(), self.file().wait_queue()) {
            queue.remove(key);
        }
        self.flags.set(self.flags.get() & !O_ASYNC);
    }

    /// O_PATH: no I/O.
    pub fn is_path_only(&self) -> bool {
        self.flags.get() & O_PATH != 0
    }

    /// Opened for reading.
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Opened for writing.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// read(2).
    ///
    /// # Errors
    /// EBADF: not open for reading; EISDIR; EAGAIN; EFAULT; EIO.
    #[inline]
    pub fn read(&self, into: &mut dyn Sink) -> Result<usize> {
        if !self.readable {
            return Err(Errno::EBADF);
        }
        if let Some(remote) = self.remote() {
            return remote.read_from(None, into);
        }
        let offset = self.offset.get();
        let n = self.file.read(offset, into, self.flags.get())?;
        if self.seekable {
            self.offset.set(offset + n as u64);
        }
        self.note(n, event::ACCESS);
        Ok(n)
    }

    /// pread(2).
    ///
    /// # Errors
    /// As [`OpenFile::read`]; ESPIPE.
    pub fn read_at(&self, offset: u64, into: &mut dyn Sink) -> Result<usize> {
        if !self.readable {
            return Err(Errno::EBADF);
        }
        if !self.seekable {
            return Err(Errno::ESPIPE);
        }
        if offset.saturating_add(into.remaining() as u64) > OFFSET_MAX {
            return Err(Errno::EINVAL);
        }
        let n = self.file().read(offset, into, self.flags.get())?;
        if self.moved.get().is_none() {
            self.note(n, event::ACCESS);
        }
        Ok(n)
    }

    /// `n` bytes have been read or written here.
    #[inline]
    fn note(&self, n: usize, what: u32) {
        if n > 0 {
            self.tell(what);
        }
    }

    /// Something has happened to what is open ([`event`]): those who watch it are told, unless the keeper tells them.
    #[inline]
    pub fn tell(&self, what: u32) {
        if notify::is_on()
            && self.flags.get() & O_PATH == 0
            && let Some(path) = &self.path
        {
            notify::file(path, what);
        }
    }

    /// write(2).
    ///
    /// # Errors
    /// EBADF: not open for writing; EFBIG (past the size limit: the caller sends SIGXFSZ); ENOSPC; EPIPE; EAGAIN; EFAULT.
    pub fn write(&self, from: &mut dyn Source, writer: &Writer<'_>) -> Result<usize> {
        if !self.writable {
            return Err(Errno::EBADF);
        }
        if let Some(remote) = self.remote() {
            return remote.write_from(None, from, keeps_id_bits(writer), writer.size_limit);
        }
        if !self.seekable {
            let n = self.file.write(0, from, self.flags.get())?;
            self.note(n, event::MODIFY);
            return Ok(n);
        }
        let offset = if self.flags.get() & O_APPEND != 0 { self.file.size()? } else { self.offset.get() };
        let n = self.write_seekable(offset, from, writer)?;
        self.offset.set(offset + n as u64);
        Ok(n)
    }

    /// pwrite(2). With O_APPEND the bytes go to the end, as on Linux.
    ///
    /// # Errors
    /// As [`OpenFile::write`]; ESPIPE.
    pub fn write_at(&self, offset: u64, from: &mut dyn Source, writer: &Writer<'_>) -> Result<usize> {
        if !self.writable {
            return Err(Errno::EBADF);
        }
        if !self.seekable {
            return Err(Errno::ESPIPE);
        }
        if offset.saturating_add(from.remaining() as u64) > OFFSET_MAX {
            return Err(Errno::EINVAL);
        }
        if let Some(remote) = self.remote() {
            return remote.write_from(Some(offset), from, keeps_id_bits(writer), writer.size_limit);
        }
        let offset = if self.flags.get() & O_APPEND != 0 { self.file.size()? } else { offset };
        self.write_seekable(offset, from, writer)
    }

    fn write_seekable(&self, offset: u64, from: &mut dyn Source, writer: &Writer<'_>) -> Result<usize> {
        if from.remaining() == 0 && self.is_regular() {
            return Ok(0);
        }
        let flags = self.flags.get();
        let n = if offset.saturating_add(from.remaining() as u64) > writer.size_limit && self.is_regular() {
            if offset >= writer.size_limit {
                return Err(Errno::EFBIG);
            }
            let limit = (writer.size_limit - offset) as usize;
            self.file.write(offset, &mut Limited { from, limit }, flags)?
        } else {
            self.file.write(offset, from, flags)?
        };
        if n > 0 {
            self.drop_privileges(writer.credentials)?;
        }
        self.note(n, event::MODIFY);
        Ok(n)
    }

    fn is_regular(&self) -> bool {
        let attributes = self.inode().map(|inode| inode.attributes());
        !matches!(attributes, Some(Ok(a)) if a.file_type != super::inode::FileType::Regular)
    }

    /// A write takes the set-user-ID and set-group-ID bits from a file, unless the writer may keep them.
    fn drop_privileges(&self, credentials: &Credentials) -> Result<()> {
        let Some(inode) = self.inode() else { return Ok(()) };
        let permissions = permission::after_write(&inode.attributes()?, credentials);
        if permissions.is_some() {
            inode.set_attributes(&SetAttributes { permissions, ..Default::default() })?;
        }
        Ok(())
    }

    /// Whether the offset counts.
    pub fn is_seekable(&self) -> bool {
        self.seekable
    }

    /// Current offset.
    pub fn offset(&self) -> u64 {
        match self.remote().filter(|_| self.seekable) {
            Some(remote) => remote.seek(0, 1).unwrap_or(0),
            None => self.offset.get(),
        }
    }

    /// Sets the offset without checks, for an object that keeps it elsewhere.
    pub fn set_offset(&self, offset: u64) {
        if let Some(remote) = self.remote().filter(|_| self.seekable) {
            // An offset that it has come to by itself is one that it takes.
            let _ = remote.seek(offset as i64, 0);
        }
        self.offset.set(offset);
    }

    /// lseek(2).
    ///
    /// # Errors
    /// ESPIPE, EINVAL, ENXIO (SEEK_DATA and SEEK_HOLE past the end).
    pub fn seek(&self, offset: i64, whence: u32) -> Result<u64> {
        if self.is_path_only() {
            return Err(Errno::EBADF);
        }
        if whence <= 4 && (self.file().has_no_offset() || self.file().ignores_seek()) {
            return Ok(0);
        }
        if !self.seekable {
            return Err(Errno::ESPIPE);
        }
        if let Some(remote) = self.remote() {
            return remote.seek(offset, whence);
        }
        let base = match whence {
            0 => 0,
            1 => self.offset.get(),
            2 => self.file().size()?,
            3 | 4 => {
                let from = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
                let found = self.file().seek_data(from, whence == 3)?;
                self.offset.set(found);
                return Ok(found);
            }
            _ => return Err(Errno::EINVAL),
        };
        // As Linux: a sum that is negative, or has become so, is EINVAL.
        let new = u64::try_from((base as i64).wrapping_add(offset)).map_err(|_| Errno::EINVAL)?;
        self.offset.set(new);
        Ok(new)
    }

    /// fstat(2).
    ///
    /// # Errors
    /// EIO.
    pub fn stat(&self) -> Result<Stat> {
        match self.inode() {
            Some(inode) => inode.stat(),
            None => self.file().stat(),
        }
    }

    /// ftruncate(2).
    ///
    /// # Errors
    /// EINVAL: not open for writing, or not a regular file; EFBIG; ENOSPC; EPERM (sealed).
    pub fn truncate(&self, size: u64, writer: &Writer<'_>) -> Result<()> {
        if self.is_path_only() {
            return Err(Errno::EBADF);
        }
        if !self.writable {
            return Err(Errno::EINVAL);
        }
        if size > writer.size_limit && size > self.file().size()? {
            return Err(Errno::EFBIG);
        }
        self.file().truncate(size)?;
        self.tell(event::MODIFY);
        self.drop_privileges(writer.credentials)
    }

    /// fallocate(2).
    ///
    /// # Errors
    /// EBADF, EINVAL, ENODEV, EOPNOTSUPP, ENOSPC, EFBIG, EPERM.
    pub fn allocate(&self, mode: u32, offset: i64, length: i64, writer: &Writer<'_>) -> Result<()> {
        let (Ok(offset), Ok(length)) = (u64::try_from(offset), u64::try_from(length)) else {
            return Err(Errno::EINVAL);
        };
        if length == 0 {
            return Err(Errno::EINVAL);
        }
        if !self.writable {
            return Err(Errno::EBADF);
        }
        if offset + length > writer.size_limit && mode & 1 == 0 {
            return Err(Errno::EFBIG);
        }
        self.file().allocate(mode, offset, length)?;
        self.tell(event::MODIFY);
        Ok(())
    }

    /// getdents64(2): entries from the current offset into `into`. 0: the end.
    ///
    /// # Errors
    /// ENOTDIR; EINVAL: not even one entry fits; EFAULT; ENOENT: the directory has been removed.
    pub fn read_directory(&self, into: &mut dyn Sink) -> Result<usize> {
        if !self.readable {
            return Err(Errno::EBADF);
        }
        if let Some(remote) = self.remote() {
            return remote.entries(into);
        }
        let path = self.path.as_ref().ok_or(Errno::ENOTDIR)?;
        if path.is_deleted() {
            return Err(Errno::ENOENT);
        }
        let (n, offset) = encode::directory(path, self.offset.get(), into)?;
        self.offset.set(offset);
        self.tell(event::ACCESS);
        Ok(n)
    }

    /// The locks of what is open: of its inode, or of the object that has none.
    pub fn locks(&self) -> Option<&Rc<LockTable>> {
        match self.inode() {
            Some(inode) => inode.state().map(|state| &state.locks),
            None => self.file().locks().map(|locks| locks.get_or_init(Rc::default)),
        }
    }

    /// The same, if there have ever been any.
    pub fn used_locks(&self) -> Option<&Rc<LockTable>> {
        match self.inode() {
            Some(inode) => inode.used_state().map(|state| &state.locks),
            None => self.file().locks()?.get(),
        }
    }

    /// The lock of flock(2) that it holds in this kernel: whether it is exclusive.
    pub fn flock_held(&self) -> Option<bool> {
        self.first_locks()?.flock_of(self.id)
    }

    fn first_locks(&self) -> Option<&LockTable> {
        match &self.path {
            Some(path) => Some(&path.dentry.first_inode().used_state()?.locks),
            None => self.file.locks()?.get().map(|locks| &**locks),
        }
    }

    /// Unlocks the ranges that processes of this kernel, and this description, had locked before the file moved to another file system:
    /// they are.
    pub fn take_ranges(&self) -> Vec<RangeLock> {
        let Some(locks) = self.first_locks() else { return Vec::new() };
        let mut ranges = locks.ranges();
        ranges.retain(|lock| match lock.owner {
            LockOwner::Process(_) => true,
            LockOwner::Description(id) => id == self.id,
        });
        ranges.iter().for_each(|lock| locks.unlock(lock.owner, lock.start, lock.last));
        ranges
    }

    /// Locks one of them again.
    pub fn put_range_back(&self, lock: RangeLock) {
        if let Some(locks) = self.first_locks() {
            // It was locked a moment ago.
            let _ = locks.lock(lock);
        }
    }

    /// flock(2).
    ///
    /// # Errors
    /// EAGAIN; EBADF; ENOLCK.
    pub fn flock(&self, exclusive: Option<bool>) -> Result<()> {
        if self.is_path_only() {
            return Err(Errno::EBADF);
        }
        session::share(self)?;
        if let Some(remote) = self.remote() {
            return remote.flock(exclusive);
        }
        self.locks().ok_or(Errno::ENOLCK)?.flock(self.id, exclusive)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.unwatch();
        if self.moved.get().is_none() {
            self.tell(if self.writable { event::CLOSE_WRITE } else { event::CLOSE_NOWRITE });
        }
        if let Some(locks) = self.used_locks() {
            let _ = locks.flock(self.id, None);
            locks.release(LockOwner::Description(self.id));
        }
        if self.counts_as_writer.get()
            && let Some(state) = self.path.as_ref().and_then(|path| path.inode().used_state())
        {
            state.remove_writer();
        }
        self.file.release();
        if let Some(remote) = self.moved.get() {
            remote.release();
        }
    }
}

fn keeps_id_bits(writer: &Writer<'_>) -> bool {
    writer.credentials.has(cap::FSETID)
}
