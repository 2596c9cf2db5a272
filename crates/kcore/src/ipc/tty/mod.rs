//! Terminals: the console and pseudo-terminals. termios(3), pty(7), tty_ioctl(4).
//!
//! ```text
//! program <-- TtyFile <--> Tty (line discipline, window, session) <--> driver: console queues
//!                                                                      or PtyMaster <--> program
//! ```
//! A [`Tty`] is the terminal; an open file description of it is a [`TtyFile`]. Signals, wake-ups and the driver are called
//! with nothing borrowed.

mod console;
mod devices;
mod echo;
mod file;
mod ioctl;
mod job;
mod ldisc;
mod pty;
pub mod termios;
#[cfg(test)]
mod tests;
mod transfer;

pub use console::ConsoleTty;
pub use devices::{devpts, register_devices};
pub use file::{ReadTimer, TtyFile};
pub use job::{Caller, SIGTTIN, SIGTTOU, SIGWINCH, TtyHost};
pub use ldisc::{Effects, Ldisc};
pub use pty::{MAX_PTYS, PtyMaster, Ptys, slave_device, slave_inode};

use super::object::next_id;
use super::stream::ByteChannel;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::flags;
use crate::stat::Stat;
use crate::wait::{Events, WaitQueue};
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;
use pty::Link;

const READABLE: Events = Events(Events::IN.0 | Events::RDNORM.0);
const WRITABLE: Events = Events(Events::OUT.0 | Events::WRNORM.0);
/// Echo that waits for room.
const ECHO_LIMIT: usize = 4096;

/// struct winsize.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowSize {
    /// Characters.
    pub rows: u16,
    /// Characters.
    pub columns: u16,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
}

impl WindowSize {
    /// struct winsize as bytes.
    pub fn encode(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        let words = [self.rows, self.columns, self.width, self.height];
        for (place, word) in bytes.chunks_exact_mut(2).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// struct winsize from bytes.
    pub fn decode(bytes: &[u8; 8]) -> WindowSize {
        let word = |i: usize| u16::from_le_bytes([bytes[i * 2], bytes[i * 2 + 1]]);
        WindowSize { rows: word(0), columns: word(1), width: word(2), height: word(3) }
    }
}

/// Where a terminal's bytes go to and come from.
enum Driver {
    Console(Rc<dyn ByteChannel>),
    Pty(Link),
}

/// A terminal.
pub struct Tty {
    me: Weak<Tty>,
    id: u64,
    host: Rc<dyn TtyHost>,
    driver: Driver,
    name: Vec<u8>,
    /// Attributes of its file in /dev.
    stat: Cell<Stat>,
    ldisc: RefCell<Ldisc>,
    /// Echo that found no room.
    echoes: RefCell<VecDeque<u8>>,
    /// Input that the line discipline had no room for.
    incoming: RefCell<VecDeque<u8>>,
    size: Cell<WindowSize>,
    session: Cell<Option<i32>>,
    group: Cell<Option<i32>>,
    opens: Cell<u32>,
    /// How often it was hung up: descriptions opened before the last time are dead.
    hangups: Cell<u32>,
    exclusive: Cell<bool>,
    queue: WaitQueue,
}

impl Tty {
    fn new(host: Rc<dyn TtyHost>, driver: Driver, stat: Stat, name: Vec<u8>) -> Rc<Tty> {
        Rc::new_cyclic(|me| Tty {
            me: me.clone(),
            id: next_id(),
            host,
            driver,
            name,
            stat: Cell::new(Stat { links: 1, block_size: 1024, ..stat }),
            ldisc: RefCell::default(),
            echoes: RefCell::default(),
            incoming: RefCell::default(),
            size: Cell::default(),
            session: Cell::default(),
            group: Cell::default(),
            opens: Cell::default(),
            hangups: Cell::default(),
            exclusive: Cell::default(),
            queue: WaitQueue::new(),
        })
    }

    /// Identifies the terminal.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Path: `/dev/pts/3`.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The number of a pseudo-terminal.
    pub fn number(&self) -> Option<u32> {
        match &self.driver {
            Driver::Console(_) => None,
            Driver::Pty(link) => Some(link.number),
        }
    }

    /// How many descriptions of it (of the slave's side) are open.
    pub fn opens(&self) -> u32 {
        self.opens.get()
    }

    /// Attributes of its file.
    pub fn attributes(&self) -> Stat {
        self.stat.get()
    }

    /// Device number.
    pub fn rdev(&self) -> u64 {
        self.stat.get().rdev
    }

    /// A new open file description (open(2) with these flags).
    ///
    /// # Errors
    /// EIO: a pseudo-terminal that is locked or whose master is closed. EBUSY: TIOCEXCL.
    pub fn open(&self, open_flags: u32) -> Result<Rc<TtyFile>> {
        if let Driver::Pty(link) = &self.driver
            && (link.locked.get() || !link.master_open.get())
        {
            return Err(Errno::EIO);
        }
        if self.exclusive.get() && !self.host.caller().privileged {
            return Err(Errno::EBUSY);
        }
        if open_flags & flags::O_NOCTTY == 0 && open_flags & flags::O_ACCMODE != flags::O_WRONLY {
            self.adopt();
        }
        self.open_again(open_flags)
    }

    /// As [`Tty::open`], for a description that was open somewhere else: it may be locked or exclusive by now.
    ///
    /// # Errors
    /// EIO: a pseudo-terminal whose master is closed.
    pub fn open_again(&self, open_flags: u32) -> Result<Rc<TtyFile>> {
        let me = self.me.upgrade().ok_or(Errno::EIO)?;
        if let Driver::Pty(link) = &self.driver {
            if !link.master_open.get() {
                return Err(Errno::EIO);
            }
            link.slave_closed.set(false);
        }
        self.opens.set(self.opens.get() + 1);
        Ok(TtyFile::new(me, open_flags))
    }

    /// Current window size.
    pub fn window_size(&self) -> WindowSize {
        self.size.get()
    }

    /// New window size; the foreground process group gets SIGWINCH if it differs.
    pub fn set_window_size(&self, size: WindowSize) {
        if self.size.replace(size) != size {
            self.signal_foreground(SIGWINCH);
        }
    }

    /// Hangs up: reads end, writes fail with EIO, the session loses its terminal.
    pub fn hang_up(&self) {
        self.hangups.set(self.hangups.get() + 1);
        self.exclusive.set(false);
        self.ldisc.borrow_mut().flush_input();
        self.end_session();
        self.queue.notify(Events::ALL);
    }

    /// Room for output.
    fn room(&self) -> usize {
        if self.ldisc.borrow().is_stopped() {
            return 0;
        }
        match &self.driver {
            Driver::Console(channel) => channel.room(),
            Driver::Pty(link) => link.room(),
        }
    }

    /// Hands output to the driver; there was room for it.
    fn emit(&self, bytes: &[u8]) {
        match &self.driver {
            Driver::Console(channel) => {
                channel.push(bytes);
            }
            Driver::Pty(link) => link.emit(bytes),
        }
    }

    /// Shows the echo that has waited.
    fn flush_echoes(&self) {
        loop {
            let room = self.room();
            let part: Vec<u8> = {
                let mut echoes = self.echoes.borrow_mut();
                let n = echoes.len().min(room);
                echoes.drain(..n).collect()
            };
            if part.is_empty() {
                return;
            }
            self.emit(&part);
        }
    }

    /// Brings waiting input to the line discipline, as far as there is room.
    fn pump(&self) {
        loop {
            if self.incoming.borrow().is_empty()
                && let Driver::Console(channel) = &self.driver
            {
                let mut chunk = [0; 256];
                let n = channel.pull(&mut chunk);
                self.incoming.borrow_mut().extend(&chunk[..n]);
            }
            let bytes: Vec<u8> = self.incoming.borrow().iter().take(256).copied().collect();
            if bytes.is_empty() {
                return;
            }
            let mut effects = Effects::default();
            let n = self.ldisc.borrow_mut().receive(&bytes, &mut effects);
            self.incoming.borrow_mut().drain(..n);
            self.apply(effects);
            if n < bytes.len() {
                return;
            }
        }
    }

    fn apply(&self, effects: Effects) {
        for signal in effects.signals {
            self.signal_foreground(signal);
        }
        if effects.flushed {
            self.echoes.borrow_mut().clear();
            if let Driver::Pty(link) = &self.driver {
                link.flush_output();
                link.report(pty::FLUSH_READ);
            }
        }
        if let Some(stopped) = effects.stopped {
            self.flow_changed(stopped);
        }
        {
            let mut echoes = self.echoes.borrow_mut();
            let room = ECHO_LIMIT - echoes.len().min(ECHO_LIMIT);
            echoes.extend(effects.echo.iter().take(room));
        }
        self.flush_echoes();
        if effects.readable {
            self.queue.notify(READABLE);
        }
    }

    /// Output has been stopped or started.
    fn flow_changed(&self, stopped: bool) {
        if let Driver::Pty(link) = &self.driver {
            link.report(if stopped { pty::STOP } else { pty::START });
        }
        if !stopped {
            self.flush_echoes();
            self.queue.notify(WRITABLE);
        }
    }

    /// There is room for output again.
    fn drained(&self) {
        self.flush_echoes();
        if self.room() > 0 {
            self.queue.notify(WRITABLE);
        }
    }
}
