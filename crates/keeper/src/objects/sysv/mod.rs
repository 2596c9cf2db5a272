//! System V IPC: sysvipc(7). Shared memory, semaphores and message queues, found by key or id.
//!
//! What has to wait is EAGAIN and a registration under the caller's number; whoever changes the object tells all who wait, and they ask again.

mod info;
mod msg;
mod sem;
mod shm;

use crate::client::ClientId;
use crate::session::{Note, Outbox, Session};
use ramet_abi::session::{Reply, Request, notice, sysv};
use ramet_kcore::errno::{Errno, Result};
use std::collections::{BTreeMap, BTreeSet};

pub const IPC_CREAT: u32 = 0o1000;
pub const IPC_EXCL: u32 = 0o2000;
pub const IPC_NOWAIT: u32 = 0o4000;
pub const IPC_RMID: u32 = 0;
pub const IPC_SET: u32 = 1;
pub const IPC_STAT: u32 = 2;
const IPC_PRIVATE: i32 = 0;
/// Most objects of a kind (SHMMNI and its like).
const OBJECTS_MAX: usize = 4096;
/// An id is an index and, above it, how often it has been used.
const INDEX_BITS: u32 = 15;
/// EAGAIN of a caller that does not want to wait (inside this module).
const FINAL: Errno = Errno(i32::MAX);
pub const READ: u32 = 4;
pub const WRITE: u32 = 2;

/// Who asks.
#[derive(Clone, Copy)]
pub struct Caller {
    pub client: ClientId,
    pub pid: i32,
    pub uid: u32,
    pub gid: u32,
    /// What to call it by in a notice; 0: it does not wait.
    pub number: u64,
}

/// struct ipc_perm.
#[derive(Clone, Copy)]
pub struct Permissions {
    key: i32,
    uid: u32,
    gid: u32,
    creator: (u32, u32),
    mode: u32,
    sequence: u16,
}

impl Permissions {
    fn new(key: i32, caller: &Caller, mode: u32) -> Permissions {
        let creator = (caller.uid, caller.gid);
        Permissions { key, uid: caller.uid, gid: caller.gid, creator, mode: mode & 0o777, sequence: 0 }
    }

    fn check(&self, caller: &Caller, want: u32) -> Result<()> {
        let shift = if caller.uid == self.uid || caller.uid == self.creator.0 {
            6
        } else if caller.gid == self.gid || caller.gid == self.creator.1 {
            3
        } else {
            0
        };
        let granted = self.mode >> shift & 7;
        if caller.uid == 0 || granted & want == want { Ok(()) } else { Err(Errno::EACCES) }
    }

    fn check_owner(&self, caller: &Caller) -> Result<()> {
        let owns = caller.uid == 0 || caller.uid == self.uid || caller.uid == self.creator.0;
        if owns { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// IPC_SET: owner and mode from struct ipc_perm.
    fn set(&mut self, bytes: &[u8]) -> Result<()> {
        self.uid = word(bytes, 4)?;
        self.gid = word(bytes, 8)?;
        self.mode = self.mode & !0o777 | word(bytes, 20)? & 0o777;
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let words = [self.key as u32, self.uid, self.gid, self.creator.0, self.creator.1, self.mode];
        out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        out.extend_from_slice(&u32::from(self.sequence).to_le_bytes());
        out.resize(out.len() + 20, 0);
    }
}

/// A 32-bit word of a structure.
fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = bytes.get(at..at + 4).ok_or(Errno::EFAULT)?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// Objects of one kind.
pub struct Table<T> {
    objects: BTreeMap<u32, (Permissions, T)>,
    sequence: u16,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { objects: BTreeMap::new(), sequence: 0 }
    }
}

impl<T> Table<T> {
    /// The index of an id.
    fn index(&self, id: u64) -> Result<u32> {
        let id = u32::try_from(id).map_err(|_| Errno::EINVAL)?;
        let index = id & ((1 << INDEX_BITS) - 1);
        let found = self.objects.get(&index).is_some_and(|(p, _)| u32::from(p.sequence) == id >> INDEX_BITS);
        if found { Ok(index) } else { Err(Errno::EINVAL) }
    }

    fn get(&mut self, id: u64, caller: &Caller, want: u32) -> Result<&mut (Permissions, T)> {
        let index = self.index(id)?;
        let object = self.objects.get_mut(&index).ok_or(Errno::EINVAL)?;
        object.0.check(caller, want)?;
        Ok(object)
    }

    fn remove(&mut self, id: u64) -> Option<(Permissions, T)> {
        let index = self.index(id).ok()?;
        self.objects.remove(&index)
    }

    /// shmget(2) and its like: finds the object of `key`, which `fits` looks at, or makes it.
    fn find(
        &mut self,
        caller: &Caller,
        key: i32,
        flags: u32,
        fits: impl FnOnce(&T) -> Result<()>,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<u64> {
        let id = |index: u32, p: &Permissions| u64::from(u32::from(p.sequence) << INDEX_BITS | index);
        let found = self.objects.iter().find(|(_, (p, _))| key != IPC_PRIVATE && p.key == key);
        if let Some((index, (permissions, object))) = found {
            if flags & (IPC_CREAT | IPC_EXCL) == IPC_CREAT | IPC_EXCL {
                return Err(Errno::EEXIST);
            }
            let want = (flags >> 6 | flags >> 3 | flags) & 7;
            permissions.check(caller, want)?;
            fits(object)?;
            return Ok(id(*index, permissions));
        }
        if key != IPC_PRIVATE && flags & IPC_CREAT == 0 {
            return Err(Errno::ENOENT);
        }
        if self.objects.len() >= OBJECTS_MAX {
            return Err(Errno::ENOSPC);
        }
        let index = (0..).find(|index| !self.objects.contains_key(index)).ok_or(Errno::ENOSPC)?;
        let mut permissions = Permissions::new(key, caller, flags);
        permissions.sequence = self.sequence;
        self.sequence = (self.sequence + 1) % (1 << 15);
        self.objects.insert(index, (permissions, make()?));
        Ok(id(index, &permissions))
    }
}

/// Who waits for one object.
#[derive(Default)]
pub struct Waiters(BTreeSet<(ClientId, u64)>);

impl Waiters {
    fn tell(&mut self, outbox: &Outbox) {
        for (client, number) in std::mem::take(&mut self.0) {
            outbox.notify(client, Note { kind: notice::LOCK, id: number, ..Note::default() });
        }
    }

    /// The caller cannot go on: it is told when to ask again.
    fn register(&mut self, caller: &Caller) -> Errno {
        if caller.number != 0 {
            self.0.insert((caller.client, caller.number));
        }
        Errno::EAGAIN
    }
}

/// All System V objects of a session.
#[derive(Default)]
pub struct State {
    shm: shm::State,
    sem: sem::State,
    msg: msg::State,
    /// Ids that callers wait for, to tell what has been removed meanwhile.
    waiting: BTreeMap<(ClientId, u64), ()>,
}

/// Seconds since 1970.
fn now() -> u64 {
    crate::sys::clock(libc::CLOCK_REALTIME) / 1_000_000_000
}

/// [`ramet_abi::session::op::SYSV`].
pub fn call(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    let [.., uid, gid] = request.arguments;
    let pid = session.client(client)?.pid;
    let number = request.other;
    let caller = Caller { client, pid, uid: uid as u32, gid: gid as u32, number };
    session.objects.context.act_as(uid, gid);
    // An object that is gone when its waiter asks again has been removed.
    let waited = session.objects.sysv.waiting.remove(&(client, number)).is_some() && number != 0;
    let input = std::mem::take(data);
    if let Some(answer) = info::answer(session, &caller, request, data) {
        return answer;
    }
    let answered = match request.flags {
        sysv::SHMGET => shm::get(session, &caller, request),
        sysv::SHMCTL => shm::control(session, &caller, request, &input, data),
        sysv::SHMAT => shm::attach(session, &caller, request),
        sysv::SEMGET => sem::get(session, &caller, request),
        sysv::SEMOP => sem::operate(session, &caller, request, &input),
        sysv::SEMCTL => sem::control(session, &caller, request, &input, data),
        sysv::MSGGET => msg::get(session, &caller, request),
        sysv::MSGSND => msg::send(session, &caller, request, input),
        sysv::MSGRCV => msg::receive(session, &caller, request, data),
        sysv::MSGCTL => msg::control(session, &caller, request, &input, data),
        sysv::CANCEL => {
            session.objects.sysv.sem.cancel(client, number);
            Ok(Reply::default())
        }
        _ => Err(Errno::ENOSYS),
    };
    match answered {
        Err(Errno::EINVAL) if waited => Err(Errno::EIDRM),
        Err(Errno::EAGAIN) if number != 0 => {
            session.objects.sysv.waiting.insert((client, number), ());
            Err(Errno::EAGAIN)
        }
        Err(FINAL) => {
            let mut reply = Reply { result: Errno::EAGAIN.to_return_value(), ..Reply::default() };
            reply.values[0] = 1;
            Ok(reply)
        }
        other => other,
    }
}

/// `child` is a copy of `parent`: it has its memory attached.
pub fn inherit(session: &mut Session, parent: ClientId, child: ClientId) {
    session.objects.sysv.shm.inherit(parent, child);
}

/// The process is over: what it wanted undone is undone, and its memory detached.
pub fn client_gone(session: &mut Session, client: ClientId) {
    let outbox = session.outbox.clone();
    let pid = session.clients.get(client).map_or(0, |client| client.pid);
    let state = &mut session.objects.sysv;
    state.waiting.retain(|(waiter, _), ()| *waiter != client);
    state.shm.client_gone(client, pid);
    state.sem.client_gone(client, pid, &outbox);
}
