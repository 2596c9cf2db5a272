//! RLIMIT_NPROC: how many threads a user may have, in the whole session.

use super::process::{self, resource};
use super::{relatives, sched};
use crate::session;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::cap;

/// The limit of the calling thread's process, if it is bound by one: neither root nor who has CAP_SYS_RESOURCE or CAP_SYS_ADMIN is.
pub fn limit() -> Option<u64> {
    sched::with_current(|thread| {
        let credentials = thread.credentials.borrow();
        let limit = thread.process.limit(resource::NPROC);
        let is_free =
            credentials.uid == 0 || credentials.has(cap::SYS_RESOURCE) || credentials.has(cap::SYS_ADMIN);
        (limit != process::UNLIMITED && !is_free).then_some(limit)
    })
}

/// Threads of this VM beside the one that the session counts.
pub fn uncounted() -> u64 {
    process::all().iter().map(|process| process.threads.borrow().len() as u64).sum::<u64>().saturating_sub(1)
}

/// Whether the calling thread's user may have one more thread.
///
/// # Errors
/// EAGAIN: no.
pub fn check() -> Result<()> {
    let Some(limit) = limit() else { return Ok(()) };
    let here = uncounted() + 1;
    // A limit that is higher than what anybody reaches is not worth a question.
    let others = if session::is_open() && limit < process::NPROC_DEFAULT {
        relatives::processes_of_user().saturating_sub(1)
    } else {
        0
    };
    if here + others >= limit { Err(Errno::EAGAIN) } else { Ok(()) }
}
