//! A VM's side of its session: the channel and the socket to the keeper.
//!
//! ```text
//!   no session ── SESSION_OPEN ──► first process ── FORK ──► child (a VM of its own) ── FORK ──► ...
//!                                    │ its socket ends: the keeper ends             │ ends with the keeper (life pipe)
//!                                    ▼                                              ▼
//!                                  the session is over: the host's kernel kills every child
//! ```
//!
//! Every process's VMM holds the reading end of the *life pipe*, an open file of its own, which sends SIGKILL to its owner when the pipe is
//! closed at the other end; that end the keeper holds, alone. The first process ends with a message instead.

mod copy;
pub mod keeper;
mod life;
mod outside;

use crate::message::{self, Received};
use ramet_abi::session::message as packet;
use ramet_memory::{Channel, WorkingSet};
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

pub use copy::{Hold, NoCopy, Place, Word};
pub use life::Life;
pub use outside::{announce_size, list, resize, signal};

/// The keeper is gone, and with it the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session's keeper is gone")]
pub struct Gone;

/// A child that the keeper has agreed to: it exists when somebody says so on its socket.
#[derive(Debug)]
pub struct Berth {
    /// The child's pid in the session.
    pub pid: u32,
    /// Memory of its channel.
    pub memory: File,
    /// Its socket to the keeper.
    pub socket: OwnedFd,
}

impl Berth {
    /// In the parent: fork(2) has succeeded. Dropped without, the child never was.
    pub fn born(self) {
        // Without a keeper there is nobody to tell.
        let _ = message::send(self.socket.as_fd(), &[packet::BORN]);
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Session {
    /// What the guest sees.
    pub channel: Channel,
    socket: OwnedFd,
    life: Life,
    /// Identity's generation of this process.
    pub generation: u64,
    /// Whether this is the process with which the session began.
    pub first: bool,
    /// Which pages this process's children write first, once it has any.
    pub children_write: Option<WorkingSet>,
    /// To be told which pages this process has written, soon after its beginning: the first child of its parent.
    pub learning: Option<WorkingSet>,
    /// The keeper wants this VM to stand still, as soon as it can.
    hold: Cell<Option<Hold>>,
}

impl Session {
    /// A process's session, and says HELLO.
    pub fn begin(
        channel: Channel,
        socket: OwnedFd,
        life: Life,
        generation: u64,
        first: bool,
    ) -> Result<Self, Gone> {
        message::send(socket.as_fd(), &[packet::HELLO]).map_err(|_| Gone)?;
        Ok(Self::new(channel, socket, life, generation, first))
    }

    fn new(channel: Channel, socket: OwnedFd, life: Life, generation: u64, first: bool) -> Self {
        let hold = Cell::new(None);
        Self { channel, socket, life, generation, first, children_write: None, learning: None, hold }
    }

    /// Has the request in the channel served. What came with the answer. The keeper answers at once, but for the first process's EXIT.
    pub fn call(&self) -> Result<Received, Gone> {
        message::send(self.socket.as_fd(), &[packet::REQUEST]).map_err(|_| Gone)?;
        self.answer(&mut [0; 3])
    }

    /// Asks for a child, as the request in the channel says. `Err`: the keeper's refusal as a negative errno, or this process's.
    pub fn berth(&self) -> Result<Result<Berth, i64>, Gone> {
        let received = self.call()?;
        let result = self.channel.result();
        let Ok(pid) = u32::try_from(result) else { return Ok(Err(result)) };
        let mut fds = received.fds.into_iter();
        match (fds.next(), fds.next()) {
            (Some(memory), Some(socket)) => Ok(Ok(Berth { pid, memory: memory.into(), socket })),
            // No room in this process's table of descriptors; or it was another request.
            _ => Ok(Err(-i64::from(libc::EAGAIN))),
        }
    }

    /// Ends the session, and waits until its keeper is gone: it reads the standard streams as long as it is there. False: it does not go.
    pub fn end(self) -> bool {
        const PATIENCE: libc::c_int = 5000;
        // SAFETY: concerns the socket only: the keeper sees its end.
        unsafe { libc::shutdown(self.socket.as_raw_fd(), libc::SHUT_RDWR) };
        let mut polled = libc::pollfd { fd: self.life.as_raw_fd(), events: 0, revents: 0 };
        // SAFETY: one pollfd of this frame. Signals are blocked: nothing ends it early.
        unsafe { libc::poll(&mut polled, 1, PATIENCE) == 1 }
    }

    /// Whether the guest has notices to read.
    pub fn has_notices(&self) -> bool {
        self.channel.has_notices()
    }

    /// In a child of fork(2): what it takes from its parent's session. The rest is the parent's: left to be closed by number.
    pub fn inherit(self) -> (Life, Option<WorkingSet>) {
        let Self { channel, socket, life, children_write, .. } = self;
        channel.forget();
        std::mem::forget(socket);
        (life, children_write)
    }

    /// Descriptors that a process keeps.
    pub fn descriptors(&self) -> [RawFd; 2] {
        [self.socket.as_raw_fd(), self.life.as_raw_fd()]
    }

    /// The socket once more, for the I/O thread of the first process: it hangs up when the keeper is gone, and shutting it down ends the
    /// session.
    pub fn line(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone()
    }
}
