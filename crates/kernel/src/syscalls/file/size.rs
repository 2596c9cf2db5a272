//! Offsets and sizes: lseek(2), truncate(2), fallocate(2), fsync(2).

use super::at;
use crate::syscalls::Call;
use crate::syscalls::io;
use crate::task::process::resource;
use crate::task::sched;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::open_file::Writer;
use ramet_kcore::fs::ops::AT_FDCWD;
use ramet_kcore::signal::{SigInfo, Signal};

/// Runs `f` with what writing needs to know of the caller; SIGXFSZ goes with EFBIG past the limit.
fn as_writer<R>(f: impl FnOnce(&Writer<'_>) -> Result<R>) -> Result<R> {
    let thread = sched::current();
    let credentials = thread.credentials.borrow().clone();
    let size_limit = thread.process.limit(resource::FSIZE);
    let result = f(&Writer { credentials: &credentials, size_limit });
    if matches!(result, Err(Errno::EFBIG)) && size_limit != u64::MAX {
        crate::task::signal::send_thread(&thread, SigInfo::kernel(Signal::XFSZ))?;
    }
    result
}

/// lseek(2).
pub fn lseek(call: &mut Call<'_>) -> Result<i64> {
    io::file(call.int(0))?.seek(call.arg(1) as i64, call.uint(2)).map(|offset| offset as i64)
}

/// truncate(2).
pub fn truncate(call: &mut Call<'_>) -> Result<i64> {
    let size = u64::try_from(call.arg(1) as i64).map_err(|_| Errno::EINVAL)?;
    as_writer(|writer| {
        at(AT_FDCWD, call.arg(0), |caller, start, path| caller.truncate(start, path, size, writer.size_limit))
    })?;
    Ok(0)
}

/// ftruncate(2).
pub fn ftruncate(call: &mut Call<'_>) -> Result<i64> {
    let size = u64::try_from(call.arg(1) as i64).map_err(|_| Errno::EINVAL)?;
    let file = io::file(call.int(0))?;
    as_writer(|writer| file.truncate(size, writer))?;
    Ok(0)
}

/// fallocate(2).
pub fn fallocate(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    as_writer(|writer| file.allocate(call.uint(1), call.arg(2) as i64, call.arg(3) as i64, writer))?;
    Ok(0)
}

/// fsync(2) and fdatasync(2).
pub fn fsync(call: &mut Call<'_>) -> Result<i64> {
    io::file(call.int(0))?.file().sync()?;
    Ok(0)
}

/// sync(2), syncfs(2): files in memory are as safe as they get; host files are synced by fsync(2).
pub fn sync(_: &mut Call<'_>) -> Result<i64> {
    Ok(0)
}

/// syncfs(2).
pub fn syncfs(call: &mut Call<'_>) -> Result<i64> {
    io::file(call.int(0))?;
    Ok(0)
}

/// sync_file_range(2): the whole file, which is more than was asked for.
pub fn sync_file_range(call: &mut Call<'_>) -> Result<i64> {
    const FLAGS: u32 = 7;
    let file = io::file(call.int(0))?;
    let (offset, length) = (call.arg(1) as i64, call.arg(2) as i64);
    if call.uint(3) & !FLAGS != 0 || offset < 0 || length < 0 || offset.checked_add(length).is_none() {
        return Err(Errno::EINVAL);
    }
    if !file.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    file.file().sync()?;
    Ok(0)
}

/// posix_fadvise(2): everything is in memory already.
pub fn fadvise64(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    if !file.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    if call.uint(3) > 5 || (call.arg(2) as i64) < 0 { Err(Errno::EINVAL) } else { Ok(0) }
}

/// readahead(2): likewise.
pub fn readahead(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    if file.is_seekable() { Ok(0) } else { Err(Errno::EINVAL) }
}
