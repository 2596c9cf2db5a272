//! The host calls of this module that the standard library does not have.

use super::Errno;
use ramet_abi::hostfs::Stat;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Result of a host call that answers -1 and errno.
pub fn check(result: i32) -> Result<i32, Errno> {
    if result < 0 { Err(io::Error::last_os_error().into()) } else { Ok(result) }
}

/// openat2(2): `name` directly below `directory`, no symbolic link followed, nothing outside.
pub fn open_beneath(directory: &OwnedFd, name: &CStr, flags: i32, mode: u32) -> Result<OwnedFd, Errno> {
    // SAFETY: zeros are a valid open_how: no flags.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    how.flags = (flags | libc::O_CLOEXEC | libc::O_NOFOLLOW) as u64;
    how.mode = mode.into();
    how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS;
    if flags & libc::O_PATH == 0 {
        how.resolve |= libc::RESOLVE_NO_SYMLINKS;
    }
    // SAFETY: the name ends with a zero, the structure is as large as stated.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            directory.as_raw_fd(),
            name.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    let fd = check(fd as i32)?;
    // SAFETY: the descriptor is new and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// open(2).
pub fn open(path: &CStr, flags: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: the path ends with a zero.
    let fd = check(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC | libc::O_NOCTTY) })?;
    // SAFETY: the descriptor is new and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// fstat(2).
pub fn stat(fd: &OwnedFd) -> Result<libc::stat, Errno> {
    // SAFETY: zeros are a valid buffer, and it is of this frame.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        check(libc::fstat(fd.as_raw_fd(), &mut stat))?;
        Ok(stat)
    }
}

/// fstatfs(2).
pub fn stat_file_system(fd: &OwnedFd) -> Result<libc::statfs, Errno> {
    // SAFETY: zeros are a valid buffer, and it is of this frame.
    unsafe {
        let mut stat: libc::statfs = std::mem::zeroed();
        check(libc::fstatfs(fd.as_raw_fd(), &mut stat))?;
        Ok(stat)
    }
}

/// getdents64(2) from position `cookie`. The bytes written.
pub fn read_directory(fd: RawFd, cookie: i64, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the buffer is as large as stated.
    let count = unsafe {
        if libc::lseek(fd, cookie, libc::SEEK_SET) < 0 {
            return Err(io::Error::last_os_error().into());
        }
        libc::syscall(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len())
    };
    Ok(check(count as i32)? as usize)
}

/// Attributes in the guest's form.
pub fn attributes(stat: &libc::stat) -> Stat {
    let time = |seconds: i64, nanoseconds: i64| {
        u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanoseconds as u64)
    };
    Stat {
        inode: stat.st_ino,
        mode: stat.st_mode,
        links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size as u64,
        blocks: stat.st_blocks as u64,
        accessed: time(stat.st_atime, stat.st_atime_nsec),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
    }
}
