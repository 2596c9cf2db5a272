//! Named pipes: fifo(7). The file system keeps a [`Fifo`] with the inode.

use super::super::object::Origin;
use super::{Pipe, PipeEnd, StatFn};
use crate::errno::{Errno, Result};
use crate::file::flags;
use crate::fs::device::Opener;
use crate::fs::inode::Inode;
use crate::wait::Events;
use alloc::rc::Rc;

/// What an inode of type S_IFIFO holds.
pub struct Fifo {
    pipe: Rc<Pipe>,
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
    /// If [`PipeEnd::is_opening`] says so, the caller waits on [`PipeEnd::partner_queue`] until it no longer does, before
    /// the program gets a descriptor. Meanwhile the end counts as open, which is what the other side waits for; dropping it,
    /// when a signal interrupts the wait, takes that back.
    ///
    /// # Errors
    /// ENXIO: write-only with O_NONBLOCK, and no reader. EINVAL: access mode 3.
    pub fn open(&self, open_flags: u32, inode: Option<StatFn>) -> Result<Rc<PipeEnd>> {
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
            end.wait_for_partner();
        }
        Ok(end)
    }
}

/// The FIFO that the inode of a named pipe holds: it is made when it is asked for, and lives as long as the inode.
///
/// # Errors
/// ENXIO: the inode holds nothing.
pub fn fifo_of(inode: &dyn Inode, origin: impl FnOnce() -> Origin) -> Result<Rc<Fifo>> {
    let state = inode.state().ok_or(Errno::ENXIO)?;
    let kept = state.attached.borrow().clone().and_then(|kept| kept.downcast::<Fifo>().ok());
    Ok(kept.unwrap_or_else(|| {
        let fifo = Rc::new(Fifo::new(origin()));
        *state.attached.borrow_mut() = Some(fifo.clone());
        fifo
    }))
}

/// The driver of FIFOs.
pub fn fifo_opener(origin: Rc<dyn Fn() -> Origin>) -> Opener {
    Rc::new(move |request| Ok(fifo_of(&**request.inode, || origin())?.open(request.flags, None)?))
}
