//! Options at the level SOL_SOCKET that all families have: socket(7).

use crate::errno::{Errno, Result};
use crate::fields::{Fields, Writer};
use alloc::vec::Vec;
use core::cell::Cell;

pub const SOL_SOCKET: i32 = 1;

/// Numbers of options at SOL_SOCKET.
#[allow(missing_docs)]
pub mod name {
    pub const DEBUG: i32 = 1;
    pub const REUSEADDR: i32 = 2;
    pub const TYPE: i32 = 3;
    pub const ERROR: i32 = 4;
    pub const BROADCAST: i32 = 6;
    pub const SNDBUF: i32 = 7;
    pub const RCVBUF: i32 = 8;
    pub const KEEPALIVE: i32 = 9;
    pub const LINGER: i32 = 13;
    pub const REUSEPORT: i32 = 15;
    pub const PASSCRED: i32 = 16;
    pub const PEERCRED: i32 = 17;
    pub const RCVLOWAT: i32 = 18;
    pub const SNDLOWAT: i32 = 19;
    pub const RCVTIMEO: i32 = 20;
    pub const SNDTIMEO: i32 = 21;
    pub const ACCEPTCONN: i32 = 30;
    pub const SNDBUFFORCE: i32 = 32;
    pub const RCVBUFFORCE: i32 = 33;
    pub const PROTOCOL: i32 = 38;
    pub const DOMAIN: i32 = 39;
}

/// net.core.wmem_max, rmem_max and the defaults.
pub const BUFFER_MAX: usize = 212_992;
const SEND_MIN: usize = 4608;
const RECEIVE_MIN: usize = 2304;
const NANOSECONDS: u64 = 1_000_000_000;

/// Settings of a socket.
pub struct SocketOptions {
    pub(crate) send_buffer: Cell<usize>,
    pub(crate) receive_buffer: Cell<usize>,
    pub(crate) pass_credentials: Cell<bool>,
    /// SO_RCVTIMEO, nanoseconds: how long the caller lets a receive wait; 0: for ever.
    pub receive_timeout: Cell<u64>,
    /// SO_SNDTIMEO, likewise.
    pub send_timeout: Cell<u64>,
    pub(crate) linger: Cell<(i32, i32)>,
    pub(crate) low_water: Cell<i32>,
    /// Options that are on or off: a bit per number.
    switches: Cell<u64>,
}

impl Default for SocketOptions {
    fn default() -> SocketOptions {
        SocketOptions::new(BUFFER_MAX, BUFFER_MAX)
    }
}

impl SocketOptions {
    /// Defaults, but for the sizes of the buffers.
    pub fn new(send_buffer: usize, receive_buffer: usize) -> SocketOptions {
        SocketOptions {
            send_buffer: Cell::new(send_buffer),
            receive_buffer: Cell::new(receive_buffer),
            pass_credentials: Cell::new(false),
            receive_timeout: Cell::new(0),
            send_timeout: Cell::new(0),
            linger: Cell::new((0, 0)),
            low_water: Cell::new(1),
            switches: Cell::new(0),
        }
    }

    /// Whether the option that is on or off is on.
    pub fn is_on(&self, name: i32) -> bool {
        self.switches.get() >> name & 1 != 0
    }

    /// The value of an option that the settings have.
    ///
    /// # Errors
    /// ENOPROTOOPT: it is not one of them.
    pub fn get(&self, name: i32) -> Result<Vec<u8>> {
        let value = match name {
            name::SNDBUF => self.send_buffer.get() as i32,
            name::RCVBUF => self.receive_buffer.get() as i32,
            name::PASSCRED => self.pass_credentials.get() as i32,
            name::RCVLOWAT => self.low_water.get(),
            name::SNDLOWAT => 1,
            name::RCVTIMEO => return Ok(encode_time(self.receive_timeout.get())),
            name::SNDTIMEO => return Ok(encode_time(self.send_timeout.get())),
            name::LINGER => {
                let (on, seconds) = self.linger.get();
                return Ok([on.to_le_bytes(), seconds.to_le_bytes()].concat());
            }
            name::DEBUG | name::REUSEADDR | name::BROADCAST | name::KEEPALIVE | name::REUSEPORT => {
                self.is_on(name) as i32
            }
            _ => return Err(Errno::ENOPROTOOPT),
        };
        Ok(value.to_le_bytes().to_vec())
    }

    /// Sets an option. `privileged`: CAP_NET_ADMIN. Whether it may have changed what poll(2) says.
    ///
    /// # Errors
    /// ENOPROTOOPT: unknown, or only to be read. EINVAL: too short. EPERM. EDOM.
    pub fn set(&self, name: i32, value: &[u8], privileged: bool) -> Result<bool> {
        let int = |at: usize| {
            let bytes = value.get(at..at + 4).ok_or(Errno::EINVAL)?;
            Ok(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        let first = int(0)?;
        // A size that is negative as an int is a very large one.
        let size = first as u32 as usize;
        match name {
            name::SNDBUF => self.send_buffer.set((size.min(BUFFER_MAX) * 2).max(SEND_MIN)),
            name::RCVBUF => self.receive_buffer.set((size.min(BUFFER_MAX) * 2).max(RECEIVE_MIN)),
            name::SNDBUFFORCE | name::RCVBUFFORCE if !privileged => return Err(Errno::EPERM),
            name::SNDBUFFORCE => {
                let size = (first.max(0) as usize).min(i32::MAX as usize / 2);
                self.send_buffer.set(size.max(SEND_MIN / 2) * 2);
            }
            name::RCVBUFFORCE => {
                let size = (first.max(0) as usize).min(i32::MAX as usize / 2);
                self.receive_buffer.set(size.max(RECEIVE_MIN / 2) * 2);
            }
            name::PASSCRED => self.pass_credentials.set(first != 0),
            name::RCVLOWAT => self.low_water.set(if first < 0 { i32::MAX } else { first.max(1) }),
            name::LINGER => self.linger.set(((first != 0) as i32, int(4)?)),
            name::RCVTIMEO => self.receive_timeout.set(decode_time(value)?),
            name::SNDTIMEO => self.send_timeout.set(decode_time(value)?),
            name::DEBUG if first != 0 && !privileged => return Err(Errno::EACCES),
            name::DEBUG | name::REUSEADDR | name::BROADCAST | name::KEEPALIVE | name::REUSEPORT => {
                let rest = self.switches.get() & !(1 << name);
                self.switches.set(rest | (((first != 0) as u64) << name));
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(matches!(name, name::SNDBUF | name::SNDBUFFORCE | name::RCVLOWAT))
    }
}

impl SocketOptions {
    /// The settings, for another kernel.
    pub(crate) fn export(&self, out: &mut Writer) {
        out.u64(self.send_buffer.get() as u64).u64(self.receive_buffer.get() as u64);
        out.u32(self.pass_credentials.get().into()).u32(self.low_water.get() as u32);
        out.u64(self.receive_timeout.get()).u64(self.send_timeout.get());
        let (on, seconds) = self.linger.get();
        out.u32(on as u32).u32(seconds as u32).u64(self.switches.get());
    }

    /// Takes over settings of another kernel.
    pub(crate) fn import(&self, fields: &mut Fields<'_>) -> Result<()> {
        let (send, receive) = (fields.u64()?, fields.u64()?);
        let within = |size: u64, least: usize| (least as u64..=i32::MAX as u64).contains(&size);
        if !within(send, SEND_MIN) || !within(receive, RECEIVE_MIN) {
            return Err(Errno::EINVAL);
        }
        self.send_buffer.set(send as usize);
        self.receive_buffer.set(receive as usize);
        self.pass_credentials.set(fields.u32()? != 0);
        self.low_water.set(fields.u32()? as i32);
        self.receive_timeout.set(fields.u64()?);
        self.send_timeout.set(fields.u64()?);
        self.linger.set((fields.u32()? as i32, fields.u32()? as i32));
        self.switches.set(fields.u64()?);
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
