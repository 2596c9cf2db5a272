//! Ports of one protocol: who has which, what excludes each other, and which are free.

use super::address::{Endpoint, Ip};
use super::base::Base;
use crate::errno::{Errno, Result};
use crate::ipc::socket::name;
use crate::map::Map;
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// net.ipv4.ip_local_port_range.
pub const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;
/// net.ipv4.ip_unprivileged_port_start.
pub const UNPRIVILEGED: u16 = 1024;
/// How long a connection that has ended keeps its port, ns (TCP_TIMEWAIT_LEN).
const TIME_WAIT: u64 = 60_000_000_000;
/// After this time a client may take the same two endpoints again, ns (net.ipv4.tcp_tw_reuse).
const REUSE_AFTER: u64 = 1_000_000_000;

/// A socket with a place in a table of ports.
pub trait Bound {
    /// What all sockets have.
    fn base(&self) -> &Base;
    /// Whether it waits for connections.
    fn is_listening(&self) -> bool;
}

/// A connection that has ended.
#[derive(Clone, Copy)]
pub struct TimeWait {
    /// Its endpoint here.
    pub local: Endpoint,
    /// The other one.
    pub remote: Endpoint,
    /// Since when, ns.
    pub since: u64,
    /// SO_REUSEADDR of the socket.
    pub reuse: bool,
}

/// The ports of a protocol.
pub struct Ports<T> {
    bound: Map<u16, Vec<Weak<T>>>,
    waits: Map<u16, VecDeque<TimeWait>>,
    next: u16,
}

impl<T> Default for Ports<T> {
    fn default() -> Self {
        Ports { bound: Map::new(), waits: Map::new(), next: 0 }
    }
}

/// Whether sockets bound to two addresses would get the same packets (`inet_rcv_saddr_equal` of Linux). The flags: IPV6_V6ONLY.
fn overlap(a: Ip, a_only6: bool, b: Ip, b_only6: bool) -> bool {
    if a.is_v4() && b.is_v4() {
        return a == b || a == Ip::ANY4 || b == Ip::ANY4;
    }
    a == b || b == Ip::ANY6 && !(b_only6 && a.is_v4()) || a == Ip::ANY6 && !(a_only6 && b.is_v4())
}

impl<T: Bound> Ports<T> {
    /// The sockets at a port.
    pub fn at(&self, port: u16) -> impl Iterator<Item = Rc<T>> + '_ {
        self.bound.get(&port).into_iter().flatten().filter_map(Weak::upgrade)
    }

    /// All sockets with a port, in the order of ports.
    pub fn all(&self) -> impl Iterator<Item = Rc<T>> + '_ {
        self.bound.values().flatten().filter_map(Weak::upgrade)
    }

    /// Connections that have ended.
    pub fn waits(&self) -> impl Iterator<Item = &TimeWait> {
        self.waits.values().flatten()
    }

    /// Whether `socket` cannot have that endpoint. `is_tcp`: the rules of TCP, where a listening socket is alone.
    fn conflicts(&self, socket: &T, at: Endpoint, is_tcp: bool) -> bool {
        let base = socket.base();
        let reuse = base.options.is_on(name::REUSEADDR);
        let reuse_port = base.options.is_on(name::REUSEPORT);
        let only6 = base.only_v6.get();
        let held = self.at(at.port).any(|other| {
            let theirs = other.base();
            if core::ptr::eq(theirs, base) {
                return false;
            }
            let shares = reuse && theirs.options.is_on(name::REUSEADDR) && !(is_tcp && other.is_listening())
                || reuse_port
                    && theirs.options.is_on(name::REUSEPORT)
                    && theirs.origin.uid == base.origin.uid;
            !shares && overlap(at.ip, only6, theirs.local.get().ip, theirs.only_v6.get())
        });
        let waits = self.waits.get(&at.port);
        held || waits.is_some_and(|waits| {
            waits.iter().any(|wait| !(reuse && wait.reuse) && overlap(at.ip, only6, wait.local.ip, false))
        })
    }

    /// Forgets the connections that ended long ago.
    fn expire(&mut self, now: u64) {
        self.waits.retain(|_, waits| {
            while waits.front().is_some_and(|wait| now.saturating_sub(wait.since) >= TIME_WAIT) {
                waits.pop_front();
            }
            !waits.is_empty()
        });
    }

    /// Ephemeral ports, each once, from the next one on.
    fn ephemeral(&mut self) -> impl Iterator<Item = u16> + use<T> {
        let (first, last) = (*EPHEMERAL.start(), *EPHEMERAL.end());
        let count = last - first + 1;
        self.next = (self.next + 1) % count;
        let start = self.next;
        (0..count).map(move |k| first + (u32::from(start) + u32::from(k)).rem_euclid(u32::from(count)) as u16)
    }

    /// Binds `socket` to an address; port 0: a free one.
    ///
    /// # Errors
    /// EADDRINUSE.
    pub fn bind(&mut self, socket: &Rc<T>, mut at: Endpoint, is_tcp: bool, now: u64) -> Result<()> {
        self.expire(now);
        if at.port == 0 {
            // A port that nobody has; only then one that can be had together.
            let free =
                |ports: &Self, port| !ports.bound.contains_key(&port) && !ports.waits.contains_key(&port);
            let found = self.ephemeral().find(|&port| free(self, port)).or_else(|| {
                self.ephemeral().find(|&port| !self.conflicts(socket, Endpoint { port, ..at }, is_tcp))
            });
            at.port = found.ok_or(Errno::EADDRINUSE)?;
        } else if self.conflicts(socket, at, is_tcp) {
            return Err(Errno::EADDRINUSE);
        }
        socket.base().local.set(at);
        self.insert(socket);
        Ok(())
    }

    /// Whether a socket that is about to listen has its endpoint for itself.
    pub fn may_listen(&self, socket: &T) -> bool {
        !self.conflicts(socket, socket.base().local.get(), true)
    }

    /// Gives `socket` a port for a connection from `ip` to `remote`.
    ///
    /// # Errors
    /// EADDRNOTAVAIL: there is none.
    pub fn bind_for(&mut self, socket: &Rc<T>, ip: Ip, remote: Endpoint, now: u64) -> Result<()> {
        self.expire(now);
        let found = self.ephemeral().find(|port| !self.bound.contains_key(port));
        let port = found.or_else(|| {
            // Ports of other connections, as long as the pair of endpoints differs.
            self.ephemeral().find(|&port| {
                let explicit = self.at(port).any(|other| other.base().is_port_locked.get());
                !explicit && !self.is_connected(Endpoint { ip, port }, remote, now)
            })
        });
        socket.base().local.set(Endpoint { ip, port: port.ok_or(Errno::EADDRNOTAVAIL)? });
        self.insert(socket);
        Ok(())
    }

    /// Whether there is a connection between the two.
    pub fn is_connected(&self, local: Endpoint, remote: Endpoint, now: u64) -> bool {
        let same =
            |socket: Rc<T>| socket.base().local.get() == local && socket.base().remote.get() == Some(remote);
        let waits = self.waits.get(&local.port);
        self.at(local.port).any(same)
            || waits.is_some_and(|waits| {
                waits.iter().any(|wait| {
                    wait.local == local
                        && wait.remote == remote
                        && now.saturating_sub(wait.since) < REUSE_AFTER
                })
            })
    }

    /// Enters `socket` at the port that it has.
    pub fn insert(&mut self, socket: &Rc<T>) {
        let base = socket.base();
        if !base.is_bound.replace(true) {
            self.bound
                .get_or_insert_with(base.local.get().port, Default::default)
                .push(Rc::downgrade(socket));
        }
    }

    /// Takes `socket` out. It still knows its address.
    pub fn remove(&mut self, socket: &T) {
        let base = socket.base();
        if !base.is_bound.replace(false) {
            return;
        }
        let port = base.local.get().port;
        if let Some(sockets) = self.bound.get_mut(&port) {
            sockets.retain(|other| !core::ptr::eq(other.as_ptr(), socket) && other.strong_count() > 0);
            if sockets.is_empty() {
                self.bound.remove(&port);
            }
        }
    }

    /// A connection has ended here first.
    pub fn wait(&mut self, wait: TimeWait) {
        self.waits.get_or_insert_with(wait.local.port, Default::default).push_back(wait);
    }

    /// The socket that gets what comes from `from` to `to`: the one that says most about it, of equals the one whose turn it is.
    pub fn receiver(&self, to: Endpoint, from: Endpoint, turn: usize) -> Option<Rc<T>> {
        let score = |socket: &T| {
            let base = socket.base();
            let ip = base.local.get().ip;
            let matches = ip == to.ip
                || ip == Ip::ANY4 && to.ip.is_v4()
                || ip == Ip::ANY6 && !(base.only_v6.get() && to.ip.is_v4());
            let remote = base.remote.get();
            if !matches || remote.is_some_and(|remote| remote != from) {
                return 0;
            }
            1 + usize::from(remote.is_some()) * 8
                + usize::from(!ip.is_any()) * 4
                + usize::from(base.is_v6 != to.ip.is_v4()) * 2
        };
        let best = self.at(to.port).map(|socket| score(&socket)).max().filter(|&best| best > 0)?;
        let equals: Vec<Rc<T>> = self.at(to.port).filter(|socket| score(socket) == best).collect();
        // The last one bound, unless they share the port on purpose.
        let group = equals.iter().all(|socket| socket.base().options.is_on(name::REUSEPORT));
        if group { equals.get(turn % equals.len()).cloned() } else { equals.last().cloned() }
    }

    /// The listening socket for a connection to `to`.
    pub fn listener(&self, to: Endpoint, turn: usize) -> Option<Rc<T>> {
        let score = |socket: &T| {
            let base = socket.base();
            let ip = base.local.get().ip;
            let wide = ip == Ip::ANY6 && !(base.only_v6.get() && to.ip.is_v4());
            match ip {
                _ if !socket.is_listening() => 0,
                ip if ip == to.ip => 3,
                Ip::ANY4 if to.ip.is_v4() => 2,
                Ip::ANY6 if wide => 1,
                _ => 0,
            }
        };
        let best = self.at(to.port).map(|socket| score(&socket)).max().filter(|&best| best > 0)?;
        let equals: Vec<Rc<T>> = self.at(to.port).filter(|socket| score(socket) == best).collect();
        equals.get(turn % equals.len()).cloned()
    }
}
