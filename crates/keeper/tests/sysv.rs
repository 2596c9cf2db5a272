//! System V IPC between VMs.

mod common;

use common::{Answer, Harness, numbers};
use ramet_abi::session::{Request, notice, op, sysv};
use ramet_keeper::ClientId;

const CREATE: u64 = 0o1000 | 0o600;
const NOWAIT: u64 = 0o4000;
const EAGAIN: i64 = -11;
const EINVAL: i64 = -22;
const EIDRM: i64 = -43;
const UNDO: u16 = 0o10000;

struct Sysv(Harness);

impl Sysv {
    fn new() -> (Sysv, ClientId, ClientId) {
        let mut h = Harness::new();
        let first = h.first;
        let child = h.fork(first).unwrap();
        (Sysv(h), first, child)
    }

    fn as_user(
        &mut self,
        vm: ClientId,
        uid: u64,
        call: u32,
        arguments: &[u64],
        number: u64,
        data: &[u8],
    ) -> Answer {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        all[4] = uid;
        let request = Request { flags: call, other: number, ..numbers(op::SYSV, &all) };
        self.0.ask(vm, request, data)
    }

    fn call(&mut self, vm: ClientId, call: u32, arguments: &[u64]) -> i64 {
        self.as_user(vm, 0, call, arguments, 0, b"").result
    }

    fn semop(&mut self, vm: ClientId, id: u64, number: u64, operations: &[(u16, i16, u16)]) -> i64 {
        let encode = |(number, change, flags): &(u16, i16, u16)| {
            [number.to_le_bytes(), change.to_le_bytes(), flags.to_le_bytes()].concat()
        };
        let data: Vec<u8> = operations.iter().flat_map(encode).collect();
        self.as_user(vm, 0, sysv::SEMOP, &[id], number, &data).result
    }

    fn value(&mut self, vm: ClientId, id: u64, number: u64) -> i64 {
        self.call(vm, sysv::SEMCTL, &[id, number, 12])
    }

    fn told(&mut self, vm: ClientId) -> Vec<u64> {
        let notes = self.0.notices(vm).into_iter();
        notes.filter(|note| note.kind == notice::LOCK).map(|note| note.id).collect()
    }
}

#[test]
fn segments_live_while_they_are_attached() {
    let (mut s, first, child) = Sysv::new();
    assert_eq!(s.call(first, sysv::SHMGET, &[77, 0, CREATE]), EINVAL);
    let id = s.call(first, sysv::SHMGET, &[77, 10_000, CREATE]) as u64;
    assert_eq!(s.call(child, sysv::SHMGET, &[77, 10_000, 0]) as u64, id);
    assert_eq!(s.call(child, sysv::SHMGET, &[77, 10_001, 0]), EINVAL);
    assert_eq!(s.call(child, sysv::SHMGET, &[77, 1, 0o3600]), -17);
    assert_eq!(s.call(child, sysv::SHMGET, &[78, 1, 0o600]), -2);
    let attach = |s: &mut Sysv, vm, change: i64| s.as_user(vm, 0, sysv::SHMAT, &[id, change as u64], 0, b"");
    let there = attach(&mut s, first, 1);
    assert_eq!(there.values[0], 10_000);
    let memory = Request { id: there.result as u64, flags: 1, ..numbers(op::MEMORY, &[]) };
    assert_eq!(s.0.ask(first, memory, b"").stat.size, 10_000);
    let stat = |s: &mut Sysv, vm| s.as_user(vm, 0, sysv::SHMCTL, &[id, 2], 0, b"").data;
    let grandchild = s.0.fork(first).unwrap();
    let seen = stat(&mut s, child);
    assert_eq!((seen.len(), seen[0], seen[88], seen[48..50] == 10_000u16.to_le_bytes()), (112, 77, 2, true));
    // Others may not.
    assert_eq!(s.as_user(child, 5, sysv::SHMAT, &[id, 1], 0, b"").result, -13);
    assert_eq!(s.as_user(child, 5, sysv::SHMCTL, &[id, 0], 0, b"").result, -1);
    assert_eq!(s.call(child, sysv::SHMCTL, &[id, 0]), 0);
    assert_eq!(s.call(child, sysv::SHMGET, &[77, 1, 0]), -2);
    assert!(attach(&mut s, child, 1).result > 0);
    assert_eq!(attach(&mut s, first, -1).result, 0);
    assert_eq!(attach(&mut s, first, -1).result, EINVAL);
    s.0.lose(grandchild);
    assert_eq!(stat(&mut s, first)[88], 1);
    s.0.lose(child);
    assert_eq!(s.call(first, sysv::SHMCTL, &[id, 2]), EINVAL);
}

#[test]
fn semaphores_wait_wake_and_are_undone() {
    let (mut s, first, child) = Sysv::new();
    let id = s.call(first, sysv::SEMGET, &[5, 3, CREATE]) as u64;
    assert_eq!(s.semop(child, id, 9, &[(0, -1, 0)]), EAGAIN);
    assert_eq!(s.call(first, sysv::SEMCTL, &[id, 0, 14]), 1);
    assert_eq!(s.semop(first, id, 0, &[(1, 1, 0)]), 0);
    assert_eq!(s.told(child), [9]);
    assert_eq!(s.semop(child, id, 9, &[(0, -1, 0)]), EAGAIN);
    assert_eq!(s.semop(first, id, 0, &[(0, 2, 0)]), 0);
    assert_eq!(s.semop(child, id, 9, &[(0, -1, UNDO), (2, 5, UNDO)]), 0);
    assert_eq!(s.call(first, sysv::SEMCTL, &[id, 0, 14]), 0);
    assert_eq!((s.value(first, id, 0), s.value(first, id, 2)), (1, 5));
    // All or nothing; zero is waited for as well.
    assert_eq!(s.semop(first, id, 3, &[(1, -1, 0), (2, 0, 0)]), EAGAIN);
    assert_eq!((s.value(first, id, 1), s.call(first, sysv::SEMCTL, &[id, 2, 15])), (1, 1));
    s.0.lose(child);
    assert_eq!(s.told(first), [3]);
    assert_eq!((s.value(first, id, 0), s.value(first, id, 2)), (2, 0));
    assert_eq!(s.semop(first, id, 3, &[(1, -1, 0), (2, 0, 0)]), 0);
    assert_eq!(s.semop(first, id, 0, &[(9, 1, 0)]), -27);
    assert_eq!(s.semop(first, id, 0, &[(0, 32767, 0)]), -34);
    assert_eq!(s.semop(first, id, 0, &[]), EINVAL);
    let nowait = [0u16.to_le_bytes(), (-9i16).to_le_bytes(), (NOWAIT as u16).to_le_bytes()].concat();
    let final_answer = s.as_user(first, 0, sysv::SEMOP, &[id], 4, &nowait);
    assert_eq!((final_answer.result, final_answer.values[0]), (EAGAIN, 1));
    let set = [1u16, 2, 3].map(u16::to_le_bytes).concat();
    assert_eq!(s.as_user(first, 0, sysv::SEMCTL, &[id, 0, 17], 0, &set).result, 0);
    assert_eq!(s.as_user(first, 0, sysv::SEMCTL, &[id, 0, 13], 0, b"").data, set);
    assert_eq!(s.call(first, sysv::SEMCTL, &[id, 1, 16, 40_000]), -34);
    assert_eq!(s.as_user(first, 0, sysv::SEMCTL, &[id, 0, 2], 0, b"").data.len(), 104);
    // Who waits for what is removed is told so.
    let other = s.0.fork(first).unwrap();
    assert_eq!(s.semop(other, id, 8, &[(0, -9, 0)]), EAGAIN);
    assert_eq!(s.call(first, sysv::SEMCTL, &[id, 0, 0]), 0);
    assert_eq!(s.told(other), [8]);
    assert_eq!(s.semop(other, id, 8, &[(0, -9, 0)]), EIDRM);
    assert_eq!(s.semop(other, id, 8, &[(0, -9, 0)]), EINVAL);
}

#[test]
fn messages_are_found_by_type() {
    let (mut s, first, child) = Sysv::new();
    let id = s.call(first, sysv::MSGGET, &[0, CREATE]) as u64;
    let send = |s: &mut Sysv, kind: i64, text: &[u8], number| {
        s.as_user(first, 0, sysv::MSGSND, &[id], number, &[&kind.to_le_bytes()[..], text].concat()).result
    };
    let receive = |s: &mut Sysv, size: u64, kind: i64, flags: u64| {
        let answer = s.as_user(child, 0, sysv::MSGRCV, &[id, size, kind as u64, flags], 6, b"");
        if answer.result < 0 { Err(answer.result) } else { Ok((answer.data[0], answer.data[8..].to_vec())) }
    };
    assert_eq!(receive(&mut s, 10, 0, NOWAIT), Err(-42));
    assert_eq!(receive(&mut s, 10, 0, 0), Err(EAGAIN));
    assert_eq!(send(&mut s, 5, b"five", 0), 0);
    assert_eq!(s.told(child), [6]);
    for (kind, text) in [(3, b"three"), (9, b"nine!"), (2, b"two!!")] {
        assert_eq!(send(&mut s, kind, text, 0), 0);
    }
    assert_eq!(receive(&mut s, 3, 0, 0), Err(-7));
    assert_eq!(receive(&mut s, 3, 0, 0o10000), Ok((5, b"fiv".to_vec())));
    assert_eq!(receive(&mut s, 99, -4, 0), Ok((2, b"two!!".to_vec())));
    assert_eq!(receive(&mut s, 99, 9, 0), Ok((9, b"nine!".to_vec())));
    assert_eq!(receive(&mut s, 99, 3, 0o20000), Err(EAGAIN));
    assert_eq!(receive(&mut s, 99, 3, 0), Ok((3, b"three".to_vec())));
    assert_eq!(send(&mut s, 0, b"", 0), EINVAL);
    assert_eq!(send(&mut s, 1, &[0; 8193], 0), EINVAL);
    assert_eq!(send(&mut s, 1, &[0; 8192], 0), 0);
    assert_eq!(send(&mut s, 1, &[0; 8192], 0), 0);
    assert_eq!(send(&mut s, 1, b"x", 12), EAGAIN);
    assert!(receive(&mut s, 9000, 0, 0).is_ok());
    assert_eq!(s.told(first), [12]);
    let stat = s.as_user(first, 0, sysv::MSGCTL, &[id, 2], 0, b"").data;
    assert_eq!((stat.len(), stat[80]), (120, 1));
    assert_eq!(s.call(first, sysv::MSGCTL, &[id, 0]), 0);
    assert_eq!(send(&mut s, 1, b"x", 12), EIDRM);
}

#[test]
fn requests_of_any_kind_do_no_harm() {
    let (mut s, first, child) = Sysv::new();
    let mut random = common::Random::new(5);
    for _ in 0..20_000 {
        let vm = random.pick(&[first, child]);
        let operation = random.pick(&[op::SYSV, op::SYSV, op::SYSV, 0x500, 0x501, 0x502, 0x503]);
        let numbers = [0, 1, 2, 3, 11, 12, 13, 16, 17, 100, 0o1600, 32768, 65536, u64::MAX];
        let request = Request {
            operation,
            flags: random.below(12) as u32,
            id: random.below(5) as u64,
            other: random.below(4) as u64 * 4,
            arguments: std::array::from_fn(|_| random.pick(&numbers)),
            length: 0,
            wanted: 100,
        };
        let data: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
        s.0.ask(vm, request, &data);
    }
    assert!(s.call(first, sysv::SEMGET, &[0, 1, CREATE]) >= 0);
}
