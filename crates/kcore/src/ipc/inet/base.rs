//! What TCP and UDP sockets have in common.

use super::Inet;
use super::address::{self, Endpoint, Ip};
use super::ports::UNPRIVILEGED;
use super::route;
use super::settings::Settings;
use crate::errno::{Errno, Result};
use crate::fs::credentials::cap;
use crate::ipc::object::{Changed, Origin};
use crate::ipc::socket::{SHUT_BOTH, SHUT_RECEIVE, SHUT_SEND, SocketCaller, SocketOptions, family};
use crate::wait::WaitQueue;
use alloc::rc::Rc;
use core::cell::Cell;

/// The common part of a socket.
pub struct Base {
    pub(super) domain: Rc<Inet>,
    /// Inode number.
    pub(super) id: u64,
    pub(super) origin: Origin,
    /// Attributes that differ from those that it was made with.
    pub(super) changed: Changed,
    /// A socket of AF_INET6.
    pub(super) is_v6: bool,
    pub(super) local: Cell<Endpoint>,
    pub(super) remote: Cell<Option<Endpoint>>,
    /// It has its port: it is in the table of ports.
    pub(super) is_bound: Cell<bool>,
    /// bind(2) has chosen the address.
    pub(super) is_address_locked: Cell<bool>,
    /// bind(2) has chosen the port.
    pub(super) is_port_locked: Cell<bool>,
    /// IPV6_V6ONLY.
    pub(super) only_v6: Cell<bool>,
    pub(super) error: Cell<Option<Errno>>,
    pub(super) shut: Cell<u8>,
    pub(super) options: SocketOptions,
    pub(super) settings: Settings,
    pub(super) queue: WaitQueue,
}

impl Base {
    pub(super) fn new(
        domain: &Rc<Inet>,
        is_v6: bool,
        origin: Origin,
        id: u64,
        options: SocketOptions,
    ) -> Base {
        Base {
            domain: domain.clone(),
            id,
            origin,
            changed: Changed::default(),
            is_v6,
            local: Cell::new(Endpoint::none(is_v6)),
            remote: Cell::new(None),
            is_bound: Cell::new(false),
            is_address_locked: Cell::new(false),
            is_port_locked: Cell::new(false),
            only_v6: Cell::new(false),
            error: Cell::new(None),
            shut: Cell::new(0),
            options,
            settings: Settings::default(),
            queue: WaitQueue::new(),
        }
    }

    pub(super) fn family(&self) -> u16 {
        if self.is_v6 { family::INET6 } else { family::INET }
    }

    pub(super) fn take_error(&self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    pub(super) fn has_shut(&self, side: u8) -> bool {
        self.shut.get() & side != 0
    }

    pub(super) fn add_shut(&self, side: u8) {
        self.shut.set(self.shut.get() | side);
    }

    /// What bind(2) is asked for. `is_idle`: the socket is neither bound nor connected.
    ///
    /// # Errors
    /// As bind(2).
    pub(super) fn address_to_bind(
        &self,
        bytes: &[u8],
        is_stream: bool,
        is_idle: bool,
        caller: &dyn SocketCaller,
    ) -> Result<Endpoint> {
        let at = if self.is_v6 { Endpoint::decode(bytes, true)? } else { self.decode_to_bind(bytes)? };
        let exists = || if route::is_bindable(at.ip) { Ok(()) } else { Err(Errno::EADDRNOTAVAIL) };
        if !self.is_v6 {
            exists()?;
        } else if at.ip.is_multicast() && !at.ip.is_v4() && is_stream {
            return Err(Errno::EINVAL);
        }
        if at.port != 0 && at.port < UNPRIVILEGED && !caller.has(cap::NET_BIND_SERVICE) {
            return Err(Errno::EACCES);
        }
        if !is_idle {
            return Err(Errno::EINVAL);
        }
        if self.is_v6 {
            if at.ip.is_v4() && self.only_v6.get() || at.ip.is_link_local() {
                return Err(Errno::EINVAL);
            }
            exists()?;
        }
        Ok(at)
    }

    /// AF_UNSPEC with the unspecified address passes for AF_INET, as on Linux.
    fn decode_to_bind(&self, bytes: &[u8]) -> Result<Endpoint> {
        if bytes.len() < address::SIZE4 {
            return Err(Errno::EINVAL);
        }
        let at = address::decode4(bytes);
        match address::family_of(bytes) {
            Some(family::INET) => Ok(at),
            Some(family::UNSPEC) if at.ip == Ip::ANY4 => Ok(at),
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// Notes what bind(2) has done.
    pub(super) fn lock_address(&self, asked: Endpoint) {
        self.is_address_locked.set(!asked.ip.is_any());
        self.is_port_locked.set(asked.port != 0);
    }

    /// shutdown(2)'s argument as sides.
    ///
    /// # Errors
    /// EINVAL.
    pub(super) fn sides(how: i32) -> Result<u8> {
        match how {
            0 => Ok(SHUT_RECEIVE),
            1 => Ok(SHUT_SEND),
            2 => Ok(SHUT_BOTH),
            _ => Err(Errno::EINVAL),
        }
    }

    /// The address is nobody's again, unless bind(2) has chosen it.
    pub(super) fn reset_address(&self) {
        let none = Endpoint::none(self.is_v6);
        let local = self.local.get();
        let ip = if self.is_address_locked.get() { local.ip } else { none.ip };
        let port = if self.is_port_locked.get() { local.port } else { 0 };
        self.local.set(Endpoint { ip, port });
        self.remote.set(None);
    }
}
