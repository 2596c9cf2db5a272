//! sendto(2), sendmsg(2), sendmmsg(2).

use super::socket::{Caller, Descriptor};
use super::socket_connect::read_address;
use super::socket_message::{HEADER, Header, outgoing};
use crate::arch::user;
use crate::session;
use crate::syscalls::vectors::Vectors;
use crate::syscalls::{Call, io};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_NONBLOCK;
use ramet_kcore::ipc::socket::{Outgoing, SocketType, msg};
use ramet_kcore::signal::Signal;
use ramet_kcore::user::Source;
use ramet_kcore::wait::Events;

/// Bytes of struct mmsghdr.
pub const ENTRY: usize = 64;
/// Most messages in one call.
const MESSAGES_MAX: usize = 1024;

/// Sends; a stream that blocks takes everything.
fn send(socket: &Descriptor, source: &mut Vectors, mut message: Outgoing) -> Result<usize> {
    if message.address.is_some() {
        session::share(&socket.file)?;
    }
    if !crate::mm::has_room() {
        return Err(Errno::ENOBUFS);
    }
    let flags = message.flags;
    let more = if flags & msg::DONTWAIT != 0 { O_NONBLOCK } else { 0 };
    let mut total = 0;
    loop {
        let result = io::blocking_with(&socket.file, Events::OUT, more, || {
            // The keeper may accept less than it was sent.
            let mut part = source.clone();
            let sent = socket.get()?.send(&mut part, message.clone(), &Caller)?;
            source.skip(sent);
            Ok(sent)
        });
        match result {
            Ok(n) => total += n,
            Err(_) if total != 0 => return Ok(total),
            Err(Errno::EPIPE) if socket.file.file().raises_sigpipe() && flags & msg::NOSIGNAL == 0 => {
                io::raise(Signal::PIPE);
                return Err(Errno::EPIPE);
            }
            Err(error) => return Err(error),
        }
        let is_stream = socket.get()?.kind() == SocketType::Stream;
        if !is_stream || source.remaining() == 0 || flags & msg::DONTWAIT != 0 {
            return Ok(total);
        }
        // Descriptions go with the first part.
        message.rights.clear();
    }
}

/// sendto(2).
pub fn sendto(call: &mut Call<'_>) -> Result<i64> {
    let mut source = Vectors::one(call.arg(1), call.arg(2))?;
    let socket = Descriptor::of(call.int(0))?;
    let address = if call.arg(4) != 0 { Some(read_address(call.arg(4), call.int(5))?) } else { None };
    let address = address.filter(|address| !address.is_empty());
    let message = Outgoing { address, ..outgoing(&socket, call.uint(3)) };
    send(&socket, &mut source, message).map(|n| n as i64)
}

fn send_message(socket: &Descriptor, at: usize, flags: u32) -> Result<usize> {
    let mut header = Header::read(at)?;
    let mut message = Outgoing { address: header.address()?, ..outgoing(socket, flags) };
    header.control(socket, &mut message)?;
    send(socket, &mut header.vectors, message)
}

/// sendmsg(2).
pub fn sendmsg(call: &mut Call<'_>) -> Result<i64> {
    refuse_compatible(call.uint(2))?;
    let socket = Descriptor::of(call.int(0))?;
    send_message(&socket, call.arg(1), call.uint(2)).map(|n| n as i64)
}

/// sendmmsg(2).
pub fn sendmmsg(call: &mut Call<'_>) -> Result<i64> {
    refuse_compatible(call.uint(3))?;
    let socket = Descriptor::of(call.int(0))?;
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
