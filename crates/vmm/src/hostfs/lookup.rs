//! WALK, STAT, READLINK, STATFS.

use super::fid::{Fid, Kind};
use super::request::{Call, DATA, answer_stat};
use super::{Errno, HostFs, sys};
use ramet_abi::hostfs::Stat;
use ramet_memory::SharedArea;
use std::os::fd::AsRawFd;

impl HostFs {
    pub(super) fn walk(&mut self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let name = call.name(area)?;
        let directory = self.directory(call.request.fid)?;
        let fd = sys::open_beneath(&directory.path, &name, libc::O_PATH, 0)?;
        let fid = Fid::new(fd, directory.volume)?;
        answer_stat(area, &sys::attributes(&sys::stat(&fid.path)?))?;
        self.insert(fid).map(u64::from)
    }

    pub(super) fn stat(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let fid = self.fid(call.request.fid)?;
        answer_stat(area, &sys::attributes(&sys::stat(&fid.path)?))?;
        Ok(0)
    }

    pub(super) fn read_link(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let fid = self.fid(call.request.fid)?;
        if fid.kind != Kind::Link {
            return Err(Errno(libc::EINVAL));
        }
        let mut target = [0u8; libc::PATH_MAX as usize];
        // SAFETY: the empty path names the link itself; the buffer is as large as stated.
        let length = unsafe {
            libc::readlinkat(fid.path.as_raw_fd(), c"".as_ptr(), target.as_mut_ptr().cast(), target.len())
        };
        let length = sys::check(length as i32)? as usize;
        area.write(DATA, &target[..length]).map_err(|_| Errno(libc::EFAULT))?;
        Ok(length as u64)
    }

    pub(super) fn stat_file_system(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let host = sys::stat_file_system(&self.fid(call.request.fid)?.path)?;
        let scale = |blocks: u64| (u128::from(blocks) * host.f_bsize.max(0) as u128 / 4096) as u64;
        let stat = Stat { size: scale(host.f_blocks), blocks: scale(host.f_bavail), ..Stat::default() };
        answer_stat(area, &stat)?;
        Ok(0)
    }
}
