//! `/dev`: device files, terminals, shared memory, and what opening a FIFO waits for.

use super::{clock, control, device, limits, tty};
use crate::mm;
use crate::task::sched::{self, Registration};
use alloc::rc::Rc;
use ramet_kcore::errno::Result;
use ramet_kcore::fs::devfs;
use ramet_kcore::fs::device::{Devices, Opener};
use ramet_kcore::fs::inode::{Creation, Inode, NewNode};
use ramet_kcore::ipc::pipe::{PipeEnd, fifo_opener};
use ramet_kcore::wait::Events;

/// Makes the tree to mount at `/dev`, and registers all drivers.
///
/// # Errors
/// ENOSPC.
pub fn build(devices: &Devices) -> Result<Rc<dyn Inode>> {
    let random: devfs::Randomness = Rc::new(|bytes: &mut [u8]| crate::random::fill(bytes));
    let (_, root) = devfs::build(device::DEV, &mm::page_source(), clock(), limits(), random, devices)?;
    root.create(b"core", NewNode::Symlink(b"/proc/kcore"), Creation { permissions: 0o777, uid: 0, gid: 0 })?;
    devices.register_fifo(waiting(fifo_opener(Rc::new(crate::syscalls::ipc::origin))));
    control::register(devices);
    tty::register(devices);
    Ok(root)
}

/// An opener of FIFOs that waits for the other side.
fn waiting(open: Opener) -> Opener {
    Rc::new(move |request| {
        let file = open(request)?;
        if let Some(end) = PipeEnd::of(&*file) {
            while end.is_opening() {
                let registration = Registration::new(end.partner_queue(), Events::ALL);
                sched::sleep(None)?;
                drop(registration);
            }
        }
        Ok(file)
    })
}
