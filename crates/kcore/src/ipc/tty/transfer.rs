//! A terminal's state on its way to another kernel: [`Tty::export`], [`Tty::import`].
//!
//! Little-endian: version (u32), struct termios2, struct winsize, session and foreground group (i32, 0: none), bits, column, column where the
//! line being edited began, end of the last whole line (u32 each, positions counted from the first byte of input), then input,
//! positions of the ends of lines (u32 each), bytes that the line discipline has not seen, bytes that the master has not read, echo that found
//! no room; each of them with its number before it (u32).

use super::ldisc::Ldisc;
use super::termios::Termios;
use super::{Driver, ECHO_LIMIT, Tty, WindowSize};
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

const VERSION: u32 = 2;
/// Most bytes of each part: the console's ring, and what the line discipline had no room for.
const PART_MAX: usize = 1 << 17;

mod bit {
    pub const EXCLUSIVE: u32 = 1;
    pub const STOPPED: u32 = 2;
    pub const FLOW_OFF: u32 = 4;
    pub const LITERAL_NEXT: u32 = 8;
    pub const ERASING: u32 = 16;
    pub const LOCKED: u32 = 32;
    pub const PACKET: u32 = 64;
    pub const SLAVE_CLOSED: u32 = 128;
}

/// What a line discipline is, without what follows from its settings.
pub(super) struct State {
    pub termios: Termios,
    pub buffer: Vec<u8>,
    /// Positions of ends of lines, and of the last whole line's end, from the buffer's first byte.
    pub ends: Vec<u32>,
    pub canon_head: u32,
    pub column: u32,
    pub canon_column: u32,
    pub literal_next: bool,
    pub erasing: bool,
    pub stopped: bool,
    pub flow_off: bool,
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(count).ok_or(Errno::EINVAL)?;
        self.0 = rest;
        Ok(first)
    }
    fn u32(&mut self) -> Result<u32> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Errno::EINVAL)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*first))
    }
    fn part(&mut self, unit: usize) -> Result<&'a [u8]> {
        let count = self.u32()? as usize;
        if count > PART_MAX { Err(Errno::EINVAL) } else { self.bytes(count * unit) }
    }
}

fn put_part(out: &mut Vec<u8>, count: usize, bytes: impl IntoIterator<Item = u8>) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out.extend(bytes);
}

impl Tty {
    /// The state, for another kernel.
    pub fn export(&self) -> Vec<u8> {
        let state = self.ldisc.borrow().export();
        let mut out = Vec::new();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&state.termios.encode());
        out.extend_from_slice(&self.size.get().encode());
        out.extend_from_slice(&self.session.get().unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&self.group.get().unwrap_or(0).to_le_bytes());
        let mut bits = 0;
        let (locked, packet, closed) = match &self.driver {
            Driver::Pty(link) => (link.locked.get(), link.packet.get(), link.slave_closed.get()),
            Driver::Console(_) => (false, false, false),
        };
        for (bit, on) in [
            (bit::EXCLUSIVE, self.exclusive.get()),
            (bit::STOPPED, state.stopped),
            (bit::FLOW_OFF, state.flow_off),
            (bit::LITERAL_NEXT, state.literal_next),
            (bit::ERASING, state.erasing),
            (bit::LOCKED, locked),
            (bit::PACKET, packet),
            (bit::SLAVE_CLOSED, closed),
        ] {
            bits |= if on { bit } else { 0 };
        }
        for word in [bits, state.column, state.canon_column, state.canon_head] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        put_part(&mut out, state.buffer.len(), state.buffer.iter().copied());
        put_part(&mut out, state.ends.len(), state.ends.iter().flat_map(|end| end.to_le_bytes()));
        let incoming = self.incoming.borrow();
        put_part(&mut out, incoming.len(), incoming.iter().copied());
        match &self.driver {
            Driver::Pty(link) => {
                let output = link.output.borrow();
                put_part(&mut out, output.len(), output.iter().copied());
            }
            Driver::Console(_) => put_part(&mut out, 0, []),
        }
        let echoes = self.echoes.borrow();
        put_part(&mut out, echoes.len(), echoes.iter().copied());
        out
    }

    /// The terminal is somewhere else from now on: nothing that becomes of this one is told to anybody.
    pub fn retire(&self) {
        self.session.set(None);
        self.group.set(None);
        self.incoming.borrow_mut().clear();
        self.echoes.borrow_mut().clear();
    }

    /// Takes over the state of a terminal that was somewhere else. Nobody has used this one yet.
    ///
    /// # Errors
    /// EINVAL: the state is damaged; the terminal is as it was.
    pub fn import(&self, bytes: &[u8]) -> Result<()> {
        let mut fields = Fields(bytes);
        if fields.u32()? != VERSION {
            return Err(Errno::EINVAL);
        }
        let termios = Termios::default().decode(fields.bytes(Termios::SIZE2)?);
        let size = WindowSize::decode(fields.bytes(8)?.first_chunk().ok_or(Errno::EINVAL)?);
        let (session, group) = (fields.u32()? as i32, fields.u32()? as i32);
        let [bits, column, canon_column, canon_head] =
            [fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?];
        let buffer = fields.part(1)?.to_vec();
        let ends = fields.part(4)?.as_chunks::<4>().0.iter().map(|end| u32::from_le_bytes(*end)).collect();
        let (incoming, output, echoes) = (fields.part(1)?, fields.part(1)?, fields.part(1)?);
        if !fields.0.is_empty() || session < 0 || group < 0 || echoes.len() > ECHO_LIMIT {
            return Err(Errno::EINVAL);
        }
        let on = |bit| bits & bit != 0;
        let state = State {
            termios,
            buffer,
            ends,
            canon_head,
            column: column & 0xffff,
            canon_column: canon_column & 0xffff,
            literal_next: on(bit::LITERAL_NEXT),
            erasing: on(bit::ERASING),
            stopped: on(bit::STOPPED),
            flow_off: on(bit::FLOW_OFF),
        };
        *self.ldisc.borrow_mut() = Ldisc::import(state)?;
        self.size.set(size);
        self.session.set((session != 0).then_some(session));
        self.group.set((group != 0).then_some(group));
        self.exclusive.set(on(bit::EXCLUSIVE));
        self.incoming.borrow_mut().extend(incoming);
        self.echoes.borrow_mut().extend(echoes);
        if let Driver::Pty(link) = &self.driver {
            link.locked.set(on(bit::LOCKED));
            link.packet.set(on(bit::PACKET));
            link.slave_closed.set(on(bit::SLAVE_CLOSED));
            link.output.borrow_mut().extend(output);
        }
        Ok(())
    }
}
