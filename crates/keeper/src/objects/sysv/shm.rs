//! shmget(2), shmat(2), shmctl(2).

use super::{Caller, IPC_RMID, IPC_SET, IPC_STAT, READ, Table, WRITE, now};
use crate::client::ClientId;
use crate::nodes;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::inode::SetAttributes;
use ramet_kcore::fs::path::Path;
use std::collections::BTreeMap;

const SHM_LOCK: u32 = 11;
const SHM_UNLOCK: u32 = 12;
const SHM_RDONLY: u64 = 0o10000;
const SHM_DEST: u32 = 0o1000;

/// A segment.
pub struct Segment {
    place: Path,
    size: u64,
    attached: u64,
    times: [u64; 3],
    creator: i32,
    last: i32,
    removed: bool,
}

/// All segments.
#[derive(Default)]
pub struct State {
    table: Table<Segment>,
    /// How often VMs have segments attached.
    attached: BTreeMap<(ClientId, u64), u64>,
}

impl Segment {
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl State {
    pub fn table(&self) -> &Table<Segment> {
        &self.table
    }

    fn detach(&mut self, id: u64, count: u64, pid: i32) {
        let Ok(index) = self.table.index(id) else { return };
        let Some((_, segment)) = self.table.objects.get_mut(&index) else { return };
        segment.attached = segment.attached.saturating_sub(count);
        segment.times[1] = now();
        segment.last = pid;
        if segment.removed && segment.attached == 0 {
            self.table.remove(id);
        }
    }

    /// A child has attached what its parent has.
    pub fn inherit(&mut self, parent: ClientId, child: ClientId) {
        let range = self.attached.range((parent, 0)..=(parent, u64::MAX));
        let copied: Vec<(u64, u64)> = range.map(|((_, id), count)| (*id, *count)).collect();
        for (id, count) in copied {
            if let Ok(index) = self.table.index(id)
                && let Some((_, segment)) = self.table.objects.get_mut(&index)
            {
                segment.attached += count;
                self.attached.insert((child, id), count);
            }
        }
    }

    /// A process that is over has nothing attached.
    pub fn client_gone(&mut self, client: ClientId, pid: i32) {
        let range = self.attached.range((client, 0)..=(client, u64::MAX));
        let gone: Vec<(u64, u64)> = range.map(|((_, id), count)| (*id, *count)).collect();
        for (id, count) in gone {
            self.attached.remove(&(client, id));
            self.detach(id, count, pid);
        }
    }
}

pub fn get(session: &mut Session, caller: &Caller, request: &Request) -> Result<Reply> {
    let [key, size, flags, ..] = request.arguments;
    let limit = session.file_bytes_max;
    let fs = nodes::memory_files(session)?;
    let fits = |segment: &Segment| if size > segment.size { Err(Errno::EINVAL) } else { Ok(()) };
    let make = || {
        if size == 0 || size > limit {
            return Err(Errno::EINVAL);
        }
        let node = ramet_kcore::fs::memfs::create_memfd(&fs, caller.uid, caller.gid, false, true)?;
        let shown = format!("/SYSV{:08x} (deleted)", key as u32);
        let place = Path::anonymous(node, shown.as_bytes());
        place.inode().set_attributes(&SetAttributes { size: Some(size), ..SetAttributes::default() })?;
        let (creator, last) = (caller.pid, 0);
        Ok(Segment { place, size, attached: 0, times: [0, 0, now()], creator, last, removed: false })
    };
    let state = &mut session.objects.sysv.shm;
    let id = state.table.find(caller, key as i32, flags as u32, fits, make)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}

pub fn attach(session: &mut Session, caller: &Caller, request: &Request) -> Result<Reply> {
    let [id, change, flags, ..] = request.arguments;
    let state = &mut session.objects.sysv.shm;
    let mine = (caller.client, id);
    if change as i64 == -1 {
        let count = state.attached.get_mut(&mine).ok_or(Errno::EINVAL)?;
        *count -= 1;
        if *count == 0 {
            state.attached.remove(&mine);
        }
        state.detach(id, 1, caller.pid);
        return Ok(Reply::default());
    }
    if change != 1 {
        return Err(Errno::EINVAL);
    }
    let want = if flags & SHM_RDONLY != 0 { READ } else { READ | WRITE };
    let (_, segment) = state.table.get(id, caller, want)?;
    segment.attached += 1;
    segment.times[0] = now();
    segment.last = caller.pid;
    let (place, size) = (segment.place.clone(), segment.size);
    *state.attached.entry(mine).or_default() += 1;
    let node = nodes::give_memory(session, caller.client, place)?;
    let mut reply = Reply { result: node as i64, ..Reply::default() };
    reply.values[0] = size;
    Ok(reply)
}

pub fn control(
    session: &mut Session,
    caller: &Caller,
    request: &Request,
    input: &[u8],
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let [id, command, ..] = request.arguments;
    let state = &mut session.objects.sysv.shm;
    match command as u32 {
        IPC_STAT => {
            let (permissions, segment) = state.table.get(id, caller, READ)?;
            permissions.encode(data);
            let words = [segment.size, segment.times[0], segment.times[1], segment.times[2]];
            data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            data.extend([segment.creator, segment.last].iter().flat_map(|pid| pid.to_le_bytes()));
            data.extend_from_slice(&segment.attached.to_le_bytes());
            data.resize(112, 0);
        }
        IPC_SET => {
            let (permissions, segment) = state.table.get(id, caller, 0)?;
            permissions.check_owner(caller)?;
            permissions.set(input)?;
            segment.times[2] = now();
        }
        IPC_RMID => {
            let (permissions, segment) = state.table.get(id, caller, 0)?;
            permissions.check_owner(caller)?;
            segment.removed = true;
            // It can no longer be found by its key.
            permissions.key = 0;
            permissions.mode |= SHM_DEST;
            if segment.attached == 0 {
                state.table.remove(id);
            }
        }
        SHM_LOCK | SHM_UNLOCK => {
            state.table.get(id, caller, 0)?.0.check_owner(caller)?;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(Reply::default())
}
