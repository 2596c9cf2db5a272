//! flock(2), and the byte ranges of fcntl(2).

use super::get;
use crate::client::ClientId;
use crate::session::{Note, Outbox, Session};
use ramet_abi::session::{Reply, Request, notice};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::locks::{LockOwner, LockTable, RangeLock};
use ramet_kcore::fs::object::ObjectId;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::wait::{Events, WaitKey, Wake};
use std::collections::BTreeMap;
use std::rc::Rc;

const FLOCK: u64 = 0;
const POSIX: u64 = 1;
const OFD: u64 = 2;
const READ: u64 = 0;
const WRITE: u64 = 1;
const UNLOCK: u64 = 2;
/// Owners that are processes begin here; descriptions are counted from 1.
const PROCESSES: u64 = 1 << 63;
/// Most locks that a VM may wait for.
const WAITS_MAX: usize = 4096;

struct Waiter {
    client: ClientId,
    number: u64,
    outbox: Outbox,
}

impl Wake for Waiter {
    fn wake(&self, _: Events) {
        let note = Note { kind: notice::LOCK, id: self.number, ..Note::default() };
        self.outbox.notify(self.client, note);
    }
}

struct Wait {
    table: Rc<LockTable>,
    key: WaitKey,
    owner: Option<LockOwner>,
}

impl Wait {
    fn end(self) {
        self.table.queue().remove(self.key);
        if let Some(owner) = self.owner {
            self.table.end_wait(owner);
        }
    }
}

/// By their addresses.
type Tables = BTreeMap<usize, Rc<LockTable>>;

fn address(table: &Rc<LockTable>) -> usize {
    Rc::as_ptr(table) as usize
}

/// Who waits for locks, and where processes hold some.
#[derive(Default)]
pub struct Waits {
    waits: BTreeMap<(ClientId, u64), Wait>,
    /// Where a process has locked ranges: released when it is over.
    held: BTreeMap<ClientId, Tables>,
}

impl Waits {
    fn end(&mut self, client: ClientId, number: u64) {
        if let Some(wait) = self.waits.remove(&(client, number)) {
            wait.end();
        }
    }

    /// The process has closed a descriptor of that file: it holds no range of it any more (fcntl(2)).
    pub fn closed(&mut self, client: ClientId, file: &OpenFile) {
        let (Some(held), Some(table)) = (self.held.get_mut(&client), file.used_locks()) else { return };
        if held.remove(&address(table)).is_some() {
            table.release(process(client));
        }
    }

    /// Ends the waits of a VM and releases what its process holds.
    pub fn client_gone(&mut self, client: ClientId) {
        let mut mine = self.waits.split_off(&(client, 0));
        let mut others = mine.split_off(&(ClientId(client.0 + 1), 0));
        self.waits.append(&mut others);
        mine.into_values().for_each(Wait::end);
        for table in self.held.remove(&client).unwrap_or_default().into_values() {
            table.release(process(client));
        }
    }
}

fn process(client: ClientId) -> LockOwner {
    LockOwner::Process(ObjectId(PROCESSES | client.0))
}

pub fn lock(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [kind, lock_type, start, end, number, _] = request.arguments;
    let file = get(session, client, request.id)?;
    session.descriptions.locks.end(client, number);
    if request.flags == 2 {
        return Ok(Reply::default());
    }
    if request.flags > 1 || lock_type > UNLOCK || file.is_path_only() {
        return Err(Errno::EINVAL);
    }
    let table = file.locks().ok_or(Errno::ENOLCK)?;
    let waits = number != 0;
    if waits && session.descriptions.locks.waits.len() >= WAITS_MAX {
        return Err(Errno::ENOLCK);
    }
    if kind == FLOCK {
        let exclusive = (lock_type != UNLOCK).then_some(lock_type == WRITE);
        let taken = file.flock(exclusive);
        return finish(session, client, number, table, None, taken);
    }
    let pid = if kind == POSIX { session.client(client)?.pid } else { -1 };
    let owner = match kind {
        POSIX => process(client),
        OFD => LockOwner::Description(file.id),
        _ => return Err(Errno::EINVAL),
    };
    let last = end.min(i64::MAX as u64);
    if start > last {
        return Err(Errno::EINVAL);
    }
    let wanted = RangeLock { start, last, exclusive: lock_type == WRITE, owner, pid };
    if request.flags == 1 {
        return Ok(Reply { values: conflict(table, &wanted, lock_type), ..Reply::default() });
    }
    let allowed = match lock_type {
        READ => file.is_readable(),
        WRITE => file.is_writable(),
        _ => true,
    };
    if !allowed {
        return Err(Errno::EBADF);
    }
    if lock_type == UNLOCK {
        table.unlock(owner, start, last);
        return Ok(Reply::default());
    }
    let taken = table.lock(wanted);
    if taken.is_ok() && kind == POSIX {
        let held = session.descriptions.locks.held.entry(client).or_default();
        held.entry(address(table)).or_insert_with(|| table.clone());
    }
    if taken == Err(Errno::EAGAIN) && waits {
        table.begin_wait(&wanted)?;
        return finish(session, client, number, table, Some(owner), taken);
    }
    finish(session, client, number, table, None, taken)
}

/// Registers who has to wait and wants to.
fn finish(
    session: &mut Session,
    client: ClientId,
    number: u64,
    table: &Rc<LockTable>,
    owner: Option<LockOwner>,
    taken: Result<()>,
) -> Result<Reply> {
    if taken == Err(Errno::EAGAIN) && number != 0 {
        let waiter = Waiter { client, number, outbox: session.outbox.clone() };
        let key = table.queue().add(Events::OUT, Rc::new(waiter));
        let wait = Wait { table: table.clone(), key, owner };
        session.descriptions.locks.waits.insert((client, number), wait);
    }
    taken.map(|()| Reply::default())
}

/// F_GETLK: type, start, length (0: to the end), pid.
fn conflict(table: &LockTable, wanted: &RangeLock, lock_type: u64) -> [u64; 8] {
    let mut values = [0; 8];
    match table.conflict(wanted).filter(|_| lock_type != UNLOCK) {
        None => values[0] = UNLOCK,
        Some(lock) => {
            let to_end = lock.last == i64::MAX as u64;
            let length = if to_end { 0 } else { lock.last - lock.start + 1 };
            values[0] = if lock.exclusive { WRITE } else { READ };
            values[1..4].copy_from_slice(&[lock.start, length, lock.pid as u64]);
        }
    }
    values
}
