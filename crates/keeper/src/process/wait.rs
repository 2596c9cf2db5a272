//! WAIT: wait4(2), waitid(2) without sleeping.

use super::exit::{code, forget, meaning};
use super::table::{News, Process, State, Usage};
use super::{int, numbers, result};
use crate::client::ClientId;
use crate::objects;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};

const NOHANG: u32 = 1;
const STOPPED: u32 = 2;
const EXITED: u32 = 4;
const CONTINUED: u32 = 8;
const NOWAIT: u32 = 0x0100_0000;
const NOTHREAD: u32 = 0x2000_0000;
const ALL: u32 = 0x4000_0000;
const CLONE: u32 = 0x8000_0000;

/// `flags`: the data are the only children that are meant, or those that are not.
const ONLY: u32 = 1;
const EXCEPT: u32 = 2;

/// Whom the caller waits for.
#[derive(Clone, Copy)]
enum Whom {
    All,
    Process(i32),
    Group(i32),
}

impl Whom {
    fn includes(self, process: &Process) -> bool {
        match self {
            Whom::All => true,
            Whom::Process(pid) => process.pid == pid,
            Whom::Group(group) => process.group == group,
        }
    }
}

/// What is told of a child.
struct Told {
    code: u64,
    value: u64,
    status: i32,
}

pub(super) fn serve(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &[u8],
) -> Result<Reply> {
    let caller = session.client(client)?.pid;
    let [kind, id, options, ..] = request.arguments;
    let options = u32::try_from(options).map_err(|_| Errno::EINVAL)?;
    let known = NOHANG | STOPPED | EXITED | CONTINUED | NOWAIT | NOTHREAD | ALL | CLONE;
    if request.flags > EXCEPT || options & !known != 0 || options & (EXITED | STOPPED | CONTINUED) == 0 {
        return Err(Errno::EINVAL);
    }
    let whom = match (kind, int(id)) {
        (0, _) => Whom::All,
        (1, pid @ 1..) => Whom::Process(pid),
        (2, 0) => Whom::Group(session.processes.get(caller)?.group),
        (2, group @ 1..) => Whom::Group(group),
        (3, _) => Whom::Process(objects::pidfd_target(session, client, id)?),
        _ => return Err(Errno::EINVAL),
    };
    // The children of one thread (__WNOTHREAD), as the caller knows them.
    let named = numbers(data);
    let in_scope = |child: i32| match request.flags {
        0 => true,
        flags => named.contains(&child) == (flags == ONLY),
    };
    let mut known = false;
    for &child in &session.processes.get(caller)?.children {
        let process = session.processes.get(child)?;
        let is_clone = process.exit_signal != libc::SIGCHLD as u32;
        if !in_scope(child)
            || !whom.includes(process)
            || options & ALL == 0 && is_clone != (options & CLONE != 0)
        {
            continue;
        }
        // As on Linux: a zombie will not stop or continue any more.
        known |= !process.is_zombie() || options & EXITED != 0;
        if let Some(told) = look(process, options) {
            return tell(session, caller, child, &told, options);
        }
    }
    if known { result(0) } else { Err(Errno::ECHILD) }
}

fn look(process: &Process, options: u32) -> Option<Told> {
    match (process.state, process.news) {
        (State::Zombie(status), _) if options & EXITED != 0 => {
            let (code, value) = meaning(status);
            Some(Told { code, value, status })
        }
        (State::Stopped, Some(News::Stopped(signal))) if options & STOPPED != 0 => {
            Some(Told { code: code::STOPPED, value: signal.into(), status: (signal as i32) << 8 | 0x7f })
        }
        (State::Running, Some(News::Continued)) if options & CONTINUED != 0 => {
            Some(Told { code: code::CONTINUED, value: libc::SIGCONT as u64, status: 0xffff })
        }
        _ => None,
    }
}

fn tell(session: &mut Session, caller: i32, child: i32, told: &Told, options: u32) -> Result<Reply> {
    let table = &mut session.processes;
    let process = table.get_mut(child)?;
    let usage = process.usage.and(process.children_usage);
    let Usage { user, system, resident, faults } = usage;
    let uid = process.ids.real;
    if options & NOWAIT == 0 {
        process.news = None;
        if process.is_zombie() {
            forget(session, child);
            let parent = session.processes.get_mut(caller)?;
            parent.children_usage = parent.children_usage.and(usage);
        }
    }
    let values = [told.code, told.value, uid.into(), user, system, resident, told.status as u64, faults];
    Ok(Reply { result: child.into(), values, ..Reply::default() })
}
