//! The session's file system.

use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};

/// What this module keeps of a session.
#[derive(Debug, Default)]
pub struct State {}

/// Serves a request. `data`: that of the request, then that of the answer (empty, unless the operation says more).
///
/// # Errors
/// Those of the operation.
pub fn serve(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    data.clear();
    session.client(client)?;
    let _ = request;
    Err(Errno::ENOSYS)
}

/// `child` is a copy of `parent`: it holds what the parent holds.
pub fn inherit(session: &mut Session, parent: ClientId, child: ClientId) {
    let _ = (session, parent, child);
}

/// The process of the VM is over: nothing of what it held is used any more.
pub fn client_gone(session: &mut Session, client: ClientId) {
    let _ = (session, client);
}
