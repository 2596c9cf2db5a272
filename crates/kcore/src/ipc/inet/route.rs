//! Which addresses are this machine's, and which way leads to an address.
//!
//! There is one interface, `lo`, with 127.0.0.1/8 and ::1/128. A way to another network becomes another [`Route`].

use super::address::Ip;
use crate::errno::{Errno, Result};

/// How an address is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// A socket of this session.
    Loopback {
        /// The address that the other side sees, unless bind(2) has chosen one.
        source: Ip,
        /// Where it goes: the unspecified address is the loopback's.
        destination: Ip,
    },
}

const LOOPBACK_NET: u32 = 127;
const LOOPBACK_BROADCAST: u32 = 0x7fff_ffff;

/// Whether bind(2) takes the address for one's own.
pub fn is_bindable(ip: Ip) -> bool {
    match ip.as_v4() {
        Some(number) => {
            number == 0 || number >> 24 == LOOPBACK_NET || ip.is_multicast() || number == u32::MAX
        }
        None => ip == Ip::ANY6 || ip == Ip::LOOPBACK6,
    }
}

/// Whether it is a broadcast address of an interface.
pub fn is_broadcast(ip: Ip) -> bool {
    ip.as_v4() == Some(LOOPBACK_BROADCAST)
}

/// The way to `ip`.
///
/// # Errors
/// ENETUNREACH: there is none. EINVAL: a link-local address without an interface.
pub fn find(ip: Ip) -> Result<Route> {
    match ip.as_v4() {
        Some(0) => Ok(Route::Loopback { source: Ip::LOOPBACK4, destination: Ip::LOOPBACK4 }),
        Some(number) if number >> 24 == LOOPBACK_NET => {
            Ok(Route::Loopback { source: Ip::LOOPBACK4, destination: ip })
        }
        Some(_) => Err(Errno::ENETUNREACH),
        None if ip == Ip::ANY6 || ip == Ip::LOOPBACK6 => {
            Ok(Route::Loopback { source: Ip::LOOPBACK6, destination: Ip::LOOPBACK6 })
        }
        None if ip.is_link_local() => Err(Errno::EINVAL),
        None => Err(Errno::ENETUNREACH),
    }
}
