//! What is known of a description in the keeper without asking.

use crate::ipc::socket::{SocketType, family};
use crate::stat::{S_IFIFO, S_IFMT, S_IFSOCK};

/// What kind of object a description is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// The offset counts.
    pub seekable: bool,
    /// Readiness changes.
    pub waits: bool,
    /// A blocking write(2) goes on until everything is written.
    pub stream: bool,
    /// Job control has a say.
    pub terminal: bool,
    /// It is a socket.
    pub socket: Option<SocketTraits>,
}

/// What does not change of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketTraits {
    /// AF_*.
    pub family: u16,
    /// SO_TYPE.
    pub kind: SocketType,
}

impl Traits {
    /// A regular file or a directory.
    pub const FILE: Traits =
        Traits { seekable: true, waits: false, stream: false, terminal: false, socket: None };
    /// A pipe, a stream socket.
    pub const STREAM: Traits =
        Traits { seekable: false, waits: true, stream: true, terminal: false, socket: None };
    /// An eventfd and its like.
    pub const EVENT: Traits =
        Traits { seekable: false, waits: true, stream: false, terminal: false, socket: None };

    /// A terminal.
    pub const TERMINAL: Traits = Traits { terminal: true, ..Traits::STREAM };

    /// A socket of that family and type.
    pub fn socket(family: u16, kind: SocketType) -> Traits {
        let socket = Some(SocketTraits { family, kind });
        Traits { seekable: false, waits: true, stream: kind == SocketType::Stream, terminal: false, socket }
    }
}

impl Traits {
    /// What can be told from a mode.
    pub fn of_mode(mode: u32) -> Traits {
        match mode & S_IFMT {
            S_IFIFO => Traits::STREAM,
            S_IFSOCK => Traits::socket(family::UNIX, SocketType::Stream),
            _ => Traits::EVENT,
        }
    }
}
