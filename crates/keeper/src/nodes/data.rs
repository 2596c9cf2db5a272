//! Data of regular files, without a description.

use super::path;
use crate::bytes::BoundedSink;
use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::{O_NOATIME, O_RDWR};
use ramet_kcore::fs::inode::{FileType, OFFSET_MAX};
use ramet_kcore::fs::notify;
use ramet_kcore::user::SliceSource;
use std::rc::Rc;

/// The regular file `id`.
fn file(session: &Session, client: ClientId, id: u64) -> Result<Rc<dyn File>> {
    let path = path(session, client, id)?;
    match path.inode().attributes()?.file_type {
        FileType::Regular => path.inode().clone().open(O_RDWR),
        FileType::Directory => Err(Errno::EISDIR),
        _ => Err(Errno::EINVAL),
    }
}

fn count(result: usize) -> Reply {
    Reply { result: result as i64, ..Reply::default() }
}

pub fn read(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    data.clear();
    let file = file(session, client, request.id)?;
    let mut sink = BoundedSink::new(data, request.wanted as usize);
    file.read(request.arguments[0], &mut sink, O_NOATIME).map(count)
}

pub fn write(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let file = file(session, client, request.id)?;
    let offset = match request.flags {
        0 => request.arguments[0],
        1 => file.size()?,
        _ => return Err(Errno::EINVAL),
    };
    let written = file.write(offset, &mut SliceSource(data), 0)?;
    let mut reply = count(written);
    reply.values[0] = offset;
    Ok(reply)
}

pub fn allocate(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [mode, offset, length, ..] = request.arguments;
    if offset > OFFSET_MAX || length > OFFSET_MAX {
        return Err(Errno::EINVAL);
    }
    file(session, client, request.id)?.allocate(mode as u32, offset, length)?;
    notify::file(&path(session, client, request.id)?, notify::event::MODIFY);
    Ok(Reply::default())
}

pub fn seek(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    if request.flags > 1 {
        return Err(Errno::EINVAL);
    }
    let found = file(session, client, request.id)?.seek_data(request.arguments[0], request.flags == 0)?;
    Ok(Reply { result: found as i64, ..Reply::default() })
}
