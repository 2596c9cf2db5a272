//! A VM's side of a session ([`ramet_abi::session`]): what processes share is in the keeper, and here are the objects that stand for it.
//!
//! ```text
//!   OpenFile ── local File ── export at a fork ──► RemoteFile ──┐
//!   Dentry ──── memfs Node ── at the first fork ─► SessionInode ┼─► Client ─► Transport ─► keeper
//! ```
//!
//! A request is written, served and read as one step: nothing else runs in between, and what came with the answer is copied before anything
//! else happens. So a page fault in the middle of a copy to the program may make requests of its own.

mod client;
mod directory;
mod epoll;
mod export;
mod file;
mod inode;
mod inotify;
mod lent;
mod memory;
mod migrate;
mod object;
mod pages;
mod place;
mod pts;
mod ranges;
mod received;
mod remote;
mod socket;
pub mod terminal;
mod traits;

pub use client::{Client, Local, Transport, error_of};
pub use export::{Fate, export, fate, share};
pub use file::SessionFile;
pub use inode::SessionInode;
pub use memory::SharedFile;
pub use migrate::{finish, migrate};
pub use place::refresh;
pub use pts::{Connection, session_pts};
pub use ranges::{closes, has_locked};
pub use received::Foreign;
pub use remote::RemoteFile;
pub use traits::{SocketTraits, Traits};
