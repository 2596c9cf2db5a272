//! Open file descriptions.
//!
//! A description is an [`OpenFile`], whose number in the session is its id. It lives while a VM holds it or a message that carries it is on its way.

mod described;
mod io;
mod ioctl;
mod lent;
mod lock;
mod open;
mod signal_io;
mod splice;
mod watch;

use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request, op};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::fs::notify;
use ramet_kcore::fs::open_file::OpenFile;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// Most descriptions of a session (Linux: file-max).
const OPEN_MAX: usize = 1 << 16;
/// Most descriptions that one VM may hold (RLIMIT_NOFILE's hard limit is below).
const HELD_MAX: usize = 1 << 20;

struct Entry {
    file: Rc<OpenFile>,
    /// VMs that hold it.
    holders: u32,
    /// Transfers of a pipe's end since it was last in the keeper.
    transfers: u32,
    /// How often it was lent.
    lent: u32,
}

/// What this module keeps of a session.
#[derive(Default)]
pub struct State {
    open: BTreeMap<u64, Entry>,
    watches: watch::Watches,
    locks: lock::Waits,
    lent: lent::Lent,
    opener: Option<open::Opener>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// The description that the VM holds.
///
/// # Errors
/// EBADF.
pub fn get(session: &Session, client: ClientId, id: u64) -> Result<Rc<OpenFile>> {
    session.client(client)?.check_description(id)?;
    session.descriptions.open.get(&id).map(|entry| entry.file.clone()).ok_or(Errno::EBADF)
}

/// Gives the VM a description. Its id.
///
/// # Errors
/// ENFILE: it holds too many, or there are too many.
pub fn give(session: &mut Session, client: ClientId, file: Rc<OpenFile>) -> Result<u64> {
    if session.client(client)?.descriptions.len() >= HELD_MAX {
        return Err(Errno::ENFILE);
    }
    let id = file.id.0;
    if session.descriptions.open.len() >= OPEN_MAX && !session.descriptions.open.contains_key(&id) {
        return Err(Errno::ENFILE);
    }
    lent::take_back(session, id);
    session.descriptions.open.entry(id).or_insert(Entry { file, holders: 0, transfers: 0, lent: 0 });
    if session.client_mut(client)?.descriptions.add(id)
        && let Some(entry) = session.descriptions.open.get_mut(&id)
    {
        entry.holders += 1;
    }
    Ok(id)
}

/// Whether there are so many that new pipes are to be small, as Linux makes them for those who have many (pipe-user-pages-soft).
pub fn are_many(session: &Session) -> bool {
    session.descriptions.open.len() >= OPEN_MAX / 8
}

/// The VM does not use the description any more.
///
/// # Errors
/// EBADF.
pub fn release(session: &mut Session, client: ClientId, id: u64) -> Result<()> {
    if !session.client_mut(client)?.descriptions.remove(id) {
        return Err(Errno::EBADF);
    }
    lent::take_back(session, id);
    session.descriptions.watches.end(client, id);
    if let Some(file) = session.descriptions.open.get(&id).map(|entry| entry.file.clone()) {
        session.descriptions.locks.closed(client, &file);
    }
    drop_holder(session, id);
    Ok(())
}

/// If the inode has no name and nobody has it open, those who watch it are told that it is gone: that VMs still know of it does not matter.
pub(crate) fn tell_if_gone(session: &Session, inode: &dyn Inode) {
    let Some(state) = inode.used_state() else { return };
    if inode.stat().is_ok_and(|stat| stat.links == 0) {
        // What has lost its name holds the directory that it was in.
        let is_it = |entry: &Entry| {
            let mut at = entry.file.path().map(|path| path.dentry.clone());
            while let Some(dentry) = at {
                if dentry.inode().id() == inode.id() {
                    return true;
                }
                at = dentry.parent().filter(|_| dentry.is_deleted());
            }
            false
        };
        if !session.descriptions.open.values().any(is_it) {
            state.watches.inode_gone();
        }
    }
}

fn drop_holder(session: &mut Session, id: u64) {
    let Some(entry) = session.descriptions.open.get_mut(&id) else { return };
    entry.holders -= 1;
    if entry.holders == 0 {
        // Closing may wake others, who look at nothing of the session: notices go to the outbox.
        let closed = session.descriptions.open.remove(&id);
        let place = closed.as_ref().filter(|_| notify::is_on()).and_then(|entry| entry.file.path().cloned());
        drop(closed);
        let mut at = place.map(|place| place.dentry);
        while let Some(dentry) = at.filter(|dentry| dentry.is_deleted()) {
            tell_if_gone(session, &**dentry.inode());
            at = dentry.parent();
        }
    }
}

/// Serves a request. `data`: that of the request, then that of the answer (empty, unless the operation says more).
///
/// # Errors
/// Those of the operation.
pub fn serve(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let keep = matches!(request.operation, op::READ | op::IOCTL | op::GETDENTS | op::DISPLAY | op::DESCRIBED);
    crate::objects::begin(session, client);
    let stays = matches!(request.operation, op::READ | op::WRITE | op::PIPE_MEMORY | op::PIPE_WAKE)
        || matches!(request.operation, op::FLAGS | op::WATCH | op::POLL) && request.flags == 0;
    if !stays {
        lent::take_back(session, request.id);
        lent::take_back(session, request.other);
    }
    let answered = match request.operation {
        op::OPEN => open::open(session, client, request),
        op::READ => io::read(session, client, request, data),
        op::WRITE => io::write(session, client, request, data),
        op::SEEK => io::seek(session, client, request),
        op::FLAGS => io::flags(session, client, request),
        op::POLL => watch::poll(session, client, request),
        op::WATCH => watch::watch(session, client, request),
        op::IOCTL => ioctl::ioctl(session, client, request, data),
        op::STAT_DESCRIPTION => io::stat(session, client, request),
        op::SETATTR_DESCRIPTION => io::set_attributes(session, client, request),
        op::GETDENTS => io::entries(session, client, request, data),
        op::LOCK => lock::lock(session, client, request),
        op::DISPLAY => io::display(session, client, request, data),
        op::PIPE_SIZE => io::pipe_size(session, client, request),
        op::OWNER => signal_io::owner(session, client, request),
        op::DESCRIBED => described::described(session, client, request, data),
        op::SPLICE => splice::splice(session, client, request),
        op::PIPE_MEMORY => lent::memory(session, client, request),
        op::PIPE_WAKE => lent::wake(session, client, request),
        _ => Err(Errno::ENOSYS),
    };
    if !keep {
        data.clear();
    }
    crate::nodes::show_changes(session);
    crate::objects::settle(session);
    answered
}

/// Whatever that VM does next may reach its pipes by other ways: they are the keeper's again.
pub fn take_back(session: &mut Session, client: ClientId) {
    lent::take_all_back(session, client);
}

/// `child` is a copy of `parent`: it holds what the parent holds.
pub fn inherit(session: &mut Session, parent: ClientId, child: ClientId) {
    lent::take_all_back(session, parent);
    let Some(held) = session.clients.get(parent).map(|parent| parent.descriptions.clone()) else { return };
    for id in held.ids() {
        if let Some(entry) = session.descriptions.open.get_mut(&id) {
            entry.holders += 1;
        }
    }
    if let Some(child) = session.clients.get_mut(child) {
        child.descriptions = held;
    }
}

/// The process of the VM is over: nothing of what it held is used any more.
pub fn client_gone(session: &mut Session, client: ClientId) {
    crate::objects::begin(session, client);
    lent::take_all_back(session, client);
    session.descriptions.watches.client_gone(client);
    session.descriptions.locks.client_gone(client);
    if let Some(held) = session.clients.get_mut(client).map(|client| std::mem::take(&mut client.descriptions))
    {
        held.ids().for_each(|id| drop_holder(session, id));
    }
    crate::objects::settle(session);
}
