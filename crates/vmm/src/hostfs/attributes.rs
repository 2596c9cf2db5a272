//! SETATTR.

use super::directory::PERMISSIONS;
use super::fid::{Fid, Kind};
use super::request::Call;
use super::{Errno, HostFs, proc_path, sys};
use ramet_abi::hostfs::{Stat, set};
use std::os::fd::AsRawFd;

const KNOWN: u32 = set::MODE | set::OWNER | set::SIZE | set::ACCESSED | set::MODIFIED;

impl HostFs {
    pub(super) fn set_attributes(&self, call: &Call) -> Result<u64, Errno> {
        let (which, wanted) = (call.request.flags, &call.request.stat);
        if which & !KNOWN != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let fid = self.fid(call.request.fid)?;
        self.check_writable(fid)?;
        if which & set::MODE != 0 {
            set_mode(fid, wanted.mode)?;
        }
        if which & set::OWNER != 0 {
            // SAFETY: the empty path names the file of the descriptor itself.
            sys::check(unsafe {
                libc::fchownat(
                    fid.path.as_raw_fd(),
                    c"".as_ptr(),
                    wanted.uid,
                    wanted.gid,
                    libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW,
                )
            })?;
        }
        if which & set::SIZE != 0 {
            set_size(fid, wanted.size)?;
        }
        if which & (set::ACCESSED | set::MODIFIED) != 0 {
            set_times(fid, which, wanted)?;
        }
        Ok(0)
    }
}

fn set_mode(fid: &Fid, mode: u32) -> Result<(), Errno> {
    if fid.kind == Kind::Link {
        return Err(Errno(libc::EOPNOTSUPP));
    }
    if mode & 0o7777 & !PERMISSIONS != 0 {
        return Err(Errno(libc::EPERM));
    }
    // SAFETY: the path ends with a zero and names the very file of the fid.
    sys::check(unsafe { libc::chmod(proc_path(&fid.path).as_ptr(), mode & PERMISSIONS) })?;
    Ok(())
}

fn set_size(fid: &Fid, size: u64) -> Result<(), Errno> {
    let size = libc::off_t::try_from(size).map_err(|_| Errno(libc::EFBIG))?;
    match fid.kind {
        Kind::Regular => {}
        Kind::Directory => return Err(Errno(libc::EISDIR)),
        Kind::Link => return Err(Errno(libc::EINVAL)),
    }
    let result = match fid.writable() {
        // A file that is open for writing may have lost the permission for it since.
        // SAFETY: the descriptor is open.
        Ok(file) => unsafe { libc::ftruncate(file.as_raw_fd(), size) },
        // SAFETY: the path ends with a zero and names the very file of the fid.
        Err(_) => unsafe { libc::truncate(proc_path(&fid.path).as_ptr(), size) },
    };
    sys::check(result)?;
    Ok(())
}

fn set_times(fid: &Fid, which: u32, wanted: &Stat) -> Result<(), Errno> {
    let time = |bit: u32, value: u64| match which & bit {
        0 => libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_OMIT },
        _ => libc::timespec {
            tv_sec: (value / 1_000_000_000) as libc::time_t,
            tv_nsec: (value % 1_000_000_000) as libc::c_long,
        },
    };
    let times = [time(set::ACCESSED, wanted.accessed), time(set::MODIFIED, wanted.modified)];
    // SAFETY: the path ends with a zero and names the very file of the fid; there are two times.
    sys::check(unsafe { libc::utimensat(libc::AT_FDCWD, proc_path(&fid.path).as_ptr(), times.as_ptr(), 0) })?;
    Ok(())
}
