//! What processes tell of themselves, and ask about others.

use super::exit::maker_ended;
use super::table::{State, Usage, UserIds};
use super::{int, numbers, result};
use crate::client::ClientId;
use crate::objects;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};

/// TASK_COMM_LEN without the zero byte.
const NAME_MAX: usize = 15;
/// Most bytes of a command line that are kept.
const COMMAND_MAX: usize = 32 << 10;
/// PIDS: those of the caller's real user only.
const OWN_USER: u32 = 1;
/// `flags` of PROCESS.
const USED: u32 = 1;
/// Most numbers of one block.
const TIDS_MAX: u64 = 256;
/// Numbers that a process may have: twice as many as it may have threads.
const NUMBERS_MAX: usize = 32768;
/// `flags` of TIDS: the data name those that are in use.
const IN_USE: u32 = 2;

pub(super) fn describe(
    session: &mut Session,
    caller: i32,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let process = session.processes.get_mut(caller)?;
    let [.., child_signal, options] = request.arguments;
    if request.flags & !31 != 0 || child_signal > 3 || options & 0xfe != 0 || options >> 8 > 64 {
        return Err(Errno::EINVAL);
    }
    if request.flags & 1 != 0 {
        let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
        process.name = data[..end.min(NAME_MAX)].to_vec();
        let command = data.get(end + 1..).unwrap_or_default();
        process.command = command[..command.len().min(COMMAND_MAX)].to_vec();
    }
    if request.flags & 2 != 0 {
        let [real, effective, saved] = [0, 1, 2].map(|i| request.arguments[i] as u32);
        process.ids = UserIds { real, effective, saved };
    }
    if request.flags & 4 != 0 {
        process.executed = request.arguments[3] != 0;
        if process.executed {
            process.exit_signal = libc::SIGCHLD as u32;
        }
    }
    if request.flags & 8 != 0 {
        process.heed_children(child_signal);
    }
    if request.flags & 16 != 0 {
        process.subreaper = options & 1 != 0;
        process.death_signal = (options >> 8) as u32;
    }
    data.clear();
    result(0)
}

pub(super) fn process(
    session: &Session,
    caller: i32,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    data.clear();
    let pid = match int(request.arguments[0]) {
        0 => caller,
        number => session.processes.owner(number).ok_or(Errno::ESRCH)?,
    };
    let process = session.processes.get(pid)?;
    if request.flags & USED != 0 {
        let Usage { user, system, .. } = process.usage;
        return Ok(Reply {
            result: pid.into(),
            values: [user, system, 0, 0, 0, 0, 0, 0],
            ..Reply::default()
        });
    }
    let state = match process.state {
        State::Running => b'S',
        State::Stopped => b'T',
        State::Zombie(_) => b'Z',
    };
    data.extend(&process.name);
    data.push(0);
    if !process.is_zombie() {
        data.extend(&process.command);
    }
    data.truncate(request.wanted as usize);
    let values = [
        process.parent as u64,
        process.group as u64,
        process.session as u64,
        state.into(),
        u64::from(process.ids.real) << 32 | u64::from(process.ids.effective),
        process.started,
        process.exit_signal.into(),
        i64::from(objects::foreground(session, process.session)) as u64,
    ];
    Ok(Reply { result: pid.into(), values, ..Reply::default() })
}

pub(super) fn pids(session: &Session, caller: i32, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    data.clear();
    let user = session.processes.get(caller)?.ids.real;
    let all = session.processes.iter();
    for process in all.filter(|process| request.flags != OWN_USER || process.ids.real == user) {
        data.extend((process.pid as u32).to_le_bytes());
    }
    result((data.len() / 4) as i64)
}

pub(super) fn option(session: &mut Session, caller: i32, request: &Request) -> Result<Reply> {
    let [option, value, ..] = request.arguments;
    if option == 4 {
        return maker_ended(session, caller, int(value)).and(result(0));
    }
    let process = session.processes.get_mut(caller)?;
    match option {
        1 => process.subreaper = value != 0,
        2 if value <= 64 => process.death_signal = value as u32,
        3 if value <= 3 => process.heed_children(value),
        _ => return Err(Errno::EINVAL),
    }
    result(0)
}

pub(super) fn pidfd(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let pid = int(request.arguments[0]);
    if pid <= 0 {
        return Err(Errno::EINVAL);
    }
    if session.processes.get(pid).is_err() {
        // A thread that is not its process's first.
        return Err(if session.processes.owner(pid).is_some() { Errno::EINVAL } else { Errno::ESRCH });
    }
    result(objects::pidfd(session, client, pid, request.flags)? as i64)
}

pub(super) fn tids(session: &mut Session, caller: i32, request: &Request, used: &[u8]) -> Result<Reply> {
    let table = &mut session.processes;
    let count = request.arguments[0];
    match request.flags {
        0 | IN_USE if (1..=TIDS_MAX).contains(&count) => {
            let process = table.get_mut(caller)?;
            if request.flags == IN_USE {
                process.keep_threads(&numbers(used));
            }
            if process.thread_numbers() + count as usize > NUMBERS_MAX {
                return Err(Errno::EAGAIN);
            }
            let first = table.allocate(count as i32)?;
            table.get_mut(caller)?.add_threads(first, count as i32);
            result(first.into())
        }
        1 if caller == table.first && !table.forked && count < 1 << 21 => {
            table.begin_after(count as i32);
            result(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
