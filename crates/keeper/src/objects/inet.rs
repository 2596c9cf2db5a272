//! Internet sockets of the session: its ports are one table, in the keeper.

use super::context::Context;
use super::describe;
use crate::bytes::BoundedSink;
use crate::client::ClientId;
use crate::descriptions::get;
use crate::session::Session;
use ramet_abi::session::control::OTHER;
use ramet_abi::session::{DATA_MAX, Reply, Request, inet_import, socket};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fields::{Fields, Writer};
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use ramet_kcore::fs::credentials::cap;
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::path::Path;
use ramet_kcore::ipc::inet::Inet;
use ramet_kcore::ipc::inet::transfer::{AnySocket, append};
use ramet_kcore::ipc::socket::{
    ControlMessage, Credentials, Outgoing, Received, Socket, SocketCaller, family, msg,
};
use ramet_kcore::user::SliceSource;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Room for address and control messages beside the bytes of a message.
const HEADERS: u64 = 8192;

/// What the session's internet sockets have in common.
pub struct State {
    domain: Rc<Inet>,
    context: Rc<Context>,
    /// Sockets that a VM is moving.
    imports: BTreeMap<ClientId, Vec<AnySocket>>,
}

impl State {
    /// None yet.
    pub fn new(context: &Rc<Context>) -> State {
        let domain = Inet::new(Box::new(|| crate::sys::clock(libc::CLOCK_MONOTONIC)));
        State { domain, context: context.clone(), imports: BTreeMap::new() }
    }

    /// A VM is gone.
    pub fn client_gone(&mut self, client: ClientId) {
        self.imports.remove(&client);
    }
}

/// The process that asks: what it may do, its kernel has looked up.
struct Caller {
    context: Rc<Context>,
    /// It has the capability that the call asks for.
    is_privileged: bool,
}

impl SocketCaller for Caller {
    fn find_node(&self, _: &[u8]) -> Result<Rc<dyn Inode>> {
        Err(Errno::ECONNREFUSED)
    }
    fn make_node(&self, _: &[u8]) -> Result<Path> {
        Err(Errno::EADDRINUSE)
    }
    fn remove_node(&self, _: &[u8]) {}
    fn has(&self, capability: u32) -> bool {
        self.is_privileged && matches!(capability, cap::NET_ADMIN | cap::NET_BIND_SERVICE)
    }
    fn credentials(&self) -> Credentials {
        self.context.credentials()
    }
}

/// Whether a request to make a socket is about these families.
pub fn is_family(number: u64) -> bool {
    number == u64::from(family::INET) || number == u64::from(family::INET6)
}

pub fn create(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [kind, _, uid, gid, family, protocol] = request.arguments;
    let flags = kind as u32 & (O_NONBLOCK | O_CLOEXEC);
    session.objects.context.act_as(uid, gid);
    let (origin, state) = (session.objects.context.origin(), &session.objects.inet);
    let caller = Caller { context: state.context.clone(), is_privileged: false };
    let made = state.domain.socket(family as u16, kind as u32 & !flags, protocol as i32, origin, &caller)?;
    let id = describe(session, client, made, flags & O_NONBLOCK | O_RDWR)?;
    Ok(Reply { result: id as i64, values: [id, 0, 0, 0, 0, 0, 0, 0], ..Reply::default() })
}

/// Takes over the sockets of a VM.
pub fn import(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let piece = std::mem::take(data);
    match request.flags {
        inet_import::STATE => {
            let mut fields = Fields(&piece);
            let count = fields.u32()? as usize;
            if count > piece.len() {
                return Err(Errno::EINVAL);
            }
            let flags = (0..count).map(|_| fields.u32()).collect::<Result<Vec<u32>>>()?;
            let import = session.objects.inet.domain.import(fields.0)?;
            if import.open != count {
                return Err(Errno::EINVAL);
            }
            let mut out = Writer::default();
            for (socket, flags) in import.sockets.iter().zip(flags) {
                let id = describe(session, client, socket.file(), flags & O_NONBLOCK | O_RDWR)?;
                out.u64(id);
            }
            session.objects.inet.imports.insert(client, import.sockets);
            *data = out.0;
        }
        inet_import::BYTES => {
            let sockets = session.objects.inet.imports.get(&client).ok_or(Errno::EINVAL)?;
            append(sockets, &piece)?;
        }
        inet_import::DONE => drop(session.objects.inet.imports.remove(&client)),
        _ => return Err(Errno::ENOSYS),
    }
    Ok(Reply::default())
}

/// `/proc/net`.
pub fn table(session: &Session, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    let text = session.objects.inet.domain.table(request.arguments[0]).ok_or(Errno::EINVAL)?;
    *data = text.into_bytes();
    data.truncate(DATA_MAX as usize);
    Ok(Reply::default())
}

/// Whether `file` is one of these sockets.
pub fn is_one(file: &OpenFile) -> bool {
    file.file().socket().is_some_and(|socket| is_family(socket.family().into()))
}

/// A call on one of these sockets.
pub fn call(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    let object = file.file().clone();
    let socket = object.socket().ok_or(Errno::ENOTSOCK)?;
    match serve(session, client, request, data, &file, socket) {
        Err(error @ (Errno::EAGAIN | Errno::EPIPE)) => {
            let mut reply = Reply { result: error.to_return_value(), ..Reply::default() };
            data.clear();
            if error == Errno::EAGAIN {
                (reply.values[6], reply.values[7]) = (socket.timeout(false), socket.timeout(true));
            } else {
                let quiet = request.arguments[0] as u32 & msg::NOSIGNAL != 0;
                reply.values[0] = u64::from(object.raises_sigpipe() && !quiet);
            }
            Ok(reply)
        }
        answered => answered,
    }
}

fn serve(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
    file: &OpenFile,
    socket: &dyn Socket,
) -> Result<Reply> {
    let [first, second, third, ..] = request.arguments;
    let context = session.objects.context.clone();
    let caller = |is_privileged| Caller { context: context.clone(), is_privileged };
    let input = std::mem::take(data);
    match request.flags {
        socket::SEND => return send(request, &input, socket, &caller(false)),
        socket::RECEIVE => return receive(request, data, file, socket),
        socket::BIND => socket.bind(&input, &caller(first == 1))?,
        socket::LISTEN => socket.listen(first as i32, &caller(false))?,
        socket::CONNECT => socket.connect(&input, first as u32 & O_NONBLOCK, &caller(false))?,
        socket::ACCEPT => {
            let accepted = socket.accept(0)?;
            *data = accepted.socket().ok_or(Errno::ENOTSOCK)?.accepted_name()?;
            let flags = first as u32 & O_NONBLOCK | O_RDWR;
            let id = describe(session, client, accepted, flags)?;
            return Ok(Reply { result: id as i64, ..Reply::default() });
        }
        socket::SHUTDOWN => socket.shutdown(first as i32)?,
        socket::NAME => *data = socket.name()?,
        socket::PEER if first == 1 => *data = socket.accepted_name()?,
        socket::PEER => *data = socket.peer_name()?,
        socket::GET_OPTION if !socket.has_level(first as i32) => return Err(Errno::EOPNOTSUPP),
        socket::GET_OPTION => *data = socket.option(first as i32, second as i32, third as usize)?,
        socket::SET_OPTION => socket.set_option(first as i32, second as i32, &input, &caller(third == 1))?,
        _ => return Err(Errno::ENOSYS),
    }
    Ok(Reply::default())
}

fn send(request: &Request, data: &[u8], socket: &dyn Socket, caller: &Caller) -> Result<Reply> {
    let [flags, length, address, control, ..] = request.arguments.map(|n| n as usize);
    let mut fields = Fields(data);
    let bytes = fields.bytes(length)?;
    let address = fields.bytes(address)?;
    let mut control = Fields(fields.bytes(control)?);
    let mut message = Outgoing { flags: flags as u32, ..Outgoing::default() };
    message.address = (!address.is_empty()).then(|| address.to_vec());
    while !control.is_empty() {
        let (kind, body) = (control.u32()?, control.part()?);
        control.bytes(body.len().next_multiple_of(8) - body.len())?;
        if kind == OTHER {
            let mut body = Fields(body);
            let (level, kind) = (body.u32()? as i32, body.u32()? as i32);
            message.control.push(ControlMessage { level, kind, data: body.0.to_vec() });
        }
    }
    let sent = socket.send(&mut SliceSource(bytes), message, caller)?;
    Ok(Reply { result: sent as i64, ..Reply::default() })
}

fn receive(request: &Request, data: &mut Vec<u8>, file: &OpenFile, socket: &dyn Socket) -> Result<Reply> {
    let [flags, wanted, before, ..] = request.arguments;
    let mut flags = flags as u32;
    if file.flags() & O_NONBLOCK != 0 {
        flags |= msg::DONTWAIT;
    }
    let wanted = wanted.min(DATA_MAX - HEADERS) as usize;
    let received: Received = socket.receive(&mut BoundedSink::new(data, wanted), flags, before as usize)?;
    let length = data.len();
    data.extend_from_slice(&received.address);
    let mut control = Writer::default();
    for message in &received.control {
        let head = [message.level.to_le_bytes(), message.kind.to_le_bytes()].concat();
        control.u32(OTHER).part(&[&head[..], &message.data].concat());
        control.0.resize(control.0.len().next_multiple_of(8), 0);
    }
    data.extend_from_slice(&control.0);
    let mut reply = Reply { result: received.count as i64, ..Reply::default() };
    let lengths = [length, received.address.len(), control.0.len()].map(|n| n as u64);
    reply.values[..3].copy_from_slice(&lengths);
    reply.values[3] = u64::from(received.flags);
    Ok(reply)
}
