//! struct sockaddr_in, struct sockaddr_in6: ip(7), ipv6(7).

use crate::errno::{Errno, Result};
use crate::ipc::socket::family;
use alloc::vec::Vec;
use core::fmt;

/// An address of IPv6, or one of IPv4 as the IPv6 address that it is mapped to (`::ffff:a.b.c.d`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ip(pub u128);

const MAPPED: u128 = 0xffff << 32;

impl Ip {
    /// `0.0.0.0`.
    pub const ANY4: Ip = Ip(MAPPED);
    /// `::`.
    pub const ANY6: Ip = Ip(0);
    /// `127.0.0.1`.
    pub const LOOPBACK4: Ip = Ip::v4(0x7f00_0001);
    /// `::1`.
    pub const LOOPBACK6: Ip = Ip(1);

    /// From the number that an IPv4 address is, most significant byte first.
    pub const fn v4(number: u32) -> Ip {
        Ip(MAPPED | number as u128)
    }

    /// The number, if it is an address of IPv4.
    pub const fn as_v4(self) -> Option<u32> {
        if self.0 >> 32 == 0xffff { Some(self.0 as u32) } else { None }
    }

    /// Whether it is an address of IPv4.
    pub const fn is_v4(self) -> bool {
        self.as_v4().is_some()
    }

    /// Whether it stands for any address.
    pub fn is_any(self) -> bool {
        self == Ip::ANY4 || self == Ip::ANY6
    }

    /// In 224.0.0.0/4 or ff00::/8.
    pub fn is_multicast(self) -> bool {
        match self.as_v4() {
            Some(number) => number >> 28 == 14,
            None => self.0 >> 120 == 0xff,
        }
    }

    /// In fe80::/10: it means nothing without an interface.
    pub fn is_link_local(self) -> bool {
        self.0 >> 118 == 0xfe80 >> 6
    }
}

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Endpoint {
    /// The address.
    pub ip: Ip,
    /// The port; 0: none.
    pub port: u16,
}

impl Endpoint {
    /// Nothing, of one family or the other.
    pub const fn none(is_v6: bool) -> Endpoint {
        Endpoint { ip: if is_v6 { Ip::ANY6 } else { Ip::ANY4 }, port: 0 }
    }

    /// As getsockname(2) shows it to a socket of that family.
    pub fn encode(self, is_v6: bool) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SIZE6);
        let port = self.port.to_be_bytes();
        match self.ip.as_v4().filter(|_| !is_v6) {
            Some(number) => {
                bytes.extend_from_slice(&family::INET.to_le_bytes());
                bytes.extend_from_slice(&port);
                bytes.extend_from_slice(&number.to_be_bytes());
                bytes.extend_from_slice(&[0; 8]);
            }
            None => {
                bytes.extend_from_slice(&family::INET6.to_le_bytes());
                bytes.extend_from_slice(&port);
                bytes.extend_from_slice(&[0; 4]);
                bytes.extend_from_slice(&self.ip.0.to_be_bytes());
                bytes.extend_from_slice(&[0; 4]);
            }
        }
        bytes
    }

    /// A struct sockaddr_in6 for a socket of IPv6, a struct sockaddr_in for one of IPv4.
    ///
    /// # Errors
    /// EINVAL: too short; EAFNOSUPPORT: another family.
    pub fn decode(bytes: &[u8], is_v6: bool) -> Result<Endpoint> {
        let wanted = if is_v6 { (SIZE6_OLD, family::INET6) } else { (SIZE4, family::INET) };
        if bytes.len() < wanted.0 {
            return Err(Errno::EINVAL);
        }
        if family_of(bytes) != Some(wanted.1) {
            return Err(Errno::EAFNOSUPPORT);
        }
        Ok(if is_v6 { decode6(bytes) } else { decode4(bytes) })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip.as_v4() {
            Some(number) => {
                let [a, b, c, d] = number.to_be_bytes();
                write!(f, "{a}.{b}.{c}.{d}:{}", self.port)
            }
            None => write!(f, "[{:x}]:{}", self.ip.0, self.port),
        }
    }
}

/// Bytes of struct sockaddr_in.
pub const SIZE4: usize = 16;
/// Bytes of struct sockaddr_in6.
pub const SIZE6: usize = 28;
/// As in RFC 2133, without a scope: what Linux asks for.
pub const SIZE6_OLD: usize = 24;

/// The family that an address says it has.
pub fn family_of(bytes: &[u8]) -> Option<u16> {
    bytes.get(..2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// The caller knows that there are [`SIZE4`] bytes.
pub fn decode4(bytes: &[u8]) -> Endpoint {
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    Endpoint { ip: Ip::v4(u32::from_be_bytes([4, 5, 6, 7].map(|k: usize| bytes[k]))), port }
}

/// The caller knows that there are [`SIZE6_OLD`] bytes.
pub fn decode6(bytes: &[u8]) -> Endpoint {
    let port = u16::from_be_bytes([bytes[2], bytes[3]]);
    let ip = core::array::from_fn(|k| bytes[8 + k]);
    Endpoint { ip: Ip(u128::from_be_bytes(ip)), port }
}
