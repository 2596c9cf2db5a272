//! Requests about sockets.

/// Control messages on their way ([`socket::SEND`], [`socket::RECEIVE`]): records of kind (u32), length of the body (u32), and the body padded to 8 bytes.
pub mod control {
    /// SCM_RIGHTS: ids of descriptions (u64 each).
    pub const RIGHTS: u32 = 1;
    /// SCM_CREDENTIALS: struct ucred.
    pub const CREDENTIALS: u32 = 2;
    /// Another one: cmsg_level, cmsg_type (i32 each), what follows.
    pub const OTHER: u32 = 3;
}

/// Calls of [`super::op::SOCKET_CALL`]. With EAGAIN values\[6\] and \[7\] are SO_RCVTIMEO and SO_SNDTIMEO (ns, 0: for ever). CONNECT: `arguments[0]`: O_NONBLOCK or 0.
pub mod socket {
    /// bind(2): arguments: 1: the caller has CAP_NET_BIND_SERVICE; data: the address; `id`: the socket; `other`: the node that was made for a path name, or 0 for an abstract one.
    pub const BIND: u32 = 1;
    /// listen(2). Arguments: backlog. LISTEN, CONNECT and SEND have the effective user and group id in `arguments\[4\]` and \[5\].
    pub const LISTEN: u32 = 2;
    /// accept4(2). Result: a description; data: the peer's address.
    pub const ACCEPT: u32 = 3;
    /// connect(2): data: the address; `other`: the node of a path name, or 0.
    pub const CONNECT: u32 = 4;
    /// sendmsg(2). Arguments: flags, length of the bytes, of the address, of the control messages, which
    /// follow each other in the data; `other`: the node of the address, or 0. EPIPE as for [`crate::session::op::WRITE`].
    pub const SEND: u32 = 5;
    /// recvmsg(2). Arguments: flags, bytes wanted. All descriptions that come are the caller's. Result: what recvmsg(2) returns. Values: lengths of bytes, address and control
    /// messages in the data, msg_flags.
    pub const RECEIVE: u32 = 6;
    /// shutdown(2). Arguments: how.
    pub const SHUTDOWN: u32 = 7;
    /// getsockname(2), getpeername(2). Data: the address. PEER with argument 1: as accept(2) shows it.
    pub const NAME: u32 = 8;
    /// See [`NAME`].
    pub const PEER: u32 = 9;
    /// getsockopt(2). Arguments: level, option, room for the value. Data: the value.
    pub const GET_OPTION: u32 = 10;
    /// setsockopt(2). Arguments: level, option, 1: the caller has CAP_NET_ADMIN; data: the value.
    pub const SET_OPTION: u32 = 11;
}

/// Steps of [`super::op::SOCKET_IMPORT`]; the state and the messages are as `ramet_kcore::ipc::unix` exports them.
pub mod socket_import {
    /// Makes sockets: data: for each its type, O_NONBLOCK or 0, owner, group (u32 each), time of its making, inode number (u64 each), at most
    /// [`MAKE_MAX`]. Data: their descriptions, u64 each.
    pub const MAKE: u32 = 1;
    /// Most sockets of one [`MAKE`].
    pub const MAKE_MAX: usize = 4096;
    /// Data: for each a socket of [`MAKE`] (u64), and its state with its length (u32) before it.
    pub const STATE: u32 = 2;
    /// Data: for each the socket in which it lies (u64), and a message with its length (u32) before it.
    pub const MESSAGES: u32 = 3;
    /// The last step: data: descriptions of sockets that nobody has accepted yet, which are given up.
    pub const DONE: u32 = 4;
}

/// Steps of [`super::op::INET_IMPORT`], with what `ramet_kcore::ipc::inet::transfer` exports.
pub mod inet_import {
    /// The sockets and who belongs to whom: data: how many are open, O_NONBLOCK or 0 for each (u32), the state. Data: descriptions of those that
    /// are open (u64 each).
    pub const STATE: u32 = 1;
    /// A piece of what lies in one of them.
    pub const BYTES: u32 = 2;
    /// The last step.
    pub const DONE: u32 = 3;
}
