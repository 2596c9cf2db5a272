//! What ipcs(1) asks for: limits, what is in use, and objects by their place in the table (IPC_INFO, SEM_STAT and their like).

use super::{Caller, IPC_STAT, Table};
use crate::session::Session;
use ramet_abi::session::{Reply, Request, sysv};
use ramet_kcore::errno::{Errno, Result};

const IPC_INFO: u32 = 3;
const MSG_STAT: u32 = 11;
const MSG_INFO: u32 = 12;
const MSG_STAT_ANY: u32 = 13;
const SHM_STAT: u32 = 13;
const SHM_INFO: u32 = 14;
const SHM_STAT_ANY: u32 = 15;
const SEM_STAT: u32 = 18;
const SEM_INFO: u32 = 19;
const SEM_STAT_ANY: u32 = 20;
/// As `/proc/sys/kernel` shows the limits.
const SEMAPHORE_SETS: u32 = 32000;
const SEMAPHORES: u32 = 1_024_000_000;
const QUEUES: u32 = 32000;
const SEGMENTS: u64 = 4096;
const MEMORY: u64 = 18_446_744_073_692_774_399;

impl<T> Table<T> {
    /// The highest place that is in use.
    fn highest(&self) -> i64 {
        self.objects.last_key_value().map_or(0, |(index, _)| i64::from(*index))
    }

    /// The id of what has that place in the table.
    fn at(&self, index: u64) -> Result<u64> {
        let place = u32::try_from(index).map_err(|_| Errno::EINVAL)?;
        let (permissions, _) = self.objects.get(&place).ok_or(Errno::EINVAL)?;
        Ok(u64::from(permissions.sequence) << super::INDEX_BITS | index)
    }
}

fn put_words(data: &mut Vec<u8>, words: &[u32]) {
    data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

fn semaphores(session: &Session, command: u32, data: &mut Vec<u8>) -> i64 {
    let table = session.objects.sysv.sem.table();
    let sets = table.objects.len() as u32;
    let all = table.objects.values().map(|(_, set)| set.len() as u32).sum();
    let (used, largest) = if command == SEM_INFO { (sets, all) } else { (20, 32767) };
    put_words(
        data,
        &[SEMAPHORES, SEMAPHORE_SETS, SEMAPHORES, SEMAPHORES, 32000, 500, 500, used, 32767, largest],
    );
    table.highest()
}

fn segments(session: &Session, command: u32, data: &mut Vec<u8>) -> i64 {
    let table = session.objects.sysv.shm.table();
    let words = if command == SHM_INFO {
        let pages = table.objects.values().map(|(_, segment)| segment.size().div_ceil(4096)).sum();
        vec![table.objects.len() as u64, pages, pages, 0, 0, 0]
    } else {
        vec![MEMORY, 1, SEGMENTS, SEGMENTS, MEMORY, 0, 0, 0, 0]
    };
    data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    table.highest()
}

fn queues(session: &Session, command: u32, data: &mut Vec<u8>) -> i64 {
    let table = session.objects.sysv.msg.table();
    let (pool, map, waiting) = if command == MSG_INFO {
        let sizes = table.objects.values().map(|(_, queue)| queue.size());
        let (messages, bytes) = sizes.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        (table.objects.len() as u32, messages as u32, bytes as u32)
    } else {
        (512_000, 16384, 16384)
    };
    put_words(data, &[pool, map, 8192, 16384, QUEUES, 16, waiting, 0xffff]);
    table.highest()
}

/// Answers the commands of this module; `None`: it is another one.
pub fn answer(
    session: &mut Session,
    caller: &Caller,
    request: &Request,
    data: &mut Vec<u8>,
) -> Option<Result<Reply>> {
    let is_semaphore = request.flags == sysv::SEMCTL;
    let command = request.arguments[if is_semaphore { 2 } else { 1 }] as u32;
    let index = request.arguments[0];
    let state = &session.objects.sysv;
    let known = match (request.flags, command) {
        (sysv::SEMCTL, IPC_INFO | SEM_INFO) => Ok(semaphores(session, command, data)),
        (sysv::SHMCTL, IPC_INFO | SHM_INFO) => Ok(segments(session, command, data)),
        (sysv::MSGCTL, IPC_INFO | MSG_INFO) => Ok(queues(session, command, data)),
        (sysv::SEMCTL, SEM_STAT | SEM_STAT_ANY) => Err(state.sem.table().at(index)),
        (sysv::SHMCTL, SHM_STAT | SHM_STAT_ANY) => Err(state.shm.table().at(index)),
        (sysv::MSGCTL, MSG_STAT | MSG_STAT_ANY) => Err(state.msg.table().at(index)),
        _ => return None,
    };
    let id = match known {
        Ok(result) => return Some(Ok(Reply { result, ..Reply::default() })),
        Err(Err(error)) => return Some(Err(error)),
        Err(Ok(id)) => id,
    };
    let any = match request.flags {
        sysv::SEMCTL => SEM_STAT_ANY,
        sysv::SHMCTL => SHM_STAT_ANY,
        _ => MSG_STAT_ANY,
    };
    // Whoever may read all is like root in this.
    let caller = Caller { uid: if command == any { 0 } else { caller.uid }, ..*caller };
    let mut request = *request;
    request.arguments[0] = id;
    request.arguments[if is_semaphore { 2 } else { 1 }] = IPC_STAT.into();
    let asked = match request.flags {
        sysv::SEMCTL => super::sem::control(session, &caller, &request, &[], data),
        sysv::SHMCTL => super::shm::control(session, &caller, &request, &[], data),
        _ => super::msg::control(session, &caller, &request, &[], data),
    };
    Some(asked.map(|reply| Reply { result: id as i64, ..reply }))
}
