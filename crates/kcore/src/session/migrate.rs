//! The first fork of a session: what was written moves to the keeper, and every name that somebody holds with it.

use super::client::Client;
use super::inode::SessionInode;
use crate::errno::{Errno, Result};
use crate::fs::dentry::Dentry;
use crate::fs::inode::Inode;
use crate::fs::memfs::{MemFs, Node, export};
use crate::fs::path::Path;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Request, op};

/// The node of `fs` at that place.
fn node_of(dentry: &Dentry, fs: &Rc<MemFs>) -> Option<Rc<Node>> {
    let node = dentry.inode().as_any().downcast_ref::<Node>()?;
    node.rc().ok().filter(|node| node.is_in(fs))
}

/// Moves file system `fs` to the keeper, where it becomes number `number` (one of [`ramet_abi::session::tree`]). `root`: where its names
/// begin, if it has any; `held`: all places that somebody holds, `mapped`: all files that are mapped, in whatever file system.
///
/// # Errors
/// EIO and others: the session cannot go on.
pub fn migrate(
    client: &Rc<Client>,
    number: u64,
    fs: &Rc<MemFs>,
    root: Option<&Rc<Dentry>>,
    held: &[Path],
    mapped: &[Rc<Node>],
) -> Result<()> {
    // A file that has never had a name (O_TMPFILE) is above everything, as a root is.
    let nameless = |path: &&Path| path.is_deleted() || path.mount.id == 0 || path.dentry.parent().is_none();
    let unnamed: Vec<&Path> = held.iter().filter(nameless).collect();
    let mut nodes: Vec<Rc<Node>> = unnamed.iter().filter_map(|path| node_of(&path.dentry, fs)).collect();
    // A mapping holds a file that has no name and is not open.
    nodes.extend(mapped.iter().filter(|node| node.is_in(fs) && node.is_unlinked()).cloned());
    let mut pieces = export(fs, &nodes)?;
    let mut piece = pieces.next_piece();
    while let Some(data) = piece {
        piece = pieces.next_piece();
        let request = Request {
            operation: op::IMPORT,
            flags: u32::from(piece.is_some()),
            arguments: [number, 0, 0, 0, 0, 0],
            ..Request::default()
        };
        client.call(&request, &data)?;
    }
    if let Some(root) = root {
        move_names(client, number, fs, root)?;
    }
    for path in held {
        // What has no name any more, or had none.
        if let Some(node) = node_of(&path.dentry, fs) {
            let shown = path.dentry.name();
            let inode = SessionInode::by_number(client, number, node.id().1, &shown)?;
            replace(&path.dentry, inode)?;
        }
    }
    Ok(())
}

/// Tells the keeper that everything that was imported has been asked for.
///
/// # Errors
/// EIO.
pub fn finish(client: &Client) -> Result<()> {
    client.call(&Request { operation: op::IMPORT, flags: 2, ..Request::default() }, &[]).map(|_| ())
}

fn move_names(client: &Rc<Client>, number: u64, fs: &Rc<MemFs>, root: &Rc<Dentry>) -> Result<()> {
    root.prune();
    replace(root, SessionInode::root(client, number)?)?;
    let mut directories = Vec::from([root.clone()]);
    while let Some(directory) = directories.pop() {
        for child in directory.children() {
            if node_of(&child, fs).is_none() {
                continue;
            }
            let inode = directory.inode().lookup(&child.name())?;
            if inode.id() != child.inode().id() {
                return Err(Errno::EIO);
            }
            let inode = inode.as_any().downcast_ref::<SessionInode>().ok_or(Errno::EIO)?.rc()?;
            replace(&child, inode)?;
            child.looked_up_in(&directory);
            directories.push(child);
        }
    }
    Ok(())
}

/// The inode of a dentry, with what this kernel knows of who has it open.
fn replace(dentry: &Dentry, inode: Rc<SessionInode>) -> Result<()> {
    if let (Some(old), Some(new)) = (dentry.inode().used_state(), inode.state())
        && new.writers.get() == 0
    {
        new.writers.set(old.writers.get());
        new.attached.replace(old.attached.borrow().clone());
    }
    dentry.move_to(inode)
}
