//! bind(2), listen(2), connect(2), accept(2), and the names of sockets.

use super::socket::{Caller, Descriptor, describe};
use crate::arch::user;
use crate::session;
use crate::syscalls::file::only;
use crate::syscalls::file::open::install;
use crate::syscalls::{Call, io};
use crate::task::process::resource;
use crate::task::sched;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK};
use ramet_kcore::wait::Events;

/// Bytes of struct sockaddr_storage.
pub const ADDRESS_MAX: usize = 128;

/// An address of the program as bytes.
///
/// # Errors
/// EINVAL: negative or too long; EFAULT.
pub fn read_address(at: usize, length: i32) -> Result<Vec<u8>> {
    let length = usize::try_from(length).ok().filter(|length| *length <= ADDRESS_MAX).ok_or(Errno::EINVAL)?;
    let mut bytes = alloc::vec![0; length];
    user::read(at, &mut bytes)?;
    Ok(bytes)
}

/// Gives the program an address: as much as it has room for, and its real length.
///
/// # Errors
/// EFAULT; EINVAL: a negative length.
pub fn write_address(address: &[u8], at: usize, length_at: usize) -> Result<()> {
    let room = usize::try_from(user::read_i32(length_at)?).map_err(|_| Errno::EINVAL)?;
    user::write(at, &address[..room.min(address.len())])?;
    user::write_u32(length_at, address.len() as u32)
}

/// bind(2).
pub fn bind(call: &mut Call<'_>) -> Result<i64> {
    let socket = Descriptor::of(call.int(0))?;
    // Others are to reach it.
    session::share(&socket.file)?;
    socket.get()?.bind(&read_address(call.arg(1), call.int(2))?, &Caller)?;
    Ok(0)
}

/// listen(2).
pub fn listen(call: &mut Call<'_>) -> Result<i64> {
    Descriptor::of(call.int(0))?.get()?.listen(call.int(1), &Caller)?;
    Ok(0)
}

/// connect(2).
pub fn connect(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    let address = read_address(call.arg(1), call.int(2))?;
    let socket = Descriptor::from_file(file)?;
    session::share(&socket.file)?;
    // Looked up again after each wait: the name may lead elsewhere by then.
    io::blocking(&socket.file, Events::OUT, || {
        socket.get()?.connect(&address, socket.file.flags(), &Caller)
    })?;
    Ok(0)
}

fn accept_with(call: &Call<'_>, flags: u32) -> Result<i64> {
    let file = io::file(call.int(0))?;
    only(flags, O_CLOEXEC | O_NONBLOCK)?;
    sched::with_current(|thread| {
        thread.process.files.borrow().has_room(thread.process.limit(resource::NOFILE))
    })?;
    let socket = Descriptor::from_file(file)?;
    let accepted = io::blocking(&socket.file, Events::IN, || socket.get()?.accept(flags & O_NONBLOCK))?;
    let file = describe(accepted.clone(), flags);
    if call.arg(1) != 0 {
        let name =
            accepted.socket().ok_or(Errno::ENOTSOCK)?.accepted_name().map_err(|_| Errno::ECONNABORTED)?;
        write_address(&name, call.arg(1), call.arg(2))?;
    }
    install(file, flags)
}

/// accept(2).
pub fn accept(call: &mut Call<'_>) -> Result<i64> {
    accept_with(call, 0)
}

/// accept4(2).
pub fn accept4(call: &mut Call<'_>) -> Result<i64> {
    accept_with(call, call.uint(3))
}

/// getsockname(2).
pub fn getsockname(call: &mut Call<'_>) -> Result<i64> {
    let name = Descriptor::of(call.int(0))?.get()?.name()?;
    write_address(&name, call.arg(1), call.arg(2))?;
    Ok(0)
}

/// getpeername(2).
pub fn getpeername(call: &mut Call<'_>) -> Result<i64> {
    let name = Descriptor::of(call.int(0))?.get()?.peer_name()?;
    write_address(&name, call.arg(1), call.arg(2))?;
    Ok(0)
}
