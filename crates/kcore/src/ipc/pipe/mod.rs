//! Pipes and FIFOs: pipe(7), pipe(2), fifo(7).
//!
//! A [`Pipe`] is the shared object; each open file description of it is a [`PipeEnd`]. A pipe lives as long as an end
//! (or the FIFO's inode) holds it. Order of borrows: the ring only, and nobody is notified while it is borrowed.

mod end;
mod fifo;
mod ring;
mod splice;
#[cfg(test)]
mod tests;
mod transfer;

pub use end::{PipeEnd, StatFn, pipe};
pub use fifo::{Fifo, fifo_of, fifo_opener};
pub use splice::{file_to_pipe, pipe_to_file, pipe_to_pipe, tee};
pub use transfer::{append, import};

use super::object::{Changed, Origin, next_id, pipe_stat};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::fs::locks::LockTable;
use crate::stat::Stat;
use crate::user::{Sink, Source};
use crate::wait::{Events, WaitQueue};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell};
use ring::Ring;

/// Writes of up to this many bytes are never interleaved (pipe(7)).
pub const PIPE_BUF: usize = 4096;
/// Bytes that a new pipe holds.
pub const DEFAULT_CAPACITY: usize = 65536;
/// Most that F_SETPIPE_SZ gives to the unprivileged (/proc/sys/fs/pipe-max-size).
pub const MAX_CAPACITY: usize = 1 << 20;

const READABLE: Events = Events(Events::IN.0 | Events::RDNORM.0);
const WRITABLE: Events = Events(Events::OUT.0 | Events::WRNORM.0);

/// The object behind the ends of a pipe.
pub struct Pipe {
    id: u64,
    origin: Origin,
    /// Attributes that differ from those that it was made with.
    pub(super) changed: Changed,
    ring: RefCell<Ring>,
    readers: Cell<u32>,
    writers: Cell<u32>,
    /// How many readers have ever opened: an open for writing waits for this to change.
    reader_opens: Cell<u64>,
    writer_opens: Cell<u64>,
    read_queue: WaitQueue,
    write_queue: WaitQueue,
    /// Waiters on ends that both read and write.
    both_queue: WaitQueue,
    partner_queue: WaitQueue,
    locks: OnceCell<Rc<LockTable>>,
}

impl Pipe {
    /// A pipe without ends.
    pub fn new(origin: Origin) -> Pipe {
        Pipe::with_id(origin, next_id())
    }

    /// As [`Pipe::new`], with the number that it had in another kernel.
    pub fn with_id(origin: Origin, id: u64) -> Pipe {
        Pipe {
            id,
            origin,
            changed: Changed::default(),
            ring: RefCell::new(Ring::new(DEFAULT_CAPACITY)),
            readers: Cell::new(0),
            writers: Cell::new(0),
            reader_opens: Cell::new(0),
            writer_opens: Cell::new(0),
            read_queue: WaitQueue::new(),
            write_queue: WaitQueue::new(),
            both_queue: WaitQueue::new(),
            partner_queue: WaitQueue::new(),
            locks: OnceCell::new(),
        }
    }

    /// The pipe's number: its inode number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Who has made it, and when.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Attributes of the unnamed pipe (a FIFO has its inode's).
    pub fn stat(&self) -> Stat {
        self.changed.show(pipe_stat(self.id, self.origin))
    }

    /// Open file descriptions that read.
    pub fn readers(&self) -> u32 {
        self.readers.get()
    }

    /// Open file descriptions that write.
    pub fn writers(&self) -> u32 {
        self.writers.get()
    }

    /// Unread bytes (FIONREAD).
    pub fn unread(&self) -> usize {
        self.ring.try_borrow().map_or(0, |ring| ring.unread())
    }

    /// Bytes that fit when empty (F_GETPIPE_SZ).
    pub fn capacity(&self) -> usize {
        self.ring.try_borrow().map_or(DEFAULT_CAPACITY, |ring| ring.capacity())
    }

    /// F_SETPIPE_SZ: rounds `size` up to a power of two of pages and returns what it became.
    ///
    /// # Errors
    /// EINVAL: more than 2 GiB. EPERM: growth over [`MAX_CAPACITY`] without `privileged` (CAP_SYS_RESOURCE).
    /// EBUSY: the unread data would not fit. ENOMEM.
    pub fn set_capacity(&self, size: u64, privileged: bool) -> Result<usize> {
        if size > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        let size = (size as usize).max(PIPE_BUF).next_power_of_two();
        let mut ring = self.ring.try_borrow_mut().map_err(|_| Errno::EBUSY)?;
        if size > ring.capacity() && size > MAX_CAPACITY && !privileged {
            return Err(Errno::EPERM);
        }
        let was_full = ring.is_full();
        ring.resize(size)?;
        let wake = was_full && !ring.is_full();
        drop(ring);
        if wake {
            self.notify_writers();
        }
        Ok(size)
    }

    /// Reads; 0 is end of file.
    ///
    /// # Errors
    /// EAGAIN: empty, and there are writers. EFAULT.
    pub fn read(&self, into: &mut dyn Sink) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        // The ring stays borrowed while bytes go to the program: a page fault on the way cannot lead back here
        // except through an access to this very pipe, which then sees EAGAIN.
        let mut ring = self.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?;
        let was_full = ring.is_full();
        if ring.is_empty() {
            return if self.writers.get() == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
        }
        let result = ring.read(into);
        let wake = was_full && !ring.is_full();
        drop(ring);
        if wake {
            self.notify_writers();
        }
        result
    }

    /// Writes what fits; up to [`PIPE_BUF`] bytes all or nothing. `packet`: O_DIRECT of pipe2(2).
    ///
    /// # Errors
    /// EPIPE: no reader. EAGAIN: full. EFAULT. ENOMEM.
    pub fn write(&self, from: &mut dyn Source, packet: bool) -> Result<usize> {
        if from.remaining() == 0 {
            return Ok(0);
        }
        if self.readers.get() == 0 {
            return Err(Errno::EPIPE);
        }
        let result = self.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?.write(from, packet);
        if result.is_ok() {
            self.notify_readers();
        }
        result
    }

    /// How many wait for it, at its ends or opening it.
    pub fn waiters(&self) -> usize {
        [&self.read_queue, &self.write_queue, &self.both_queue, &self.partner_queue]
            .map(WaitQueue::len)
            .iter()
            .sum()
    }

    /// Takes all unread bytes; none if there are packets among them.
    pub fn take_all(&self) -> Option<Vec<u8>> {
        let mut ring = self.ring.try_borrow_mut().ok().filter(|ring| !ring.has_packets())?;
        let mut bytes = Vec::new();
        while !ring.is_empty() {
            bytes.extend_from_slice(ring.front_bytes(usize::MAX));
            let count = ring.front_bytes(usize::MAX).len();
            ring.consume(count);
        }
        Some(bytes)
    }

    /// Puts bytes into a pipe that is empty, more than its capacity if need be, and tells who waits.
    pub fn put_back(&self, bytes: &[u8]) {
        if let Ok(mut ring) = self.ring.try_borrow_mut() {
            // Without memory for them they are lost, as those of a pipe whose ends are gone.
            let _ = ring.fill(bytes);
        }
        self.notify_readers();
        self.notify_writers();
    }

    fn poll(&self, reads: bool, writes: bool, hup_after: u64) -> Events {
        let (empty, full) = self.ring.try_borrow().map_or((true, true), |r| (r.is_empty(), r.is_full()));
        let mut events = Events::NONE;
        if reads {
            if !empty {
                events = events.or(READABLE);
            }
            if self.writers.get() == 0 && self.writer_opens.get() != hup_after {
                events = events.or(Events::HUP);
            }
        }
        if writes {
            if !full {
                events = events.or(WRITABLE);
            }
            if self.readers.get() == 0 {
                events = events.or(Events::ERR);
            }
        }
        events
    }

    /// Who waits in open(2) of a FIFO looks again.
    pub fn tell_partners(&self) {
        self.partner_queue.notify(Events::ALL);
    }

    fn notify_readers(&self) {
        self.read_queue.notify(READABLE);
        self.both_queue.notify(READABLE);
    }

    fn notify_writers(&self) {
        self.write_queue.notify(WRITABLE);
        self.both_queue.notify(WRITABLE);
    }

    fn opened(&self, reads: bool, writes: bool) {
        if reads {
            self.readers.set(self.readers.get() + 1);
            self.reader_opens.set(self.reader_opens.get() + 1);
        }
        if writes {
            self.writers.set(self.writers.get() + 1);
            self.writer_opens.set(self.writer_opens.get() + 1);
        }
    }

    fn closed(&self, reads: bool, writes: bool) {
        if reads {
            self.readers.set(self.readers.get() - 1);
        }
        if writes {
            self.writers.set(self.writers.get() - 1);
        }
        let (no_readers, no_writers) = (self.readers.get() == 0, self.writers.get() == 0);
        if no_readers && no_writers {
            // What nobody has read is lost, also for a FIFO that is opened again later.
            if let Ok(mut ring) = self.ring.try_borrow_mut() {
                *ring = Ring::new(DEFAULT_CAPACITY);
            }
        } else if no_readers != no_writers {
            for queue in [&self.read_queue, &self.write_queue, &self.both_queue] {
                queue.notify(Events::ALL);
            }
        }
    }
}
