//! Making descriptions of nodes.

use super::{get, give};
use crate::client::ClientId;
use crate::session::Session;
use crate::{nodes, sys};
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::*;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::device::Devices;
use ramet_kcore::fs::inode::{FileType, OFFSET_MAX, SetAttributes};
use ramet_kcore::fs::mount::Namespace;
use ramet_kcore::fs::notify::event;
use ramet_kcore::fs::ops::{Caller, FsContext, Vfs};
use ramet_kcore::fs::path::Path;
use ramet_kcore::ipc::object::Origin;
use ramet_kcore::ipc::pipe::{PipeEnd, fifo_opener};
use std::rc::Rc;

/// Opens files as the guest kernel does, after it has checked what is to be checked.
pub struct Opener {
    vfs: Vfs,
    credentials: Credentials,
}

impl Opener {
    fn new() -> Opener {
        let devices = Devices::new();
        devices.register_fifo(fifo_opener(Rc::new(Origin::default)));
        let clock = Rc::new(|| sys::clock(libc::CLOCK_REALTIME) as i64);
        let vfs = Vfs { namespace: Namespace::new(), devices, clock };
        Opener { vfs, credentials: Credentials::root() }
    }
}

pub fn open(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let path: Path = nodes::path(session, client, request.id)?;
    let flags = request.flags & !(O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC);
    let file_type = path.inode().attributes()?.file_type;
    if !matches!(file_type, FileType::Regular | FileType::Directory | FileType::Fifo) && flags & O_PATH == 0 {
        return Err(Errno::ENXIO);
    }
    if request.arguments[0] > OFFSET_MAX || flags & O_TMPFILE == O_TMPFILE {
        return Err(Errno::EINVAL);
    }
    let opener = session.descriptions.opener.get_or_insert_with(Opener::new);
    let context = FsContext::new(path.clone());
    let caller = Caller { vfs: &opener.vfs, context: &context, credentials: &opener.credentials };
    // As something that has just been made: its permissions have been checked.
    let (file, _) = caller.open_place(path.clone(), flags & !O_TRUNC, true)?;
    if request.arguments[1] != 1 {
        file.tell(event::OPEN);
    }
    if flags & O_TRUNC != 0 && file_type == FileType::Regular && flags & O_PATH == 0 {
        path.inode().set_attributes(&SetAttributes { size: Some(0), ..SetAttributes::default() })?;
        file.tell(event::MODIFY);
    }
    if file.is_seekable() {
        file.set_offset(request.arguments[0]);
    }
    let opening = PipeEnd::of(&**file.file()).is_some_and(PipeEnd::is_opening);
    let id = give(session, client, file)?;
    let mut reply = Reply { result: id as i64, ..Reply::default() };
    reply.values[0] = u64::from(opening);
    Ok(reply)
}

/// Whether open(2) of that FIFO has to wait.
pub fn is_opening(session: &Session, client: ClientId, id: u64) -> Result<bool> {
    let file = get(session, client, id)?;
    Ok(PipeEnd::of(&**file.file()).ok_or(Errno::EINVAL)?.is_opening())
}
