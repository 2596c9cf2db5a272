//! One request: checked as far as its form goes, and handed to the owner of its operation.

use crate::client::ClientId;
use crate::session::Session;
use crate::{descriptions, nodes, objects, process};
use ramet_abi::session::{DATA_MAX, Reply, Request, op, socket, sysv};
use ramet_kcore::errno::Errno;

/// Serves a request of a VM. `data`: that of the request, then that of the answer.
pub fn dispatch(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Reply {
    let answer = if request.wanted > DATA_MAX {
        Err(Errno::EINVAL)
    } else if adds(request) && session.is_full() {
        Err(Errno::ENOMEM)
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

/// Whether the request leaves something in the keeper. What is written is looked at where it is known what it is written to; data of files have
/// a limit of their own.
fn adds(request: &Request) -> bool {
    const EPOLL_CTL_ADD: u64 = 1;
    const UNLOCK: u64 = 2;
    match request.operation {
        op::CREATE | op::LINK | op::XATTR | op::MEMFD | op::OPEN | op::REOPEN | op::FORK => true,
        op::PIPE | op::EVENTFD | op::TIMERFD | op::EPOLL | op::SOCKET | op::PTY | op::STAND_IN => true,
        op::INOTIFY | op::INOTIFY_WATCH => true,
        op::PIPE_IMPORT | op::SOCKET_IMPORT | op::INET_IMPORT => true,
        op::EPOLL_CTL => request.arguments[0] == EPOLL_CTL_ADD,
        op::LOCK => request.arguments[1] != UNLOCK,
        op::SYSV => matches!(request.flags, sysv::SHMGET | sysv::SEMGET | sysv::MSGGET | sysv::MSGSND),
        op::SOCKET_CALL => matches!(request.flags, socket::SEND | socket::CONNECT | socket::BIND),
        _ => false,
    }
}

fn drain(session: &mut Session, client: ClientId) -> Result<Reply, Errno> {
    session.client_mut(client)?.channel.refill();
    Ok(Reply::default())
}
