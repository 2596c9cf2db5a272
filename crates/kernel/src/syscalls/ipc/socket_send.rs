//! sendto(2), sendmsg(2), sendmmsg(2).

use super::socket::Socket;
use super::socket_connect::{find, name_if_passing, read_address};
use super::socket_message::{HEADER, Header, outgoing};
use crate::arch::user;
use crate::syscalls::vectors::Vectors;
use crate::syscalls::{Call, io};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_NONBLOCK;
use ramet_kcore::ipc::unix::{Address, Outgoing, SocketType, msg};
use ramet_kcore::signal::Signal;
use ramet_kcore::user::Source;
use ramet_kcore::wait::Events;

/// Bytes of struct mmsghdr.
pub const ENTRY: usize = 64;
/// Most messages in one call.
const MESSAGES_MAX: usize = 1024;

/// Sends, to `address` if one is given; a stream that blocks takes everything.
fn send(
    socket: &Socket,
    address: Option<&[u8]>,
    source: &mut dyn Source,
    mut message: Outgoing,
) -> Result<usize> {
    let (unix, flags) = (&socket.unix, message.flags);
    if flags & msg::OOB != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let address = match (address, unix.kind()) {
        (Some(_), SocketType::Stream) => {
            let connected = unix.peer_name().is_ok();
            return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        (Some(bytes), SocketType::Datagram) => match Address::decode(bytes)? {
            Address::Unnamed => return Err(Errno::EINVAL),
            address => Some(address),
        },
        // A connection has no use for an address.
        _ => None,
    };
    name_if_passing(unix)?;
    let rights = core::mem::take(&mut message.rights);
    let more = if flags & msg::DONTWAIT != 0 { O_NONBLOCK } else { 0 };
    let mut total = 0;
    loop {
        let result = io::blocking_with(&socket.file, Events::OUT, more, || {
            let message = Outgoing {
                flags,
                to: address.as_ref().map(find).transpose()?,
                // Descriptions go with the first part.
                rights: if total == 0 { rights.clone() } else { alloc::vec::Vec::new() },
                credentials: message.credentials,
            };
            unix.send(source, message)
        });
        match result {
            Ok(n) => total += n,
            Err(_) if total != 0 => return Ok(total),
            Err(Errno::EPIPE) if unix.signals_broken_pipe() && flags & msg::NOSIGNAL == 0 => {
                io::raise(Signal::PIPE);
                return Err(Errno::EPIPE);
            }
            Err(error) => return Err(error),
        }
        let again =
            unix.kind() == SocketType::Stream && source.remaining() != 0 && flags & msg::DONTWAIT == 0;
        if !again {
            return Ok(total);
        }
    }
}

/// sendto(2).
pub fn sendto(call: &mut Call<'_>) -> Result<i64> {
    let mut source = Vectors::one(call.arg(1), call.arg(2))?;
    let socket = Socket::of(call.int(0))?;
    let address = if call.arg(4) != 0 { Some(read_address(call.arg(4), call.int(5))?) } else { None };
    let address = address.filter(|address| !address.is_empty());
    let message = outgoing(&socket, call.uint(3));
    send(&socket, address.as_deref(), &mut source, message).map(|n| n as i64)
}

fn send_message(socket: &Socket, at: usize, flags: u32) -> Result<usize> {
    let mut header = Header::read(at)?;
    let address = header.address()?;
    let mut message = outgoing(socket, flags);
    header.control(&mut message)?;
    send(socket, address.as_deref(), &mut header.vectors, message)
}

/// sendmsg(2).
pub fn sendmsg(call: &mut Call<'_>) -> Result<i64> {
    refuse_compatible(call.uint(2))?;
    let socket = Socket::of(call.int(0))?;
    send_message(&socket, call.arg(1), call.uint(2)).map(|n| n as i64)
}

/// sendmmsg(2).
pub fn sendmmsg(call: &mut Call<'_>) -> Result<i64> {
    refuse_compatible(call.uint(3))?;
    let socket = Socket::of(call.int(0))?;
    let count = (call.uint(2) as usize).min(MESSAGES_MAX);
    for n in 0..count {
        let at = call.arg(1).wrapping_add(n * ENTRY);
        let sent = send_message(&socket, at, call.uint(3))
            .and_then(|sent| user::write_u32(at.wrapping_add(HEADER), sent as u32));
        match sent {
            Ok(()) => {}
            Err(error) if n == 0 => return Err(error),
            Err(_) => return Ok(n as i64),
        }
    }
    Ok(count as i64)
}

/// MSG_CMSG_COMPAT is for 32-bit programs alone.
pub fn refuse_compatible(flags: u32) -> Result<()> {
    if flags & 0x8000_0000 != 0 { Err(Errno::EINVAL) } else { Ok(()) }
}
