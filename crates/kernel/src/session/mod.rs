//! Sessions: what this VM shares with the other processes of its session is in the keeper. The rules are `ramet_kcore::session`'s;
//! here are the way there, the news from there, and what a fork hands over.

mod answers;
mod begin;
mod export;
mod foreign;
mod mappings;
mod news;
pub mod questions;
mod registry;
pub mod terminals;
pub mod transport;

pub use begin::{enter, prepare_fork, share, wait_for_output};
pub use export::{exports, is_common};
pub use news::{after_fork_child, lock_queue, look, on_events, release_unreachable};
pub use registry::register;

use crate::global::Global;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::session::Client;

static CLIENT: Global<RefCell<Option<Rc<Client>>>> = Global::new(RefCell::new(None));

/// The way to the keeper, if this VM is in a session.
pub fn client() -> Option<Rc<Client>> {
    CLIENT.borrow().clone()
}

/// Whether this VM is in a session: the program, or one of its ancestors, has forked.
pub fn is_open() -> bool {
    CLIENT.borrow().is_some()
}

/// Serves a request whose answer has no data.
///
/// # Errors
/// What the keeper answers; EIO: there is no session.
pub fn call(request: &Request, data: &[u8]) -> Result<Reply> {
    client().ok_or(Errno::EIO)?.call(request, data)
}

/// Serves a request, and gives the answer's data.
///
/// # Errors
/// As [`call`].
pub fn call_data(request: &Request, data: &[u8]) -> Result<(Reply, Vec<u8>)> {
    let mut answer = Vec::new();
    let reply = client().ok_or(Errno::EIO)?.call_into(request, data, &mut answer)?;
    Ok((reply, answer))
}
