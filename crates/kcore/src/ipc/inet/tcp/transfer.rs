//! The state of a stream socket on its way to another kernel.

use super::super::transfer::Numbers;
use super::{Progress, State, TcpSocket, Urgent};
use crate::errno::{Errno, Result};
use crate::fields::{Fields, Writer};
use crate::ipc::socket::MAX_BACKLOG;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;

/// Most unread bytes that a socket may bring along.
const UNREAD_MAX: usize = 16 << 20;
/// Places in a stream end here, so that they can be added to.
const PLACE_MAX: u64 = 1 << 62;

/// Who belongs to a socket: 1 + their numbers.
pub(in super::super) struct Links {
    pub peer: u32,
    pub pending: Vec<u32>,
    pub waiting: Vec<u32>,
}

impl TcpSocket {
    pub(in super::super) fn pending_connections(&self) -> Vec<Rc<TcpSocket>> {
        self.pending.borrow().iter().cloned().collect()
    }

    pub(in super::super) fn put_state(&self, out: &mut Writer, numbers: &Numbers) {
        let state = match self.state.get() {
            State::Closed => 0,
            State::Listening => 1,
            State::SynSent => 2,
            State::Established => 3,
        };
        let progress = match self.progress.get() {
            Progress::Unconnected => 0,
            Progress::Connecting => 1,
            Progress::Connected => 2,
        };
        let bits = [&self.fin_sent, &self.fin_received, &self.closed_first, &self.found_full];
        let bits = bits.iter().rev().fold(0, |bits, bit| bits << 1 | u32::from(bit.get()));
        out.u32(state).u32(progress).u32(bits).u32(self.backlog.get() as u32).u64(self.read.get());
        let urgent = self.urgent.get();
        out.u32(urgent.map_or(0, |urgent| 1 + u32::from(urgent.is_read)));
        out.u64(urgent.map_or(0, |urgent| urgent.at)).u32(urgent.map_or(0, |urgent| urgent.byte.into()));
        out.u32(self.peer().map_or(0, |peer| numbers.of(&peer.base)));
        let pending = self.pending.borrow();
        out.u32(pending.len() as u32);
        for child in pending.iter() {
            out.u32(numbers.of(&child.base));
        }
        let waiting: Vec<u32> = {
            let waiting = self.waiting.borrow();
            waiting.iter().filter_map(Weak::upgrade).map(|client| numbers.of(&client.base)).collect()
        };
        let waiting: Vec<u32> = waiting.into_iter().filter(|&number| number != 0).collect();
        out.u32(waiting.len() as u32);
        for number in waiting {
            out.u32(number);
        }
    }

    pub(in super::super) fn fill_state(&self, fields: &mut Fields<'_>) -> Result<Links> {
        self.state.set(match fields.u32()? {
            0 => State::Closed,
            1 => State::Listening,
            2 => State::SynSent,
            3 => State::Established,
            _ => return Err(Errno::EINVAL),
        });
        self.progress.set(match fields.u32()? {
            0 => Progress::Unconnected,
            1 => Progress::Connecting,
            2 => Progress::Connected,
            _ => return Err(Errno::EINVAL),
        });
        let bits = fields.u32()?;
        for (n, bit) in
            [&self.fin_sent, &self.fin_received, &self.closed_first, &self.found_full].iter().enumerate()
        {
            bit.set(bits >> n & 1 != 0);
        }
        self.backlog.set((fields.u32()? as usize).min(MAX_BACKLOG));
        self.read.set(fields.u64()? % PLACE_MAX);
        let (urgent, at, byte) = (fields.u32()?, fields.u64()? % PLACE_MAX, fields.u32()? as u8);
        self.urgent.set((urgent != 0).then_some(Urgent { at, byte, is_read: urgent == 2 }));
        let peer = fields.u32()?;
        let mut list = || -> Result<Vec<u32>> {
            let count = fields.u32()?;
            (0..count).map(|_| fields.u32()).collect()
        };
        Ok(Links { peer, pending: list()?, waiting: list()? })
    }

    pub(in super::super) fn link(&self, peer: Option<&Rc<TcpSocket>>) {
        *self.peer.borrow_mut() = peer.map(Rc::downgrade).unwrap_or_default();
    }

    pub(in super::super) fn link_pending(&self, child: Rc<TcpSocket>) {
        self.pending.borrow_mut().push_back(child);
    }

    pub(in super::super) fn link_waiting(&self, client: &Rc<TcpSocket>) {
        self.waiting.borrow_mut().push(Rc::downgrade(client));
    }

    pub(in super::super) fn take_unread(&self, most: usize) -> Vec<u8> {
        self.inbox.borrow_mut().take(most)
    }

    pub(in super::super) fn put_unread(&self, bytes: Vec<u8>) -> Result<()> {
        if self.readable() + bytes.len() > UNREAD_MAX {
            return Err(Errno::EINVAL);
        }
        self.inbox.borrow_mut().push(bytes);
        Ok(())
    }

    /// It is somewhere else now: nothing here is its end.
    pub(in super::super) fn forget(&self) {
        self.is_dead.set(true);
        self.base.domain.tcp.borrow_mut().remove(self);
        *self.peer.borrow_mut() = Weak::new();
        self.pending.take();
        self.waiting.take();
        self.inbox.borrow_mut().clear();
    }
}
