//! pipe(2), eventfd(2), memfd_create(2).

use super::origin;
use crate::arch::user;
use crate::fs::anonymous;
use crate::session;
use crate::syscalls::Call;
use crate::syscalls::file::only;
use crate::syscalls::file::open::install;
use crate::task::sched;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::*;
use ramet_kcore::fs::memfs::create_memfd;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::path::Path;
use ramet_kcore::ipc::eventfd::EventFd;
use ramet_kcore::ipc::pipe::pipe;
use ramet_kcore::session::SessionInode;

fn make_pipe(at: usize, flags: u32) -> Result<i64> {
    only(flags, O_CLOEXEC | O_NONBLOCK | O_DIRECT)?;
    let (reader, writer) = pipe(origin());
    let status = flags & (O_NONBLOCK | O_DIRECT);
    let read = install(anonymous(reader, O_RDONLY | status & O_NONBLOCK), flags)? as i32;
    let close = |fd: i32| sched::with_current(|thread| thread.process.files.borrow_mut().close(fd));
    let write = match install(anonymous(writer, O_WRONLY | status), flags) {
        Ok(fd) => fd as i32,
        Err(error) => {
            drop(close(read)?);
            return Err(error);
        }
    };
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&read.to_le_bytes());
    bytes[4..].copy_from_slice(&write.to_le_bytes());
    if let Err(error) = user::write(at, &bytes) {
        drop(close(read)?);
        drop(close(write)?);
        return Err(error);
    }
    Ok(0)
}

/// pipe(2).
pub fn pipe_(call: &mut Call<'_>) -> Result<i64> {
    make_pipe(call.arg(0), 0)
}

/// pipe2(2).
pub fn pipe2(call: &mut Call<'_>) -> Result<i64> {
    make_pipe(call.arg(0), call.uint(1))
}

fn make_eventfd(initial: u32, flags: u32) -> Result<i64> {
    const SEMAPHORE: u32 = 1;
    only(flags, SEMAPHORE | O_CLOEXEC | O_NONBLOCK)?;
    let event = EventFd::new(initial, flags & SEMAPHORE != 0);
    install(anonymous(event, O_RDWR | flags & O_NONBLOCK), flags)
}

/// eventfd(2).
pub fn eventfd(call: &mut Call<'_>) -> Result<i64> {
    make_eventfd(call.uint(0), 0)
}

/// eventfd2(2).
pub fn eventfd2(call: &mut Call<'_>) -> Result<i64> {
    make_eventfd(call.uint(0), call.uint(1))
}

/// memfd_create(2).
pub fn memfd_create(call: &mut Call<'_>) -> Result<i64> {
    const CLOEXEC: u32 = 1;
    const ALLOW_SEALING: u32 = 2;
    const NOEXEC_SEAL: u32 = 8;
    const EXEC: u32 = 16;
    const NAME_MAX: usize = 249;
    let flags = call.uint(1);
    only(flags, CLOEXEC | ALLOW_SEALING | NOEXEC_SEAL | EXEC)?;
    if flags & (NOEXEC_SEAL | EXEC) == NOEXEC_SEAL | EXEC {
        return Err(Errno::EINVAL);
    }
    let name = user::read_string(call.arg(0), NAME_MAX)
        .map_err(|error| if error == Errno::ENAMETOOLONG { Errno::EINVAL } else { error })?;
    let (uid, gid) = sched::with_current(|thread| {
        let credentials = thread.credentials.borrow();
        (credentials.fsuid, credentials.fsgid)
    });
    let cloexec = if flags & CLOEXEC != 0 { O_CLOEXEC } else { 0 };
    if let Some(client) = session::client() {
        let (inode, shown) = SessionInode::memory_file(&client, &name, flags, [uid, gid])?;
        let path = Path::anonymous(inode.clone(), &shown);
        let file = ramet_kcore::fs::inode::Inode::open(inode, O_RDWR)?;
        return install(OpenFile::new(file, Some(path), O_RDWR | O_LARGEFILE), cloexec);
    }
    let sealing = flags & (ALLOW_SEALING | NOEXEC_SEAL) != 0;
    let node = create_memfd(&*crate::fs::memory_files()?, uid, gid, sealing, flags & NOEXEC_SEAL == 0)?;
    let mut shown = b"/memfd:".to_vec();
    shown.extend_from_slice(&name);
    shown.extend_from_slice(b" (deleted)");
    let path = Path::anonymous(node.clone(), &shown);
    let file = ramet_kcore::fs::inode::Inode::open(node, O_RDWR)?;
    install(OpenFile::new(file, Some(path), O_RDWR | O_LARGEFILE), cloexec)
}
