//! Pipes and eventfds.

use super::describe;
use crate::client::ClientId;
use crate::descriptions::{self, get};
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::*;
use ramet_kcore::ipc::eventfd::{EFD_SEMAPHORE, EventFd};
use ramet_kcore::ipc::pipe;
use ramet_kcore::ipc::stream::ConsoleStream;
use ramet_kcore::user::SliceSource;

pub fn pipe(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    if request.flags & !(O_NONBLOCK | O_DIRECT | O_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let (reader, writer) = pipe::pipe(session.objects.context.origin());
    if descriptions::are_many(session) {
        reader.pipe().set_capacity(pipe::PIPE_BUF as u64, false)?;
    } else if request.arguments[0] != 0 {
        // As large as it was before: who made it larger was allowed to.
        let size = request.arguments[0].min(1 << 24);
        reader.pipe().set_capacity(size, true)?;
    }
    if !data.is_empty() && writer.pipe().write(&mut SliceSource(data), false)? < data.len() {
        return Err(Errno::EINVAL);
    }
    let flags = request.flags & (O_NONBLOCK | O_DIRECT);
    let reader = describe(session, client, reader, flags | O_RDONLY)?;
    let writer = describe(session, client, writer, flags | O_WRONLY)?;
    let mut reply = Reply { result: reader as i64, ..Reply::default() };
    reply.values[..2].copy_from_slice(&[reader, writer]);
    Ok(reply)
}

pub fn eventfd(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    if request.flags & !(O_NONBLOCK | O_CLOEXEC | EFD_SEMAPHORE) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = EventFd::new(0, request.flags & EFD_SEMAPHORE != 0);
    if request.arguments[0] != 0 {
        file.write(0, &mut SliceSource(&request.arguments[0].to_le_bytes()), 0)?;
    }
    let id = describe(session, client, file, request.flags & O_NONBLOCK | O_RDWR)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}

/// Another description of what one refers to.
pub fn reopen(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    if file.is_path_only() {
        return Err(Errno::ENXIO);
    }
    let flags = request.flags & !(O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
    let opened = if file.downcast::<ConsoleStream>().is_some() {
        // The same stream, in its own direction.
        let fits = match flags & O_ACCMODE {
            O_RDONLY => file.is_readable(),
            O_WRONLY => file.is_writable(),
            _ => false,
        };
        if fits { file.file().clone() } else { return Err(Errno::EACCES) }
    } else {
        file.file().reopen(flags)?
    };
    let id = describe(session, client, opened, flags)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}
