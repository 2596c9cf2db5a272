//! epoll(7) over descriptions of the session.

use super::describe;
use crate::client::ClientId;
use crate::descriptions::get;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_RDWR;
use ramet_kcore::ipc::epoll::{Epoll, Watched};
use std::any::Any;
use std::rc::Rc;

const ADD: u64 = 1;
const DELETE: u64 = 2;
const MODIFY: u64 = 3;
const RESTORE: u64 = 4;
/// Bytes of struct epoll_event of x86-64.
const EVENT: usize = 12;

pub fn create(session: &mut Session, client: ClientId) -> Result<Reply> {
    let id = describe(session, client, Epoll::new(), O_RDWR)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}

pub fn control(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [operation, events, data, fd, ..] = request.arguments;
    let file = get(session, client, request.id)?;
    let other = get(session, client, request.other)?;
    let epoll = Epoll::of(&**file.file()).ok_or(Errno::EINVAL)?;
    let description: Rc<dyn Any> = other.clone();
    let watched = Watched { fd: fd as i32, description: &description, file: other.file() };
    match operation {
        ADD => epoll.add(&watched, events as u32, data)?,
        MODIFY => epoll.modify(&watched, events as u32, data)?,
        DELETE => epoll.delete(&watched)?,
        RESTORE => epoll.restore(&watched, events as u32, data, request.arguments[4] == 1)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(Reply::default())
}

pub fn wait(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    data.clear();
    let file = get(session, client, request.id)?;
    let epoll = Epoll::of(&**file.file()).ok_or(Errno::EINVAL)?;
    let most = (request.arguments[0] as usize).min(request.wanted as usize / EVENT);
    let count = epoll.wait(most, &mut |events, value| {
        data.extend_from_slice(&events.to_le_bytes());
        data.extend_from_slice(&value.to_le_bytes());
        Ok(())
    })?;
    Ok(Reply { result: count as i64, ..Reply::default() })
}
