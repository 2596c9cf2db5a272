//! FORK: a new process, before there is a VM for it.

use super::table::{Lodger, Process};
use super::{int, result};
use crate::channel::Channel;
use crate::client::{ClientId, Host};
use crate::session::Session;
use crate::{descriptions, execs, nodes, objects, sys};
use ramet_abi::session::{Reply, Request, notice};
use ramet_kcore::errno::{Errno, Result};
use std::io;
use std::os::fd::OwnedFd;

/// What a new VM's VMM is given, and the keeper's side of it.
#[derive(Debug)]
pub struct Berth {
    memory: OwnedFd,
    channel: Channel,
    ours: OwnedFd,
    theirs: OwnedFd,
    place: OwnedFd,
}

impl Berth {
    /// Memory and sockets.
    ///
    /// # Errors
    /// EMFILE, ENFILE, ENOMEM.
    pub fn new() -> io::Result<Self> {
        let memory = Channel::memory()?;
        let channel = Channel::map(&memory)?;
        let (ours, theirs) = sys::socket_pair()?;
        let place = ours.try_clone()?;
        channel.warm();
        Ok(Self { memory, channel, ours, theirs, place })
    }
}

/// CLONE_PARENT.
const SIBLING: u32 = 1;
/// A process that somebody outside has asked for.
const ADDED: u32 = 2;
/// VMs whose process is over may be this many more than there may be processes: they are gone in a moment.
const LEAVING: usize = 64;

pub(super) fn serve(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let served = make(session, client, request);
    if served.is_err() && request.flags & ADDED != 0 {
        session.execs.forget_promise();
    }
    served
}

fn make(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let caller = session.client(client)?.pid;
    let [signal, wanted, user_limit, threads, ..] = request.arguments;
    let is_added = request.flags & ADDED != 0;
    if signal > 64 || request.flags & !(SIBLING | ADDED) != 0 || wanted > 1 << 22 {
        return Err(Errno::EINVAL);
    }
    let table = &session.processes;
    if table.ending || table.len() >= table.most || session.clients.len() >= table.most + LEAVING {
        return Err(Errno::EAGAIN);
    }
    if is_added {
        execs::check(session)?;
    }
    let process = table.get(caller)?;
    let of_user = table.iter().filter(|other| other.ids.real == process.ids.real).count() as u64;
    // RLIMIT_NPROC; a process that only moves is counted once.
    if user_limit != 0 && wanted == 0 && of_user.saturating_add(threads) >= user_limit {
        return Err(Errno::EAGAIN);
    }
    let (parent, signal) = match request.flags & SIBLING {
        _ if is_added => (0, libc::SIGCHLD as u32),
        0 => (caller, signal as u32),
        // As on Linux: not for the init of all, and with the caller's own exit signal.
        _ if caller == table.first => return Err(Errno::EINVAL),
        _ => (process.parent, process.exit_signal),
    };
    let reserved = process.has_thread(int(wanted));
    if wanted != 0 && !reserved && !table.is_free(int(wanted)) {
        return Err(Errno::EEXIST);
    }
    let template = process.clone();
    let ram = session.client(client)?.ram;
    if !session.has_ram(ram, None) {
        return Err(Errno::ENOMEM);
    }
    // Before anything changes: what can fail for want of the host's memory or descriptors.
    let again = |_| Errno::EAGAIN;
    let berth = session.spare_berth.take().map_or_else(Berth::new, Ok).map_err(again)?;
    let Berth { memory, channel, ours, theirs, place } = berth;
    let pid = if wanted != 0 { int(wanted) } else { session.processes.allocate(1)? };

    if is_added {
        execs::make(session, pid)?;
    }
    if reserved {
        session.processes.get_mut(caller)?.give_up_thread(pid);
        session.processes.get_mut(caller)?.lodgers.retain(|lodger| lodger.pid != pid);
    }
    let child = session.clients.add(pid, channel, ours);
    let mut process = template.child(pid, parent, signal);
    if let Some(lodger) = template.lodger(pid).filter(|_| reserved) {
        (process.group, process.session) = (lodger.group, lodger.session);
    }
    process.client = Some(child);
    if is_added {
        (process.group, process.session, process.executed) = (pid, pid, true);
    }
    let new = session.client_mut(child)?;
    (new.place, new.ram) = (Some(place), ram);
    process.number_of = if reserved { caller } else { 0 };
    session.processes.add(process);
    session.processes.forked = true;
    objects::process_made(session, pid);
    session.show_names(child);
    nodes::inherit(session, client, child);
    descriptions::inherit(session, client, child);
    objects::inherit(session, client, child);
    session.pass(memory);
    session.pass(theirs);
    result(pid.into())
}

/// The promised process never was: the socket has ended before anybody reported.
pub fn failed(session: &mut Session, client: ClientId) {
    let Some(pid) = session.clients.get(client).map(|client| client.pid) else { return };
    debug_assert!(matches!(session.clients.get(client).map(|c| &c.host), Some(Host::Promised)));
    super::exit::leave(session, client);
    execs::unmake(session, pid);
    if let Some(process) = super::exit::forget(session, pid) {
        if let Ok(owner) = session.processes.get_mut(process.number_of) {
            owner.add_threads(pid, 1);
            if (process.group, process.session) != (owner.group, owner.session) {
                let Process { group, session, .. } = process;
                owner.lodgers.push(Lodger { pid, group, session });
            }
        }
        // Somebody may be waiting for it already.
        super::exit::tell(session, process.parent, notice::CHILD, [0; 4]);
    }
}
