//! What all who have an inode open share: [`InodeState`].

use super::locks::LockTable;
use super::notify::Watches;
use super::object::ObjectId;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use alloc::rc::Rc;
use core::any::Any;
use core::cell::Cell;

/// State of an inode that belongs to all who have it open, in any process of the session.
pub struct InodeState {
    /// Its name in the session.
    pub id: ObjectId,
    /// flock(2) and fcntl(2) locks.
    pub locks: Rc<LockTable>,
    /// Positive: descriptions open for writing; negative: times that it is being executed.
    pub writers: Cell<i32>,
    /// How long what is written is to live (F_SET_RW_HINT): noted, not used.
    pub write_life: Cell<u64>,
    /// What the file names: the pipe of a FIFO, the socket bound to a name.
    pub attached: RefCell<Option<Rc<dyn Any>>>,
    /// Who is told what happens to it (inotify(7)).
    pub watches: Watches,
}

impl InodeState {
    /// No locks, nothing attached.
    pub fn new() -> Self {
        InodeState {
            id: ObjectId::fresh(),
            locks: Rc::default(),
            writers: Cell::new(0),
            write_life: Cell::new(0),
            attached: RefCell::new(None),
            watches: Watches::default(),
        }
    }

    /// Notes one more writer.
    ///
    /// # Errors
    /// ETXTBSY while the file is being executed.
    pub fn add_writer(&self) -> Result<()> {
        if self.writers.get() < 0 {
            return Err(Errno::ETXTBSY);
        }
        self.writers.set(self.writers.get() + 1);
        Ok(())
    }

    /// Notes that a writer is gone.
    pub fn remove_writer(&self) {
        self.writers.set(self.writers.get() - 1);
    }

    /// Notes that a program runs from the file.
    ///
    /// # Errors
    /// ETXTBSY while it is open for writing.
    pub fn add_executor(&self) -> Result<()> {
        if self.writers.get() > 0 {
            return Err(Errno::ETXTBSY);
        }
        self.writers.set(self.writers.get() - 1);
        Ok(())
    }

    /// Notes that a program no longer runs from the file.
    pub fn remove_executor(&self) {
        self.writers.set(self.writers.get() + 1);
    }
}

impl Default for InodeState {
    fn default() -> Self {
        Self::new()
    }
}
