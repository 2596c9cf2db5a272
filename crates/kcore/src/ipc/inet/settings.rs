//! Options at the levels IPPROTO_IP and IPPROTO_IPV6, and what only these families have at SOL_SOCKET: ip(7), ipv6(7), socket(7).
//!
//! What would show in packets alone is kept and shown again. What would change what a program sees, and is not done, is ENOPROTOOPT.

use super::base::Base;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::fs::credentials::cap;
use crate::ipc::socket::{Credentials, SocketCaller, name};
use crate::map::Map;
use alloc::vec::Vec;

pub const IPPROTO_IP: i32 = 0;
pub const IPPROTO_TCP: i32 = 6;
pub const IPPROTO_UDP: i32 = 17;
pub const IPPROTO_IPV6: i32 = 41;

/// Numbers at IPPROTO_IP.
pub mod ip {
    pub const TOS: i32 = 1;
    pub const TTL: i32 = 2;
    pub const PKTINFO: i32 = 8;
    pub const MTU_DISCOVER: i32 = 10;
    pub const RECVTTL: i32 = 12;
    pub const RECVTOS: i32 = 13;
    pub const MTU: i32 = 14;
    pub const BIND_ADDRESS_NO_PORT: i32 = 24;
    pub const MULTICAST_TTL: i32 = 33;
    pub const MULTICAST_LOOP: i32 = 34;
    pub const ADD_MEMBERSHIP: i32 = 35;
    pub const DROP_MEMBERSHIP: i32 = 36;
}

/// Numbers at IPPROTO_IPV6.
pub mod ipv6 {
    pub const UNICAST_HOPS: i32 = 16;
    pub const MULTICAST_HOPS: i32 = 18;
    pub const MULTICAST_LOOP: i32 = 19;
    pub const MTU_DISCOVER: i32 = 23;
    pub const MTU: i32 = 24;
    pub const V6ONLY: i32 = 26;
    pub const RECVPKTINFO: i32 = 49;
    pub const PKTINFO: i32 = 50;
    pub const RECVHOPLIMIT: i32 = 51;
    pub const RECVTCLASS: i32 = 66;
    pub const TCLASS: i32 = 67;
}

/// Numbers at SOL_SOCKET that only these families have.
mod sol {
    pub const DONTROUTE: i32 = 5;
    pub const OOBINLINE: i32 = 10;
    pub const NO_CHECK: i32 = 11;
    pub const PRIORITY: i32 = 12;
    pub const MARK: i32 = 36;
    pub const RXQ_OVFL: i32 = 40;
    pub const BUSY_POLL: i32 = 46;
    pub const MAX_PACING_RATE: i32 = 47;
}

/// SO_OOBINLINE as a key of [`Settings`].
pub const OOBINLINE: (i32, i32) = (1, sol::OOBINLINE);

/// MTU of `lo`.
pub const LOOPBACK_MTU: i32 = 65536;

/// Options that have been set, by level and number.
#[derive(Clone, Default)]
pub struct Settings(RefCell<Map<(i32, i32), i32>>);

impl Settings {
    /// What was set, or the default.
    pub fn get(&self, key: (i32, i32), default: i32) -> i32 {
        self.0.borrow().get(&key).copied().unwrap_or(default)
    }

    /// Whether it was switched on.
    pub fn is_on(&self, level: i32, name: i32) -> bool {
        self.get((level, name), 0) != 0
    }

    /// Keeps a value.
    pub fn put(&self, key: (i32, i32), value: i32) {
        self.0.borrow_mut().insert(key, value);
    }

    /// All, for an export.
    pub fn all(&self) -> Vec<(i32, i32, i32)> {
        self.0.borrow().iter().map(|(&(level, name), &value)| (level, name, value)).collect()
    }
}

/// An option's value as the int that it is.
///
/// # Errors
/// EINVAL: too short.
pub fn int(value: &[u8]) -> Result<i32> {
    let bytes = value.first_chunk::<4>().ok_or(Errno::EINVAL)?;
    Ok(i32::from_le_bytes(*bytes))
}

/// At these levels one byte may stand for an int.
fn int_or_byte(value: &[u8]) -> Result<i32> {
    match value {
        [] => Err(Errno::EINVAL),
        [byte, ..] if value.len() < 4 => Ok(i32::from(*byte)),
        _ => int(value),
    }
}

/// What an option may be.
enum Rule {
    /// On or off.
    Switch,
    /// One of a range, from the default.
    Range(i32, i32, i32),
}

fn rule(level: i32, option: i32) -> Option<Rule> {
    Some(match (level, option) {
        (IPPROTO_IP, ip::TOS) => Rule::Range(0, 255, 0),
        (IPPROTO_IP, ip::TTL) => Rule::Range(1, 255, 64),
        (IPPROTO_IP, ip::MTU_DISCOVER) => Rule::Range(0, 5, 1),
        (IPPROTO_IP, ip::PKTINFO | ip::RECVTTL | ip::RECVTOS | ip::BIND_ADDRESS_NO_PORT) => Rule::Switch,
        (IPPROTO_IP, ip::MULTICAST_TTL) => Rule::Range(0, 255, 1),
        (IPPROTO_IP, ip::MULTICAST_LOOP) => Rule::Range(0, 1, 1),
        (IPPROTO_IPV6, ipv6::UNICAST_HOPS) => Rule::Range(0, 255, 64),
        (IPPROTO_IPV6, ipv6::MULTICAST_HOPS) => Rule::Range(0, 255, 1),
        (IPPROTO_IPV6, ipv6::MULTICAST_LOOP) => Rule::Range(0, 1, 1),
        (IPPROTO_IPV6, ipv6::MTU_DISCOVER) => Rule::Range(0, 5, 1),
        (IPPROTO_IPV6, ipv6::TCLASS) => Rule::Range(0, 255, 0),
        (IPPROTO_IPV6, ipv6::RECVPKTINFO | ipv6::RECVHOPLIMIT | ipv6::RECVTCLASS) => Rule::Switch,
        (1, sol::DONTROUTE | sol::OOBINLINE | sol::NO_CHECK) => Rule::Switch,
        (1, sol::PRIORITY) => Rule::Range(0, i32::MAX, 0),
        (1, sol::MARK | sol::RXQ_OVFL | sol::BUSY_POLL) => Rule::Range(0, i32::MAX, 0),
        (1, sol::MAX_PACING_RATE) => Rule::Range(-1, i32::MAX, -1),
        _ => return None,
    })
}

impl Base {
    /// Whether the socket has options at that level.
    pub(super) fn has_ip_level(&self, level: i32) -> bool {
        level == IPPROTO_IP || level == IPPROTO_IPV6 && self.is_v6
    }

    /// An option of this file.
    ///
    /// # Errors
    /// ENOPROTOOPT; ENOTCONN.
    pub(super) fn ip_option(&self, level: i32, option: i32, room: usize) -> Result<Vec<u8>> {
        let value = match (level, option) {
            (IPPROTO_IPV6, ipv6::V6ONLY) => i32::from(self.only_v6.get()),
            (IPPROTO_IP, ip::MTU) | (IPPROTO_IPV6, ipv6::MTU) if self.remote.get().is_none() => {
                return Err(Errno::ENOTCONN);
            }
            (IPPROTO_IP, ip::MTU) | (IPPROTO_IPV6, ipv6::MTU) => LOOPBACK_MTU,
            _ => match rule(level, option).ok_or(Errno::ENOPROTOOPT)? {
                Rule::Switch => self.settings.get((level, option), 0),
                Rule::Range(_, _, default) => self.settings.get((level, option), default),
            },
        };
        // A small number fits in a byte, if there is no room for an int.
        if level == IPPROTO_IP && (1..4).contains(&room) && (0..256).contains(&value) {
            return Ok([value as u8].to_vec());
        }
        Ok(value.to_le_bytes().to_vec())
    }

    /// Sets an option of this file.
    ///
    /// # Errors
    /// ENOPROTOOPT; EINVAL; EPERM; ENODEV: there is no interface for multicast.
    pub(super) fn set_ip_option(
        &self,
        level: i32,
        option: i32,
        value: &[u8],
        caller: &dyn SocketCaller,
    ) -> Result<()> {
        match (level, option) {
            (IPPROTO_IPV6, ipv6::V6ONLY) => {
                let on = int(value)? != 0;
                if self.is_bound.get() {
                    return Err(Errno::EINVAL);
                }
                self.only_v6.set(on);
                return Ok(());
            }
            (IPPROTO_IP, ip::ADD_MEMBERSHIP | ip::DROP_MEMBERSHIP) if value.len() < 8 => {
                return Err(Errno::EINVAL);
            }
            (IPPROTO_IP, ip::ADD_MEMBERSHIP) => return Err(Errno::ENODEV),
            (IPPROTO_IP, ip::DROP_MEMBERSHIP) => return Err(Errno::EADDRNOTAVAIL),
            (1, sol::MARK) if !caller.has(cap::NET_ADMIN) => return Err(Errno::EPERM),
            (1, sol::PRIORITY) if !(0..=6).contains(&int(value)?) && !caller.has(cap::NET_ADMIN) => {
                return Err(Errno::EPERM);
            }
            _ => {}
        }
        if level != 1 && !self.has_ip_level(level) {
            return Err(Errno::ENOPROTOOPT);
        }
        let rule = rule(level, option).ok_or(Errno::ENOPROTOOPT)?;
        let value = if level == IPPROTO_IP { int_or_byte(value)? } else { int(value)? };
        let value = match rule {
            Rule::Switch => i32::from(value != 0),
            Rule::Range(_, _, default) if value == -1 && level != 1 => default,
            // Linux takes the lowest eight bits, of which the last two are the network's.
            Rule::Range(..) if (level, option) == (IPPROTO_IP, ip::TOS) => value & 0xff,
            Rule::Range(0, 1, _) => i32::from(value != 0),
            Rule::Range(first, last, _) if (first..=last).contains(&value) => value,
            Rule::Range(..) => return Err(Errno::EINVAL),
        };
        self.settings.put((level, option), value);
        Ok(())
    }

    /// An option at SOL_SOCKET that is not the protocol's.
    ///
    /// # Errors
    /// ENOPROTOOPT.
    pub(super) fn socket_option(&self, option: i32) -> Result<Vec<u8>> {
        let value = match option {
            name::DOMAIN => i32::from(self.family()),
            name::ERROR => self.error.take().map_or(0, |error| error.0),
            name::PASSCRED => return Err(Errno::EOPNOTSUPP),
            name::PEERCRED => return Ok(Credentials::NONE.encode().to_vec()),
            _ => {
                return match self.options.get(option) {
                    Err(Errno::ENOPROTOOPT) => self.ip_option(1, option, 4),
                    other => other,
                };
            }
        };
        Ok(value.to_le_bytes().to_vec())
    }

    /// Sets an option at SOL_SOCKET. Whether readiness may have changed.
    ///
    /// # Errors
    /// As setsockopt(2).
    pub(super) fn set_socket_option(
        &self,
        option: i32,
        value: &[u8],
        caller: &dyn SocketCaller,
    ) -> Result<bool> {
        if option == name::PASSCRED {
            return Err(Errno::EOPNOTSUPP);
        }
        match self.options.set(option, value, caller.has(cap::NET_ADMIN)) {
            Err(Errno::ENOPROTOOPT) => self.set_ip_option(1, option, value, caller).map(|()| false),
            other => other,
        }
    }
}
