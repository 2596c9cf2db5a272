//! The session's file system: nodes by id, which every VM walks by itself.
//!
//! A node's id stands for a place (a name, which follows renames), so that a file with two names may have two ids; its device and inode
//! number tell that they are one. Permissions are the asking kernel's business: it has them with every answer.

mod attributes;
mod data;
mod memory;
mod names;
mod pages;
mod touched;
mod tree;
mod versions;

pub(crate) use attributes::decode as change_of;
pub(crate) use memory::{CopiedMemory, HostMemory, copy_all, descriptors, memory};
pub(crate) use tree::{display, tree_of};

use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request, Stat, op, tree as trees};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::memfs::{MemFs, Node};
use ramet_kcore::fs::notify;
use ramet_kcore::fs::path::Path;
use ramet_kcore::map::Map;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;
use touched::Touched;
use tree::{Running, Tree};

/// Most nodes that one VM may hold.
const HELD_MAX: usize = 1 << 18;

struct Entry {
    path: Path,
    tree: usize,
    /// VMs that hold it.
    holders: u32,
}

/// What this module keeps of a session.
pub struct State {
    trees: [Option<Tree>; tree::COUNT],
    entries: BTreeMap<u64, Entry>,
    /// Ids by the address of the dentry, which the entry keeps alive.
    ids: HashMap<usize, u64>,
    next: u64,
    /// The import that is going on.
    import: Option<Running>,
    /// What came with imports, until the VM has found its nodes.
    imported: Vec<(ClientId, usize, Map<u64, Rc<Node>>)>,
    touched: Rc<Touched>,
    shared: memory::Shared,
    watched: bool,
    versions: versions::Versions,
}

impl Default for State {
    fn default() -> Self {
        State {
            trees: Default::default(),
            entries: BTreeMap::new(),
            ids: HashMap::new(),
            next: 1,
            import: None,
            imported: Vec::new(),
            touched: Rc::default(),
            shared: memory::Shared::default(),
            watched: false,
            versions: versions::Versions::default(),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// The place of a node that the VM holds.
///
/// # Errors
/// EBADF.
pub fn path(session: &Session, client: ClientId, id: u64) -> Result<Path> {
    Ok(entry(session, client, id)?.path.clone())
}

fn entry(session: &Session, client: ClientId, id: u64) -> Result<&Entry> {
    session.client(client)?.check_node(id)?;
    session.nodes.entries.get(&id).ok_or(Errno::EBADF)
}

/// The node of memory file or other file of the session at that place.
pub(crate) fn node_of(path: &Path) -> Result<&Node> {
    path.inode().as_any().downcast_ref::<Node>().ok_or(Errno::EINVAL)
}

/// Gives the VM the id of a place in file system `tree`.
pub(crate) fn give(session: &mut Session, client: ClientId, tree: usize, path: Path) -> Result<u64> {
    if session.client(client)?.nodes.len() >= HELD_MAX {
        return Err(Errno::ENFILE);
    }
    let address = Rc::as_ptr(&path.dentry) as usize;
    let state = &mut session.nodes;
    let id = match state.ids.get(&address) {
        Some(&id) => id,
        None => {
            let id = state.next;
            state.next += 1;
            state.ids.insert(address, id);
            state.entries.insert(id, Entry { path, tree, holders: 0 });
            id
        }
    };
    if session.client_mut(client)?.nodes.add(id)
        && let Some(entry) = session.nodes.entries.get_mut(&id)
    {
        entry.holders += 1;
    }
    Ok(id)
}

/// The file system of memory files.
pub(crate) fn memory_files(session: &mut Session) -> Result<Rc<MemFs>> {
    Ok(tree::get(session, trees::MEMORY as usize)?.fs.clone())
}

/// Bytes of files in memory, all places together.
pub(crate) fn file_bytes(session: &Session) -> u64 {
    session.nodes.trees.iter().flatten().map(|tree| tree.fs.used_bytes()).sum()
}

/// Gives the VM the node of a memory file.
pub(crate) fn give_memory(session: &mut Session, client: ClientId, place: Path) -> Result<u64> {
    give(session, client, trees::MEMORY as usize, place)
}

/// One holder less.
fn drop_holder(state: &mut State, id: u64) {
    let Some(entry) = state.entries.get_mut(&id) else { return };
    entry.holders -= 1;
    if entry.holders == 0
        && let Some(entry) = state.entries.remove(&id)
    {
        state.ids.remove(&(Rc::as_ptr(&entry.path.dentry) as usize));
    }
}

/// Attributes as the contract has them.
pub(crate) fn encode(stat: &ramet_kcore::stat::Stat) -> Stat {
    Stat {
        device: stat.device,
        inode: stat.inode,
        mode: stat.mode,
        links: stat.links,
        uid: stat.uid,
        gid: stat.gid,
        special: stat.rdev,
        size: stat.size,
        blocks: stat.blocks,
        accessed: stat.accessed as u64,
        modified: stat.modified as u64,
        changed: stat.changed as u64,
    }
}

/// The answer of operations that give a node.
fn answer(session: &mut Session, client: ClientId, tree: usize, path: Path) -> Result<Reply> {
    let inode = path.inode().clone();
    let id = give(session, client, tree, path)?;
    let mut reply = Reply { result: id as i64, stat: encode(&inode.stat()?), ..Reply::default() };
    if let Some(number) = inode.as_any().downcast_ref::<Node>().and_then(Node::image_data) {
        reply.values[0] = number + 1;
    }
    Ok(reply)
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
    let on = notify::is_on();
    if on {
        crate::objects::begin(session, client);
    }
    let answered = operate(session, client, request, data);
    show_changes(session);
    if on {
        crate::objects::settle(session);
    }
    answered
}

/// Shows all VMs what has changed.
pub(crate) fn show_changes(session: &mut Session) {
    let (touched, versions) = (session.nodes.touched.take(), session.nodes.versions.take());
    if touched.is_empty() && versions.is_empty() {
        return;
    }
    for (_, client) in session.clients.iter() {
        touched.iter().for_each(|&bit| client.channel.touch(bit));
        versions.iter().for_each(|&(slot, version)| client.channel.set_version(slot, version));
    }
}

/// Somebody watches files: VMs ask for all that they open.
pub(crate) fn are_watched(session: &mut Session) {
    if !std::mem::replace(&mut session.nodes.watched, true) {
        session.clients.iter().for_each(|(_, client)| client.channel.set_watched());
    }
}

/// A name in the directory, or owner or permissions of the inode, have changed.
pub(crate) fn changed(session: &mut Session, path: &Path) {
    session.nodes.versions.changed(path.inode().id());
    session.names_changed();
}

fn operate(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    // Operations that have an answer's data fill them themselves; all others have none.
    let keep = matches!(request.operation, op::READLINK | op::READDIR | op::READ_NODE | op::XATTR | op::PATH);
    let answered = match request.operation {
        op::IMPORT => tree::import(session, client, request, data),
        op::ROOT => tree::root(session, client, request),
        op::INODE => tree::inode(session, client, request, data),
        op::WALK => names::walk(session, client, request, data),
        op::CREATE => names::create(session, client, request, data),
        op::UNLINK => names::unlink(session, client, request, data),
        op::RENAME => names::rename(session, client, request, data),
        op::LINK => names::link(session, client, request, data),
        op::READLINK => names::read_link(session, client, request, data),
        op::READDIR => names::read_directory(session, client, request, data),
        op::PATH => names::show(session, client, request, data),
        op::STAT => attributes::stat(session, client, request),
        op::SETATTR => attributes::set(session, client, request),
        op::XATTR => attributes::xattr(session, client, request, data),
        op::STATFS => attributes::statfs(session, client, request),
        op::READ_NODE => data::read(session, client, request, data),
        op::WRITE_NODE => data::write(session, client, request, data),
        op::ALLOCATE => data::allocate(session, client, request),
        op::SEEK_DATA => data::seek(session, client, request),
        op::MEMORY => memory::share(session, client, request),
        op::UNMAP => memory::unmap(session, client, request),
        op::MAPPED => memory::mapped(session, client, request),
        op::MEMFD => memory::create(session, client, request, data),
        op::SEALS => memory::seals(session, client, request),
        op::RELEASE => release(session, client, request, data),
        _ => Err(Errno::ENOSYS),
    };
    if !keep {
        data.clear();
    }
    answered
}

fn release(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    if !data.len().is_multiple_of(8) || request.flags > 1 {
        return Err(Errno::EINVAL);
    }
    if request.flags == 1 {
        crate::objects::begin(session, client);
    }
    let mut result = Ok(Reply::default());
    for id in data.chunks_exact(8).map(|id| id.iter().rev().fold(0, |all, &byte| all << 8 | u64::from(byte)))
    {
        if request.flags == 1 {
            if let Err(error) = crate::descriptions::release(session, client, id) {
                result = Err(error);
            }
        } else if session.client_mut(client)?.nodes.remove(id) {
            drop_holder(&mut session.nodes, id);
        } else {
            result = Err(Errno::EBADF);
        }
    }
    if request.flags == 1 {
        crate::objects::settle(session);
    }
    result
}

/// `child` is a copy of `parent`: it holds what the parent holds.
pub fn inherit(session: &mut Session, parent: ClientId, child: ClientId) {
    let Some(held) = session.clients.get(parent).map(|parent| parent.nodes.clone()) else { return };
    for id in held.ids() {
        if let Some(entry) = session.nodes.entries.get_mut(&id) {
            entry.holders += 1;
        }
    }
    memory::inherit(session, parent, child);
    if let Some(child) = session.clients.get_mut(child) {
        child.nodes = held;
        session.nodes.touched.all(|bit| child.channel.touch(bit));
        if session.nodes.watched {
            child.channel.set_watched();
        }
        session.nodes.versions.all().for_each(|(slot, version)| child.channel.set_version(slot, version));
    }
}

/// The process of the VM is over: nothing of what it held is used any more.
pub fn client_gone(session: &mut Session, client: ClientId) {
    memory::client_gone(session, client);
    if let Some(held) = session.clients.get_mut(client).map(|client| std::mem::take(&mut client.nodes)) {
        held.ids().for_each(|id| drop_holder(&mut session.nodes, id));
    }
    session.nodes.imported.retain(|(importer, ..)| *importer != client);
    if session.nodes.import.as_ref().is_some_and(|running| running.client == client) {
        session.nodes.import = None;
    }
}
