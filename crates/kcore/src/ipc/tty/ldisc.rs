//! The line discipline: what happens to each byte from the keyboard and to the screen.
//!
//! A pure state machine after Linux's `drivers/tty/n_tty.c`. [`Ldisc::receive`] takes bytes from the keyboard and says in
//! [`Effects`] what is to be done; [`Ldisc::read`] gives the program its input; [`Ldisc::output`] expands what the program
//! writes.

use super::termios::{Termios, cc, iflag, lflag, oflag};
use super::transfer::State;
use crate::errno::{Errno, Result};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Size of the input buffer.
pub const BUFFER: usize = 4096;

/// SIGINT, SIGQUIT, SIGTSTP.
const SIGINT: u32 = 2;
const SIGQUIT: u32 = 3;
const SIGTSTP: u32 = 20;

/// What receiving has caused.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Effects {
    /// Bytes to show.
    pub echo: Vec<u8>,
    /// Signals for the foreground process group, in order.
    pub signals: Vec<u32>,
    /// Output and echo not yet shown are to be thrown away (before `echo` is shown); input has been.
    pub flushed: bool,
    /// There is more to read.
    pub readable: bool,
    /// Output was stopped (`Some(true)`) or started again.
    pub stopped: Option<bool>,
}

/// State of one terminal's line discipline.
pub struct Ldisc {
    pub(super) termios: Termios,
    /// Characters that are not simply stored.
    special: [bool; 256],
    pub(super) buffer: VecDeque<u8>,
    /// Position of the first byte in the buffer, counted since the terminal was made.
    pub(super) tail: u64,
    /// Positions of the bytes that end a line. A zero among them is an end of file.
    ends: VecDeque<u64>,
    /// End of the last complete line.
    pub(super) canon_head: u64,
    literal_next: bool,
    pub(super) erasing: bool,
    pub(super) column: u32,
    /// Column at which the line being edited began.
    pub(super) canon_column: u32,
    /// Output stopped by ^S.
    pub(super) stopped: bool,
    /// Output stopped by tcflow(3).
    pub(super) flow_off: bool,
}

impl Default for Ldisc {
    fn default() -> Ldisc {
        let mut ldisc = Ldisc {
            termios: Termios::default(),
            special: [false; 256],
            buffer: VecDeque::new(),
            tail: 0,
            ends: VecDeque::new(),
            canon_head: 0,
            literal_next: false,
            erasing: false,
            column: 0,
            canon_column: 0,
            stopped: false,
            flow_off: false,
        };
        ldisc.find_special();
        ldisc
    }
}

impl Ldisc {
    pub(super) fn export(&self) -> State {
        let from_tail = |position: u64| (position - self.tail) as u32;
        State {
            termios: self.termios,
            buffer: self.buffer.iter().copied().collect(),
            ends: self.ends.iter().map(|&end| from_tail(end)).collect(),
            canon_head: from_tail(self.canon_head.max(self.tail)),
            column: self.column,
            canon_column: self.canon_column,
            literal_next: self.literal_next,
            erasing: self.erasing,
            stopped: self.stopped,
            flow_off: self.flow_off,
        }
    }

    /// A line discipline that was somewhere else.
    ///
    /// # Errors
    /// EINVAL: ends of lines where no input is.
    pub(super) fn import(state: State) -> Result<Ldisc> {
        let whole = state.canon_head as usize <= state.buffer.len() && state.buffer.len() <= BUFFER;
        let ordered = state.ends.is_sorted_by(|a, b| a < b);
        if !whole || !ordered || state.ends.last().is_some_and(|&end| end >= state.canon_head) {
            return Err(Errno::EINVAL);
        }
        let mut ldisc = Ldisc {
            termios: state.termios,
            buffer: state.buffer.into(),
            ends: state.ends.into_iter().map(u64::from).collect(),
            canon_head: u64::from(state.canon_head),
            column: state.column,
            canon_column: state.canon_column,
            literal_next: state.literal_next,
            erasing: state.erasing,
            stopped: state.stopped,
            flow_off: state.flow_off,
            ..Ldisc::default()
        };
        ldisc.find_special();
        Ok(ldisc)
    }

    /// Current settings.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// New settings (tcsetattr(3)).
    pub fn set_termios(&mut self, new: Termios, effects: &mut Effects) {
        let old = core::mem::replace(&mut self.termios, new);
        if (old.lflag ^ new.lflag) & (lflag::ICANON | lflag::EXTPROC) != 0 {
            self.ends.clear();
            self.canon_head = self.tail;
            if new.is_canonical() && !self.buffer.is_empty() {
                // What was typed in raw mode counts as a line.
                self.canon_head = self.head();
                self.ends.push_back(self.head() - 1);
            }
            self.erasing = false;
            self.literal_next = false;
        }
        self.find_special();
        if old.iflag & iflag::IXON != 0 && new.iflag & iflag::IXON == 0 && self.stopped {
            self.set_stopped(false, effects);
        }
        effects.readable |= self.available() > 0;
    }

    fn find_special(&mut self) {
        self.special = [false; 256];
        let t = self.termios;
        let mut mark = |byte: u8| self.special[byte as usize] = true;
        if t.iflag & (iflag::IGNCR | iflag::ICRNL) != 0 {
            mark(b'\r');
        }
        if t.iflag & iflag::INLCR != 0 {
            mark(b'\n');
        }
        if t.lflag & lflag::ICANON != 0 {
            [cc::VERASE, cc::VKILL, cc::VEOF, cc::VEOL].iter().for_each(|&i| mark(t.cc[i]));
            mark(b'\n');
            if t.lflag & lflag::IEXTEN != 0 {
                [cc::VWERASE, cc::VLNEXT, cc::VEOL2].iter().for_each(|&i| mark(t.cc[i]));
                if t.lflag & lflag::ECHO != 0 {
                    mark(t.cc[cc::VREPRINT]);
                }
            }
        }
        if t.iflag & iflag::IXON != 0 {
            [cc::VSTART, cc::VSTOP].iter().for_each(|&i| mark(t.cc[i]));
        }
        if t.lflag & lflag::ISIG != 0 {
            [cc::VINTR, cc::VQUIT, cc::VSUSP].iter().for_each(|&i| mark(t.cc[i]));
        }
        self.special[0] = false;
    }

    pub(super) fn head(&self) -> u64 {
        self.tail + self.buffer.len() as u64
    }

    pub(super) fn has(&self, bits: u32) -> bool {
        self.termios.lflag & bits != 0
    }

    fn is(&self, byte: u8, index: usize) -> bool {
        byte != 0 && self.termios.cc[index] == byte
    }

    /// Whether output is held back.
    pub fn is_stopped(&self) -> bool {
        self.stopped || self.flow_off
    }

    pub(super) fn set_stopped(&mut self, stopped: bool, effects: &mut Effects) {
        if self.stopped != stopped {
            self.stopped = stopped;
            effects.stopped = Some(stopped);
        }
    }

    /// Takes bytes from the keyboard; returns how many. Less than all: the buffer is full until something is read.
    pub fn receive(&mut self, bytes: &[u8], effects: &mut Effects) -> usize {
        for (index, &byte) in bytes.iter().enumerate() {
            if self.buffer.len() + 1 >= BUFFER {
                // A line that is too long keeps its end: the last place is used again and again.
                if !self.termios.is_canonical() || self.canon_head != self.tail {
                    return index;
                }
                if self.buffer.len() >= BUFFER {
                    self.buffer.pop_back();
                }
            }
            self.receive_byte(byte, effects);
        }
        bytes.len()
    }

    fn receive_byte(&mut self, mut byte: u8, effects: &mut Effects) {
        if self.termios.iflag & iflag::ISTRIP != 0 {
            byte &= 0x7f;
        }
        if self.termios.iflag & iflag::IUCLC != 0 && self.has(lflag::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if core::mem::take(&mut self.literal_next) {
            self.store_plain(byte, effects);
        } else if self.has(lflag::EXTPROC) {
            self.store(byte, effects);
        } else if self.special[byte as usize] {
            self.receive_special(byte, effects);
        } else {
            self.resume_on_any(effects);
            self.store_plain(byte, effects);
        }
    }

    fn resume_on_any(&mut self, effects: &mut Effects) {
        let any = iflag::IXON | iflag::IXANY;
        if self.stopped && !self.flow_off && self.termios.iflag & any == any {
            self.set_stopped(false, effects);
        }
    }

    fn store_plain(&mut self, byte: u8, effects: &mut Effects) {
        if self.has(lflag::ECHO) {
            self.finish_erasing(effects);
            self.note_column();
            self.echo(byte, effects);
        }
        self.store_marked(byte, effects);
    }

    fn store_marked(&mut self, byte: u8, effects: &mut Effects) {
        if byte == 0xff && self.termios.iflag & iflag::PARMRK != 0 {
            self.store(byte, effects);
        }
        self.store(byte, effects);
    }

    fn store(&mut self, byte: u8, effects: &mut Effects) {
        self.buffer.push_back(byte);
        effects.readable |= !self.termios.is_canonical();
    }

    fn receive_special(&mut self, mut byte: u8, effects: &mut Effects) {
        if self.termios.iflag & iflag::IXON != 0 {
            if self.is(byte, cc::VSTART) {
                return self.set_stopped(false, effects);
            }
            if self.is(byte, cc::VSTOP) {
                return self.set_stopped(true, effects);
            }
        }
        if self.has(lflag::ISIG) {
            for (index, signal) in [(cc::VINTR, SIGINT), (cc::VQUIT, SIGQUIT), (cc::VSUSP, SIGTSTP)] {
                if self.is(byte, index) {
                    return self.signal(signal, byte, effects);
                }
            }
        }
        self.resume_on_any(effects);
        match byte {
            b'\r' if self.termios.iflag & iflag::IGNCR != 0 => return,
            b'\r' if self.termios.iflag & iflag::ICRNL != 0 => byte = b'\n',
            b'\n' if self.termios.iflag & iflag::INLCR != 0 => byte = b'\r',
            _ => {}
        }
        if self.has(lflag::ICANON) && self.receive_canonical(byte, effects) {
            return;
        }
        if self.has(lflag::ECHO) {
            self.finish_erasing(effects);
            if byte == b'\n' {
                self.echo_raw(byte, effects);
            } else {
                self.note_column();
                self.echo(byte, effects);
            }
        }
        self.store_marked(byte, effects);
    }

    fn signal(&mut self, signal: u32, byte: u8, effects: &mut Effects) {
        effects.signals.push(signal);
        if !self.has(lflag::NOFLSH) {
            self.flush_input();
            effects.flushed = true;
            effects.echo.clear();
        }
        if self.termios.iflag & iflag::IXON != 0 {
            self.set_stopped(false, effects);
        }
        if self.has(lflag::ECHO) {
            self.echo(byte, effects);
        }
    }

    /// Handles what edits or ends a line; false: an ordinary character after all.
    fn receive_canonical(&mut self, byte: u8, effects: &mut Effects) -> bool {
        let extended = self.has(lflag::IEXTEN);
        if self.is(byte, cc::VERASE) || self.is(byte, cc::VKILL) || (extended && self.is(byte, cc::VWERASE)) {
            self.erase(byte, effects);
        } else if extended && self.is(byte, cc::VLNEXT) {
            self.literal_next = true;
            if self.has(lflag::ECHO) {
                self.finish_erasing(effects);
                if self.has(lflag::ECHOCTL) {
                    self.echo_raw(b'^', effects);
                    self.echo_raw(8, effects);
                }
            }
        } else if extended && self.has(lflag::ECHO) && self.is(byte, cc::VREPRINT) {
            self.finish_erasing(effects);
            self.echo(byte, effects);
            self.echo_raw(b'\n', effects);
            for index in (self.canon_head - self.tail) as usize..self.buffer.len() {
                self.echo(self.buffer[index], effects);
            }
        } else if byte == b'\n' {
            if self.has(lflag::ECHO | lflag::ECHONL) {
                self.echo_raw(b'\n', effects);
            }
            self.end_line(byte, effects);
        } else if self.is(byte, cc::VEOF) {
            self.end_line(0, effects);
        } else if self.is(byte, cc::VEOL) || (extended && self.is(byte, cc::VEOL2)) {
            if self.has(lflag::ECHO) {
                self.note_column();
                self.echo(byte, effects);
            }
            if byte == 0xff && self.termios.iflag & iflag::PARMRK != 0 {
                self.buffer.push_back(byte);
            }
            self.end_line(byte, effects);
        } else {
            return false;
        }
        true
    }

    fn end_line(&mut self, byte: u8, effects: &mut Effects) {
        self.ends.push_back(self.head());
        self.buffer.push_back(byte);
        self.canon_head = self.head();
        effects.readable = true;
    }

    /// Throws away what has not been read.
    pub fn flush_input(&mut self) {
        self.tail = self.head();
        self.buffer.clear();
        self.ends.clear();
        self.canon_head = self.tail;
        self.literal_next = false;
        self.erasing = false;
    }

    /// Bytes that could be read now; an end of file counts (see [`Ldisc::queued`]).
    pub fn available(&self) -> usize {
        if self.termios.is_canonical() { (self.canon_head - self.tail) as usize } else { self.buffer.len() }
    }

    /// What TIOCINQ says: as [`Ldisc::available`], without ends of file.
    pub fn queued(&self) -> usize {
        let ends = self.ends.iter().filter(|&&end| self.buffer[(end - self.tail) as usize] == 0).count();
        self.available() - if self.termios.is_canonical() { ends } else { 0 }
    }

    /// Takes up to `count` bytes of input; at most a line in canonical mode. An empty result although
    /// [`Ldisc::available`] was positive is an end of file.
    pub fn read(&mut self, count: usize) -> Vec<u8> {
        if count == 0 {
            return Vec::new();
        }
        if !self.termios.is_canonical() {
            return self.take(count.min(self.buffer.len()));
        }
        let Some(&end) = self.ends.front() else { return Vec::new() };
        let is_eof = self.buffer[(end - self.tail) as usize] == 0;
        let line = (end - self.tail) as usize + !is_eof as usize;
        let bytes = self.take(line.min(count));
        if bytes.len() == line {
            self.ends.pop_front();
            if is_eof {
                self.take(1);
            }
        }
        bytes
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.tail += count as u64;
        self.buffer.drain(..count).collect()
    }

    /// Expands what the program writes.
    pub fn output(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.termios.oflag & oflag::OPOST == 0 {
            out.extend_from_slice(bytes);
        } else {
            for &byte in bytes {
                self.output_byte(byte, out);
            }
        }
    }

    /// The most bytes that [`Ldisc::output`] makes of one.
    pub fn expansion(&self) -> usize {
        match self.termios.oflag {
            bits if bits & oflag::OPOST == 0 => 1,
            bits if bits & oflag::XTABS == oflag::XTABS => 8,
            _ => 2,
        }
    }
}
