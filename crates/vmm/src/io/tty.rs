//! The host's terminal: raw mode while the guest has it, and its size.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// A terminal in raw mode; restored when this value is dropped.
#[derive(Debug)]
pub struct RawMode {
    fd: OwnedFd,
    before: libc::termios,
}

impl RawMode {
    /// Sets raw mode. `None` if the descriptor is no terminal.
    pub fn enter(fd: impl AsFd) -> io::Result<Option<Self>> {
        let fd = fd.as_fd().try_clone_to_owned()?;
        let mut before = MaybeUninit::uninit();
        // SAFETY: the descriptor is open, the structure is of this frame.
        if unsafe { libc::tcgetattr(fd.as_raw_fd(), before.as_mut_ptr()) } != 0 {
            return Ok(None);
        }
        // SAFETY: tcgetattr has succeeded and filled it.
        let before: libc::termios = unsafe { before.assume_init() };
        let mut raw = before;
        // SAFETY: cfmakeraw changes a termios of this frame.
        unsafe { libc::cfmakeraw(&mut raw) };
        set(fd.as_raw_fd(), &raw)?;
        Ok(Some(Self { fd, before }))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = set(self.fd.as_raw_fd(), &self.before);
    }
}

fn set(fd: i32, mode: &libc::termios) -> io::Result<()> {
    // SAFETY: the structure is valid. SIGTTOU would stop a background process here: it is blocked around the call.
    let result = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        let mut old: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut old);
        let result = libc::tcsetattr(fd, libc::TCSANOW, mode);
        libc::pthread_sigmask(libc::SIG_SETMASK, &old, std::ptr::null_mut());
        result
    };
    if result != 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Rows and columns of a terminal. `None` if it is none, or does not know.
pub fn window_size(fd: impl AsFd) -> Option<(u32, u32)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills a winsize of this frame.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &mut size) };
    (result == 0 && size.ws_row > 0 && size.ws_col > 0).then(|| (size.ws_row.into(), size.ws_col.into()))
}
