//! Descriptions that go to other VMs, and come from them: what only this kernel knows of them.

use super::export;
use crate::fs::{self, caller, root_of_everything};
use crate::syscalls::ipc::socket::sender;
use crate::syscalls::ipc::{pidfd, signalfd};
use crate::task::sched;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_CREAT;
use ramet_kcore::fs::credentials;
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::ops::{FsContext, OpenHow};
use ramet_kcore::fs::path::Path;
use ramet_kcore::ipc::socket::Credentials;
use ramet_kcore::session::{self, Fate, Foreign, SessionInode};

/// What a description of such a thing begins with.
mod kind {
    /// Offset (8 bytes), path.
    pub const PLACE: u8 = 1;
    /// Process id (4 bytes).
    pub const PIDFD: u8 = 2;
    /// Mask (8 bytes).
    pub const SIGNALFD: u8 = 3;
}

/// This kernel.
pub struct Kernel;

fn place_of(path: &[u8]) -> Result<Path> {
    let root = root_of_everything();
    caller(&FsContext::new(root.clone()), &credentials::Credentials::root(), |caller| {
        caller.target(&root, path, 0)
    })
}

impl Foreign for Kernel {
    fn describe(&self, file: &OpenFile) -> Option<Vec<u8>> {
        if let Some(pid) = pidfd::pid_of(file) {
            return Some([&[kind::PIDFD][..], &pid.to_le_bytes()].concat());
        }
        if let Some(mask) = signalfd::mask_of(file) {
            return Some([&[kind::SIGNALFD][..], &mask.to_le_bytes()].concat());
        }
        if session::fate(file, &export::is_shared) != Fate::Copied {
            return None;
        }
        let path = file.path()?.display(&root_of_everything());
        Some([&[kind::PLACE][..], &file.offset().to_le_bytes(), &path].concat())
    }

    fn open(&self, description: &[u8], flags: u32) -> Result<Rc<OpenFile>> {
        let (kind, rest) = description.split_first().ok_or(Errno::ENXIO)?;
        match *kind {
            kind::PLACE => {
                let (offset, path) = rest.split_first_chunk().ok_or(Errno::ENXIO)?;
                let root = root_of_everything();
                let how = OpenHow { flags: flags & !O_CREAT, mode: 0, resolve: 0 };
                let file =
                    caller(&FsContext::new(root.clone()), &credentials::Credentials::root(), |caller| {
                        caller.open(&root, path, how)
                    })?;
                if file.is_seekable() {
                    file.set_offset(u64::from_le_bytes(*offset));
                }
                Ok(file)
            }
            kind::PIDFD => {
                let pid = i32::from_le_bytes(rest.try_into().map_err(|_| Errno::ENXIO)?);
                Ok(fs::anonymous(pidfd::file_of(pid)?, flags))
            }
            kind::SIGNALFD => {
                let mask = u64::from_le_bytes(rest.try_into().map_err(|_| Errno::ENXIO)?);
                Ok(fs::anonymous(signalfd::file_of(mask), flags))
            }
            _ => Err(Errno::ENXIO),
        }
    }

    fn place(&self, inode: Rc<SessionInode>, shown: &[u8]) -> Path {
        let found = place_of(shown).ok().filter(|place| place.inode().id() == inode.id());
        found.unwrap_or_else(|| Path::anonymous(inode, shown))
    }

    fn sender(&self) -> Credentials {
        sched::with_current(sender)
    }

    fn share(&self, file: &Rc<OpenFile>) -> Result<()> {
        super::share(file)
    }
}
