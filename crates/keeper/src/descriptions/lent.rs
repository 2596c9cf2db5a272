//! Pipes that are lent to the two VMs at their ends ([`ramet_abi::pipe`]).
//!
//! ```text
//!   kept ── ENOUGH transfers at both ends, each end held by one VM, nobody else near ──► lent
//!    ▲                                                                                   │
//!    └── anything but reading and writing: a fork, a close, poll(2), a death ... ◄───────┘  bytes come back, both VMs are told
//! ```

use super::get;
use crate::client::{ClientId, Host};
use crate::session::{Note, Session};
use crate::sys;
use ramet_abi::pipe::{CLOSED, Header, RING_OFFSET};
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_ASYNC, O_DIRECT};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::pipe::{MAX_CAPACITY, Pipe, PipeEnd};
use ramet_kcore::wait::Events;
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// So many transfers at each end make it worth a memory slot in both VMs.
const ENOUGH: u32 = 16;
/// The memory holds so many times the pipe's capacity, up to [`RING_MAX`]: a writer that may wait goes on writing instead, so that two VMs on one
/// CPU take turns less often.
const TIMES: usize = 8;
const RING_MAX: usize = 512 << 10;
/// An end that is not to be asked about again.
const NEVER: u32 = u32::MAX;

/// Who has an end, and under which id.
type End = (ClientId, u64);

/// One pipe's memory.
struct Memory {
    pipe: Rc<Pipe>,
    file: OwnedFd,
    base: NonNull<u8>,
    /// Of the ring, in bytes.
    capacity: usize,
    reader: End,
    writer: End,
}

impl Memory {
    fn length(capacity: usize) -> usize {
        RING_OFFSET as usize + capacity
    }

    fn new(pipe: &Rc<Pipe>, reader: End, writer: End) -> std::io::Result<Self> {
        let capacity = (pipe.capacity() * TIMES).min(RING_MAX).max(pipe.capacity());
        let file = sys::memory_file(c"ramet-pipe")?;
        sys::set_size(file.as_fd(), Self::length(capacity) as u64)?;
        sys::seal_size(file.as_fd())?;
        let base = sys::map_shared(file.as_fd(), Self::length(capacity))?;
        Ok(Self { pipe: pipe.clone(), file, base, capacity, reader, writer })
    }

    fn header(&self) -> &Header {
        // SAFETY: the first page of the mapping, which lives as long as `self`, and consists of atomics.
        unsafe { self.base.cast::<Header>().as_ref() }
    }

    /// Before anybody else has it.
    fn fill(&self, bytes: &[u8]) {
        assert!(bytes.len() <= self.capacity);
        // SAFETY: the ring lies in the mapping.
        unsafe {
            let ring = self.base.as_ptr().add(RING_OFFSET as usize);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), ring, bytes.len());
        }
        let header = self.header();
        header.head.0.store(bytes.len() as u64, Relaxed);
        // Either may be asleep already.
        header.reader_sleeps.0.store(1, Relaxed);
        header.writer_sleeps.0.store(1, SeqCst);
    }

    /// Takes the pipe from both. What has not been read: nothing, if an index is impossible.
    fn close(&self) -> Vec<u8> {
        let header = self.header();
        let tail = header.tail.0.fetch_or(CLOSED, SeqCst) & !CLOSED;
        let head = header.head.0.fetch_or(CLOSED, SeqCst) & !CLOSED;
        let count = head.wrapping_sub(tail);
        if count > self.capacity as u64 {
            return Vec::new();
        }
        let at = |index: u64| (index % self.capacity as u64) as usize;
        let mut bytes = vec![0; count as usize];
        let first = bytes.len().min(self.capacity - at(tail));
        let (before, after) = bytes.split_at_mut(first);
        // SAFETY: both parts lie in the ring. VMs may still write there: any bytes are a value, and no reference to them is made.
        unsafe {
            let ring = self.base.as_ptr().add(RING_OFFSET as usize);
            std::ptr::copy_nonoverlapping(ring.add(at(tail)), before.as_mut_ptr(), before.len());
            std::ptr::copy_nonoverlapping(ring, after.as_mut_ptr(), after.len());
        }
        bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        sys::unmap(self.base, Self::length(self.capacity));
    }
}

/// The pipes that are lent, by the ids of both ends.
#[derive(Default)]
pub struct Lent(BTreeMap<u64, Rc<Memory>>);

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lent").field(&self.0.len()).finish()
    }
}

/// One of the caller's transfers. True: the pipe is lent, since before or from now on.
pub fn is_lent(session: &mut Session, client: ClientId, file: &Rc<OpenFile>) -> bool {
    let id = file.id.0;
    if session.descriptions.lent.0.contains_key(&id) {
        return true;
    }
    if PipeEnd::of(&**file.file()).is_none() {
        return false;
    }
    let Some(entry) = session.descriptions.open.get_mut(&id) else { return false };
    if entry.transfers == NEVER {
        return false;
    }
    entry.transfers = (entry.transfers + 1).min(NEVER - 1);
    // One that keeps coming back costs more than it gives.
    let enough = ENOUGH << entry.lent.min(8);
    entry.transfers % enough == 0 && lend(session, client, file).is_some()
}

/// Of a pipe that is lent the keeper knows nothing.
///
/// # Errors
/// EREMCHG: it is.
pub fn check(session: &Session, id: u64) -> Result<()> {
    if session.descriptions.lent.0.contains_key(&id) { Err(Errno::EREMCHG) } else { Ok(()) }
}

/// The VM that alone has the description, which nothing else refers to. `references`: the caller's own.
fn only_holder(session: &Session, id: u64, references: usize) -> Option<ClientId> {
    let entry = session.descriptions.open.get(&id)?;
    let flags = entry.file.flags();
    if entry.holders != 1
        || Rc::strong_count(&entry.file) != 1 + references
        || flags & (O_DIRECT | O_ASYNC) != 0
    {
        return None;
    }
    let holds = |client: &crate::client::Client| {
        client.descriptions.contains(id) && !client.over && matches!(client.host, Host::Running(_))
    };
    session.clients.iter().find(|(_, client)| holds(client)).map(|(id, _)| id)
}

fn lend(session: &mut Session, client: ClientId, file: &Rc<OpenFile>) -> Option<()> {
    let end = PipeEnd::of(&**file.file())?;
    let pipe = end.pipe().clone();
    let is_plain = !end.is_fifo() && end.reads() != end.writes() && pipe.capacity() <= MAX_CAPACITY;
    if !is_plain || (pipe.readers(), pipe.writers()) != (1, 1) {
        return None;
    }
    let is_other =
        |file: &OpenFile| PipeEnd::of(&**file.file()).is_some_and(|other| Rc::ptr_eq(other.pipe(), &pipe));
    let id = file.id.0;
    let (other, transfers) = session
        .descriptions
        .open
        .iter()
        .find(|(number, entry)| **number != id && is_other(&entry.file))
        .map(|(number, entry)| (*number, entry.transfers))?;
    // The caller's own reference to its file is on the way to here.
    let (mine, theirs) = (only_holder(session, id, 1)?, only_holder(session, other, 0)?);
    if mine != client || theirs == client || transfers < ENOUGH || transfers == NEVER {
        return None;
    }
    let watches = &session.descriptions.watches;
    let own = usize::from(watches.has(mine, id)) + usize::from(watches.has(theirs, other));
    if pipe.waiters() != own {
        return None;
    }
    let (mine, theirs) = ((mine, id), (theirs, other));
    let (reader, writer) = if end.reads() { (mine, theirs) } else { (theirs, mine) };
    let memory = Memory::new(&pipe, reader, writer).ok()?;
    memory.fill(&pipe.take_all()?);
    // Watches stay: a VM that has one counts on it when the pipe has come back, and nothing happens here until then.
    let memory = Rc::new(memory);
    session.descriptions.lent.0.extend([(reader.1, memory.clone()), (writer.1, memory)]);
    Some(())
}

/// The pipe is the keeper's again, if it was lent.
pub fn take_back(session: &mut Session, id: u64) {
    let Some(memory) = session.descriptions.lent.0.remove(&id) else { return };
    for (client, id) in [memory.reader, memory.writer] {
        session.descriptions.lent.0.remove(&id);
        if let Some(entry) = session.descriptions.open.get_mut(&id)
            && entry.transfers != NEVER
        {
            entry.transfers = 0;
            entry.lent += 1;
        }
        // Whoever sleeps asks again; the VM gives up its memory.
        session.outbox.notify(client, Note::ready(id, Events::ALL.0));
    }
    memory.pipe.put_back(&memory.close());
}

/// All pipes that the VM has an end of.
pub fn take_all_back(session: &mut Session, client: ClientId) {
    let has = |memory: &Rc<Memory>| memory.reader.0 == client || memory.writer.0 == client;
    let ids: Vec<u64> =
        session.descriptions.lent.0.iter().filter(|(_, m)| has(m)).map(|(id, _)| *id).collect();
    ids.into_iter().for_each(|id| take_back(session, id));
}

const CANNOT: u32 = 1;

/// [`ramet_abi::session::op::PIPE_MEMORY`].
pub fn memory(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    if request.flags == CANNOT {
        take_back(session, request.id);
        if let Some(entry) = session.descriptions.open.get_mut(&request.id) {
            entry.transfers = NEVER;
        }
        return Ok(Reply::default());
    }
    let memory = session.descriptions.lent.0.get(&request.id).ok_or(Errno::EINVAL)?.clone();
    let passed = memory.file.try_clone().map_err(|_| Errno::ENFILE)?;
    session.pass(passed);
    let mut reply = Reply::default();
    let of_pipe = memory.pipe.capacity() as u64;
    reply.values[..3].copy_from_slice(&[memory.capacity as u64, file.flags().into(), of_pipe]);
    Ok(reply)
}

/// [`ramet_abi::session::op::PIPE_WAKE`].
pub fn wake(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    get(session, client, request.id)?;
    if let Some(memory) = session.descriptions.lent.0.get(&request.id) {
        let other = if memory.reader.1 == request.id { memory.writer } else { memory.reader };
        // Without ERR, which says that it is lent no longer.
        session.outbox.notify(other.0, Note::ready(other.1, Events::IN.or(Events::OUT).0));
    }
    Ok(Reply::default())
}
