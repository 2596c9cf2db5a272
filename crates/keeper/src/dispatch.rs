//! One request: checked as far as its form goes, and handed to the owner of its operation.

use crate::client::ClientId;
use crate::session::Session;
use crate::{descriptions, nodes, objects, process};
use ramet_abi::session::{DATA_MAX, Reply, Request, op};
use ramet_kcore::errno::Errno;

/// Serves a request of a VM. `data`: that of the request, then that of the answer.
pub fn dispatch(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Reply {
    let answer = if request.wanted > DATA_MAX {
        Err(Errno::EINVAL)
    } else {
        match request.operation {
            op::DRAIN => drain(session, client),
            0x100..=0x1ff => process::serve(session, client, request, data),
            0x200..=0x2ff => nodes::serve(session, client, request, data),
            0x300..=0x3ff => descriptions::serve(session, client, request, data),
            0x400..=0x6ff => {
                if !matches!(request.operation, op::FUTEX_WAIT | op::FUTEX_WAKE | op::FUTEX_REQUEUE) {
                    descriptions::take_back(session, client);
                }
                objects::serve(session, client, request, data)
            }
            _ => Err(Errno::ENOSYS),
        }
    };
    answer.unwrap_or_else(|error| {
        data.clear();
        drop(session.take_passed());
        Reply { result: error.to_return_value(), ..Reply::default() }
    })
}

fn drain(session: &mut Session, client: ClientId) -> Result<Reply, Errno> {
    session.client_mut(client)?.channel.refill();
    Ok(Reply::default())
}
