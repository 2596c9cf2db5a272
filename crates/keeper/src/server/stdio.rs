//! The host's standard streams.

use crate::objects;
use crate::session::Session;
use crate::sys::{self, Epoll};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

/// poll(2) says that a pipe is writable when it takes this much (PIPE_BUF).
const PIPE_CHUNK: usize = 4096;
/// Most bytes for one write to a regular file, which never waits.
const FILE_CHUNK: usize = 1 << 16;
/// Most bytes of one read.
const READ_CHUNK: usize = 1 << 16;
/// Token of standard input; outputs have 1 and 2.
const INPUT: u64 = 0;

/// A stream that is ready always, or when epoll says so.
#[derive(Debug)]
struct Stream {
    fd: Option<OwnedFd>,
    chunk: usize,
    /// epoll watches it.
    watched: bool,
    /// epoll does not take it: it is always ready.
    always: bool,
}

/// The three streams.
#[derive(Debug)]
pub(super) struct Stdio {
    input: Stream,
    outputs: [Stream; 2],
}

impl Stream {
    fn new(fd: OwnedFd) -> io::Result<Self> {
        let regular = sys::status(fd.as_fd())?.st_mode & libc::S_IFMT == libc::S_IFREG;
        let chunk = if regular { FILE_CHUNK } else { PIPE_CHUNK };
        Ok(Self { fd: Some(fd), chunk, watched: false, always: regular })
    }

    fn is_always_ready(&self) -> bool {
        self.always && self.fd.is_some()
    }

    /// Gives it up. Other processes have it open as well, so that epoll must be told.
    fn close(&mut self, epoll: &Epoll) {
        if let Some(fd) = self.fd.take()
            && self.watched
        {
            epoll.remove(fd.as_fd());
            self.watched = false;
        }
    }

    /// Has epoll watch it exactly while that is wanted: one whose other end is gone would be reported for ever.
    fn watch(&mut self, epoll: &Epoll, wanted: bool, events: i32, token: u64) -> io::Result<()> {
        let Some(fd) = &self.fd else { return Ok(()) };
        if wanted && !self.watched && !self.always {
            match epoll.add(fd.as_fd(), events as u32, token) {
                Ok(()) => self.watched = true,
                Err(error) if error.raw_os_error() == Some(libc::EPERM) => self.always = true,
                Err(error) => return Err(error),
            }
        } else if !wanted && self.watched {
            epoll.remove(fd.as_fd());
            self.watched = false;
        }
        Ok(())
    }
}

impl Stdio {
    /// `terminal`: they are one, which is opened anew where that is allowed: whoever shows what is written there may do so slowly.
    pub(super) fn new(streams: [OwnedFd; 3], terminal: bool) -> io::Result<Self> {
        let flags = [libc::O_RDONLY, libc::O_WRONLY, libc::O_WRONLY];
        let mut own = streams.into_iter().zip(flags).map(|(stream, flags)| {
            let again = if terminal { sys::open_again(stream.as_fd(), flags).ok() } else { None };
            again.unwrap_or(stream)
        });
        let (Some(input), Some(output), Some(error)) = (own.next(), own.next(), own.next()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Ok(Self { input: Stream::new(input)?, outputs: [Stream::new(output)?, Stream::new(error)?] })
    }

    /// These take the place of what they were.
    pub(super) fn replace(&mut self, epoll: &Epoll, streams: [OwnedFd; 3]) -> io::Result<()> {
        let new = Self::new(streams, false)?;
        self.input.close(epoll);
        self.outputs.iter_mut().for_each(|output| output.close(epoll));
        *self = new;
        Ok(())
    }

    /// Descriptors of those that are open.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> + '_ {
        let streams = [&self.input].into_iter().chain(&self.outputs);
        streams.filter_map(|stream| stream.fd.as_ref()).map(AsRawFd::as_raw_fd)
    }

    /// Asks epoll for what can be used now. True: something can be used without asking.
    pub(super) fn watch(&mut self, epoll: &Epoll, session: &Session) -> io::Result<bool> {
        let wanted = objects::input_wanted(session) > 0;
        self.input.watch(epoll, wanted, libc::EPOLLIN, INPUT)?;
        let mut now = wanted && self.input.is_always_ready();
        for (output, number) in self.outputs.iter_mut().zip(1..) {
            let pending = session.console.pending(number);
            output.watch(epoll, pending, libc::EPOLLOUT, number as u64)?;
            now |= pending && output.is_always_ready();
        }
        Ok(now)
    }

    /// Moves bytes to and from the streams that are ready.
    pub(super) fn transfer(&mut self, epoll: &Epoll, session: &mut Session, ready: &[(u64, u32)]) {
        let is_ready = |token: u64| ready.iter().any(|(other, _)| *other == token);
        if self.input.is_always_ready() || is_ready(INPUT) {
            self.read(epoll, session);
        }
        for number in 1..=2 {
            if self.outputs[number - 1].is_always_ready() || is_ready(number as u64) {
                self.write(epoll, session, number);
            }
        }
    }

    fn read(&mut self, epoll: &Epoll, session: &mut Session) {
        let wanted = objects::input_wanted(session).min(READ_CHUNK);
        let Some(fd) = &self.input.fd else { return };
        if wanted == 0 {
            return;
        }
        let mut bytes = vec![0; wanted];
        match sys::read(fd.as_fd(), &mut bytes) {
            Ok(count @ 1..) => objects::input(session, &bytes[..count]),
            Err(error) if is_passing(&error) => {}
            // A terminal that hung up (EIO), or a descriptor that cannot be read: end of file.
            Ok(0) | Err(_) => {
                self.input.close(epoll);
                objects::input_ended(session);
            }
        }
    }

    fn write(&mut self, epoll: &Epoll, session: &mut Session, number: usize) {
        let output = &mut self.outputs[number - 1];
        let bytes = session.console.front(number, output.chunk);
        let Some(fd) = &output.fd else { return };
        if bytes.is_empty() {
            return;
        }
        match sys::write(fd.as_fd(), bytes) {
            Ok(count) => session.console.written(number, count),
            Err(error) if is_passing(&error) => return,
            Err(_) => {
                // EPIPE, or a full disk: the stream is gone for good.
                output.close(epoll);
                session.console.close(number);
            }
        }
        objects::output_ready(session, number);
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN))
}
