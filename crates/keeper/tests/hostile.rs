//! VMs that ask for nonsense, in every form: the keeper answers, and serves the others as before.

mod common;

use common::{FIRST, Harness, Random, numbers};
use ramet_abi::session::{CHANNEL_SIZE, DATA_MAX, NOTICES, REQUEST_OFFSET, Request, notice, op};
use ramet_keeper::ClientId;
use ramet_keeper::client::Host;

/// Every operation, and some that are none.
fn operations() -> Vec<u32> {
    let ranges = [
        0..4,
        0x100..0x120,
        0x200..0x218,
        0x300..0x310,
        0x320..0x322,
        0x400..0x40e,
        0x420..0x423,
        0x500..0x506,
        0x600..0x602,
    ];
    ranges.into_iter().flatten().chain([0xfff, u32::MAX]).collect()
}

struct Fuzz {
    random: Random,
    /// Results so far: ids, some of them.
    ids: Vec<u64>,
}

impl Fuzz {
    fn number(&mut self) -> u64 {
        let known = self.ids[self.random.below(self.ids.len())];
        match self.random.below(8) {
            0 => self.random.next(),
            1 => u64::MAX - self.random.below(4) as u64,
            2 => 1 << self.random.below(64),
            3 | 4 => known,
            5 => (1 << self.random.below(64)) - 1,
            _ => self.random.below(20) as u64,
        }
    }

    fn request(&mut self, operations: &[u32]) -> (Request, Vec<u8>) {
        let text: [&[u8]; 6] =
            [b"name", b"x", b"..", b"/tmp/a\0b", b"\x01\x00/tmp/socket", b"user.attribute\0value"];
        let mut data = match self.random.below(3) {
            0 => Vec::new(),
            1 => self.random.pick(&text).to_vec(),
            _ => {
                let length = self.random.below(300);
                (0..length).map(|_| self.random.pick(&[0, 1, 2, 7, 255, b'a', b'/'])).collect()
            }
        };
        if self.random.below(400) == 0 {
            data.resize(DATA_MAX as usize, 7);
        }
        let operation = self.random.pick(operations);
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = if self.random.below(3) == 0 { 0 } else { self.number() };
        }
        if operation == op::FORK {
            arguments = [self.random.below(70) as u64, 0, 0, 0, 0, 0];
        }
        let flags = match self.random.below(4) {
            0 => 0,
            1 => self.random.below(16) as u32,
            2 => 1 << self.random.below(32),
            _ => self.number() as u32,
        };
        let wanted = self.random.pick(&[0, 1, 16, 4096, DATA_MAX, DATA_MAX, DATA_MAX + 1, u64::MAX]);
        let request = Request {
            operation,
            flags,
            id: self.number(),
            other: self.number(),
            arguments,
            length: data.len() as u64,
            wanted,
        };
        (request, data)
    }
}

fn fuzz(seed: u64, requests: usize) {
    let operations: Vec<u32> = operations().into_iter().filter(|operation| *operation != op::EXIT).collect();
    let mut h = Harness::with(None, 12);
    let mut fuzz = Fuzz { random: Random::new(seed), ids: vec![1, FIRST as u64] };
    let mut vms: Vec<ClientId> = vec![h.first];
    for _ in 0..requests {
        let vm = fuzz.random.pick(&vms);
        let (request, data) = fuzz.request(&operations);
        let length = fuzz.random.below(50);
        h.write(vm, &request, &data);
        if length == 0 {
            // A length that lies, or a request that is nothing but bytes.
            let bytes: Vec<u8> = (0..88).map(|_| fuzz.random.next() as u8).collect();
            h.scribble(vm, &bytes, REQUEST_OFFSET);
            if fuzz.random.below(2) == 0 {
                // Of the page with the ring's indices, too.
                h.scribble(vm, &bytes, 0);
            }
        }
        if h.session.clients.get(vm).is_none_or(|client| client.over) {
            continue;
        }
        let answer = h.ring(vm);
        assert!(answer.result >= -4095, "{request:?}");
        if answer.result > 0 {
            fuzz.ids.push(answer.result as u64);
            fuzz.ids.extend(answer.values.iter().filter(|value| **value > 0).take(2));
            if fuzz.ids.len() > 200 {
                fuzz.ids.remove(0);
            }
        }
        if request.operation == op::FORK && answer.result > 0 {
            let pid = answer.result as i32;
            let id = h.session.processes.get(pid).unwrap().client.unwrap();
            let [memory, socket] = <[_; 2]>::try_from(std::mem::take(&mut h.passed)).unwrap();
            h.vms.insert(id, common::Vm { pid, memory: std::fs::File::from(memory), socket });
            h.session.clients.get_mut(id).unwrap().host = Host::Born;
            vms.push(id);
        }
        h.bury();
        if fuzz.random.below(200) == 0 && vms.len() > 1 {
            let vm = vms[1];
            if h.vms.contains_key(&vm) {
                h.lose(vm);
            }
        }
        vms.retain(|vm| h.vms.contains_key(vm));
        if !vms.contains(&h.first) {
            return;
        }
        if fuzz.random.below(500) == 0 {
            ramet_keeper::objects::expire(&mut h.session);
            ramet_keeper::objects::output_ready(&mut h.session, 1);
            ramet_keeper::objects::input_ended(&mut h.session);
        }
    }
    // Somebody else is served as if nothing had been.
    let vm = vms[vms.len() - 1];
    let pid = h.vms[&vm].pid;
    assert_eq!(h.call(vm, op::PROCESS, &[0]), i64::from(pid));
}

#[test]
fn nonsense_is_answered() {
    let seeds = std::env::var("KEEPER_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    for seed in 1..=seeds {
        fuzz(seed, 2000);
    }
}

/// A VM that never reads: what waits for it is bounded, and what says the same is said once.
#[test]
fn a_ring_that_nobody_reads() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let pid = h.vms[&child].pid as u64;
    for _ in 0..NOTICES + 50 {
        assert_eq!(h.call(h.first, op::KILL, &[pid, 0, 10]), 0);
    }
    assert_eq!(h.word(child, 8), 1, "more");
    // Real-time signals queue; when too many wait, the sender is told.
    let minus_one = (-1i32) as u32 as u64;
    let results: Vec<i64> =
        (0..5000).map(|i| h.call(h.first, op::KILL, &[pid, 0, 40, minus_one, i])).collect();
    assert!(results.contains(&-11) && results[0] == 0);
    let notes = h.notices(child);
    let count =
        |signal| notes.iter().filter(|note| note.kind == notice::SIGNAL && note.detail == signal).count();
    assert_eq!(count(10), NOTICES as usize + 1);
    let values: Vec<u64> = notes.iter().filter(|note| note.detail == 40).map(|note| note.values[3]).collect();
    assert_eq!(values, (0..values.len() as u64).collect::<Vec<_>>());
    assert_eq!(h.word(child, 8), 0, "more");
    assert_eq!(h.call(h.first, op::KILL, &[pid, 0, 40, minus_one, 1]), 0);
}

/// Indices of the ring that make no sense hurt nobody but the VM that writes them.
#[test]
fn indices_that_make_no_sense() {
    let mut h = Harness::new();
    let child = h.fork(h.first).unwrap();
    let pid = h.vms[&child].pid as u64;
    for word in [0u32, 1, 511, 512, 0x8000_0000, u32::MAX] {
        for offset in [0, 4] {
            h.scribble(child, &word.to_le_bytes(), offset);
            assert_eq!(h.call(h.first, op::KILL, &[pid, 0, 10]), 0);
            assert_eq!(h.call(child, op::DRAIN, &[]), 0);
        }
    }
    h.scribble(child, &vec![0xff; CHANNEL_SIZE as usize], 0);
    assert_eq!(h.ring(child).result, -22);
    assert_eq!(h.ask(h.first, numbers(op::PIDS, &[]), &[]).data.len(), 8);
}

/// The size of a channel is sealed: memory that shrinks would be the keeper's death.
#[test]
fn a_channel_does_not_shrink() {
    let h = Harness::new();
    let memory = &h.vms[&h.first].memory;
    assert!(memory.set_len(0).is_err() && memory.set_len(CHANNEL_SIZE * 2).is_err());
}

#[test]
fn descriptions_of_a_session_are_bounded() {
    let mut h = Harness::new();
    let first = h.first;
    let last = loop {
        let result = h.call(first, op::PIPE, &[]);
        if result < 0 {
            break result;
        }
    };
    assert_eq!(last, -23, "ENFILE");
    // It goes on, and so do the others.
    assert_eq!(h.call(first, op::PIPE, &[]), -23);
    let child = h.fork(first).unwrap();
    assert!(h.call(child, op::PROCESS, &[0]) > 0);
}

#[test]
fn the_memory_of_all_vms_is_bounded() {
    let mut h = Harness::new();
    let first = h.first;
    h.session.ram_max = 100;
    h.session.clients.get_mut(first).unwrap().ram = 40;
    let child = h.fork(first).unwrap();
    assert_eq!(h.fork(first).unwrap_err(), -12, "ENOMEM");
    assert!(h.session.has_ram(60, Some(child)) && !h.session.has_ram(61, Some(child)));
    h.exit(child, 0);
    h.lose(child);
    h.fork(first).unwrap();
}
