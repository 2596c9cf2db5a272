//! Signals sent to the VMM, read from a signalfd(2).

use crate::vm::{Error, block};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Signals that go to the program of a VM in the foreground.
const FORWARDED: [i32; 6] =
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

/// A descriptor from which pending signals are read.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

/// Blocks the signals that [`Signals`] reads, in this thread and those it starts from now on.
pub fn block_forwarded() {
    block(&FORWARDED);
    block(&[libc::SIGWINCH]);
}

impl Signals {
    /// Reads the signals that [`block_forwarded`] blocks. In the background SIGHUP and SIGINT are ignored.
    pub fn open(detached: bool) -> Result<Self, Error> {
        // SAFETY: the set is initialized by sigemptyset; no handler is installed.
        let fd = unsafe {
            if detached {
                libc::signal(libc::SIGHUP, libc::SIG_IGN);
                libc::signal(libc::SIGINT, libc::SIG_IGN);
            }
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            for signal in FORWARDED.into_iter().chain([libc::SIGWINCH]) {
                libc::sigaddset(&mut set, signal);
            }
            libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(Error::last("signalfd"));
        }
        // SAFETY: the descriptor is new and belongs to nobody else.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// For poll(2).
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Takes one pending signal.
    pub fn take(&self) -> Option<i32> {
        let mut information = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer is as large as stated.
        let read = unsafe { libc::read(self.fd.as_raw_fd(), information.as_mut_ptr().cast(), size) };
        if read != size as isize {
            return None;
        }
        // SAFETY: a whole structure was read.
        i32::try_from(unsafe { information.assume_init() }.ssi_signo).ok()
    }
}
