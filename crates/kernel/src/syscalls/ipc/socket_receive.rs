//! recvfrom(2), recvmsg(2), recvmmsg(2).

use super::socket::Descriptor;
use super::socket_connect::write_address;
use super::socket_message::{HEADER, Header};
use super::socket_send::{ENTRY, refuse_compatible};
use crate::arch::user;
use crate::syscalls::time::{read_timespec, write_timespec};
use crate::syscalls::vectors::Vectors;
use crate::syscalls::{Call, io};
use crate::task::time;
use ramet_kcore::errno::Result;
use ramet_kcore::file::flags::O_NONBLOCK;
use ramet_kcore::ipc::socket::{Received, SocketType, msg};
use ramet_kcore::user::Sink;
use ramet_kcore::wait::Events;

/// recvmmsg(2): do not wait for more than the first message.
const WAITFORONE: u32 = 0x10000;

/// Receives; with MSG_WAITALL a stream is asked until the buffers are full.
fn receive(socket: &Descriptor, sink: &mut dyn Sink, flags: u32) -> Result<Received> {
    let flags = if socket.is_nonblocking() { flags | msg::DONTWAIT } else { flags };
    let more = if flags & msg::DONTWAIT != 0 { O_NONBLOCK } else { 0 };
    let mut received =
        io::blocking_with(&socket.file, Events::IN, more, || socket.get()?.receive(sink, flags, 0))?;
    let whole = flags & (msg::WAITALL | msg::PEEK | msg::DONTWAIT | msg::OOB) == msg::WAITALL;
    if socket.get()?.kind() != SocketType::Stream || !whole {
        return Ok(received);
    }
    // Descriptions and a change of sender end a message.
    while received.count != 0 && received.rights.is_empty() && sink.remaining() != 0 {
        let before = received.count;
        match io::blocking(&socket.file, Events::IN, || socket.get()?.receive(sink, flags, before)) {
            Ok(next) if next.count == 0 => break,
            Ok(next) => {
                received.count += next.count;
                received.rights = next.rights;
            }
            Err(_) => break,
        }
    }
    Ok(received)
}

/// recvfrom(2).
pub fn recvfrom(call: &mut Call<'_>) -> Result<i64> {
    let mut sink = Vectors::one(call.arg(1), call.arg(2))?;
    let socket = Descriptor::of(call.int(0))?;
    let received = receive(&socket, &mut sink, call.uint(3))?;
    if call.arg(4) != 0 {
        write_address(&received.address, call.arg(4), call.arg(5))?;
    }
    Ok(received.count as i64)
}

fn receive_message(socket: &Descriptor, at: usize, flags: u32) -> Result<usize> {
    let mut header = Header::read(at)?;
    let received = receive(socket, &mut header.vectors, flags)?;
    let count = received.count;
    let address = received.address.clone();
    // In Linux's order: an address that cannot be written leaves the descriptors installed.
    let outcome = header.put_control(received, flags);
    if header.name != 0 {
        write_address(&address, header.name, header.name_length_at())?;
    }
    header.put_outcome(outcome)?;
    Ok(count)
}

/// recvmsg(2).
pub fn recvmsg(call: &mut Call<'_>) -> Result<i64> {
    refuse_compatible(call.uint(2))?;
    let socket = Descriptor::of(call.int(0))?;
    receive_message(&socket, call.arg(1), call.uint(2)).map(|n| n as i64)
}

/// recvmmsg(2). The time-out is looked at after each message, as on Linux.
pub fn recvmmsg(call: &mut Call<'_>) -> Result<i64> {
    let (at, count, timeout) = (call.arg(1), call.uint(2) as usize, call.arg(4));
    refuse_compatible(call.uint(3))?;
    let mut flags = call.uint(3);
    let deadline = match timeout {
        0 => None,
        at => Some(time::monotonic().saturating_add(read_timespec(at)?)),
    };
    let socket = Descriptor::of(call.int(0))?;
    let mut done = 0;
    let mut result = Ok(());
    while done < count {
        let entry = at.wrapping_add(done * ENTRY);
        result = receive_message(&socket, entry, flags & !WAITFORONE)
            .and_then(|received| user::write_u32(entry.wrapping_add(HEADER), received as u32));
        if result.is_err() {
            break;
        }
        done += 1;
        if flags & WAITFORONE != 0 {
            flags |= msg::DONTWAIT;
        }
        if deadline.is_some_and(|deadline| time::monotonic() >= deadline) {
            break;
        }
    }
    match result {
        Err(error) if done == 0 => return Err(error),
        _ if done != 0 => write_left(timeout, deadline)?,
        _ => {}
    }
    Ok(done as i64)
}

fn write_left(at: usize, deadline: Option<u64>) -> Result<()> {
    match deadline {
        Some(deadline) => write_timespec(at, deadline.saturating_sub(time::monotonic())),
        None => Ok(()),
    }
}
