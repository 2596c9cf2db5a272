//! Sockets in the keeper, of all families: [`Socket`] by requests.

use super::client::error_of;
use super::inode::SessionInode;
use super::remote::RemoteFile;
use super::traits::{SocketTraits, Traits};
use crate::errno::{Errno, Result};
use crate::fields::{Fields, Writer};
use crate::file::File;
use crate::file::flags::O_NONBLOCK;
use crate::fs::credentials::cap;
use crate::fs::inode::Inode;
use crate::fs::open_file::OpenFile;
use crate::ipc::socket::{
    ControlMessage, Credentials, Nobody, Outgoing, Received, Socket, SocketCaller, SocketType, family, msg,
};
use crate::user::{Sink, Source};
use crate::wait::Events;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use ramet_abi::session::{DATA_MAX, Reply, Request, control, op, socket};

/// Most bytes of a stream that go with one request.
const PIECE: usize = 256 << 10;
/// Room for addresses and control messages beside the bytes.
const HEADERS: usize = 64 << 10;
/// Address of the family alone, and one that has a path (unix(7)).
const FAMILY_SIZE: usize = 2;

/// The path in an address of AF_UNIX.
fn path_of(address: &[u8]) -> Option<&[u8]> {
    let (head, rest) = address.split_at_checked(FAMILY_SIZE)?;
    let is_path = head == family::UNIX.to_le_bytes() && rest.first().is_some_and(|byte| *byte != 0);
    is_path.then(|| rest.split(|byte| *byte == 0).next().unwrap_or(rest))
}

/// The node of what the keeper has; what it has not, no other process can reach.
fn node_of(inode: &dyn Inode) -> Result<u64> {
    inode.as_any().downcast_ref::<SessionInode>().ok_or(Errno::ECONNREFUSED)?.node()
}

/// Control messages as a request has them.
struct Control {
    records: Vec<u8>,
    /// What is sent, to be kept until the keeper has it, and the keeper's names for it.
    files: Vec<Rc<OpenFile>>,
    numbers: Vec<u64>,
}

impl RemoteFile {
    fn socket_request(&self, call: u32, arguments: &[u64]) -> Request {
        self.request(op::SOCKET_CALL, call, arguments)
    }

    /// Serves a call; how long it may wait comes with EAGAIN.
    fn socket_call(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply> {
        let reply = self.client().ask(request, data, answer)?;
        match error_of(&reply) {
            Some(error) => {
                if error == Errno::EAGAIN {
                    self.timeouts.set((reply.values[6], reply.values[7]));
                }
                self.note_sigpipe(error == Errno::EPIPE && reply.values[0] != 0);
                Err(error)
            }
            None => Ok(reply),
        }
    }

    fn simple(&self, call: u32, arguments: &[u64], data: &[u8]) -> Result<Vec<u8>> {
        let mut answer = Vec::new();
        self.socket_call(&self.socket_request(call, arguments), data, &mut answer)?;
        Ok(answer)
    }

    /// The effective ids of the caller, where the calls want them.
    fn with_ids(mut request: Request, caller: &dyn SocketCaller) -> Request {
        let Credentials { uid, gid, .. } = caller.credentials();
        (request.arguments[4], request.arguments[5]) = (uid.into(), gid.into());
        request
    }

    /// The node that an address names, or 0.
    fn find(address: &[u8], caller: &dyn SocketCaller) -> Result<u64> {
        path_of(address).map_or(Ok(0), |path| node_of(&*caller.find_node(path)?))
    }

    fn facts(&self) -> SocketTraits {
        self.traits().socket.unwrap_or(SocketTraits { family: family::UNSPEC, kind: SocketType::Stream })
    }

    /// What goes with the bytes of a message: its control messages.
    fn control_of(&self, message: &Outgoing) -> Result<Control> {
        let mut out = Writer::default();
        let files: Vec<Rc<OpenFile>> = message
            .rights
            .iter()
            .map(|right| right.clone().downcast::<OpenFile>().map_err(|_| Errno::EBADF))
            .collect::<Result<_>>()?;
        let mut numbers = Vec::new();
        for file in &files {
            numbers.push(self.client().number_of(file)?);
        }
        let mut record = |kind: u32, body: &[u8]| {
            out.u32(kind).part(body);
            out.0.resize(out.0.len().next_multiple_of(8), 0);
        };
        if !numbers.is_empty() {
            let ids: Vec<u8> = numbers.iter().flat_map(|id| id.to_le_bytes()).collect();
            record(control::RIGHTS, &ids);
        }
        if let Some(credentials) = message.credentials {
            record(control::CREDENTIALS, &credentials.encode());
        }
        for other in &message.control {
            let head = [other.level.to_le_bytes(), other.kind.to_le_bytes()].concat();
            record(control::OTHER, &[&head[..], &other.data].concat());
        }
        Ok(Control { records: out.0, files, numbers })
    }

    /// Takes apart the control messages of an answer.
    fn control_in(&self, bytes: &[u8], received: &mut Received) -> Result<()> {
        let mut fields = Fields(bytes);
        while !fields.is_empty() {
            let (kind, body) = (fields.u32()?, fields.part()?);
            fields.bytes(body.len().next_multiple_of(8) - body.len())?;
            match kind {
                control::CREDENTIALS => {
                    received.credentials = body.first_chunk().map(Credentials::decode);
                }
                control::RIGHTS => {
                    for id in body.as_chunks().0 {
                        // What cannot be opened here (a device that this VM has not) is left out.
                        if let Ok(file) = self.client().received(u64::from_le_bytes(*id)) {
                            let file: Rc<dyn Any> = file;
                            received.rights.push(file);
                        }
                    }
                }
                _ => {
                    let mut other = Fields(body);
                    let (level, kind) = (other.u32()? as i32, other.u32()? as i32);
                    received.control.push(ControlMessage { level, kind, data: other.0.to_vec() });
                }
            }
        }
        Ok(())
    }
}

impl Socket for RemoteFile {
    fn family(&self) -> u16 {
        self.facts().family
    }

    fn kind(&self) -> SocketType {
        self.facts().kind
    }

    fn timeout(&self, sends: bool) -> u64 {
        let (receive, send) = self.timeouts.get();
        if sends { send } else { receive }
    }

    fn bind(&self, address: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        let Some(path) = path_of(address) else {
            let privileged = u64::from(caller.has(cap::NET_BIND_SERVICE));
            let request = Self::with_ids(self.socket_request(socket::BIND, &[privileged]), caller);
            return self.socket_call(&request, address, &mut Vec::new()).map(|_| ());
        };
        if self.simple(socket::NAME, &[], &[])?.len() > FAMILY_SIZE {
            return Err(Errno::EINVAL);
        }
        let place = caller.make_node(path)?;
        let bound = node_of(&**place.inode()).map_err(|_| Errno::EOPNOTSUPP).and_then(|node| {
            let request = Request { other: node, ..self.socket_request(socket::BIND, &[]) };
            self.socket_call(&request, address, &mut Vec::new())
        });
        // The name is taken back, as on Linux.
        bound.map(|_| ()).inspect_err(|_| caller.remove_node(path))
    }

    fn listen(&self, backlog: i32, caller: &dyn SocketCaller) -> Result<()> {
        let request = Self::with_ids(self.socket_request(socket::LISTEN, &[backlog as u64]), caller);
        self.socket_call(&request, &[], &mut Vec::new()).map(|_| ())
    }

    fn connect(&self, address: &[u8], flags: u32, caller: &dyn SocketCaller) -> Result<()> {
        let arguments = [u64::from(flags & O_NONBLOCK)];
        let mut request = Self::with_ids(self.socket_request(socket::CONNECT, &arguments), caller);
        request.other = Self::find(address, caller)?;
        self.attempt(Events::OUT, || self.socket_call(&request, address, &mut Vec::new())).map(|_| ())
    }

    fn accept(&self, flags: u32) -> Result<Rc<dyn File>> {
        let request = self.socket_request(socket::ACCEPT, &[u64::from(flags & O_NONBLOCK)]);
        let id = self.attempt(Events::IN, || {
            self.socket_call(&request, &[], &mut Vec::new()).map(|reply| reply.result as u64)
        })?;
        Ok(RemoteFile::new(self.client(), id, self.traits(), None))
    }

    fn shutdown(&self, how: i32) -> Result<()> {
        self.simple(socket::SHUTDOWN, &[how as u64], &[]).map(|_| ())
    }

    fn name(&self) -> Result<Vec<u8>> {
        self.simple(socket::NAME, &[], &[])
    }

    fn peer_name(&self) -> Result<Vec<u8>> {
        self.simple(socket::PEER, &[], &[])
    }

    fn accepted_name(&self) -> Result<Vec<u8>> {
        self.simple(socket::PEER, &[1], &[])
    }

    fn has_level(&self, _: i32) -> bool {
        // The keeper says so.
        true
    }

    fn option(&self, level: i32, name: i32, room: usize) -> Result<Vec<u8>> {
        self.simple(socket::GET_OPTION, &[level as u64, name as u64, room as u64], &[])
    }

    fn set_option(&self, level: i32, name: i32, value: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        let privileged = u64::from(caller.has(cap::NET_ADMIN));
        self.simple(socket::SET_OPTION, &[level as u64, name as u64, privileged], value).map(|_| ())
    }

    fn send(&self, from: &mut dyn Source, message: Outgoing, caller: &dyn SocketCaller) -> Result<usize> {
        let address = message.address.as_deref().unwrap_or(&[]);
        let is_stream = self.kind() == SocketType::Stream;
        let most = if is_stream { PIECE } else { DATA_MAX as usize - HEADERS };
        if !is_stream && from.remaining() > most {
            return Err(Errno::EMSGSIZE);
        }
        let node = if self.kind() == SocketType::Datagram { Self::find(address, caller)? } else { 0 };
        let mut bytes = alloc::vec![0; from.remaining().min(most)];
        let length = if bytes.is_empty() { 0 } else { from.take(&mut bytes)? };
        if length < bytes.len() && !is_stream {
            return Err(Errno::EFAULT);
        }
        bytes.truncate(length);
        let Control { records: control, files, numbers } = self.control_of(&message)?;
        bytes.extend_from_slice(address);
        bytes.extend_from_slice(&control);
        let sizes = [u64::from(message.flags), length as u64, address.len() as u64, control.len() as u64];
        let mut request = Self::with_ids(self.socket_request(socket::SEND, &sizes), caller);
        request.other = node;
        let sent = self.attempt(Events::OUT, || {
            let reply = self.socket_call(&request, &bytes, &mut Vec::new())?;
            Ok((reply.result as usize).min(length))
        });
        self.client().sent(&files, &numbers)?;
        sent
    }

    fn receive(&self, into: &mut dyn Sink, flags: u32, before: usize) -> Result<Received> {
        let wanted = into.remaining().min(DATA_MAX as usize - HEADERS) as u64;
        let request = self.socket_request(socket::RECEIVE, &[flags.into(), wanted, before as u64]);
        let mut answer = Vec::new();
        let reply = self.attempt(Events::IN, || {
            answer.clear();
            self.socket_call(&request, &[], &mut answer)
        })?;
        let [length, address, control, shown, ..] = reply.values;
        let mut fields = Fields(&answer);
        let bytes = fields.bytes(length as usize)?;
        let mut received = Received {
            count: reply.result as usize,
            flags: shown as u32,
            address: fields.bytes(address as usize)?.to_vec(),
            ..Received::default()
        };
        self.control_in(fields.bytes(control as usize)?, &mut received)?;
        if !bytes.is_empty() && into.put(bytes)? < bytes.len() {
            return Err(Errno::EFAULT);
        }
        Ok(received)
    }
}

impl RemoteFile {
    /// read(2) of a socket.
    pub(super) fn read_socket(&self, into: &mut dyn Sink, status: u32) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        let flags = if status & O_NONBLOCK != 0 { msg::DONTWAIT } else { 0 };
        self.receive(into, flags, 0).map(|received| received.count)
    }

    /// write(2) of a socket.
    pub(super) fn write_socket(&self, from: &mut dyn Source) -> Result<usize> {
        let credentials = Some(self.client().foreign()?.sender());
        self.send(from, Outgoing { credentials, ..Outgoing::default() }, &Nobody)
    }

    /// What [`super::received`] asks for.
    pub(super) fn socket_kind(kind: u32, family: u16) -> Traits {
        let kind = match kind {
            2 => SocketType::Datagram,
            3 => SocketType::Raw,
            5 => SocketType::SeqPacket,
            _ => SocketType::Stream,
        };
        Traits::socket(family, kind)
    }
}
