//! What the first process's VMM tells and asks the keeper in the name of somebody outside, on the socket of its channel. Packets of a
//! [`message`](ramet_abi::session::message) are whole: both threads of the VMM may send.

use super::{Gone, Session};
use crate::message;
use ramet_abi::session::message as packet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The keeper answers at once, unless the host has no time for it.
const PATIENCE: Duration = Duration::from_secs(5);

fn size(rows: u32, columns: u32) -> [u8; 4] {
    let word = |n: u32| u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes();
    let ([a, b], [c, d]) = (word(rows), word(columns));
    [a, b, c, d]
}

/// How large the host's terminal is.
pub fn announce_size(line: BorrowedFd<'_>, rows: u32, columns: u32) {
    let [a, b, c, d] = size(rows, columns);
    // Without a keeper there is nobody to tell.
    let _ = message::send(line, &[packet::WINDOW, a, b, c, d]);
}

/// How large the terminal of the added process `pid` is.
pub fn resize(line: BorrowedFd<'_>, pid: u32, rows: u32, columns: u32) {
    let ([a, b, c, d], [e, f, g, h]) = (pid.to_le_bytes(), size(rows, columns));
    let _ = message::send(line, &[packet::RESIZE, a, b, c, d, e, f, g, h]);
}

/// A signal for the added process `pid`.
pub fn signal(line: BorrowedFd<'_>, pid: u32, signal: u8) {
    let [a, b, c, d] = pid.to_le_bytes();
    let _ = message::send(line, &[packet::SIGNAL, a, b, c, d, signal]);
}

/// The session's processes: a line of JSON for each.
pub fn list(line: BorrowedFd<'_>) -> io::Result<String> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(PATIENCE))?;
    message::send_with(line, &[packet::LIST], &[theirs.as_raw_fd()])?;
    drop(theirs);
    let received = message::receive(ours.as_fd(), &mut [0], 0)?;
    let file = received.fds.into_iter().next().ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut file = File::from(file);
    file.rewind()?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

impl Session {
    /// The next fork for somebody outside makes a process with these streams and this status pipe. `terminal`: rows and columns.
    pub fn promise(&self, terminal: Option<(u32, u32)>, descriptors: [RawFd; 4]) -> io::Result<()> {
        let (rows, columns) = terminal.unwrap_or_default();
        let [a, b, c, d] = size(rows, columns);
        let bytes = [packet::EXEC, u8::from(terminal.is_some()), a, b, c, d];
        message::send_with(self.socket.as_fd(), &bytes, &descriptors)
    }

    /// Whether this VM may have so much RAM.
    pub fn ram(&self, bytes: u64) -> Result<bool, Gone> {
        let [a, b, c, d, e, f, g, h] = bytes.to_le_bytes();
        message::send(self.socket.as_fd(), &[packet::RAM, a, b, c, d, e, f, g, h]).map_err(|_| Gone)?;
        let mut answer = [0; 3];
        self.answer(&mut answer).map(|_| answer[1] != 0)
    }

    /// All other VMs stand still, or go on.
    pub fn pause(&self, paused: bool) {
        let _ = message::send(self.socket.as_fd(), &[packet::PAUSE, u8::from(paused)]);
    }
}
