//! sendmsg(2).

use super::{State, TcpSocket, Urgent};
use crate::errno::{Errno, Result};
use crate::ipc::socket::{READABLE, SHUT_RECEIVE, SHUT_SEND, copy_in, msg};
use crate::user::Source;
use crate::wait::Events;

/// Most bytes that are copied at once.
const PART: usize = 65_536;

impl TcpSocket {
    pub(super) fn send_bytes(&self, from: &mut dyn Source, flags: u32) -> Result<usize> {
        let base = &self.base;
        if self.state.get() == State::SynSent && base.error.get().is_none() {
            return Err(Errno::EAGAIN);
        }
        if self.state.get() != State::Established || base.error.get().is_some() || base.has_shut(SHUT_SEND) {
            return Err(base.error.take().unwrap_or(Errno::EPIPE));
        }
        let mut done = 0;
        while from.remaining() > 0 {
            let sent = self.send_part(from);
            match sent {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if flags & msg::OOB != 0 && done > 0 && from.remaining() == 0 {
            self.mark_urgent();
        }
        Ok(done)
    }

    /// As much as there is room for, at most [`PART`]; 0: the connection has just ended.
    fn send_part(&self, from: &mut dyn Source) -> Result<usize> {
        if self.state.get() != State::Established {
            return Ok(0);
        }
        let takes = |peer: &TcpSocket| !(peer.fin_sent.get() && peer.base.has_shut(SHUT_RECEIVE));
        let Some(peer) = self.peer() else {
            // Nobody is there any more: that is known after the bytes have left.
            let size = from.remaining().min(PART);
            copy_in(from, size)?;
            self.refuse_data(self);
            return Ok(size);
        };
        let room = self.send_buffer().saturating_sub(peer.unsent());
        self.found_full.set(room == 0);
        if room == 0 {
            return Err(Errno::EAGAIN);
        }
        let size = from.remaining().min(PART).min(room);
        let bytes = copy_in(from, size)?;
        if !takes(&peer) {
            peer.refuse_data(self);
            return Ok(size);
        }
        peer.inbox.borrow_mut().push(bytes);
        peer.base.queue.notify(READABLE);
        Ok(size)
    }

    /// The last byte that was sent is urgent.
    fn mark_urgent(&self) {
        let Some(peer) = self.peer() else { return };
        // An older one that has not been passed is lost, unless it is read in line.
        if let Some(old) = peer.urgent.get()
            && old.at == peer.read.get()
            && !peer.is_inline()
            && peer.inbox.borrow().len() > 1
        {
            peer.inbox.borrow_mut().take(1);
            peer.read.set(peer.read.get() + 1);
        }
        let last = peer.inbox.borrow().len().saturating_sub(1);
        let byte = peer.inbox.borrow().peek(last, 1).first().copied();
        if let Some(byte) = byte {
            peer.urgent.set(Some(Urgent { at: peer.read.get() + last as u64, byte, is_read: false }));
            peer.base.queue.notify(Events::PRI);
        }
    }
}
