//! Sockets on their way to another kernel: [`UnixSocket::export`], [`UnixSocket::import`].
//!
//! They move in three steps: all of them are made, then each gets its state, which names others, then the messages that lie in them move: these
//! may carry any of them. Numbers name sockets: those under which the other kernel has made them; 0 is none.

use super::message::Message;
use super::{Address, Credentials, MAX_BACKLOG, MAX_RIGHTS, READABLE, SHUT_BOTH, State, UnixSocket};
use crate::errno::{Errno, Result};
use crate::fields::{Fields, Writer};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;

/// A peer that there was, and is no more.
const GONE: u64 = u64::MAX;
/// Most bytes of one message, and of what it may count.
const MESSAGE_MAX: usize = 1 << 28;

fn put_address(out: &mut Writer, address: Option<&Address>) {
    match address {
        None => out.part(&[]),
        Some(address) => out.part(&address.encode()),
    };
}

fn address(fields: &mut Fields<'_>) -> Result<Option<Rc<Address>>> {
    match fields.part()? {
        [] => Ok(None),
        bytes => Address::decode(bytes).map(|address| Some(Rc::new(address))),
    }
}

fn put_credentials(out: &mut Writer, credentials: Credentials) {
    out.bytes(&credentials.encode());
}

fn credentials(fields: &mut Fields<'_>) -> Result<Credentials> {
    Ok(Credentials::decode(fields.bytes(12)?.first_chunk().ok_or(Errno::EINVAL)?))
}

/// Who the sockets are in the other kernel.
pub type Numbers<'a> = &'a dyn Fn(&UnixSocket) -> u64;
/// The sockets of those numbers.
pub type Found<'a> = &'a dyn Fn(u64) -> Option<Rc<UnixSocket>>;

impl UnixSocket {
    /// Sockets that move when this one does: the peer, those that wait to be accepted, those whose messages lie here.
    pub fn neighbours(&self) -> Vec<Rc<UnixSocket>> {
        let mut all: Vec<Rc<UnixSocket>> = self.peer().into_iter().collect();
        all.extend(self.pending.borrow().iter().cloned());
        all.extend(self.inbox.borrow().iter().filter_map(|message| message.sender.upgrade()));
        all.retain(|other| !other.dead.get());
        all
    }

    /// Descriptions that lie in the inbox.
    pub fn rights(&self) -> Vec<Rc<dyn Any>> {
        self.inbox.borrow().iter().flat_map(|message| message.rights.iter().cloned()).collect()
    }

    /// The peer, alive, which may be connected to somebody else.
    pub fn live_peer(&self) -> Option<Rc<UnixSocket>> {
        self.peer()
    }

    /// Everything but the messages. `node`: of its path name, or 0.
    pub fn export(&self, numbers: Numbers<'_>, node: u64) -> Vec<u8> {
        let mut out = Writer::default();
        let had_peer = self.peer.borrow().is_some();
        let peer = self.peer().map_or(if had_peer { GONE } else { 0 }, |peer| numbers(&peer));
        let error = self.error.get().map_or(0, |error| error.0 as u32);
        out.u32(self.state.get() as u32).u32(self.shut.get().into()).u32(error);
        out.u32(self.found_full.get().into()).u64(peer).u64(self.backlog.get() as u64);
        put_credentials(&mut out, self.peer_credentials.get());
        self.options.export(&mut out);
        let address = self.address.borrow();
        put_address(&mut out, address.as_deref());
        let is_owner = match address.as_deref() {
            Some(Address::Abstract(name)) => {
                let key = (self.kind as u32, name.clone());
                self.domain.names.borrow().get(&key).is_some_and(|owner| owner.ptr_eq(&self.me))
            }
            _ => node != 0,
        };
        out.u32(is_owner.into()).u64(node);
        put_address(&mut out, self.last_peer.borrow().as_deref());
        out.numbers(&self.pending.borrow().iter().map(|server| numbers(server)).collect::<Vec<_>>());
        out.0
    }

    /// Takes over the state of a socket that was somewhere else. Nobody has used this one yet. The node of its path name, or 0.
    ///
    /// # Errors
    /// EINVAL: the state is damaged. EADDRINUSE.
    pub fn import(&self, bytes: &[u8], found: Found<'_>) -> Result<u64> {
        let mut fields = Fields(bytes);
        let (state, shut, error, full) = (fields.u32()?, fields.u32()?, fields.u32()?, fields.u32()?);
        let (peer, backlog) = (fields.u64()?, fields.u64()?);
        let peer_credentials = credentials(&mut fields)?;
        self.options.import(&mut fields)?;
        let own = address(&mut fields)?;
        let (is_owner, node) = (fields.u32()? != 0, fields.u64()?);
        let last_peer = address(&mut fields)?;
        let pending: Vec<Rc<UnixSocket>> = fields
            .numbers(MAX_BACKLOG + 1)?
            .into_iter()
            .map(|number| found(number).filter(|server| server.kind == self.kind).ok_or(Errno::EINVAL))
            .collect::<Result<_>>()?;
        let peer = match peer {
            0 => None,
            GONE => Some(Weak::new()),
            number => {
                let peer = found(number).filter(|peer| peer.kind == self.kind).ok_or(Errno::EINVAL)?;
                Some(Rc::downgrade(&peer))
            }
        };
        let state = match state {
            0 => State::Unconnected,
            1 if self.is_connection_based() => State::Listening,
            2 if peer.is_some() => State::Connected,
            _ => return Err(Errno::EINVAL),
        };
        if shut > SHUT_BOTH.into() || error > 4095 || !fields.is_empty() {
            return Err(Errno::EINVAL);
        }
        match own.as_deref() {
            // A name that somebody has taken meanwhile was one that the kernel gave.
            Some(Address::Abstract(name)) if is_owner && self.bind_abstract(name).is_ok() => {}
            _ => *self.address.borrow_mut() = own,
        }
        self.state.set(state);
        self.shut.set(shut as u8);
        self.error.set((error != 0).then_some(Errno(error as i32)));
        self.found_full.set(full != 0);
        self.backlog.set((backlog as usize).min(MAX_BACKLOG));
        self.peer_credentials.set(peer_credentials);
        *self.peer.borrow_mut() = peer;
        *self.last_peer.borrow_mut() = last_peer;
        self.pending.borrow_mut().extend(pending);
        Ok(node)
    }

    /// The description that it was made with is none of its: that its end is no close(2).
    pub fn set_undescribed(&self) {
        self.undescribed.set(true);
    }

    /// Takes all messages out, for [`UnixSocket::import_message`]. `number_of`: that of a description.
    ///
    /// # Errors
    /// Those of `number_of`.
    pub fn take_messages(
        &self,
        numbers: Numbers<'_>,
        number_of: &mut dyn FnMut(&Rc<dyn Any>) -> Result<u64>,
    ) -> Result<Vec<Vec<u8>>> {
        let inbox = self.inbox.take();
        self.unread.set(0);
        let mut all = Vec::new();
        for message in &inbox {
            let mut out = Writer::default();
            let sender = message.sender.upgrade().filter(|sender| !sender.dead.get());
            out.u64(sender.map_or(0, |sender| numbers(&sender))).u64(message.charge as u64);
            put_credentials(&mut out, message.credentials);
            put_address(&mut out, message.address.as_deref());
            let rights = message.rights.iter().map(&mut *number_of).collect::<Result<Vec<u64>>>()?;
            out.numbers(&rights).part(&message.data[message.start..]);
            all.push(out.0);
        }
        self.domain.discard(inbox);
        Ok(all)
    }

    /// Puts a message behind those that are there.
    ///
    /// # Errors
    /// EINVAL: it is damaged; those of `description`.
    pub fn import_message(
        &self,
        bytes: &[u8],
        found: Found<'_>,
        description: &dyn Fn(u64) -> Result<Rc<dyn Any>>,
    ) -> Result<()> {
        let mut fields = Fields(bytes);
        let (sender, charge) = (fields.u64()?, fields.u64()?);
        let credentials = credentials(&mut fields)?;
        let address = address(&mut fields)?;
        let rights = fields.numbers(MAX_RIGHTS)?;
        let data = fields.part()?;
        if charge > MESSAGE_MAX as u64 || !fields.is_empty() {
            return Err(Errno::EINVAL);
        }
        let rights = rights.into_iter().map(description).collect::<Result<Vec<_>>>()?;
        let sender = match sender {
            0 => None,
            number => Some(found(number).ok_or(Errno::EINVAL)?),
        };
        if let Some(sender) = &sender {
            sender.charged.set(sender.charged.get() + charge as usize);
        }
        self.unread.set(self.unread.get() + data.len());
        let message = Message {
            data: data.to_vec(),
            start: 0,
            rights,
            credentials,
            address,
            sender: sender.map_or(Weak::new(), |sender| Rc::downgrade(&sender)),
            charge: charge as usize,
        };
        self.inbox.borrow_mut().push_back(message);
        self.queue.notify(READABLE);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SocketType, UnixDomain, msg};
    use super::*;
    use crate::file::File;
    use crate::ipc::object::Origin;
    use crate::user::{SliceSink, SliceSource};
    use alloc::boxed::Box;
    use alloc::vec;

    const ME: Credentials = Credentials { pid: 7, uid: 8, gid: 9 };

    fn domain() -> Rc<UnixDomain> {
        UnixDomain::new(Box::new(|| ME))
    }

    fn read(socket: &UnixSocket, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        let received = socket.receive(&mut SliceSink::new(&mut bytes), msg::DONTWAIT)?;
        bytes.truncate(received.count);
        Ok(bytes)
    }

    fn write(socket: &UnixSocket, bytes: &[u8]) -> Result<usize> {
        socket.write(0, &mut SliceSource(bytes), 0)
    }

    /// Moves sockets, whose numbers are their places, from 1.
    fn transfer(sockets: &[&Rc<UnixSocket>]) -> Vec<Rc<UnixSocket>> {
        let domain = domain();
        let made: Vec<Rc<UnixSocket>> = sockets
            .iter()
            .map(|socket| UnixSocket::with_id(&domain, socket.kind(), Origin::default(), socket.id()))
            .collect();
        let numbers = |socket: &UnixSocket| {
            let place = sockets.iter().position(|other| core::ptr::eq(&***other, socket));
            place.map_or(0, |place| place as u64 + 1)
        };
        let found = |number: u64| made.get((number as usize).checked_sub(1)?).cloned();
        for (socket, new) in sockets.iter().zip(&made) {
            let state = socket.export(&numbers, 0);
            for cut in 0..state.len() {
                let other = UnixSocket::new(&self::domain(), new.kind(), Origin::default());
                assert!(other.import(&state[..cut], &found).is_err());
            }
            assert_eq!(new.import(&state, &found), Ok(0));
        }
        for (socket, new) in sockets.iter().zip(&made) {
            for message in socket.take_messages(&numbers, &mut |_| Ok(5)).unwrap() {
                let right: Rc<dyn Any> = Rc::new(5);
                for cut in 0..message.len() {
                    assert!(new.import_message(&message[..cut], &found, &|_| Ok(right.clone())).is_err());
                }
                new.import_message(&message, &found, &|_| Ok(right.clone())).unwrap();
            }
        }
        made
    }

    #[test]
    fn a_connection_moves_with_what_lies_in_it() {
        let (a, b) = UnixSocket::pair(&domain(), SocketType::Stream, Origin::default());
        write(&a, b"one").unwrap();
        write(&a, b"two").unwrap();
        assert_eq!(read(&b, 1), Ok(b"o".to_vec()));
        a.shutdown(1).unwrap();
        let before = (a.poll(), b.poll());
        let moved = transfer(&[&a, &b]);
        assert_eq!((moved[0].poll(), moved[1].poll()), before);
        assert_eq!(read(&moved[1], 100), Ok(b"netwo".to_vec()));
        assert_eq!(read(&moved[1], 100), Ok(vec![]));
        assert_eq!((write(&moved[0], b"x"), write(&moved[1], b"back")), (Err(Errno::EPIPE), Ok(4)));
        assert_eq!(moved[1].peer_credentials(), ME);
        // What is left behind says nothing to anybody any more.
        drop((a, b));
        assert_eq!(read(&moved[0], 100), Ok(b"back".to_vec()));
    }

    #[test]
    fn a_listener_moves_with_its_name_and_its_queue() {
        let old = domain();
        let socket = || UnixSocket::new(&old, SocketType::SeqPacket, Origin::default());
        let (server, client) = (socket(), socket());
        server.bind_abstract(b"name").unwrap();
        server.listen(3).unwrap();
        client.connect(&server).unwrap();
        write(&client, b"early").unwrap();
        let waiting = server.neighbours();
        assert_eq!(waiting.len(), 1);
        let moved = transfer(&[&server, &client, &waiting[0]]);
        let found = moved[0].domain.find(SocketType::SeqPacket, b"name").unwrap();
        assert!(Rc::ptr_eq(&found, &moved[0]));
        let accepted = moved[0].accept().unwrap();
        assert_eq!(read(&accepted, 9), Ok(b"early".to_vec()));
        write(&accepted, b"late").unwrap();
        assert_eq!(read(&moved[1], 9), Ok(b"late".to_vec()));
    }

    #[test]
    fn a_datagram_gives_its_sender_its_room_back() {
        let (a, b) = UnixSocket::pair(&domain(), SocketType::Datagram, Origin::default());
        while write(&a, &[7; 20_000]).is_ok() {}
        let moved = transfer(&[&a, &b]);
        assert_eq!(write(&moved[0], b"x"), Err(Errno::EAGAIN));
        while read(&moved[1], 1).is_ok() {}
        assert_eq!((write(&moved[0], b"x"), moved[0].charged.get() > 0), (Ok(1), true));
        read(&moved[1], 1).unwrap();
        assert_eq!(moved[0].charged.get(), 0);
    }
}
