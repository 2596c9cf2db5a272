//! Objects that were a VM's: pipes and sockets with what lies in them, and descriptions that stand for something.

use super::describe;
use crate::client::ClientId;
use crate::descriptions::{self, get};
use crate::nodes;
use crate::session::Session;
use ramet_abi::session::{Reply, Request, socket_import};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fields::Fields;
use ramet_kcore::file::File;
use ramet_kcore::file::flags::{O_ACCMODE, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY};
use ramet_kcore::fs::open_file::{OpenFile, SETTABLE};
use ramet_kcore::ipc::object::{Origin, anon_name, anon_stat};
use ramet_kcore::ipc::pipe::{self, Pipe, PipeEnd};
use ramet_kcore::ipc::unix::{UnixDomain, UnixSocket, kind_from_number};
use ramet_kcore::stat::Stat;
use ramet_kcore::user::{Sink, Source};
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

/// PIPE_IMPORT: a further piece.
const MORE: u32 = 1;
/// Most bytes that say what a stand-in stands for.
const STAND_IN_MAX: usize = 8192;

fn origin(owner: u64, now: u64) -> Origin {
    Origin { uid: owner as u32, gid: (owner >> 32) as u32, now: now as i64 }
}

pub fn pipe(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    let piece = std::mem::take(data);
    if request.flags == MORE {
        let file = get(session, client, request.id)?;
        let end = PipeEnd::of(&**file.file()).ok_or(Errno::EINVAL)?;
        pipe::append(end.pipe(), &piece)?;
        return Ok(Reply::default());
    }
    let [id, owner, now, ..] = request.arguments;
    let origin = origin(owner, now);
    let place = if request.id == 0 { None } else { Some(nodes::path(session, client, request.id)?) };
    let pipe = match &place {
        Some(place) => pipe::fifo_of(&**place.inode(), || origin)?.pipe().clone(),
        None => Rc::new(Pipe::with_id(origin, id)),
    };
    for (end, flags) in pipe::import(&pipe, &piece)? {
        let access = match (end.reads(), end.writes()) {
            (true, true) => O_RDWR,
            (false, _) => O_WRONLY,
            _ => O_RDONLY,
        };
        let flags = flags & SETTABLE & !O_ACCMODE | access;
        let id = descriptions::give(session, client, OpenFile::new(end, place.clone(), flags))?;
        data.extend_from_slice(&id.to_le_bytes());
    }
    Ok(Reply::default())
}

/// Sockets that VMs have begun to move.
#[derive(Default)]
pub struct Imports(BTreeMap<ClientId, BTreeSet<u64>>);

impl Imports {
    /// A VM is gone.
    pub fn client_gone(&mut self, client: ClientId) {
        self.0.remove(&client);
    }
}

fn socket_of(file: &OpenFile) -> Option<Rc<UnixSocket>> {
    let any: Rc<dyn Any> = file.file().clone();
    any.downcast().ok()
}

/// The socket that the VM is moving; `None`: it is none of those.
fn moving(session: &Session, client: ClientId, id: u64) -> Option<Rc<UnixSocket>> {
    let is_moving = session.objects.imports.0.get(&client).is_some_and(|ids| ids.contains(&id));
    get(session, client, id).ok().filter(|_| is_moving).as_deref().and_then(socket_of)
}

pub fn sockets(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
    domain: &Rc<UnixDomain>,
) -> Result<Reply> {
    let input = std::mem::take(data);
    let mut fields = Fields(&input);
    match request.flags {
        socket_import::MAKE => {
            while !fields.is_empty() {
                let (kind, flags) = (kind_from_number(fields.u32()?)?, fields.u32()?);
                let (uid, gid) = (fields.u32()?, fields.u32()?);
                let (now, number) = (fields.u64()? as i64, fields.u64()?);
                let socket = UnixSocket::with_id(domain, kind, Origin { uid, gid, now }, number);
                let id = describe(session, client, socket, flags & O_NONBLOCK | O_RDWR)?;
                session.objects.imports.0.entry(client).or_default().insert(id);
                data.extend_from_slice(&id.to_le_bytes());
            }
        }
        socket_import::STATE => {
            while !fields.is_empty() {
                let (id, state) = (fields.u64()?, fields.part()?);
                let socket = moving(session, client, id).ok_or(Errno::EINVAL)?;
                let node = socket.import(state, &|id| moving(session, client, id))?;
                if node != 0 {
                    attach(session, client, node, &socket)?;
                }
            }
        }
        socket_import::MESSAGES => {
            while !fields.is_empty() {
                let (id, message) = (fields.u64()?, fields.part()?);
                let socket = moving(session, client, id).ok_or(Errno::EINVAL)?;
                let file = |id| get(session, client, id).map(|file| -> Rc<dyn Any> { file });
                socket.import_message(message, &|id| moving(session, client, id), &file)?;
            }
        }
        socket_import::DONE => {
            session.objects.imports.0.remove(&client);
            while !fields.is_empty() {
                let id = fields.u64()?;
                // The socket in which it waits holds it; its description is to end without closing it.
                let file = get(session, client, id)?;
                if let Some(socket) = socket_of(&file) {
                    socket.set_undescribed();
                }
                descriptions::release(session, client, id)?;
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(Reply::default())
}

/// The path name's node leads to the socket.
fn attach(session: &Session, client: ClientId, node: u64, socket: &Rc<UnixSocket>) -> Result<()> {
    let place = nodes::path(session, client, node)?;
    let state = place.inode().state().ok_or(Errno::EINVAL)?;
    let name: Rc<Weak<UnixSocket>> = Rc::new(Rc::downgrade(socket));
    *state.attached.borrow_mut() = Some(name);
    Ok(())
}

/// What stands for something that every VM has for itself.
pub struct StandIn(pub Vec<u8>);

impl File for StandIn {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(anon_stat())
    }
    fn describe(&self) -> Vec<u8> {
        anon_name("stand-in")
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub fn stand_in(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    if data.len() > STAND_IN_MAX {
        return Err(Errno::EINVAL);
    }
    let id = describe(session, client, Rc::new(StandIn(data.to_vec())), request.flags)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}
