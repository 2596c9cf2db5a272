//! Datagram sockets: udp(7).

mod file;
mod receive;
mod send;

use super::Inet;
use super::address::{self, Endpoint, Ip, family_of};
use super::base::Base;
use super::ports::Bound;
use super::route::{self, Route};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::ipc::object::{Origin, next_id};
use crate::ipc::socket::{SHUT_BOTH, SocketCaller, SocketOptions, family, name};
use crate::wait::Events;
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;

/// What lies in a queue.
#[derive(Clone)]
pub(super) struct Datagram {
    pub data: Vec<u8>,
    pub from: Endpoint,
    /// The address that it was sent to.
    pub to: Ip,
    /// Hop limit (time to live) and traffic class (type of service) of its header.
    pub marks: [u8; 2],
    /// Bytes that it counts against SO_RCVBUF.
    pub charge: usize,
}

impl Datagram {
    pub fn new(data: Vec<u8>, from: Endpoint, to: Ip, marks: [u8; 2]) -> Datagram {
        // What Linux counts: struct sk_buff, the data, struct skb_shared_info.
        Datagram { charge: 256 + (data.len() + 64 + 320).next_power_of_two(), data, from, to, marks }
    }
}

/// A datagram socket.
pub struct UdpSocket {
    me: Weak<UdpSocket>,
    pub(super) base: Base,
    is_dead: Cell<bool>,
    inbox: RefCell<VecDeque<Datagram>>,
    /// What the queue counts against SO_RCVBUF.
    charged: Cell<usize>,
}

impl Bound for UdpSocket {
    fn base(&self) -> &Base {
        &self.base
    }

    fn is_listening(&self) -> bool {
        false
    }
}

impl UdpSocket {
    /// An unbound socket.
    pub fn new(domain: &Rc<Inet>, is_v6: bool, origin: Origin) -> Rc<UdpSocket> {
        UdpSocket::with_id(domain, is_v6, origin, next_id())
    }

    pub(super) fn with_id(domain: &Rc<Inet>, is_v6: bool, origin: Origin, id: u64) -> Rc<UdpSocket> {
        Rc::new_cyclic(|me| UdpSocket {
            me: me.clone(),
            base: Base::new(domain, is_v6, origin, id, SocketOptions::default()),
            is_dead: Cell::new(false),
            inbox: RefCell::default(),
            charged: Cell::new(0),
        })
    }

    /// Its number, as the inode of `/proc/net/udp`.
    pub fn id(&self) -> u64 {
        self.base.id
    }

    fn take_port(&self, at: Endpoint) -> Result<()> {
        let me = self.me.upgrade().ok_or(Errno::EBADF)?;
        let domain = &self.base.domain;
        domain.udp.borrow_mut().bind(&me, at, false, domain.now())
    }

    /// A socket that speaks has a port.
    fn bind_automatically(&self) -> Result<()> {
        if self.base.is_bound.get() {
            return Ok(());
        }
        self.take_port(self.base.local.get()).map_err(|_| Errno::EAGAIN)
    }

    fn bind_to(&self, bytes: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        let at = self.base.address_to_bind(bytes, false, !self.base.is_bound.get(), caller)?;
        self.take_port(at)?;
        self.base.lock_address(at);
        Ok(())
    }

    /// The endpoint that an address of connect(2) or sendto(2) names. `None`: AF_UNSPEC where that means no address.
    fn target(&self, bytes: &[u8], connects: bool) -> Result<Option<Endpoint>> {
        let base = &self.base;
        let family = family_of(bytes).ok_or(Errno::EINVAL)?;
        if !base.is_v6 || family == family::INET {
            if bytes.len() < address::SIZE4 {
                return Err(Errno::EINVAL);
            }
            let passes = family == family::INET || family == family::UNSPEC && !connects;
            if !passes || base.only_v6.get() && connects {
                return Err(Errno::EAFNOSUPPORT);
            }
            return Ok(Some(address::decode4(bytes)));
        }
        match family {
            family::INET6 => Ok(Some(Endpoint::decode(bytes, true)?)),
            family::UNSPEC => Ok(None),
            _ if connects => Err(Errno::EAFNOSUPPORT),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Where a datagram to `to` goes, and the address that it comes from.
    fn route(&self, to: Endpoint) -> Result<(Ip, Endpoint)> {
        let base = &self.base;
        if base.only_v6.get() && to.ip.is_v4() || to.ip.is_multicast() {
            return Err(Errno::ENETUNREACH);
        }
        let Route::Loopback { source, destination } = route::find(to.ip)?;
        if route::is_broadcast(to.ip) && !base.options.is_on(name::BROADCAST) {
            return Err(Errno::EACCES);
        }
        let own = base.local.get().ip;
        if own.is_any() {
            return Ok((source, Endpoint { ip: destination, ..to }));
        }
        if own.is_v4() != destination.is_v4() {
            return Err(if own.is_v4() { Errno::EAFNOSUPPORT } else { Errno::ENETUNREACH });
        }
        Ok((own, Endpoint { ip: destination, ..to }))
    }

    fn connect_to(&self, bytes: &[u8]) -> Result<()> {
        if family_of(bytes).ok_or(Errno::EINVAL)? == family::UNSPEC {
            self.disconnect();
            return Ok(());
        }
        self.bind_automatically()?;
        let to = self.target(bytes, true)?.ok_or(Errno::EINVAL)?;
        let (source, remote) = self.route(to)?;
        let base = &self.base;
        base.local.set(Endpoint { ip: source, ..base.local.get() });
        base.remote.set(Some(remote));
        base.queue.notify(Events::OUT);
        Ok(())
    }

    fn disconnect(&self) {
        let base = &self.base;
        let table = &base.domain.udp;
        let listed = base.is_bound.get() && base.is_port_locked.get();
        table.borrow_mut().remove(self);
        base.reset_address();
        if let Some(me) = self.me.upgrade().filter(|_| listed) {
            table.borrow_mut().insert(&me);
        }
    }

    fn shut_down(&self, how: i32) -> Result<()> {
        self.base.add_shut(Base::sides(how)?);
        self.base.queue.notify(Events::ALL);
        if self.base.remote.get().is_some() { Ok(()) } else { Err(Errno::ENOTCONN) }
    }

    /// The last descriptor is closed.
    fn close(&self) {
        if self.is_dead.replace(true) {
            return;
        }
        self.base.domain.udp.borrow_mut().remove(self);
        self.base.shut.set(SHUT_BOTH);
        self.inbox.borrow_mut().clear();
        self.base.queue.notify(Events::ALL);
    }

    pub(super) fn take_datagram(&self) -> Option<Datagram> {
        self.inbox.borrow_mut().pop_front()
    }

    /// It is somewhere else now.
    pub(super) fn forget(&self) {
        self.is_dead.set(true);
        self.base.domain.udp.borrow_mut().remove(self);
        self.inbox.borrow_mut().clear();
    }

    /// Bytes that lie in the queue, as `/proc/net/udp` counts them.
    pub(super) fn queued(&self) -> usize {
        self.charged.get()
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.close();
    }
}
