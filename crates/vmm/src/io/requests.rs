//! The socket at which a template's clones are asked for (`docs/spec/control.md`).
//!
//! One datagram is one request. The template and all clones that it has made ahead hold the socket; the host's kernel gives each datagram
//! to one of those that wait for it, so that nobody stands between a client and its clone.

use super::protocol::answer_line;
use crate::clone::{Answer, CloneOrder, CloneSpec, Refusal};
use crate::message::{receive, send};
use crate::vm::host_tsc;
use serde::Deserialize;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Name of the socket in a template's directory.
pub const CLONE_SOCKET: &str = "clone.sock";
/// Longest datagram: Linux's default for the most that a sender may have on its way is less.
const MOST_BYTES: usize = 1 << 20;

/// A datagram. Unknown members are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    #[serde(default)]
    clone: Option<Box<CloneSpec>>,
    /// From the template: one of those that wait is too many.
    #[serde(default)]
    leave: bool,
}

/// What a datagram asks for.
#[derive(Debug)]
pub enum Wish {
    /// A clone.
    Clone(Box<CloneOrder>),
    /// One of those that wait is too many.
    Leave,
}

/// The socket.
#[derive(Debug)]
pub struct Requests {
    socket: UnixDatagram,
}

impl Requests {
    /// Makes the socket in a template's directory. A path that is too long for an address goes through a descriptor of the directory.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let path = directory.join(CLONE_SOCKET);
        let socket = if path.as_os_str().len() < 108 {
            UnixDatagram::bind(&path)?
        } else {
            let directory = std::fs::File::open(directory)?;
            UnixDatagram::bind(format!("/proc/self/fd/{}/{CLONE_SOCKET}", directory.as_raw_fd()))?
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { socket })
    }

    /// Tells one of those that wait to leave. False: the queue is full, so that all of them have work.
    pub fn dismiss_one(&self, directory: &Path) -> bool {
        let sender = || -> io::Result<()> {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            let directory = std::fs::File::open(directory)?;
            socket.connect(format!("/proc/self/fd/{}/{CLONE_SOCKET}", directory.as_raw_fd()))?;
            send(socket.as_fd(), br#"{"leave":true}"#)
        };
        sender().is_ok()
    }

    /// Room for one datagram.
    pub fn buffer() -> Vec<u8> {
        vec![0; MOST_BYTES]
    }

    /// Takes a request apart as if it had come: the memory that this needs is this process's own afterwards.
    pub fn rehearse() {
        let request = br#"{"clone":{"id":"0123456789abcdef","name":"0123456789abcdef","directory":"/","args":["a"],"env":{"b":"c"},
            "input":"d","record":{"id":"0123456789abcdef","args":["a","b"],"creator":[1,2]}}}"#;
        let _ = std::hint::black_box(parse(request));
    }

    /// The next request; a datagram that is none is answered and forgotten. `Ok(None)`: there is none, and the caller does not want to wait.
    pub fn take(&self, buffer: &mut [u8], wait: bool) -> io::Result<Option<Wish>> {
        loop {
            let received =
                match receive(self.socket.as_fd(), buffer, if wait { 0 } else { libc::MSG_DONTWAIT }) {
                    Ok(received) => received,
                    Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(None),
                    Err(e) => return Err(e),
                };
            let tsc = host_tsc();
            let mut fds = received.fds;
            let reply = (fds.len() > 3).then(|| fds.remove(3));
            let whole = !received.truncated && received.count < buffer.len();
            let wish =
                if whole { parse(&buffer[..received.count]) } else { Err(Refusal::new("request too long")) };
            let result = wish.and_then(|message| match (message.clone, message.leave) {
                (None, true) => Ok(Wish::Leave),
                (Some(spec), false) => {
                    CloneOrder::new(*spec, fds, tsc).map(|order| Wish::Clone(Box::new(order)))
                }
                _ => Err(Refusal::new("a request is `clone` or `leave`")),
            });
            match result {
                Ok(Wish::Clone(mut order)) => {
                    order.reply = reply;
                    return Ok(Some(Wish::Clone(order)));
                }
                Ok(Wish::Leave) => return Ok(Some(Wish::Leave)),
                Err(refusal) => {
                    tell(reply, &Err(refusal));
                }
            }
        }
    }
}

impl AsRawFd for Requests {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn parse(bytes: &[u8]) -> Result<Message, Refusal> {
    serde_json::from_slice(bytes).map_err(|e| Refusal::new(format!("bad request: {e}")))
}

/// Writes an answer to a client's pipe and closes it. False: the client is gone, or its pipe is full, and does not want to know.
pub fn tell(reply: Option<OwnedFd>, answer: &Answer) -> bool {
    let Some(reply) = reply else { return true };
    let mut polled = libc::pollfd { fd: reply.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one pollfd of this frame, no waiting.
    if unsafe { libc::poll(&mut polled, 1, 0) } != 1 || polled.revents & libc::POLLOUT == 0 {
        return false;
    }
    use std::io::Write;
    // A pipe that is writable takes a line of an answer at once (PIPE_BUF).
    std::fs::File::from(reply).write_all(format!("{}\n", answer_line(answer)).as_bytes()).is_ok()
}
