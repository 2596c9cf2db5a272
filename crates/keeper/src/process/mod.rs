//! The processes of a session: pids, groups, sessions of processes, states and statuses.
//!
//! ```text
//!            FORK                    STOPPED
//!   (nobody) ────► running ◄───────────────────► stopped
//!      ▲            │  EXIT, or the socket's end: `exit`
//!      │            ▼
//!      └───────── zombie        (at once, if the parent does not care)
//!        WAIT
//! ```
//!
//! The first process's parent is nobody (0). An orphan's parent is the nearest subreaper among its ancestors, else pid 1: the first process
//! if that is its pid, else the keeper itself, which forgets the dead at once.

mod exit;
mod facts;
mod fork;
mod group;
mod kill;
pub mod questions;
mod table;
mod wait;

pub use exit::{STATUS_KILLED, end, lost};
pub use fork::{Berth, failed};
pub use group::{group_is_orphaned, group_of, session_of};
pub use kill::{kill_late, signal_group, signal_io, signal_process};
pub use table::{Process, State, Table, Usage};

use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request, op};
use ramet_kcore::errno::{Errno, Result};
use std::collections::BTreeSet;

/// The keeper as the parent of orphans.
pub const INIT: i32 = 1;

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
    let caller = session.client(client)?.pid;
    match request.operation {
        op::DESCRIBE => facts::describe(session, caller, request, data),
        op::PROCESS => facts::process(session, caller, request, data),
        op::PIDS => facts::pids(session, caller, request, data),
        op::ANSWER => questions::answer(session, client, request, std::mem::take(data)),
        op::TAKE_ANSWER => questions::take(session, client, request, data),
        op::WAIT => {
            let named = std::mem::take(data);
            wait::serve(session, client, request, &named)
        }
        op::TIDS => {
            let used = std::mem::take(data);
            facts::tids(session, caller, request, &used)
        }
        operation => {
            data.clear();
            match operation {
                op::FORK => fork::serve(session, client, request),
                op::EXIT => exit::serve(session, client, request),
                op::KILL => kill::serve(session, client, request),
                op::SETPGID => group::setpgid(session, caller, request),
                op::SETSID => group::setsid(session, caller),
                op::LODGER => group::lodger(session, caller, request),
                op::ORPHANED => group::orphaned(session, request),
                op::STOPPED => exit::stopped(session, caller, request),
                op::OPTION => facts::option(session, caller, request),
                op::PIDFD => facts::pidfd(session, client, request),
                op::ASK => questions::ask(session, client, request),
                op::ATTACH => crate::execs::attach(session, client),
                _ => Err(Errno::ENOSYS),
            }
        }
    }
}

/// An answer with nothing but a result.
fn result(value: i64) -> Result<Reply> {
    Ok(Reply { result: value, ..Reply::default() })
}

/// The numbers that a request's data are.
fn numbers(data: &[u8]) -> BTreeSet<i32> {
    let number = |id: &[u8]| id.try_into().ok().map(i32::from_le_bytes);
    data.chunks_exact(4).filter_map(number).collect()
}

/// A pid, group or count among a request's numbers.
fn int(value: u64) -> i32 {
    value as u32 as i32
}
