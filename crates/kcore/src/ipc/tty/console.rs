//! The console as a terminal: its driver side is connected to the host's byte queues.

use super::{Driver, Tty, TtyFile, TtyHost, WindowSize};
use crate::errno::Result;
use crate::ipc::stream::ByteChannel;
use crate::stat::{S_IFCHR, Stat, makedev};
use alloc::rc::Rc;

/// The terminal that `ramet run -t` connects to.
pub struct ConsoleTty {
    tty: Rc<Tty>,
    channel: Rc<dyn ByteChannel>,
}

impl ConsoleTty {
    /// /dev/console over these queues.
    pub fn new(host: Rc<dyn TtyHost>, channel: Rc<dyn ByteChannel>) -> ConsoleTty {
        let stat = Stat { mode: S_IFCHR | 0o620, gid: 5, rdev: makedev(5, 1), ..Stat::default() };
        let tty = Tty::new(host, Driver::Console(channel.clone()), stat, b"/dev/console".to_vec());
        ConsoleTty { tty, channel }
    }

    /// The terminal.
    pub fn tty(&self) -> &Rc<Tty> {
        &self.tty
    }

    /// The host's byte queues.
    pub fn channel(&self) -> &Rc<dyn ByteChannel> {
        &self.channel
    }

    /// Opens it: [`Tty::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self, open_flags: u32) -> Result<Rc<TtyFile>> {
        self.tty.open(open_flags)
    }

    /// The kernel tells that the queues have changed: input has come, or there is room for output. Signals (^C) are sent
    /// from here, also when nobody reads.
    pub fn changed(&self) {
        self.tty.pump();
        self.tty.drained();
        if self.channel.ended() && self.channel.available() == 0 {
            self.tty.queue.notify(super::READABLE);
        }
    }

    /// Takes all input that the host has handed over, so that it moves with the terminal ([`Tty::export`]).
    pub fn take_input(&self) {
        let mut part = [0; 1024];
        loop {
            match self.channel.pull(&mut part) {
                0 => return,
                n => self.tty.incoming.borrow_mut().extend(&part[..n]),
            }
        }
    }

    /// The host's window has this size now.
    pub fn resize(&self, size: WindowSize) {
        self.tty.set_window_size(size);
    }
}
