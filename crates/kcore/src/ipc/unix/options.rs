//! getsockopt(2), setsockopt(2) at the level SOL_SOCKET: socket(7), unix(7).

use super::{State, UnixSocket};
use crate::errno::{Errno, Result};
use crate::ipc::socket::{SOL_SOCKET, family, name};
use crate::wait::Events;
use alloc::vec::Vec;

impl UnixSocket {
    /// SO_PASSCRED.
    pub fn passes_credentials(&self) -> bool {
        self.options.pass_credentials.get()
    }

    /// The value of an option, to be cut to the length that the program gave. Reading SO_ERROR clears it.
    ///
    /// # Errors
    /// EOPNOTSUPP: another level. ENOPROTOOPT: unknown.
    pub fn option(&self, level: i32, option: i32) -> Result<Vec<u8>> {
        if level != SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        let value = match option {
            name::TYPE => self.kind as i32,
            name::DOMAIN => i32::from(family::UNIX),
            name::PROTOCOL => 0,
            name::ERROR => self.error.take().map_or(0, |error| error.0),
            name::ACCEPTCONN => (self.state.get() == State::Listening) as i32,
            name::PEERCRED => return Ok(self.peer_credentials().encode().to_vec()),
            _ => return self.options.get(option),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    /// Sets an option. `privileged`: CAP_NET_ADMIN.
    ///
    /// # Errors
    /// EOPNOTSUPP: another level. ENOPROTOOPT: unknown, or only to be read. EINVAL: too short. EPERM. EDOM.
    pub fn set_option(&self, level: i32, option: i32, value: &[u8], privileged: bool) -> Result<()> {
        if level != SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.options.set(option, value, privileged)? && self.is_writable() {
            self.queue.notify(Events::OUT);
        }
        Ok(())
    }
}
