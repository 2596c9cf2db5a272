//! bind, listen, connect and accept.

use super::super::address::{Endpoint, family_of};
use super::super::ports::Bound;
use super::super::route::{self, Route};
use super::{Progress, SEND_BUFFER, SEND_BUFFER_GROWN, State, TcpSocket};
use crate::errno::{Errno, Result};
use crate::file::flags::O_NONBLOCK;
use crate::ipc::socket::{MAX_BACKLOG, READABLE, SHUT_RECEIVE, SocketCaller, family, name};
use crate::wait::Events;
use alloc::rc::Rc;

impl TcpSocket {
    pub(super) fn bind_to(&self, bytes: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        let base = &self.base;
        let is_idle = self.state.get() == State::Closed && !base.is_bound.get();
        let at = base.address_to_bind(bytes, true, is_idle, caller)?;
        self.take_port(at)?;
        base.lock_address(at);
        Ok(())
    }

    fn rc(&self) -> Result<Rc<TcpSocket>> {
        self.me.upgrade().ok_or(Errno::EBADF)
    }

    fn take_port(&self, at: Endpoint) -> Result<()> {
        let domain = &self.base.domain;
        domain.tcp.borrow_mut().bind(&self.rc()?, at, true, domain.now())
    }

    pub(super) fn start_listening(&self, backlog: i32) -> Result<()> {
        let base = &self.base;
        if self.progress.get() != Progress::Unconnected
            || !matches!(self.state.get(), State::Closed | State::Listening)
        {
            return Err(Errno::EINVAL);
        }
        // A negative backlog is a large one, as on Linux.
        self.backlog.set((backlog as u32 as usize).min(MAX_BACKLOG));
        if self.state.get() == State::Listening {
            self.admit();
            return Ok(());
        }
        if !base.is_bound.get() {
            self.take_port(base.local.get())?;
        }
        base.shut.set(0);
        self.state.set(State::Listening);
        if !base.domain.tcp.borrow().may_listen(self) {
            self.state.set(State::Closed);
            return Err(Errno::EADDRINUSE);
        }
        base.queue.notify(Events::ALL);
        Ok(())
    }

    pub(super) fn connect_to(&self, bytes: &[u8], flags: u32) -> Result<()> {
        let family = family_of(bytes).ok_or(Errno::EINVAL)?;
        if family == family::UNSPEC {
            self.disconnect();
            return Ok(());
        }
        let may_wait = flags & O_NONBLOCK == 0;
        match self.progress.get() {
            Progress::Connected => Err(Errno::EISCONN),
            Progress::Connecting => self.progress_of(may_wait),
            Progress::Unconnected if self.state.get() != State::Closed => Err(Errno::EISCONN),
            Progress::Unconnected => {
                self.begin(Endpoint::decode(bytes, self.base.is_v6)?)?;
                self.progress.set(Progress::Connecting);
                if may_wait { self.progress_of(true) } else { Err(Errno::EINPROGRESS) }
            }
        }
    }

    /// What has come of a connect(2).
    fn progress_of(&self, may_wait: bool) -> Result<()> {
        match self.state.get() {
            State::SynSent => Err(if may_wait { Errno::EAGAIN } else { Errno::EALREADY }),
            State::Established => {
                self.progress.set(Progress::Connected);
                Ok(())
            }
            State::Closed | State::Listening => {
                // A connection that was made and has ended already.
                if self.fin_received.get() && self.base.error.get().is_none() {
                    self.progress.set(Progress::Connected);
                    return Ok(());
                }
                let error = self.base.error.take().unwrap_or(Errno::ECONNABORTED);
                // The program may try again.
                self.disconnect();
                Err(error)
            }
        }
    }

    /// Looks for who listens at `to`.
    fn begin(&self, to: Endpoint) -> Result<()> {
        let base = &self.base;
        let domain = &base.domain;
        if base.only_v6.get() && to.ip.is_v4() || to.ip.is_multicast() || route::is_broadcast(to.ip) {
            return Err(Errno::ENETUNREACH);
        }
        let Route::Loopback { source, destination } = route::find(to.ip)?;
        let remote = Endpoint { ip: destination, port: to.port };
        let mut local = base.local.get();
        if local.ip.is_any() {
            local.ip = source;
        } else if local.ip.is_v4() != remote.ip.is_v4() {
            return Err(if local.ip.is_v4() { Errno::EAFNOSUPPORT } else { Errno::EINVAL });
        }
        let me = self.rc()?;
        let now = domain.now();
        if base.is_bound.get() {
            if domain.tcp.borrow().is_connected(local, remote, now) {
                return Err(Errno::EADDRNOTAVAIL);
            }
            base.local.set(local);
        } else {
            domain.tcp.borrow_mut().bind_for(&me, local.ip, remote, now)?;
        }
        base.remote.set(Some(remote));
        base.shut.set(0);
        base.error.set(None);
        self.fin_sent.set(false);
        self.fin_received.set(false);
        let listener = domain.tcp.borrow().listener(remote, domain.next_turn());
        match listener {
            Some(listener) if listener.has_room() => self.establish(&listener),
            Some(listener) => {
                self.state.set(State::SynSent);
                listener.waiting.borrow_mut().push(self.me.clone());
            }
            // Two opens at once, of the same socket.
            None if base.local.get() == remote => {
                *self.peer.borrow_mut() = self.me.clone();
                self.open();
            }
            None => self.refuse(),
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.pending.borrow().len() <= self.backlog.get()
    }

    /// Nobody listens there.
    pub(super) fn refuse(&self) {
        self.base.error.set(Some(Errno::ECONNREFUSED));
        self.over();
    }

    /// The connection exists.
    fn open(&self) {
        self.state.set(State::Established);
        if self.send_buffer() == SEND_BUFFER {
            self.base.options.send_buffer.set(SEND_BUFFER_GROWN);
        }
        self.base.queue.notify(Events::ALL);
    }

    /// Connects to a listener that has room.
    fn establish(&self, listener: &TcpSocket) {
        let (base, from) = (&self.base, &listener.base);
        let Some(remote) = base.remote.get() else { return };
        let child = TcpSocket::new(&from.domain, from.is_v6, from.origin);
        child.inherit(listener);
        child.base.local.set(remote);
        child.base.remote.set(Some(base.local.get()));
        from.domain.tcp.borrow_mut().insert(&child);
        *child.peer.borrow_mut() = self.me.clone();
        *self.peer.borrow_mut() = child.me.clone();
        child.progress.set(Progress::Connected);
        child.open();
        self.open();
        listener.pending.borrow_mut().push_back(child);
        listener.base.queue.notify(READABLE);
    }

    /// A new connection has the options of its listener.
    fn inherit(&self, listener: &TcpSocket) {
        let (mine, theirs) = (&self.base.options, &listener.base.options);
        for option in [
            name::REUSEADDR,
            name::REUSEPORT,
            name::KEEPALIVE,
            name::BROADCAST,
            name::LINGER,
            name::RCVLOWAT,
            name::RCVTIMEO,
            name::SNDTIMEO,
        ] {
            if let Ok(value) = theirs.get(option) {
                // What one socket has another can have.
                let _ = mine.set(option, &value, true);
            }
        }
        mine.send_buffer.set(theirs.send_buffer.get());
        mine.receive_buffer.set(theirs.receive_buffer.get());
        self.base.only_v6.set(listener.base.only_v6.get());
        for (level, option, value) in listener.base.settings.all() {
            self.base.settings.put((level, option), value);
        }
    }

    /// Lets those in that wait for room.
    fn admit(&self) {
        while self.has_room() {
            let next = {
                let mut waiting = self.waiting.borrow_mut();
                if waiting.is_empty() { return } else { waiting.remove(0) }
            };
            if let Some(client) = next.upgrade().filter(|client| client.state.get() == State::SynSent) {
                client.establish(self);
            }
        }
    }

    pub(super) fn accept_next(&self) -> Result<Rc<TcpSocket>> {
        if !self.is_listening() {
            return Err(Errno::EINVAL);
        }
        let next = self.pending.borrow_mut().pop_front();
        match next {
            Some(child) => {
                self.admit();
                Ok(child)
            }
            None if self.base.has_shut(SHUT_RECEIVE) => Err(Errno::EINVAL),
            None => Err(Errno::EAGAIN),
        }
    }
}
