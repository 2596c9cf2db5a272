//! The processes of a session.

use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};

/// The process table.
#[derive(Debug, Default)]
pub struct Table {}

/// Serves a request about processes.
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
