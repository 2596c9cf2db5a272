//! What a description is, for a VM that has received it.

use super::get;
use crate::client::ClientId;
use crate::nodes;
use crate::objects::StandIn;
use crate::session::Session;
use ramet_abi::session::{Reply, Request, object};
use ramet_kcore::errno::Result;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::epoll::Epoll;
use ramet_kcore::ipc::pipe::PipeEnd;
use ramet_kcore::ipc::tty::{PtyMaster, TtyFile};
use ramet_kcore::stat::{S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK};

fn kind(file: &OpenFile) -> u64 {
    let any = file.file().as_any();
    if any.is::<StandIn>() {
        return object::STAND_IN;
    }
    if any.is::<Epoll>() {
        return object::EPOLL;
    }
    if any.is::<TtyFile>() || any.is::<PtyMaster>() {
        return object::TERMINAL;
    }
    if any.is::<PipeEnd>() {
        return object::PIPE;
    }
    match file.stat().map_or(0, |stat| stat.mode & S_IFMT) {
        S_IFSOCK => object::SOCKET,
        S_IFREG | S_IFDIR if file.is_seekable() => object::FILE,
        S_IFIFO => object::PIPE,
        _ if file.file().is_stream() => object::STREAM,
        _ => object::EVENT,
    }
}

pub fn described(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    let kind = kind(&file);
    *data = match (file.downcast::<StandIn>(), file.path()) {
        (Some(stand_in), _) => stand_in.0.clone(),
        (None, Some(path)) => nodes::display(session, path),
        (None, None) => file.file().describe(),
    };
    let mut reply = Reply { stat: nodes::encode(&file.stat()?), ..Reply::default() };
    reply.values[..2].copy_from_slice(&[file.flags().into(), kind]);
    if let Some(path) = file.path()
        && let Some(tree) = nodes::tree_of(session, path)
    {
        reply.values[3] = tree as u64;
        reply.values[2] = nodes::give(session, client, tree, path.clone())?;
    }
    Ok(reply)
}
