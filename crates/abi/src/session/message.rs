//! Messages on the socket between VMM and keeper (SOCK_SEQPACKET). Each begins with one of these bytes. The keeper asks for the sender's credentials
//! (SO_PASSCRED), and knows its process from them.
//!
//! ```text
//! parent's VMM                keeper                 child's VMM
//!   REQUEST (FORK) ──────────►  pid, channel
//!   ◄── REQUEST + memory, socket
//!   fork(2) ─────────────────────────────────────────► (process)
//!   BORN, on the child's socket, close it ►
//!                               ◄──────────────────── HELLO
//!                               ◄──────────────────── REQUEST ...
//! ```
//!
//! A socket that ends before BORN and HELLO was a fork that failed: nothing is left of the child. After either, the end of the socket is the end of
//! the process; if it has not said EXIT, it was killed by SIGKILL. The keeper's end of all sockets is the end of the session.

/// VMM: there is a request in the channel. Keeper: there is its answer; descriptors come with this message.
pub const REQUEST: u8 = b'R';
/// The VMM, first of all, from the process whose VM it is: it exists, and may be kicked with SIGURG.
pub const HELLO: u8 = b'H';
/// The parent's VMM, on the child's socket: fork(2) has succeeded.
pub const BORN: u8 = b'B';
/// The first process's VMM: the host's terminal has another size: rows and columns follow, u16 each, little-endian. No answer.
pub const WINDOW: u8 = b'W';
/// The first process's VMM: the next [`super::op::FORK`] with `flags` 2 makes a process for somebody outside. A byte (1: a terminal), rows and columns,
/// u16 each; descriptors: its standard streams, and the writing end of a pipe for its end. No answer.
pub const EXEC: u8 = b'E';
/// The first process's VMM: a signal (a byte) for the process (u32) that was made so. No answer.
pub const SIGNAL: u8 = b'S';
/// The first process's VMM: the terminal of the process (u32) that was made so has another size: rows and columns. No answer.
pub const RESIZE: u8 = b'w';
/// The first process's VMM: asks for the processes. Descriptor: a socket, to which a message with one byte and a memory file comes: a line of JSON for
/// each process.
pub const LIST: u8 = b'L';
/// The VMM: this VM's RAM is to be so large (bytes, u64). Answer: the same byte and 1, or 0: the session has no room for it.
pub const RAM: u8 = b'M';
/// The first process's VMM: all other VMs stand still (a byte: 1) or go on (0). No answer.
pub const PAUSE: u8 = b'P';
