//! Sessions: what this VM shares with the other processes of its session is in the keeper. The rules are `ramet_kcore::session`'s;
//! here are the way there, the news from there, and what a fork hands over.

mod transport;

use crate::global::Global;
use crate::task::process::Process;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use ramet_abi::session::{Reply, Request};
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

/// Everything that a child of `process` will share moves to the keeper. Opens the session if there is none yet.
///
/// # Errors
/// EAGAIN: something is open that cannot be shared yet (a line in the log says what), or there is no keeper; ENOMEM.
pub fn prepare_fork(process: &Process) -> Result<()> {
    let _ = process;
    if !is_open() {
        transport::open()?;
        CLIENT.replace(Some(Client::new(Rc::new(transport::Channel))));
    }
    Err(Errno::EAGAIN)
}

/// In the child of a fork, before anything of the session is used: notices are the child's own from now on.
pub fn after_fork_child() {}
