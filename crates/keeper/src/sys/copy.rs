//! What a keeper that is copied needs of the host.

use super::{check, memory_file, seek, set_size, size};
use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;

/// fork(2). True: this is the child.
///
/// # Errors
/// Those of the system call.
pub(crate) fn fork() -> io::Result<bool> {
    // SAFETY: a keeper has one thread, so that the child has all that there was: no lock is held by anybody else.
    check(unsafe { libc::fork() }).map(|pid| pid == 0)
}

/// Puts `file` into the place of what is open at `number`.
///
/// # Errors
/// Those of dup3(2).
pub(crate) fn replace(file: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    // SAFETY: whoever owns `number` owns it as before, and what it stands for is of the same kind.
    check(unsafe { libc::dup3(file.as_raw_fd(), number, libc::O_CLOEXEC) }).map(drop)
}

/// Closes every descriptor but these.
///
/// # Errors
/// Those of close_range(2).
pub(crate) fn close_all_but(mut keep: Vec<RawFd>) -> io::Result<()> {
    keep.sort_unstable();
    let mut first = 0;
    for fd in keep.into_iter().chain([RawFd::MAX]) {
        if first < fd {
            // SAFETY: in a process that has just been forked; nobody owns a descriptor of this range.
            let result = unsafe { libc::syscall(libc::SYS_close_range, first, fd - 1, 0) };
            check(result as libc::c_int)?;
        }
        first = fd.saturating_add(1);
    }
    Ok(())
}

/// Copies a memory file: its size, and what is in it where there is something.
///
/// # Errors
/// Those of memfd_create(2), ftruncate(2), pread(2), pwrite(2).
pub fn copy_memory(file: BorrowedFd<'_>, name: &CStr) -> io::Result<OwnedFd> {
    const PIECE: u64 = 1 << 20;
    let (from, into) = (File::from(file.try_clone_to_owned()?), File::from(memory_file(name)?));
    let length = size(file)?;
    set_size(into.as_fd(), length)?;
    let mut buffer = Vec::new();
    let mut at = 0;
    while at < length {
        at = match seek(file, at, libc::SEEK_DATA) {
            Ok(at) => at,
            // Nothing but a hole is left.
            Err(error) if error.raw_os_error() == Some(libc::ENXIO) => break,
            Err(error) => return Err(error),
        };
        let end = seek(file, at, libc::SEEK_HOLE)?.min(length);
        while at < end {
            buffer.resize(PIECE.min(end - at) as usize, 0);
            from.read_exact_at(&mut buffer, at)?;
            into.write_all_at(&buffer, at)?;
            at += buffer.len() as u64;
        }
    }
    Ok(into.into())
}

/// Puts another file into the place of a mapping of [`map_shared`].
///
/// # Errors
/// Those of mmap(2).
pub(crate) fn remap_shared(at: NonNull<u8>, fd: BorrowedFd<'_>, length: usize) -> io::Result<()> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_FIXED);
    // SAFETY: the mapping's owner has it replaced by one of the same length; there are no references into it but to atomics.
    let placed = unsafe { libc::mmap(at.as_ptr().cast(), length, protection, flags, fd.as_raw_fd(), 0) };
    if placed == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}
