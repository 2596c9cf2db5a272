//! Epoll instances, with their interest lists.

use super::moved;
use crate::errno::Result;
use crate::fs::open_file::OpenFile;
use crate::ipc::epoll::{Epoll, Interest};
use crate::session::client::Client;
use crate::session::remote::RemoteFile;
use crate::session::traits::Traits;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use ramet_abi::session::{Request, op};

/// Moves the instances among `files`, all of which are in the keeper otherwise. What is not stays watched here, by each process for itself.
pub(super) fn export(client: &Rc<Client>, files: &[Rc<OpenFile>]) -> Result<()> {
    let mut lists: Vec<(Rc<RemoteFile>, Rc<Epoll>)> = Vec::new();
    for file in files {
        let any: Rc<dyn Any> = file.file().clone();
        let Ok(epoll) = any.downcast::<Epoll>() else { continue };
        let id = client.call(&Request { operation: op::EPOLL, ..Request::default() }, &[])?.result as u64;
        let remote = RemoteFile::new(client, id, Traits::EVENT, None);
        remote.watches_here(&epoll);
        moved(file, remote.clone())?;
        lists.push((remote, epoll));
    }
    for (remote, epoll) in lists {
        for interest in epoll.interests() {
            give(&remote, &epoll, &interest)?;
        }
    }
    Ok(())
}

/// The keeper watches it from now on, if it has it.
fn give(remote: &RemoteFile, epoll: &Epoll, interest: &Interest) -> Result<()> {
    let Some(watched) = interest.description.downcast_ref::<OpenFile>().and_then(OpenFile::remote) else {
        return Ok(());
    };
    epoll.remove(interest);
    remote.restore_interest(watched.id, interest)
}
