//! One connection of the control socket: lines in, lines out, descriptors beside them.

use crate::message::{MOST_FDS, receive};
use crate::vm::host_tsc;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

/// Longest request: a clone's input, in its worst JSON form, fits.
const MOST_BYTES: usize = 16 << 20;

/// A request line as it arrived.
#[derive(Debug)]
pub struct Line {
    /// The line without its end.
    pub text: Vec<u8>,
    /// Descriptors that came with its bytes.
    pub fds: Vec<OwnedFd>,
    /// Time stamp counter when its end was read.
    pub tsc: u64,
}

/// A client.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    /// Descriptors and the input offset that they came with.
    fds: VecDeque<(usize, OwnedFd)>,
    output: VecDeque<u8>,
    tsc: u64,
    /// The client sends no more.
    ended: bool,
    /// The client is gone.
    gone: bool,
}

impl Connection {
    /// Takes over an accepted stream.
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            input: Vec::new(),
            fds: VecDeque::new(),
            output: VecDeque::new(),
            tsc: 0,
            ended: false,
            gone: false,
        })
    }

    /// For poll(2): descriptor and events.
    pub fn interest(&self) -> libc::pollfd {
        let mut events = 0;
        if !self.ended {
            events |= libc::POLLIN;
        }
        if !self.output.is_empty() {
            events |= libc::POLLOUT;
        }
        // poll(2) skips negative descriptors; one that is gone would be reported for ever.
        let fd = if self.gone { -1 } else { self.stream.as_raw_fd() };
        libc::pollfd { fd, events, revents: 0 }
    }

    /// The descriptor.
    pub fn fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Whether nothing can come of this connection any more, when no answer is outstanding.
    pub fn is_over(&self) -> bool {
        self.ended && self.output.is_empty() && !self.input.contains(&b'\n')
    }

    /// Whether the client is gone.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Forgets the client.
    pub fn abandon(&mut self) {
        self.ended = true;
        self.gone = true;
        self.input.clear();
        self.fds.clear();
        self.output.clear();
    }

    /// Reads what is there. An error ends the connection.
    pub fn receive(&mut self) -> io::Result<()> {
        let mut buffer = [0u8; 16384];
        loop {
            let (count, fds) = match receive(self.stream.as_fd(), &mut buffer, libc::MSG_DONTWAIT) {
                Ok(received) if received.truncated => return Err(io::Error::other("too many descriptors")),
                Ok(received) => (received.count, received.fds),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
                Err(e) => return Err(e),
            };
            let at = self.input.len();
            self.fds.extend(fds.into_iter().map(|fd| (at, fd)));
            if count == 0 {
                self.ended = true;
                return Ok(());
            }
            self.input.extend_from_slice(&buffer[..count]);
            self.tsc = host_tsc();
            if self.input.len() > MOST_BYTES || self.fds.len() > 4 * MOST_FDS {
                return Err(io::Error::other("request too long"));
            }
            if count < buffer.len() && buffer[count - 1] == b'\n' {
                return Ok(());
            }
        }
    }

    /// The next whole line.
    pub fn next_line(&mut self) -> Option<Line> {
        let end = self.input.iter().position(|b| *b == b'\n')?;
        let mut text: Vec<u8> = self.input.drain(..=end).collect();
        text.pop();
        let mut fds = Vec::new();
        while self.fds.front().is_some_and(|(at, _)| *at <= end) {
            fds.extend(self.fds.pop_front().map(|(_, fd)| fd));
        }
        for (at, _) in &mut self.fds {
            *at -= end + 1;
        }
        Some(Line { text, fds, tsc: self.tsc })
    }

    /// Sends a line, now as far as possible and the rest when poll(2) says so.
    pub fn send(&mut self, line: &str) {
        self.output.extend(line.as_bytes());
        self.output.push_back(b'\n');
        self.flush();
    }

    /// Sends what is left. An error ends the connection.
    pub fn flush(&mut self) {
        while !self.output.is_empty() {
            let (front, _) = self.output.as_slices();
            match self.stream.write(front) {
                Ok(count) if count > 0 => drop(self.output.drain(..count)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                _ => {
                    self.abandon();
                }
            }
        }
    }

    /// Sends what is left with a patience of `timeout`, for the last answer before the end.
    pub fn flush_within(&mut self, timeout: std::time::Duration) {
        let _ = self.stream.set_nonblocking(false);
        let _ = self.stream.set_write_timeout(Some(timeout));
        self.flush();
    }
}
