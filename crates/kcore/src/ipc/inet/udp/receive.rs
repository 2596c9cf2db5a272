//! recvmsg(2).

use super::super::address::Ip;
use super::super::interface;
use super::super::route;
use super::super::settings::{IPPROTO_IP, IPPROTO_IPV6, ip, ipv6};
use super::{Datagram, UdpSocket};
use crate::errno::{Errno, Result};
use crate::ipc::socket::{ControlMessage, Received, SHUT_RECEIVE, msg};
use crate::user::Sink;
use alloc::vec::Vec;

const IPV6_HOPLIMIT: i32 = 52;

impl UdpSocket {
    pub(super) fn receive_datagram(&self, into: &mut dyn Sink, flags: u32) -> Result<Received> {
        if flags & msg::ERRQUEUE != 0 {
            return Err(Errno::EAGAIN);
        }
        self.base.take_error()?;
        let next = self.inbox.borrow_mut().pop_front();
        let Some(datagram) = next else {
            let ended = self.base.has_shut(SHUT_RECEIVE) && flags & msg::DONTWAIT == 0;
            return if ended { Ok(Received::default()) } else { Err(Errno::EAGAIN) };
        };
        let size = datagram.data.len();
        let part = size.min(into.remaining());
        let copied = if part == 0 { Ok(0) } else { into.put(&datagram.data[..part]) };
        let received = Received {
            count: if flags & msg::TRUNC != 0 { size } else { part },
            flags: if part < size { msg::TRUNC } else { 0 },
            address: datagram.from.encode(self.base.is_v6),
            control: self.control(&datagram),
            ..Received::default()
        };
        if flags & msg::PEEK != 0 {
            self.inbox.borrow_mut().push_front(datagram);
        } else {
            self.charged.set(self.charged.get() - datagram.charge);
        }
        // As on Linux, a datagram that cannot be copied is lost.
        if copied == Ok(part) { Ok(received) } else { Err(Errno::EFAULT) }
    }

    /// What the program wants to know of a datagram.
    fn control(&self, datagram: &Datagram) -> Vec<ControlMessage> {
        let settings = &self.base.settings;
        let [hops, class] = datagram.marks;
        let mut messages = Vec::new();
        let mut add = |level, kind, data: Vec<u8>| messages.push(ControlMessage { level, kind, data });
        if self.base.is_v6 && settings.is_on(IPPROTO_IPV6, ipv6::RECVPKTINFO) {
            let mut info = datagram.to.0.to_be_bytes().to_vec();
            info.extend_from_slice(&interface::INDEX.to_le_bytes());
            add(IPPROTO_IPV6, ipv6::PKTINFO, info);
        }
        if self.base.is_v6 && settings.is_on(IPPROTO_IPV6, ipv6::RECVHOPLIMIT) && !datagram.to.is_v4() {
            add(IPPROTO_IPV6, IPV6_HOPLIMIT, i32::from(hops).to_le_bytes().to_vec());
        }
        if self.base.is_v6 && settings.is_on(IPPROTO_IPV6, ipv6::RECVTCLASS) && !datagram.to.is_v4() {
            add(IPPROTO_IPV6, ipv6::TCLASS, i32::from(class).to_le_bytes().to_vec());
        }
        let Some(to) = datagram.to.as_v4() else { return messages };
        if settings.is_on(IPPROTO_IP, ip::PKTINFO) {
            let mut info = interface::INDEX.to_le_bytes().to_vec();
            let own = if route::is_broadcast(datagram.to) { Ip::LOOPBACK4 } else { datagram.to };
            info.extend_from_slice(&own.as_v4().unwrap_or(0).to_be_bytes());
            info.extend_from_slice(&to.to_be_bytes());
            add(IPPROTO_IP, ip::PKTINFO, info);
        }
        if settings.is_on(IPPROTO_IP, ip::RECVTTL) {
            add(IPPROTO_IP, ip::TTL, i32::from(hops).to_le_bytes().to_vec());
        }
        if settings.is_on(IPPROTO_IP, ip::RECVTOS) {
            add(IPPROTO_IP, ip::TOS, [class].to_vec());
        }
        messages
    }
}
