//! Pipes that the keeper lends to two VMs: the guest's own code at both ends, over real memory, and the keeper in between.
//!
//! A *sleeper* does what a thread of a VM's kernel does that waits: it tries, registers at the description's queue, says in the pipe's
//! memory that it sleeps, looks once more, and sleeps until its VM has taken the notices that wake it.

mod common;

use common::vm::client;
use common::{Harness, Random, numbers};
use ramet_abi::pipe::{CLOSED, Header, RING_OFFSET};
use ramet_abi::session::{Request, op};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::session::{Client, RemoteFile, Traits};
use ramet_kcore::user::{SliceSink, SliceSource};
use ramet_kcore::wait::{Events, WaitKey, Wake};
use ramet_keeper::ClientId;
use ramet_keeper::client::Host;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::SeqCst;

const EINVAL: i64 = -22;
const EREMCHG: i64 = -78;
const ATOMIC: usize = 4096;
const CAPACITY: usize = 64 << 10;
/// What a writer that may wait finds room for while the pipe is lent.
const RING: usize = 512 << 10;
const O_NONBLOCK: u64 = 0o4000;

/// What wakes a sleeper.
#[derive(Default)]
struct Alarm(Cell<bool>);

impl Wake for Alarm {
    fn wake(&self, _: Events) {
        self.0.set(true);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Awake,
    /// EAGAIN was the answer; not registered yet.
    Refused,
    Asleep(WaitKey),
}

/// One VM with one end.
struct Side {
    vm: ClientId,
    client: Rc<Client>,
    end: Rc<RemoteFile>,
    events: Events,
    alarm: Rc<Alarm>,
    state: State,
}

/// A VM's process is not on the host: it is sent signals that go nowhere.
fn runs(h: &mut Harness, vm: ClientId) {
    let process = std::fs::File::open("/dev/null").unwrap().into();
    h.session.clients.get_mut(vm).unwrap().host = Host::Running(process);
}

fn release(h: &mut Harness, vm: ClientId, id: u64) {
    let request = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
    assert_eq!(h.ask(vm, request, &id.to_le_bytes()).result, 0);
}

impl Side {
    fn new(harness: &Rc<RefCell<Harness>>, vm: ClientId, id: u64, events: Events) -> Self {
        let client = client(harness, vm);
        let end = RemoteFile::new(&client, id, Traits::STREAM, None);
        Self { vm, client, end, events, alarm: Rc::default(), state: State::Awake }
    }

    fn read(&self, most: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        let count = self.end.read_from(None, &mut SliceSink::new(&mut bytes))?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn write(&self, bytes: &[u8]) -> Result<usize> {
        self.end.write_from(None, &mut SliceSource(bytes), false, u64::MAX)
    }

    /// The VM looks at its notices: on the way out of the kernel, and when its threads sleep, never between a refusal and the sleep.
    fn news(&self, harness: &RefCell<Harness>) {
        if self.state == State::Refused {
            return;
        }
        let notes = harness.borrow_mut().notices(self.vm);
        notes.iter().for_each(|note| self.client.ready(note.id, Events(note.detail)));
    }

    /// Goes to sleep, unless there is something to try again for.
    fn sleep(&mut self) {
        self.alarm.0.set(false);
        let key = self.end.queue().add(self.events, self.alarm.clone());
        if self.end.lent_ready(self.events, true) == Some(true) {
            self.end.queue().remove(key);
            self.state = State::Awake;
        } else {
            self.state = State::Asleep(key);
        }
    }

    /// Wakes, if it has been woken.
    fn wake(&mut self) {
        if let State::Asleep(key) = self.state
            && self.alarm.0.get()
        {
            self.end.queue().remove(key);
            self.state = State::Awake;
        }
    }
}

/// A pipe whose reading end is the first VM's and whose writing end is its child's.
struct Lane {
    harness: Rc<RefCell<Harness>>,
    reader: Side,
    writer: Side,
    sent: u64,
    got: u64,
}

impl Lane {
    fn new() -> Self {
        let mut h = Harness::new();
        let first = h.first;
        runs(&mut h, first);
        let pipe = h.ask(first, numbers(op::PIPE, &[]), b"");
        let (reads, writes) = (pipe.values[0], pipe.values[1]);
        let child = h.fork(first).unwrap();
        runs(&mut h, child);
        release(&mut h, first, writes);
        release(&mut h, child, reads);
        let harness = Rc::new(RefCell::new(h));
        let reader = Side::new(&harness, first, reads, Events::IN);
        let writer = Side::new(&harness, child, writes, Events::OUT);
        Self { harness, reader, writer, sent: 0, got: 0 }
    }

    /// One that is lent, and empty.
    fn lent() -> Self {
        let mut lane = Self::new();
        let mut rounds = 0;
        while !lane.is_lent() {
            lane.round_trip();
            rounds += 1;
            assert!(rounds <= 40, "it is never lent");
        }
        lane.round_trip();
        lane
    }

    fn round_trip(&mut self) {
        assert_eq!(self.writer.write(b"round"), Ok(5));
        assert_eq!(self.reader.read(100), Ok(b"round".to_vec()));
    }

    /// What the keeper says of the writing end.
    fn readiness(&self) -> i64 {
        let poll = Request { id: self.writer.end.id, ..numbers(op::POLL, &[]) };
        self.harness.borrow_mut().ask(self.writer.vm, poll, b"").result
    }

    fn is_lent(&self) -> bool {
        self.readiness() == EREMCHG
    }

    /// Whether poll(2) would say that the writer can write. The keeper counts pages, as Linux does: there may be room for bytes and for no page.
    fn has_room(&self) -> bool {
        match self.readiness() {
            EREMCHG => self.in_flight() + ATOMIC <= RING,
            events => events & i64::from(Events::OUT.0) != 0,
        }
    }

    fn in_flight(&self) -> usize {
        (self.sent - self.got) as usize
    }

    /// The writer's next `count` bytes, or a part of them.
    fn send(&mut self, count: usize) -> Result<usize> {
        let bytes: Vec<u8> = (0..count as u64).map(|i| ((self.sent + i) % 251) as u8).collect();
        let count = self.writer.write(&bytes)?;
        self.sent += count as u64;
        Ok(count)
    }

    /// Bytes as they were written, in their order.
    fn receive(&mut self, most: usize) -> Result<usize> {
        let bytes = self.reader.read(most)?;
        for byte in &bytes {
            assert_eq!(*byte, (self.got % 251) as u8, "byte {} of {}", self.got, self.sent);
            self.got += 1;
        }
        assert!(self.got <= self.sent);
        Ok(bytes.len())
    }

    fn news(&self) {
        self.reader.news(&self.harness);
        self.writer.news(&self.harness);
    }

    /// The memory as the keeper has passed it once more.
    fn header(&self) -> *const Header {
        let ask = Request { id: self.reader.end.id, ..numbers(op::PIPE_MEMORY, &[]) };
        let mut h = self.harness.borrow_mut();
        assert_eq!(h.ask(self.reader.vm, ask, b"").result, 0);
        let memory = h.passed.pop().unwrap();
        let length = RING_OFFSET as usize + RING;
        ramet_keeper::sys::map_shared(std::os::fd::AsFd::as_fd(&memory), length).unwrap().as_ptr().cast()
    }
}

/// What takes a pipe back while both VMs go on.
fn disturb(lane: &Lane, which: usize) {
    let (reader, writer) = (&lane.reader, &lane.writer);
    let on = |operation, id, arguments: &[u64]| Request { id, flags: 1, ..numbers(operation, arguments) };
    match which {
        0 => drop(reader.end.poll()),
        1 => drop(writer.end.poll()),
        2 => reader.end.set_flags(O_NONBLOCK as u32),
        3 => {
            let size = on(op::PIPE_SIZE, writer.end.id, &[0]);
            let size = Request { flags: 0, ..size };
            assert_eq!(lane.harness.borrow_mut().ask(writer.vm, size, b"").result, CAPACITY as i64);
        }
        4 => {
            // A child holds both ends' other copies for a moment.
            let mut h = lane.harness.borrow_mut();
            let vm = h.fork(writer.vm).unwrap();
            runs(&mut h, vm);
            h.lose(vm);
        }
        _ => {
            let mut h = lane.harness.borrow_mut();
            let vm = h.fork(reader.vm).unwrap();
            runs(&mut h, vm);
            h.exit(vm, 0);
        }
    }
}

#[test]
fn bytes_go_through_memory_once_a_pipe_is_used_much() {
    let mut lane = Lane::new();
    assert!(!lane.is_lent());
    for _ in 0..16 {
        lane.round_trip();
    }
    lane.round_trip();
    assert!(lane.is_lent());
    // Neither side asks any more: requests that are in the channels stay.
    lane.round_trip();
    let marker = numbers(op::TIDS, &[1]);
    for vm in [lane.reader.vm, lane.writer.vm] {
        lane.harness.borrow().write(vm, &marker, b"");
    }
    for _ in 0..1000 {
        lane.round_trip();
    }
    for vm in [lane.reader.vm, lane.writer.vm] {
        assert!(lane.harness.borrow_mut().ring(vm).result > 0, "TIDS is still what is asked");
    }
    // All of it, round its end, more than it holds.
    assert_eq!(lane.send(RING + 1), Ok(RING));
    assert_eq!(lane.send(1), Err(Errno::EAGAIN));
    assert_eq!(lane.receive(10), Ok(10));
    assert_eq!(lane.send(11), Err(Errno::EAGAIN));
    assert_eq!(lane.send(ATOMIC + 1), Ok(10));
    assert_eq!(lane.receive(2 * RING), Ok(RING));
    assert_eq!(lane.receive(1), Err(Errno::EAGAIN));
    assert!(lane.is_lent());
}

#[test]
fn a_writer_that_must_not_wait_finds_the_capacity() {
    let mut lane = Lane::new();
    lane.writer.end.set_flags(O_NONBLOCK as u32);
    for _ in 0..100 {
        lane.round_trip();
    }
    assert!(lane.is_lent());
    assert_eq!(lane.send(CAPACITY + 1), Ok(CAPACITY));
    assert_eq!(lane.send(1), Err(Errno::EAGAIN));
    assert_eq!((lane.receive(ATOMIC), lane.send(RING)), (Ok(ATOMIC), Ok(ATOMIC)));
}

#[test]
fn what_is_taken_back_may_be_more_than_the_capacity() {
    for which in 0..6 {
        let mut lane = Lane::lent();
        assert_eq!(lane.send(RING), Ok(RING));
        disturb(&lane, which);
        // No room until there is less than the capacity in it.
        for _ in 0..RING / CAPACITY - 1 {
            assert_eq!((lane.has_room(), lane.send(1)), (false, Err(Errno::EAGAIN)), "{which}");
            assert_eq!(lane.receive(CAPACITY), Ok(CAPACITY));
        }
        assert!(!lane.has_room());
        assert_eq!((lane.receive(ATOMIC), lane.has_room(), lane.send(RING)), (Ok(ATOMIC), true, Ok(ATOMIC)));
        assert_eq!(lane.receive(RING), Ok(CAPACITY));
        // As empty as any other.
        assert_eq!((lane.send(RING), lane.receive(RING)), (Ok(CAPACITY), Ok(CAPACITY)));
    }
}

#[test]
fn whatever_else_is_asked_takes_it_back_with_its_bytes() {
    for which in 0..6 {
        let mut lane = Lane::lent();
        assert_eq!(lane.send(1000), Ok(1000));
        disturb(&lane, which);
        assert!(!lane.is_lent(), "{which}");
        assert_eq!(
            (lane.receive(400), lane.send(7), lane.receive(4000)),
            (Ok(400), Ok(7), Ok(607)),
            "{which}"
        );
        assert_eq!(lane.receive(1), Err(Errno::EAGAIN));
        // Later it may be lent again, a watch of its readiness or not.
        lane.news();
        for _ in 0..100 {
            lane.round_trip();
        }
        assert!(lane.is_lent(), "{which}");
    }
}

#[test]
fn sleepers_are_woken_whichever_way_the_bytes_come() {
    for which in 0..6 {
        // Asleep while it is lent, woken through memory; asleep while it is lent, woken after it was taken back.
        for taken in [false, true] {
            let mut lane = Lane::lent();
            assert_eq!(lane.receive(1), Err(Errno::EAGAIN));
            lane.reader.sleep();
            assert!(matches!(lane.reader.state, State::Asleep(_)));
            if taken {
                disturb(&lane, which);
            }
            lane.news();
            lane.reader.wake();
            if lane.reader.state == State::Awake {
                assert_eq!(lane.receive(1), Err(Errno::EAGAIN));
                lane.reader.sleep();
            }
            assert_eq!(lane.send(3), Ok(3));
            lane.news();
            lane.reader.wake();
            assert_eq!(lane.reader.state, State::Awake, "{which} {taken}");
            assert_eq!(lane.receive(9), Ok(3));
        }
    }
    // Asleep at the keeper when the pipe is lent: its watch counts for when it comes back.
    let mut lane = Lane::new();
    for _ in 0..15 {
        lane.round_trip();
    }
    assert_eq!(lane.receive(1), Err(Errno::EAGAIN));
    lane.reader.sleep();
    while !lane.is_lent() {
        assert_eq!(lane.send(1), Ok(1));
    }
    lane.news();
    lane.reader.wake();
    assert_eq!(lane.reader.state, State::Awake);
    let all = lane.in_flight();
    assert_eq!(lane.receive(1000), Ok(all));
}

#[test]
fn the_death_of_a_holder_ends_it_for_the_other() {
    for asleep in [false, true] {
        // The writer dies with bytes unread.
        let mut lane = Lane::lent();
        if asleep {
            lane.reader.sleep();
        } else {
            assert_eq!(lane.send(5000), Ok(5000));
        }
        lane.harness.borrow_mut().lose(lane.writer.vm);
        lane.reader.news(&lane.harness);
        lane.reader.wake();
        assert_eq!(lane.reader.state, State::Awake, "nobody has woken the reader");
        if !asleep {
            assert_eq!((lane.receive(4999), lane.receive(4999)), (Ok(4999), Ok(1)));
        }
        assert_eq!(lane.receive(1), Ok(0));
    }
    for asleep in [false, true] {
        // The reader dies; it is the session's first, so that only the description goes here.
        let mut lane = Lane::lent();
        if asleep {
            assert_eq!(lane.send(RING), Ok(RING));
            assert_eq!(lane.send(1), Err(Errno::EAGAIN));
            lane.writer.sleep();
            assert!(matches!(lane.writer.state, State::Asleep(_)));
        }
        lane.reader.end.release();
        lane.writer.news(&lane.harness);
        lane.writer.wake();
        assert_eq!(lane.writer.state, State::Awake, "nobody has woken the writer");
        assert_eq!(lane.send(1), Err(Errno::EPIPE));
        assert!(lane.writer.end.raises_sigpipe());
    }
}

#[test]
fn nonsense_in_the_memory_spoils_that_pipe_alone() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut random = Random::new(seed);
    for round in 0..50 {
        let lane = Lane::lent();
        let header = lane.header();
        // SAFETY: the memory stays mapped for the rest of the test, and its first page consists of atomics.
        let header = unsafe { &*header };
        for _ in 0..1 + random.below(6) {
            let near = random.next() % (2 * RING as u64);
            let any = random.next();
            let value = random.pick(&[0, near, u64::MAX, CLOSED, CLOSED - 1, CLOSED | near, any]);
            match random.below(4) {
                0 => header.head.0.store(value, SeqCst),
                1 => header.tail.0.store(value, SeqCst),
                2 => header.reader_sleeps.0.store(value as u32, SeqCst),
                _ => header.writer_sleeps.0.store(value as u32, SeqCst),
            }
            // Answers may be wrong, never more bytes than there is room for.
            let _ = lane.writer.write(&vec![7; random.below(2 * RING)]);
            let got = lane.reader.read(4 * RING).unwrap_or_default();
            assert!(got.len() <= 2 * RING, "{seed} {round}: {}", got.len());
        }
        disturb(&lane, random.below(6));
        assert!(!lane.is_lent());
        if random.below(2) == 0 {
            // It says that it is still lent, and full; both VMs have been told otherwise.
            header.tail.0.store(0, SeqCst);
            header.head.0.store(RING as u64, SeqCst);
            lane.news();
        }
        // What is in it is no more than it holds, and from now on it is a pipe like any other.
        let mut rest = 0;
        while let Ok(bytes) = lane.reader.read(RING) {
            rest += bytes.len();
        }
        assert!(rest <= RING, "{seed} {round}: {rest}");
        assert_eq!(lane.writer.write(b"as ever"), Ok(7));
        assert_eq!(lane.reader.read(100), Ok(b"as ever".to_vec()));
    }
}

#[test]
fn memory_is_asked_for_by_holders_only() {
    let lane = Lane::lent();
    let mut h = lane.harness.borrow_mut();
    let other = h.fork(lane.writer.vm).unwrap();
    drop(h);
    let ask = |vm, id| {
        let request = Request { id, ..numbers(op::PIPE_MEMORY, &[]) };
        lane.harness.borrow_mut().ask(vm, request, b"").result
    };
    // The fork has taken it back; the stranger never held the reading end.
    assert_eq!(ask(lane.writer.vm, lane.writer.end.id), EINVAL);
    assert_eq!(ask(other, lane.reader.end.id), -9);
    let wake = Request { id: lane.reader.end.id, ..numbers(op::PIPE_WAKE, &[]) };
    assert_eq!(lane.harness.borrow_mut().ask(other, wake, b"").result, -9);
}

/// One random run: two threads that read and write as they like, taken back and lent again at any instant between their steps. When nothing is left to
/// do, nobody sleeps who could go on.
fn run(seed: u64) -> usize {
    let mut random = Random::new(seed);
    let mut lane = Lane::new();
    let mut lent = 0;
    let steps = 400 + random.below(400);
    // Some runs write more than they read, some the other way round, some are disturbed rarely: those are lent for long.
    let (writes, reads, disturbs) = (1 + random.below(8), 1 + random.below(8), random.pick(&[0, 1, 2, 8]));
    for step in 0..steps {
        lent += usize::from(step % 16 == 0 && lane.is_lent());
        let kind = random.below(2 * writes + 2 * reads + 3) * 4 + random.below(4);
        let kind = if random.below(100) < disturbs { usize::MAX } else { kind / 4 };
        match kind {
            usize::MAX => disturb(&lane, random.below(6)),
            _ if kind < 2 * writes => match lane.writer.state {
                State::Awake => {
                    let most = random.pick(&[1, 10, ATOMIC, ATOMIC + 1, RING, RING + 100]);
                    let count = 1 + random.below(most);
                    match lane.send(count) {
                        Ok(_) => {}
                        Err(Errno::EAGAIN) => lane.writer.state = State::Refused,
                        Err(error) => panic!("{seed}: {error:?}"),
                    }
                }
                State::Refused => lane.writer.sleep(),
                _ => lane.writer.wake(),
            },
            _ if kind < 2 * writes + 2 * reads => match lane.reader.state {
                State::Awake => {
                    let most = random.pick(&[1, 10, ATOMIC, RING, 2 * RING]);
                    match lane.receive(1 + random.below(most)) {
                        Ok(count) => assert!(count > 0, "{seed}: end of file"),
                        Err(Errno::EAGAIN) => lane.reader.state = State::Refused,
                        Err(error) => panic!("{seed}: {error:?}"),
                    }
                }
                State::Refused => lane.reader.sleep(),
                _ => lane.reader.wake(),
            },
            kind if kind % 2 == 0 => lane.reader.news(&lane.harness),
            _ => lane.writer.news(&lane.harness),
        }
        if random.below(40) != 0 {
            continue;
        }
        // Both go to sleep if they have been refused; all notices are taken: whoever sleeps now has a reason to.
        for side in [&mut lane.reader, &mut lane.writer] {
            if side.state == State::Refused {
                side.sleep();
            }
        }
        lane.news();
        lane.reader.wake();
        lane.writer.wake();
        let count = lane.in_flight();
        if matches!(lane.reader.state, State::Asleep(_)) {
            assert_eq!(count, 0, "{seed}, step {step}: the reader sleeps");
        }
        if matches!(lane.writer.state, State::Asleep(_)) {
            assert!(!lane.has_room(), "{seed}, step {step}: the writer sleeps at {count}");
        }
    }
    // The writer ends, whichever way; what it has written arrives, then the end.
    if random.below(2) == 0 {
        lane.harness.borrow_mut().lose(lane.writer.vm);
    } else {
        lane.writer.end.release();
    }
    let mut rounds = 0;
    loop {
        lane.reader.news(&lane.harness);
        lane.reader.wake();
        match lane.reader.state {
            State::Asleep(_) => panic!("{seed}: nobody wakes the reader"),
            State::Refused => lane.reader.sleep(),
            _ => match lane.receive(RING) {
                Ok(0) => break,
                Ok(_) => {}
                Err(Errno::EAGAIN) => lane.reader.state = State::Refused,
                Err(error) => panic!("{seed}: {error:?}"),
            },
        }
        rounds += 1;
        assert!(rounds < 1000, "{seed}: no end");
    }
    assert_eq!(lane.in_flight(), 0, "{seed}: bytes are lost");
    lent
}

#[test]
fn random_runs_lose_no_byte_and_no_wake_up() {
    let runs = std::env::var("RAMET_SOAK").ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(1) * 50;
    let base = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let lent: usize = (0..runs).map(|number| run(base.wrapping_add(number))).sum();
    assert!(lent > 10, "hardly ever lent: {lent}");
}
