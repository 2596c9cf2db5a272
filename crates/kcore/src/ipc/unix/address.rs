//! struct sockaddr_un.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// Size of struct sockaddr_un.
pub const SUN_MAX: usize = 110;
const AF_UNIX: u16 = 1;

/// A socket's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// None.
    Unnamed,
    /// A path, without terminating zero.
    Path(Vec<u8>),
    /// A name in the abstract namespace, without its leading zero.
    Abstract(Vec<u8>),
}

impl Address {
    /// From what the program passes to bind(2), connect(2) or sendto(2).
    ///
    /// # Errors
    /// EINVAL: too short, too long, or another family.
    pub fn decode(bytes: &[u8]) -> Result<Address> {
        if bytes.len() < 2 || bytes.len() > SUN_MAX || u16::from_le_bytes([bytes[0], bytes[1]]) != AF_UNIX {
            return Err(Errno::EINVAL);
        }
        Ok(match &bytes[2..] {
            [] => Address::Unnamed,
            [0, name @ ..] => Address::Abstract(name.to_vec()),
            path => Address::Path(path.iter().copied().take_while(|&byte| byte != 0).collect()),
        })
    }

    /// As getsockname(2) returns it; the length counts a path's terminating zero.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = AF_UNIX.to_le_bytes().to_vec();
        match self {
            Address::Unnamed => {}
            Address::Path(path) => {
                bytes.extend_from_slice(path);
                bytes.push(0);
            }
            Address::Abstract(name) => {
                bytes.push(0);
                bytes.extend_from_slice(name);
            }
        }
        bytes
    }
}
