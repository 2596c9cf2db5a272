//! AF_UNIX sockets, with what lies in them.

use super::group::Group;
use super::moved;
use crate::errno::{Errno, Result};
use crate::fields::Writer;
use crate::file::flags::O_NONBLOCK;
use crate::fs::open_file::OpenFile;
use crate::ipc::socket::family;
use crate::ipc::unix::UnixSocket;
use crate::map::Map;
use crate::session::client::Client;
use crate::session::inode::SessionInode;
use crate::session::remote::RemoteFile;
use crate::session::traits::Traits;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use ramet_abi::session::{DATA_MAX, Request, op, socket_import};

/// Sockets that are being moved.
pub(super) struct Sockets {
    all: Vec<(Rc<UnixSocket>, Option<Rc<OpenFile>>)>,
    ids: Vec<u64>,
    numbers: Map<usize, u64>,
    /// Descriptions of sockets, which have not moved yet.
    described: Map<usize, u64>,
}

fn request(flags: u32) -> Request {
    Request { operation: op::SOCKET_IMPORT, flags, ..Request::default() }
}

/// Sends records, as many as fit at a time.
fn send(client: &Client, flags: u32, records: Vec<Vec<u8>>) -> Result<()> {
    let mut piece: Vec<u8> = Vec::new();
    for record in records {
        if !piece.is_empty() && (piece.len() + record.len()) as u64 > DATA_MAX {
            client.call(&request(flags), &core::mem::take(&mut piece))?;
        }
        piece.extend_from_slice(&record);
    }
    if !piece.is_empty() {
        client.call(&request(flags), &piece)?;
    }
    Ok(())
}

impl Sockets {
    /// Makes the sockets of `group` in the keeper.
    pub fn make(client: &Rc<Client>, group: &Group) -> Result<Sockets> {
        let mut sockets = Sockets {
            all: group.sockets.clone(),
            ids: Vec::new(),
            numbers: Map::new(),
            described: Map::new(),
        };
        for part in sockets.all.chunks(socket_import::MAKE_MAX) {
            let mut out = Writer::default();
            for (socket, file) in part {
                let flags = file.as_ref().map_or(0, |file| file.flags() & O_NONBLOCK);
                let origin = socket.origin();
                out.u32(socket.kind() as u32).u32(flags).u32(origin.uid).u32(origin.gid);
                out.u64(origin.now as u64).u64(socket.id());
            }
            let mut answer = Vec::new();
            client.call_into(&request(socket_import::MAKE), &out.0, &mut answer)?;
            sockets.ids.extend(answer.as_chunks().0.iter().map(|id| u64::from_le_bytes(*id)));
        }
        if sockets.ids.len() != sockets.all.len() {
            return Err(Errno::EIO);
        }
        for ((socket, file), id) in sockets.all.iter().zip(&sockets.ids) {
            sockets.numbers.insert(Rc::as_ptr(socket) as usize, *id);
            if let Some(file) = file {
                sockets.described.insert(Rc::as_ptr(file) as usize, *id);
            }
        }
        Ok(sockets)
    }

    /// Gives them their state and their messages. Everything else has moved.
    pub fn fill(&mut self, client: &Rc<Client>) -> Result<()> {
        if self.all.is_empty() {
            return Ok(());
        }
        let numbers = |socket: &UnixSocket| {
            self.numbers.get(&(core::ptr::from_ref(socket) as usize)).copied().unwrap_or(0)
        };
        let mut states = Vec::new();
        for ((socket, _), id) in self.all.iter().zip(&self.ids) {
            let node = node_of(socket)?;
            let mut out = Writer::default();
            out.u64(*id).part(&socket.export(&numbers, node));
            states.push(out.0);
        }
        send(client, socket_import::STATE, states)?;
        let mut messages = Vec::new();
        for ((socket, _), id) in self.all.iter().zip(&self.ids) {
            for message in socket.take_messages(&numbers, &mut |right| self.number_of(client, right))? {
                let mut out = Writer::default();
                out.u64(*id).part(&message);
                messages.push(out.0);
            }
        }
        send(client, socket_import::MESSAGES, messages)?;
        let mut embryos: Vec<u8> = Vec::new();
        for ((socket, file), id) in self.all.iter().zip(&self.ids) {
            match file {
                Some(file) => moved(
                    file,
                    RemoteFile::new(client, *id, Traits::socket(family::UNIX, socket.kind()), None),
                )?,
                // It is held by the socket that it waits in.
                None => embryos.extend_from_slice(&id.to_le_bytes()),
            }
        }
        client.call(&request(socket_import::DONE), &embryos).map(|_| ())
    }

    /// The keeper's number of a description that lies in a socket.
    fn number_of(&self, client: &Rc<Client>, right: &Rc<dyn Any>) -> Result<u64> {
        let file = right.clone().downcast::<OpenFile>().map_err(|_| Errno::EIO)?;
        if let Some(id) = self.described.get(&(Rc::as_ptr(&file) as usize)) {
            return Ok(*id);
        }
        client.number_of(&file)
    }
}

/// The node of a socket's path name, if it still has it.
fn node_of(socket: &UnixSocket) -> Result<u64> {
    let Some(place) = socket.place() else { return Ok(0) };
    match place.inode().as_any().downcast_ref::<SessionInode>() {
        Some(inode) => inode.node(),
        None => Ok(0),
    }
}
