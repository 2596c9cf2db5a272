//! recvmsg(2).

use super::super::settings::OOBINLINE;
use super::{State, TcpSocket};
use crate::errno::{Errno, Result};
use crate::ipc::socket::{Received, SHUT_RECEIVE, msg};
use crate::user::Sink;

impl TcpSocket {
    /// SO_OOBINLINE.
    pub(super) fn is_inline(&self) -> bool {
        self.base.settings.get(OOBINLINE, 0) != 0
    }

    /// Bytes before the urgent one, if it is still to come.
    pub(super) fn before_mark(&self) -> Option<usize> {
        self.urgent.get().and_then(|urgent| urgent.at.checked_sub(self.read.get())).map(|n| n as usize)
    }

    pub(super) fn receive_bytes(&self, into: &mut dyn Sink, flags: u32, before: usize) -> Result<Received> {
        if flags & msg::ERRQUEUE != 0 {
            return Err(Errno::EAGAIN);
        }
        if self.state.get() == State::Listening {
            return Err(Errno::ENOTCONN);
        }
        if flags & msg::OOB != 0 {
            return self.receive_urgent(into, flags);
        }
        let wanted = into.remaining();
        let count = if self.is_below_low_water(wanted, flags) {
            0
        } else if flags & msg::PEEK != 0 {
            self.peek(into)?
        } else {
            self.take(into, flags & msg::TRUNC != 0)?
        };
        if count > 0 || wanted == 0 && self.readable() > 0 {
            return Ok(Received { count, ..Received::default() });
        }
        self.nothing(before)
    }

    /// A caller that waits wants as many bytes as SO_RCVLOWAT says.
    fn is_below_low_water(&self, wanted: usize, flags: u32) -> bool {
        let low = (self.base.options.low_water.get() as usize).min(wanted).min(self.window());
        flags & (msg::DONTWAIT | msg::PEEK) == 0
            && self.urgent.get().is_none()
            && self.readable() < low
            && self.state.get() == State::Established
            && !self.is_at_end()
    }

    /// There are no bytes: what a receive says then. `before`: the call has had some, so that an error is left for the next.
    fn nothing(&self, before: usize) -> Result<Received> {
        let base = &self.base;
        if self.fin_received.get() || before > 0 && (base.error.get().is_some() || self.is_at_end()) {
            return Ok(Received::default());
        }
        base.take_error()?;
        if base.has_shut(SHUT_RECEIVE) {
            return Ok(Received::default());
        }
        Err(if self.state.get() == State::Closed { Errno::ENOTCONN } else { Errno::EAGAIN })
    }

    fn take(&self, into: &mut dyn Sink, discards: bool) -> Result<usize> {
        let wanted = into.remaining();
        let mut count = 0;
        while count < wanted {
            let mut limit = wanted - count;
            match self.before_mark() {
                Some(0) if count > 0 => break,
                Some(0) if !self.is_inline() => {
                    // The urgent byte is not part of the stream.
                    self.inbox.borrow_mut().take(1);
                    self.advance(1);
                    continue;
                }
                Some(0) | None => {}
                Some(before) => limit = limit.min(before),
            }
            // Taken out, so that nothing is borrowed while bytes go to the program.
            let mut bytes = self.inbox.borrow_mut().take(limit);
            if bytes.is_empty() {
                break;
            }
            let put = if discards { Ok(bytes.len()) } else { into.put(&bytes) };
            let taken = put.unwrap_or(0).min(bytes.len());
            let rest = bytes.split_off(taken);
            let is_whole = rest.is_empty();
            self.inbox.borrow_mut().put_back(rest);
            self.advance(taken);
            count += taken;
            if !is_whole {
                if count == 0 {
                    return Err(Errno::EFAULT);
                }
                break;
            }
        }
        if count > 0
            && let Some(peer) = self.peer()
        {
            peer.made_room();
        }
        Ok(count)
    }

    /// Bytes have been read; an urgent one among them is past.
    fn advance(&self, count: usize) {
        let read = self.read.get() + count as u64;
        self.read.set(read);
        if self.urgent.get().is_some_and(|urgent| urgent.at < read) {
            self.urgent.set(None);
        }
    }

    fn peek(&self, into: &mut dyn Sink) -> Result<usize> {
        let wanted = into.remaining();
        let mut count = 0;
        let mut offset = 0;
        while count < wanted {
            let mut limit = wanted - count;
            match self.before_mark().filter(|&mark| mark >= offset) {
                Some(mark) if mark == offset && count > 0 => break,
                Some(mark) if mark == offset && !self.is_inline() => {
                    offset += 1;
                    if self.readable() <= offset {
                        break;
                    }
                }
                Some(mark) if mark > offset => limit = limit.min(mark - offset),
                _ => {}
            }
            let bytes = self.inbox.borrow().peek(offset, limit);
            if bytes.is_empty() {
                break;
            }
            match into.put(&bytes) {
                Ok(n) if n == bytes.len() => {}
                _ if count == 0 => return Err(Errno::EFAULT),
                _ => break,
            }
            count += bytes.len();
            offset += bytes.len();
        }
        Ok(count)
    }

    fn receive_urgent(&self, into: &mut dyn Sink, flags: u32) -> Result<Received> {
        let urgent = self.urgent.get().filter(|urgent| !urgent.is_read && !self.is_inline());
        let mut urgent = urgent.ok_or(Errno::EINVAL)?;
        if self.state.get() == State::Closed && !self.fin_received.get() {
            return Err(Errno::ENOTCONN);
        }
        if flags & msg::PEEK == 0 {
            urgent.is_read = true;
            self.urgent.set(Some(urgent));
        }
        if into.remaining() == 0 {
            return Ok(Received { flags: msg::OOB | msg::TRUNC, ..Received::default() });
        }
        let count = into.put(&[urgent.byte])?;
        Ok(Received { count, flags: msg::OOB, ..Received::default() })
    }
}
