//! splice(2) and tee(2) between descriptions of the session.

use super::get;
use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::inode::OFFSET_MAX;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::pipe::{self, PipeEnd};
use ramet_kcore::wait::Events;

/// The description's own offset.
const OWN: u64 = u64::MAX;
const TEE: u32 = 1;
/// Most bytes that one request moves: the keeper has others to serve.
const COUNT_MAX: u64 = 1 << 20;

fn start(file: &OpenFile, offset: u64) -> Result<u64> {
    match offset {
        OWN if file.is_seekable() => Ok(file.offset()),
        OWN => Ok(0),
        _ if !file.is_seekable() || offset > OFFSET_MAX => Err(Errno::EINVAL),
        _ => Ok(offset),
    }
}

fn advance(file: &OpenFile, offset: u64, end: u64) {
    if offset == OWN && file.is_seekable() {
        file.set_offset(end);
    }
}

pub fn splice(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let (from, to) = (get(session, client, request.id)?, get(session, client, request.other)?);
    if !from.is_readable() || !to.is_writable() {
        return Err(Errno::EBADF);
    }
    let [from_offset, to_offset, count, ..] = request.arguments;
    let count = count.min(COUNT_MAX) as usize;
    let (source, target) = (PipeEnd::of(&**from.file()), PipeEnd::of(&**to.file()));
    let moved = match (source, target, request.flags) {
        (Some(source), Some(target), TEE) => pipe::tee(source, target, count),
        (Some(source), Some(target), 0) => pipe::pipe_to_pipe(source, target, count),
        (Some(source), None, 0) => {
            let at = start(&to, to_offset)?;
            let done = pipe::pipe_to_file(source, &**to.file(), at, count, to.flags());
            done.inspect(|done| advance(&to, to_offset, at + *done as u64))
        }
        (None, Some(target), 0) => {
            let at = start(&from, from_offset)?;
            let done = pipe::file_to_pipe(&**from.file(), at, target, count, from.flags());
            done.inspect(|done| advance(&from, from_offset, at + *done as u64))
        }
        _ => Err(Errno::EINVAL),
    };
    match moved {
        Ok(count) => Ok(Reply { result: count as i64, ..Reply::default() }),
        Err(Errno::EAGAIN) => {
            let mut reply = Reply { result: Errno::EAGAIN.to_return_value(), ..Reply::default() };
            let has_input = from.file().poll().intersects(Events::IN.or(Events::HUP));
            reply.values[0] = u64::from(!has_input);
            Ok(reply)
        }
        Err(error) => Err(error),
    }
}
