//! Readiness, and being told of it.

use super::{get, lent, open};
use crate::client::ClientId;
use crate::session::{Note, Outbox, Session};
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::pipe::PipeEnd;
use ramet_kcore::wait::{Events, WaitKey, WaitQueue, Wake};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

/// Tells one VM of one description.
struct Watcher {
    client: ClientId,
    id: u64,
    outbox: Outbox,
}

impl Wake for Watcher {
    fn wake(&self, events: Events) {
        self.outbox.notify(self.client, Note::ready(self.id, events.0));
    }
}

struct Watch {
    /// Weak: a watch keeps nothing open. The registration ends with the queue anyhow.
    file: Weak<OpenFile>,
    key: WaitKey,
    opening: bool,
}

impl Watch {
    fn end(self) {
        let Some(file) = self.file.upgrade() else { return };
        if let Some(queue) = queue(&file, self.opening) {
            queue.remove(self.key);
        }
    }
}

fn queue(file: &OpenFile, opening: bool) -> Option<&WaitQueue> {
    if opening {
        return PipeEnd::of(&**file.file()).map(PipeEnd::partner_queue);
    }
    file.file().wait_queue()
}

/// All watches, at most one (and one of an open) for each VM and description.
#[derive(Default)]
pub struct Watches(BTreeMap<(ClientId, u64, bool), Watch>);

impl Watches {
    /// Ends those of a VM on a description.
    pub fn end(&mut self, client: ClientId, id: u64) {
        for opening in [false, true] {
            if let Some(watch) = self.0.remove(&(client, id, opening)) {
                watch.end();
            }
        }
    }

    /// Whether a VM is told of a description.
    pub fn has(&self, client: ClientId, id: u64) -> bool {
        self.0.contains_key(&(client, id, false))
    }

    /// Ends all of a VM.
    pub fn client_gone(&mut self, client: ClientId) {
        let rest = self.0.split_off(&(client, 0, false));
        let mut mine = rest;
        let mut others = mine.split_off(&(ClientId(client.0 + 1), 0, false));
        self.0.append(&mut others);
        mine.into_values().for_each(Watch::end);
    }
}

fn readiness(events: Events) -> Reply {
    Reply { result: i64::from(events.0), ..Reply::default() }
}

pub fn poll(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    lent::check(session, request.id)?;
    Ok(readiness(get(session, client, request.id)?.file().poll()))
}

/// The VM is told of changes of a description that it holds, instead of those that it was told of before.
pub fn register(session: &mut Session, client: ClientId, id: u64, mask: Events) {
    if let Ok(file) = get(session, client, id) {
        put(session, (client, id, false), &file, mask);
    }
}

fn put(session: &mut Session, key: (ClientId, u64, bool), file: &Rc<OpenFile>, mask: Events) {
    let (client, id, opening) = key;
    if let Some(old) = session.descriptions.watches.0.remove(&key) {
        old.end();
    }
    if !mask.is_empty()
        && let Some(queue) = queue(file, opening)
    {
        let watcher = Watcher { client, id, outbox: session.outbox.clone() };
        let wait = queue.add(mask, Rc::new(watcher));
        let watch = Watch { file: Rc::downgrade(file), key: wait, opening };
        session.descriptions.watches.0.insert(key, watch);
    }
}

pub fn watch(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    lent::check(session, request.id)?;
    let opening = match request.flags {
        0 => false,
        1 => true,
        _ => return Err(Errno::EINVAL),
    };
    // Registered before it looks: what comes in between is not lost.
    put(session, (client, request.id, opening), &file, Events(request.arguments[0] as u32));
    if opening {
        let waits = open::is_opening(session, client, request.id)?;
        return Ok(Reply { result: i64::from(waits), ..Reply::default() });
    }
    Ok(readiness(file.file().poll()))
}
