//! open(2), openat(2), openat2(2), creat(2), close(2).

use super::{at, only};
use crate::arch::user;
use crate::fs;
use crate::syscalls::Call;
use crate::task::process::resource;
use crate::task::sched;
use alloc::rc::Rc;
use core::cell::Cell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::*;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::ops::{AT_FDCWD, FsContext, OpenHow};
use ramet_kcore::fs::resolve::RESOLVE_ALL;
use ramet_kcore::ipc::pipe::PipeEnd;
use ramet_kcore::user::UserMemory;
use ramet_kcore::wait::Events;

/// Flags of open(2) that mean something; others are ignored by open and refused by openat2.
const KNOWN: u32 = O_ACCMODE
    | O_CREAT
    | O_EXCL
    | O_NOCTTY
    | O_TRUNC
    | O_APPEND
    | O_NONBLOCK
    | O_SYNC
    | O_ASYNC
    | O_DIRECT
    | O_LARGEFILE
    | O_DIRECTORY
    | O_NOFOLLOW
    | O_NOATIME
    | O_CLOEXEC
    | O_PATH
    | O_TMPFILE;

/// Gives `file` the lowest free descriptor of the calling process.
///
/// # Errors
/// EMFILE, ENOMEM.
pub fn install(file: Rc<OpenFile>, flags: u32) -> Result<i64> {
    crate::mm::need_room()?;
    sched::with_current(|thread| {
        let limit = thread.process.limit(resource::NOFILE);
        let fd = thread.process.files.borrow_mut().insert(file, flags & O_CLOEXEC != 0, limit)?;
        Ok(fd as i64)
    })
}

fn open_at(fd: i32, path: usize, how: OpenHow) -> Result<i64> {
    // Every 64-bit open has it; fcntl(F_GETFL) shows it.
    let large = if how.flags & O_PATH == 0 { O_LARGEFILE } else { 0 };
    let how = OpenHow { flags: how.flags | large, ..how };
    let file = at(fd, path, |caller, start, path| caller.open(start, path, how))?;
    if let Some(end) = PipeEnd::of(&**file.file()) {
        wait_for_partner(end)?;
    }
    if let Some(remote) = file.remote()
        && remote.is_opening()?
    {
        sched::wait_for(remote.queue(), Events::ALL, None, || {
            if remote.is_opening()? { Err(Errno::EAGAIN) } else { Ok(()) }
        })?;
    }
    install(file, how.flags)
}

/// A word of the kernel's, for an answer that is meant for a program.
#[derive(Default)]
struct Word(Cell<u32>);

impl UserMemory for Word {
    fn read(&self, _: usize, to: &mut [u8]) -> Result<()> {
        let bytes = self.0.get().to_le_bytes();
        to.copy_from_slice(bytes.get(..to.len()).ok_or(Errno::EFAULT)?);
        Ok(())
    }

    fn write(&self, _: usize, from: &[u8]) -> Result<()> {
        self.0.set(u32::from_le_bytes(from.try_into().map_err(|_| Errno::EFAULT)?));
        Ok(())
    }
}

/// The other end of a pseudo-terminal's master, whatever the process sees at /dev/pts (ioctl_tty(2), TIOCGPTPEER).
///
/// # Errors
/// ENOTTY: it is no terminal. EIO: it is no master; the other end is locked. EMFILE, ENOMEM.
pub fn peer(master: &OpenFile, flags: u32) -> Result<i64> {
    const TIOCGPTN: u32 = 0x8004_5430;
    const TIOCGEXCL: u32 = 0x8004_5440;
    let number = Word::default();
    if let Err(error) = master.file().ioctl(TIOCGPTN, 0, &number) {
        // Another terminal, or no terminal at all.
        return Err(if master.file().ioctl(TIOCGEXCL, 0, &number).is_ok() { Errno::EIO } else { error });
    }
    let name = alloc::format!("/dev/pts/{}", number.0.get());
    let root = fs::root_of_everything();
    let how = OpenHow { flags: flags & KNOWN & !O_CREAT | O_LARGEFILE, mode: 0, resolve: 0 };
    let opened = fs::caller(&FsContext::new(root.clone()), &Credentials::root(), |caller| {
        caller.open(&root, name.as_bytes(), how)
    });
    install(opened?, flags)
}

/// Opening a FIFO waits for somebody to open its other side (fifo(7)).
fn wait_for_partner(end: &PipeEnd) -> Result<()> {
    if !end.is_opening() {
        return Ok(());
    }
    sched::wait_for(end.partner_queue(), Events::ALL, None, || {
        if end.is_opening() { Err(Errno::EAGAIN) } else { Ok(()) }
    })
}

/// open(2).
pub fn open(call: &mut Call<'_>) -> Result<i64> {
    let how = OpenHow { flags: call.uint(1) & KNOWN, mode: call.uint(2) & 0o7777, resolve: 0 };
    open_at(AT_FDCWD, call.arg(0), how)
}

/// openat(2).
pub fn openat(call: &mut Call<'_>) -> Result<i64> {
    let how = OpenHow { flags: call.uint(2) & KNOWN, mode: call.uint(3) & 0o7777, resolve: 0 };
    open_at(call.int(0), call.arg(1), how)
}

/// creat(2).
pub fn creat(call: &mut Call<'_>) -> Result<i64> {
    let how = OpenHow { flags: O_CREAT | O_WRONLY | O_TRUNC, mode: call.uint(1) & 0o7777, resolve: 0 };
    open_at(AT_FDCWD, call.arg(0), how)
}

/// openat2(2).
pub fn openat2(call: &mut Call<'_>) -> Result<i64> {
    const SIZE: usize = 24;
    let size = call.arg(3);
    if size < SIZE {
        return Err(Errno::EINVAL);
    }
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    let mut bytes = alloc::vec![0; size];
    user::read(call.arg(2), &mut bytes)?;
    if bytes[SIZE..].iter().any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    let word = |n: usize| u64::from_le_bytes(bytes[n * 8..n * 8 + 8].try_into().expect("eight bytes"));
    let (flags, mode, resolve) = (word(0), word(1), word(2));
    if flags & !(KNOWN as u64) != 0 || resolve & !RESOLVE_ALL != 0 || mode & !0o7777 != 0 {
        return Err(Errno::EINVAL);
    }
    let creates = flags as u32 & (O_CREAT | O_TMPFILE & !O_DIRECTORY) != 0;
    if mode != 0 && !creates {
        return Err(Errno::EINVAL);
    }
    open_at(call.int(0), call.arg(1), OpenHow { flags: flags as u32, mode: mode as u32, resolve })
}

/// close(2).
pub fn close(call: &mut Call<'_>) -> Result<i64> {
    // Dropped when the table is no longer borrowed: the last close of a file can do much.
    let file = sched::with_current(|thread| thread.process.files.borrow_mut().close(call.int(0)))?;
    drop(file);
    Ok(0)
}

/// close_range(2).
pub fn close_range(call: &mut Call<'_>) -> Result<i64> {
    const UNSHARE: u32 = 2;
    const CLOEXEC: u32 = 4;
    only(call.uint(2), UNSHARE | CLOEXEC)?;
    let mark_only = call.uint(2) & CLOEXEC != 0;
    let closing = sched::with_current(|thread| {
        thread.process.files.borrow_mut().close_range(call.uint(0), call.uint(1), mark_only)
    })?;
    drop(closing);
    Ok(0)
}
