//! semget(2), semop(2), semctl(2).

use super::{Caller, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, READ, Table, WRITE, Waiters, now};
use crate::client::ClientId;
use crate::session::{Outbox, Session};
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use std::collections::BTreeMap;

const GETPID: u32 = 11;
const GETVAL: u32 = 12;
const GETALL: u32 = 13;
const GETNCNT: u32 = 14;
const GETZCNT: u32 = 15;
const SETVAL: u32 = 16;
const SETALL: u32 = 17;
const SEM_UNDO: u16 = 0o10000;
/// Largest value (SEMVMX), most semaphores in a set (SEMMSL), most operations at once (SEMOPM).
const VALUE_MAX: i32 = 32767;
const SET_MAX: u64 = 32000;
const OPERATIONS_MAX: usize = 500;

#[derive(Clone, Copy, Default)]
struct Semaphore {
    value: i32,
    pid: i32,
}

/// A set of semaphores.
pub struct Set {
    semaphores: Vec<Semaphore>,
    times: [u64; 2],
    waiters: Waiters,
    /// Who waits for which semaphore to grow (false) or to be zero (true).
    blocked: BTreeMap<(ClientId, u64), (u16, bool)>,
    /// What is to be added when a process ends.
    undo: BTreeMap<(ClientId, u16), i32>,
}

/// All sets.
#[derive(Default)]
pub struct State {
    table: Table<Set>,
}

impl Set {
    /// How many semaphores it has.
    pub fn len(&self) -> usize {
        self.semaphores.len()
    }
}

impl State {
    pub fn table(&self) -> &Table<Set> {
        &self.table
    }

    /// That wait is over. (Whoever is registered with a queue of messages is told once more, for nothing.)
    pub fn cancel(&mut self, client: ClientId, number: u64) {
        for (_, set) in self.table.objects.values_mut() {
            set.blocked.remove(&(client, number));
        }
    }

    /// Does what the process wanted done at its end.
    pub fn client_gone(&mut self, client: ClientId, pid: i32, outbox: &Outbox) {
        for (_, set) in self.table.objects.values_mut() {
            set.blocked.retain(|(waiter, _), _| *waiter != client);
            let range = set.undo.range((client, 0)..=(client, u16::MAX));
            let undo: Vec<(u16, i32)> = range.map(|((_, number), change)| (*number, *change)).collect();
            for (number, change) in undo {
                set.undo.remove(&(client, number));
                if let Some(semaphore) = set.semaphores.get_mut(usize::from(number)) {
                    semaphore.value = (semaphore.value + change).clamp(0, VALUE_MAX);
                    semaphore.pid = pid;
                }
                set.waiters.tell(outbox);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Operation {
    number: u16,
    change: i32,
    flags: u16,
}

fn decode(bytes: &[u8]) -> Result<Vec<Operation>> {
    let half = |bytes: &[u8], at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    if bytes.is_empty() || !bytes.len().is_multiple_of(6) {
        return Err(Errno::EINVAL);
    }
    if bytes.len() / 6 > OPERATIONS_MAX {
        return Err(Errno::E2BIG);
    }
    let decode = |sembuf: &[u8]| Operation {
        number: half(sembuf, 0),
        change: i32::from(half(sembuf, 2) as i16),
        flags: half(sembuf, 4),
    };
    Ok(bytes.chunks_exact(6).map(decode).collect())
}

pub fn get(session: &mut Session, caller: &Caller, request: &Request) -> Result<Reply> {
    let [key, count, flags, ..] = request.arguments;
    if count > SET_MAX {
        return Err(Errno::EINVAL);
    }
    let fits = |set: &Set| if count as usize > set.semaphores.len() { Err(Errno::EINVAL) } else { Ok(()) };
    let make = || match count {
        0 => Err(Errno::EINVAL),
        _ => Ok(Set {
            semaphores: vec![Semaphore::default(); count as usize],
            times: [0, now()],
            waiters: Waiters::default(),
            blocked: BTreeMap::new(),
            undo: BTreeMap::new(),
        }),
    };
    let id = session.objects.sysv.sem.table.find(caller, key as i32, flags as u32, fits, make)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}

/// All operations or none: the new values, or which one cannot go on.
fn attempt(set: &Set, operations: &[Operation]) -> Result<std::result::Result<Vec<(u16, i32)>, Operation>> {
    let mut values: BTreeMap<u16, i32> = BTreeMap::new();
    for operation in operations {
        let old = set.semaphores.get(usize::from(operation.number)).ok_or(Errno::EFBIG)?.value;
        let value = values.entry(operation.number).or_insert(old);
        match operation.change {
            0 if *value != 0 => return Ok(Err(*operation)),
            change if *value + change < 0 => return Ok(Err(*operation)),
            change if *value + change > VALUE_MAX => return Err(Errno::ERANGE),
            change => *value += change,
        }
    }
    Ok(Ok(values.into_iter().collect()))
}

pub fn operate(session: &mut Session, caller: &Caller, request: &Request, input: &[u8]) -> Result<Reply> {
    let operations = decode(input)?;
    let outbox = session.outbox.clone();
    let want = if operations.iter().any(|operation| operation.change != 0) { WRITE } else { READ };
    let table = &mut session.objects.sysv.sem.table;
    let (_, set) = table.get(request.arguments[0], caller, want)?;
    let me = (caller.client, caller.number);
    set.blocked.remove(&me);
    match attempt(set, &operations)? {
        Err(blocked) if u32::from(blocked.flags) & IPC_NOWAIT != 0 => Err(super::FINAL),
        Err(blocked) => {
            if caller.number != 0 {
                set.blocked.insert(me, (blocked.number, blocked.change == 0));
            }
            Err(set.waiters.register(caller))
        }
        Ok(values) => {
            for (number, value) in values {
                set.semaphores[usize::from(number)] = Semaphore { value, pid: caller.pid };
            }
            for operation in operations.iter().filter(|operation| operation.flags & SEM_UNDO != 0) {
                *set.undo.entry((caller.client, operation.number)).or_default() -= operation.change;
            }
            set.undo.retain(|_, change| *change != 0);
            set.times[0] = now();
            set.waiters.tell(&outbox);
            Ok(Reply::default())
        }
    }
}

pub fn control(
    session: &mut Session,
    caller: &Caller,
    request: &Request,
    input: &[u8],
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let [id, number, command, argument, ..] = request.arguments;
    let outbox = session.outbox.clone();
    let table = &mut session.objects.sysv.sem.table;
    let command = command as u32;
    let want = match command {
        IPC_STAT | GETPID | GETVAL | GETALL | GETNCNT | GETZCNT => READ,
        SETVAL | SETALL => WRITE,
        _ => 0,
    };
    let (permissions, set) = table.get(id, caller, want)?;
    let one = usize::try_from(number).ok().filter(|number| *number < set.semaphores.len());
    let one = one.ok_or(Errno::EINVAL);
    let waits = |set: &Set, zero: bool| {
        let here = set
            .blocked
            .values()
            .filter(|(semaphore, is_zero)| u64::from(*semaphore) == number && *is_zero == zero);
        here.count() as i64
    };
    let result = match command {
        IPC_STAT => {
            permissions.encode(data);
            let words = [set.times[0], 0, set.times[1], 0, set.semaphores.len() as u64, 0, 0];
            data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            0
        }
        IPC_SET => {
            permissions.check_owner(caller)?;
            permissions.set(input)?;
            set.times[1] = now();
            0
        }
        IPC_RMID => {
            permissions.check_owner(caller)?;
            set.waiters.tell(&outbox);
            table.remove(id);
            0
        }
        GETPID => i64::from(set.semaphores[one?].pid),
        GETVAL => i64::from(set.semaphores[one?].value),
        GETNCNT => one.map(|_| waits(set, false))?,
        GETZCNT => one.map(|_| waits(set, true))?,
        GETALL => {
            data.extend(set.semaphores.iter().flat_map(|semaphore| (semaphore.value as u16).to_le_bytes()));
            0
        }
        SETVAL => {
            let value = i32::try_from(argument as i32 as i64).map_err(|_| Errno::ERANGE)?;
            if !(0..=VALUE_MAX).contains(&value) {
                return Err(Errno::ERANGE);
            }
            set.semaphores[one?] = Semaphore { value, pid: caller.pid };
            set.undo.retain(|(_, semaphore), _| u64::from(*semaphore) != number);
            set.times[1] = now();
            set.waiters.tell(&outbox);
            0
        }
        SETALL => {
            if input.len() < set.semaphores.len() * 2 {
                return Err(Errno::EFAULT);
            }
            let values: Vec<i32> =
                input.chunks_exact(2).map(|half| i32::from(u16::from_le_bytes([half[0], half[1]]))).collect();
            if values.iter().take(set.semaphores.len()).any(|value| *value > VALUE_MAX) {
                return Err(Errno::ERANGE);
            }
            for (semaphore, value) in set.semaphores.iter_mut().zip(values) {
                *semaphore = Semaphore { value, pid: caller.pid };
            }
            set.undo.clear();
            set.times[1] = now();
            set.waiters.tell(&outbox);
            0
        }
        _ => return Err(Errno::EINVAL),
    };
    Ok(Reply { result, ..Reply::default() })
}
