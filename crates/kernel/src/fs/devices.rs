//! `/dev`: device files and their drivers.

use super::{clock, control, device, limits, tty};
use crate::mm;
use alloc::rc::Rc;
use ramet_kcore::errno::Result;
use ramet_kcore::fs::devfs;
use ramet_kcore::fs::device::Devices;
use ramet_kcore::fs::inode::{Creation, Inode, NewNode};
use ramet_kcore::ipc::pipe::fifo_opener;

/// Makes the tree to mount at `/dev`, and registers all drivers.
///
/// # Errors
/// ENOSPC.
pub fn build(devices: &Devices) -> Result<Rc<dyn Inode>> {
    let random =
        devfs::Randomness { fill: Rc::new(crate::random::fill), absorb: Rc::new(crate::random::absorb) };
    let (_, root) = devfs::build(device::DEV, &mm::page_source(), clock(), limits(), random, devices)?;
    root.create(b"core", NewNode::Symlink(b"/proc/kcore"), Creation { permissions: 0o777, uid: 0, gid: 0 })?;
    // Who opens a FIFO waits for its other side: see `syscalls::file::open`.
    devices.register_fifo(fifo_opener(Rc::new(crate::syscalls::ipc::origin)));
    control::register(devices);
    tty::register(devices);
    Ok(root)
}
