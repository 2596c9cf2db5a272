//! Memory files, and files that VMs map.

use super::{answer, path, tree};
use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request, tree as trees};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_RDWR;
use ramet_kcore::fs::memfs::create_memfd;
use ramet_kcore::fs::path::Path;

const MFD_CLOEXEC: u32 = 1;
const MFD_ALLOW_SEALING: u32 = 2;
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 16;
/// Longest name (MFD_NAME_MAX_LEN).
const NAME_MAX: usize = 249;

pub fn share(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    path(session, client, request.id)?;
    Err(Errno::ENOSYS)
}

pub fn create(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let flags = request.flags;
    let both = MFD_NOEXEC_SEAL | MFD_EXEC;
    if flags & !(MFD_CLOEXEC | MFD_ALLOW_SEALING | both) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    if data.len() > NAME_MAX {
        return Err(Errno::EINVAL);
    }
    let index = trees::MEMORY as usize;
    let fs = &tree::get(session, index)?.fs;
    let sealing = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) != 0;
    let [uid, gid, ..] = request.arguments;
    let node = create_memfd(fs, uid as u32, gid as u32, sealing, flags & MFD_NOEXEC_SEAL == 0)?;
    let shown = [b"/memfd:", data, b" (deleted)"].concat();
    answer(session, client, index, Path::anonymous(node, &shown))
}

pub fn seals(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let add = u32::try_from(request.arguments[0]).map_err(|_| Errno::EINVAL)?;
    let file = path(session, client, request.id)?.inode().clone().open(O_RDWR)?;
    Ok(Reply { result: i64::from(file.seals(add)?), ..Reply::default() })
}
