//! One open file description of a pipe.

use super::super::object::{Origin, requests};
use super::Pipe;
use crate::errno::{Errno, Result};
use crate::file::{File, flags};
use crate::fs::inode::SetAttributes;
use crate::fs::locks::LockTable;
use crate::stat::Stat;
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::rc::Rc;
use core::any::Any;
use core::cell::{Cell, OnceCell};

/// Where a FIFO's attributes come from: its inode.
pub type StatFn = Rc<dyn Fn() -> Result<Stat>>;

/// An end of a pipe: it reads, it writes, or (FIFOs) both.
pub struct PipeEnd {
    pipe: Rc<Pipe>,
    reads: bool,
    writes: bool,
    /// HUP counts only when a writer has come since: a FIFO opened without one does not report it.
    hup_after: u64,
    inode: Option<StatFn>,
    /// A FIFO's end whose open(2) waits for the other side: how many had opened that side before.
    waits_for: Cell<Option<u64>>,
    released: Cell<bool>,
}

/// A new pipe: its reader and its writer (pipe2(2)).
pub fn pipe(origin: Origin) -> (Rc<PipeEnd>, Rc<PipeEnd>) {
    let pipe = Rc::new(Pipe::new(origin));
    let reader = Rc::new(PipeEnd::open(&pipe, true, false, 0, None));
    let writer = Rc::new(PipeEnd::open(&pipe, false, true, 0, None));
    (reader, writer)
}

impl PipeEnd {
    pub(super) fn open(
        pipe: &Rc<Pipe>,
        reads: bool,
        writes: bool,
        hup_after: u64,
        inode: Option<StatFn>,
    ) -> PipeEnd {
        pipe.opened(reads, writes);
        PipeEnd {
            pipe: pipe.clone(),
            reads,
            writes,
            hup_after,
            inode,
            waits_for: Cell::new(None),
            released: Cell::new(false),
        }
    }

    pub(super) fn wait_for_partner(&self) {
        self.waits_for.set(Some(self.partner_opens()));
    }

    fn partner_opens(&self) -> u64 {
        if self.reads { self.pipe.writer_opens.get() } else { self.pipe.reader_opens.get() }
    }

    /// Whether open(2) of this FIFO still has to wait for someone to open the other side (who may be gone again when the
    /// wait ends).
    pub fn is_opening(&self) -> bool {
        self.waits_for.get().is_some_and(|seen| seen == self.partner_opens())
    }

    /// Notified when an end of a FIFO is opened.
    pub fn partner_queue(&self) -> &WaitQueue {
        &self.pipe.partner_queue
    }

    /// The pipe, if `file` is an end of one (F_GETPIPE_SZ, splice(2)).
    pub fn of(file: &dyn File) -> Option<&PipeEnd> {
        file.as_any().downcast_ref()
    }

    /// The pipe itself.
    pub fn pipe(&self) -> &Rc<Pipe> {
        &self.pipe
    }

    /// Whether HUP does not count before a writer comes.
    pub(super) fn is_quiet(&self) -> bool {
        self.hup_after == self.pipe.writer_opens.get()
    }

    /// Whether it is of a FIFO.
    pub fn is_fifo(&self) -> bool {
        self.inode.is_some()
    }

    /// Whether it was opened for reading.
    pub fn reads(&self) -> bool {
        self.reads
    }

    /// Whether it was opened for writing.
    pub fn writes(&self) -> bool {
        self.writes
    }
}

impl File for PipeEnd {
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        if !self.reads {
            return Err(Errno::EBADF);
        }
        self.pipe.read(into)
    }

    fn write(&self, _: u64, from: &mut dyn Source, flags: u32) -> Result<usize> {
        if !self.writes {
            return Err(Errno::EBADF);
        }
        self.pipe.write(from, flags & flags::O_DIRECT != 0)
    }

    fn stat(&self) -> Result<Stat> {
        match &self.inode {
            Some(stat) => stat(),
            None => Ok(self.pipe.stat()),
        }
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.pipe.changed.set(change);
        Ok(())
    }

    fn changed_attributes(&self) -> Option<SetAttributes> {
        self.pipe.changed.get()
    }

    fn poll(&self) -> Events {
        self.pipe.poll(self.reads, self.writes, self.hup_after)
    }

    fn allocate(&self, _: u32, _: u64, _: u64) -> Result<()> {
        Err(Errno::ESPIPE)
    }

    fn locks(&self) -> Option<&OnceCell<Rc<LockTable>>> {
        Some(&self.pipe.locks)
    }

    fn signalled(&self) -> Events {
        match (self.reads, self.writes) {
            (true, true) => Events::IN.or(Events::OUT),
            (false, true) => Events::OUT,
            _ => Events::IN,
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(match (self.reads, self.writes) {
            (true, true) => &self.pipe.both_queue,
            (false, true) => &self.pipe.write_queue,
            _ => &self.pipe.read_queue,
        })
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        match request {
            requests::FIONREAD => {
                memory.write(argument, &(self.pipe.unread() as i32).to_le_bytes())?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn reopen(&self, open_flags: u32) -> Result<Rc<dyn File>> {
        let (reads, writes) = match open_flags & flags::O_ACCMODE {
            flags::O_RDONLY => (true, false),
            flags::O_WRONLY => (false, true),
            flags::O_RDWR => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        Ok(Rc::new(PipeEnd::open(&self.pipe, reads, writes, 0, self.inode.clone())))
    }

    fn release(&self) {
        if !self.released.replace(true) {
            self.pipe.closed(self.reads, self.writes);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        self.release();
    }
}
