//! The keeper as a process, and processes that behave as VMMs do: sockets, credentials, kicks, deaths on the host.

use ramet_abi::session::{Control, DATA_OFFSET, REPLY_OFFSET, REQUEST_OFFSET, message, op};
use ramet_keeper::{Keeper, Limits, Start, first_channel, serve, sys};
use std::fs::File;
use std::io::{Read, Write};
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

const FIRST: i32 = 500;
const ECHILD: i64 = -10;
const EAGAIN: i64 = -11;
const WEXITED: u64 = 4;

/// Descriptors of one test's processes must not be inherited by another's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The VMM's end of a channel.
struct Vmm {
    memory: File,
    socket: OwnedFd,
}

/// A child as its parent sees it.
struct Child {
    /// In the session.
    pid: i64,
    /// On the host.
    host: i32,
}

fn fork() -> i32 {
    // SAFETY: the child uses the allocator, which the C library keeps usable, and system calls; it ends with _exit.
    unsafe { libc::fork() }
}

fn leave(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

fn host_kill(pid: i32) {
    // SAFETY: a process that this test has started.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

impl Vmm {
    fn say(&self, byte: u8) -> bool {
        sys::send(self.socket.as_fd(), &[byte], &[]).is_ok()
    }

    /// The keeper's answer to a doorbell: descriptors. `None`: the keeper is gone.
    fn hear(&self) -> Option<Vec<OwnedFd>> {
        let mut byte = [0u8; 1];
        let mut part = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
        let mut control = [0u64; 8];
        // SAFETY: zeros are a valid msghdr; buffers are of this frame; the macros walk what the kernel has written.
        unsafe {
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_iov = &raw mut part;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&control);
            if libc::recvmsg(self.socket.as_raw_fd(), &mut header, libc::MSG_CMSG_CLOEXEC) != 1 {
                return None;
            }
            let mut descriptors = Vec::new();
            let first = libc::CMSG_FIRSTHDR(&header);
            if !first.is_null() && (*first).cmsg_type == libc::SCM_RIGHTS {
                let count = ((*first).cmsg_len - libc::CMSG_LEN(0) as usize) / size_of::<RawFd>();
                let fds = libc::CMSG_DATA(first).cast::<RawFd>();
                descriptors.extend((0..count).map(|i| OwnedFd::from_raw_fd(fds.add(i).read_unaligned())));
            }
            assert_eq!(byte[0], message::REQUEST);
            Some(descriptors)
        }
    }

    /// One request. Result, values and descriptors; a keeper that is gone ends this process, as it would a VMM.
    fn call(&self, operation: u32, arguments: &[u64]) -> (i64, [u64; 8], Vec<OwnedFd>) {
        self.write(operation, arguments);
        self.finish()
    }

    fn write(&self, operation: u32, arguments: &[u64]) {
        let mut bytes = [0u8; 88];
        bytes[..4].copy_from_slice(&operation.to_le_bytes());
        for (word, value) in bytes[24..].chunks_mut(8).zip(arguments) {
            word.copy_from_slice(&value.to_le_bytes());
        }
        self.memory.write_all_at(&bytes, REQUEST_OFFSET).unwrap();
    }

    /// Has the request in the channel answered.
    fn finish(&self) -> (i64, [u64; 8], Vec<OwnedFd>) {
        if !self.say(message::REQUEST) {
            leave(99);
        }
        let Some(descriptors) = self.hear() else { leave(99) };
        let mut reply = [0u8; 80];
        self.memory.read_exact_at(&mut reply, REPLY_OFFSET).unwrap();
        let long = |at: usize| u64::from_le_bytes(reply[at..at + 8].try_into().unwrap());
        (long(0) as i64, std::array::from_fn(|i| long(16 + 8 * i)), descriptors)
    }

    fn word(&self, offset: usize) -> u32 {
        let mut bytes = [0u8; 4];
        self.memory.read_exact_at(&mut bytes, offset as u64).unwrap();
        u32::from_le_bytes(bytes)
    }

    /// Says how many requests there have been, the one in the channel included.
    fn count(&self, asked: u32) {
        self.memory.write_all_at(&asked.to_le_bytes(), offset_of!(Control, asked) as u64).unwrap();
    }

    /// read(2) or write(2) on a description.
    fn transfer(&self, operation: u32, id: i64, data: &[u8], wanted: u64) -> (i64, Vec<u8>) {
        let mut bytes = [0u8; 88];
        for (at, word) in [(8, id as u64), (24, 0), (32, u64::MAX), (72, data.len() as u64), (80, wanted)] {
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        bytes[..4].copy_from_slice(&operation.to_le_bytes());
        self.memory.write_all_at(&bytes, REQUEST_OFFSET).unwrap();
        self.memory.write_all_at(data, DATA_OFFSET).unwrap();
        if !self.say(message::REQUEST) || self.hear().is_none() {
            leave(99);
        }
        let mut reply = [0u8; 16];
        self.memory.read_exact_at(&mut reply, REPLY_OFFSET).unwrap();
        let long = |at: usize| u64::from_le_bytes(reply[at..at + 8].try_into().unwrap());
        let mut data = vec![0; long(8) as usize];
        self.memory.read_exact_at(&mut data, DATA_OFFSET).unwrap();
        (long(0) as i64, data)
    }

    fn wait(&self, kind: u64, id: u64) -> (i64, i32) {
        let (result, values, _) = self.call(op::WAIT, &[kind, id, WEXITED]);
        (result, values[6] as i32)
    }

    /// Waits, as a kernel would, until there is something to tell.
    fn wait_for(&self, kind: u64, id: u64) -> (i64, i32) {
        loop {
            match self.wait(kind, id) {
                (0, _) => std::thread::sleep(Duration::from_micros(200)),
                told => return told,
            }
        }
    }

    /// The hypercall FORK: `life` is the child's.
    fn fork(&self, life: impl FnOnce(&Vmm) -> i32) -> Result<Child, i64> {
        let (pid, _, mut descriptors) = self.call(op::FORK, &[libc::SIGCHLD as u64]);
        if pid < 0 {
            return Err(pid);
        }
        let socket = descriptors.pop().unwrap();
        let memory = descriptors.pop().unwrap();
        match fork() {
            0 => {
                // The parent's end of its own socket is the parent's.
                // SAFETY: nothing of this process uses it from here on, and it leaves without running destructors.
                unsafe { libc::close(self.socket.as_raw_fd()) };
                let vmm = Vmm { memory: memory.into(), socket };
                vmm.say(message::HELLO);
                leave(vmm.live(life))
            }
            host => {
                let vmm = Vmm { memory: memory.into(), socket };
                vmm.say(message::BORN);
                Ok(Child { pid, host })
            }
        }
    }

    /// A life and its EXIT.
    fn live(self, life: impl FnOnce(&Vmm) -> i32) -> i32 {
        let status = life(&self);
        self.call(op::EXIT, &[(status as u64) << 8]);
        status
    }
}

/// A session whose first VM lives that life. How the first VM's process and the keeper have ended (waitpid(2)), when every process of it is gone.
fn session(limit: u32, life: impl FnOnce(&Vmm) -> i32) -> (i32, i32) {
    session_with(limit, [null(), null(), null()], || (), life)
}

fn null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

/// As [`session`], with these standard streams, while the host does something else.
fn session_with(
    limit: u32,
    streams: [OwnedFd; 3],
    meanwhile: impl FnOnce(),
    life: impl FnOnce(&Vmm) -> i32,
) -> (i32, i32) {
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (mut all_gone, held) = std::io::pipe().unwrap();
    let (memory, ours, theirs) = first_channel().unwrap();
    let vmm = Vmm { memory: memory.try_clone().unwrap().into(), socket: theirs };
    let keeper = fork();
    if keeper == 0 {
        // What only the test has open.
        drop((vmm, meanwhile));
        let limit_of_files = libc::rlimit { rlim_cur: 100, rlim_max: 100 };
        // SAFETY: concerns this process only.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit_of_files) };
        let start = Start {
            image: None,
            first_pid: FIRST,
            limits: Limits { processes: limit, ..Limits::default() },
            terminal: None,
            streams,
            memory,
            socket: ours,
            life: null(),
        };
        leave(i32::from(Keeper::new(start).and_then(serve).is_err()));
    }
    drop((memory, ours));
    let first = fork();
    if first == 0 {
        drop((streams, meanwhile));
        // SAFETY: as in a VMM, dead children are nobody's to wait for.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        vmm.say(message::HELLO);
        leave(vmm.live(life));
    }
    drop((vmm, held, streams));
    meanwhile();
    let status = |pid| {
        let mut status = 0;
        // SAFETY: a child of this process; the status is of this frame.
        assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
        status
    };
    let ends = (status(first), status(keeper));
    // Every process of the session has inherited `held`: the end of the pipe is the end of the last.
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || said.send(all_gone.read(&mut [0; 1]).unwrap()));
    assert_eq!(heard.recv_timeout(Duration::from_secs(10)), Ok(0), "a process of the session is left");
    drop(guard);
    ends
}

/// In a VM's process, where a failed assertion is to be seen by its status alone.
fn check(condition: bool) {
    if !condition {
        leave(70);
    }
}

#[test]
fn a_session_begins_and_ends() {
    let ends = session(8, |vm| {
        check(vm.wait(0, 0) == (ECHILD, 0));
        let Ok(child) = vm.fork(|_| 3) else { leave(71) };
        check(child.pid == i64::from(FIRST) + 1);
        check(vm.wait_for(0, 0) == (child.pid, 3 << 8));
        check(vm.wait(0, 0) == (ECHILD, 0));
        5
    });
    assert_eq!(ends, (5 << 8, 0));
}

#[test]
fn a_fork_that_fails_leaves_nothing_and_a_child_that_dies_before_its_first_word_a_status() {
    let ends = session(8, |vm| {
        let (pid, _, descriptors) = vm.call(op::FORK, &[17]);
        check(pid > 0);
        drop(descriptors);
        check(vm.wait_for(1, pid as u64).0 == ECHILD);
        let (pid, _, mut descriptors) = vm.call(op::FORK, &[17]);
        let socket = descriptors.pop();
        let Some(socket) = socket else { leave(72) };
        check(sys::send(socket.as_fd(), &[message::BORN], &[]).is_ok());
        drop(socket);
        check(vm.wait_for(1, pid as u64) == (pid, 9));
        0
    });
    assert_eq!(ends, (0, 0));
}

#[test]
fn a_limit_of_processes_and_the_end_of_all_with_the_first() {
    let ends = session(5, |vm| {
        for _ in 0..4 {
            check(vm.fork(|vm| vm.wait_for(3, 0).1 + loop_for_ever()).is_ok());
        }
        check(matches!(vm.fork(|_| 0), Err(EAGAIN)));
        0
    });
    assert_eq!(ends, (0, 0));
}

fn loop_for_ever() -> i32 {
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[test]
fn the_first_vm_killed_on_the_host_takes_all_with_it() {
    let ends = session(8, |vm| {
        for _ in 0..3 {
            let _ = vm.fork(|vm| {
                let _ = vm.fork(|_| loop_for_ever());
                loop_for_ever()
            });
        }
        // SAFETY: this process itself.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) }
    });
    assert_eq!(ends, (9, 0));
}

#[test]
fn sigkill_ends_the_process_on_the_host() {
    let ends = session(8, |vm| {
        let Ok(child) = vm.fork(|_| loop_for_ever()) else { leave(71) };
        check(vm.call(op::KILL, &[child.pid as u64, 0, 9]).0 == 0);
        check(vm.wait_for(1, child.pid as u64) == (child.pid, 9));
        // Its descriptors are closed a moment before it is gone.
        let deadline = Instant::now() + Duration::from_secs(5);
        // SAFETY: asks whether there is such a process.
        while unsafe { libc::kill(child.host, 0) } == 0 {
            check(Instant::now() < deadline);
        }
        0
    });
    assert_eq!(ends, (0, 0));
}

#[test]
fn a_vm_that_breaks_the_contract_is_killed() {
    let ends = session(8, |vm| {
        let words: [&[u8]; 4] = [b"?", b"HHHHHHHHHHHH", b"", b"W\x01\x02\x03\x04"];
        for word in words {
            let word = word.to_vec();
            let Ok(child) = vm.fork(move |vm| {
                let _ = sys::send(vm.socket.as_fd(), &word, &[]);
                loop_for_ever()
            }) else {
                leave(71)
            };
            check(vm.wait_for(1, child.pid as u64) == (child.pid, 9));
        }
        // A request after EXIT, and a length that cannot be.
        let Ok(child) = vm.fork(|vm| {
            vm.memory.write_all_at(&[0xff; 88], REQUEST_OFFSET).unwrap();
            vm.memory.write_all_at(&[0xff; 88], DATA_OFFSET).unwrap();
            check(vm.say(message::REQUEST) && vm.hear().is_some());
            vm.call(op::EXIT, &[0]);
            vm.call(op::WAIT, &[0, 0, 4]);
            9
        }) else {
            leave(71)
        };
        check(vm.wait_for(1, child.pid as u64) == (child.pid, 0));
        0
    });
    assert_eq!(ends, (0, 0));
}

/// A fork bomb meets the host's limits before the session's: it is told, and what is there goes on.
#[test]
fn a_keeper_without_descriptors_says_so() {
    let ends = session(1000, |vm| {
        let mut children = Vec::new();
        let refusal = loop {
            match vm.fork(|_| loop_for_ever()) {
                Ok(child) => children.push(child),
                Err(error) => break error,
            }
            check(children.len() < 200);
        };
        check(refusal == EAGAIN && children.len() > 30);
        let Some(last) = children.last() else { leave(75) };
        check(vm.call(op::KILL, &[last.pid as u64, 0, 9]).0 == 0);
        check(vm.wait_for(1, last.pid as u64) == (last.pid, 9));
        check(vm.fork(|_| loop_for_ever()).is_ok());
        check(vm.call(op::KILL, &[-1i64 as u64, 0, 9]).0 == 0);
        while vm.wait_for(0, 0).0 != ECHILD {}
        0
    });
    assert_eq!(ends, (0, 0));
}

/// What was written is written, however slowly it is read, before the first process's VMM hears that it is over.
#[test]
fn output_is_written_before_the_end() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let (said, heard) = std::sync::mpsc::channel();
    let read = move || {
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            said.send(all)
        });
    };
    let ends = session_with(8, [null(), writer.into(), null()], read, |vm| {
        let (output, _, _) = vm.call(op::CONSOLE, &[1]);
        check(output > 0);
        let mut left = 150_000;
        while left > 0 {
            match vm.transfer(op::WRITE, output, &vec![b'x'; left.min(40_000)], 0).0 {
                EAGAIN => std::thread::sleep(Duration::from_millis(1)),
                count if count > 0 => left -= count as usize,
                _ => leave(73),
            }
        }
        0
    });
    assert_eq!(ends, (0, 0));
    assert_eq!(heard.recv_timeout(Duration::from_secs(10)).map(|all| all.len()), Ok(150_000));
}

/// Input comes when somebody asks for it, and ends.
#[test]
fn input_arrives() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let ends = session_with(
        8,
        [reader.into(), null(), null()],
        || {
            std::thread::sleep(Duration::from_millis(100));
            writer.write_all(b"a line\n").unwrap();
            std::thread::sleep(Duration::from_millis(50));
            drop(writer);
        },
        |vm| {
            let (input, _, _) = vm.call(op::CONSOLE, &[0]);
            check(input > 0);
            let mut all = Vec::new();
            loop {
                match vm.transfer(op::READ, input, &[], 100) {
                    (EAGAIN, _) => std::thread::sleep(Duration::from_millis(1)),
                    (0, _) => break,
                    (count, data) if count > 0 => all.extend(data),
                    _ => leave(74),
                }
            }
            check(all == b"a line\n");
            0
        },
    );
    assert_eq!(ends, (0, 0));
}

/// Processes that fork, wait and end, killed by each other and on the host at any moment.
#[test]
fn random_kills_on_the_host() {
    fn restless(vm: &Vmm, depth: u32, seed: u64) -> i32 {
        let mut state = seed | 1;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..200 {
            match random() % 6 {
                0 | 1 if depth < 3 => {
                    let seed = random();
                    let _ = vm.fork(move |vm| restless(vm, depth + 1, seed));
                }
                2 => {
                    let _ = vm.wait(0, 0);
                }
                3 => std::thread::sleep(Duration::from_micros(random() % 500)),
                4 if depth > 0 && random() % 16 == 0 => return 1,
                _ => {
                    vm.call(op::PIDS, &[]);
                }
            }
        }
        0
    }
    let ends = session(30, |vm| {
        let begun = Instant::now();
        let mut random = begun.elapsed().subsec_nanos() as u64 | 0x1_0001;
        let mut killed = 0;
        let mut alive: Vec<Child> = Vec::new();
        while killed < 300 && begun.elapsed() < Duration::from_secs(60) {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let seed = random;
            if alive.len() < 8
                && let Ok(child) = vm.fork(move |vm| restless(vm, 1, seed))
            {
                alive.push(child);
            }
            if !alive.is_empty() && random >> 33 & 1 == 0 {
                let child = alive.swap_remove((random >> 40) as usize % alive.len());
                std::thread::sleep(Duration::from_micros(random >> 20 & 0xff));
                host_kill(child.host);
                let (pid, status) = vm.wait_for(1, child.pid as u64);
                // It may have been faster.
                check(pid == child.pid && [9, 0, 1 << 8].contains(&status));
                killed += 1;
            }
        }
        check(vm.call(op::KILL, &[-1i64 as u64, 0, 9]).0 == 0 || alive.is_empty());
        while vm.wait_for(0, 0).0 != ECHILD {}
        // Orphans had no subreaper: the keeper has buried them, or will at once.
        let deadline = Instant::now() + Duration::from_secs(5);
        while vm.call(op::PIDS, &[]).0 != 1 {
            check(Instant::now() < deadline);
        }
        0
    });
    assert_eq!(ends, (0, 0));
}

#[test]
fn a_keeper_that_is_asked_much_finds_requests_by_itself_and_serves_each_once() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return;
    }
    let ends = session(8, |vm| {
        let deadline = Instant::now() + Duration::from_secs(30);
        // Each TIDS gives the next number: one that was served twice would be seen.
        let (mut asked, mut found, mut last) = (0, 0, vm.call(op::TIDS, &[1]).0);
        while found < 5 {
            check(Instant::now() < deadline);
            asked += 1;
            vm.write(op::PROCESS, &[0]);
            vm.count(asked);
            check(vm.finish().0 == i64::from(FIRST));
            if vm.word(offset_of!(Control, watching)) == 0 {
                continue;
            }
            asked += 1;
            vm.write(op::TIDS, &[1]);
            vm.count(asked);
            let patience = Instant::now() + Duration::from_micros(500);
            while vm.word(offset_of!(Control, answered)) != asked && Instant::now() < patience {}
            found += i32::from(vm.word(offset_of!(Control, answered)) == asked);
            // Whether it was found or not, a message has it answered.
            last += 1;
            check(vm.finish().0 == last);
            check(vm.word(offset_of!(Control, answered)) == asked);
        }
        0
    });
    assert_eq!(ends, (0, 0));
}
