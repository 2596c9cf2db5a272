//! getsockopt(2) and setsockopt(2).

use super::socket::Socket;
use crate::arch::user;
use crate::syscalls::Call;
use crate::task::sched;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::cap;

const SOL_SOCKET: i32 = 1;
const SO_LINGER: i32 = 13;
const SO_RCVTIMEO: i32 = 20;
const SO_SNDTIMEO: i32 = 21;

/// getsockopt(2).
pub fn getsockopt(call: &mut Call<'_>) -> Result<i64> {
    let socket = Socket::of(call.int(0))?;
    let (level, name, at, length_at) = (call.int(1), call.int(2), call.arg(3), call.arg(4));
    if level != SOL_SOCKET {
        return Err(Errno::EOPNOTSUPP);
    }
    let room = usize::try_from(user::read_i32(length_at)?).map_err(|_| Errno::EINVAL)?;
    let value = socket.unix.option(level, name)?;
    let value = &value[..room.min(value.len())];
    user::write(at, value)?;
    user::write_u32(length_at, value.len() as u32)?;
    Ok(0)
}

/// setsockopt(2).
pub fn setsockopt(call: &mut Call<'_>) -> Result<i64> {
    let socket = Socket::of(call.int(0))?;
    let (level, name) = (call.int(1), call.int(2));
    let length = usize::try_from(call.int(4)).map_err(|_| Errno::EINVAL)?;
    if level != SOL_SOCKET {
        return Err(Errno::EOPNOTSUPP);
    }
    if length < 4 {
        return Err(Errno::EINVAL);
    }
    let wanted = match name {
        SO_LINGER => 8,
        SO_RCVTIMEO | SO_SNDTIMEO => 16,
        _ => 4,
    };
    let mut value = alloc::vec![0; length.min(wanted)];
    user::read(call.arg(3), &mut value)?;
    let privileged = sched::with_current(|thread| thread.credentials.borrow().has(cap::NET_ADMIN));
    socket.unix.set_option(level, name, &value, privileged)?;
    Ok(0)
}
