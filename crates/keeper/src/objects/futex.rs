//! futex(2) on words in memory that VMs share.

use crate::client::ClientId;
use crate::nodes::{self, HostMemory};
use crate::session::{Note, Outbox, Session};
use crate::sys;
use ramet_abi::session::{Reply, Request, SLEEPERS, futex_slot, futex_space, notice};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::futex::robust::{OWNER_DIED, TID_MASK, WAITERS};
use ramet_kcore::futex::{Futexes, Key, MATCH_ANY, Waiter};
use ramet_kcore::wait::{Events, Wake};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Most waiters of the session: a process has that many threads at most.
const WAITERS_MAX: usize = 1 << 16;
/// The word is that of a robust lock: it holds its owner's thread id.
const ROBUST: u32 = 1;
const COMPARE: u32 = 1;
/// Most runs of ids of threads that are remembered after a death.
const FALLEN_MAX: usize = 4096;

struct Wakeup {
    client: ClientId,
    number: u64,
    outbox: Outbox,
}

impl Wake for Wakeup {
    fn wake(&self, _: Events) {
        let note = Note { kind: notice::FUTEX, id: self.number, ..Note::default() };
        self.outbox.notify(self.client, note);
    }
}

/// A word that holds its owner's thread id.
#[derive(Clone)]
struct Lock {
    memory: Rc<HostMemory>,
    offset: u64,
    key: Key,
    /// The waiter says so; otherwise the word only looks like it.
    certain: bool,
}

struct Sleeper {
    waiter: Rc<Waiter>,
    /// Where it is counted.
    slot: u64,
    /// The lock that it waits for, if it is one.
    lock: Option<Lock>,
}

/// All waiters.
pub struct State {
    futexes: Futexes,
    sleepers: BTreeMap<(ClientId, u64), Sleeper>,
    /// How many wait at the words of each slot.
    counts: Vec<u32>,
    /// Slots that are to be shown anew.
    fresh: Vec<u64>,
    /// Ids of threads whose kernel could not give up their robust locks: first and number. The newest last.
    fallen: VecDeque<(i32, i32)>,
}

impl Default for State {
    fn default() -> Self {
        State {
            futexes: Futexes::new(),
            sleepers: BTreeMap::new(),
            counts: vec![0; SLEEPERS as usize],
            fresh: Vec::new(),
            fallen: VecDeque::new(),
        }
    }
}

fn slot_of(key: Key) -> u64 {
    futex_slot(key.space, key.offset) % SLEEPERS
}

impl State {
    fn count(&mut self, slot: u64, change: i32) {
        let count = &mut self.counts[slot as usize];
        let before = *count;
        *count = before.saturating_add_signed(change);
        if (before == 0) != (*count == 0) {
            self.fresh.push(slot);
        }
    }

    fn forget_woken(&mut self) {
        let mut left = Vec::new();
        self.sleepers.retain(|_, sleeper| {
            let is_woken = sleeper.waiter.is_woken();
            if is_woken {
                left.push(sleeper.slot);
            }
            !is_woken
        });
        left.into_iter().for_each(|slot| self.count(slot, -1));
    }

    /// Waiters may have moved to other words.
    fn count_again(&mut self) {
        let mut moved = Vec::new();
        for sleeper in self.sleepers.values_mut() {
            let slot = slot_of(sleeper.waiter.key());
            if slot != sleeper.slot {
                moved.push((std::mem::replace(&mut sleeper.slot, slot), slot));
            }
        }
        for (from, to) in moved {
            self.count(from, -1);
            self.count(to, 1);
        }
    }

    /// Ends the waits of a VM.
    pub fn client_gone(&mut self, client: ClientId) {
        let range = self.sleepers.range((client, 0)..=(client, u64::MAX));
        let gone: Vec<(ClientId, u64)> = range.map(|(key, _)| *key).collect();
        for key in gone {
            if let Some(sleeper) = self.sleepers.remove(&key) {
                self.futexes.cancel(&sleeper.waiter);
                self.count(sleeper.slot, -1);
            }
        }
    }
}

/// Shows all VMs which words have waiters.
pub fn show(session: &mut Session) {
    let state = &mut session.objects.futex;
    for slot in std::mem::take(&mut state.fresh) {
        let any = state.counts[slot as usize] != 0;
        session.clients.iter().for_each(|(_, client)| client.channel.set_sleepers(slot, any));
    }
}

/// Shows a new VM which words have waiters.
pub fn show_all(session: &Session, client: ClientId) {
    let Some(client) = session.clients.get(client) else { return };
    let counts = (0u64..).zip(&session.objects.futex.counts);
    counts.filter(|(_, count)| **count != 0).for_each(|(slot, _)| client.channel.set_sleepers(slot, true));
}

/// The word of a request: its memory and its name.
fn word(session: &Session, client: ClientId, id: u64, offset: u64) -> Result<(Rc<HostMemory>, Key)> {
    if !offset.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    let memory = nodes::memory(session, client, id)?;
    let (device, inode) = nodes::path(session, client, id)?.inode().id();
    Ok((memory, Key { space: futex_space(device, inode), offset }))
}

fn load(memory: &HostMemory, offset: u64) -> Result<u32> {
    sys::change_word(memory.fd(), offset, |_| None).map_err(|_| Errno::ENOMEM)?.ok_or(Errno::EFAULT)
}

/// Whether a lock's word names a thread of a process that is over.
fn is_dead(session: &Session, word: u32) -> bool {
    let owner = (word & TID_MASK) as i32;
    let process = session.processes.owner(owner).and_then(|pid| session.processes.get(pid).ok());
    owner != 0 && process.is_none_or(|process| process.is_zombie())
}

/// Whether a word looks like the lock, with waiters, of a thread that was killed from outside.
fn has_fallen(session: &Session, word: u32) -> bool {
    let owner = (word & TID_MASK) as i32;
    let is_among = |&(first, count): &(i32, i32)| (first..first.saturating_add(count)).contains(&owner);
    word & WAITERS != 0 && owner != 0 && session.objects.futex.fallen.iter().any(is_among)
}

/// Takes the lock from its owner, if that is dead. True: it was.
fn release_dead(session: &Session, lock: &Lock) -> bool {
    let is_over = |word| has_fallen(session, word) || lock.certain && is_dead(session, word);
    let dead = |word| is_over(word).then_some(word & WAITERS | OWNER_DIED);
    matches!(sys::change_word(lock.memory.fd(), lock.offset, dead), Ok(Some(old)) if is_over(old))
}

/// A process is over whose kernel could not give up its robust locks: nothing is known of them but its threads' ids.
pub fn fell(session: &mut Session, pid: i32) {
    let Ok(process) = session.processes.get(pid) else { return };
    let ids: Vec<(i32, i32)> = [(pid, 1)].into_iter().chain(process.threads.iter().copied()).collect();
    let fallen = &mut session.objects.futex.fallen;
    fallen.extend(ids);
    let over = fallen.len().saturating_sub(FALLEN_MAX);
    fallen.drain(..over);
}

/// The number is a new process's.
pub fn risen(session: &mut Session, pid: i32) {
    session
        .objects
        .futex
        .fallen
        .retain(|&(first, count)| !(first..first.saturating_add(count)).contains(&pid));
}

pub fn wait(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [number, expected, bitset, ..] = request.arguments;
    let offset = request.other;
    let (memory, key) = word(session, client, request.id, offset)?;
    let expected = u32::try_from(expected).map_err(|_| Errno::EINVAL)?;
    let robust = match request.flags {
        0 => false,
        ROBUST => true,
        _ => return Err(Errno::EINVAL),
    };
    let is_lock = robust || expected & WAITERS != 0 && expected & TID_MASK != 0;
    let lock = is_lock.then(|| Lock { memory: memory.clone(), offset, key, certain: robust });
    if lock.as_ref().is_some_and(|lock| release_dead(session, lock)) {
        return Err(Errno::EAGAIN);
    }
    let state = &mut session.objects.futex;
    if state.sleepers.contains_key(&(client, number)) || state.sleepers.len() >= WAITERS_MAX {
        return Err(Errno::ENOMEM);
    }
    let slot = slot_of(key);
    state.count(slot, 1);
    // Before the word is looked at: who changes it afterwards sees that there is somebody to be woken.
    show(session);
    let wake = Rc::new(Wakeup { client, number, outbox: session.outbox.clone() });
    let state = &mut session.objects.futex;
    let waits = state.futexes.wait(key, bitset as u32, expected, || load(&memory, offset), wake);
    match waits {
        Ok(waiter) => {
            state.sleepers.insert((client, number), Sleeper { waiter, slot, lock });
            Ok(Reply::default())
        }
        Err(error) => {
            state.count(slot, -1);
            Err(error)
        }
    }
}

pub fn wake(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [count, bitset, ..] = request.arguments;
    let (_, key) = word(session, client, request.id, request.other)?;
    let state = &mut session.objects.futex;
    let count = i32::try_from(count.min(i32::MAX as u64)).map_err(|_| Errno::EINVAL)?;
    let woken = state.futexes.wake(key, count, bitset as u32)?;
    state.forget_woken();
    Ok(Reply { result: woken as i64, ..Reply::default() })
}

pub fn cancel(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    session.client(client)?;
    let state = &mut session.objects.futex;
    let slept = match state.sleepers.remove(&(client, request.arguments[0])) {
        Some(sleeper) => {
            state.count(sleeper.slot, -1);
            state.futexes.cancel(&sleeper.waiter)
        }
        None => false,
    };
    Ok(Reply { result: i64::from(!slept), ..Reply::default() })
}

pub fn requeue(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let [wake, requeue, node, offset, expected, _] = request.arguments;
    if request.flags > COMPARE {
        return Err(Errno::EINVAL);
    }
    let (memory, from) = word(session, client, request.id, request.other)?;
    let (_, to) = word(session, client, node, offset)?;
    let count = |count: u64| i32::try_from(count.min(i32::MAX as u64)).map_err(|_| Errno::EINVAL);
    let read = || load(&memory, request.other);
    let compare: Option<(u32, &dyn Fn() -> Result<u32>)> =
        (request.flags == COMPARE).then_some((expected as u32, &read));
    let state = &mut session.objects.futex;
    let done = state.futexes.requeue(from, to, count(wake)?, count(requeue)?, compare)?;
    state.forget_woken();
    state.count_again();
    Ok(Reply { result: done as i64, ..Reply::default() })
}

/// A process has ended: the locks of its threads that others wait for are released.
pub fn process_ended(session: &mut Session) {
    let sleepers = session.objects.futex.sleepers.values();
    let mut locks: Vec<Lock> = sleepers.filter_map(|sleeper| sleeper.lock.clone()).collect();
    locks.sort_by_key(|lock| (lock.key, !lock.certain));
    locks.dedup_by_key(|lock| lock.key);
    for lock in locks {
        let is_free =
            || lock.certain && load(&lock.memory, lock.offset).is_ok_and(|word| word & TID_MASK == 0);
        if release_dead(session, &lock) || is_free() {
            // It was marked now, or its owner died between giving it up and waking. One of them gets the lock, and marks it so that
            // its end wakes the next.
            let _ = session.objects.futex.futexes.wake(lock.key, 1, MATCH_ANY);
        }
    }
    session.objects.futex.forget_woken();
    show(session);
}
