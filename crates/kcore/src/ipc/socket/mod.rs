//! What sockets of all families have in common: [`Socket`], the calls that the kernel makes on them, and what goes in and out.
//!
//! The family's addresses pass through as bytes. What an address of a family means outside of this crate (a path of AF_UNIX) and what the
//! calling thread may do, a socket asks a [`SocketCaller`].

mod bytes;
mod control;
mod options;

pub(crate) use bytes::{ByteQueue, copy_in};
pub use control::{Control, ControlReader, ControlWriter};
pub use options::SocketOptions;
pub(crate) use options::{SOL_SOCKET, name};

use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::inode::Inode;
use crate::fs::path::Path;
use crate::user::{Sink, Source};
use crate::wait::Events;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

/// Address families.
pub mod family {
    /// None.
    pub const UNSPEC: u16 = 0;
    /// unix(7).
    pub const UNIX: u16 = 1;
    /// ip(7).
    pub const INET: u16 = 2;
    /// ipv6(7).
    pub const INET6: u16 = 10;
    /// netlink(7).
    pub const NETLINK: u16 = 16;
}

/// Flags of send(2) and recv(2).
pub mod msg {
    /// Out-of-band data.
    pub const OOB: u32 = 1;
    /// Leave the data in the queue.
    pub const PEEK: u32 = 2;
    /// Result: control data were cut off.
    pub const CTRUNC: u32 = 8;
    /// In: return the datagram's real length. Result: it was cut off.
    pub const TRUNC: u32 = 0x20;
    /// Never block.
    pub const DONTWAIT: u32 = 0x40;
    /// End of a record.
    pub const EOR: u32 = 0x80;
    /// Block until the buffer is full (the caller repeats).
    pub const WAITALL: u32 = 0x100;
    /// The queue of errors.
    pub const ERRQUEUE: u32 = 0x2000;
    /// No SIGPIPE.
    pub const NOSIGNAL: u32 = 0x4000;
    /// Received descriptors are close-on-exec.
    pub const CMSG_CLOEXEC: u32 = 0x4000_0000;
}

/// Most descriptions in one message (SCM_MAX_FD).
pub const MAX_RIGHTS: usize = 253;
/// Largest listen(2) backlog (net.core.somaxconn).
pub(crate) const MAX_BACKLOG: usize = 4096;

/// What has been shut down.
pub(crate) const SHUT_RECEIVE: u8 = 1;
pub(crate) const SHUT_SEND: u8 = 2;
pub(crate) const SHUT_BOTH: u8 = 3;

pub(crate) const READABLE: Events = Events(Events::IN.0 | Events::RDNORM.0);
pub(crate) const WRITABLE: Events = Events(Events::OUT.0 | Events::WRNORM.0 | 0x200);

/// struct ucred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Process.
    pub pid: i32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Credentials {
    /// What SO_PEERCRED says without a peer.
    pub const NONE: Credentials = Credentials { pid: 0, uid: u32::MAX, gid: u32::MAX };

    /// struct ucred as bytes.
    pub fn encode(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.pid.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.uid.to_le_bytes());
        bytes[8..].copy_from_slice(&self.gid.to_le_bytes());
        bytes
    }

    /// struct ucred from bytes.
    pub fn decode(bytes: &[u8; 12]) -> Credentials {
        let word = |at: usize| [0, 1, 2, 3].map(|k| bytes[at + k]);
        Credentials {
            pid: i32::from_le_bytes(word(0)),
            uid: u32::from_le_bytes(word(4)),
            gid: u32::from_le_bytes(word(8)),
        }
    }
}

/// Socket types of socket(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SocketType {
    /// SOCK_STREAM.
    Stream = 1,
    /// SOCK_DGRAM.
    Datagram = 2,
    /// SOCK_RAW.
    Raw = 3,
    /// SOCK_SEQPACKET.
    SeqPacket = 5,
}

/// A message to send. `Outgoing::default()`: bytes alone.
#[derive(Clone, Default)]
pub struct Outgoing {
    /// MSG_* of send(2), with MSG_DONTWAIT if the description does not block.
    pub flags: u32,
    /// Where to, if an address was given.
    pub address: Option<Vec<u8>>,
    /// Open file descriptions (SCM_RIGHTS), at most [`MAX_RIGHTS`].
    pub rights: Vec<Rc<dyn Any>>,
    /// Credentials that the program gave (SCM_CREDENTIALS), checked by the caller.
    pub credentials: Option<Credentials>,
    /// Control messages of other levels.
    pub control: Vec<ControlMessage>,
}

/// A control message that a family knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlMessage {
    /// cmsg_level.
    pub level: i32,
    /// cmsg_type.
    pub kind: i32,
    /// What follows the header.
    pub data: Vec<u8>,
}

/// A message received.
#[derive(Default)]
pub struct Received {
    /// What recvmsg(2) returns.
    pub count: usize,
    /// msg_flags.
    pub flags: u32,
    /// Who sent it; empty: nobody says so.
    pub address: Vec<u8>,
    /// Open file descriptions.
    pub rights: Vec<Rc<dyn Any>>,
    /// The sender, if SO_PASSCRED is set.
    pub credentials: Option<Credentials>,
    /// Control messages of other levels.
    pub control: Vec<ControlMessage>,
}

/// The thread that makes a call, as far as a socket has to know it.
pub trait SocketCaller {
    /// The inode of type socket that a path leads to, checked for permission to write.
    ///
    /// # Errors
    /// ECONNREFUSED: not a socket; EACCES; as path_resolution(7).
    fn find_node(&self, path: &[u8]) -> Result<Rc<dyn Inode>>;

    /// Makes an inode of type socket. Where it is.
    ///
    /// # Errors
    /// EADDRINUSE: the name exists; as mknod(2).
    fn make_node(&self, path: &[u8]) -> Result<Path>;

    /// Takes back what [`SocketCaller::make_node`] has made.
    fn remove_node(&self, path: &[u8]);

    /// Whether it has a capability (of [`crate::fs::credentials::cap`]).
    fn has(&self, capability: u32) -> bool;

    /// Its process and effective ids.
    fn credentials(&self) -> Credentials;
}

/// A socket of any family. No method blocks: EAGAIN says that the call is to be repeated when the socket's wait queue tells of a change.
pub trait Socket: File {
    /// The family (AF_*).
    fn family(&self) -> u16;

    /// SO_TYPE.
    fn kind(&self) -> SocketType;

    /// SO_SNDTIMEO (`sends`) or SO_RCVTIMEO, ns; 0: for ever.
    fn timeout(&self, sends: bool) -> u64;

    /// bind(2).
    ///
    /// # Errors
    /// As there.
    fn bind(&self, address: &[u8], caller: &dyn SocketCaller) -> Result<()>;

    /// listen(2).
    ///
    /// # Errors
    /// As there.
    fn listen(&self, backlog: i32, caller: &dyn SocketCaller) -> Result<()>;

    /// connect(2). `flags`: status flags of the description: with O_NONBLOCK it may say EINPROGRESS instead of EAGAIN.
    ///
    /// # Errors
    /// As there; EAGAIN: wait for [`Events::OUT`].
    fn connect(&self, address: &[u8], flags: u32, caller: &dyn SocketCaller) -> Result<()>;

    /// accept4(2): the new socket, with the status flags O_NONBLOCK or none (for one that is described elsewhere).
    ///
    /// # Errors
    /// As there; EAGAIN: wait for [`Events::IN`].
    fn accept(&self, flags: u32) -> Result<Rc<dyn File>>;

    /// shutdown(2).
    ///
    /// # Errors
    /// As there.
    fn shutdown(&self, how: i32) -> Result<()>;

    /// getsockname(2).
    ///
    /// # Errors
    /// EIO.
    fn name(&self) -> Result<Vec<u8>>;

    /// getpeername(2).
    ///
    /// # Errors
    /// ENOTCONN.
    fn peer_name(&self) -> Result<Vec<u8>>;

    /// The peer's name as accept(2) shows it.
    ///
    /// # Errors
    /// ENOTCONN.
    fn accepted_name(&self) -> Result<Vec<u8>> {
        self.peer_name()
    }

    /// Whether it has options at `level`.
    fn has_level(&self, level: i32) -> bool {
        level == SOL_SOCKET
    }

    /// getsockopt(2): the value, to be cut to `room` bytes.
    ///
    /// # Errors
    /// As there.
    fn option(&self, level: i32, name: i32, room: usize) -> Result<Vec<u8>>;

    /// setsockopt(2). `value`: what the program gave, at most [`OPTION_MAX`] bytes of it.
    ///
    /// # Errors
    /// As there.
    fn set_option(&self, level: i32, name: i32, value: &[u8], caller: &dyn SocketCaller) -> Result<()>;

    /// sendmsg(2); a stream may take only the first part.
    ///
    /// # Errors
    /// As there; EAGAIN: wait for [`Events::OUT`]. EPIPE: with a signal if [`File::raises_sigpipe`] and not MSG_NOSIGNAL.
    fn send(&self, from: &mut dyn Source, message: Outgoing, caller: &dyn SocketCaller) -> Result<usize>;

    /// recvmsg(2). With MSG_WAITALL on a stream the caller repeats while nothing but bytes has come; `before`: what it has received so far.
    ///
    /// # Errors
    /// As there; EAGAIN: wait for [`Events::IN`].
    fn receive(&self, into: &mut dyn Sink, flags: u32, before: usize) -> Result<Received>;
}

/// Most bytes of an option's value.
pub const OPTION_MAX: usize = 512;

/// For sockets that another object stands for: nothing of a caller.
pub struct Nobody;

impl SocketCaller for Nobody {
    fn find_node(&self, _: &[u8]) -> Result<Rc<dyn Inode>> {
        Err(Errno::ECONNREFUSED)
    }
    fn make_node(&self, _: &[u8]) -> Result<Path> {
        Err(Errno::EADDRINUSE)
    }
    fn remove_node(&self, _: &[u8]) {}
    fn has(&self, _: u32) -> bool {
        false
    }
    fn credentials(&self) -> Credentials {
        Credentials::NONE
    }
}
