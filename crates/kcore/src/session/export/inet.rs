//! Internet sockets, with their ports and what lies in them: all at once, at the session's first fork. Later ones are made in the keeper.

use super::moved;
use crate::errno::{Errno, Result};
use crate::fields::Writer;
use crate::file::flags::O_NONBLOCK;
use crate::fs::open_file::OpenFile;
use crate::ipc::inet::transfer::{AnySocket, Export};
use crate::session::client::Client;
use crate::session::remote::RemoteFile;
use crate::session::traits::Traits;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{DATA_MAX, Request, inet_import, op};

fn request(flags: u32) -> Request {
    Request { operation: op::INET_IMPORT, flags, ..Request::default() }
}

/// Moves the internet sockets among `files`.
pub(super) fn export(client: &Rc<Client>, files: &[Rc<OpenFile>]) -> Result<()> {
    let local = files.iter().filter(|file| file.remote().is_none());
    let open: Vec<(&Rc<OpenFile>, AnySocket)> =
        local.filter_map(|file| Some((file, AnySocket::of(file.file())?))).collect();
    if open.is_empty() {
        return Ok(());
    }
    let export = Export::of(open.iter().map(|(_, socket)| socket.clone()).collect());
    let mut out = Writer::default();
    out.u32(open.len() as u32);
    for (file, _) in &open {
        out.u32(file.flags() & O_NONBLOCK);
    }
    out.bytes(&export.state(open.len()));
    if out.0.len() as u64 > DATA_MAX {
        return Err(Errno::EAGAIN);
    }
    let mut answer = Vec::new();
    client.call_into(&request(inet_import::STATE), &out.0, &mut answer)?;
    let ids: Vec<u64> = answer.as_chunks().0.iter().map(|id| u64::from_le_bytes(*id)).collect();
    if ids.len() != open.len() {
        return Err(Errno::EIO);
    }
    for n in 0..export.sockets.len() {
        while let Some(piece) = export.piece(n) {
            client.call(&request(inet_import::BYTES), &piece)?;
        }
    }
    client.call(&request(inet_import::DONE), &[])?;
    for ((file, socket), id) in open.iter().zip(ids) {
        let file_of = socket.file();
        let socket = file_of.socket().ok_or(Errno::EIO)?;
        let traits = Traits::socket(socket.family(), socket.kind());
        moved(file, RemoteFile::new(client, id, traits, None))?;
    }
    export.finish();
    Ok(())
}
