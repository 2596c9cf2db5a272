//! Files that VMs map, and futexes in them. The test maps the memory that a VMM would be given.

mod common;

use common::{Answer, Harness, numbers};
use ramet_abi::session::{Request, SLEEPERS_OFFSET, futex_slot, futex_space, notice, op, tree};
use ramet_keeper::ClientId;
use std::fs::File;
use std::os::unix::fs::FileExt;

const OWNER_DIED: u32 = 0x4000_0000;
const WAITERS: u32 = 0x8000_0000;

fn on(operation: u32, id: u64, arguments: &[u64]) -> Request {
    Request { id, ..numbers(operation, arguments) }
}

/// The memory of a file, as the VMM gets it.
fn memory(h: &mut Harness, vm: ClientId, node: u64, flags: u32) -> Result<File, i64> {
    let answer = h.ask(vm, Request { flags, ..on(op::MEMORY, node, &[]) }, b"");
    if answer.result < 0 {
        return Err(answer.result);
    }
    assert_eq!(h.passed.len(), 1);
    Ok(File::from(h.passed.pop().unwrap()))
}

fn read(h: &mut Harness, vm: ClientId, node: u64, offset: u64) -> Vec<u8> {
    h.ask(vm, Request { wanted: 1 << 20, ..on(op::READ_NODE, node, &[offset]) }, b"").data
}

#[test]
fn a_mapped_file_is_one_for_mappings_and_calls() {
    let mut h = Harness::new();
    let first = h.first;
    let root = h.call(first, op::ROOT, &[tree::ROOT]) as u64;
    let node = h.ask(first, on(op::CREATE, root, &[0o100644]), b"data").result as u64;
    let bytes: Vec<u8> = (0..10_000).map(|n| (n / 3) as u8).collect();
    assert_eq!(h.ask(first, on(op::WRITE_NODE, node, &[20_000]), &bytes).result, 10_000);
    let id = h.ask(first, Request { flags: 2, ..on(op::OPEN, node, &[]) }, b"").result as u64;
    let mapped = memory(&mut h, first, node, 1).unwrap();
    assert_eq!(mapped.metadata().unwrap().len(), 30_000);
    assert_eq!(read(&mut h, first, node, 20_000), bytes);
    assert_eq!(read(&mut h, first, node, 0)[..20_000], [0; 20_000]);
    mapped.write_all_at(b"stored", 100).unwrap();
    assert_eq!(read(&mut h, first, node, 100)[..6], *b"stored");
    let child = h.fork(first).unwrap();
    let write = Request { flags: 1, ..on(op::WRITE, id, &[102, u64::MAX]) };
    assert_eq!(h.ask(child, write, b"IN").result, 2);
    let again = memory(&mut h, child, node, 0).unwrap();
    let mut six = [0; 6];
    again.read_exact_at(&mut six, 100).unwrap();
    assert_eq!(six, *b"stINed");
    // Lengths go on as before.
    let size = |size: u64| Request { flags: 4, ..on(op::SETATTR, node, &[0, 0, 0, size]) };
    assert_eq!(h.ask(child, size(103), b"").stat.size, 103);
    assert_eq!(mapped.metadata().unwrap().len(), 103);
    assert_eq!(h.ask(child, size(200), b"").result, 0);
    assert_eq!(read(&mut h, first, node, 100)[..6], *b"stI\0\0\0");
    let append = Request { flags: 1, ..on(op::WRITE_NODE, node, &[]) };
    assert_eq!(h.ask(first, append, b"end").result, 3);
    assert_eq!(h.ask(first, on(op::STAT, node, &[]), b"").stat.size, 203);
    let allocate = |mode, from, length| on(op::ALLOCATE, node, &[mode, from, length]);
    assert_eq!(h.ask(first, allocate(0, 0, 1 << 20), b"").result, 0);
    assert!(h.ask(first, on(op::STAT, node, &[]), b"").stat.blocks >= 2048);
    assert_eq!(h.ask(first, allocate(3, 8192, 1 << 19), b"").result, 0);
    let seek = Request { flags: 1, ..on(op::SEEK_DATA, node, &[0]) };
    // What has been given memory and not been written is a hole, as tmpfs says.
    assert_eq!(h.ask(first, seek, b"").result, 4096);
    assert_eq!(h.ask(first, size(1 << 50), b"").result, -28);
    // What several files take together is limited.
    let half = |name: &[u8]| {
        let other = h.ask(first, on(op::CREATE, root, &[0o100644]), name).result as u64;
        let grow = Request { flags: 4, ..on(op::SETATTR, other, &[0, 0, 0, 3 << 30]) };
        assert_eq!(h.ask(first, grow, b"").result, 0);
        memory(&mut h, first, other, 0).err()
    };
    let results: Vec<Option<i64>> = [b"x", b"y"].map(|name| name.as_slice()).map(half).into();
    assert_eq!(results, [None, Some(-28)]);
    // Unlinked, it lives while it is open.
    assert_eq!(h.ask(first, on(op::UNLINK, root, &[]), b"data").result, 0);
    assert_eq!(read(&mut h, child, node, 100)[..3], *b"stI");
    assert_eq!(memory(&mut h, first, root, 0).err(), Some(-21));
}

#[test]
fn seals_count_mappings() {
    let mut h = Harness::new();
    let first = h.first;
    let node = h.ask(first, Request { flags: 2, ..numbers(op::MEMFD, &[]) }, b"m").result as u64;
    memory(&mut h, first, node, 1).unwrap();
    let child = h.fork(first).unwrap();
    let seal = on(op::SEALS, node, &[8]);
    let unmap = on(op::UNMAP, node, &[]);
    assert_eq!(h.ask(first, seal, b"").result, -16);
    assert_eq!(h.ask(first, unmap, b"").result, 0);
    assert_eq!(h.ask(first, unmap, b"").result, -22);
    assert_eq!(h.ask(first, seal, b"").result, -16, "the child's");
    h.lose(child);
    assert_eq!(h.ask(first, seal, b"").result, 8);
    assert_eq!(memory(&mut h, first, node, 1).err(), Some(-1));
    assert!(memory(&mut h, first, node, 0).is_ok());
}

struct Words {
    h: Harness,
    node: u64,
    memory: File,
    first: ClientId,
    child: ClientId,
}

impl Words {
    fn new() -> Words {
        let mut h = Harness::new();
        let first = h.first;
        let node = h.ask(first, numbers(op::MEMFD, &[]), b"").result as u64;
        let size = Request { flags: 4, ..on(op::SETATTR, node, &[0, 0, 0, 8192]) };
        assert_eq!(h.ask(first, size, b"").result, 0);
        assert_eq!(h.ask(first, on(op::FUTEX_WAIT, node, &[1, 0, u64::MAX]), b"").result, -22);
        let memory = memory(&mut h, first, node, 1).unwrap();
        let child = h.fork(first).unwrap();
        Words { h, node, memory, first, child }
    }

    fn set(&self, offset: u64, value: u32) {
        self.memory.write_all_at(&value.to_le_bytes(), offset).unwrap();
    }

    fn get(&self, offset: u64) -> u32 {
        let mut bytes = [0; 4];
        self.memory.read_exact_at(&mut bytes, offset).unwrap();
        u32::from_le_bytes(bytes)
    }

    fn ask(&mut self, vm: ClientId, operation: u32, offset: u64, flags: u32, arguments: &[u64]) -> i64 {
        let request = Request { flags, other: offset, ..on(operation, self.node, arguments) };
        let answer: Answer = self.h.ask(vm, request, b"");
        answer.result
    }

    fn wait(&mut self, vm: ClientId, offset: u64, number: u64, expected: u32, flags: u32) -> i64 {
        self.ask(vm, op::FUTEX_WAIT, offset, flags, &[number, expected.into(), u32::MAX.into()])
    }

    fn woken(&mut self, vm: ClientId) -> Vec<u64> {
        let notes = self.h.notices(vm).into_iter();
        notes.filter(|note| note.kind == notice::FUTEX).map(|note| note.id).collect()
    }
}

#[test]
fn futexes_wake_across_vms() {
    let mut w = Words::new();
    let (first, child) = (w.first, w.child);
    let all = u64::from(u32::MAX);
    w.set(4096, 7);
    assert_eq!(w.wait(first, 4096, 1, 8, 0), -11);
    assert_eq!(w.wait(first, 4097, 1, 7, 0), -22);
    assert_eq!(w.wait(first, 9000, 1, 7, 0), -14);
    for number in 1..=3 {
        assert_eq!(w.wait(first, 4096, number, 7, 0), 0);
    }
    assert_eq!(w.wait(first, 4096, 3, 7, 0), -12, "a number is one waiter's");
    assert_eq!(w.ask(child, op::FUTEX_WAKE, 4096, 0, &[1, all]), 1);
    assert_eq!(w.woken(first), [1]);
    assert_eq!(w.ask(first, op::FUTEX_CANCEL, 0, 0, &[1]), 1);
    assert_eq!(w.ask(first, op::FUTEX_CANCEL, 0, 0, &[2]), 0);
    // The third moves to another word, and is woken there.
    let node = w.node;
    assert_eq!(w.ask(child, op::FUTEX_REQUEUE, 4096, 1, &[0, 9, node, 8, 6]), -11);
    assert_eq!(w.ask(child, op::FUTEX_REQUEUE, 4096, 1, &[0, 9, node, 8, 7]), 1);
    assert_eq!(w.ask(child, op::FUTEX_WAKE, 4096, 0, &[9, all]), 0);
    assert_eq!(w.ask(child, op::FUTEX_WAKE, 8, 0, &[9, all]), 1);
    assert_eq!(w.woken(first), [3]);
    // Who is gone does not wait any more.
    assert_eq!(w.wait(child, 4096, 1, 7, 0), 0);
    w.h.lose(child);
    assert_eq!(w.ask(first, op::FUTEX_WAKE, 4096, 0, &[9, all]), 0);
}

#[test]
fn a_dead_owners_lock_is_marked() {
    let mut w = Words::new();
    let (first, child) = (w.first, w.child);
    let pid = w.h.vms[&child].pid as u32;
    w.set(0, pid | WAITERS);
    w.set(64, pid);
    assert_eq!(w.wait(first, 0, 1, pid | WAITERS, 1), 0);
    assert_eq!(w.wait(first, 64, 2, pid, 0), 0);
    w.h.lose(child);
    assert_eq!(w.woken(first), [1], "the second is no robust lock");
    assert_eq!((w.get(0), w.get(64)), (OWNER_DIED | WAITERS, pid));
    // Who comes later sees it as well.
    w.set(128, pid);
    assert_eq!(w.wait(first, 128, 3, pid, 1), -11);
    assert_eq!(w.get(128), OWNER_DIED);
    // A living owner keeps its lock.
    let own = w.h.vms[&first].pid as u32;
    w.set(192, own);
    assert_eq!(w.wait(first, 192, 4, own, 1), 0);
    assert_eq!(w.get(192), own);
}

#[test]
fn a_lock_is_known_by_its_waiters_after_a_death_without_a_word() {
    let mut w = Words::new();
    let first = w.first;
    let other = w.h.fork(first).unwrap();
    let (pid, end) = (w.h.vms[&w.child].pid as u32, w.h.vms[&other].pid as u32);
    w.set(0, pid | WAITERS);
    w.set(64, pid);
    w.set(128, end | WAITERS);
    for (number, offset) in [(1, 0), (2, 64), (3, 128)] {
        let value = w.get(offset);
        assert_eq!(w.wait(first, offset, number, value, 0), 0);
    }
    // One whose kernel had the time to speak has given up its locks.
    w.h.call(other, op::EXIT, &[0]);
    assert_eq!((w.woken(first), w.get(128)), (vec![], end | WAITERS));
    w.h.lose(w.child);
    assert_eq!((w.woken(first), w.get(0), w.get(64)), (vec![1], OWNER_DIED | WAITERS, pid));
    w.set(192, pid | WAITERS);
    assert_eq!(w.wait(first, 192, 4, pid | WAITERS, 0), -11);
    assert_eq!(w.get(192), OWNER_DIED | WAITERS);
}

#[test]
fn whether_anybody_sleeps_is_shown_to_all() {
    let mut w = Words::new();
    let (first, child) = (w.first, w.child);
    let stat = w.h.ask(first, on(op::STAT, w.node, &[]), b"").stat;
    let slot = |offset| SLEEPERS_OFFSET + 4 * futex_slot(futex_space(stat.device, stat.inode), offset);
    let shown = |w: &Words, offset| [first, child].map(|vm| w.h.word(vm, slot(offset)));
    assert_eq!(w.wait(first, 4096, 1, 9, 0), -11);
    assert_eq!(shown(&w, 4096), [0, 0]);
    assert_eq!(w.wait(first, 4096, 1, 0, 0), 0);
    assert_eq!(shown(&w, 4096), [1, 1]);
    let late = w.h.fork(first).unwrap();
    assert_eq!(w.h.word(late, slot(4096)), 1);
    let node = w.node;
    assert_eq!(w.ask(child, op::FUTEX_REQUEUE, 4096, 0, &[0, 1, node, 8]), 1);
    assert_eq!((shown(&w, 4096), shown(&w, 8)), ([0, 0], [1, 1]));
    assert_eq!(w.ask(child, op::FUTEX_WAKE, 8, 0, &[1, u64::from(u32::MAX)]), 1);
    assert_eq!(shown(&w, 8), [0, 0]);
    assert_eq!(w.wait(child, 8, 1, 0, 0), 0);
    assert_eq!(w.wait(late, 16, 1, 0, 0), 0);
    assert_eq!(w.ask(child, op::FUTEX_CANCEL, 0, 0, &[1]), 0);
    w.h.lose(late);
    assert_eq!((shown(&w, 8), shown(&w, 16)), ([0, 0], [0, 0]));
}

#[test]
fn who_shares_memory_is_killed_by_its_own_kernel() {
    let mut w = Words::new();
    let (first, child) = (w.first, w.child);
    let pid = w.h.vms[&child].pid as u64;
    w.h.notices(child);
    assert_eq!(w.h.call(first, op::KILL, &[pid, 0, 9]), 0);
    let told = w.h.notices(child).into_iter().map(|note| (note.kind, note.detail)).collect::<Vec<_>>();
    assert_eq!(told, [(notice::SIGNAL, 9)]);
    assert_eq!(w.h.session.killing.len(), 1);
    w.h.call(child, op::EXIT, &[9]);
    assert!(w.h.session.killing.is_empty());
}
