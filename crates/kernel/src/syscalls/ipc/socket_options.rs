//! getsockopt(2) and setsockopt(2).

use super::socket::{Caller, Descriptor};
use crate::arch::user;
use crate::syscalls::Call;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::ipc::socket::OPTION_MAX;

const SOL_SOCKET: i32 = 1;
const SO_LINGER: i32 = 13;
const SO_RCVTIMEO: i32 = 20;
const SO_SNDTIMEO: i32 = 21;

/// getsockopt(2).
pub fn getsockopt(call: &mut Call<'_>) -> Result<i64> {
    let socket = Descriptor::of(call.int(0))?;
    let (level, name, at, length_at) = (call.int(1), call.int(2), call.arg(3), call.arg(4));
    if !socket.get()?.has_level(level) {
        return Err(Errno::EOPNOTSUPP);
    }
    let room = usize::try_from(user::read_i32(length_at)?).map_err(|_| Errno::EINVAL)?;
    let value = socket.get()?.option(level, name, room)?;
    let value = &value[..room.min(value.len())];
    user::write(at, value)?;
    user::write_u32(length_at, value.len() as u32)?;
    Ok(0)
}

/// setsockopt(2).
pub fn setsockopt(call: &mut Call<'_>) -> Result<i64> {
    let socket = Descriptor::of(call.int(0))?;
    let (level, name) = (call.int(1), call.int(2));
    let length = usize::try_from(call.int(4)).map_err(|_| Errno::EINVAL)?;
    if !socket.get()?.has_level(level) {
        // The family knows its error.
        socket.get()?.set_option(level, name, &[], &Caller)?;
    }
    if level == SOL_SOCKET && length < 4 {
        return Err(Errno::EINVAL);
    }
    let wanted = match (level, name) {
        (SOL_SOCKET, SO_LINGER) => 8,
        (SOL_SOCKET, SO_RCVTIMEO | SO_SNDTIMEO) => 16,
        (SOL_SOCKET, _) => 4,
        _ => OPTION_MAX,
    };
    let mut value = alloc::vec![0; length.min(wanted)];
    user::read(call.arg(3), &mut value)?;
    socket.get()?.set_option(level, name, &value, &Caller)?;
    Ok(0)
}
