//! sendmsg(2).

use super::message::{Message, STREAM_PART, datagram_charge, stream_charge};
use super::{MAX_RIGHTS, Outgoing, READABLE, SHUT_RECEIVE, SHUT_SEND, SocketType, State, UnixSocket, msg};
use crate::errno::{Errno, Result};
use crate::ipc::socket::copy_in;
use crate::user::Source;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::mem;

impl UnixSocket {
    /// Sends, to `to` if an address was given; a stream may take only the first part.
    ///
    /// # Errors
    /// EAGAIN: wait for [`Events::OUT`](crate::wait::Events::OUT). EPIPE: with a signal if
    /// [`UnixSocket::signals_broken_pipe`] and not MSG_NOSIGNAL. ENOTCONN, EISCONN, EMSGSIZE, ECONNREFUSED,
    /// ECONNRESET, EPERM, EOPNOTSUPP, EINVAL (too many descriptions), EFAULT, ENOBUFS.
    pub fn send_to(
        &self,
        from: &mut dyn Source,
        message: Outgoing,
        to: Option<Rc<UnixSocket>>,
    ) -> Result<usize> {
        if message.flags & msg::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        if message.rights.len() > MAX_RIGHTS {
            return Err(Errno::EINVAL);
        }
        match self.kind {
            SocketType::Stream => self.send_stream(from, message, to.is_some()),
            _ => self.send_packet(from, message, to),
        }
    }

    fn send_stream(&self, from: &mut dyn Source, mut message: Outgoing, addressed: bool) -> Result<usize> {
        if addressed {
            let connected = self.state.get() == State::Connected;
            return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        if self.peer.borrow().is_none() {
            return Err(Errno::ENOTCONN);
        }
        if self.has_shut(SHUT_SEND) {
            return Err(Errno::EPIPE);
        }
        let mut done = 0;
        while from.remaining() > 0 {
            let half = (self.options.send_buffer.get() / 2).saturating_sub(64).max(1);
            let size = from.remaining().min(half).min(STREAM_PART);
            match self.send_part(from, size, &mut message) {
                Ok(()) => done += size,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// One message of a stream; the first one carries the descriptions.
    fn send_part(&self, from: &mut dyn Source, size: usize, message: &mut Outgoing) -> Result<()> {
        self.check_room()?;
        let peer = self.peer().filter(|peer| !peer.has_shut(SHUT_RECEIVE)).ok_or(Errno::EPIPE)?;
        let data = copy_in(from, size)?;
        let rights = mem::take(&mut message.rights);
        self.deliver(&peer, data, stream_charge(size), rights, message);
        Ok(())
    }

    fn send_packet(
        &self,
        from: &mut dyn Source,
        mut message: Outgoing,
        mut to: Option<Rc<UnixSocket>>,
    ) -> Result<usize> {
        if self.kind == SocketType::SeqPacket {
            if self.state.get() != State::Connected {
                return Err(Errno::ENOTCONN);
            }
            to = None;
        }
        let connected = self.peer.borrow().clone();
        if to.is_none() && connected.is_none() {
            return Err(Errno::ENOTCONN);
        }
        let size = from.remaining();
        if size > self.options.send_buffer.get() - 32 {
            return Err(Errno::EMSGSIZE);
        }
        self.check_room()?;
        let by_address = to.is_some();
        let target = to.take().or_else(|| connected.and_then(|peer| peer.upgrade()));
        let Some(target) = target.filter(|target| !target.dead.get()) else {
            if self.kind == SocketType::SeqPacket {
                return Err(Errno::EPIPE);
            }
            if !by_address {
                self.disconnect(None);
            }
            return Err(Errno::ECONNREFUSED);
        };
        if target.kind != self.kind {
            return Err(Errno::EPROTOTYPE);
        }
        if target.has_shut(SHUT_RECEIVE) {
            return Err(Errno::EPIPE);
        }
        if self.kind == SocketType::Datagram && !self.may_send_to(&target) {
            return Err(Errno::EPERM);
        }
        if target.is_full_for(self) {
            target.block(self);
            self.found_full.set(true);
            return Err(Errno::EAGAIN);
        }
        let data = copy_in(from, size)?;
        let rights = mem::take(&mut message.rights);
        self.deliver(&target, data, datagram_charge(size), rights, &message);
        Ok(size)
    }

    fn check_room(&self) -> Result<()> {
        self.take_error()?;
        if self.has_shut(SHUT_SEND) {
            return Err(Errno::EPIPE);
        }
        let full = self.charged.get() >= self.options.send_buffer.get();
        self.found_full.set(full);
        if full {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    fn deliver(
        &self,
        target: &Rc<UnixSocket>,
        data: Vec<u8>,
        charge: usize,
        rights: Vec<Rc<dyn Any>>,
        message: &Outgoing,
    ) {
        self.charged.set(self.charged.get() + charge);
        target.unread.set(target.unread.get() + data.len());
        let message = Message {
            data,
            start: 0,
            rights,
            credentials: message.credentials.unwrap_or_else(|| self.domain.credentials()),
            address: self.address.borrow().clone(),
            sender: self.me.clone(),
            charge,
        };
        target.inbox.borrow_mut().push_back(message);
        target.queue.notify(READABLE);
    }
}
