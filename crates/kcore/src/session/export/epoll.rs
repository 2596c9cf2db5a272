//! Epoll instances, with their interest lists.

use super::moved;
use crate::errno::Result;
use crate::fs::open_file::OpenFile;
use crate::ipc::epoll::{Epoll, Interest, Watched};
use crate::session::client::Client;
use crate::session::remote::RemoteFile;
use crate::session::traits::Traits;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use ramet_abi::session::{Request, op};

/// An instance that moves, with what it watched before anything else had moved.
pub(super) struct List(Rc<OpenFile>, Rc<Epoll>, Vec<Interest>);

/// The instances among `files`. Of what moves they watch nothing any more: a move is no edge.
pub(super) fn begin(files: &[Rc<OpenFile>], moves: &dyn Fn(&OpenFile) -> bool) -> Vec<List> {
    let mut lists = Vec::new();
    for file in files {
        let any: Rc<dyn Any> = file.file().clone();
        let Ok(epoll) = any.downcast::<Epoll>() else { continue };
        let is_moving = |one: &Interest| one.description.downcast_ref::<OpenFile>().is_some_and(moves);
        let (moving, _): (Vec<Interest>, Vec<Interest>) = epoll.interests().into_iter().partition(is_moving);
        moving.iter().for_each(|interest| epoll.remove(interest));
        lists.push(List(file.clone(), epoll, moving));
    }
    lists
}

/// What could not move is watched here again.
pub(super) fn take_back(lists: &[List]) {
    for List(_, epoll, interests) in lists {
        for one in interests {
            if let Some(file) = one.description.downcast_ref::<OpenFile>() {
                let watched = Watched { fd: one.fd, description: &one.description, file: file.file() };
                // It was there a moment ago.
                let _ = epoll.restore(&watched, one.events, one.data, one.is_ready);
            }
        }
    }
}

/// Moves the instances; everything else is in the keeper. What is not stays watched here, by each process for itself.
pub(super) fn export(client: &Rc<Client>, lists: &[List]) -> Result<()> {
    let mut moved_lists = Vec::new();
    for List(file, epoll, interests) in lists {
        let id = client.call(&Request { operation: op::EPOLL, ..Request::default() }, &[])?.result as u64;
        let remote = RemoteFile::new(client, id, Traits::EVENT, None);
        remote.watches_here(epoll);
        moved(file, remote.clone())?;
        moved_lists.push((remote, interests));
    }
    for (remote, interests) in moved_lists {
        for one in interests {
            if let Some(watched) = one.description.downcast_ref::<OpenFile>().and_then(OpenFile::remote) {
                remote.restore_interest(watched.id, one)?;
            }
        }
    }
    Ok(())
}
