//! inotify(7).

use crate::fs::anonymous;
use crate::session;
use crate::syscalls::file::open::install;
use crate::syscalls::file::{at, only};
use crate::syscalls::{Call, io};
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK, O_RDONLY};
use ramet_kcore::fs::ops::AT_FDCWD;
use ramet_kcore::ipc::inotify::{Inotify, Target, check_mask};
use ramet_kcore::session::RemoteFile;

fn make(flags: u32) -> Result<i64> {
    only(flags, O_CLOEXEC | O_NONBLOCK)?;
    let status = flags & O_NONBLOCK;
    let file: Rc<dyn File> = match session::client() {
        Some(client) => RemoteFile::inotify(&client, status)?,
        None => Inotify::new()?,
    };
    install(anonymous(file, O_RDONLY | status), flags)
}

/// inotify_init(2).
pub fn inotify_init(_: &mut Call<'_>) -> Result<i64> {
    make(0)
}

/// inotify_init1(2).
pub fn inotify_init1(call: &mut Call<'_>) -> Result<i64> {
    make(call.uint(0))
}

/// inotify_add_watch(2).
pub fn inotify_add_watch(call: &mut Call<'_>) -> Result<i64> {
    let mask = call.uint(2);
    check_mask(mask)?;
    let file = io::file(call.int(0))?;
    if file.remote().is_none() && Inotify::of(&**file.file()).is_none() {
        return Err(Errno::EINVAL);
    }
    let place = at(AT_FDCWD, call.arg(1), |caller, start, path| caller.to_watch(start, path, mask))?;
    crate::mm::need_room()?;
    let number = match file.remote() {
        Some(remote) => remote.inotify_watch(&place, mask)?,
        None => {
            let instance = Inotify::of(&**file.file()).ok_or(Errno::EINVAL)?;
            instance.watch(Target { inode: place.inode().id(), place: Some(place) }, mask)?
        }
    };
    Ok(i64::from(number))
}

/// inotify_rm_watch(2).
pub fn inotify_rm_watch(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    match file.remote() {
        Some(remote) => remote.inotify_unwatch(call.int(1))?,
        None => Inotify::of(&**file.file()).ok_or(Errno::EINVAL)?.unwatch(call.int(1))?,
    }
    Ok(0)
}
