//! The session keeper: one host process per session, single-threaded, without KVM and without guest memory, that serves what the
//! session's VMs share. Contract: [`ramet_abi::session`].
//!
//! ```text
//!   server/   epoll: the channels' sockets, the standard streams, timers        (the only place that waits)
//!     │ one request at a time
//!     ▼
//!   dispatch  decodes the operation, hands it to its owner
//!     ├─ process/       pids, groups, wait statuses, signals' routes
//!     ├─ nodes/         the session's file system
//!     ├─ descriptions/  open file descriptions
//!     ├─ execs/         processes added from outside, and their streams
//!     └─ objects/       pipes, sockets, terminals, futexes, System V IPC
//! ```
//!
//! Everything that comes from a VM is hostile: a request is copied once out of the shared memory ([`channel`]), checked, used. `unsafe`
//! is confined to [`channel`] (shared memory), [`heap`] (counting it) and [`sys`] (system calls). The host's kernel lets it do little else: see `confine`.

mod bytes;
pub mod channel;
pub mod client;
mod confine;
pub mod console;
pub mod descriptions;
mod dispatch;
pub mod execs;
pub mod heap;
pub mod nodes;
pub mod objects;
pub mod process;
pub mod server;
pub mod session;
mod start;
pub mod sys;

pub use client::{Client, ClientId};
pub use dispatch::dispatch;

pub use server::serve;
pub use session::{Note, Session};
pub use start::{Keeper, Limits, Start, first_channel, main, spawn};
