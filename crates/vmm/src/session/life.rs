//! The life pipe: a process ends with its session's keeper, whatever it is doing.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The reading end, in an open file of this process's own.
#[derive(Debug)]
pub struct Life {
    pipe: OwnedFd,
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

impl Life {
    /// A pipe: the first process's end, and the keeper's. Whoever holds that one keeps the session alive.
    pub fn pipe() -> io::Result<(Self, OwnedFd)> {
        let mut ends = [0; 2];
        // SAFETY: the array has room for both descriptors, which are new and belong to nobody else.
        unsafe {
            check(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
            Ok((Self { pipe: OwnedFd::from_raw_fd(ends[0]) }, OwnedFd::from_raw_fd(ends[1])))
        }
    }

    /// The first process's end.
    pub fn given(pipe: OwnedFd) -> Self {
        Self { pipe }
    }

    /// In a child of fork(2), of the parent's end: one of its own, through which the host's kernel kills the child as soon as the
    /// keeper is gone. An error: it is gone already, or the host has no room.
    pub fn inherit(self) -> io::Result<Self> {
        let path = crate::hostfs::proc_path(&self.pipe);
        // The parent's own stays in the table, for the caller to close with the others.
        std::mem::forget(self.pipe);
        // SAFETY: the path ends with a zero; the descriptor is new and belongs to nobody else. The calls that follow concern it alone.
        let pipe = unsafe {
            let fd = check(libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_NONBLOCK | libc::O_CLOEXEC))?;
            OwnedFd::from_raw_fd(fd)
        };
        // SAFETY: as above; getpid has no preconditions.
        unsafe {
            check(libc::fcntl(pipe.as_raw_fd(), F_SETSIG, libc::SIGKILL))?;
            check(libc::fcntl(pipe.as_raw_fd(), libc::F_SETOWN, libc::getpid()))?;
            check(libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK | libc::O_ASYNC))?;
        }
        // One that closed before tells nobody.
        let life = Self { pipe };
        if life.is_over() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(life) }
    }

    /// Whether the keeper is gone.
    pub fn is_over(&self) -> bool {
        let mut polled = libc::pollfd { fd: self.pipe.as_raw_fd(), events: 0, revents: 0 };
        // SAFETY: one pollfd of this frame, no waiting.
        unsafe { libc::poll(&mut polled, 1, 0) == 1 }
    }

    /// The same end once more.
    pub fn try_clone(&self) -> io::Result<OwnedFd> {
        self.pipe.try_clone()
    }
}

impl AsRawFd for Life {
    fn as_raw_fd(&self) -> RawFd {
        self.pipe.as_raw_fd()
    }
}

/// fcntl(2): which signal tells of readiness.
const F_SETSIG: i32 = 10;
