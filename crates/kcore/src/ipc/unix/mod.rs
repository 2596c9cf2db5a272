//! AF_UNIX sockets: unix(7), inside one VM.
//!
//! ```text
//!             listen              connect (the other side: accept)
//! Listening <-------- Unconnected --------------------------------> Connected
//!                          ^                                            |
//!                          '---- datagram: the peer is gone, or AF_UNSPEC
//! ```
//! Names in the file system are the caller's: it makes an inode of type S_IFSOCK that refers weakly to the socket
//! and tells it by [`UnixSocket::bound_to_path`]. What a message carries (bytes, descriptions, credentials) is moved,
//! never borrowed, while it is copied or dropped: a description that dies with its message may close other sockets.
//!
//! A description sent over a socket that it refers to itself is not collected.

mod address;
mod connect;
mod file;
mod message;
mod options;
mod receive;
mod send;
mod socket;
#[cfg(test)]
mod tests;
mod transfer;

pub use super::socket::{Credentials, MAX_RIGHTS, Outgoing, Received, SocketType, msg};
pub use address::{Address, SUN_MAX};

use super::object::{Changed, Origin, next_id};
use super::socket::{MAX_BACKLOG, READABLE, SHUT_BOTH, SHUT_RECEIVE, SHUT_SEND, SocketOptions, WRITABLE};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::locks::LockTable;
use crate::fs::path::Path;
use crate::map::Map;
use crate::wait::WaitQueue;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, OnceCell};
use message::Message;

/// Datagrams that may wait for a receiver that is not connected to the sender (net.unix.max_dgram_qlen).
const DATAGRAM_BACKLOG: usize = 10;
/// The type of a socket of this family, from socket(2)'s type without SOCK_NONBLOCK and SOCK_CLOEXEC; SOCK_RAW is SOCK_DGRAM here.
///
/// # Errors
/// ESOCKTNOSUPPORT. EINVAL: no socket type at all.
pub fn kind_from_number(number: u32) -> Result<SocketType> {
    match number {
        1 => Ok(SocketType::Stream),
        2 | 3 => Ok(SocketType::Datagram),
        5 => Ok(SocketType::SeqPacket),
        0 | 4 | 6 | 10 => Err(Errno::ESOCKTNOSUPPORT),
        _ => Err(Errno::EINVAL),
    }
}

/// Sockets by type and name.
type Names = Map<(u32, Vec<u8>), Weak<UnixSocket>>;

/// What the sockets of one VM have in common.
pub struct UnixDomain {
    /// Each type of socket has names of its own.
    names: RefCell<Names>,
    current: Box<dyn Fn() -> Credentials>,
    next_name: Cell<u32>,
    /// Messages that nobody will read, to be dropped one after the other: their descriptions may close sockets with such
    /// messages in turn, however deep.
    lost: RefCell<Vec<VecDeque<Message>>>,
    is_dropping: Cell<bool>,
}

impl UnixDomain {
    /// A domain without names. `current` gives the credentials of the calling thread's process.
    pub fn new(current: Box<dyn Fn() -> Credentials>) -> Rc<UnixDomain> {
        Rc::new(UnixDomain {
            names: RefCell::default(),
            current,
            next_name: Cell::new(0),
            lost: RefCell::default(),
            is_dropping: Cell::new(false),
        })
    }

    /// The socket of that type with this abstract name (without its leading zero).
    ///
    /// # Errors
    /// ECONNREFUSED: there is none.
    pub fn find(&self, kind: SocketType, name: &[u8]) -> Result<Rc<UnixSocket>> {
        let key = (kind as u32, name.to_vec());
        self.names.borrow().get(&key).and_then(Weak::upgrade).ok_or(Errno::ECONNREFUSED)
    }

    /// Drops messages, without recursion.
    fn discard(&self, messages: VecDeque<Message>) {
        if messages.is_empty() {
            return;
        }
        self.lost.borrow_mut().push(messages);
        if self.is_dropping.replace(true) {
            return;
        }
        loop {
            let next = self.lost.borrow_mut().pop();
            match next {
                Some(messages) => drop(messages),
                None => break,
            }
        }
        self.is_dropping.set(false);
    }

    fn credentials(&self) -> Credentials {
        (self.current)()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Unconnected,
    Listening,
    Connected,
}

/// One socket.
pub struct UnixSocket {
    me: Weak<UnixSocket>,
    domain: Rc<UnixDomain>,
    id: u64,
    origin: Origin,
    /// Attributes that differ from those that it was made with.
    changed: Changed,
    kind: SocketType,
    state: Cell<State>,
    dead: Cell<bool>,
    locks: OnceCell<Rc<LockTable>>,
    /// The next end of a description is not a close(2).
    undescribed: Cell<bool>,
    address: RefCell<Option<Rc<Address>>>,
    /// Where its path name is.
    place: RefCell<Option<Path>>,
    /// Whom it is connected to, alive or not.
    peer: RefCell<Option<Weak<UnixSocket>>>,
    /// The name of a peer that has closed.
    last_peer: RefCell<Option<Rc<Address>>>,
    peer_credentials: Cell<Credentials>,
    inbox: RefCell<VecDeque<Message>>,
    /// Bytes in the inbox.
    unread: Cell<usize>,
    /// Connections that nobody has accepted yet.
    pending: RefCell<VecDeque<Rc<UnixSocket>>>,
    backlog: Cell<usize>,
    /// What this socket's messages in other inboxes count against SO_SNDBUF.
    charged: Cell<usize>,
    /// Sockets that wait for room in this one's inbox or backlog.
    blocked: RefCell<Vec<Weak<UnixSocket>>>,
    /// The last send found no room: SIGIO is to tell when there is some.
    found_full: Cell<bool>,
    shut: Cell<u8>,
    error: Cell<Option<Errno>>,
    options: SocketOptions,
    queue: WaitQueue,
}

impl UnixSocket {
    /// An unconnected socket (socket(2)).
    pub fn new(domain: &Rc<UnixDomain>, kind: SocketType, origin: Origin) -> Rc<UnixSocket> {
        UnixSocket::with_id(domain, kind, origin, next_id())
    }

    /// As [`UnixSocket::new`], with the number that it had in another kernel.
    pub fn with_id(domain: &Rc<UnixDomain>, kind: SocketType, origin: Origin, id: u64) -> Rc<UnixSocket> {
        Rc::new_cyclic(|me| UnixSocket {
            me: me.clone(),
            domain: domain.clone(),
            id,
            origin,
            changed: Changed::default(),
            kind,
            state: Cell::new(State::Unconnected),
            dead: Cell::new(false),
            undescribed: Cell::new(false),
            address: RefCell::default(),
            place: RefCell::default(),
            peer: RefCell::default(),
            locks: OnceCell::new(),
            last_peer: RefCell::default(),
            peer_credentials: Cell::new(Credentials::NONE),
            inbox: RefCell::default(),
            unread: Cell::new(0),
            pending: RefCell::default(),
            backlog: Cell::new(DATAGRAM_BACKLOG),
            charged: Cell::new(0),
            blocked: RefCell::default(),
            found_full: Cell::new(false),
            shut: Cell::new(0),
            error: Cell::new(None),
            options: SocketOptions::default(),
            queue: WaitQueue::new(),
        })
    }

    /// Two connected sockets (socketpair(2)).
    pub fn pair(
        domain: &Rc<UnixDomain>,
        kind: SocketType,
        origin: Origin,
    ) -> (Rc<UnixSocket>, Rc<UnixSocket>) {
        let (a, b) = (UnixSocket::new(domain, kind, origin), UnixSocket::new(domain, kind, origin));
        for (socket, peer) in [(&a, &b), (&b, &a)] {
            socket.connected_to(peer, domain.credentials());
        }
        (a, b)
    }

    /// The socket, if `file` is one.
    pub fn of(file: &dyn File) -> Option<&UnixSocket> {
        file.as_any().downcast_ref()
    }

    /// Its type.
    pub fn kind(&self) -> SocketType {
        self.kind
    }

    /// Inode number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where its path name is, if it has one.
    pub fn place(&self) -> Option<Path> {
        self.place.borrow().clone()
    }

    /// bind(2) has made its path name there.
    pub fn set_place(&self, place: Path) {
        *self.place.borrow_mut() = Some(place);
    }

    /// Who has made it, and when.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Whether a write that fails with EPIPE sends SIGPIPE: only a stream's does.
    pub fn signals_broken_pipe(&self) -> bool {
        self.kind == SocketType::Stream
    }

    /// Options, for the caller to consult (time-outs).
    pub fn options(&self) -> &SocketOptions {
        &self.options
    }

    fn connected_to(&self, peer: &Rc<UnixSocket>, credentials: Credentials) {
        *self.peer.borrow_mut() = Some(Rc::downgrade(peer));
        self.peer_credentials.set(credentials);
        self.state.set(State::Connected);
    }

    /// The live peer.
    fn peer(&self) -> Option<Rc<UnixSocket>> {
        self.peer.borrow().as_ref()?.upgrade().filter(|peer| !peer.dead.get())
    }

    fn is_peer_of(&self, other: &UnixSocket) -> bool {
        other.peer.borrow().as_ref().is_some_and(|peer| core::ptr::eq(peer.as_ptr(), self))
    }

    fn is_connection_based(&self) -> bool {
        self.kind != SocketType::Datagram
    }

    fn has_shut(&self, side: u8) -> bool {
        self.shut.get() & side != 0
    }

    fn take_error(&self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Whether `sender` must wait because too much is waiting here already.
    fn is_full_for(&self, sender: &UnixSocket) -> bool {
        !core::ptr::eq(self, sender)
            && !sender.is_peer_of(self)
            && self.inbox.borrow().len() > self.backlog.get()
    }

    /// Has `sender` told when there is room again.
    fn block(&self, sender: &UnixSocket) {
        let mut blocked = self.blocked.borrow_mut();
        if !blocked.iter().any(|other| other.ptr_eq(&sender.me)) {
            blocked.push(sender.me.clone());
        }
    }

    fn unblock(&self) {
        if self.blocked.borrow().is_empty() {
            return;
        }
        for sender in self.blocked.take() {
            if let Some(sender) = sender.upgrade() {
                sender.queue.notify(WRITABLE);
            }
        }
    }

    /// Whether poll(2) calls it writable: three quarters of the send buffer are free.
    fn is_writable(&self) -> bool {
        self.state.get() != State::Listening && self.charged.get() * 4 <= self.options.send_buffer.get()
    }
}
