//! bind, listen, connect, accept, shutdown, close, and names.

use super::{
    Address, Credentials, MAX_BACKLOG, READABLE, SHUT_BOTH, SHUT_RECEIVE, SHUT_SEND, SocketType, State,
    UnixSocket,
};
use crate::errno::{Errno, Result};
use crate::wait::Events;
use alloc::format;
use alloc::rc::{Rc, Weak};
use core::mem;

impl UnixSocket {
    /// Whether bind(2) is possible: the caller asks before it makes an inode.
    ///
    /// # Errors
    /// EINVAL: it has a name.
    pub fn check_unbound(&self) -> Result<()> {
        if self.address.borrow().is_some() { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// An inode at `path` refers to this socket now.
    ///
    /// # Errors
    /// EINVAL: it has a name.
    pub fn bound_to_path(&self, path: &[u8]) -> Result<()> {
        self.check_unbound()?;
        *self.address.borrow_mut() = Some(Rc::new(Address::Path(path.to_vec())));
        Ok(())
    }

    /// bind(2) to an abstract name (without its leading zero).
    ///
    /// # Errors
    /// EINVAL: it has a name. EADDRINUSE.
    pub fn bind_abstract(&self, name: &[u8]) -> Result<()> {
        self.check_unbound()?;
        let mut names = self.domain.names.borrow_mut();
        let key = (self.kind as u32, name.to_vec());
        if names.get(&key).is_some_and(|owner| owner.strong_count() > 0) {
            return Err(Errno::EADDRINUSE);
        }
        names.insert(key, self.me.clone());
        *self.address.borrow_mut() = Some(Rc::new(Address::Abstract(name.to_vec())));
        Ok(())
    }

    /// bind(2) with an address of the family alone: a free abstract name of five hexadecimal digits. Nothing happens to
    /// a socket that has a name.
    ///
    /// # Errors
    /// ENOSPC: all are taken.
    pub fn bind_automatically(&self) -> Result<()> {
        if self.address.borrow().is_some() {
            return Ok(());
        }
        for _ in 0..=0xfffff {
            let number = self.domain.next_name.get();
            self.domain.next_name.set((number + 1) & 0xfffff);
            if self.bind_abstract(format!("{number:05x}").as_bytes()).is_ok() {
                return Ok(());
            }
        }
        Err(Errno::ENOSPC)
    }

    /// getsockname(2).
    pub fn name(&self) -> Address {
        self.address.borrow().as_ref().map_or(Address::Unnamed, |address| (**address).clone())
    }

    /// getpeername(2).
    ///
    /// # Errors
    /// ENOTCONN.
    pub fn peer_name(&self) -> Result<Address> {
        match self.peer() {
            Some(peer) => Ok(peer.name()),
            None if self.state.get() == State::Connected && self.is_connection_based() => {
                Ok(self.last_peer.borrow().as_deref().cloned().unwrap_or(Address::Unnamed))
            }
            None => Err(Errno::ENOTCONN),
        }
    }

    /// SO_PEERCRED.
    pub fn peer_credentials(&self) -> Credentials {
        self.peer_credentials.get()
    }

    /// listen(2).
    ///
    /// # Errors
    /// EOPNOTSUPP: a datagram socket. EINVAL: without name, or connected.
    pub fn listen(&self, backlog: i32) -> Result<()> {
        if self.kind == SocketType::Datagram {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.address.borrow().is_none() || self.state.get() == State::Connected {
            return Err(Errno::EINVAL);
        }
        // A negative backlog is a large one, as on Linux.
        self.backlog.set((backlog as u32 as usize).min(MAX_BACKLOG));
        self.state.set(State::Listening);
        self.peer_credentials.set(self.domain.credentials());
        self.unblock();
        Ok(())
    }

    /// connect(2) to the socket that the address leads to.
    ///
    /// # Errors
    /// EPROTOTYPE: other type. ECONNREFUSED: it does not listen. EAGAIN: its backlog is full: wait for
    /// [`Events::OUT`] on this socket. EISCONN. EINVAL: this socket listens. EPERM: a datagram socket that is
    /// connected elsewhere.
    pub fn connect(&self, target: &Rc<UnixSocket>) -> Result<()> {
        if target.dead.get() {
            return Err(Errno::ECONNREFUSED);
        }
        if target.kind != self.kind {
            return Err(Errno::EPROTOTYPE);
        }
        if self.kind == SocketType::Datagram {
            if !self.may_send_to(target) {
                return Err(Errno::EPERM);
            }
            self.disconnect(Some(target));
            self.connected_to(target, Credentials::NONE);
            return Ok(());
        }
        if target.state.get() != State::Listening || target.has_shut(SHUT_RECEIVE) {
            return Err(Errno::ECONNREFUSED);
        }
        if target.pending.borrow().len() > target.backlog.get() {
            target.block(self);
            return Err(Errno::EAGAIN);
        }
        match self.state.get() {
            State::Unconnected => {}
            State::Connected => return Err(Errno::EISCONN),
            State::Listening => return Err(Errno::EINVAL),
        }
        let me = self.me.upgrade().ok_or(Errno::ECONNREFUSED)?;
        let server = UnixSocket::new(&self.domain, self.kind, self.origin);
        *server.address.borrow_mut() = target.address.borrow().clone();
        server.options.pass_credentials.set(target.options.pass_credentials.get());
        server.connected_to(&me, self.domain.credentials());
        self.connected_to(&server, target.peer_credentials.get());
        target.pending.borrow_mut().push_back(server);
        target.queue.notify(READABLE);
        Ok(())
    }

    /// connect(2) with AF_UNSPEC: a datagram socket forgets its peer.
    ///
    /// # Errors
    /// EINVAL: another type.
    pub fn connect_unspecified(&self) -> Result<()> {
        if self.kind != SocketType::Datagram {
            return Err(Errno::EINVAL);
        }
        self.disconnect(None);
        Ok(())
    }

    /// accept(2).
    ///
    /// # Errors
    /// EAGAIN: nobody has connected. EOPNOTSUPP: a datagram socket. EINVAL: it does not listen, or was shut down.
    pub fn accept(&self) -> Result<Rc<UnixSocket>> {
        if self.kind == SocketType::Datagram {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.state.get() != State::Listening {
            return Err(Errno::EINVAL);
        }
        let server = self.pending.borrow_mut().pop_front();
        match server {
            Some(server) => {
                self.unblock();
                Ok(server)
            }
            None if self.has_shut(SHUT_RECEIVE) => Err(Errno::EINVAL),
            None => Err(Errno::EAGAIN),
        }
    }

    /// shutdown(2); `how` is SHUT_RD, SHUT_WR or SHUT_RDWR.
    ///
    /// # Errors
    /// EINVAL: another value.
    pub fn shutdown(&self, how: i32) -> Result<()> {
        let mode = match how {
            0 => SHUT_RECEIVE,
            1 => SHUT_SEND,
            2 => SHUT_BOTH,
            _ => return Err(Errno::EINVAL),
        };
        self.shut.set(self.shut.get() | mode);
        if self.is_connection_based()
            && let Some(peer) = self.peer()
        {
            let receive = if mode & SHUT_RECEIVE != 0 { SHUT_SEND } else { 0 };
            let send = if mode & SHUT_SEND != 0 { SHUT_RECEIVE } else { 0 };
            peer.shut.set(peer.shut.get() | receive | send);
            peer.queue.notify(Events::ALL);
        }
        self.queue.notify(Events::ALL);
        Ok(())
    }

    pub(super) fn may_send_to(&self, target: &UnixSocket) -> bool {
        target.peer.borrow().is_none() || self.is_peer_of(target)
    }

    /// Drops the peer of a datagram socket (unless it is `unless`), and with it what it had sent.
    pub(super) fn disconnect(&self, unless: Option<&Rc<UnixSocket>>) {
        let old = self.peer.take();
        self.state.set(State::Unconnected);
        let Some(old) = old else { return };
        if unless.is_some_and(|target| old.ptr_eq(&Rc::downgrade(target))) {
            return;
        }
        let lost = self.inbox.take();
        self.unread.set(0);
        if lost.is_empty() {
            return;
        }
        self.domain.discard(lost);
        self.unblock();
        if let Some(old) = old.upgrade()
            && !old.dead.get()
            && self.is_peer_of(&old)
        {
            old.error.set(Some(Errno::ECONNRESET));
            old.queue.notify(Events::ALL);
        }
    }

    /// The last descriptor is closed, or a connection is thrown away before it was accepted (`embryo`).
    pub(super) fn close(&self, embryo: bool) {
        if self.dead.replace(true) {
            return;
        }
        if let Some(Address::Abstract(name)) = self.address.borrow().as_deref() {
            let mut names = self.domain.names.borrow_mut();
            let key = (self.kind as u32, name.clone());
            if names.get(&key).is_some_and(|owner| Weak::ptr_eq(owner, &self.me)) {
                names.remove(&key);
            }
        }
        self.shut.set(SHUT_BOTH);
        self.state.set(State::Unconnected);
        let lost = self.inbox.take();
        self.unread.set(0);
        let pending = self.pending.take();
        let peer = mem::take(&mut *self.peer.borrow_mut()).and_then(|peer| peer.upgrade());
        if let Some(peer) = peer
            && self.is_connection_based()
            && !peer.dead.get()
        {
            peer.shut.set(SHUT_BOTH);
            *peer.last_peer.borrow_mut() = self.address.borrow().clone();
            if embryo || !lost.is_empty() {
                peer.error.set(Some(Errno::ECONNRESET));
            }
            peer.queue.notify(Events::ALL);
        }
        for server in pending {
            server.close(true);
        }
        self.domain.discard(lost);
        self.unblock();
        self.queue.notify(Events::ALL);
    }
}
