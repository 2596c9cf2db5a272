//! getsockopt(2), setsockopt(2) at the level SOL_SOCKET: socket(7), unix(7).

use super::{State, UnixSocket};
use crate::errno::{Errno, Result};
use crate::wait::Events;
use alloc::vec::Vec;
use core::cell::Cell;

const SOL_SOCKET: i32 = 1;
const SO_DEBUG: i32 = 1;
const SO_REUSEADDR: i32 = 2;
const SO_TYPE: i32 = 3;
const SO_ERROR: i32 = 4;
const SO_BROADCAST: i32 = 6;
const SO_SNDBUF: i32 = 7;
const SO_RCVBUF: i32 = 8;
const SO_KEEPALIVE: i32 = 9;
const SO_LINGER: i32 = 13;
const SO_REUSEPORT: i32 = 15;
const SO_PASSCRED: i32 = 16;
const SO_PEERCRED: i32 = 17;
const SO_RCVLOWAT: i32 = 18;
const SO_SNDLOWAT: i32 = 19;
const SO_RCVTIMEO: i32 = 20;
const SO_SNDTIMEO: i32 = 21;
const SO_ACCEPTCONN: i32 = 30;
const SO_SNDBUFFORCE: i32 = 32;
const SO_RCVBUFFORCE: i32 = 33;
const SO_PROTOCOL: i32 = 38;
const SO_DOMAIN: i32 = 39;

const AF_UNIX: i32 = 1;
/// net.core.wmem_max, rmem_max and the defaults.
const BUFFER_MAX: usize = 212_992;
const SEND_MIN: usize = 4608;
const RECEIVE_MIN: usize = 2304;
const NANOSECONDS: u64 = 1_000_000_000;

/// Settings of a socket.
pub struct SocketOptions {
    pub(super) send_buffer: Cell<usize>,
    receive_buffer: Cell<usize>,
    pub(super) pass_credentials: Cell<bool>,
    /// SO_RCVTIMEO, nanoseconds: how long the caller lets a receive wait; 0: for ever.
    pub receive_timeout: Cell<u64>,
    /// SO_SNDTIMEO, likewise.
    pub send_timeout: Cell<u64>,
    linger: Cell<(i32, i32)>,
    low_water: Cell<i32>,
    /// Options that are kept but mean nothing here: a bit per number.
    switches: Cell<u64>,
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions {
            send_buffer: Cell::new(BUFFER_MAX),
            receive_buffer: Cell::new(BUFFER_MAX),
            pass_credentials: Cell::new(false),
            receive_timeout: Cell::new(0),
            send_timeout: Cell::new(0),
            linger: Cell::new((0, 0)),
            low_water: Cell::new(1),
            switches: Cell::new(0),
        }
    }
}

impl UnixSocket {
    /// SO_PASSCRED.
    pub fn passes_credentials(&self) -> bool {
        self.options.pass_credentials.get()
    }

    /// The value of an option, to be cut to the length that the program gave. Reading SO_ERROR clears it.
    ///
    /// # Errors
    /// EOPNOTSUPP: another level. ENOPROTOOPT: unknown.
    pub fn option(&self, level: i32, name: i32) -> Result<Vec<u8>> {
        if level != SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        let options = &self.options;
        let value = match name {
            SO_TYPE => self.kind as i32,
            SO_DOMAIN => AF_UNIX,
            SO_PROTOCOL => 0,
            SO_ERROR => self.error.take().map_or(0, |error| error.0),
            SO_ACCEPTCONN => (self.state.get() == State::Listening) as i32,
            SO_SNDBUF => options.send_buffer.get() as i32,
            SO_RCVBUF => options.receive_buffer.get() as i32,
            SO_PASSCRED => options.pass_credentials.get() as i32,
            SO_PEERCRED => return Ok(self.peer_credentials().encode().to_vec()),
            SO_RCVLOWAT => options.low_water.get(),
            SO_SNDLOWAT => 1,
            SO_RCVTIMEO => return Ok(encode_time(options.receive_timeout.get())),
            SO_SNDTIMEO => return Ok(encode_time(options.send_timeout.get())),
            SO_LINGER => {
                let (on, seconds) = options.linger.get();
                return Ok([on.to_le_bytes(), seconds.to_le_bytes()].concat());
            }
            SO_DEBUG | SO_REUSEADDR | SO_BROADCAST | SO_KEEPALIVE | SO_REUSEPORT => {
                (options.switches.get() >> name & 1) as i32
            }
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    /// Sets an option. `privileged`: CAP_NET_ADMIN.
    ///
    /// # Errors
    /// EOPNOTSUPP: another level. ENOPROTOOPT: unknown, or only to be read. EINVAL: too short. EPERM. EDOM.
    pub fn set_option(&self, level: i32, name: i32, value: &[u8], privileged: bool) -> Result<()> {
        if level != SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        let int = |at: usize| {
            let bytes = value.get(at..at + 4).ok_or(Errno::EINVAL)?;
            Ok(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        let first = int(0)?;
        let options = &self.options;
        // A size that is negative as an int is a very large one.
        let size = first as u32 as usize;
        match name {
            SO_SNDBUF => options.send_buffer.set((size.min(BUFFER_MAX) * 2).max(SEND_MIN)),
            SO_RCVBUF => options.receive_buffer.set((size.min(BUFFER_MAX) * 2).max(RECEIVE_MIN)),
            SO_SNDBUFFORCE | SO_RCVBUFFORCE if !privileged => return Err(Errno::EPERM),
            SO_SNDBUFFORCE => {
                options
                    .send_buffer
                    .set((first.max(0) as usize).min(i32::MAX as usize / 2).max(SEND_MIN / 2) * 2);
            }
            SO_RCVBUFFORCE => {
                let size = (first.max(0) as usize).min(i32::MAX as usize / 2);
                options.receive_buffer.set(size.max(RECEIVE_MIN / 2) * 2);
            }
            SO_PASSCRED => options.pass_credentials.set(first != 0),
            SO_RCVLOWAT => options.low_water.set(if first < 0 { i32::MAX } else { first.max(1) }),
            SO_LINGER => options.linger.set(((first != 0) as i32, int(4)?)),
            SO_RCVTIMEO => options.receive_timeout.set(decode_time(value)?),
            SO_SNDTIMEO => options.send_timeout.set(decode_time(value)?),
            SO_DEBUG if first != 0 && !privileged => return Err(Errno::EACCES),
            SO_DEBUG | SO_REUSEADDR | SO_BROADCAST | SO_KEEPALIVE | SO_REUSEPORT => {
                let rest = options.switches.get() & !(1 << name);
                options.switches.set(rest | (((first != 0) as u64) << name));
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        if matches!(name, SO_SNDBUF | SO_SNDBUFFORCE) && self.is_writable() {
            self.queue.notify(Events::OUT);
        }
        Ok(())
    }
}

/// struct timeval.
fn encode_time(time: u64) -> Vec<u8> {
    [(time / NANOSECONDS).to_le_bytes(), (time % NANOSECONDS / 1000).to_le_bytes()].concat()
}

fn decode_time(value: &[u8]) -> Result<u64> {
    let word = |at: usize| {
        let bytes = value.get(at..at + 8).ok_or(Errno::EINVAL)?;
        Ok(i64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|k| bytes[k])))
    };
    let (seconds, microseconds) = (word(0)?, word(8)?);
    if !(0..1_000_000).contains(&microseconds) {
        return Err(Errno::EDOM);
    }
    if seconds < 0 {
        // Linux: no waiting at all.
        return Ok(1);
    }
    Ok((seconds as u64).saturating_mul(NANOSECONDS).saturating_add(microseconds as u64 * 1000))
}
