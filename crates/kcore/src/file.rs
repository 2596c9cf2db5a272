//! What an open file description refers to.

use crate::errno::{Errno, Result};
use crate::fs::inode::SetAttributes;
use crate::fs::locks::LockTable;
use crate::ipc::socket::Socket;
use crate::stat::{S_IFIFO, S_IFMT, S_IFSOCK, Stat};
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::OnceCell;

/// open(2) flags of x86-64 Linux that outlive the open.
pub mod flags {
    /// Mask of the access mode.
    pub const O_ACCMODE: u32 = 3;
    /// Read only.
    pub const O_RDONLY: u32 = 0;
    /// Write only.
    pub const O_WRONLY: u32 = 1;
    /// Both.
    pub const O_RDWR: u32 = 2;
    /// Create if missing.
    pub const O_CREAT: u32 = 0o100;
    /// Fail if it exists.
    pub const O_EXCL: u32 = 0o200;
    /// Do not make a terminal the controlling one.
    pub const O_NOCTTY: u32 = 0o400;
    /// Truncate.
    pub const O_TRUNC: u32 = 0o1000;
    /// Write at the end.
    pub const O_APPEND: u32 = 0o2000;
    /// Never block.
    pub const O_NONBLOCK: u32 = 0o4000;
    /// Synchronous data.
    pub const O_DSYNC: u32 = 0o10000;
    /// Signal-driven I/O.
    pub const O_ASYNC: u32 = 0o20000;
    /// Direct I/O (pipes: packet mode).
    pub const O_DIRECT: u32 = 0o40000;
    /// Accepted and ignored on 64-bit.
    pub const O_LARGEFILE: u32 = 0o100000;
    /// Must be a directory.
    pub const O_DIRECTORY: u32 = 0o200000;
    /// Do not follow a final symbolic link.
    pub const O_NOFOLLOW: u32 = 0o400000;
    /// Leave the access time alone.
    pub const O_NOATIME: u32 = 0o1000000;
    /// Close on exec (a descriptor flag).
    pub const O_CLOEXEC: u32 = 0o2000000;
    /// Synchronous.
    pub const O_SYNC: u32 = 0o4010000;
    /// Names a location, no I/O.
    pub const O_PATH: u32 = 0o10000000;
    /// Unnamed temporary file (includes O_DIRECTORY).
    pub const O_TMPFILE: u32 = 0o20200000;
}

/// One page of file data that can be mapped: 4096 bytes at a stable address.
///
/// `Rc::strong_count` keeps it alive while the file or a mapping uses it. The kernel turns [`Page::address`] (an
/// address in its direct map or in the mapped image) into the frame to map.
pub trait Page {
    /// Kernel address of the first byte, page aligned, valid while the page lives.
    fn address(&self) -> usize;
    /// Whether the page is the image's: it may be mapped, but never writable.
    fn is_read_only(&self) -> bool;
}

/// How the kernel gives page-sized memory to file systems. Host tests use the heap.
pub trait PageSource {
    /// A page filled with zeros.
    ///
    /// # Errors
    /// ENOMEM (file systems report ENOSPC).
    fn zeroed(&self) -> Result<Rc<dyn Page>>;

    /// Whether there is memory for small things as well: inodes, names.
    fn has_room(&self) -> bool {
        true
    }
}

/// An object behind an open file description: regular file, directory, pipe end, terminal, eventfd ...
///
/// No method blocks. `flags` are the open file description's current status flags.
pub trait File: Any {
    /// Reads at `offset` (streams ignore it). 0 is end of file.
    ///
    /// # Errors
    /// EAGAIN: nothing now, wait for [`Events::IN`]; else as read(2).
    fn read(&self, offset: u64, into: &mut dyn Sink, flags: u32) -> Result<usize>;

    /// Writes at `offset` (streams ignore it; O_APPEND is the caller's business and comes as the file's size).
    ///
    /// # Errors
    /// EAGAIN: no room now, wait for [`Events::OUT`]; EPIPE: the caller sends SIGPIPE; else as write(2).
    fn write(&self, offset: u64, from: &mut dyn Source, flags: u32) -> Result<usize>;

    /// Whether the offset counts; false gives ESPIPE for lseek and pread.
    fn is_seekable(&self) -> bool {
        false
    }

    /// Whether lseek(2) succeeds, always gives 0 and means nothing (null(4), random(4)).
    fn has_no_offset(&self) -> bool {
        false
    }

    /// Whether lseek(2) does nothing and says 0 where the offset does not count (eventfd and its like), rather than ESPIPE.
    fn ignores_seek(&self) -> bool {
        false
    }

    /// Attributes.
    ///
    /// # Errors
    /// EIO and the like from a host file.
    fn stat(&self) -> Result<Stat>;

    /// Length in bytes.
    ///
    /// # Errors
    /// As [`File::stat`].
    fn size(&self) -> Result<u64> {
        Ok(self.stat()?.size)
    }

    /// What is ready now.
    fn poll(&self) -> Events {
        Events(0x145) // IN | OUT | RDNORM | WRNORM: regular files are always ready
    }

    /// Whether a blocking write(2) waits until everything is written (pipe, stream socket, terminal), rather than returning
    /// what was taken at once (eventfd).
    fn is_stream(&self) -> bool {
        self.wait_queue().is_some()
    }

    /// Whether EPIPE from [`File::write`] comes with SIGPIPE.
    fn raises_sigpipe(&self) -> bool {
        true
    }

    /// Where to wait for a change of [`File::poll`]; none: it never changes (epoll refuses such a file with EPERM).
    fn wait_queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// Which changes SIGIO tells of under O_ASYNC (fcntl(2)): none for what has no such thing, where F_SETFL leaves O_ASYNC off.
    fn signalled(&self) -> Events {
        Events::NONE
    }

    /// Where the locks of an object without an inode are (flock(2), fcntl(2)), once there are any; none: it has no locks.
    fn locks(&self) -> Option<&OnceCell<Rc<LockTable>>> {
        None
    }

    /// ioctl(2). `argument` is the raw third argument.
    ///
    /// # Errors
    /// ENOTTY for requests that the object does not know.
    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        let _ = (request, argument, memory);
        Err(Errno::ENOTTY)
    }

    /// New length, for ftruncate(2).
    ///
    /// # Errors
    /// EINVAL for what has no length.
    fn truncate(&self, size: u64) -> Result<()> {
        let _ = size;
        Err(Errno::EINVAL)
    }

    /// The page at `index` × 4096 for mmap(2). `for_write`: the page will be written through a shared mapping, so it must
    /// be the file's own writable page. Pages past the end of the file are ENXIO (the caller sends SIGBUS).
    ///
    /// # Errors
    /// ENODEV: this object cannot be mapped; ENXIO; ENOSPC.
    fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        let _ = (index, for_write);
        Err(Errno::ENODEV)
    }

    /// The run of pages of the image that hold this file's data from page `index` on: the kernel address of the first
    /// one and how many follow each other, all of them whole file pages (or followed by zeros) and never written. None:
    /// ask [`File::page`].
    fn image_extent(&self, index: u64) -> Option<(usize, u64)> {
        let _ = index;
        None
    }

    /// fallocate(2) with `mode` (0: also extends the file).
    ///
    /// # Errors
    /// ENODEV for what has no length; EOPNOTSUPP for a mode that it does not have; ENOSPC; EFBIG.
    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        let _ = (mode, offset, length);
        Err(Errno::ENODEV)
    }

    /// The next offset from `offset` on that is data (`data`) or a hole, for lseek(2). By default everything is data.
    ///
    /// # Errors
    /// ENXIO at or past the end of the file.
    fn seek_data(&self, offset: u64, data: bool) -> Result<u64> {
        let size = self.stat()?.size;
        if offset >= size {
            return Err(Errno::ENXIO);
        }
        Ok(if data { offset } else { size })
    }

    /// fsync(2).
    ///
    /// # Errors
    /// EINVAL for what cannot be synchronised; EIO.
    fn sync(&self) -> Result<()> {
        if self.is_seekable() { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// fchmod(2), fchown(2), futimens(2) of an object that is in no file system.
    ///
    /// # Errors
    /// EOPNOTSUPP: its attributes are those of all of its kind.
    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let _ = change;
        Err(Errno::EOPNOTSUPP)
    }

    /// What [`File::set_attributes`] has changed.
    fn changed_attributes(&self) -> Option<SetAttributes> {
        None
    }

    /// The seals of a memory file (F_GET_SEALS), after adding `add` (F_ADD_SEALS; 0: only ask).
    ///
    /// # Errors
    /// EINVAL: the object has no seals; EPERM: sealed against more seals; EBUSY: mapped writable.
    fn seals(&self, add: u32) -> Result<u32> {
        let _ = add;
        Err(Errno::EINVAL)
    }

    /// The file that a shared mapping of this one has in its place, whose pages other VMs see as well; none: it is this one. `writable`: the
    /// description is open for writing.
    ///
    /// # Errors
    /// ENFILE, ENOSPC: its pages cannot be shared.
    fn shared_memory(&self, writable: bool) -> Result<Option<Rc<dyn File>>> {
        let _ = writable;
        Ok(None)
    }

    /// A private mapping is being made: copies of pages that may be out of date are not for it.
    fn note_private(&self) {}

    /// A shared writable mapping is being made (`change` 1) or has ended (-1).
    ///
    /// # Errors
    /// EPERM: the file is sealed against writing.
    fn note_shared_writable(&self, change: i32) -> Result<()> {
        let _ = change;
        Ok(())
    }

    /// Another open file of the same object, for opening `/proc/self/fd/N` of what has no path (pipes, terminals).
    ///
    /// # Errors
    /// ENXIO: cannot be opened again (sockets, anonymous files).
    fn reopen(&self, flags: u32) -> Result<Rc<dyn File>> {
        let _ = flags;
        Err(Errno::ENXIO)
    }

    /// What `readlink("/proc/self/fd/N")` shows for an object that has no path.
    fn describe(&self) -> Vec<u8> {
        let (inode, mode) = self.stat().map_or((0, 0), |s| (s.inode, s.mode & S_IFMT));
        match mode {
            S_IFIFO => format!("pipe:[{inode}]").into_bytes(),
            S_IFSOCK => format!("socket:[{inode}]").into_bytes(),
            _ => b"anon_inode:[file]".to_vec(),
        }
    }

    /// The socket that this is, if it is one.
    fn socket(&self) -> Option<&dyn Socket> {
        None
    }

    /// Called once, when the last descriptor of the description is closed.
    fn release(&self) {}

    /// For calls that need the concrete type (epoll_ctl, timerfd_settime ...).
    fn as_any(&self) -> &dyn Any;
}
