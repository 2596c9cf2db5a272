//! Stream sockets: tcp(7).
//!
//! ```text
//!          listen            connect (a listener has room)            both sides have sent their last byte, or a reset
//! Listening <---- Closed ----------------------------> Established ------------------------------------------------> Closed
//!                    `--> SynSent (its queue is full) --'
//! ```
//! A connection is two sockets that refer weakly to each other; each has the bytes that the other has sent. `fin_received`: the peer's last
//! byte is in the queue. Those bytes of the queue that are beyond the receiver's window count as the sender's.

mod close;
mod connect;
mod file;
mod options;
mod receive;
mod send;
mod transfer;

use super::Inet;
use super::base::Base;
use super::ports::Bound;
use crate::cell::RefCell;
use crate::ipc::object::{Origin, next_id};
use crate::ipc::socket::{ByteQueue, SHUT_RECEIVE, SocketOptions, WRITABLE};
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;

/// net.ipv4.tcp_wmem and tcp_rmem: before a connection.
const SEND_BUFFER: usize = 16_384;
const RECEIVE_BUFFER: usize = 131_072;
/// What Linux lets the send buffer of a loopback connection grow to.
const SEND_BUFFER_GROWN: usize = 2_626_560;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Closed,
    Listening,
    SynSent,
    Established,
}

/// How far connect(2) is (SS_*).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// There is nothing to tell.
    Unconnected,
    /// The program has been told EINPROGRESS, and not yet what came of it.
    Connecting,
    /// It has a connection, or had one.
    Connected,
}

/// An urgent byte (MSG_OOB).
#[derive(Clone, Copy, Debug)]
pub(super) struct Urgent {
    /// Its place in the stream.
    pub at: u64,
    pub byte: u8,
    /// recv(2) with MSG_OOB has had it.
    pub is_read: bool,
}

/// A stream socket.
pub struct TcpSocket {
    me: Weak<TcpSocket>,
    pub(super) base: Base,
    state: Cell<State>,
    progress: Cell<Progress>,
    is_dead: Cell<bool>,
    peer: RefCell<Weak<TcpSocket>>,
    inbox: RefCell<ByteQueue>,
    /// Bytes that have been read.
    read: Cell<u64>,
    urgent: Cell<Option<Urgent>>,
    fin_sent: Cell<bool>,
    fin_received: Cell<bool>,
    /// It has sent its last byte before it has got the peer's.
    closed_first: Cell<bool>,
    /// Connections that nobody has accepted yet.
    pending: RefCell<VecDeque<Rc<TcpSocket>>>,
    backlog: Cell<usize>,
    /// Sockets that wait for room among them.
    waiting: RefCell<Vec<Weak<TcpSocket>>>,
    /// The last send found no room, or poll(2) said so: who waits for room is to be told.
    found_full: Cell<bool>,
}

impl Bound for TcpSocket {
    fn base(&self) -> &Base {
        &self.base
    }

    fn is_listening(&self) -> bool {
        self.state.get() == State::Listening
    }
}

impl TcpSocket {
    /// An unconnected socket.
    pub fn new(domain: &Rc<Inet>, is_v6: bool, origin: Origin) -> Rc<TcpSocket> {
        TcpSocket::with_id(domain, is_v6, origin, next_id())
    }

    pub(super) fn with_id(domain: &Rc<Inet>, is_v6: bool, origin: Origin, id: u64) -> Rc<TcpSocket> {
        let options = SocketOptions::new(SEND_BUFFER, RECEIVE_BUFFER);
        Rc::new_cyclic(|me| TcpSocket {
            me: me.clone(),
            base: Base::new(domain, is_v6, origin, id, options),
            state: Cell::new(State::Closed),
            progress: Cell::new(Progress::Unconnected),
            is_dead: Cell::new(false),
            peer: RefCell::default(),
            inbox: RefCell::default(),
            read: Cell::new(0),
            urgent: Cell::new(None),
            fin_sent: Cell::new(false),
            fin_received: Cell::new(false),
            closed_first: Cell::new(false),
            pending: RefCell::default(),
            backlog: Cell::new(0),
            waiting: RefCell::default(),
            found_full: Cell::new(false),
        })
    }

    /// Its number, as the inode of `/proc/net/tcp`.
    pub fn id(&self) -> u64 {
        self.base.id
    }

    /// The other end, if its socket is open.
    fn peer(&self) -> Option<Rc<TcpSocket>> {
        self.peer.borrow().upgrade().filter(|peer| !peer.is_dead.get())
    }

    /// Bytes that its window takes.
    fn window(&self) -> usize {
        self.base.options.receive_buffer.get() / 2
    }

    /// Bytes that can be read: those in the window.
    fn readable(&self) -> usize {
        self.inbox.borrow().len()
    }

    /// Bytes of the peer's that wait for the window to open.
    fn unsent(&self) -> usize {
        self.inbox.borrow().len().saturating_sub(self.window())
    }

    fn send_buffer(&self) -> usize {
        self.base.options.send_buffer.get()
    }

    /// Whether poll(2) calls it writable: a third of what is used is free (`sk_stream_is_writeable`).
    fn is_writable(&self) -> bool {
        let queued = self.peer().map_or(0, |peer| peer.unsent());
        self.send_buffer().saturating_sub(queued) >= queued / 2
    }

    /// The peer has read: there may be room.
    fn made_room(&self) {
        if self.found_full.get() && self.is_writable() {
            self.found_full.set(false);
            self.base.queue.notify(WRITABLE);
        }
    }

    /// Nothing more will come.
    fn is_at_end(&self) -> bool {
        self.fin_received.get() || self.base.has_shut(SHUT_RECEIVE)
    }
}

impl Drop for TcpSocket {
    fn drop(&mut self) {
        self.close();
    }
}
