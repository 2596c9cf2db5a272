//! Process groups and sessions of processes: setpgid(2), setsid(2), orphaned groups.

use super::exit::tell;
use super::table::{Lodger, Process, State};
use super::{INIT, int, result, signal_group};
use crate::session::Session;
use ramet_abi::session::{Reply, Request, notice};
use ramet_kcore::errno::{Errno, Result};

pub(super) fn setpgid(session: &mut Session, caller: i32, request: &Request) -> Result<Reply> {
    let [pid, group] = [int(request.arguments[0]), int(request.arguments[1])];
    let pid = if pid == 0 { caller } else { pid };
    let group = if group == 0 { pid } else { group };
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    let table = &session.processes;
    let target = table.get(pid)?;
    let own = table.get(caller)?;
    if target.parent == caller && pid != caller {
        if target.session != own.session {
            return Err(Errno::EPERM);
        }
        if target.executed {
            return Err(Errno::EACCES);
        }
    } else if pid != caller {
        return Err(Errno::ESRCH);
    }
    if target.session == pid {
        return Err(Errno::EPERM);
    }
    let exists = |group| table.iter().any(|process| process.group == group && process.session == own.session);
    if group != pid && !exists(group) {
        return Err(Errno::EPERM);
    }
    session.processes.get_mut(pid)?.group = group;
    if pid != caller {
        tell(session, pid, notice::GROUP, [group as u64, 0, 0, 0]);
    }
    result(0)
}

pub(super) fn setsid(session: &mut Session, caller: i32) -> Result<Reply> {
    if session.processes.iter().any(|process| process.group == caller) {
        return Err(Errno::EPERM);
    }
    let process = session.processes.get_mut(caller)?;
    process.group = caller;
    process.session = caller;
    result(caller.into())
}

/// LODGER: where a process stands that shares the caller's VM.
pub(super) fn lodger(session: &mut Session, caller: i32, request: &Request) -> Result<Reply> {
    let [pid, group, its_session] = [0, 1, 2].map(|i| int(request.arguments[i]));
    let host = session.processes.get_mut(caller)?;
    if request.flags & !1 != 0 || !host.has_thread(pid) {
        return Err(Errno::EINVAL);
    }
    host.lodgers.retain(|lodger| lodger.pid != pid);
    if request.flags == 1 || (group, its_session) == (host.group, host.session) {
        return result(0);
    }
    let leads = its_session == pid;
    let own = (host.group, host.session);
    if !leads && its_session != own.1 || leads && group != pid {
        return Err(Errno::EPERM);
    }
    let exists = |process: &Process| process.group == group && process.session == its_session;
    if group != pid && !session.processes.iter().any(exists) {
        return Err(Errno::EPERM);
    }
    session.processes.get_mut(caller)?.lodgers.push(Lodger { pid, group, session: its_session });
    result(0)
}

/// The process's group.
pub fn group_of(session: &Session, pid: i32) -> Option<i32> {
    session.processes.get(pid).ok().map(|process| process.group)
}

/// The process's session (setsid(2)).
pub fn session_of(session: &Session, pid: i32) -> Option<i32> {
    session.processes.get(pid).ok().map(|process| process.session)
}

/// Whether the process's parent is in another group of the same session: who could continue it, if it stops.
pub(super) fn parent_is_outside(session: &Session, pid: i32) -> bool {
    let Ok(process) = session.processes.get(pid) else { return false };
    // The parent of orphans is in no session of theirs, unless it is one of them.
    let Ok(parent) = session.processes.get(process.parent) else { return false };
    parent.group != process.group && parent.session == process.session
}

/// Whether nobody in the session of processes, but outside the group, is the parent of one of its members: a stopped member would never be continued.
pub fn group_is_orphaned(session: &Session, group: i32) -> bool {
    let members = session.processes.iter().filter(|process| process.group == group && !process.is_zombie());
    !members.filter(|process| process.parent != INIT).any(|process| parent_is_outside(session, process.pid))
}

/// [`ramet_abi::session::op::ORPHANED`].
pub(super) fn orphaned(session: &Session, request: &Request) -> Result<Reply> {
    result(group_is_orphaned(session, int(request.arguments[0])).into())
}

/// If the group has become orphaned and has stopped members: SIGHUP and SIGCONT (POSIX, _exit).
pub(super) fn hang_up_orphans(session: &mut Session, group: i32) {
    let stopped = |process: &Process| process.group == group && process.state == State::Stopped;
    if session.processes.iter().any(stopped) && group_is_orphaned(session, group) {
        signal_group(session, group, libc::SIGHUP as u32);
        signal_group(session, group, libc::SIGCONT as u32);
    }
}
