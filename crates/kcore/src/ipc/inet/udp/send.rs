//! sendmsg(2).

use super::super::address::{Endpoint, Ip};
use super::super::route;
use super::super::settings::{IPPROTO_IP, IPPROTO_IPV6, ip, ipv6};
use super::{Datagram, UdpSocket};
use crate::errno::{Errno, Result};
use crate::ipc::socket::{ControlMessage, Outgoing, READABLE, SHUT_SEND, copy_in, msg};
use crate::user::Source;
use crate::wait::Events;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// What a packet of IPv4 and one of IPv6 can carry beside the headers.
const MAX4: usize = 65_535 - 20 - 8;
const MAX6: usize = 65_535 - 8;

const IPV6_HOPLIMIT: i32 = 52;
/// What packets are sent with.
const HOPS: i32 = 64;

/// What control messages ask for.
#[derive(Default)]
struct Asked {
    source: Option<Ip>,
    hops: Option<u8>,
    class: Option<u8>,
}

impl UdpSocket {
    pub(super) fn send_datagram(&self, from: &mut dyn Source, message: &Outgoing) -> Result<usize> {
        let base = &self.base;
        self.bind_automatically()?;
        let size = from.remaining();
        if size > usize::from(u16::MAX) {
            return Err(Errno::EMSGSIZE);
        }
        if message.flags & msg::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let target = match &message.address {
            Some(bytes) => self.target(bytes, false)?,
            None => None,
        };
        let to = match (target, base.remote.get()) {
            (Some(Endpoint { port: 0, .. }), _) => return Err(Errno::EINVAL),
            (Some(to), _) => to,
            (None, Some(remote)) => remote,
            (None, None) => return Err(Errno::EDESTADDRREQ),
        };
        let asked = self.asked(&message.control)?;
        let (mut source, to) = self.route(to)?;
        if let Some(chosen) = asked.source {
            source = chosen;
        }
        if size > if to.ip.is_v4() { MAX4 } else { MAX6 } {
            return Err(Errno::EMSGSIZE);
        }
        base.take_error()?;
        if base.has_shut(SHUT_SEND) {
            return Err(Errno::EPIPE);
        }
        let data = copy_in(from, size)?;
        let from = Endpoint { ip: source, port: base.local.get().port };
        self.deliver(Datagram::new(data, from, to.ip, self.marks(to.ip, &asked)), to);
        Ok(size)
    }

    /// Hop limit and class of a packet to that address.
    fn marks(&self, to: Ip, asked: &Asked) -> [u8; 2] {
        let set = |level, name, default| self.base.settings.get((level, name), default) as u8;
        let (hops, class) = match (to.is_v4(), to.is_multicast()) {
            (true, false) => (set(IPPROTO_IP, ip::TTL, HOPS), set(IPPROTO_IP, ip::TOS, 0)),
            (true, true) => (set(IPPROTO_IP, ip::MULTICAST_TTL, 1), set(IPPROTO_IP, ip::TOS, 0)),
            (false, false) => {
                (set(IPPROTO_IPV6, ipv6::UNICAST_HOPS, HOPS), set(IPPROTO_IPV6, ipv6::TCLASS, 0))
            }
            (false, true) => (set(IPPROTO_IPV6, ipv6::MULTICAST_HOPS, 1), set(IPPROTO_IPV6, ipv6::TCLASS, 0)),
        };
        [asked.hops.unwrap_or(hops), asked.class.unwrap_or(class)]
    }

    fn asked(&self, control: &[ControlMessage]) -> Result<Asked> {
        let mut asked = Asked::default();
        for message in control {
            let data = &message.data;
            let word = |at: usize| [0, 1, 2, 3].map(|k: usize| data[at + k]);
            let (interface, ip) = match (message.level, message.kind) {
                (IPPROTO_IP, ip::PKTINFO) if data.len() == 12 => {
                    (u32::from_le_bytes(word(0)), Ip::v4(u32::from_be_bytes(word(4))))
                }
                (IPPROTO_IPV6, ipv6::PKTINFO) if data.len() >= 20 && self.base.is_v6 => {
                    let ip = u128::from_be_bytes(core::array::from_fn(|k| data[k]));
                    (u32::from_le_bytes(word(16)), Ip(ip))
                }
                (IPPROTO_IP, ip::TTL) if data.len() == 4 => {
                    let hops = u8::try_from(i32::from_le_bytes(word(0))).ok().filter(|hops| *hops > 0);
                    asked.hops = Some(hops.ok_or(Errno::EINVAL)?);
                    continue;
                }
                (IPPROTO_IP, ip::TOS) if matches!(data.len(), 1 | 4) => {
                    let class = if data.len() == 1 { data[0].into() } else { i32::from_le_bytes(word(0)) };
                    asked.class = Some(u8::try_from(class).map_err(|_| Errno::EINVAL)?);
                    continue;
                }
                (IPPROTO_IPV6, _) if !self.base.is_v6 => continue,
                (IPPROTO_IPV6, IPV6_HOPLIMIT | ipv6::TCLASS) if data.len() == 4 => {
                    let mark = match i32::from_le_bytes(word(0)) {
                        -1 => None,
                        value => Some(u8::try_from(value).map_err(|_| Errno::EINVAL)?),
                    };
                    let place =
                        if message.kind == IPV6_HOPLIMIT { &mut asked.hops } else { &mut asked.class };
                    *place = mark;
                    continue;
                }
                (IPPROTO_IP | IPPROTO_IPV6, _) => return Err(Errno::EINVAL),
                _ => continue,
            };
            if interface > super::super::interface::INDEX {
                return Err(Errno::ENODEV);
            }
            if !ip.is_any() {
                if !route::is_bindable(ip) || ip.is_multicast() {
                    return Err(Errno::EINVAL);
                }
                asked.source = Some(ip);
            }
        }
        Ok(asked)
    }

    fn deliver(&self, datagram: Datagram, to: Endpoint) {
        let domain = &self.base.domain;
        if route::is_broadcast(to.ip) {
            let wanted = |socket: &Rc<UdpSocket>| {
                let base = &socket.base;
                (base.local.get().ip == to.ip || base.local.get().ip.is_any())
                    && base.remote.get().is_none_or(|remote| remote == datagram.from)
            };
            let receivers: Vec<Rc<UdpSocket>> = domain.udp.borrow().at(to.port).filter(wanted).collect();
            receivers.iter().for_each(|receiver| receiver.put_datagram(datagram.clone()));
            return;
        }
        let receiver = domain.udp.borrow().receiver(to, datagram.from, domain.next_turn());
        match receiver {
            Some(receiver) => receiver.put_datagram(datagram),
            // A connected socket hears of it, as from an ICMP message.
            None if self.base.remote.get().is_some() => {
                self.base.error.set(Some(Errno::ECONNREFUSED));
                self.base.queue.notify(Events::ERR);
            }
            None => {}
        }
    }

    /// What finds no room is lost, as on Linux.
    pub(in super::super) fn put_datagram(&self, datagram: Datagram) {
        if self.charged.get() > self.base.options.receive_buffer.get() {
            return;
        }
        self.charged.set(self.charged.get() + datagram.charge);
        self.inbox.borrow_mut().push_back(datagram);
        self.base.queue.notify(READABLE);
    }
}
