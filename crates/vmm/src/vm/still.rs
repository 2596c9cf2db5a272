//! The memory that a clone goes back to: a process that does nothing.
//!
//! ```text
//!   template (or a clone before its first instruction) ── fork(2) ──► still: opens its own memory, sends the descriptor, sleeps
//!        └── its clones inherit descriptor and life pipe ◄─────────────┘        ends when the last one has closed the pipe
//! ```
//!
//! fork(2) has given it the memory as it was, and nobody writes there. Whoever holds the descriptor reads it by the page, without a right over
//! another process. It holds no page of its own but its stack: what it shows is shared with the template and with all that no clone has written.

use super::Error;
use crate::message::{receive, send_with};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

/// See the module's documentation.
#[derive(Debug)]
pub struct Still {
    memory: File,
    life: OwnedFd,
}

fn pair(flags: i32) -> io::Result<[OwnedFd; 2]> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both descriptors, which are new and belong to nobody else.
    unsafe {
        let made = match flags {
            0 => libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC),
            kind => libc::socketpair(libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr()),
        };
        if made != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok([OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])])
    }
}

impl Still {
    /// Keeps this process's memory as it is now. Only the calling thread may be at work.
    pub fn take() -> Result<Self, Error> {
        Self::fork().map_err(Error::host("the memory to go back to"))
    }

    fn fork() -> io::Result<Self> {
        let [end, life] = pair(0)?;
        let [near, far] = pair(libc::SOCK_SEQPACKET)?;
        // SAFETY: the child makes system calls only, takes no lock, and never returns.
        match unsafe { libc::fork() } {
            -1 => return Err(io::Error::last_os_error()),
            0 => sleep(end.as_raw_fd(), far.as_raw_fd()),
            _ => drop((end, far)),
        }
        let received = receive(near.as_fd(), &mut [0], 0)?;
        match received.fds.into_iter().next() {
            Some(memory) => Ok(Self { memory: memory.into(), life }),
            None => Err(io::Error::from_raw_os_error(libc::EACCES)),
        }
    }

    /// Reads what was at this process's `address`.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.memory.read_exact_at(bytes, address)
    }

    /// Descriptors that a clone keeps.
    pub fn descriptors(&self) -> [RawFd; 2] {
        [self.memory.as_raw_fd(), self.life.as_raw_fd()]
    }
}

/// In the child: hands out its memory, and is there until nobody needs it.
fn sleep(end: RawFd, socket: RawFd) -> ! {
    // SAFETY: system calls with descriptors and strings of this frame; every descriptor but the two, which move out of the way, is closed by
    // number, and nothing that owns one is used any more.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_NAME, c"ramet-still".as_ptr());
        let end = libc::fcntl(end, libc::F_DUPFD, 1000);
        let socket = libc::fcntl(socket, libc::F_DUPFD, 1000);
        let (low, high) = (end.min(socket), end.max(socket));
        if low < 0 {
            libc::_exit(1);
        }
        libc::syscall(libc::SYS_close_range, 0, low - 1, 0);
        libc::syscall(libc::SYS_close_range, low + 1, high - 1, 0);
        libc::syscall(libc::SYS_close_range, high + 1, i32::MAX, 0);
        let memory = libc::open(c"/proc/self/mem".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if memory < 0 {
            libc::_exit(1);
        }
        let _ = send_with(std::os::fd::BorrowedFd::borrow_raw(socket), &[1], &[memory]);
        libc::close(memory);
        libc::close(socket);
        let mut byte = 0u8;
        while libc::read(end, (&raw mut byte).cast(), 1) != 0 {}
        libc::_exit(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_memory_as_it_was() {
        let mut word = Box::new(7u64);
        let still = Still::take().unwrap();
        *word = 8;
        let mut bytes = [0; 8];
        still.read(&raw const *word as u64, &mut bytes).unwrap();
        assert_eq!((u64::from_le_bytes(bytes), *word), (7, 8));
        assert!(still.read(8, &mut bytes).is_err());
    }
}
