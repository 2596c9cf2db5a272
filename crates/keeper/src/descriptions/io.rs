//! Reading, writing, and what a description is.

use super::{get, lent, watch};
use crate::bytes::BoundedSink;
use crate::client::ClientId;
use crate::session::Session;
use crate::{nodes, objects};
use ramet_abi::session::{Reply, Request, flag};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::open_file::Writer;
use ramet_kcore::ipc::pipe::PipeEnd;
use ramet_kcore::ipc::tty::{ReadTimer, TtyFile};
use ramet_kcore::user::SliceSource;
use ramet_kcore::wait::Events;

const AT: u32 = 1;
const MAY_KEEP_ID_BITS: u32 = 2;
const EXPIRED: u32 = 4;

fn number(result: u64) -> Reply {
    Reply { result: result as i64, ..Reply::default() }
}

pub fn read(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    data.clear();
    let file = get(session, client, request.id)?;
    if lent::is_lent(session, client, &file) {
        return Err(Errno::EREMCHG);
    }
    objects::begin_job(session, request, &file);
    let terminal = file.downcast::<TtyFile>();
    let mut sink = BoundedSink::new(data, request.wanted as usize);
    let count = match (request.flags & !(flag::STEADFAST | flag::WATCH), terminal) {
        (0, _) => file.read(&mut sink),
        (AT, _) => file.read_at(request.arguments[0], &mut sink),
        (EXPIRED, Some(terminal)) => terminal.read_expired(&mut sink),
        _ => return Err(Errno::EINVAL),
    };
    if count == Err(Errno::EAGAIN) && request.flags & flag::WATCH != 0 {
        watch::register(session, client, request.id, Events(request.arguments[2] as u32));
    }
    match (count, terminal) {
        (Err(Errno::EAGAIN), Some(terminal)) => {
            let mut reply = Reply { result: Errno::EAGAIN.to_return_value(), ..Reply::default() };
            let (kind, time) = match terminal.read_timer(request.wanted as usize) {
                ReadTimer::None => (0, 0),
                ReadTimer::FromCall(time) => (1, time),
                ReadTimer::FromLastByte(time) => (2, time),
            };
            reply.values[..2].copy_from_slice(&[kind, time]);
            Ok(reply)
        }
        (count, _) => Ok(number(count? as u64)),
    }
}

pub fn write(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    if request.flags & !(AT | MAY_KEEP_ID_BITS | flag::STEADFAST | flag::WATCH) != 0 {
        return Err(Errno::EINVAL);
    }
    if lent::is_lent(session, client, &file) {
        return Err(Errno::EREMCHG);
    }
    if !file.is_seekable() && session.is_full() {
        return Err(Errno::ENOMEM);
    }
    objects::begin_job(session, request, &file);
    let keeps = request.flags & MAY_KEEP_ID_BITS != 0;
    let credentials = if keeps { Credentials::root() } else { Credentials::user(u32::MAX, u32::MAX, &[]) };
    let writer = Writer { credentials: &credentials, size_limit: request.arguments[1] };
    let permissions = || file.inode().and_then(|inode| inode.attributes().ok()).map(|a| a.permissions);
    let before = permissions();
    let mut source = SliceSource(data);
    let written = if request.flags & AT != 0 {
        file.write_at(request.arguments[0], &mut source, &writer)
    } else {
        file.write(&mut source, &writer)
    };
    if let Some(path) = file.path().filter(|_| before != permissions()) {
        nodes::changed(session, path);
    }
    match written {
        Ok(count) => Ok(number(count as u64)),
        Err(Errno::EPIPE) => {
            let mut reply = Reply { result: Errno::EPIPE.to_return_value(), ..Reply::default() };
            reply.values[0] = u64::from(file.file().raises_sigpipe());
            Ok(reply)
        }
        Err(error) => {
            if error == Errno::EAGAIN && request.flags & flag::WATCH != 0 {
                watch::register(session, client, request.id, Events(request.arguments[2] as u32));
            }
            Err(error)
        }
    }
}

pub fn seek(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [offset, whence, ..] = request.arguments;
    let whence = u32::try_from(whence).map_err(|_| Errno::EINVAL)?;
    get(session, client, request.id)?.seek(offset as i64, whence).map(number)
}

pub fn flags(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    match request.flags {
        0 => {}
        1 => file.set_flags(request.arguments[0] as u32),
        _ => return Err(Errno::EINVAL),
    }
    Ok(number(u64::from(file.flags())))
}

pub fn stat(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let stat = nodes::encode(&get(session, client, request.id)?.stat()?);
    Ok(Reply { stat, ..Reply::default() })
}

pub fn set_attributes(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    file.file().set_attributes(&nodes::change_of(request)?)?;
    Ok(Reply::default())
}

pub fn entries(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    data.clear();
    let file = get(session, client, request.id)?;
    let count = file.read_directory(&mut BoundedSink::new(data, request.wanted as usize))?;
    Ok(number(count as u64))
}

pub fn display(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    *data = match file.path() {
        Some(path) => nodes::display(session, path),
        None => file.file().describe(),
    };
    Ok(number(data.len() as u64))
}

pub fn pipe_size(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    let end = PipeEnd::of(&**file.file()).ok_or(Errno::EBADF)?;
    let size = match request.arguments[0] {
        0 => end.pipe().capacity(),
        size => end.pipe().set_capacity(size, false)?,
    };
    Ok(number(size as u64))
}
