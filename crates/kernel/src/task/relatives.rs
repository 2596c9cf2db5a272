//! The session's other processes, as its keeper knows them: [`Elsewhere`] by requests.

use super::family::{self, Elsewhere, Facts, Place};
use super::makers::Scope;
use super::process::{self, Process};
use super::sched;
use crate::arch::user;
use crate::global::Global;
use crate::session;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use ramet_abi::session::{Reply, Request, op};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::family::{Change, Options, Usage, What, Which};
use ramet_kcore::file::File;
use ramet_kcore::session::{RemoteFile, Traits};
use ramet_kcore::signal::SigInfo;

/// The keeper's word.
pub struct Relatives {
    /// Ids that nobody has: the next, and how many.
    free: Cell<(i32, i32)>,
}

impl Relatives {
    /// For a session that has begun.
    pub fn new() -> Rc<Relatives> {
        Rc::new(Relatives { free: Cell::new((0, 0)) })
    }
}

static JOINED: Global<Cell<bool>> = Global::new(Cell::new(false));

/// At the first fork: the session's keeper knows from now on who is where, and learns what the VM's process is like.
///
/// # Errors
/// EAGAIN: the keeper does not answer.
pub fn join() -> Result<()> {
    const IN_USE: u32 = 1;
    if JOINED.get() {
        return Ok(());
    }
    let highest = process::unused_id();
    let request = Request {
        operation: op::TIDS,
        flags: IN_USE,
        arguments: [highest as u64, 0, 0, 0, 0, 0],
        ..Request::default()
    };
    session::call(&request, &[])?;
    family::connect(Relatives::new());
    if let Some(first) = process::first() {
        introduce(&first);
    }
    JOINED.set(true);
    Ok(())
}

fn ask(operation: u32, arguments: &[u64]) -> Result<Reply> {
    let mut request = Request { operation, ..Request::default() };
    request.arguments[..arguments.len()].copy_from_slice(arguments);
    session::call(&request, &[])
}

/// Ids for processes and threads of this VM that nobody else has: the first, and how many. Those that are no longer in use are given back.
fn more_ids() -> Result<(i32, i32)> {
    const IN_USE: u32 = 2;
    let (fewest, most) = (32, 256);
    let mut used: Vec<i32> = Vec::new();
    for process in process::all() {
        used.push(process.pid.get());
        used.extend(process.threads.borrow().iter().map(|thread| thread.tid.get()));
    }
    // Asking costs as much as there is to tell.
    let count = i32::try_from(used.len()).unwrap_or(most).clamp(fewest, most);
    let request = Request {
        operation: op::TIDS,
        flags: IN_USE,
        arguments: [count as u64, 0, 0, 0, 0, 0],
        ..Request::default()
    };
    let used: Vec<u8> = used.into_iter().flat_map(i32::to_le_bytes).collect();
    let first = session::call(&request, &used)?.result;
    Ok((i32::try_from(first).map_err(|_| Errno::EAGAIN)?, count))
}

/// Whether `process` is the one that the keeper knows this VM by.
fn is_known(process: &Process) -> bool {
    process::first().is_some_and(|first| core::ptr::eq(&*first, process))
}

fn signal_arguments(target: i32, tid: i32, info: Option<&SigInfo>) -> [u64; 5] {
    let (number, code, value) =
        info.map_or((0, 0, 0), |info| (info.signal().number() as u64, info.code() as u64, info.value()));
    [target as u64, tid as u64, number, code, value]
}

/// KILL: not the caller itself, which has been told already.
const NOT_MYSELF: u32 = 2;

impl Elsewhere for Relatives {
    fn new_pid(&self) -> Result<i32> {
        let (mut next, mut left) = self.free.get();
        if left == 0 {
            (next, left) = more_ids()?;
        }
        self.free.set((next + 1, left - 1));
        Ok(next)
    }

    fn forget_pid(&self, pid: i32) {
        const ENDED: u32 = 1;
        let place = |process: Rc<Process>| (process.group.get(), process.session.get());
        let (own, host) = (process::find(pid).map(place), process::first().map(place));
        if own.is_some() && own != host {
            let request = Request {
                operation: op::LODGER,
                flags: ENDED,
                arguments: [pid as u64, 0, 0, 0, 0, 0],
                ..Request::default()
            };
            // The keeper has known it; there is nothing that could fail.
            let _ = session::call(&request, &[]);
        }
    }

    fn wait(
        &self,
        parent: &Process,
        which: Which,
        options: Options,
        scope: &Scope,
    ) -> Result<Option<Change>> {
        if !is_known(parent) {
            return Err(Errno::ECHILD);
        }
        let (kind, id) = match which {
            Which::Any => (0, 0),
            Which::Process(pid) => (1, pid),
            Which::Group(group) => (2, group),
        };
        let (named, children): (u32, &[i32]) = match scope {
            Scope::All => (0, &[]),
            Scope::Only(children) => (1, children),
            Scope::Except(children) => (2, children),
        };
        let children: Vec<u8> = children.iter().flat_map(|child| child.to_le_bytes()).collect();
        let request = Request {
            operation: op::WAIT,
            flags: named,
            arguments: [kind, id as u64, options.bits().into(), 0, 0, 0],
            ..Request::default()
        };
        let reply = session::call(&request, &children)?;
        if reply.result == 0 {
            return Ok(None);
        }
        let [code, status, uid, user_time, system_time, resident, _, faults] = reply.values;
        let what = What::of_child_signal(code as i32, status as u8).ok_or(Errno::EIO)?;
        let usage = Usage { user_time, system_time, resident, faults };
        Ok(Some(Change { pid: reply.result as i32, uid: uid as u32, what, usage }))
    }

    fn kill(&self, target: i32, info: Option<&SigInfo>) -> Result<()> {
        let mut request = Request { operation: op::KILL, flags: NOT_MYSELF, ..Request::default() };
        request.arguments[..5].copy_from_slice(&signal_arguments(target, 0, info));
        session::call(&request, &[]).map(drop)
    }

    fn kill_thread(&self, process: Option<i32>, tid: i32, info: Option<&SigInfo>) -> Result<()> {
        ask(op::KILL, &signal_arguments(process.unwrap_or(tid), tid, info)).map(drop)
    }

    fn place(&self, pid: i32) -> Option<Place> {
        let reply = ask(op::PROCESS, &[pid as u64]).ok()?;
        Some(Place { group: reply.values[1] as i32, session: reply.values[2] as i32 })
    }

    fn has_group(&self, group: i32, session: i32) -> bool {
        let is_there =
            |pid: i32| self.place(pid).is_some_and(|place| (place.group, place.session) == (group, session));
        is_there(group) || pids().into_iter().any(is_there)
    }

    fn pidfd(&self, pid: i32) -> Result<Rc<dyn File>> {
        let id = ask(op::PIDFD, &[pid as u64])?.result as u64;
        let client = session::client().ok_or(Errno::ESRCH)?;
        Ok(RemoteFile::new(&client, id, Traits::EVENT, None))
    }

    fn set_group(&self, pid: i32, group: i32) -> Result<()> {
        ask(op::SETPGID, &[pid as u64, group as u64]).map(drop)
    }

    fn tell(&self, process: &Process, change: &Change) {
        if !is_known(process) {
            return;
        }
        let told = match change.what {
            What::Stopped(signal) => ask(op::STOPPED, &[signal.into()]),
            What::Continued => ask(op::STOPPED, &[0]),
            // Said by `ended`.
            What::Exited(_) | What::Killed(_) => return,
        };
        // Nobody is there to hear of a failure; the keeper refuses what makes no sense only.
        let _ = told;
    }

    fn describe(&self, process: &Process, facts: Facts) {
        if !is_known(process) {
            return;
        }
        match facts {
            Facts::Ids | Facts::Program => describe(process),
            Facts::ChildSignal => child_signal_changed(process),
            Facts::Options => options_changed(process),
        }
    }

    fn is_orphaned(&self, group: i32) -> bool {
        ask(op::ORPHANED, &[group as u64]).is_ok_and(|reply| reply.result == 1)
    }

    fn has_changed_place(&self, process: &Process) -> Result<()> {
        let (pid, group) = (process.pid.get(), process.group.get());
        if !is_known(process) {
            return ask(op::LODGER, &[pid as u64, group as u64, process.session.get() as u64]).map(drop);
        }
        let told = if process.session.get() == pid && group == pid {
            ask(op::SETSID, &[])
        } else {
            ask(op::SETPGID, &[pid as u64, group as u64])
        };
        told.map(drop)
    }

    fn adopt(&self, _: &Process) -> i32 {
        1
    }
}

/// All process ids of the session.
pub fn pids() -> Vec<i32> {
    let request = Request { operation: op::PIDS, wanted: ramet_abi::session::DATA_MAX, ..Request::default() };
    let Ok((_, data)) = session::call_data(&request, &[]) else { return Vec::new() };
    data.chunks_exact(4).map(|id| i32::from_le_bytes(id.try_into().expect("four bytes"))).collect()
}

/// The real user id of a process of the session.
pub fn user_of(pid: i32) -> Option<u32> {
    ask(op::PROCESS, &[pid as u64]).ok().map(|reply| (reply.values[4] >> 32) as u32)
}

/// Processes of the session with the caller's real user id.
pub fn processes_of_user() -> u64 {
    const OWN_USER: u32 = 1;
    let request = Request { operation: op::PIDS, flags: OWN_USER, ..Request::default() };
    session::call(&request, &[]).map_or(0, |reply| reply.result as u64)
}

/// The VM's process is over: the last request of a VM.
pub fn ended(process: &Process, status: u32) {
    let used = family::used(process);
    let _ = ask(op::EXIT, &[status.into(), used.user_time, used.system_time, used.resident, used.faults]);
}

/// Tells the keeper all that others may ask about a process.
fn introduce(process: &Process) {
    describe(process);
}

/// In the child of a fork: the ids that the parent has asked for are the parent's.
pub fn after_fork_child() {
    family::connect(Relatives::new());
}

/// The thread that made a child has ended.
pub fn maker_ended(child: i32) {
    let _ = ask(op::OPTION, &[4, child as u64]);
}

fn options_changed(process: &Process) {
    let _ = ask(op::OPTION, &[1, process.subreaper.get().into()]);
    let _ = ask(op::OPTION, &[2, process.parent_death_signal.get() as u64]);
}

/// Name, arguments, ids and options of a process: as the running thread has them, if it is one of its.
fn describe(process: &Process) {
    let running = sched::current();
    let thread = if core::ptr::eq(&*running.process, process) {
        running
    } else {
        match process.threads.borrow().first() {
            Some(thread) => thread.clone(),
            None => return,
        }
    };
    let credentials = thread.credentials.borrow().clone();
    let (name, ids) = (thread.name.get(), [credentials.uid, credentials.euid, credentials.suid]);
    let mut text = Vec::from(name.split(|byte| *byte == 0).next().unwrap_or_default());
    text.push(0);
    text.extend(command_line(process));
    let executed = process.family.has_executed.get();
    let request = Request {
        operation: op::DESCRIBE,
        flags: 31,
        arguments: [
            ids[0].into(),
            ids[1].into(),
            ids[2].into(),
            executed.into(),
            child_signal(process),
            u64::from(process.subreaper.get()) | (process.parent_death_signal.get() as u64) << 8,
        ],
        ..Request::default()
    };
    let _ = session::call(&request, &text);
}

/// The program's arguments, as far as others get to see them.
fn command_line(process: &Process) -> Vec<u8> {
    const MOST: u64 = 4096;
    let Some((start, end)) = process.layout.borrow().as_ref().map(|stack| stack.arguments) else {
        return Vec::new();
    };
    let mut bytes = alloc::vec![0; end.saturating_sub(start).min(MOST) as usize];
    let got = user::read_some(start as usize, &mut bytes);
    bytes.truncate(got);
    bytes
}

fn child_signal_changed(process: &Process) {
    let _ = ask(op::OPTION, &[3, child_signal(process)]);
}

/// What the process does with SIGCHLD decides what becomes of its children's ends. Bit 0: they vanish; bit 1: it is not told of stops.
fn child_signal(process: &Process) -> u64 {
    use ramet_kcore::signal::{Signal, action::sa};
    let dispositions = process.dispositions.borrow();
    u64::from(dispositions.discards_children())
        | u64::from(dispositions.get(Signal::CHLD).has(sa::NOCLDSTOP)) << 1
}
