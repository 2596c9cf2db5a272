//! AF_NETLINK, protocol NETLINK_ROUTE: what interfaces and addresses there are (rtnetlink(7)). Nothing can be changed, and nothing changes.

use super::inet::Ip;
use super::inet::interface::{self, FLAGS, HARDWARE, INDEX, LOWER_UP, MTU, NAME, QUEUE};
use super::object::{Origin, next_id, socket_stat};
use super::socket::{
    Outgoing, READABLE, Received, SOL_SOCKET, Socket, SocketCaller, SocketOptions, SocketType, WRITABLE,
    copy_in, family, msg, name,
};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::{File, flags};
use crate::fs::credentials::cap;
use crate::stat::Stat;
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;

/// NETLINK_ROUTE.
const ROUTE: i32 = 0;
/// Bytes of struct nlmsghdr.
const HEADER: usize = 16;
/// Bytes of struct sockaddr_nl.
const ADDRESS: usize = 12;
/// Longest message that is taken.
const MESSAGE_MAX: usize = 65_536;
/// Answers that wait to be read, at most.
const ANSWERS_MAX: usize = 256;

/// Types of messages.
mod kind {
    pub const ERROR: u16 = 2;
    pub const DONE: u16 = 3;
    pub const NEW_LINK: u16 = 16;
    pub const GET_LINK: u16 = 18;
    pub const NEW_ADDRESS: u16 = 20;
    pub const GET_ADDRESS: u16 = 22;
    /// Smaller ones are for control.
    pub const FIRST: u16 = 16;
}

/// NLM_F_*.
const REQUEST: u16 = 1;
const MULTI: u16 = 2;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;

/// A socket of rtnetlink.
pub struct NetlinkSocket {
    id: u64,
    origin: Origin,
    kind: SocketType,
    /// Its address; 0: none yet.
    port: Cell<u32>,
    groups: Cell<u32>,
    inbox: RefCell<VecDeque<Vec<u8>>>,
    options: SocketOptions,
    queue: WaitQueue,
}

impl NetlinkSocket {
    /// socket(2) of AF_NETLINK. `kind`: without flags.
    ///
    /// # Errors
    /// ESOCKTNOSUPPORT; EPROTONOSUPPORT.
    pub fn new(kind: u32, protocol: i32, origin: Origin) -> Result<Rc<NetlinkSocket>> {
        let kind = match kind {
            2 => SocketType::Datagram,
            3 => SocketType::Raw,
            _ => return Err(Errno::ESOCKTNOSUPPORT),
        };
        if protocol != ROUTE {
            return Err(Errno::EPROTONOSUPPORT);
        }
        Ok(Rc::new(NetlinkSocket {
            id: next_id(),
            origin,
            kind,
            port: Cell::new(0),
            groups: Cell::new(0),
            inbox: RefCell::default(),
            options: SocketOptions::default(),
            queue: WaitQueue::new(),
        }))
    }

    fn name_automatically(&self, caller: &dyn SocketCaller) {
        if self.port.get() == 0 {
            self.port.set(caller.credentials().pid as u32);
        }
    }

    fn answer(&self, bytes: Vec<u8>) -> Result<()> {
        if self.inbox.borrow().len() >= ANSWERS_MAX {
            return Err(Errno::ENOBUFS);
        }
        self.inbox.borrow_mut().push_back(bytes);
        self.queue.notify(READABLE);
        Ok(())
    }

    /// Answers one request.
    fn serve(&self, request: &[u8]) -> Result<()> {
        let half = |at: usize| u16::from_le_bytes([request[at], request[at + 1]]);
        let word = |at: usize| u32::from_le_bytes(core::array::from_fn(|k| request[at + k]));
        let (wanted, flags, sequence) = (half(4), half(6), word(8));
        if flags & REQUEST == 0 || wanted < kind::FIRST {
            return Ok(());
        }
        let to = To { sequence, port: self.port.get() };
        let family = request.get(HEADER).map_or(0, |&family| u16::from(family));
        let dump = flags & DUMP == DUMP;
        let outcome = match wanted {
            kind::GET_LINK if dump => self.dump(&to, |out| link(out, &to, MULTI)),
            kind::GET_LINK => {
                let index = request.get(HEADER + 4..HEADER + 8).map_or(0, |_| word(HEADER + 4));
                if index != INDEX && !names_loopback(request) {
                    Err(Errno::ENODEV)
                } else {
                    let mut out = Vec::new();
                    link(&mut out, &to, 0);
                    self.answer(out)
                }
            }
            kind::GET_ADDRESS if dump => self.dump(&to, |out| {
                if family != family::INET6 {
                    address(out, &to, family::INET, &[127, 0, 0, 1], 8);
                }
                if family != family::INET {
                    address(out, &to, family::INET6, &Ip::LOOPBACK6.0.to_be_bytes(), 128);
                }
            }),
            // New, delete, get, set: a group of four for each thing.
            _ if wanted % 4 != 2 => Err(Errno::EPERM),
            _ => Err(Errno::EOPNOTSUPP),
        };
        match outcome {
            Ok(()) if flags & ACK == 0 || dump => Ok(()),
            other => {
                let mut out = Vec::new();
                let code = other.err().map_or(0, |error| -error.0);
                let body = [&code.to_le_bytes()[..], &request[..HEADER]].concat();
                message(&mut out, &to, kind::ERROR, 0, &body);
                self.answer(out)
            }
        }
    }

    /// Several messages and the end of them.
    fn dump(&self, to: &To, fill: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let mut out = Vec::new();
        fill(&mut out);
        if !out.is_empty() {
            self.answer(out)?;
        }
        let mut end = Vec::new();
        message(&mut end, to, kind::DONE, MULTI, &[0; 4]);
        self.answer(end)
    }
}

/// Whom an answer is for.
struct To {
    sequence: u32,
    port: u32,
}

fn message(out: &mut Vec<u8>, to: &To, kind: u16, flags: u16, body: &[u8]) {
    out.extend_from_slice(&((HEADER + body.len()) as u32).to_le_bytes());
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&to.sequence.to_le_bytes());
    out.extend_from_slice(&to.port.to_le_bytes());
    out.extend_from_slice(body);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&((4 + value.len()) as u16).to_le_bytes());
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The interface's name, with its terminating zero.
fn name_bytes() -> Vec<u8> {
    [NAME, &[0]].concat()
}

/// RTM_NEWLINK of `lo`.
fn link(out: &mut Vec<u8>, to: &To, flags: u16) {
    let mut body = alloc::vec![0, 0];
    body.extend_from_slice(&HARDWARE.to_le_bytes());
    body.extend_from_slice(&INDEX.to_le_bytes());
    body.extend_from_slice(&(FLAGS | LOWER_UP).to_le_bytes());
    body.extend_from_slice(&[0; 4]);
    const IFLA_ADDRESS: u16 = 1;
    const IFLA_BROADCAST: u16 = 2;
    const IFLA_IFNAME: u16 = 3;
    const IFLA_MTU: u16 = 4;
    const IFLA_QDISC: u16 = 6;
    const IFLA_TXQLEN: u16 = 13;
    const IFLA_OPERSTATE: u16 = 16;
    const IFLA_LINKMODE: u16 = 17;
    attribute(&mut body, IFLA_IFNAME, &name_bytes());
    attribute(&mut body, IFLA_TXQLEN, &QUEUE.to_le_bytes());
    attribute(&mut body, IFLA_OPERSTATE, &[0]);
    attribute(&mut body, IFLA_LINKMODE, &[0]);
    attribute(&mut body, IFLA_MTU, &MTU.to_le_bytes());
    attribute(&mut body, IFLA_QDISC, b"noqueue\0");
    attribute(&mut body, IFLA_ADDRESS, &[0; 6]);
    attribute(&mut body, IFLA_BROADCAST, &[0; 6]);
    message(out, to, kind::NEW_LINK, flags, &body);
}

/// RTM_NEWADDR of an address of `lo`.
fn address(out: &mut Vec<u8>, to: &To, family: u16, bytes: &[u8], prefix: u8) {
    const PERMANENT: u8 = 0x80;
    const SCOPE_HOST: u8 = 254;
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    const IFA_LABEL: u16 = 3;
    const IFA_CACHEINFO: u16 = 6;
    const IFA_FLAGS: u16 = 8;
    let mut body = alloc::vec![family as u8, prefix, PERMANENT, SCOPE_HOST];
    body.extend_from_slice(&INDEX.to_le_bytes());
    attribute(&mut body, IFA_ADDRESS, bytes);
    if family == family::INET {
        attribute(&mut body, IFA_LOCAL, bytes);
        attribute(&mut body, IFA_LABEL, &name_bytes());
    }
    attribute(&mut body, IFA_FLAGS, &u32::from(PERMANENT).to_le_bytes());
    let for_ever = [[0xff; 8], [0; 8]].concat();
    attribute(&mut body, IFA_CACHEINFO, &for_ever);
    message(out, to, kind::NEW_ADDRESS, MULTI, &body);
}

/// Whether a request for a link has the name of `lo` among its attributes.
fn names_loopback(request: &[u8]) -> bool {
    const IFINFO: usize = 16;
    const IFLA_IFNAME: u16 = 3;
    let mut rest = request.get(HEADER + IFINFO..).unwrap_or(&[]);
    while let Some(&[a, b, c, d]) = rest.first_chunk::<4>() {
        let (length, kind) = (usize::from(u16::from_le_bytes([a, b])), u16::from_le_bytes([c, d]));
        let Some(value) = rest.get(4..length) else { return false };
        if kind == IFLA_IFNAME {
            return value.split(|&byte| byte == 0).next() == Some(NAME);
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    false
}

fn encode(port: u32, groups: u32) -> Vec<u8> {
    let mut bytes = family::NETLINK.to_le_bytes().to_vec();
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&port.to_le_bytes());
    bytes.extend_from_slice(&groups.to_le_bytes());
    bytes
}

/// Port and groups of a struct sockaddr_nl.
fn decode(bytes: &[u8]) -> Result<(u32, u32)> {
    if bytes.len() < ADDRESS || bytes[..2] != family::NETLINK.to_le_bytes() {
        return Err(Errno::EINVAL);
    }
    let word = |at: usize| u32::from_le_bytes(core::array::from_fn(|k| bytes[at + k]));
    Ok((word(4), word(8)))
}

impl File for NetlinkSocket {
    fn read(&self, _: u64, into: &mut dyn Sink, status: u32) -> Result<usize> {
        let flags = if status & flags::O_NONBLOCK != 0 { msg::DONTWAIT } else { 0 };
        self.receive(into, flags, 0).map(|received| received.count)
    }

    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        self.send(from, Outgoing::default(), &super::socket::Nobody)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(socket_stat(self.id, self.origin))
    }

    fn poll(&self) -> Events {
        if self.inbox.borrow().is_empty() { WRITABLE } else { WRITABLE.or(READABLE) }
    }

    fn is_stream(&self) -> bool {
        false
    }

    fn raises_sigpipe(&self) -> bool {
        false
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        interface::ioctl(request, argument, memory)
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Socket for NetlinkSocket {
    fn family(&self) -> u16 {
        family::NETLINK
    }

    fn kind(&self) -> SocketType {
        self.kind
    }

    fn timeout(&self, sends: bool) -> u64 {
        if sends { self.options.send_timeout.get() } else { self.options.receive_timeout.get() }
    }

    fn bind(&self, address: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        let (port, groups) = decode(address)?;
        if self.port.get() != 0 && port != self.port.get() {
            return Err(Errno::EINVAL);
        }
        if port != 0 {
            self.port.set(port);
        }
        self.name_automatically(caller);
        self.groups.set(groups);
        Ok(())
    }

    fn listen(&self, _: i32, _: &dyn SocketCaller) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    fn connect(&self, address: &[u8], _: u32, caller: &dyn SocketCaller) -> Result<()> {
        // Only the kernel can be spoken to.
        if decode(address)? != (0, 0) {
            return Err(Errno::EPERM);
        }
        self.name_automatically(caller);
        Ok(())
    }

    fn accept(&self, _: u32) -> Result<Rc<dyn File>> {
        Err(Errno::EOPNOTSUPP)
    }

    fn shutdown(&self, _: i32) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    fn name(&self) -> Result<Vec<u8>> {
        Ok(encode(self.port.get(), self.groups.get()))
    }

    fn peer_name(&self) -> Result<Vec<u8>> {
        Ok(encode(0, 0))
    }

    fn option(&self, level: i32, option: i32, _: usize) -> Result<Vec<u8>> {
        let value = match (level, option) {
            (SOL_SOCKET, name::TYPE) => self.kind as i32,
            (SOL_SOCKET, name::DOMAIN) => i32::from(family::NETLINK),
            (SOL_SOCKET, name::PROTOCOL | name::ERROR | name::ACCEPTCONN) => 0,
            (SOL_SOCKET, _) => return self.options.get(option),
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    fn set_option(&self, level: i32, option: i32, value: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        if level != SOL_SOCKET {
            return Err(Errno::ENOPROTOOPT);
        }
        self.options.set(option, value, caller.has(cap::NET_ADMIN)).map(|_| ())
    }

    fn send(&self, from: &mut dyn Source, message: Outgoing, caller: &dyn SocketCaller) -> Result<usize> {
        if message.flags & msg::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if let Some(address) = &message.address
            && decode(address)?.0 != 0
        {
            return Err(Errno::ECONNREFUSED);
        }
        self.name_automatically(caller);
        let size = from.remaining();
        if size > MESSAGE_MAX {
            return Err(Errno::EMSGSIZE);
        }
        let bytes = copy_in(from, size)?;
        let mut rest = &bytes[..];
        while rest.len() >= HEADER {
            let length = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            let Some(request) = rest.get(..length).filter(|request| request.len() >= HEADER) else { break };
            self.serve(request)?;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
        Ok(size)
    }

    fn receive(&self, into: &mut dyn Sink, flags: u32, _: usize) -> Result<Received> {
        if flags & msg::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let next = self.inbox.borrow_mut().pop_front().ok_or(Errno::EAGAIN)?;
        let part = next.len().min(into.remaining());
        let copied = if part == 0 { Ok(0) } else { into.put(&next[..part]) };
        let received = Received {
            count: if flags & msg::TRUNC != 0 { next.len() } else { part },
            flags: if part < next.len() { msg::TRUNC } else { 0 },
            address: encode(0, 0),
            ..Received::default()
        };
        if flags & msg::PEEK != 0 {
            self.inbox.borrow_mut().push_front(next);
        }
        if copied == Ok(part) { Ok(received) } else { Err(Errno::EFAULT) }
    }
}
