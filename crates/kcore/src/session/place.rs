//! Names that other processes have changed: where a file that somebody holds is now.

use super::inode::SessionInode;
use crate::errno::{Errno, Result};
use crate::fs::dentry::Dentry;
use crate::fs::mount::Namespace;
use crate::fs::path::Path;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Request, op, tree};

/// Asks the keeper where `path` is, and moves its dentry there.
///
/// # Errors
/// ENOENT and others: its names change at this moment.
pub fn refresh(namespace: &Namespace, path: &Path) -> Result<()> {
    let Some(inode) = path.inode().as_any().downcast_ref::<SessionInode>() else { return Ok(()) };
    if path.is_deleted() || path.dentry.parent().is_none() {
        return Ok(());
    }
    let request = Request { operation: op::PATH, id: inode.node()?, ..Request::default() };
    let mut shown = Vec::new();
    match inode.client().call_into(&request, &[], &mut shown) {
        Err(Errno::ENOENT) => {
            path.dentry.has_gone();
            return Ok(());
        }
        other => other?,
    };
    // File systems beside the first begin at their own roots here.
    let below =
        if inode.tree() == tree::SHM { shown.strip_prefix(b"/dev/shm").unwrap_or(&shown) } else { &shown };
    let mut names: Vec<&[u8]> = below.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    if is_at(&path.dentry, &names) {
        return Ok(());
    }
    let Some(last) = names.pop() else { return Ok(()) };
    let mut directory = path.mount.root().clone();
    for name in names {
        directory = namespace.child(&directory, name)?;
    }
    if directory.inode().lookup(last)?.id() != path.inode().id() {
        return Err(Errno::ENOENT);
    }
    path.dentry.has_moved(&directory, last);
    Ok(())
}

/// Whether those are the names on the way from the root to a dentry.
fn is_at(dentry: &Rc<Dentry>, names: &[&[u8]]) -> bool {
    let mut at = dentry.clone();
    for name in names.iter().rev() {
        if *at.name() != **name {
            return false;
        }
        match at.parent() {
            Some(parent) => at = parent,
            None => return false,
        }
    }
    at.parent().is_none()
}
