//! A datagram socket as a file and as a socket.

use super::super::interface;
use super::super::settings::IPPROTO_UDP;
use super::UdpSocket;
use crate::errno::{Errno, Result};
use crate::file::{File, flags};
use crate::fs::inode::SetAttributes;
use crate::ipc::object::{requests, socket_stat};
use crate::ipc::socket::{
    Outgoing, READABLE, Received, SHUT_BOTH, SHUT_RECEIVE, SOL_SOCKET, Socket, SocketCaller, SocketType,
    WRITABLE, msg, name,
};
use crate::stat::Stat;
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

impl File for UdpSocket {
    fn read(&self, _: u64, into: &mut dyn Sink, status: u32) -> Result<usize> {
        if into.remaining() == 0 {
            return Ok(0);
        }
        let flags = if status & flags::O_NONBLOCK != 0 { msg::DONTWAIT } else { 0 };
        self.receive_datagram(into, flags).map(|received| received.count)
    }

    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        self.send_datagram(from, &Outgoing::default())
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
        let base = &self.base;
        let mut events = WRITABLE;
        if base.error.get().is_some() {
            events = events.or(Events::ERR);
        }
        if base.shut.get() == SHUT_BOTH {
            events = events.or(Events::HUP);
        }
        if base.has_shut(SHUT_RECEIVE) {
            events = events.or(Events::RDHUP).or(READABLE);
        }
        if !self.inbox.borrow().is_empty() {
            events = events.or(READABLE);
        }
        events
    }

    fn is_stream(&self) -> bool {
        false
    }

    fn raises_sigpipe(&self) -> bool {
        false
    }

    fn signalled(&self) -> Events {
        Events::IN.or(Events::HUP).or(Events::ERR)
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.base.queue)
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        let value = match request {
            requests::FIONREAD => self.inbox.borrow().front().map_or(0, |datagram| datagram.data.len()),
            requests::TIOCOUTQ => 0,
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

impl Socket for UdpSocket {
    fn family(&self) -> u16 {
        self.base.family()
    }

    fn kind(&self) -> SocketType {
        SocketType::Datagram
    }

    fn timeout(&self, sends: bool) -> u64 {
        let options = &self.base.options;
        if sends { &options.send_timeout } else { &options.receive_timeout }.get()
    }

    fn bind(&self, address: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        self.bind_to(address, caller)
    }

    fn listen(&self, _: i32, _: &dyn SocketCaller) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    fn connect(&self, address: &[u8], _: u32, _: &dyn SocketCaller) -> Result<()> {
        self.connect_to(address)
    }

    fn accept(&self, _: u32) -> Result<Rc<dyn File>> {
        Err(Errno::EOPNOTSUPP)
    }

    fn shutdown(&self, how: i32) -> Result<()> {
        self.shut_down(how)
    }

    fn name(&self) -> Result<Vec<u8>> {
        Ok(self.base.local.get().encode(self.base.is_v6))
    }

    fn peer_name(&self) -> Result<Vec<u8>> {
        Ok(self.base.remote.get().ok_or(Errno::ENOTCONN)?.encode(self.base.is_v6))
    }

    fn has_level(&self, level: i32) -> bool {
        level == SOL_SOCKET || level == IPPROTO_UDP || self.base.has_ip_level(level)
    }

    fn option(&self, level: i32, option: i32, room: usize) -> Result<Vec<u8>> {
        let value = match (level, option) {
            (SOL_SOCKET, name::TYPE) => SocketType::Datagram as i32,
            (SOL_SOCKET, name::PROTOCOL) => IPPROTO_UDP,
            (SOL_SOCKET, name::ACCEPTCONN) => 0,
            (SOL_SOCKET, _) => return self.base.socket_option(option),
            // Datagrams are not held back, cut up or put together.
            (IPPROTO_UDP, _) => return Err(Errno::ENOPROTOOPT),
            _ => return self.base.ip_option(level, option, room),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    fn set_option(&self, level: i32, option: i32, value: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        match level {
            SOL_SOCKET => self.base.set_socket_option(option, value, caller).map(|_| ()),
            IPPROTO_UDP => Err(Errno::ENOPROTOOPT),
            _ => self.base.set_ip_option(level, option, value, caller),
        }
    }

    fn send(&self, from: &mut dyn Source, message: Outgoing, _: &dyn SocketCaller) -> Result<usize> {
        self.send_datagram(from, &message)
    }

    fn receive(&self, into: &mut dyn Sink, flags: u32, _: usize) -> Result<Received> {
        self.receive_datagram(into, flags)
    }
}
