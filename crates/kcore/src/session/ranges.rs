//! Ranges of files that processes of this VM have locked at the keeper: closing any descriptor of such a file gives them up (fcntl(2)).

use super::client::Client;
use super::export::share;
use super::file::SessionFile;
use crate::fs::inode::Inode;
use crate::fs::locks::LockOwner;
use crate::fs::open_file::OpenFile;
use alloc::rc::Rc;
use ramet_abi::session::op;

/// Stands for the device of what has no inode here: its number is the description's.
const NO_DEVICE: u64 = u64::MAX;
/// LOCK: a range of a process; unlock.
const POSIX: u64 = 1;
const UNLOCK: u64 = 2;

/// The way to the keeper, and what a file is known by.
fn find(file: &OpenFile) -> Option<(Rc<Client>, (u64, u64))> {
    if let Some(remote) = file.remote() {
        let key = file.inode().map_or((NO_DEVICE, remote.id), |inode| inode.id());
        return Some((remote.client().clone(), key));
    }
    let local = file.downcast::<SessionFile>()?;
    Some((local.inode().client().clone(), local.inode().id()))
}

fn number(owner: LockOwner) -> Option<u64> {
    match owner {
        LockOwner::Process(id) => Some(id.0),
        LockOwner::Description(_) => None,
    }
}

/// A process has locked a range at the keeper.
pub fn has_locked(file: &OpenFile, owner: LockOwner) {
    if let (Some((client, key)), Some(owner)) = (find(file), number(owner)) {
        client.ranges.borrow_mut().insert((owner, key));
    }
}

/// A process closes a descriptor of `file`.
pub fn closes(file: &OpenFile, owner: LockOwner) {
    if file.is_path_only() {
        return;
    }
    let (Some((client, key)), Some(owner)) = (find(file), number(owner)) else { return };
    let has_some = client.ranges.borrow_mut().remove(&(owner, key));
    if has_some
        && share(file).is_ok()
        && let Some(remote) = file.remote()
    {
        // The keeper has nothing against it.
        let _ = remote.call(op::LOCK, 0, &[POSIX, UNLOCK, 0, u64::MAX, 0]);
    }
}
