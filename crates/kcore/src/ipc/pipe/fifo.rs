//! Named pipes: fifo(7). The file system keeps a [`Fifo`] with the inode.

use super::super::object::Origin;
use super::{Pipe, PipeEnd, StatFn};
use crate::errno::{Errno, Result};
use crate::file::flags;
use crate::wait::{Events, WaitQueue};
use alloc::rc::Rc;

/// What an inode of type S_IFIFO holds.
pub struct Fifo {
    pipe: Rc<Pipe>,
}

/// Result of opening a FIFO.
pub enum Opening {
    /// Open.
    Ready(Rc<PipeEnd>),
    /// Nobody has the other end open yet.
    WouldBlock(FifoPending),
}

/// An open(2) that waits for the other side. It counts as an open end meanwhile (this is what the other side waits
/// for); dropping it, when a signal interrupts the wait, takes it back.
pub struct FifoPending {
    end: Rc<PipeEnd>,
    seen: u64,
}

impl Fifo {
    /// A FIFO that nobody has open.
    pub fn new(origin: Origin) -> Fifo {
        Fifo { pipe: Rc::new(Pipe::new(origin)) }
    }

    /// The pipe behind it.
    pub fn pipe(&self) -> &Rc<Pipe> {
        &self.pipe
    }

    /// open(2) with these flags. `inode` gives the attributes for fstat(2).
    ///
    /// # Errors
    /// ENXIO: write-only with O_NONBLOCK, and no reader. EINVAL: access mode 3.
    pub fn open(&self, open_flags: u32, inode: Option<StatFn>) -> Result<Opening> {
        let pipe = &self.pipe;
        let nonblock = open_flags & flags::O_NONBLOCK != 0;
        let (reads, writes) = match open_flags & flags::O_ACCMODE {
            flags::O_RDONLY => (true, false),
            flags::O_WRONLY => (false, true),
            flags::O_RDWR => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        if writes && !reads && nonblock && pipe.readers() == 0 {
            return Err(Errno::ENXIO);
        }
        let alone = if reads { pipe.writers() == 0 } else { pipe.readers() == 0 } && reads != writes;
        let hup_after = if alone && reads && nonblock { pipe.writer_opens.get() } else { 0 };
        let first = (reads && pipe.readers() == 0) || (writes && pipe.writers() == 0);
        let end = Rc::new(PipeEnd::open(pipe, reads, writes, hup_after, inode));
        if first {
            pipe.partner_queue.notify(Events::ALL);
        }
        if alone && !nonblock {
            let seen = if reads { pipe.writer_opens.get() } else { pipe.reader_opens.get() };
            return Ok(Opening::WouldBlock(FifoPending { end, seen }));
        }
        Ok(Opening::Ready(end))
    }
}

impl FifoPending {
    /// The open end, once the other side has come (it may be gone again already).
    pub fn ready(&self) -> Option<Rc<PipeEnd>> {
        let pipe = self.end.pipe();
        let opens = if self.end.reads() { pipe.writer_opens.get() } else { pipe.reader_opens.get() };
        (opens != self.seen).then(|| self.end.clone())
    }

    /// Notified when an end is opened.
    pub fn queue(&self) -> &WaitQueue {
        &self.end.pipe().partner_queue
    }
}
