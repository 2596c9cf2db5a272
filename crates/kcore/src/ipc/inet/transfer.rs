//! Sockets on their way to another kernel of the session, with the ports that they have and the bytes that lie in them.
//!
//! All sockets of a VM move at once. The state comes first, with numbers for who belongs to whom; the bytes follow in pieces, which
//! [`append`] puts where they were.

use super::address::{Endpoint, Ip};
use super::base::Base;
use super::ports::TimeWait;
use super::udp::Datagram;
use super::{Inet, TcpSocket, UdpSocket};
use crate::errno::{Errno, Result};
use crate::fields::{Fields, Writer};
use crate::file::File;
use crate::ipc::object::Origin;
use crate::map::Map;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Most sockets, ended connections and options that one state has.
const COUNT_MAX: u64 = 1 << 16;
/// Most bytes that a piece of a stream has.
const PIECE: usize = 1 << 18;
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;

/// A socket of either kind.
#[derive(Clone)]
pub enum AnySocket {
    /// A stream socket.
    Tcp(Rc<TcpSocket>),
    /// A datagram socket.
    Udp(Rc<UdpSocket>),
}

impl AnySocket {
    /// The socket that `file` is.
    pub fn of(file: &Rc<dyn File>) -> Option<AnySocket> {
        let any: Rc<dyn core::any::Any> = file.clone();
        match any.downcast::<TcpSocket>() {
            Ok(socket) => Some(AnySocket::Tcp(socket)),
            Err(any) => any.downcast::<UdpSocket>().ok().map(AnySocket::Udp),
        }
    }

    /// As a file.
    pub fn file(&self) -> Rc<dyn File> {
        match self {
            AnySocket::Tcp(socket) => socket.clone(),
            AnySocket::Udp(socket) => socket.clone(),
        }
    }

    fn base(&self) -> &Base {
        match self {
            AnySocket::Tcp(socket) => &socket.base,
            AnySocket::Udp(socket) => &socket.base,
        }
    }

    fn address(&self) -> usize {
        core::ptr::from_ref(self.base()) as usize
    }
}

/// A number for each socket.
pub(super) struct Numbers(Map<usize, u32>);

impl Numbers {
    /// 1 + the number of the socket with that common part; 0: it does not move.
    pub fn of(&self, base: &Base) -> u32 {
        self.0.get(&(core::ptr::from_ref(base) as usize)).map_or(0, |number| number + 1)
    }
}

/// Sockets of a VM that move.
pub struct Export {
    /// Those that are open, then the connections that nobody has accepted yet.
    pub sockets: Vec<AnySocket>,
}

impl Export {
    /// Of the sockets that are open.
    pub fn of(open: Vec<AnySocket>) -> Export {
        let mut sockets = open;
        let embryos: Vec<AnySocket> = sockets
            .iter()
            .filter_map(|socket| match socket {
                AnySocket::Tcp(socket) => Some(socket.pending_connections()),
                AnySocket::Udp(_) => None,
            })
            .flatten()
            .map(AnySocket::Tcp)
            .collect();
        sockets.extend(embryos);
        Export { sockets }
    }

    /// The state of all, without the bytes in their queues. `open`: how many have a description.
    pub fn state(&self, open: usize) -> Vec<u8> {
        let numbers = self.sockets.iter().zip(0..).map(|(socket, n)| (socket.address(), n));
        let numbers = Numbers(numbers.collect());
        let mut out = Writer::default();
        out.u32(self.sockets.len() as u32).u32(open as u32);
        for socket in &self.sockets {
            match socket {
                AnySocket::Tcp(socket) => {
                    put_base(out.u32(STREAM), &socket.base);
                    socket.put_state(&mut out, &numbers);
                }
                AnySocket::Udp(socket) => put_base(out.u32(DATAGRAM), &socket.base),
            }
        }
        let Some(domain) = self.sockets.first().map(|socket| &socket.base().domain) else { return out.0 };
        let now = domain.now();
        let ports = domain.tcp.borrow();
        let waits: Vec<&TimeWait> = ports.waits().take(COUNT_MAX as usize).collect();
        out.u32(waits.len() as u32);
        for wait in waits {
            put_endpoint(&mut out, wait.local);
            put_endpoint(&mut out, wait.remote);
            out.u64(now.saturating_sub(wait.since)).u32(u32::from(wait.reuse));
        }
        out.0
    }

    /// The next piece of what lies in socket `n`, for [`append`]; it is taken out.
    pub fn piece(&self, n: usize) -> Option<Vec<u8>> {
        let mut out = Writer::default();
        out.u32(n as u32);
        match self.sockets.get(n)? {
            AnySocket::Tcp(socket) => {
                let bytes = socket.take_unread(PIECE);
                if bytes.is_empty() {
                    return None;
                }
                out.bytes(&bytes);
            }
            AnySocket::Udp(socket) => {
                let datagram = socket.take_datagram()?;
                put_endpoint(&mut out, datagram.from);
                put_endpoint(&mut out, Endpoint { ip: datagram.to, port: 0 });
                out.bytes(&datagram.marks);
                out.bytes(&datagram.data);
            }
        }
        Some(out.0)
    }

    /// The sockets here are no more; nobody is told.
    pub fn finish(&self) {
        for socket in &self.sockets {
            match socket {
                AnySocket::Tcp(socket) => socket.forget(),
                AnySocket::Udp(socket) => socket.forget(),
            }
        }
    }
}

fn put_endpoint(out: &mut Writer, at: Endpoint) {
    out.u64((at.ip.0 >> 64) as u64).u64(at.ip.0 as u64).u32(at.port.into());
}

fn endpoint(fields: &mut Fields<'_>) -> Result<Endpoint> {
    let ip = u128::from(fields.u64()?) << 64 | u128::from(fields.u64()?);
    let port = u16::try_from(fields.u32()?).map_err(|_| Errno::EINVAL)?;
    Ok(Endpoint { ip: Ip(ip), port })
}

fn put_base(out: &mut Writer, base: &Base) {
    let bits = [
        base.is_v6,
        base.is_bound.get(),
        base.is_address_locked.get(),
        base.is_port_locked.get(),
        base.only_v6.get(),
        base.remote.get().is_some(),
    ];
    let bits = bits.iter().rev().fold(0, |bits, &bit| bits << 1 | u32::from(bit));
    out.u32(bits).u32(base.origin.uid).u32(base.origin.gid).u64(base.origin.now as u64).u64(base.id);
    put_endpoint(out, base.local.get());
    put_endpoint(out, base.remote.get().unwrap_or(Endpoint::none(base.is_v6)));
    out.u32(base.error.get().map_or(0, |error| error.0 as u32)).u32(base.shut.get().into());
    base.options.export(out);
    let settings = base.settings.all();
    out.u32(settings.len() as u32);
    for (level, name, value) in settings {
        out.u32(level as u32).u32(name as u32).u32(value as u32);
    }
}

/// Fills what [`put_base`] has written into a new socket's common part. Whether it has a port.
fn fill(base: &Base, bits: u32, fields: &mut Fields<'_>) -> Result<bool> {
    let bit = |n: u32| bits >> n & 1 != 0;
    base.is_address_locked.set(bit(2));
    base.is_port_locked.set(bit(3));
    base.only_v6.set(bit(4));
    base.local.set(endpoint(fields)?);
    let remote = endpoint(fields)?;
    base.remote.set(bit(5).then_some(remote));
    let error = fields.u32()?;
    if error > 4095 {
        return Err(Errno::EINVAL);
    }
    base.error.set((error != 0).then_some(Errno(error as i32)));
    base.shut.set((fields.u32()? & 3) as u8);
    base.options.import(fields)?;
    for _ in 0..count(fields)? {
        let (level, name, value) = (fields.u32()?, fields.u32()?, fields.u32()?);
        base.settings.put((level as i32, name as i32), value as i32);
    }
    Ok(bit(1) && base.local.get().port != 0)
}

fn count(fields: &mut Fields<'_>) -> Result<u32> {
    let count = fields.u32()?;
    if u64::from(count) > COUNT_MAX { Err(Errno::EINVAL) } else { Ok(count) }
}

/// What [`Inet::import`] has made.
pub struct Import {
    /// All sockets, in the order of the export.
    pub sockets: Vec<AnySocket>,
    /// How many of them, from the first, are to be described.
    pub open: usize,
}

impl Inet {
    /// Makes the sockets of a state that [`Export::state`] has written. It may come from somebody who means ill.
    ///
    /// # Errors
    /// EINVAL.
    pub fn import(self: &Rc<Self>, state: &[u8]) -> Result<Import> {
        let mut fields = Fields(state);
        let total = count(&mut fields)?;
        let open = count(&mut fields)?.min(total);
        let mut sockets: Vec<AnySocket> = Vec::new();
        let mut links = Vec::new();
        for _ in 0..total {
            let kind = fields.u32()?;
            let bits = fields.u32()?;
            let origin = Origin { uid: fields.u32()?, gid: fields.u32()?, now: fields.u64()? as i64 };
            let id = fields.u64()?;
            let is_v6 = bits & 1 != 0;
            match kind {
                STREAM => {
                    let socket = TcpSocket::with_id(self, is_v6, origin, id);
                    let has_port = fill(&socket.base, bits, &mut fields)?;
                    links.push((sockets.len(), socket.fill_state(&mut fields)?));
                    if has_port {
                        self.tcp.borrow_mut().insert(&socket);
                    }
                    sockets.push(AnySocket::Tcp(socket));
                }
                DATAGRAM => {
                    let socket = UdpSocket::with_id(self, is_v6, origin, id);
                    if fill(&socket.base, bits, &mut fields)? {
                        self.udp.borrow_mut().insert(&socket);
                    }
                    sockets.push(AnySocket::Udp(socket));
                }
                _ => return Err(Errno::EINVAL),
            }
        }
        let stream = |number: u32| match sockets.get((number as usize).wrapping_sub(1)) {
            Some(AnySocket::Tcp(socket)) => Some(socket.clone()),
            _ => None,
        };
        let mut accepted = crate::map::Set::new();
        for (n, link) in links {
            let Some(AnySocket::Tcp(socket)) = sockets.get(n) else { continue };
            socket.link(stream(link.peer).as_ref());
            for number in link.pending {
                // Each waits once, and only those that are not open: nothing keeps itself alive.
                let child = stream(number).filter(|_| number as usize > open as usize);
                let child = child.filter(|_| accepted.insert(number)).ok_or(Errno::EINVAL)?;
                socket.link_pending(child);
            }
            for number in link.waiting {
                socket.link_waiting(&stream(number).ok_or(Errno::EINVAL)?);
            }
        }
        let now = self.now();
        if !fields.is_empty() {
            for _ in 0..count(&mut fields)? {
                let (local, remote) = (endpoint(&mut fields)?, endpoint(&mut fields)?);
                let since = now.saturating_sub(fields.u64()?);
                let reuse = fields.u32()? != 0;
                self.tcp.borrow_mut().wait(TimeWait { local, remote, since, reuse });
            }
        }
        Ok(Import { sockets, open: open as usize })
    }
}

/// Puts a piece that [`Export::piece`] has taken out into one of `sockets`.
///
/// # Errors
/// EINVAL.
pub fn append(sockets: &[AnySocket], piece: &[u8]) -> Result<()> {
    let mut fields = Fields(piece);
    match sockets.get(fields.u32()? as usize) {
        Some(AnySocket::Tcp(socket)) => socket.put_unread(fields.0.to_vec()),
        Some(AnySocket::Udp(socket)) => {
            let (from, to) = (endpoint(&mut fields)?, endpoint(&mut fields)?.ip);
            let (marks, data) = fields.0.split_first_chunk().ok_or(Errno::EINVAL)?;
            socket.put_datagram(Datagram::new(data.to_vec(), from, to, *marks));
            Ok(())
        }
        None => Err(Errno::EINVAL),
    }
}
