//! The end of a process, and its stops: what others learn of it.

use super::group::{hang_up_orphans, parent_is_outside};
use super::table::{News, State, Usage};
use super::{INIT, int, result, signal_process};
use crate::client::{ClientId, Host};
use crate::session::{Note, Session};
use crate::{descriptions, execs, nodes, objects};
use ramet_abi::session::{Reply, Request, notice};
use ramet_kcore::errno::{Errno, Result};

/// Unit of si_utime and si_stime, ns.
const TICK: u64 = 10_000_000;
/// Wait status of a process killed by SIGKILL.
pub const STATUS_KILLED: i32 = libc::SIGKILL;

/// si_code of SIGCHLD.
pub(super) mod code {
    pub const EXITED: u64 = 1;
    pub const KILLED: u64 = 2;
    pub const DUMPED: u64 = 3;
    pub const STOPPED: u64 = 5;
    pub const CONTINUED: u64 = 6;
}

pub(super) fn serve(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let pid = session.client(client)?.pid;
    let [status, user, system, resident, faults, _] = request.arguments;
    let usage = Usage { user, system, resident, faults };
    end(session, pid, sane_status(int(status)), usage);
    result(0)
}

/// A status that wait(2) can tell: exited with 0 to 255, or killed by a signal.
fn sane_status(status: i32) -> i32 {
    match status & 0x7f {
        0 => status & 0xff00,
        1..=64 => status & 0xff,
        _ => STATUS_KILLED,
    }
}

/// si_code and si_status of a wait status.
pub(super) fn meaning(status: i32) -> (u64, u64) {
    match status & 0x7f {
        0 => (code::EXITED, (status >> 8 & 0xff) as u64),
        signal if status & 0x80 != 0 => (code::DUMPED, signal as u64),
        signal => (code::KILLED, signal as u64),
    }
}

/// The VM's socket has ended.
pub fn lost(session: &mut Session, client: ClientId) {
    let Some(lost) = session.clients.get(client) else { return };
    let pid = lost.pid;
    if lost.over {
    } else if matches!(lost.host, Host::Promised) {
        super::failed(session, client);
    } else {
        objects::process_fell(session, pid);
        end(session, pid, STATUS_KILLED, Usage::default());
    }
    session.clients.remove(client);
}

/// The VM holds nothing any more and is told nothing any more.
pub(super) fn leave(session: &mut Session, client: ClientId) {
    super::questions::client_gone(session, client);
    session.killing.remove(&client);
    objects::client_gone(session, client);
    descriptions::client_gone(session, client);
    nodes::client_gone(session, client);
    if let Some(client) = session.clients.get_mut(client) {
        client.over = true;
        client.nodes = Default::default();
        client.descriptions = Default::default();
    }
}

/// A notice for a process, if it has a VM.
pub(super) fn tell(session: &mut Session, pid: i32, kind: u32, values: [u64; 4]) {
    if let Ok(process) = session.processes.get(pid)
        && let Some(client) = process.client
    {
        session.notify(client, Note { kind, values, ..Note::default() });
    }
}

/// The process is over (do_exit of Linux, in its order): it lets go of everything, its children get another parent, groups that have nobody
/// outside any more are hung up, its parent is told.
pub fn end(session: &mut Session, pid: i32, status: i32, usage: Usage) {
    let Ok(process) = session.processes.get_mut(pid) else { return };
    if process.is_zombie() {
        return;
    }
    process.usage = usage;
    process.news = None;
    let (client, leader, own_group) = (process.client.take(), process.session == pid, process.group);
    if let Some(client) = client {
        leave(session, client);
    }
    if leader {
        objects::leader_ended(session, pid);
    }
    if pid == session.processes.first {
        session.processes.ending = true;
    }
    let outside = parent_is_outside(session, pid);
    if let Ok(process) = session.processes.get_mut(pid) {
        process.state = State::Zombie(status);
    }
    abandon_children(session, pid);
    if outside {
        hang_up_orphans(session, own_group);
    }
    objects::process_ended(session, pid);
    execs::process_ended(session, pid, status);
    bury_or_tell(session, pid);
}

/// The parent of the orphans of `pid`.
fn reaper(session: &Session, pid: i32) -> i32 {
    let mut ancestor = session.processes.get(pid).map_or(0, |process| process.parent);
    while let Ok(process) = session.processes.get(ancestor) {
        if process.subreaper && !process.is_zombie() {
            return ancestor;
        }
        ancestor = process.parent;
    }
    INIT
}

fn abandon_children(session: &mut Session, pid: i32) {
    let Ok(process) = session.processes.get_mut(pid) else { return };
    let children = std::mem::take(&mut process.children);
    let uid = process.ids.real;
    if children.is_empty() {
        return;
    }
    let reaper = if pid == session.processes.first { 0 } else { reaper(session, pid) };
    for &child in &children {
        let outside = parent_is_outside(session, child);
        let Ok(process) = session.processes.get_mut(child) else { continue };
        process.parent = reaper;
        process.exit_signal = libc::SIGCHLD as u32;
        let (group, zombie, signal) = (process.group, process.is_zombie(), process.death_signal);
        if let Ok(adopter) = session.processes.get_mut(reaper) {
            adopter.children.push(child);
        }
        if zombie {
            bury_or_tell(session, child);
        } else {
            tell(session, child, notice::REPARENTED, [reaper as u64, 0, 0, 0]);
            if signal != 0 {
                signal_process(session, child, signal, [0, pid as u64, uid.into(), 0]);
            }
        }
        if outside {
            hang_up_orphans(session, group);
        }
    }
}

/// Nobody will wait for the process (any more).
pub(super) fn forget(session: &mut Session, pid: i32) -> Option<super::Process> {
    objects::process_gone(session, pid);
    session.processes.remove(pid)
}

/// The thread that made a child of `caller` has ended, which the child may want to know (prctl(2), PR_SET_PDEATHSIG).
pub(super) fn maker_ended(session: &mut Session, caller: i32, child: i32) -> Result<()> {
    let uid = session.processes.get(caller)?.ids.real;
    let process = session.processes.get(child)?;
    if process.parent != caller {
        return Err(Errno::ESRCH);
    }
    let signal = process.death_signal;
    if signal != 0 && !process.is_zombie() {
        signal_process(session, child, signal, [0, caller as u64, uid.into(), 0]);
    }
    Ok(())
}

/// A zombie's parent is told, or the zombie is forgotten: nobody will wait for it.
fn bury_or_tell(session: &mut Session, pid: i32) {
    let Ok(process) = session.processes.get(pid) else { return };
    let State::Zombie(status) = process.state else { return };
    let (parent, signal, uid, usage) = (process.parent, process.exit_signal, process.ids.real, process.usage);
    let Ok(parent_process) = session.processes.get(parent) else {
        // The keeper, or nobody.
        forget(session, pid);
        return;
    };
    if parent_process.children_vanish && signal == libc::SIGCHLD as u32 {
        forget(session, pid);
    }
    let (code, value) = meaning(status);
    tell(session, parent, notice::CHILD, [0; 4]);
    if signal != 0 {
        let ticks = |time: u64| (time / TICK).min(u32::MAX.into()) << 32;
        let who = u64::from(uid) | ticks(usage.user);
        signal_process(session, parent, signal, [code, pid as u64, who, value | ticks(usage.system)]);
    }
}

/// STOPPED: the process says that it has stopped or goes on.
pub(super) fn stopped(session: &mut Session, caller: i32, request: &Request) -> Result<Reply> {
    let signal = request.arguments[0];
    if signal > 64 {
        return Err(Errno::EINVAL);
    }
    session.processes.get(caller)?;
    match signal {
        0 => continued(session, caller),
        signal => changed(session, caller, State::Stopped, News::Stopped(signal as u32)),
    }
    result(0)
}

/// SIGCONT has been sent to the process: if it was stopped, it no longer is, and its parent may know, whenever its VM looks.
pub(super) fn continued(session: &mut Session, pid: i32) {
    if session.processes.get(pid).is_ok_and(|process| process.state == State::Stopped) {
        changed(session, pid, State::Running, News::Continued);
    }
}

/// SIGKILL has been sent to the process: no stop or continuation is told of any more, although its VM's end may take a moment.
pub(super) fn killed(session: &mut Session, pid: i32) {
    if let Ok(process) = session.processes.get_mut(pid) {
        process.news = None;
        if process.state == State::Stopped {
            process.state = State::Running;
        }
    }
}

fn changed(session: &mut Session, pid: i32, state: State, news: News) {
    let Ok(process) = session.processes.get_mut(pid) else { return };
    if process.is_zombie() || process.state == state {
        return;
    }
    let (code, value) = match news {
        News::Continued => (code::CONTINUED, libc::SIGCONT as u64),
        News::Stopped(signal) => (code::STOPPED, signal.into()),
    };
    process.state = state;
    process.news = Some(news);
    let (parent, uid) = (process.parent, process.ids.real);
    if let Ok(parent_process) = session.processes.get(parent) {
        let silent = parent_process.no_stop_signals;
        tell(session, parent, notice::CHILD, [0; 4]);
        if !silent {
            let values = [code, pid as u64, uid.into(), value];
            signal_process(session, parent, libc::SIGCHLD as u32, values);
        }
    }
}
