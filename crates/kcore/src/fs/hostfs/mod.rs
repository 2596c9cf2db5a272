//! Volumes: directories of the host, through the requests of [`ramet_abi::hostfs`].
//!
//! A host directory may change at any time, so that nothing is cached but the attributes that came with a name's lookup, which
//! the same system call uses. Each [`inode::HostInode`] holds one fid; dropping it closes the fid. Reads and writes pass
//! through the shared buffer; mappings are of the host's own pages.
//!
//! While bytes go between the program and the shared buffer a page fault may come, and its handler may ask this
//! module for a page: that makes a request (MAP, STAT), which has no data and leaves the buffer alone.

mod channel;
mod file;
mod inode;
mod map;

#[cfg(test)]
mod tests;

use super::inode::{Inode, InodeState};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::map::Map;
use alloc::rc::{Rc, Weak};
use ramet_abi::hostfs::Request;

/// Carries requests to the VMM.
pub trait HostTransport {
    /// Serves `request`, whose data are at [`HostTransport::data_address`]; the answer's attributes are in `request.stat`
    /// afterwards.
    ///
    /// # Errors
    /// What the VMM answers.
    fn call(&self, request: &mut Request) -> Result<u64>;

    /// Where the `DATA_MAX` bytes of data are, for as long as the kernel runs.
    fn data_address(&self) -> usize;

    /// Kernel address of `offset` in the volume window.
    fn window_address(&self, offset: u64) -> usize;

    /// Whether nothing can be written any more (a clone that does not share its parent's volumes). Shared mappings that were
    /// writable can still be read.
    fn is_read_only(&self) -> bool {
        false
    }
}

/// One volume.
pub struct HostFs {
    transport: Rc<dyn HostTransport>,
    device: u64,
    /// Locks and the like by host inode number, while some inode refers to them.
    states: RefCell<Map<u64, Weak<InodeState>>>,
}

impl HostFs {
    /// The root of volume `index` (a directory, or a single regular file). `device` is the `st_dev` of its files.
    ///
    /// # Errors
    /// What the VMM answers; EIO: the answer makes no sense.
    pub fn root(transport: Rc<dyn HostTransport>, device: u64, index: u32) -> Result<Rc<dyn Inode>> {
        let fs = Rc::new(HostFs { transport, device, states: RefCell::new(Map::new()) });
        let mut request =
            Request { operation: ramet_abi::hostfs::op::STAT, fid: index, ..Request::default() };
        fs.transport.call(&mut request)?;
        Ok(inode::HostInode::new(&fs, index, request.stat, true)?)
    }

    /// The shared state of the host's inode `number`.
    fn state(&self, number: u64) -> Rc<InodeState> {
        let mut states = self.states.borrow_mut();
        if let Some(state) = states.get(&number).and_then(Weak::upgrade) {
            return state;
        }
        let state = Rc::new(InodeState::new());
        states.insert(number, Rc::downgrade(&state));
        state
    }

    /// The last user of a state is about to go.
    fn forget_state(&self, number: u64, state: &Rc<InodeState>) {
        if Rc::strong_count(state) == 1 {
            self.states.borrow_mut().remove(&number);
        }
    }
}

/// A result that must fit into 32 bits.
fn small(value: u64) -> Result<u32> {
    u32::try_from(value).map_err(|_| Errno::EIO)
}
