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

// A copy of the session (docs/decisions/0018-clone-of-sessions.md).

/// The first process's VMM, which stands still: makes a copy of the session. A byte of [`COPY_PAUSED`] and [`COPY_SHARES_VOLUMES`], the limit of its
/// VMs' RAM (u64; 0: as it is); descriptors: the copy's standard streams. Answers: [`SPLIT`] and [`GO`], or [`GO`] alone.
pub const COPY: u8 = b'C';
/// The first process's VMM, which stands still: nobody of this session goes on, it is there to be copied. Descriptors: three that take the place of its
/// standard streams. Answer: [`GO`].
pub const FREEZE: u8 = b'F';
/// Keeper, to all VMs but the first, with a kick: stand still between two instructions. Two bytes: which copy this is for, and 1: for good. Answer:
/// [`HELD`].
pub const HOLD: u8 = b'h';
/// VMM: it stands still. The first byte of [`HOLD`].
pub const HELD: u8 = b'd';
/// Keeper, to a VM that stands still: fork(2) a copy. Which copy this is (a byte), the byte and the limit of [`COPY`]; descriptors: the copy's channel
/// memory, its socket to the copy's keeper, its life pipe, its standard error. Answer: [`FORKED`].
pub const SPLIT: u8 = b's';
/// VMM: the first byte of [`SPLIT`]; a byte: 0: the copy exists, else the number of the error.
pub const FORKED: u8 = b'f';
/// Keeper, to a VM that stands still: go on. To a VM that has asked for a copy: what was asked for is done, or the text that follows says why not.
pub const GO: u8 = b'g';
/// Keeper, to copies that have not begun: there is no copy. Nobody is to hear of them.
pub const ABORT: u8 = b'a';
/// A copy's VMM, to the copy's keeper: which memory takes the place of the memory file with that inode number (u64)? Answer: the same byte, and a
/// descriptor unless it is nobody's any more.
pub const EXCHANGE: u8 = b'x';

/// [`COPY`]: the copy's VMs stand still until somebody resumes it.
pub const COPY_PAUSED: u8 = 1;
/// [`COPY`]: volumes stay writable.
pub const COPY_SHARES_VOLUMES: u8 = 2;
/// Most bytes of the text of [`GO`].
pub const REASON_MAX: usize = 1024;
