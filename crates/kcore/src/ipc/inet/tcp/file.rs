//! A stream socket as a file and as a socket.

use super::super::interface;
use super::super::ports::Bound;
use super::super::settings::IPPROTO_TCP;
use super::{State, TcpSocket};
use crate::errno::{Errno, Result};
use crate::file::{File, flags};
use crate::fs::inode::SetAttributes;
use crate::ipc::object::{requests, socket_stat};
use crate::ipc::socket::{
    Outgoing, READABLE, Received, SHUT_BOTH, SHUT_RECEIVE, SHUT_SEND, SOL_SOCKET, Socket, SocketCaller,
    SocketType, msg, name,
};
use crate::stat::Stat;
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

const SIOCATMARK: u32 = 0x8905;
const SIOCOUTQNSD: u32 = 0x894b;

impl File for TcpSocket {
    fn read(&self, _: u64, into: &mut dyn Sink, status: u32) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        let flags = if status & flags::O_NONBLOCK != 0 { msg::DONTWAIT } else { 0 };
        self.receive_bytes(into, flags, 0).map(|received| received.count)
    }

    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        self.send_bytes(from, 0)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.base.changed.show(socket_stat(self.base.id, self.base.origin)))
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.base.changed.set(change);
        Ok(())
    }

    fn changed_attributes(&self) -> Option<SetAttributes> {
        self.base.changed.get()
    }

    fn poll(&self) -> Events {
        const OUT: Events = Events(Events::OUT.0 | Events::WRNORM.0);
        let base = &self.base;
        if self.is_listening() {
            return if self.pending.borrow().is_empty() { Events::NONE } else { READABLE };
        }
        let mut events = Events::NONE;
        if base.shut.get() == SHUT_BOTH || self.state.get() == State::Closed {
            events = events.or(Events::HUP);
        }
        if base.has_shut(SHUT_RECEIVE) {
            events = events.or(READABLE).or(Events::RDHUP);
        }
        if self.state.get() != State::SynSent {
            let skipped = usize::from(self.before_mark() == Some(0) && !self.is_inline());
            if self.readable() >= base.options.low_water.get().max(1) as usize + skipped {
                events = events.or(READABLE);
            }
            if base.has_shut(SHUT_SEND) || self.is_writable() {
                events = events.or(OUT);
            } else {
                self.found_full.set(true);
            }
            if self.urgent.get().is_some_and(|urgent| !urgent.is_read) {
                events = events.or(Events::PRI);
            }
        }
        if base.error.get().is_some() {
            events = events.or(Events::ERR);
        }
        events
    }

    fn signalled(&self) -> Events {
        let always = Events::IN.or(Events::HUP).or(Events::ERR);
        if self.found_full.get() { always.or(Events::OUT) } else { always }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.base.queue)
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        let value = match request {
            requests::FIONREAD | requests::TIOCOUTQ if self.is_listening() => return Err(Errno::EINVAL),
            requests::FIONREAD => match self.before_mark().filter(|_| !self.is_inline()) {
                Some(before) => before,
                None => self.readable(),
            },
            requests::TIOCOUTQ | SIOCOUTQNSD => self.queued().0,
            SIOCATMARK => usize::from(self.before_mark() == Some(0)),
            _ => return interface::ioctl(request, argument, memory),
        };
        memory.write(argument, &(value as i32).to_le_bytes())?;
        Ok(0)
    }

    fn socket(&self) -> Option<&dyn Socket> {
        Some(self)
    }

    fn release(&self) {
        self.close();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Socket for TcpSocket {
    fn family(&self) -> u16 {
        self.base.family()
    }

    fn kind(&self) -> SocketType {
        SocketType::Stream
    }

    fn timeout(&self, sends: bool) -> u64 {
        let options = &self.base.options;
        if sends { &options.send_timeout } else { &options.receive_timeout }.get()
    }

    fn bind(&self, address: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        self.bind_to(address, caller)
    }

    fn listen(&self, backlog: i32, _: &dyn SocketCaller) -> Result<()> {
        self.start_listening(backlog)
    }

    fn connect(&self, address: &[u8], flags: u32, _: &dyn SocketCaller) -> Result<()> {
        self.connect_to(address, flags)
    }

    fn accept(&self, _: u32) -> Result<Rc<dyn File>> {
        Ok(self.accept_next()?)
    }

    fn shutdown(&self, how: i32) -> Result<()> {
        self.shut_down(how)
    }

    fn name(&self) -> Result<Vec<u8>> {
        Ok(self.base.local.get().encode(self.base.is_v6))
    }

    fn peer_name(&self) -> Result<Vec<u8>> {
        let is_connected = self.state.get() == State::Established;
        let remote = self.base.remote.get().filter(|_| is_connected);
        Ok(remote.ok_or(Errno::ENOTCONN)?.encode(self.base.is_v6))
    }

    fn accepted_name(&self) -> Result<Vec<u8>> {
        Ok(self.base.remote.get().ok_or(Errno::ENOTCONN)?.encode(self.base.is_v6))
    }

    fn has_level(&self, level: i32) -> bool {
        level == SOL_SOCKET || level == IPPROTO_TCP || self.base.has_ip_level(level)
    }

    fn option(&self, level: i32, option: i32, room: usize) -> Result<Vec<u8>> {
        let value = match (level, option) {
            (SOL_SOCKET, name::TYPE) => SocketType::Stream as i32,
            (SOL_SOCKET, name::PROTOCOL) => IPPROTO_TCP,
            (SOL_SOCKET, name::ACCEPTCONN) => i32::from(self.is_listening()),
            (SOL_SOCKET, _) => return self.base.socket_option(option),
            (IPPROTO_TCP, _) => return self.tcp_option(option),
            _ => return self.base.ip_option(level, option, room),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    fn set_option(&self, level: i32, option: i32, value: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        match level {
            SOL_SOCKET => {
                if self.base.set_socket_option(option, value, caller)? {
                    self.base.queue.notify(Events::ALL);
                }
                Ok(())
            }
            IPPROTO_TCP => self.set_tcp_option(option, value),
            _ => self.base.set_ip_option(level, option, value, caller),
        }
    }

    fn send(&self, from: &mut dyn Source, message: Outgoing, _: &dyn SocketCaller) -> Result<usize> {
        // A connection has no use for an address.
        self.send_bytes(from, message.flags)
    }

    fn receive(&self, into: &mut dyn Sink, flags: u32, before: usize) -> Result<Received> {
        self.receive_bytes(into, flags, before)
    }
}
