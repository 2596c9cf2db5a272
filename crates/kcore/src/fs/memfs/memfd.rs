//! memfd_create(2).

use super::data::{SEAL_FUTURE_WRITE, SEAL_GROW, SEAL_SHRINK, SEAL_WRITE};
use super::{MemFs, Node};
use crate::errno::Result;
use crate::fs::inode::{Creation, FileType};
use alloc::rc::Rc;

/// No more seals may be added.
pub const F_SEAL_SEAL: u32 = 1;
/// The file must not shrink.
pub const F_SEAL_SHRINK: u32 = SEAL_SHRINK;
/// The file must not grow.
pub const F_SEAL_GROW: u32 = SEAL_GROW;
/// The file must not be written.
pub const F_SEAL_WRITE: u32 = SEAL_WRITE;
/// The file must not be written but through mappings that exist.
pub const F_SEAL_FUTURE_WRITE: u32 = SEAL_FUTURE_WRITE;
/// The file must not become executable (F_SEAL_EXEC); noted, and its permissions stay.
const F_SEAL_EXEC: u32 = 32;
pub(super) const SEALS_ALL: u32 = 63;

/// A memory file without a name, in the file system `fs` (a tmpfs that is nowhere mounted). `allow_sealing`:
/// MFD_ALLOW_SEALING; `executable`: not MFD_NOEXEC_SEAL.
///
/// # Errors
/// ENOSPC.
pub fn create_memfd(
    fs: &MemFs,
    uid: u32,
    gid: u32,
    allow_sealing: bool,
    executable: bool,
) -> Result<Rc<Node>> {
    let permissions = if executable { 0o777 } else { 0o666 };
    let node = fs.new_node(FileType::Regular, Creation { permissions, uid, gid }, 0, None)?;
    node.links.set(0);
    let mut seals = if allow_sealing { 0 } else { F_SEAL_SEAL };
    if !executable {
        seals = (seals & !F_SEAL_SEAL) | F_SEAL_EXEC;
    }
    node.data()?.seals.set(Some(seals));
    Ok(node)
}
