//! AF_INET and AF_INET6 without packets: sockets of one session that talk to each other over the loopback addresses.
//!
//! ```text
//! tcp, udp   the sockets: what a call does, as a program sees it on Linux
//!    |
//! ports      who has which port (one table for each protocol), where a packet to an endpoint would go
//!    |
//! route      which addresses there are, what leads where
//! ```
//! What is sent lies in the receiver's queue at once: nothing is lost, delayed or acknowledged. Another network is one more kind of
//! [`route::Route`], behind which a socket hands its bytes to somebody else than a peer of this table.

pub mod address;
mod base;
pub mod interface;
mod ports;
pub mod route;
mod settings;
mod table;
mod tcp;
#[cfg(test)]
mod tests;
pub mod transfer;
mod udp;

pub use address::{Endpoint, Ip};
pub use tcp::TcpSocket;
pub use udp::UdpSocket;

use super::object::Origin;
use super::socket::{SocketCaller, SocketType, family};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::credentials::cap;
use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::Cell;
use ports::Ports;
use settings::{IPPROTO_TCP, IPPROTO_UDP};

/// IPPROTO_MAX.
const PROTOCOLS: i32 = 263;

/// What the internet sockets of a session have in common.
pub struct Inet {
    tcp: RefCell<Ports<TcpSocket>>,
    udp: RefCell<Ports<UdpSocket>>,
    now: Box<dyn Fn() -> u64>,
    turn: Cell<usize>,
}

impl Inet {
    /// Nobody has a port. `now`: CLOCK_MONOTONIC, ns.
    pub fn new(now: Box<dyn Fn() -> u64>) -> Rc<Inet> {
        Rc::new(Inet { tcp: RefCell::default(), udp: RefCell::default(), now, turn: Cell::new(0) })
    }

    /// socket(2) of AF_INET or AF_INET6. `kind`: without flags.
    ///
    /// # Errors
    /// EINVAL; ESOCKTNOSUPPORT; EPROTONOSUPPORT; EPERM: a raw socket.
    pub fn socket(
        self: &Rc<Self>,
        family: u16,
        kind: u32,
        protocol: i32,
        origin: Origin,
        caller: &dyn SocketCaller,
    ) -> Result<Rc<dyn File>> {
        const RAW: u32 = SocketType::Raw as u32;
        let is_v6 = family == family::INET6;
        if !(0..PROTOCOLS).contains(&protocol) {
            return Err(Errno::EINVAL);
        }
        match (kind, protocol) {
            (1, 0 | IPPROTO_TCP) => Ok(TcpSocket::new(self, is_v6, origin)),
            (2, 0 | IPPROTO_UDP) => Ok(UdpSocket::new(self, is_v6, origin)),
            (RAW, 1..) if !caller.has(cap::NET_RAW) => Err(Errno::EPERM),
            (1 | 2 | RAW, _) => Err(Errno::EPROTONOSUPPORT),
            _ => Err(Errno::ESOCKTNOSUPPORT),
        }
    }

    fn now(&self) -> u64 {
        (self.now)()
    }

    /// Counts up: whose turn it is among those that share a port.
    fn next_turn(&self) -> usize {
        self.turn.set(self.turn.get().wrapping_add(1));
        self.turn.get()
    }
}
