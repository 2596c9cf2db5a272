//! sendfile(2) and copy_file_range(2).

use crate::arch::user;
use crate::syscalls::ipc::splice::is_supported;
use crate::syscalls::{Call, io};
use crate::task::process::resource;
use crate::task::sched;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_APPEND, O_NONBLOCK};
use ramet_kcore::fs::open_file::{COUNT_MAX, Writer};
use ramet_kcore::fs::ops::copy_range;
use ramet_kcore::stat::{S_IFDIR, S_IFMT, S_IFREG};
use ramet_kcore::wait::Events;

/// An offset in the program's memory; a null pointer is none.
fn offset_at(address: usize) -> Result<Option<u64>> {
    if address == 0 {
        return Ok(None);
    }
    let offset = user::read_i64(address)?;
    u64::try_from(offset).map(Some).map_err(|_| Errno::EINVAL)
}

fn put_back(address: usize, offset: Option<u64>) -> Result<()> {
    match offset {
        Some(offset) => user::write_u64(address, offset),
        None => Ok(()),
    }
}

/// sendfile(2).
pub fn sendfile(call: &mut Call<'_>) -> Result<i64> {
    let (to, from) = (io::file(call.int(0))?, io::file(call.int(1))?);
    let mut offset = offset_at(call.arg(2))?;
    if !from.is_readable() || !to.is_writable() {
        return Err(Errno::EBADF);
    }
    if to.flags() & O_APPEND != 0 || !from.is_seekable() || !is_supported(&to) {
        return Err(Errno::EINVAL);
    }
    let count = call.arg(3).min(COUNT_MAX);
    let thread = sched::current();
    let credentials = thread.credentials.borrow().clone();
    let writer = Writer { credentials: &credentials, size_limit: thread.process.limit(resource::FSIZE) };
    let mut done = 0;
    let result = loop {
        let left = count - done;
        let moved =
            io::blocking(&to, Events::OUT, || copy_range(&from, offset.as_mut(), &to, None, left, &writer));
        match moved {
            Ok(n) => done += n,
            Err(_) if done != 0 => break Ok(done),
            Err(error) => break Err(error),
        }
        // A socket that blocks takes everything; a pipe what it has room for, as on Linux.
        let again = to.file().socket().is_some() && to.flags() & O_NONBLOCK == 0;
        if moved == Ok(0) || done == count || !again {
            break Ok(done);
        }
    };
    if result.is_ok() {
        put_back(call.arg(2), offset)?;
    }
    io::with_signals(&to, result)
}

/// copy_file_range(2).
pub fn copy_file_range(call: &mut Call<'_>) -> Result<i64> {
    let (from, to) = (io::file(call.int(0))?, io::file(call.int(2))?);
    if call.uint(5) != 0 {
        return Err(Errno::EINVAL);
    }
    let (mut from_offset, mut to_offset) = (offset_at(call.arg(1))?, offset_at(call.arg(3))?);
    for file in [&from, &to] {
        match file.stat()?.mode & S_IFMT {
            S_IFREG => {}
            S_IFDIR => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    if !from.is_readable() || !to.is_writable() || to.flags() & O_APPEND != 0 {
        return Err(Errno::EBADF);
    }
    let count = call.arg(4).min(COUNT_MAX);
    let (start, target) = (from_offset.unwrap_or(from.offset()), to_offset.unwrap_or(to.offset()));
    let same = from.inode().zip(to.inode()).is_some_and(|(a, b)| a.id() == b.id());
    if same && start < target.saturating_add(count as u64) && target < start.saturating_add(count as u64) {
        return Err(Errno::EINVAL);
    }
    let thread = sched::current();
    let credentials = thread.credentials.borrow().clone();
    let writer = Writer { credentials: &credentials, size_limit: thread.process.limit(resource::FSIZE) };
    let done = copy_range(&from, from_offset.as_mut(), &to, to_offset.as_mut(), count, &writer)?;
    put_back(call.arg(1), from_offset)?;
    put_back(call.arg(3), to_offset)?;
    Ok(done as i64)
}
