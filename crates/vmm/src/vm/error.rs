//! Errors by whose fault they are, and how a VM ends.

use ramet_kvm::Exit;
use ramet_memory::{BrokenRing, OutOfBounds};

/// The host's or the caller's fault: the VM could not be made, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration or another input of the caller's.
    #[error("{0}")]
    Input(String),
    /// KVM is not usable.
    #[error(transparent)]
    Open(#[from] ramet_kvm::OpenError),
    /// A KVM ioctl failed.
    #[error(transparent)]
    Kvm(#[from] ramet_kvm::Error),
    /// The guest kernel's file.
    #[error("kernel {path}: {reason}")]
    Kernel {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The image's file.
    #[error("image {path}: {reason}")]
    Image {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// RAM or shared area too small for a fixed structure.
    #[error(transparent)]
    Bounds(#[from] OutOfBounds),
    /// The host's time stamp counter cannot be shown to the guest.
    /// A host call failed.
    #[error("{what}: {source}")]
    Host {
        /// What was tried.
        what: String,
        /// What the host's kernel answered.
        source: std::io::Error,
    },
    /// A request that makes no sense.
    #[error("{0}")]
    Request(String),
}

impl Error {
    /// `map_err` adapter that names what was tried.
    pub fn host(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Host { what: what.into(), source }
    }

    /// The last error of a host call.
    pub fn last(what: impl Into<String>) -> Self {
        Self::Host { what: what.into(), source: std::io::Error::last_os_error() }
    }
}

/// The guest broke the contract, or its kernel gave up. Ends the VM, never the host's business.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestFault {
    /// The kernel's own message.
    #[error("guest kernel panic: {0}")]
    Panic(String),
    /// Three faults in a row.
    #[error("triple fault at {rip:#x}")]
    TripleFault {
        /// Instruction pointer.
        rip: u64,
    },
    /// An exit that a sane guest does not cause.
    #[error("the guest stopped with {exit:?} at {rip:#x}")]
    Exit {
        /// The exit.
        exit: Exit,
        /// Instruction pointer.
        rip: u64,
    },
    /// The same fault without end.
    #[error("the guest faults at {rip:#x} again and again")]
    FaultLoop {
        /// Instruction pointer.
        rip: u64,
    },
    /// An exception while a ring 0 stub ran.
    #[error("exception {vector} in ring 0")]
    Ring0 {
        /// Vector.
        vector: u64,
    },
    /// A console ring.
    #[error(transparent)]
    Ring(#[from] BrokenRing),
}

/// How a VM ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The program ended by itself: wait status as wait(2) encodes it.
    Program(i32),
    /// The program ended by itself, but not all of its output could be written.
    Incomplete {
        /// Wait status as wait(2) encodes it.
        status: i32,
        /// Which output, and why.
        why: String,
    },
    /// The time was up.
    Timeout,
    /// Ended by request.
    Killed,
    /// Ramet or the guest kernel failed before the program ran.
    Failed(String),
    /// Ramet or the guest kernel failed while the program ran.
    Crashed(String),
    /// The program could not be started.
    NotStarted {
        /// 125, or 126: not executable, or 127: not found.
        status: u8,
        /// The guest's words, on one line.
        why: String,
    },
}

impl Ending {
    /// Exit status of the VMM.
    pub fn status(&self) -> u8 {
        let of_program = |status: i32| match status & 0x7f {
            0 => (status >> 8 & 0xff) as u8,
            signal => 128 + signal as u8,
        };
        match self {
            Self::Program(status) => of_program(*status),
            // What natively would have been an error of the program's write is not to pass for success.
            Self::Incomplete { status, .. } => of_program(*status).max(1),
            Self::Timeout => 124,
            Self::Killed => 137,
            Self::Failed(_) | Self::Crashed(_) => 125,
            Self::NotStarted { status, .. } => *status,
        }
    }

    /// The signal that ended the program.
    pub fn signal(&self) -> Option<i32> {
        match self {
            Self::Program(status) | Self::Incomplete { status, .. } if status & 0x7f != 0 => {
                Some(status & 0x7f)
            }
            _ => None,
        }
    }

    /// `reason` of `exit.json`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Program(status) | Self::Incomplete { status, .. } if status & 0x7f == 0 => "exited",
            Self::Program(_) | Self::Incomplete { .. } => "signal",
            Self::Timeout => "timeout",
            Self::Killed => "killed",
            Self::Failed(_) | Self::NotStarted { .. } => "failed",
            Self::Crashed(_) => "crashed",
        }
    }

    /// Why the program did not run, or not to its end, or where its output went.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Failed(message)
            | Self::Crashed(message)
            | Self::NotStarted { why: message, .. }
            | Self::Incomplete { why: message, .. } => Some(message),
            Self::Program(_) | Self::Timeout | Self::Killed => None,
        }
    }
}

impl From<GuestFault> for Ending {
    fn from(fault: GuestFault) -> Self {
        Self::Failed(fault.to_string())
    }
}

impl From<Error> for Ending {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}
