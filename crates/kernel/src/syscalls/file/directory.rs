//! Directories: getdents64(2), getcwd(2), chdir(2), mkdir(2), rmdir(2), mknod(2), chroot(2), umask(2).

use super::{as_caller, at, place};
use crate::arch::user::{self, UserSink};
use crate::syscalls::Call;
use crate::syscalls::io;
use crate::task::sched;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::inode::PATH_MAX;
use ramet_kcore::fs::ops::{AT_FDCWD, AT_REMOVEDIR};
use ramet_kcore::stat::makedev;
use ramet_kcore::user::Sink;

/// getdents64(2).
pub fn getdents64(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    let mut sink = UserSink::new(call.arg(1), call.uint(2) as usize);
    file.read_directory(&mut sink).map(|n| n as i64)
}

/// getdents(2), the older form. Its records are as long as those of getdents64(2): the name lies one byte earlier, the type
/// in the last byte.
pub fn getdents(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    let mut sink = OldEntries(UserSink::new(call.arg(1), call.uint(2) as usize));
    file.read_directory(&mut sink).map(|n| n as i64)
}

/// Turns whole records of getdents64(2) into those of getdents(2).
struct OldEntries(UserSink);

impl Sink for OldEntries {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }

    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        const LENGTH: usize = 16;
        const TYPE: usize = 18;
        let mut bytes = bytes.to_vec();
        let mut rest = &mut bytes[..];
        while rest.len() > TYPE {
            let length = u16::from_le_bytes([rest[LENGTH], rest[LENGTH + 1]]) as usize;
            let Some((record, others)) = rest.split_at_mut_checked(length.max(TYPE + 1)) else { break };
            record[TYPE..].rotate_left(1);
            rest = others;
        }
        self.0.put(&bytes)
    }
}

/// getcwd(2).
pub fn getcwd(call: &mut Call<'_>) -> Result<i64> {
    super::find_cwd();
    let mut path = as_caller(|caller| caller.context.cwd.working_directory(&caller.context.root))?;
    path.push(0);
    if path.len() > PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    if path.len() > call.arg(1) {
        return Err(Errno::ERANGE);
    }
    user::write(call.arg(0), &path)?;
    Ok(path.len() as i64)
}

/// chdir(2).
pub fn chdir(call: &mut Call<'_>) -> Result<i64> {
    let found = at(AT_FDCWD, call.arg(0), |caller, start, path| caller.chdir(start, path))?;
    sched::with_current(|thread| thread.process.context.borrow_mut().cwd = found);
    Ok(0)
}

/// fchdir(2).
pub fn fchdir(call: &mut Call<'_>) -> Result<i64> {
    let place = place(call.int(0))?;
    let found = as_caller(|caller| caller.chdir_path(place))?;
    sched::with_current(|thread| thread.process.context.borrow_mut().cwd = found);
    Ok(0)
}

/// chroot(2).
pub fn chroot(call: &mut Call<'_>) -> Result<i64> {
    let found = at(AT_FDCWD, call.arg(0), |caller, start, path| caller.chroot(start, path))?;
    sched::with_current(|thread| thread.process.context.borrow_mut().root = found);
    Ok(0)
}

/// umask(2).
pub fn umask(call: &mut Call<'_>) -> Result<i64> {
    sched::with_current(|thread| {
        let mut context = thread.process.context.borrow_mut();
        Ok(core::mem::replace(&mut context.umask, call.uint(0) & 0o777) as i64)
    })
}

/// mkdir(2).
pub fn mkdir(call: &mut Call<'_>) -> Result<i64> {
    at(AT_FDCWD, call.arg(0), |caller, start, path| caller.mkdir(start, path, call.uint(1)))?;
    Ok(0)
}

/// mkdirat(2).
pub fn mkdirat(call: &mut Call<'_>) -> Result<i64> {
    at(call.int(0), call.arg(1), |caller, start, path| caller.mkdir(start, path, call.uint(2)))?;
    Ok(0)
}

/// rmdir(2).
pub fn rmdir(call: &mut Call<'_>) -> Result<i64> {
    at(AT_FDCWD, call.arg(0), |caller, start, path| caller.rmdir(start, path))?;
    Ok(0)
}

/// unlink(2).
pub fn unlink(call: &mut Call<'_>) -> Result<i64> {
    at(AT_FDCWD, call.arg(0), |caller, start, path| caller.unlink(start, path))?;
    Ok(0)
}

/// unlinkat(2).
pub fn unlinkat(call: &mut Call<'_>) -> Result<i64> {
    super::only(call.uint(2), AT_REMOVEDIR)?;
    at(call.int(0), call.arg(1), |caller, start, path| {
        if call.uint(2) & AT_REMOVEDIR != 0 { caller.rmdir(start, path) } else { caller.unlink(start, path) }
    })?;
    Ok(0)
}

/// A device number argument: the kernel's 32-bit encoding of major and minor (`new_decode_dev`).
fn device(number: u32) -> u64 {
    makedev((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00))
}

/// mknod(2).
pub fn mknod(call: &mut Call<'_>) -> Result<i64> {
    let number = device(call.uint(2));
    at(AT_FDCWD, call.arg(0), |caller, start, path| caller.mknod(start, path, call.uint(1), number))?;
    Ok(0)
}

/// mknodat(2).
pub fn mknodat(call: &mut Call<'_>) -> Result<i64> {
    let number = device(call.uint(3));
    at(call.int(0), call.arg(1), |caller, start, path| caller.mknod(start, path, call.uint(2), number))?;
    Ok(0)
}
