//! Bytes between a descriptor of the host and an object of the session.
//!
//! The host's descriptor is shared with other processes, so that it is not made non-blocking: it is used when epoll has said that it will not
//! block, and no more is written than a pipe takes at once.

use crate::sys::{self, Epoll};
use ramet_kcore::errno::Errno;
use ramet_kcore::file::File;
use ramet_kcore::file::flags::O_NONBLOCK;
use ramet_kcore::user::{SliceSink, SliceSource};
use ramet_kcore::wait::Events;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// Bytes that are copied at a time: PIPE_BUF.
const CHUNK: usize = 4096;
/// VEOF of a new terminal.
const END_OF_FILE: u8 = 4;
/// Chunks that are copied in one turn, if the host's file is always ready.
const TURN: usize = 16;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the host.
    In,
    /// To the host.
    Out,
}

/// See the module's documentation.
pub struct Relay {
    direction: Direction,
    host: Option<OwnedFd>,
    /// Gone when there is nothing to be copied any more.
    object: Option<Rc<dyn File>>,
    /// Taken from one side and not yet given to the other.
    bytes: Vec<u8>,
    /// epoll watches the host's descriptor.
    watched: bool,
    /// epoll does not take it: it is always ready.
    always: bool,
    /// The host's descriptor is a character device.
    character: bool,
    /// The object is a terminal.
    terminal: bool,
    /// The host's terminal has hung up.
    pub hung_up: bool,
}

impl Relay {
    pub fn new(direction: Direction, host: OwnedFd, object: Rc<dyn File>, terminal: bool) -> Self {
        let status = sys::status(host.as_fd());
        Self {
            character: status.is_ok_and(|status| status.st_mode & libc::S_IFMT == libc::S_IFCHR),
            direction,
            host: Some(host),
            object: Some(object),
            bytes: Vec::new(),
            watched: false,
            always: false,
            terminal,
            hung_up: false,
        }
    }

    /// Whether the object has bytes, or room for some.
    fn object_is_ready(&self) -> bool {
        let Some(object) = &self.object else { return false };
        let wanted = match self.direction {
            Direction::In => Events::OUT.or(Events::ERR).or(Events::HUP),
            Direction::Out => Events::IN.or(Events::ERR).or(Events::HUP),
        };
        object.poll().intersects(wanted)
    }

    /// Whether the host's descriptor is of use now.
    fn wants_host(&self) -> bool {
        let kept = !self.bytes.is_empty();
        self.host.is_some()
            && match self.direction {
                Direction::In => !kept && self.object_is_ready(),
                Direction::Out => kept || self.object_is_ready(),
            }
    }

    /// Asks epoll for the host's descriptor exactly while it is of use: one whose other end is gone would be reported for ever. True: there is
    /// something to do without asking.
    pub fn watch(&mut self, epoll: &Epoll, token: u64) -> bool {
        let wanted = self.wants_host();
        let Some(host) = &self.host else { return !self.bytes.is_empty() && self.object_is_ready() };
        if wanted && !self.watched && !self.always {
            let events = if self.direction == Direction::In { libc::EPOLLIN } else { libc::EPOLLOUT };
            match epoll.add(host.as_fd(), events as u32, token) {
                Ok(()) => self.watched = true,
                // A regular file is always ready (EPERM); what cannot be watched (ENOMEM) is tried.
                Err(_) => self.always = true,
            }
        } else if !wanted && self.watched {
            epoll.remove(host.as_fd());
            self.watched = false;
        }
        let is_held_up = self.direction == Direction::In && !self.bytes.is_empty();
        wanted && self.always || is_held_up && self.object_is_ready()
    }

    /// Copies bytes. `events`: what epoll has reported of the host's descriptor, or 0.
    pub fn transfer(&mut self, epoll: &Epoll, events: u32) {
        let turns = if self.always { TURN } else { 1 };
        let ready = events != 0;
        // Of a terminal that hung up the kernel says end of file, too.
        let is_gone = self.character && events & libc::EPOLLHUP as u32 != 0;
        for _ in 0..turns {
            let goes_on = match self.direction {
                Direction::In => self.copy_in(epoll, ready || self.always, is_gone),
                Direction::Out => self.copy_out(epoll, ready || self.always),
            };
            if !goes_on {
                break;
            }
        }
    }

    fn copy_in(&mut self, epoll: &Epoll, ready: bool, is_gone: bool) -> bool {
        if self.bytes.is_empty() && ready && self.wants_host() {
            let Some(host) = &self.host else { return false };
            let mut bytes = vec![0; CHUNK];
            match sys::read(host.as_fd(), &mut bytes) {
                Ok(count @ 1..) => {
                    bytes.truncate(count);
                    self.bytes = bytes;
                }
                Err(error) if is_passing(&error) => return false,
                // What a person types to end the input.
                Ok(0) if self.terminal && !is_gone => {
                    self.close_host(epoll);
                    self.bytes.push(END_OF_FILE);
                }
                // A terminal that hung up (EIO), or a descriptor that cannot be read: end of file.
                ended => {
                    self.hung_up = self.terminal && (is_gone || ended.is_err());
                    self.end(epoll);
                    return false;
                }
            }
        }
        let Some(object) = &self.object else { return false };
        if self.bytes.is_empty() {
            return false;
        }
        match object.write(0, &mut SliceSource(&self.bytes), O_NONBLOCK) {
            Ok(count) => {
                self.bytes.drain(..count);
                if self.bytes.is_empty() && self.host.is_none() {
                    self.object = None;
                }
                self.bytes.is_empty()
            }
            Err(Errno::EAGAIN) => false,
            // Nobody reads it any more.
            Err(_) => {
                self.end(epoll);
                false
            }
        }
    }

    fn copy_out(&mut self, epoll: &Epoll, ready: bool) -> bool {
        if self.bytes.is_empty() && (ready || self.host.is_none()) && self.object_is_ready() {
            let Some(object) = &self.object else { return false };
            let mut bytes = vec![0; CHUNK];
            let mut sink = SliceSink::new(&mut bytes);
            match object.read(0, &mut sink, O_NONBLOCK) {
                Ok(count @ 1..) => {
                    bytes.truncate(count);
                    self.bytes = bytes;
                }
                Err(Errno::EAGAIN) => return false,
                // Nobody writes any more.
                Ok(0) | Err(_) => {
                    self.end(epoll);
                    return false;
                }
            }
        }
        if self.bytes.is_empty() || !ready {
            return false;
        }
        let Some(host) = &self.host else { return false };
        match sys::write(host.as_fd(), &self.bytes) {
            Ok(count) => {
                self.bytes.drain(..count);
                true
            }
            Err(error) if is_passing(&error) => false,
            Err(_) => {
                // EPIPE, or a full disk: the stream is gone for good, and writers get EPIPE.
                self.end(epoll);
                false
            }
        }
    }

    fn end(&mut self, epoll: &Epoll) {
        self.close_host(epoll);
        self.bytes.clear();
        self.object = None;
    }

    /// Others have it open as well, so that epoll must be told.
    fn close_host(&mut self, epoll: &Epoll) {
        if let Some(host) = self.host.take()
            && self.watched
        {
            epoll.remove(host.as_fd());
            self.watched = false;
        }
    }

    /// Whether all that the object has written is with the host. Of input there is nothing to wait for.
    pub fn is_drained(&self) -> bool {
        self.direction == Direction::In
            || self.host.is_none()
            || self.bytes.is_empty() && !self.object.as_ref().is_some_and(|o| o.poll().intersects(Events::IN))
    }

    /// Nothing is copied any more.
    pub fn close(mut self, epoll: &Epoll) {
        self.end(epoll);
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN))
}
