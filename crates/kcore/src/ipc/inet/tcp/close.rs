//! The ways in which a connection ends.

use super::super::address::Endpoint;
use super::super::base::Base;
use super::super::ports::TimeWait;
use super::{Progress, State, TcpSocket};
use crate::errno::{Errno, Result};
use crate::ipc::socket::{SHUT_BOTH, SHUT_RECEIVE, SHUT_SEND, name};
use crate::wait::Events;
use core::mem;

impl TcpSocket {
    /// The connection is no more, or there never was one: its port is free, unless bind(2) has chosen it.
    pub(super) fn over(&self) {
        let base = &self.base;
        self.state.set(State::Closed);
        base.shut.set(SHUT_BOTH);
        if !base.is_port_locked.get() || self.is_dead.get() {
            base.domain.tcp.borrow_mut().remove(self);
        }
        base.queue.notify(Events::ALL);
    }

    /// The peer has sent a reset.
    fn reset(&self) {
        if self.state.get() != State::Established {
            return;
        }
        self.base.error.set(Some(if self.fin_received.get() { Errno::EPIPE } else { Errno::ECONNRESET }));
        *self.peer.borrow_mut() = Default::default();
        self.over();
    }

    /// Ends the connection without a last byte.
    fn abort(&self) {
        let peer = mem::take(&mut *self.peer.borrow_mut()).upgrade();
        if let Some(peer) = peer.filter(|peer| !core::ptr::eq(&**peer, self)) {
            peer.reset();
        }
        self.over();
    }

    /// What was sent to this socket reaches nobody: it has been closed, or shut down for good. The sender learns of it.
    pub(super) fn refuse_data(&self, sender: &TcpSocket) {
        if !self.is_dead.get() {
            self.reset();
        }
        sender.reset();
    }

    /// After the last byte of this side.
    fn send_fin(&self) {
        if self.state.get() != State::Established || self.fin_sent.replace(true) {
            return;
        }
        self.base.add_shut(SHUT_SEND);
        self.closed_first.set(!self.fin_received.get());
        if let Some(peer) = self.peer() {
            peer.fin_received.set(true);
            peer.base.add_shut(SHUT_RECEIVE);
            peer.base.queue.notify(Events::IN.or(Events::RDNORM).or(Events::RDHUP).or(Events::OUT));
            peer.end_if_done();
        }
        self.end_if_done();
    }

    /// Both sides have sent their last byte.
    fn end_if_done(&self) {
        if self.state.get() != State::Established || !self.fin_sent.get() || !self.fin_received.get() {
            return;
        }
        if self.closed_first.get() {
            self.wait_out();
        }
        self.over();
    }

    /// The side that has closed first keeps the port for a time.
    fn wait_out(&self) {
        let base = &self.base;
        if let Some(remote) = base.remote.get() {
            let since = base.domain.now();
            let reuse = base.options.is_on(name::REUSEADDR);
            base.domain.tcp.borrow_mut().wait(TimeWait { local: base.local.get(), remote, since, reuse });
        }
    }

    pub(super) fn shut_down(&self, how: i32) -> Result<()> {
        let sides = Base::sides(how)?;
        match self.state.get() {
            State::Listening if sides & SHUT_RECEIVE == 0 => Ok(()),
            State::Listening => {
                self.stop_listening();
                self.progress.set(Progress::Unconnected);
                self.base.shut.set(0);
                self.over();
                self.base.shut.set(0);
                Ok(())
            }
            State::SynSent => {
                self.disconnect();
                Ok(())
            }
            State::Closed => {
                self.base.add_shut(sides);
                self.base.queue.notify(Events::ALL);
                Err(Errno::ENOTCONN)
            }
            State::Established => {
                self.base.add_shut(sides);
                if sides & SHUT_SEND != 0 {
                    self.send_fin();
                }
                self.base.queue.notify(Events::ALL);
                Ok(())
            }
        }
    }

    /// Connections that nobody will accept are reset; who waits for one is refused.
    pub(super) fn stop_listening(&self) {
        for child in self.pending.take() {
            child.abort();
            child.close();
        }
        for client in self.waiting.take() {
            if let Some(client) = client.upgrade().filter(|client| client.state.get() == State::SynSent) {
                client.refuse();
            }
        }
    }

    /// connect(2) with AF_UNSPEC.
    pub(super) fn disconnect(&self) {
        match self.state.get() {
            State::Established => {
                self.abort();
                self.base.error.set(Some(Errno::ECONNRESET));
            }
            State::SynSent => self.base.error.set(Some(Errno::ECONNRESET)),
            State::Listening => self.stop_listening(),
            State::Closed => {}
        }
        let base = &self.base;
        self.over();
        self.inbox.borrow_mut().clear();
        self.urgent.set(None);
        self.progress.set(Progress::Unconnected);
        self.fin_sent.set(false);
        self.fin_received.set(false);
        base.shut.set(0);
        // With the address goes the place in the table.
        let listed = base.is_bound.get() && base.is_port_locked.get();
        base.domain.tcp.borrow_mut().remove(self);
        let port = base.local.get().port;
        base.reset_address();
        // Linux goes on showing the port.
        base.local.set(Endpoint { port, ..base.local.get() });
        if let Some(me) = self.me.upgrade().filter(|_| listed) {
            base.domain.tcp.borrow_mut().insert(&me);
        }
        base.queue.notify(Events::ALL);
    }

    /// The last descriptor is closed.
    pub(super) fn close(&self) {
        if self.is_dead.replace(true) {
            return;
        }
        let base = &self.base;
        match self.state.get() {
            State::Listening => self.stop_listening(),
            State::Established => {
                let unread = self.inbox.borrow().len() > 0;
                if unread || base.options.linger.get() == (1, 0) {
                    self.abort();
                } else {
                    self.send_fin();
                    // The peer has yet to send its last byte: this side waits for it without a descriptor.
                    if self.closed_first.get() && !self.fin_received.get() {
                        self.wait_out();
                    }
                }
            }
            State::Closed | State::SynSent => {}
        }
        self.inbox.borrow_mut().clear();
        self.state.set(State::Closed);
        base.shut.set(SHUT_BOTH);
        base.domain.tcp.borrow_mut().remove(self);
        base.queue.notify(Events::ALL);
    }
}
