//! Host directories in the guest: the server of [`ramet_abi::hostfs`].
//!
//! Every fid holds a descriptor (`O_PATH`) of the very file that the guest walked to, one name at a time, so that a
//! path is never resolved twice and nothing outside the volume can be named: no `..`, no symbolic link is followed. Files
//! are opened again through that descriptor. Only regular files, directories and symbolic links can be walked to: opening
//! anything else could block, or act.

mod attributes;
mod data;
mod directory;
mod exchange;
mod fid;
mod lookup;
mod map;
mod request;
mod rewind;
mod sys;
#[cfg(test)]
mod tests;

use fid::{Fid, Kind};
use map::Window;
use ramet_abi::hostfs::{self as abi, FIDS, op};
use ramet_kvm::Vm;
use ramet_memory::SharedArea;
use request::Call;
pub use rewind::Kept;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;

/// A Linux error number, for the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// The volumes of one VM, and what its guest has open in them.
#[derive(Debug, Default)]
pub struct HostFs {
    /// By volume: whether writing is refused.
    read_only: Vec<bool>,
    fids: BTreeMap<u32, Fid>,
    window: Window,
}

impl HostFs {
    /// Adds a volume: a host directory, or a single regular file. Its root's fid is its index.
    pub fn add_volume(&mut self, path: &Path, read_only: bool) -> io::Result<()> {
        let fid = Fid::root(path, self.read_only.len())?;
        self.fids.insert(self.read_only.len() as u32, fid);
        self.read_only.push(read_only);
        Ok(())
    }

    /// Takes over memory of the session's, for the guest to map. Its fid.
    pub fn adopt(&mut self, memory: std::fs::File) -> Result<u32, Errno> {
        self.insert(Fid::memory(memory)?)
    }

    /// Serves the request in the shared area. The result for the guest.
    pub fn serve(&mut self, vm: &mut Vm, area: &SharedArea) -> i64 {
        let result = Call::read(area).and_then(|call| self.dispatch(vm, area, &call));
        match result {
            Ok(value) => value as i64,
            Err(Errno(number)) => -i64::from(number),
        }
    }

    fn dispatch(&mut self, vm: &mut Vm, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let operation = call.request.operation;
        let adopted = self.fids.get(&call.request.fid).is_some_and(|fid| fid.volume == fid::SESSION);
        if adopted && !matches!(operation, op::STAT | op::MAP | op::UNMAP | op::CLOSE) {
            // Its size and content are the session's, which its keeper looks after.
            return Err(Errno(libc::EBADF));
        }
        match operation {
            op::WALK => self.walk(area, call),
            op::STAT => self.stat(area, call),
            op::OPEN => self.open(call),
            op::READ => self.read(area, call),
            op::WRITE => self.write(area, call),
            op::READDIR => self.read_directory(area, call),
            op::CREATE => self.create(area, call),
            op::MKDIR => self.make_directory(area, call),
            op::UNLINK => self.unlink(area, call),
            op::RENAME => self.rename(area, call),
            op::SYMLINK => self.symlink(area, call),
            op::READLINK => self.read_link(area, call),
            op::LINK => self.link(area, call),
            op::SETATTR => self.set_attributes(call),
            op::FSYNC => self.sync(call),
            op::CLOSE => self.close(call),
            op::MAP => self.map(vm, call),
            op::UNMAP => self.unmap(vm, call),
            op::STATFS => self.stat_file_system(area, call),
            _ => Err(Errno(libc::ENOSYS)),
        }
    }

    fn fid(&self, number: u32) -> Result<&Fid, Errno> {
        self.fids.get(&number).ok_or(Errno(libc::EBADF))
    }

    fn directory(&self, number: u32) -> Result<&Fid, Errno> {
        let fid = self.fid(number)?;
        if fid.kind == Kind::Directory { Ok(fid) } else { Err(Errno(libc::ENOTDIR)) }
    }

    /// A directory in which names may be changed.
    fn writable_directory(&self, number: u32) -> Result<&Fid, Errno> {
        let fid = self.directory(number)?;
        self.check_writable(fid)?;
        Ok(fid)
    }

    fn check_writable(&self, fid: &Fid) -> Result<(), Errno> {
        match self.read_only.get(fid.volume) {
            Some(false) => Ok(()),
            None if fid.volume == fid::SESSION => Ok(()),
            _ => Err(Errno(libc::EROFS)),
        }
    }

    /// Gives a new fid its number: the lowest free one behind the roots.
    fn insert(&mut self, fid: Fid) -> Result<u32, Errno> {
        let mut number = self.read_only.len() as u32;
        for used in self.fids.range(number..).map(|(n, _)| *n) {
            if used != number {
                break;
            }
            number += 1;
        }
        if number >= FIDS {
            return Err(Errno(libc::EMFILE));
        }
        self.fids.insert(number, fid);
        Ok(number)
    }

    fn close(&mut self, call: &Call) -> Result<u64, Errno> {
        if (call.request.fid as usize) < self.read_only.len() {
            return Err(Errno(libc::EINVAL));
        }
        self.fids.remove(&call.request.fid).map(|_| 0).ok_or(Errno(libc::EBADF))
    }

    /// Descriptors that a clone keeps.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> + '_ {
        self.fids.values().flat_map(Fid::descriptors).chain(self.window.descriptors())
    }

    /// In a clone: everything becomes read-only unless `share`, and nothing that has a position is shared with the
    /// parent.
    pub fn become_clone(&mut self, share: bool) -> io::Result<()> {
        if !share {
            self.read_only.fill(true);
        }
        for fid in self.fids.values_mut() {
            fid.become_clone(share)?;
        }
        if !share {
            self.window.make_read_only();
        }
        Ok(())
    }

    /// Gives a clone's VM the memory slots of the mapped files.
    pub fn add_slots(&mut self, vm: &mut Vm) -> Result<(), ramet_kvm::Error> {
        self.window.add_slots(vm)
    }

    /// Where in the volume window the host could not provide a page: known if exactly one mapping reaches past the
    /// end of its file.
    pub fn missing_page(&self) -> Option<u64> {
        self.window.missing_page()
    }

    /// Whether there are mappings, so that a fault may be theirs.
    pub fn has_mappings(&self) -> bool {
        !self.window.is_empty()
    }
}

/// `"/proc/self/fd/N"`: the file that a descriptor stands for, without resolving its path again.
pub(crate) fn proc_path(fd: &impl AsRawFd) -> std::ffi::CString {
    // A number contains no zero byte.
    std::ffi::CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap_or_default()
}

const _: () = assert!(size_of::<abi::Request>() <= abi::DATA_OFFSET as usize);
