//! OPEN, READ, WRITE, FSYNC.

use super::fid::{Kind, Open};
use super::request::{Call, DATA};
use super::{Errno, HostFs};
use ramet_memory::SharedArea;
use std::os::fd::AsRawFd;

/// Flags that OPEN knows.
const OPEN_FLAGS: i32 = libc::O_ACCMODE | libc::O_TRUNC | libc::O_APPEND;

impl HostFs {
    pub(super) fn open(&mut self, call: &Call) -> Result<u64, Errno> {
        let flags = call.request.flags as i32;
        if flags & !OPEN_FLAGS != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let (readable, writable) = match flags & libc::O_ACCMODE {
            libc::O_RDONLY => (true, false),
            libc::O_WRONLY => (false, true),
            libc::O_RDWR => (true, true),
            _ => return Err(Errno(libc::EINVAL)),
        };
        let fid = self.fid(call.request.fid)?;
        if writable || flags & libc::O_TRUNC != 0 {
            self.check_writable(fid)?;
        }
        let file = match fid.kind {
            Kind::Link => return Err(Errno(libc::ELOOP)),
            Kind::Directory if writable => return Err(Errno(libc::EISDIR)),
            Kind::Directory => fid.reopen(libc::O_RDONLY | libc::O_DIRECTORY)?,
            Kind::Regular => fid.reopen(flags)?,
        };
        if let Some(fid) = self.fids.get_mut(&call.request.fid) {
            fid.open = Some(Open { file, readable, writable });
        }
        Ok(0)
    }

    pub(super) fn read(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let length = call.length()?;
        let file = self.fid(call.request.fid)?.readable()?;
        let count = area.read_from(DATA, length, file.as_raw_fd(), Some(call.request.offset))?;
        Ok(count as u64)
    }

    pub(super) fn write(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let length = call.length()?;
        let fid = self.fid(call.request.fid)?;
        let file = fid.writable()?;
        self.check_writable(fid)?;
        let count = area.mapping().write_to(DATA, length, file.as_raw_fd(), Some(call.request.offset))?;
        Ok(count as u64)
    }

    pub(super) fn sync(&self, call: &Call) -> Result<u64, Errno> {
        let open = self.fid(call.request.fid)?.open.as_ref().ok_or(Errno(libc::EBADF))?;
        open.file.sync_all()?;
        Ok(0)
    }
}
