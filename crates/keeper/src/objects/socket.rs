//! AF_UNIX sockets of the session.

use super::context::Context;
use super::{describe, inet};
use crate::bytes::BoundedSink;
use crate::client::ClientId;
use crate::descriptions::{self, get};
use crate::nodes;
use crate::session::Session;
use ramet_abi::session::control::{CREDENTIALS, OTHER, RIGHTS};
use ramet_abi::session::{Reply, Request, socket};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::socket::{Credentials, MAX_RIGHTS, Outgoing, Received, Socket as _, SocketType, msg};
use ramet_kcore::ipc::unix::{Address, UnixDomain, UnixSocket, kind_from_number};
use ramet_kcore::user::SliceSource;
use std::any::Any;
use std::rc::{Rc, Weak};

const AF_UNSPEC: [u8; 2] = [0, 0];

/// What the session's sockets have in common.
pub struct Sockets {
    domain: Rc<UnixDomain>,
}

impl Sockets {
    /// None yet.
    pub fn new(context: &Rc<Context>) -> Sockets {
        let context = context.clone();
        Sockets { domain: UnixDomain::new(Box::new(move || context.credentials())) }
    }
}

fn number(result: u64) -> Reply {
    Reply { result: result as i64, ..Reply::default() }
}

pub fn import(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let domain = session.objects.sockets.domain.clone();
    super::import::sockets(session, client, request, data, &domain)
}

pub fn create(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    if inet::is_family(request.arguments[4]) {
        return inet::create(session, client, request);
    }
    let [kind, pair, uid, gid, ..] = request.arguments;
    let flags = kind as u32 & (O_NONBLOCK | O_CLOEXEC);
    let kind = kind_from_number(kind as u32 & !flags)?;
    let flags = flags & O_NONBLOCK | O_RDWR;
    session.objects.context.act_as(uid, gid);
    let origin = session.objects.context.origin();
    let domain = session.objects.sockets.domain.clone();
    let mut reply = Reply::default();
    if pair == 1 {
        let (a, b) = UnixSocket::pair(&domain, kind, origin);
        reply.values[0] = describe(session, client, a, flags)?;
        reply.values[1] = describe(session, client, b, flags)?;
    } else {
        reply.values[0] = describe(session, client, UnixSocket::new(&domain, kind, origin), flags)?;
    }
    reply.result = reply.values[0] as i64;
    Ok(reply)
}

/// A socket and its description.
struct Socket {
    file: Rc<OpenFile>,
    unix: Rc<UnixSocket>,
}

impl Socket {
    fn of(session: &Session, client: ClientId, id: u64) -> Result<Socket> {
        let file = get(session, client, id)?;
        let any: Rc<dyn Any> = file.file().clone();
        let unix = any.downcast::<UnixSocket>().map_err(|_| Errno::ENOTSOCK)?;
        Ok(Socket { file, unix })
    }
}

pub fn call(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    if inet::is_one(&*get(session, client, request.id)?) {
        return inet::call(session, client, request, data);
    }
    let socket = Socket::of(session, client, request.id)?;
    match serve(session, client, request, data, &socket) {
        Err(Errno::EAGAIN) => {
            let mut reply = Reply { result: Errno::EAGAIN.to_return_value(), ..Reply::default() };
            data.clear();
            (reply.values[6], reply.values[7]) = (socket.unix.timeout(false), socket.unix.timeout(true));
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
    socket: &Socket,
) -> Result<Reply> {
    let [first, second, third, _, uid, gid] = request.arguments;
    if matches!(request.flags, socket::LISTEN | socket::CONNECT | socket::SEND) {
        session.objects.context.act_as(uid, gid);
    }
    let unix = &socket.unix;
    match request.flags {
        socket::SEND => return send(session, client, request, data, socket),
        socket::RECEIVE => return receive(session, client, request, data, socket),
        _ => {}
    }
    let input = std::mem::take(data);
    match request.flags {
        socket::BIND => bind(session, client, request, &input, unix)?,
        socket::LISTEN => unix.listen(first as i32)?,
        socket::ACCEPT => {
            let accepted = unix.accept()?;
            *data = accepted.peer_name().map_err(|_| Errno::ECONNABORTED)?.encode();
            let flags = first as u32 & O_NONBLOCK | O_RDWR;
            return describe(session, client, accepted, flags).map(number);
        }
        socket::CONNECT => connect(session, client, request, &input, unix)?,
        socket::SHUTDOWN => unix.shutdown(first as i32)?,
        socket::NAME => *data = unix.name().encode(),
        socket::PEER => *data = unix.peer_name()?.encode(),
        socket::GET_OPTION => *data = unix.option(first as i32, second as i32)?,
        socket::SET_OPTION => unix.set_option(first as i32, second as i32, &input, third == 1)?,
        _ => return Err(Errno::ENOSYS),
    }
    Ok(Reply::default())
}

fn bind(
    session: &Session,
    client: ClientId,
    request: &Request,
    address: &[u8],
    unix: &Rc<UnixSocket>,
) -> Result<()> {
    match Address::decode(address)? {
        Address::Unnamed => unix.bind_automatically(),
        Address::Abstract(name) => unix.bind_abstract(&name),
        Address::Path(path) => {
            let node = nodes::path(session, client, request.other)?;
            let state = node.inode().state().ok_or(Errno::EADDRINUSE)?;
            if state.attached.borrow().is_some() {
                return Err(Errno::EADDRINUSE);
            }
            unix.bound_to_path(&path)?;
            let name: Rc<Weak<UnixSocket>> = Rc::new(Rc::downgrade(unix));
            *state.attached.borrow_mut() = Some(name);
            Ok(())
        }
    }
}

/// The socket that an address leads to; `node`: that of a path name.
fn find(
    session: &Session,
    client: ClientId,
    kind: SocketType,
    address: &Address,
    node: u64,
) -> Result<Rc<UnixSocket>> {
    match address {
        Address::Unnamed => Err(Errno::EINVAL),
        Address::Abstract(name) => session.objects.sockets.domain.find(kind, name),
        Address::Path(_) => {
            let node = nodes::path(session, client, node)?;
            let attached = node.inode().used_state().and_then(|state| state.attached.borrow().clone());
            let socket = attached.and_then(|object| object.downcast::<Weak<UnixSocket>>().ok());
            socket.and_then(|socket| socket.upgrade()).ok_or(Errno::ECONNREFUSED)
        }
    }
}

/// With SO_PASSCRED a socket that speaks to another gets a name.
fn name_if_passing(unix: &UnixSocket) -> Result<()> {
    if unix.passes_credentials() { unix.bind_automatically() } else { Ok(()) }
}

fn connect(
    session: &Session,
    client: ClientId,
    request: &Request,
    address: &[u8],
    unix: &UnixSocket,
) -> Result<()> {
    if unix.kind() == SocketType::Datagram && address.get(..2) == Some(&AF_UNSPEC) {
        return unix.connect_unspecified();
    }
    let address = Address::decode(address)?;
    if address == Address::Unnamed {
        return Err(Errno::EINVAL);
    }
    name_if_passing(unix)?;
    unix.connect(&find(session, client, unix.kind(), &address, request.other)?)
}

fn send(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
    socket: &Socket,
) -> Result<Reply> {
    let sent = prepare(session, client, request, data, socket).and_then(|(bytes, message, to)| {
        name_if_passing(&socket.unix)?;
        socket.unix.send_to(&mut SliceSource(bytes), message, to)
    });
    data.clear();
    match sent {
        Ok(count) => Ok(number(count as u64)),
        Err(Errno::EPIPE) => {
            let mut reply = Reply { result: Errno::EPIPE.to_return_value(), ..Reply::default() };
            let quiet = request.arguments[0] as u32 & msg::NOSIGNAL != 0;
            reply.values[0] = u64::from(socket.unix.signals_broken_pipe() && !quiet);
            Ok(reply)
        }
        Err(error) => Err(error),
    }
}

/// Bytes, what goes with them, and where to.
type Parcel<'a> = (&'a [u8], Outgoing, Option<Rc<UnixSocket>>);

/// What is to be sent.
fn prepare<'a>(
    session: &Session,
    client: ClientId,
    request: &Request,
    data: &'a [u8],
    socket: &Socket,
) -> Result<Parcel<'a>> {
    let [flags, length, address, control, ..] = request.arguments.map(|n| n as usize);
    let (bytes, rest) = data.split_at_checked(length).ok_or(Errno::EINVAL)?;
    let (address, rest) = rest.split_at_checked(address).ok_or(Errno::EINVAL)?;
    let mut control = rest.get(..control).ok_or(Errno::EINVAL)?;
    let mut message = Outgoing { flags: flags as u32, ..Outgoing::default() };
    let mut to = None;
    if !address.is_empty() && socket.unix.kind() == SocketType::Stream {
        let connected = socket.unix.peer_name().is_ok();
        return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
    }
    if !address.is_empty() && socket.unix.kind() == SocketType::Datagram {
        to = Some(find(session, client, SocketType::Datagram, &Address::decode(address)?, request.other)?);
    }
    while !control.is_empty() {
        let (head, rest) = control.split_at_checked(8).ok_or(Errno::EINVAL)?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (kind, length) = (word(0), word(4) as usize);
        let (padded, rest) = rest.split_at_checked(length.next_multiple_of(8)).ok_or(Errno::EINVAL)?;
        let body = &padded[..length];
        control = rest;
        match kind {
            RIGHTS if message.rights.len() + length / 8 <= MAX_RIGHTS && length % 8 == 0 => {
                for id in body.as_chunks::<8>().0 {
                    message.rights.push(get(session, client, u64::from_le_bytes(*id))?);
                }
            }
            CREDENTIALS => {
                let body = <&[u8; 12]>::try_from(body).map_err(|_| Errno::EINVAL)?;
                message.credentials = Some(Credentials::decode(body));
            }
            // Of other families.
            OTHER => {}
            _ => return Err(Errno::EINVAL),
        }
    }
    Ok((bytes, message, to))
}

fn receive(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
    socket: &Socket,
) -> Result<Reply> {
    data.clear();
    let [flags, wanted, ..] = request.arguments;
    let mut flags = flags as u32;
    if socket.file.flags() & O_NONBLOCK != 0 {
        flags |= msg::DONTWAIT;
    }
    let wanted = wanted.min(ramet_abi::session::DATA_MAX - 8192) as usize;
    let received = socket.unix.receive(&mut BoundedSink::new(data, wanted), flags)?;
    let length = data.len();
    let address = &received.address;
    data.extend_from_slice(address);
    let control = control(session, client, &received)?;
    data.extend_from_slice(&control);
    let mut reply = number(received.count as u64);
    let lengths = [length, address.len(), control.len()].map(|n| n as u64);
    reply.values[..3].copy_from_slice(&lengths);
    reply.values[3] = u64::from(received.flags);
    Ok(reply)
}

/// The control messages of what has been received; the VM holds the descriptions from now on.
fn control(session: &mut Session, client: ClientId, received: &Received) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    if let Some(credentials) = received.credentials {
        out.extend_from_slice(&CREDENTIALS.to_le_bytes());
        out.extend_from_slice(&12u32.to_le_bytes());
        out.extend_from_slice(&credentials.encode());
        out.resize(out.len().next_multiple_of(8), 0);
    }
    if !received.rights.is_empty() {
        out.extend_from_slice(&RIGHTS.to_le_bytes());
        out.extend_from_slice(&(received.rights.len() as u32 * 8).to_le_bytes());
        for right in &received.rights {
            let file = right.clone().downcast::<OpenFile>().map_err(|_| Errno::EIO)?;
            out.extend_from_slice(&descriptions::give(session, client, file)?.to_le_bytes());
        }
    }
    Ok(out)
}
