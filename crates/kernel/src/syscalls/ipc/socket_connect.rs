//! bind(2), listen(2), connect(2), accept(2), and the names of sockets: unix(7).

use super::socket::{AF_UNSPEC, Socket, describe, find_abstract};
use crate::arch::user;
use crate::syscalls::file::open::install;
use crate::syscalls::file::{as_caller, only};
use crate::syscalls::{Call, io};
use crate::task::process::resource;
use crate::task::sched;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK};
use ramet_kcore::fs::inode::FileType;
use ramet_kcore::fs::permission::{self, WRITE};
use ramet_kcore::ipc::unix::{Address, SocketType, UnixSocket};
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

/// The socket that an address leads to.
///
/// # Errors
/// EINVAL; ECONNREFUSED: nobody has that name now; EACCES; as path_resolution(7).
pub fn find(address: &Address) -> Result<Rc<UnixSocket>> {
    let path = match address {
        Address::Unnamed => return Err(Errno::EINVAL),
        Address::Abstract(name) => return find_abstract(name),
        Address::Path(path) => path,
    };
    as_caller(|caller| {
        let found = caller.target(&caller.context.cwd, path, 0)?;
        let attributes = found.inode().attributes()?;
        permission::check(&attributes, caller.credentials, WRITE)?;
        if attributes.file_type != FileType::Socket {
            return Err(Errno::ECONNREFUSED);
        }
        let attached = found.inode().state().and_then(|state| state.attached.borrow().clone());
        let socket = attached.and_then(|object| object.downcast::<Weak<UnixSocket>>().ok());
        socket.and_then(|socket| socket.upgrade()).ok_or(Errno::ECONNREFUSED)
    })
}

/// With SO_PASSCRED a socket that speaks to another gets a name.
pub fn name_if_passing(socket: &UnixSocket) -> Result<()> {
    if socket.passes_credentials() { socket.bind_automatically() } else { Ok(()) }
}

fn bind_path(socket: &Rc<UnixSocket>, path: &[u8]) -> Result<()> {
    as_caller(|caller| {
        let start = &caller.context.cwd;
        let place = caller.make_socket(start, path)?;
        if let Err(error) = socket.bound_to_path(path) {
            // The name is taken back, as on Linux.
            let _ = caller.unlink(start, path);
            return Err(error);
        }
        let state = place.inode().state().ok_or(Errno::EADDRINUSE)?;
        let name: Rc<Weak<UnixSocket>> = Rc::new(Rc::downgrade(socket));
        *state.attached.borrow_mut() = Some(name);
        Ok(())
    })
}

/// bind(2).
pub fn bind(call: &mut Call<'_>) -> Result<i64> {
    let socket = Socket::of(call.int(0))?;
    let address = Address::decode(&read_address(call.arg(1), call.int(2))?)?;
    match &address {
        Address::Unnamed => socket.unix.bind_automatically()?,
        Address::Abstract(name) => socket.unix.bind_abstract(name)?,
        Address::Path(path) => bind_path(&socket.unix, path)?,
    }
    Ok(0)
}

/// listen(2).
pub fn listen(call: &mut Call<'_>) -> Result<i64> {
    Socket::of(call.int(0))?.unix.listen(call.int(1))?;
    Ok(0)
}

/// connect(2).
pub fn connect(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    let bytes = read_address(call.arg(1), call.int(2))?;
    let socket = Socket::from_file(file)?;
    let unix = &socket.unix;
    let family = bytes.get(..2).map(|family| u16::from_le_bytes([family[0], family[1]]));
    if unix.kind() == SocketType::Datagram && family == Some(AF_UNSPEC) {
        unix.connect_unspecified()?;
        return Ok(0);
    }
    let address = Address::decode(&bytes)?;
    if address == Address::Unnamed {
        return Err(Errno::EINVAL);
    }
    name_if_passing(unix)?;
    // Looked up again after each wait: the name may lead elsewhere by then.
    io::blocking(&socket.file, Events::OUT, || unix.connect(&find(&address)?))?;
    Ok(0)
}

fn accept_with(call: &Call<'_>, flags: u32) -> Result<i64> {
    let file = io::file(call.int(0))?;
    only(flags, O_CLOEXEC | O_NONBLOCK)?;
    sched::with_current(|thread| {
        thread.process.files.borrow().has_room(thread.process.limit(resource::NOFILE))
    })?;
    let socket = Socket::from_file(file)?;
    let accepted = io::blocking(&socket.file, Events::IN, || socket.unix.accept())?;
    let file = describe(accepted.clone(), flags);
    if call.arg(1) != 0 {
        let name = accepted.peer_name().map_err(|_| Errno::ECONNABORTED)?;
        write_address(&name.encode(), call.arg(1), call.arg(2))?;
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
    let name = Socket::of(call.int(0))?.unix.name();
    write_address(&name.encode(), call.arg(1), call.arg(2))?;
    Ok(0)
}

/// getpeername(2).
pub fn getpeername(call: &mut Call<'_>) -> Result<i64> {
    let name = Socket::of(call.int(0))?.unix.peer_name()?;
    write_address(&name.encode(), call.arg(1), call.arg(2))?;
    Ok(0)
}
