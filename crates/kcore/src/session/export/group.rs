//! What moves together.

use super::{Fate, fate};
use crate::fs::open_file::OpenFile;
use crate::ipc::epoll::Epoll;
use crate::ipc::pipe::PipeEnd;
use crate::ipc::unix::UnixSocket;
use crate::map::{Map, Set};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

/// Descriptions and sockets that move.
#[derive(Default)]
pub(super) struct Group {
    /// Descriptions, each once.
    pub files: Vec<Rc<OpenFile>>,
    /// Sockets, each once, with their description: one that nobody has accepted yet has none.
    pub sockets: Vec<(Rc<UnixSocket>, Option<Rc<OpenFile>>)>,
}

/// The address of the object that several descriptions may have in common.
fn object(file: &OpenFile) -> Option<usize> {
    if let Some(end) = file.downcast::<PipeEnd>() {
        return Some(Rc::as_ptr(end.pipe()) as usize);
    }
    file.downcast::<UnixSocket>().map(|socket| core::ptr::from_ref(socket) as usize)
}

fn description(right: &Rc<dyn Any>) -> Option<Rc<OpenFile>> {
    right.clone().downcast::<OpenFile>().ok()
}

impl Group {
    pub fn of(files: &[Rc<OpenFile>], all: &[Rc<OpenFile>], is_shared: &dyn Fn(u64) -> bool) -> Group {
        let mut users: Map<usize, Vec<&Rc<OpenFile>>> = Map::new();
        for file in all {
            if let Some(object) = object(file) {
                users.get_or_insert_with(object, Default::default).push(file);
            }
        }
        // Who speaks to whom, seen from the other side: a datagram socket does not know who is connected to it.
        let mut speakers: Map<usize, Vec<Rc<UnixSocket>>> = Map::new();
        for file in all {
            if let Some(socket) = socket_of(file)
                && let Some(peer) = socket.live_peer()
            {
                speakers.get_or_insert_with(Rc::as_ptr(&peer) as usize, Default::default).push(socket);
            }
        }
        let mut group = Group::default();
        let mut seen: Set<usize> = Set::new();
        let mut waiting: Vec<Rc<OpenFile>> = files.to_vec();
        let mut sockets: Vec<Rc<UnixSocket>> = Vec::new();
        loop {
            while let Some(file) = waiting.pop() {
                if fate(&file, is_shared) != Fate::Moves || !seen.insert(Rc::as_ptr(&file) as usize) {
                    continue;
                }
                if let Some(object) = object(&file) {
                    waiting.extend(users.get(&object).into_iter().flatten().map(|user| (*user).clone()));
                }
                sockets.extend(socket_of(&file));
                if let Some(epoll) = Epoll::of(&**file.file()) {
                    waiting.extend(epoll.interests().iter().filter_map(|one| description(&one.description)));
                }
                group.files.push(file);
            }
            let Some(socket) = sockets.pop() else { return group };
            let address = Rc::as_ptr(&socket) as usize;
            if !seen.insert(address) {
                continue;
            }
            let file = users.get(&address).and_then(|users| users.first()).map(|file| (*file).clone());
            waiting.extend(file.clone());
            waiting.extend(socket.rights().iter().filter_map(description));
            sockets.extend(socket.neighbours());
            sockets.extend(speakers.remove(&address).unwrap_or_default());
            group.sockets.push((socket, file));
        }
    }
}

fn socket_of(file: &OpenFile) -> Option<Rc<UnixSocket>> {
    let any: Rc<dyn Any> = file.file().clone();
    any.downcast::<UnixSocket>().ok()
}
