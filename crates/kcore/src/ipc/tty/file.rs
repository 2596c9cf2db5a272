//! An open file description of a terminal.

use super::job::{SIGTTIN, SIGTTOU};
use super::termios::{cc, lflag};
use super::{Driver, READABLE, Tty, WRITABLE};
use crate::errno::{Errno, Result};
use crate::file::{File, flags};
use crate::stat::Stat;
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;

/// Tenth of a second, the unit of VTIME.
const DECISECOND: u64 = 100_000_000;
const CHUNK: usize = 512;
/// Output that may wait before poll(2) says that there is no room.
const WAKE_UP: usize = 256;

/// When a blocking read in raw mode gives up waiting (termios(3), VMIN and VTIME). The caller sets the timer after EAGAIN
/// and calls [`TtyFile::read_expired`] when it has run out. Times are nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadTimer {
    /// Never.
    None,
    /// So long after the call began.
    FromCall(u64),
    /// So long after the last byte came; there is at least one. Started again whenever the terminal notifies and
    /// the read still fails with EAGAIN.
    FromLastByte(u64),
}

/// An open terminal.
pub struct TtyFile {
    tty: Rc<Tty>,
    reads: bool,
    /// [`Tty`]'s count of hang-ups when this was opened.
    hangups: u32,
    released: Cell<bool>,
}

impl TtyFile {
    pub(super) fn new(tty: Rc<Tty>, open_flags: u32) -> Rc<TtyFile> {
        let hangups = tty.hangups.get();
        let reads = open_flags & flags::O_ACCMODE != flags::O_WRONLY;
        Rc::new(TtyFile { tty, reads, hangups, released: Cell::new(false) })
    }

    /// The open terminal, if `file` is one.
    pub fn of(file: &dyn File) -> Option<&TtyFile> {
        file.as_any().downcast_ref()
    }

    /// The terminal.
    pub fn tty(&self) -> &Rc<Tty> {
        &self.tty
    }

    /// Whether the terminal has been hung up since it was opened.
    pub fn is_hung_up(&self) -> bool {
        self.hangups != self.tty.hangups.get()
    }

    pub(super) fn reads(&self) -> bool {
        self.reads
    }

    /// The timer for a blocking read of `count` bytes that has just returned EAGAIN.
    pub fn read_timer(&self, count: usize) -> ReadTimer {
        let ldisc = self.tty.ldisc.borrow();
        let termios = ldisc.termios();
        let (min, time) = (termios.cc[cc::VMIN] as usize, termios.cc[cc::VTIME] as u64);
        if termios.is_canonical() || time == 0 || count == 0 {
            ReadTimer::None
        } else if min == 0 {
            ReadTimer::FromCall(time * DECISECOND)
        } else if ldisc.available() > 0 {
            ReadTimer::FromLastByte(time * DECISECOND)
        } else {
            ReadTimer::None
        }
    }

    /// Ends a read whose timer has run out: gives what there is, or 0.
    ///
    /// # Errors
    /// EFAULT.
    pub fn read_expired(&self, into: &mut dyn Sink) -> Result<usize> {
        self.deliver(into)
    }

    fn deliver(&self, into: &mut dyn Sink) -> Result<usize> {
        let bytes = self.tty.ldisc.borrow_mut().read(into.remaining());
        self.tty.pump();
        if bytes.is_empty() {
            return Ok(0);
        }
        if let Driver::Pty(link) = &self.tty.driver {
            // Room for what the other side writes.
            link.queue.notify(WRITABLE);
        }
        into.put(&bytes)
    }

    /// The other side of the pseudo-terminal is gone, or the console's input has ended.
    fn is_cut(&self) -> bool {
        match &self.tty.driver {
            Driver::Console(channel) => channel.ended() && channel.available() == 0,
            Driver::Pty(link) => !link.master_open.get(),
        }
    }
}

impl File for TtyFile {
    fn read(&self, _: u64, into: &mut dyn Sink, status: u32) -> Result<usize> {
        if self.is_hung_up() || into.remaining() == 0 {
            return Ok(0);
        }
        self.tty.check_foreground(SIGTTIN)?;
        self.tty.pump();
        let (available, min, time) = {
            let ldisc = self.tty.ldisc.borrow();
            let termios = ldisc.termios();
            match termios.is_canonical() {
                true => (ldisc.available(), 1, None),
                false => (ldisc.available(), termios.cc[cc::VMIN] as usize, Some(termios.cc[cc::VTIME])),
            }
        };
        let nonblock = status & flags::O_NONBLOCK != 0;
        let needed = if nonblock { 1 } else { min.clamp(1, into.remaining()) };
        if available >= needed || (available > 0 && self.is_cut()) {
            return self.deliver(into);
        }
        if self.is_cut() {
            return Ok(0);
        }
        if min == 0 && time == Some(0) {
            return Ok(0);
        }
        if let Driver::Console(channel) = &self.tty.driver {
            channel.want(Events::IN);
        }
        Err(Errno::EAGAIN)
    }

    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        let tty = &self.tty;
        if self.is_hung_up() {
            return Err(Errno::EIO);
        }
        if tty.ldisc.borrow().has(lflag::TOSTOP) {
            tty.check_foreground(SIGTTOU)?;
        }
        match &tty.driver {
            Driver::Console(channel) if channel.closed() => return Err(Errno::EIO),
            Driver::Pty(link) if !link.master_open.get() => return Err(Errno::EIO),
            _ => {}
        }
        tty.flush_echoes();
        let mut done = 0;
        let mut out = Vec::with_capacity(CHUNK * 2);
        while from.remaining() > 0 {
            let want = (tty.room() / tty.ldisc.borrow().expansion()).min(CHUNK).min(from.remaining());
            if want == 0 {
                break;
            }
            let mut chunk = [0; CHUNK];
            let n = match from.take(&mut chunk[..want]) {
                Ok(n) => n,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            };
            out.clear();
            tty.ldisc.borrow_mut().output(&chunk[..n], &mut out);
            tty.emit(&out);
            done += n;
            if n < want {
                break;
            }
        }
        if done == 0 && from.remaining() > 0 {
            if let Driver::Console(channel) = &tty.driver {
                channel.want(Events::OUT);
            }
            return Err(Errno::EAGAIN);
        }
        Ok(done)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.tty.stat.get())
    }

    fn poll(&self) -> Events {
        if self.is_hung_up() {
            return READABLE.or(WRITABLE).or(Events::ERR).or(Events::HUP);
        }
        let tty = &self.tty;
        tty.pump();
        let mut events = Events::NONE;
        let ldisc = tty.ldisc.borrow();
        let termios = ldisc.termios();
        let needed = match (termios.is_canonical(), termios.cc[cc::VTIME], termios.cc[cc::VMIN]) {
            (false, 0, min) => (min as usize).max(1),
            _ => 1,
        };
        let readable = ldisc.available() >= needed;
        drop(ldisc);
        if readable {
            events = events.or(READABLE);
        }
        if self.is_cut() {
            events = events.or(READABLE).or(Events::HUP);
        }
        let crowded = match &tty.driver {
            Driver::Console(channel) => {
                if !readable {
                    channel.want(Events::IN);
                }
                false
            }
            Driver::Pty(link) => link.room() < WAKE_UP,
        };
        if !crowded && tty.room() >= tty.ldisc.borrow().expansion() {
            events = events.or(WRITABLE);
        } else if let Driver::Console(channel) = &tty.driver {
            channel.want(Events::OUT);
        }
        events
    }

    fn signalled(&self) -> Events {
        Events::IN
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.tty.queue)
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        super::ioctl::on_tty(self, request, argument, memory)
    }

    fn reopen(&self, open_flags: u32) -> Result<Rc<dyn File>> {
        Ok(self.tty.open(open_flags | flags::O_NOCTTY)?)
    }

    fn describe(&self) -> Vec<u8> {
        self.tty.name().to_vec()
    }

    fn release(&self) {
        if self.released.replace(true) {
            return;
        }
        let tty = &self.tty;
        tty.opens.set(tty.opens.get() - 1);
        if tty.opens.get() == 0 {
            tty.exclusive.set(false);
            if let Driver::Pty(link) = &tty.driver {
                link.slave_closed.set(true);
                link.packet.set(false);
                link.queue.notify(Events::ALL);
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for TtyFile {
    fn drop(&mut self) {
        self.release();
    }
}
