//! Pipes and FIFOs, with all their ends.

use super::{moved, session_inode};
use crate::errno::{Errno, Result};
use crate::fs::open_file::{OpenFile, SETTABLE};
use crate::ipc::pipe::{Pipe, PipeEnd};
use crate::session::client::Client;
use crate::session::remote::RemoteFile;
use crate::session::traits::Traits;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Request, op};

/// PIPE_IMPORT: a further piece.
const MORE: u32 = 1;

/// Moves a pipe with all its ends, which are among `files`.
pub(super) fn export(client: &Rc<Client>, pipe: &Rc<Pipe>, files: &[Rc<OpenFile>]) -> Result<()> {
    let ends: Vec<(&Rc<OpenFile>, &PipeEnd)> = files
        .iter()
        .filter_map(|file| Some((file, file.downcast::<PipeEnd>()?)))
        .filter(|(_, end)| Rc::ptr_eq(end.pipe(), pipe))
        .collect();
    let count = |open: fn(&PipeEnd) -> bool| ends.iter().filter(|(_, end)| open(end)).count() as u32;
    if (count(PipeEnd::reads), count(PipeEnd::writes)) != (pipe.readers(), pipe.writers()) {
        return Err(Errno::EAGAIN);
    }
    // A named one is the inode's from now on.
    let inode = ends.iter().find_map(|(file, _)| session_inode(file).filter(|inode| inode.is_fifo()));
    let node = inode.as_ref().map_or(Ok(0), |inode| inode.node())?;
    let state: Vec<(&PipeEnd, u32)> =
        ends.iter().map(|(file, end)| (*end, file.flags() & (SETTABLE | 3))).collect();
    let origin = pipe.origin();
    let owner = u64::from(origin.uid) | u64::from(origin.gid) << 32;
    let (mut flags, mut ids) = (0, Vec::new());
    for piece in pipe.export(&state)? {
        let id = if flags == MORE { ids[0] } else { node };
        let request = Request {
            operation: op::PIPE_IMPORT,
            flags,
            id,
            arguments: [pipe.id(), owner, origin.now as u64, 0, 0, 0],
            ..Request::default()
        };
        let mut answer = Vec::new();
        client.call_into(&request, &piece, &mut answer)?;
        if flags == 0 {
            ids = answer.as_chunks().0.iter().map(|id| u64::from_le_bytes(*id)).collect();
            if ids.len() != ends.len() || ids.is_empty() {
                return Err(Errno::EIO);
            }
        }
        flags = MORE;
    }
    for ((file, end), id) in ends.iter().zip(ids) {
        let remote = RemoteFile::new(client, id, Traits::STREAM, inode.clone());
        remote.set_pipe();
        remote.begin_opening(end.is_opening());
        moved(file, remote)?;
    }
    pipe.tell_partners();
    Ok(())
}
