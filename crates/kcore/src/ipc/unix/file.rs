//! A socket as a file: read(2), write(2), poll(2), ioctl(2).

use super::super::inet::interface;
use super::super::object::{requests, socket_stat};
use super::super::socket::Socket;
use super::{Outgoing, READABLE, SHUT_BOTH, SHUT_RECEIVE, SocketType, State, UnixSocket, WRITABLE, msg};
use crate::errno::{Errno, Result};
use crate::file::{File, flags};
use crate::fs::inode::SetAttributes;
use crate::fs::locks::LockTable;
use crate::stat::Stat;
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::rc::Rc;
use core::any::Any;
use core::cell::OnceCell;

impl File for UnixSocket {
    fn read(&self, _: u64, into: &mut dyn Sink, status: u32) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        let flags = if status & flags::O_NONBLOCK != 0 { msg::DONTWAIT } else { 0 };
        self.receive(into, flags).map(|received| received.count)
    }

    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        self.send_to(from, Outgoing::default(), None)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.changed.show(socket_stat(self.id, self.origin)))
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.changed.set(change);
        Ok(())
    }

    fn changed_attributes(&self) -> Option<SetAttributes> {
        self.changed.get()
    }

    fn poll(&self) -> Events {
        let mut events = Events::NONE;
        if let Some(error) = self.error.get() {
            debug_assert!(error.0 > 0);
            events = events.or(Events::ERR);
        }
        if self.shut.get() == SHUT_BOTH {
            events = events.or(Events::HUP);
        }
        if self.has_shut(SHUT_RECEIVE) {
            events = events.or(Events::RDHUP).or(READABLE);
        }
        if !self.inbox.borrow().is_empty() || !self.pending.borrow().is_empty() {
            events = events.or(READABLE);
        }
        if self.is_connection_based() && self.state.get() == State::Unconnected {
            events = events.or(Events::HUP);
        }
        if self.is_writable() && !self.waits_for_peer() {
            events = events.or(WRITABLE);
        }
        events
    }

    fn locks(&self) -> Option<&OnceCell<Rc<LockTable>>> {
        Some(&self.locks)
    }

    fn is_stream(&self) -> bool {
        self.kind == SocketType::Stream
    }

    fn raises_sigpipe(&self) -> bool {
        self.signals_broken_pipe()
    }

    fn signalled(&self) -> Events {
        let always = Events::IN.or(Events::HUP);
        if self.found_full.get() { always.or(Events::OUT) } else { always }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        let value = match request {
            requests::FIONREAD if self.state.get() == State::Listening => return Err(Errno::EINVAL),
            requests::FIONREAD if self.is_connection_based() => self.unread.get(),
            requests::FIONREAD => self.inbox.borrow().front().map_or(0, |message| message.unread()),
            requests::TIOCOUTQ => self.charged.get(),
            _ => return interface::ioctl(request, argument, memory),
        };
        memory.write(argument, &(value as i32).to_le_bytes())?;
        Ok(0)
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn release(&self) {
        if !self.undescribed.take() {
            self.close(false);
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl UnixSocket {
    /// Whether a datagram socket's peer takes nothing now; it will be told when it does.
    fn waits_for_peer(&self) -> bool {
        if self.kind == SocketType::Stream {
            return false;
        }
        match self.peer() {
            Some(peer) if peer.is_full_for(self) => {
                peer.block(self);
                true
            }
            _ => false,
        }
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        self.close(false);
    }
}
