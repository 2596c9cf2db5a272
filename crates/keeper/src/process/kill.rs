//! Signals from one process to others.

use super::exit::{continued, killed};
use super::table::{Process, Table};
use super::{INIT, int, result};
use crate::client::ClientId;
use crate::objects;
use crate::session::{Note, Session};
use ramet_abi::session::{Reply, Request, notice};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::open_file::SignalOwner;

const SI_USER: i32 = 0;
const SI_KERNEL: u64 = 0x80;
const SI_TKILL: i32 = -6;
/// A notice's `id`: of whom is found by the number that follows.
const BY_NUMBER: u64 = 1 << 32;
/// `flags`: the target is a pidfd.
const BY_PIDFD: u32 = 1;
/// `flags`: the sender has dealt with itself.
const NOT_MYSELF: u32 = 2;

/// One signal as it was asked for.
struct Order {
    sender: i32,
    thread: i32,
    /// The target's VM is to find who has that number, of a thread or of a child that has no VM yet, or as a negative number all who are
    /// in that process group; 0: the target is meant.
    number: i32,
    signal: u32,
    code: i32,
    value: u64,
}

pub(super) fn serve(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let sender = session.client(client)?.pid;
    let [pid, thread, signal, code, value, _] = request.arguments;
    if signal > 64 || request.flags & !(BY_PIDFD | NOT_MYSELF) != 0 {
        return Err(Errno::EINVAL);
    }
    let thread = int(thread);
    let mut order = Order { sender, thread, number: 0, signal: signal as u32, code: int(code), value };
    let pid = match request.flags & BY_PIDFD {
        0 => int(pid),
        _ => objects::pidfd_target(session, client, pid)?,
    };
    let table = &session.processes;
    match pid {
        _ if order.thread < 0 || order.thread != 0 && pid <= 0 => return Err(Errno::EINVAL),
        1.. => {
            let target = target(table, pid, order.thread)?;
            if order.thread == 0 && target != pid {
                // The sender's kernel has looked for it among its own.
                if target == sender {
                    return Err(Errno::ESRCH);
                }
                order.number = pid;
            }
            order.send(session, target)?;
        }
        i32::MIN => return Err(Errno::ESRCH),
        -1 => {
            let all = table.iter().map(|process| process.pid);
            let others: Vec<i32> = all.filter(|&pid| pid != INIT && pid != sender).collect();
            order.send_to_all(session, &others, true)?;
        }
        _ => {
            let group = if pid == 0 { table.get(sender)?.group } else { -pid };
            let mut members = table.members(group);
            let all = members.len();
            if request.flags & NOT_MYSELF != 0 {
                members.retain(|&member| member != sender);
            }
            // Alone in its group: the sender was the one who could be told.
            if members.is_empty() && all == 1 {
                return result(0);
            }
            let lodgers = table.lodgers_of(group).into_iter().filter(|(host, _)| *host != sender);
            let lodgers: Vec<(i32, i32)> = lodgers.collect();
            order.number = -group;
            let outcome = order.send_to_all(session, &members, false);
            let mut told = false;
            for (host, lodger) in lodgers {
                order.number = lodger;
                told |= order.send(session, host).is_ok();
            }
            if !told {
                outcome?;
            }
        }
    }
    result(0)
}

/// The process that a pid and, if it is not 0, a thread's id name.
fn target(table: &Table, pid: i32, thread: i32) -> Result<i32> {
    if thread == 0 || thread == pid {
        // kill(2) takes a thread's id for its process's.
        return match table.owner(pid) {
            None if pid == INIT => Ok(INIT),
            owner => owner.ok_or(Errno::ESRCH),
        };
    }
    table.get(pid)?;
    match table.owner(thread) {
        // Threads of the time before the session: the process itself knows.
        None => Ok(pid),
        Some(owner) if owner == pid => Ok(pid),
        Some(_) => Err(Errno::ESRCH),
    }
}

/// VMs that have been told to die and do not, ns: the host kills them.
const LAST_WORDS: u64 = 1_000_000_000;

/// Kills what should be dead by now.
pub fn kill_late(session: &mut Session) {
    let now = session.monotonic();
    let late: Vec<ClientId> =
        session.killing.iter().filter(|(_, at)| **at <= now).map(|(client, _)| *client).collect();
    for client in late {
        session.killing.remove(&client);
        session.doom(client);
    }
}

fn may_signal(sender: &Process, target: &Process, signal: u32) -> bool {
    let own = [sender.ids.real, sender.ids.effective];
    sender.pid == target.pid
        || sender.ids.effective == 0
        || own.contains(&target.ids.real)
        || own.contains(&target.ids.saved)
        || signal == libc::SIGCONT as u32 && sender.session == target.session
}

impl Order {
    fn send(&self, session: &mut Session, pid: i32) -> Result<()> {
        let sender = session.processes.get(self.sender)?;
        // What only the kernel says, a process may say to itself alone.
        let forged = self.code >= 0 && self.code != SI_USER || self.code == SI_TKILL && self.thread == 0;
        if forged && self.sender != pid {
            return Err(Errno::EPERM);
        }
        let uid = sender.ids.real;
        let Ok(target) = session.processes.get(pid) else {
            // The keeper as init: it is there, and heeds nothing.
            return if sender.ids.effective == 0 { Ok(()) } else { Err(Errno::EPERM) };
        };
        if !may_signal(sender, target, self.signal) {
            return Err(Errno::EPERM);
        }
        if self.signal == 0 {
            return Ok(());
        }
        let values = [i64::from(self.code) as u64, self.sender as u64, uid.into(), self.value];
        let is_told = match self.number {
            0 => deliver(session, pid, self.thread, self.signal, values),
            group @ ..0 => deliver_to(session, pid, by_number(group), self.signal, values),
            number => {
                let id = by_number(number);
                let note = Note { kind: notice::SIGNAL, detail: self.signal, id, values };
                target.client.is_none_or(|client| session.notify(client, note))
            }
        };
        if is_told { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// One success is success; of everybody (kill(-1)), being forbidden is, too.
    fn send_to_all(&self, session: &mut Session, pids: &[i32], everybody: bool) -> Result<()> {
        let mut outcome = if pids.is_empty() { Err(Errno::ESRCH) } else { Ok(()) };
        let mut sent = false;
        for &pid in pids {
            match self.send(session, pid) {
                Ok(()) => sent = true,
                Err(Errno::EPERM) if everybody => {}
                Err(error) => outcome = Err(error),
            }
        }
        if sent { Ok(()) } else { outcome }
    }
}

/// A signal for a process. False: too many wait already.
fn deliver(session: &mut Session, pid: i32, thread: i32, signal: u32, values: [u64; 4]) -> bool {
    deliver_to(session, pid, thread as u64, signal, values)
}

/// [`Order::number`] as a notice has it.
fn by_number(number: i32) -> u64 {
    BY_NUMBER | u64::from(number as u32)
}

fn deliver_to(session: &mut Session, pid: i32, id: u64, signal: u32, values: [u64; 4]) -> bool {
    let Some(client) = session.processes.get(pid).ok().and_then(|process| process.client) else {
        return true; // A zombie heeds nothing.
    };
    if signal == libc::SIGKILL as u32 {
        killed(session, pid);
    }
    // The session's first process dies by its own kernel's hand: its VMM has an end to report and a terminal to restore.
    if signal == libc::SIGKILL as u32 && pid != session.processes.first {
        if !session.client(client).is_ok_and(|client| client.shares_memory) {
            session.doom(client);
            return true;
        }
        // Its kernel is to mark the locks that it holds; it has little time for that.
        let deadline = session.monotonic() + LAST_WORDS;
        session.killing.entry(client).or_insert(deadline);
    }
    if signal == libc::SIGCONT as u32 {
        continued(session, pid);
    }
    session.notify(client, Note { kind: notice::SIGNAL, detail: signal, id, values })
}

/// A signal for a process from the keeper; values: si_code, pid, uid, si_value.
pub fn signal_process(session: &mut Session, pid: i32, signal: u32, values: [u64; 4]) {
    deliver(session, pid, 0, signal, values);
}

/// A signal for all members of a group, from the kernel as it were: a terminal's, or an orphaned group's.
pub fn signal_group(session: &mut Session, group: i32, signal: u32) {
    for (pid, lodger) in session.processes.lodgers_of(group) {
        deliver_to(session, pid, by_number(lodger), signal, [SI_KERNEL, 0, 0, 0]);
    }
    for pid in session.processes.members(group) {
        deliver_to(session, pid, by_number(-group), signal, [SI_KERNEL, 0, 0, 0]);
    }
}

/// SIGIO, or what F_SETSIG has set instead, to whom F_SETOWN_EX has named. Values: si_code, si_band, the descriptor.
pub fn signal_io(session: &mut Session, owner: SignalOwner, fd: i32, code: i32, band: i64) {
    const THREAD: u32 = 0;
    const PROCESS: u32 = 1;
    const IO: u32 = libc::SIGIO as u32;
    let id = owner.id as i32;
    let (pids, thread) = match owner.kind {
        _ if id == 0 => return,
        THREAD => (session.processes.owner(id).or(Some(id)).into_iter().collect(), id),
        PROCESS => (vec![id], 0),
        _ => (session.processes.members(id), 0),
    };
    for pid in pids {
        let values = [i64::from(code) as u64, band as u64, fd as u64, 0];
        let told = owner.signal != 0 && deliver(session, pid, thread, owner.signal, values);
        if !told {
            deliver(session, pid, thread, IO, [SI_KERNEL, 0, 0, 0]);
        }
    }
}
