//! recvmsg(2).

use super::message::Message;
use super::{Address, Credentials, Received, SHUT_RECEIVE, SocketType, State, UnixSocket, msg};
use crate::errno::{Errno, Result};
use crate::user::Sink;
use alloc::vec::Vec;

impl UnixSocket {
    /// Receives without waiting. A count of 0 is end of file (or an empty datagram). With MSG_WAITALL on a stream the
    /// caller repeats while nothing but bytes has come.
    ///
    /// # Errors
    /// EAGAIN: wait for [`Events::IN`](crate::wait::Events::IN). EINVAL: a stream that is not connected. ENOTCONN,
    /// ECONNRESET, EOPNOTSUPP, EFAULT.
    pub fn receive(&self, into: &mut dyn Sink, flags: u32) -> Result<Received> {
        if flags & msg::OOB != 0 {
            // Nobody can have sent any.
            return Err(if self.kind == SocketType::Stream { Errno::EINVAL } else { Errno::EOPNOTSUPP });
        }
        match self.kind {
            SocketType::Stream if self.state.get() != State::Connected => Err(Errno::EINVAL),
            SocketType::SeqPacket if self.state.get() != State::Connected => Err(Errno::ENOTCONN),
            SocketType::Stream => self.receive_stream(into, flags),
            _ => self.receive_packet(into, flags),
        }
    }

    fn receive_stream(&self, into: &mut dyn Sink, flags: u32) -> Result<Received> {
        if flags & msg::PEEK != 0 {
            return self.peek_stream(into);
        }
        let pass = self.options.pass_credentials.get();
        let mut received = Received::default();
        let mut sender: Option<Credentials> = None;
        while into.remaining() > 0 {
            let Some(mut message) = self.pop() else {
                if received.count > 0 {
                    break;
                }
                self.take_error()?;
                if self.has_shut(SHUT_RECEIVE) {
                    break;
                }
                return Err(Errno::EAGAIN);
            };
            // Bytes of different senders are not run together when the reader wants to know them.
            if pass && sender.is_some_and(|sender| sender != message.credentials) {
                self.push_front(message);
                break;
            }
            sender = Some(message.credentials);
            let size = message.unread().min(into.remaining());
            match into.put(&message.data[message.start..message.start + size]) {
                Ok(n) if n == size => {}
                _ => {
                    self.push_front(message);
                    if received.count == 0 {
                        return Err(Errno::EFAULT);
                    }
                    break;
                }
            }
            received.count += size;
            message.start += size;
            received.rights.append(&mut message.rights);
            if received.address.is_empty() {
                received.address = encoded(message.address.as_deref());
            }
            if message.unread() > 0 {
                self.push_front(message);
            }
            if !received.rights.is_empty() {
                break;
            }
        }
        received.credentials = sender.filter(|_| pass);
        Ok(received)
    }

    fn peek_stream(&self, into: &mut dyn Sink) -> Result<Received> {
        let pass = self.options.pass_credentials.get();
        let mut received = Received::default();
        let mut index = 0;
        let mut sender = None;
        while into.remaining() > 0 {
            // Copied out, so that nothing is borrowed while bytes go to the program.
            let Some((part, rights, credentials, address)) = self.inbox.borrow().get(index).map(|message| {
                let size = message.unread().min(into.remaining());
                let part = message.data[message.start..message.start + size].to_vec();
                (part, message.rights.clone(), message.credentials, message.address.clone())
            }) else {
                if index > 0 {
                    break;
                }
                self.take_error()?;
                if self.has_shut(SHUT_RECEIVE) {
                    break;
                }
                return Err(Errno::EAGAIN);
            };
            if pass && sender.is_some_and(|sender| sender != credentials) {
                break;
            }
            sender = Some(credentials);
            if into.put(&part) != Ok(part.len()) {
                if received.count == 0 {
                    return Err(Errno::EFAULT);
                }
                break;
            }
            received.count += part.len();
            received.rights = rights;
            if received.address.is_empty() {
                received.address = encoded(address.as_deref());
            }
            if !received.rights.is_empty() {
                break;
            }
            index += 1;
        }
        received.credentials = sender.filter(|_| pass);
        Ok(received)
    }

    fn receive_packet(&self, into: &mut dyn Sink, flags: u32) -> Result<Received> {
        self.take_error()?;
        let Some(message) = self.pop() else {
            let ended = self.has_shut(SHUT_RECEIVE)
                && (self.kind == SocketType::SeqPacket || flags & msg::DONTWAIT == 0);
            return if ended { Ok(Received::default()) } else { Err(Errno::EAGAIN) };
        };
        let size = message.data.len();
        let part = size.min(into.remaining());
        let copied = if part == 0 { Ok(0) } else { into.put(&message.data[..part]) };
        let mut received = Received {
            count: if flags & msg::TRUNC != 0 { size } else { part },
            flags: if part < size { msg::TRUNC } else { 0 },
            address: encoded(message.address.as_deref()),
            rights: message.rights.clone(),
            credentials: self.options.pass_credentials.get().then_some(message.credentials),
            control: Vec::new(),
        };
        if flags & msg::PEEK != 0 {
            self.push_front(message);
        } else {
            drop(message);
            self.unblock();
        }
        if copied != Ok(part) {
            // As on Linux, the datagram is lost.
            received.rights.clear();
            return Err(Errno::EFAULT);
        }
        Ok(received)
    }

    fn pop(&self) -> Option<Message> {
        let message = self.inbox.borrow_mut().pop_front()?;
        self.unread.set(self.unread.get() - message.unread());
        Some(message)
    }

    fn push_front(&self, message: Message) {
        self.unread.set(self.unread.get() + message.unread());
        self.inbox.borrow_mut().push_front(message);
    }
}

/// As recvmsg(2) shows who has sent: nothing for a socket without a name.
fn encoded(address: Option<&Address>) -> Vec<u8> {
    match address {
        None | Some(Address::Unnamed) => Vec::new(),
        Some(address) => address.encode(),
    }
}
