//! A session in the test's own process, and VMs that speak the channel's protocol over its real memory. There is no process behind a VM: one
//! that is killed ends when the test says so ([`Harness::bury`]), or at once ([`Harness::lose`]).

#![allow(dead_code)] // each test uses a part

pub mod pages;
pub mod vm;

use ramet_abi::session::{
    CHANNEL_SIZE, DATA_OFFSET, NOTICES, NOTICES_OFFSET, Notice, REPLY_OFFSET, REQUEST_OFFSET, Reply, Request,
    Stat, op,
};
use ramet_keeper::{ClientId, Keeper, Limits, Note, Session, Start, dispatch, first_channel, process};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// Pid of the first process.
pub const FIRST: i32 = 1000;

/// The VMM's side of one VM.
#[derive(Debug)]
pub struct Vm {
    pub pid: i32,
    pub memory: File,
    pub socket: OwnedFd,
}

/// A session and the VMs' sides of it.
#[derive(Debug)]
pub struct Harness {
    pub session: Session,
    pub first: ClientId,
    pub vms: BTreeMap<ClientId, Vm>,
    /// Descriptors that came with the last answer.
    pub passed: Vec<OwnedFd>,
}

/// An answer with its data.
#[derive(Debug)]
pub struct Answer {
    pub result: i64,
    pub values: [u64; 8],
    pub stat: Stat,
    pub data: Vec<u8>,
}

fn null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

impl Harness {
    /// A session with one process.
    pub fn new() -> Self {
        Self::with(None, 64)
    }

    /// A session over an image, with a limit of processes.
    pub fn with(image: Option<File>, processes: u32) -> Self {
        let (memory, socket, vmm) = first_channel().unwrap();
        let file = File::from(memory.try_clone().unwrap());
        let keeper = Keeper::new(Start {
            image: image.map(OwnedFd::from),
            first_pid: FIRST,
            limits: Limits { processes, ..Limits::default() },
            terminal: None,
            streams: [null(), null(), null()],
            memory,
            socket,
            life: null(),
        })
        .unwrap();
        let vms = BTreeMap::from([(keeper.first, Vm { pid: FIRST, memory: file, socket: vmm })]);
        Self { session: keeper.session, first: keeper.first, vms, passed: Vec::new() }
    }

    /// Makes the keeper serve what is in the VM's channel.
    pub fn ring(&mut self, vm: ClientId) -> Answer {
        let mut data = Vec::new();
        let client = self.session.clients.get(vm).expect("the VM is gone");
        let request = client.channel.request(&mut data);
        self.session.serve_for(Some(vm));
        let reply = match &request {
            Ok(request) => dispatch(&mut self.session, vm, request, &mut data),
            Err(_) => Reply { result: -22, ..Reply::default() },
        };
        self.session.flush();
        self.session.serve_for(None);
        self.passed = self.session.take_passed();
        self.session.clients.take_fresh();
        self.session.kick();
        self.session.clients.get(vm).expect("the VM is gone").channel.answer(&reply, &data);
        self.answer(vm)
    }

    fn answer(&self, vm: ClientId) -> Answer {
        let file = &self.vms[&vm].memory;
        let mut bytes = [0; size_of::<Reply>()];
        file.read_exact_at(&mut bytes, REPLY_OFFSET).unwrap();
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let stat = Stat {
            device: long(80),
            inode: long(88),
            mode: word(96),
            links: word(100),
            uid: word(104),
            gid: word(108),
            special: long(112),
            size: long(120),
            blocks: long(128),
            accessed: long(136),
            modified: long(144),
            changed: long(152),
        };
        let mut data = vec![0; long(8) as usize];
        file.read_exact_at(&mut data, DATA_OFFSET).unwrap();
        Answer { result: long(0) as i64, values: std::array::from_fn(|i| long(16 + 8 * i)), stat, data }
    }

    /// Writes a request and its data, without asking for an answer.
    pub fn write(&self, vm: ClientId, request: &Request, data: &[u8]) {
        let mut bytes = Vec::new();
        bytes.extend(request.operation.to_le_bytes());
        bytes.extend(request.flags.to_le_bytes());
        let [a, b, c, d, e, f] = request.arguments;
        for word in [request.id, request.other, a, b, c, d, e, f, request.length, request.wanted] {
            bytes.extend(word.to_le_bytes());
        }
        let file = &self.vms[&vm].memory;
        file.write_all_at(&bytes, REQUEST_OFFSET).unwrap();
        file.write_all_at(data, DATA_OFFSET).unwrap();
    }

    /// One request with its data (the length is filled in), and its answer.
    pub fn ask(&mut self, vm: ClientId, request: Request, data: &[u8]) -> Answer {
        self.write(vm, &Request { length: data.len() as u64, ..request }, data);
        self.ring(vm)
    }

    /// One request with numbers only. Its result.
    pub fn call(&mut self, vm: ClientId, operation: u32, arguments: &[u64]) -> i64 {
        self.ask(vm, numbers(operation, arguments), &[]).result
    }

    /// A child of that VM.
    ///
    /// # Errors
    /// The negative errno.
    pub fn fork(&mut self, vm: ClientId) -> Result<ClientId, i64> {
        self.fork_with(vm, numbers(op::FORK, &[libc::SIGCHLD as u64]))
    }

    /// A child of that VM, made by this request. The parent reports it.
    ///
    /// # Errors
    /// The negative errno.
    pub fn fork_with(&mut self, vm: ClientId, request: Request) -> Result<ClientId, i64> {
        let child = self.promise(vm, request)?;
        self.session.clients.get_mut(child).unwrap().host = ramet_keeper::client::Host::Born;
        Ok(child)
    }

    /// A child of that VM that nobody has reported yet.
    ///
    /// # Errors
    /// The negative errno.
    pub fn promise(&mut self, vm: ClientId, request: Request) -> Result<ClientId, i64> {
        let answer = self.ask(vm, request, &[]);
        if answer.result < 0 {
            return Err(answer.result);
        }
        let [memory, socket] = <[OwnedFd; 2]>::try_from(std::mem::take(&mut self.passed)).unwrap();
        let pid = answer.result as i32;
        let id = self.session.processes.get(pid).unwrap().client.unwrap();
        self.vms.insert(id, Vm { pid, memory: memory.into(), socket });
        Ok(id)
    }

    /// EXIT with that wait status, and the end of the VM.
    pub fn exit(&mut self, vm: ClientId, status: i32) {
        assert_eq!(self.call(vm, op::EXIT, &[status as u64]), 0);
        self.lose(vm);
    }

    /// The VM's socket ends.
    pub fn lose(&mut self, vm: ClientId) {
        process::lost(&mut self.session, vm);
        self.session.flush();
        self.session.kick();
        self.vms.remove(&vm);
    }

    /// All VMs that have been killed end now. Their pids.
    pub fn bury(&mut self) -> Vec<i32> {
        let doomed: Vec<ClientId> =
            self.session.clients.iter().filter(|(_, client)| client.doomed).map(|(id, _)| id).collect();
        let pids = doomed.iter().map(|id| self.vms[id].pid).collect();
        for id in doomed {
            self.lose(id);
        }
        pids
    }

    /// Takes the notices out of the VM's ring, and those that did not fit.
    pub fn notices(&mut self, vm: ClientId) -> Vec<Note> {
        let mut notes = self.take_ring(vm);
        while self.word(vm, 8) != 0 {
            assert_eq!(self.call(vm, op::DRAIN, &[]), 0);
            notes.extend(self.take_ring(vm));
        }
        notes
    }

    /// Takes the notices out of the VM's ring.
    pub fn take_ring(&mut self, vm: ClientId) -> Vec<Note> {
        let (head, mut tail) = (self.word(vm, 0), self.word(vm, 4));
        let mut notes = Vec::new();
        while tail != head {
            let at = NOTICES_OFFSET + u64::from(tail % NOTICES) * size_of::<Notice>() as u64;
            let mut bytes = [0; size_of::<Notice>()];
            self.vms[&vm].memory.read_exact_at(&mut bytes, at).unwrap();
            let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let values = std::array::from_fn(|i| long(16 + 8 * i));
            notes.push(Note { kind: word(0), detail: word(4), id: long(8), values });
            tail = tail.wrapping_add(1);
        }
        self.vms[&vm].memory.write_all_at(&tail.to_le_bytes(), 4).unwrap();
        notes
    }

    /// A word of the channel's control page.
    pub fn word(&self, vm: ClientId, offset: u64) -> u32 {
        let mut bytes = [0; 4];
        self.vms[&vm].memory.read_exact_at(&mut bytes, offset).unwrap();
        u32::from_le_bytes(bytes)
    }

    /// `Control::names`.
    pub fn names(&self, vm: ClientId) -> u64 {
        u64::from(self.word(vm, 16)) | u64::from(self.word(vm, 20)) << 32
    }

    /// Fills the channel with bytes, as a VM may.
    pub fn scribble(&self, vm: ClientId, bytes: &[u8], offset: u64) {
        let room = (CHANNEL_SIZE - offset).min(bytes.len() as u64);
        self.vms[&vm].memory.write_all_at(&bytes[..room as usize], offset).unwrap();
    }
}

/// A request with numbers only.
pub fn numbers(operation: u32, arguments: &[u64]) -> Request {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    Request { operation, arguments: all, ..Request::default() }
}

/// A small generator of numbers (xorshift64*), the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
    /// Below that.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit.max(1)
    }
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
