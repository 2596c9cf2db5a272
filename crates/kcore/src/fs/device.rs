//! Which driver opens which device file.

use super::inode::{FileType, Inode};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::map::Map;
use alloc::rc::Rc;

/// What an opener is told.
pub struct DeviceOpen<'a> {
    /// The device file.
    pub inode: &'a Rc<dyn Inode>,
    /// Device number.
    pub number: u64,
    /// Flags of open(2).
    pub flags: u32,
}

/// Opens a device (or, for FIFOs, the pipe that belongs to the inode).
pub type Opener = Rc<dyn Fn(&DeviceOpen<'_>) -> Result<Rc<dyn File>>>;

/// Drivers by device number. Shared by all processes.
#[derive(Default)]
pub struct Devices {
    openers: RefCell<Map<(bool, u64), Opener>>,
    fifo: RefCell<Option<Opener>>,
}

impl Devices {
    /// No drivers.
    pub fn new() -> Self {
        Self::default()
    }

    /// `opener` opens the character devices with this number ([`crate::stat::makedev`]).
    pub fn register(&self, number: u64, opener: Opener) {
        self.openers.borrow_mut().insert((false, number), opener);
    }

    /// `opener` opens FIFOs: it keeps the pipe in [`super::inode::InodeState::attached`]. An opener that would have to wait for the other side
    /// returns EAGAIN, and the caller waits and opens again.
    pub fn register_fifo(&self, opener: Opener) {
        *self.fifo.borrow_mut() = Some(opener);
    }

    /// Opens the device, FIFO or socket `inode`.
    ///
    /// # Errors
    /// ENXIO: there is no driver, or it is a socket; else what the driver says.
    pub fn open(&self, inode: &Rc<dyn Inode>, file_type: FileType, flags: u32) -> Result<Rc<dyn File>> {
        let number = if file_type == FileType::Fifo { 0 } else { inode.stat()?.rdev };
        let opener = match file_type {
            FileType::Fifo => self.fifo.borrow().clone(),
            FileType::CharacterDevice => self.openers.borrow().get(&(false, number)).cloned(),
            FileType::BlockDevice => self.openers.borrow().get(&(true, number)).cloned(),
            _ => None,
        };
        opener.ok_or(Errno::ENXIO)?(&DeviceOpen { inode, number, flags })
    }
}
