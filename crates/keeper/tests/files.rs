//! The session's file system and descriptions, as two VMs see them.

mod common;

use common::{Answer, Harness, numbers};
use ramet_abi::session::{Request, flag, notice, op, tree};
use ramet_keeper::ClientId;

const O_WRONLY: u32 = 1;
const O_RDWR: u32 = 2;
const O_TRUNC: u32 = 0o1000;
const O_APPEND: u32 = 0o2000;
const O_NONBLOCK: u32 = 0o4000;
const REGULAR: u64 = 0o100644;
const DIRECTORY: u64 = 0o40755;
const FIFO: u64 = 0o10644;
const EBADF: i64 = -9;
const EAGAIN: i64 = -11;

struct Files {
    harness: Harness,
}

impl Files {
    fn new() -> (Files, ClientId, ClientId) {
        let mut harness = Harness::new();
        let first = harness.first;
        let second = harness.fork(first).unwrap();
        (Files { harness }, first, second)
    }

    fn ask(&mut self, vm: ClientId, request: Request, data: &[u8]) -> Answer {
        self.harness.ask(vm, request, data)
    }

    fn root(&mut self, vm: ClientId) -> u64 {
        self.harness.call(vm, op::ROOT, &[tree::ROOT]) as u64
    }

    fn on(operation: u32, id: u64, arguments: &[u64]) -> Request {
        Request { id, ..numbers(operation, arguments) }
    }

    fn create(&mut self, vm: ClientId, directory: u64, name: &str, mode: u64) -> i64 {
        self.ask(vm, Self::on(op::CREATE, directory, &[mode, 5, 6]), name.as_bytes()).result
    }

    fn walk(&mut self, vm: ClientId, directory: u64, name: &str) -> Answer {
        self.ask(vm, Self::on(op::WALK, directory, &[]), name.as_bytes())
    }

    fn open(&mut self, vm: ClientId, node: u64, flags: u32) -> i64 {
        self.ask(vm, Request { flags, ..Self::on(op::OPEN, node, &[]) }, &[]).result
    }

    fn write(&mut self, vm: ClientId, id: u64, bytes: &[u8]) -> Answer {
        self.ask(vm, Self::on(op::WRITE, id, &[0, u64::MAX]), bytes)
    }

    fn read(&mut self, vm: ClientId, id: u64, wanted: u64) -> Result<Vec<u8>, i64> {
        let answer = self.ask(vm, Request { wanted, ..Self::on(op::READ, id, &[]) }, &[]);
        if answer.result < 0 { Err(answer.result) } else { Ok(answer.data) }
    }

    fn path(&mut self, vm: ClientId, node: u64) -> String {
        let answer = self.ask(vm, Self::on(op::PATH, node, &[1]), &[]);
        assert_eq!(answer.result, answer.data.len() as i64);
        String::from_utf8(answer.data).unwrap()
    }

    fn list(&mut self, vm: ClientId, directory: u64) -> Vec<String> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let request = Request { wanted: 64, ..Self::on(op::READDIR, directory, &[cookie]) };
            let data = self.ask(vm, request, &[]).data;
            if data.is_empty() {
                return names;
            }
            let mut rest = &data[..];
            while !rest.is_empty() {
                cookie = u64::from_le_bytes(rest[8..16].try_into().unwrap());
                let length = u32::from_le_bytes(rest[20..24].try_into().unwrap()) as usize;
                names.push(String::from_utf8(rest[24..24 + length].to_vec()).unwrap());
                rest = &rest[(24 + length).next_multiple_of(8)..];
            }
        }
    }
}

#[test]
fn names_are_the_same_for_all() {
    let (mut files, first, second) = Files::new();
    let (mine, yours) = (files.root(first), files.root(second));
    assert_eq!(mine, yours);
    let before = files.harness.names(second);
    let directory = files.create(first, mine, "dir", DIRECTORY) as u64;
    assert_ne!(files.harness.names(second), before);
    let file = files.create(first, directory, "file", REGULAR) as u64;
    // Ids are for those who have been given them.
    assert_eq!(files.ask(second, Files::on(op::STAT, file, &[]), &[]).result, EBADF);
    let theirs = files.walk(second, yours, "dir").result as u64;
    let found = files.walk(second, theirs, "file");
    assert_eq!((found.result as u64, found.stat.uid, found.stat.gid), (file, 5, 6));
    assert_eq!(found.stat.mode, 0o100644);
    assert_eq!(files.path(second, file), "/dir/file");
    // A rename by one is seen by the other, through the id that it has.
    let request = Request { other: mine, ..Files::on(op::RENAME, directory, &[4]) };
    assert_eq!(files.ask(first, request, b"filemoved").result, 0);
    assert_eq!(files.path(second, file), "/moved");
    assert_eq!(files.walk(second, theirs, "file").result, -2);
    assert_eq!(files.list(second, yours), ["dir", "moved"]);
    // Not into itself.
    let request = Request { other: directory, ..Files::on(op::RENAME, mine, &[3]) };
    assert_eq!(files.ask(first, request, b"dirx").result, -22);
    assert_eq!(
        files.ask(second, Request { flags: 0, ..Files::on(op::UNLINK, yours, &[]) }, b"moved").result,
        0
    );
    assert_eq!(files.path(first, file), "/moved (deleted)");
    assert_eq!(files.ask(first, Files::on(op::PATH, file, &[]), &[]).result, -2);
    assert_eq!(
        files.ask(second, Request { flags: 1, ..Files::on(op::UNLINK, yours, &[]) }, b"dir").result,
        0
    );
    assert_eq!(files.create(first, directory, "late", REGULAR), -2);
}

#[test]
fn links_attributes_and_xattrs() {
    let (mut files, vm, _) = Files::new();
    let root = files.root(vm);
    let file = files.create(vm, root, "a", REGULAR) as u64;
    let request = Request { other: root, ..Files::on(op::LINK, file, &[]) };
    assert_eq!(files.ask(vm, request, b"b").result, 0);
    let other = files.walk(vm, root, "b");
    assert_eq!((other.stat.links, other.stat.inode), (2, files.walk(vm, root, "a").stat.inode));
    let set = Request {
        flags: 1 | 2 | 4 | 16,
        ..Files::on(op::SETATTR, file, &[0o600, 7, u32::MAX.into(), 10, 0, 99])
    };
    let stat = files.ask(vm, set, &[]).stat;
    assert_eq!((stat.mode, stat.uid, stat.gid, stat.size, stat.modified), (0o100600, 7, 6, 10, 99));
    let xattr = |flags, arguments: &[u64]| Request { flags, ..Files::on(op::XATTR, file, arguments) };
    assert_eq!(files.ask(vm, xattr(3, &[6, 0]), b"user.xvalue").result, 0);
    assert_eq!(files.ask(vm, xattr(1, &[]), b"user.x").data, b"value");
    assert_eq!(files.ask(vm, xattr(2, &[]), b"").data, b"user.x\0");
    assert_eq!(files.ask(vm, xattr(4, &[]), b"user.x").result, 0);
    assert_eq!(files.ask(vm, xattr(1, &[]), b"user.x").result, -61);
    let link = Files::on(op::CREATE, root, &[0o120777, 0, 0, 0, 4]);
    let link = files.ask(vm, link, b"linktarget/of").result as u64;
    assert_eq!(files.ask(vm, Files::on(op::READLINK, link, &[]), &[]).data, b"target/of");
    for bad in ["", ".", "..", "a/b", "a\0"] {
        assert_eq!(files.walk(vm, root, bad).result, -22, "{bad:?}");
    }
    assert_eq!(files.walk(vm, root, &"n".repeat(256)).result, -36);
    assert_eq!(files.walk(vm, file, "x").result, -20);
}

#[test]
fn a_description_is_one_for_parent_and_child() {
    let (mut files, first, _) = Files::new();
    let root = files.root(first);
    let node = files.create(first, root, "log", REGULAR) as u64;
    let id = files.open(first, node, O_RDWR) as u64;
    let child = files.harness.fork(first).unwrap();
    assert_eq!(files.write(first, id, b"one ").result, 4);
    assert_eq!(files.write(child, id, b"two ").result, 4);
    let seek = |offset: i64, whence| Files::on(op::SEEK, id, &[offset as u64, whence]);
    assert_eq!(files.ask(child, seek(0, 0), &[]).result, 0);
    assert_eq!(files.read(first, id, 100).unwrap(), b"one two ");
    // A child that is gone takes nothing with it.
    files.harness.lose(child);
    assert_eq!(files.ask(first, seek(-4, 2), &[]).result, 4);
    assert_eq!(files.read(first, id, 100).unwrap(), b"two ");
    let append = files.open(first, node, O_WRONLY | O_APPEND) as u64;
    assert_eq!(files.write(first, append, b"end").result, 3);
    assert_eq!(files.read(first, id, 100).unwrap(), b"end");
    assert_eq!(files.read(first, append, 1), Err(EBADF));
    // Deleted, and still there for who has it open; releasing the node does not close it.
    assert_eq!(files.ask(first, Files::on(op::UNLINK, root, &[]), b"log").result, 0);
    let release = |flags| Request { flags, ..numbers(op::RELEASE, &[]) };
    assert_eq!(files.ask(first, release(0), &node.to_le_bytes()).result, 0);
    assert_eq!(files.ask(first, Files::on(op::STAT, node, &[]), &[]).result, EBADF);
    let stat = files.ask(first, Files::on(op::STAT_DESCRIPTION, id, &[]), &[]).stat;
    assert_eq!((stat.size, stat.links), (11, 0));
    assert_eq!(files.ask(first, Files::on(op::DISPLAY, id, &[]), &[]).data, b"/log (deleted)");
    assert_eq!(files.ask(first, release(1), &id.to_le_bytes()).result, 0);
    assert_eq!(files.read(first, id, 1), Err(EBADF));
    assert_eq!(files.ask(first, release(1), &id.to_le_bytes()).result, EBADF);
    assert_eq!(files.ask(first, release(1), &[1, 2, 3]).result, -22);
}

#[test]
fn truncating_and_limits_of_writing() {
    let (mut files, vm, _) = Files::new();
    let root = files.root(vm);
    let node = files.create(vm, root, "f", 0o104755) as u64;
    let id = files.open(vm, node, O_RDWR) as u64;
    let limited = Files::on(op::WRITE, id, &[0, 5]);
    assert_eq!(files.ask(vm, limited, b"12345678").result, 5);
    assert_eq!(files.ask(vm, limited, b"8").result, -27);
    // The set-user-ID bit has gone with the write.
    assert_eq!(files.ask(vm, Files::on(op::STAT, node, &[]), &[]).stat.mode, 0o100755);
    let again = files.open(vm, node, O_RDWR | O_TRUNC) as u64;
    assert_eq!(files.read(vm, again, 9).unwrap(), b"");
    let at =
        |operation, offset| Request { flags: 1, wanted: 9, ..Files::on(operation, id, &[offset, u64::MAX]) };
    assert_eq!(files.ask(vm, at(op::WRITE, 3), b"x").result, 1);
    assert_eq!(files.ask(vm, at(op::READ, 2), b"").data, b"\0x");
    let node_data = Request { wanted: 10, ..Files::on(op::READ_NODE, node, &[0]) };
    assert_eq!(files.ask(vm, node_data, b"").data, b"\0\0\0x");
    let write = Request { flags: 1, ..Files::on(op::WRITE_NODE, node, &[]) };
    let answer = files.ask(vm, write, b"yz");
    assert_eq!((answer.result, answer.values[0]), (2, 4));
    assert_eq!(files.ask(vm, Files::on(op::ALLOCATE, node, &[0, 0, 9000]), b"").result, 0);
    assert_eq!(files.ask(vm, Files::on(op::STAT, node, &[]), b"").stat.size, 9000);
    let entries = files.open(vm, root, 0) as u64;
    let read = |wanted| Request { wanted, ..Files::on(op::GETDENTS, entries, &[]) };
    assert_eq!(files.ask(vm, read(10), b"").result, -22);
    assert_eq!(files.ask(vm, read(1000), b"").result, 24 * 3);
    assert_eq!(files.ask(vm, read(1000), b"").result, 0);
}

#[test]
fn pipes_wake_who_waits_and_end_with_their_writer() {
    let (mut files, first, _) = Files::new();
    let request = Request { flags: O_NONBLOCK, ..numbers(op::PIPE, &[4096]) };
    let answer = files.ask(first, request, b"before");
    let (reader, writer) = (answer.values[0], answer.values[1]);
    let child = files.harness.fork(first).unwrap();
    assert_eq!(files.read(child, reader, 100).unwrap(), b"before");
    assert_eq!(files.read(child, reader, 100), Err(EAGAIN));
    let watch = Files::on(op::WATCH, reader, &[1]);
    assert_eq!(files.ask(child, watch, b"").result, 0);
    assert!(files.harness.notices(child).is_empty());
    assert_eq!(files.write(first, writer, &[7; 5000]).result, 4096);
    assert_eq!(files.write(first, writer, b"x").result, EAGAIN);
    let notes = files.harness.notices(child);
    assert_eq!((notes[0].kind, notes[0].id), (notice::READY, reader));
    assert_eq!(notes[0].detail & 1, 1);
    assert_eq!(files.read(child, reader, 9000).unwrap(), [7; 4096]);
    assert_eq!(files.ask(first, Files::on(op::PIPE_SIZE, reader, &[8192]), b"").result, 8192);
    // The child gives the writing end up; the parent's death closes the last one.
    let release = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
    assert_eq!(files.ask(child, release, &writer.to_le_bytes()).result, 0);
    assert_eq!(files.read(child, reader, 1), Err(EAGAIN));
    let grandchild = files.harness.fork(child).unwrap();
    files.harness.notices(child);
    files.harness.lose(first);
    assert_eq!(files.read(grandchild, reader, 1).unwrap(), b"");
    let notes = files.harness.notices(child);
    assert!(notes.iter().any(|note| note.kind == notice::READY && note.detail & 0x10 != 0), "{notes:?}");
}

#[test]
fn a_read_that_finds_nothing_can_watch_at_once() {
    let (mut files, first, _) = Files::new();
    let pipe = files.ask(first, numbers(op::PIPE, &[4096]), b"").values;
    let child = files.harness.fork(first).unwrap();
    let read = Request { flags: flag::WATCH, wanted: 10, ..Files::on(op::READ, pipe[0], &[0, 0, 1]) };
    assert_eq!(files.ask(child, read, b"").result, EAGAIN);
    assert!(files.harness.notices(child).is_empty());
    let write = Request { flags: flag::WATCH, ..Files::on(op::WRITE, pipe[1], &[0, u64::MAX, 4]) };
    assert_eq!(files.ask(first, write, &[1; 4096]).result, 4096);
    assert_eq!(files.harness.notices(child)[0].id, pipe[0]);
    assert_eq!(files.ask(first, write, b"x").result, EAGAIN);
    assert_eq!(files.ask(child, Request { wanted: 4096, ..read }, b"").result, 4096);
    assert_eq!(files.harness.notices(first)[0].id, pipe[1]);
}

#[test]
fn a_pipe_without_readers_breaks() {
    let (mut files, vm, _) = Files::new();
    let answer = files.ask(vm, numbers(op::PIPE, &[]), b"");
    let release = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
    assert_eq!(files.ask(vm, release, &answer.values[0].to_le_bytes()).result, 0);
    let broken = files.write(vm, answer.values[1], b"x");
    assert_eq!((broken.result, broken.values[0]), (-32, 1));
}

#[test]
fn a_pipe_can_be_opened_again() {
    let (mut files, vm, _) = Files::new();
    let pipe = files.ask(vm, numbers(op::PIPE, &[]), b"").values;
    let again = Request { flags: O_WRONLY | O_NONBLOCK, ..Files::on(op::REOPEN, pipe[0], &[]) };
    let writer = files.ask(vm, again, b"").result as u64;
    let release = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
    assert_eq!(files.ask(vm, release, &pipe[1].to_le_bytes()).result, 0);
    assert_eq!(files.write(vm, writer, b"again").result, 5);
    assert_eq!(files.read(vm, pipe[0], 9).unwrap(), b"again");
    assert_eq!(files.read(vm, pipe[0], 9), Err(EAGAIN));
    let out = files.ask(vm, numbers(op::CONSOLE, &[1]), b"").result as u64;
    let reopen = |flags| Request { flags, ..Files::on(op::REOPEN, out, &[]) };
    assert_eq!(files.ask(vm, reopen(0), b"").result, -13);
    let same = files.ask(vm, reopen(O_WRONLY), b"").result as u64;
    assert_ne!(same, out);
    assert_eq!(files.write(vm, same, b"x").result, 1);
}

#[test]
fn fifos_wait_for_their_other_side() {
    let (mut files, first, second) = Files::new();
    let root = files.root(first);
    files.root(second);
    let node = files.create(first, root, "fifo", FIFO) as u64;
    assert_eq!(files.walk(second, root, "fifo").result as u64, node);
    assert_eq!(files.open(first, node, O_WRONLY | O_NONBLOCK), -6);
    let answer = files.ask(first, Files::on(op::OPEN, node, &[]), b"");
    assert_eq!(answer.values[0], 1);
    let reader = answer.result as u64;
    let wait = Request { flags: 1, ..Files::on(op::WATCH, reader, &[u32::MAX.into()]) };
    assert_eq!(files.ask(first, wait, b"").result, 1);
    let writer = files.open(second, node, O_WRONLY) as u64;
    assert_eq!(files.harness.notices(first).len(), 1);
    assert_eq!(files.ask(first, wait, b"").result, 0);
    assert_eq!(files.write(second, writer, b"through").result, 7);
    assert_eq!(files.read(first, reader, 10).unwrap(), b"through");
}

#[test]
fn locks_are_released_by_death() {
    let (mut files, first, second) = Files::new();
    let root = files.root(first);
    files.root(second);
    let node = files.create(first, root, "lock", REGULAR) as u64;
    files.walk(second, root, "lock");
    let (mine, yours) = (files.open(first, node, O_RDWR) as u64, files.open(second, node, O_RDWR) as u64);
    for kind in 0..3 {
        let lock = |id, lock_type, number| Files::on(op::LOCK, id, &[kind, lock_type, 10, 19, number]);
        let child = files.harness.fork(first).unwrap();
        let own = if kind == 1 { child } else { first };
        assert_eq!(files.ask(own, lock(mine, 1, 0), b"").result, 0, "{kind}");
        assert_eq!(files.ask(second, lock(yours, 0, 0), b"").result, EAGAIN, "{kind}");
        assert_eq!(files.ask(second, lock(yours, 0, 77), b"").result, EAGAIN, "{kind}");
        if kind > 0 {
            let ask = Request { flags: 1, ..lock(yours, 1, 0) };
            let pid = if kind == 1 { files.harness.vms[&child].pid as u64 } else { u64::MAX };
            assert_eq!(files.ask(second, ask, b"").values[..4], [1, 10, 10, pid], "{kind}");
        }
        if kind == 1 {
            files.harness.lose(child);
        } else {
            // The child has the description as well: only an unlock or both closes release it.
            files.harness.lose(child);
            assert_eq!(files.ask(second, lock(yours, 0, 77), b"").result, EAGAIN, "{kind}");
            assert_eq!(files.ask(first, lock(mine, 2, 0), b"").result, 0);
        }
        let notes = files.harness.notices(second);
        assert!(notes.iter().any(|note| note.kind == notice::LOCK && note.id == 77), "{kind} {notes:?}");
        assert_eq!(files.ask(second, lock(yours, 1, 77), b"").result, 0, "{kind}");
        assert_eq!(files.ask(second, lock(yours, 2, 0), b"").result, 0, "{kind}");
    }
}

#[test]
fn closing_any_descriptor_releases_the_processs_locks() {
    let (mut files, first, second) = Files::new();
    let root = files.root(first);
    files.root(second);
    let node = files.create(first, root, "lock", REGULAR) as u64;
    files.walk(second, root, "lock");
    let (mine, yours) = (files.open(first, node, O_RDWR) as u64, files.open(second, node, O_RDWR) as u64);
    let other = files.open(first, node, 0) as u64;
    for (kind, result) in [(1, 0), (2, EAGAIN)] {
        let lock = |id, number| Files::on(op::LOCK, id, &[kind, 1, 0, 9, number]);
        assert_eq!(files.ask(first, lock(mine, 0), b"").result, 0);
        assert_eq!(files.ask(second, lock(yours, 3), b"").result, EAGAIN);
        let other = if kind == 1 { other } else { files.open(first, node, 0) as u64 };
        let release = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
        assert_eq!(files.ask(first, release, &other.to_le_bytes()).result, 0);
        assert_eq!(files.harness.notices(second).len(), usize::from(result == 0), "{kind}");
        assert_eq!(files.ask(second, lock(yours, 3), b"").result, result, "{kind}");
        let unlock = Files::on(op::LOCK, yours, &[kind, 2, 0, 9, 0]);
        assert_eq!(files.ask(second, unlock, b"").result, 0);
    }
}

#[test]
fn deadlocks_are_refused() {
    let (mut files, first, second) = Files::new();
    let root = files.root(first);
    files.root(second);
    let node = files.create(first, root, "lock", REGULAR) as u64;
    files.walk(second, root, "lock");
    let (mine, yours) = (files.open(first, node, O_RDWR) as u64, files.open(second, node, O_RDWR) as u64);
    let lock = |id, at, number| Files::on(op::LOCK, id, &[1, 1, at, at, number]);
    assert_eq!(files.ask(first, lock(mine, 0, 0), b"").result, 0);
    assert_eq!(files.ask(second, lock(yours, 1, 0), b"").result, 0);
    assert_eq!(files.ask(first, lock(mine, 1, 5), b"").result, EAGAIN);
    assert_eq!(files.ask(second, lock(yours, 0, 6), b"").result, -35);
    // The first gives up; then the second may wait.
    let over = Request { flags: 2, ..lock(mine, 1, 5) };
    assert_eq!(files.ask(first, over, b"").result, 0);
    assert_eq!(files.ask(second, lock(yours, 0, 6), b"").result, EAGAIN);
}

#[test]
fn memory_files_have_seals_and_shared_memory_has_a_place() {
    let (mut files, vm, _) = Files::new();
    let memory = files.ask(vm, Request { flags: 2, ..numbers(op::MEMFD, &[3, 4]) }, b"name");
    assert_eq!((memory.stat.mode, memory.stat.uid, memory.stat.links), (0o100777, 3, 0));
    let node = memory.result as u64;
    assert_eq!(files.path(vm, node), "/memfd:name (deleted)");
    assert_eq!(files.ask(vm, Files::on(op::SEALS, node, &[4]), b"").result, 4);
    let grow = Files::on(op::WRITE_NODE, node, &[0]);
    assert_eq!(files.ask(vm, grow, b"x").result, -1);
    let shm = files.harness.call(vm, op::ROOT, &[tree::SHM]) as u64;
    let file = files.create(vm, shm, "sem", REGULAR) as u64;
    assert_eq!(files.path(vm, file), "/dev/shm/sem");
    assert_eq!(files.harness.call(vm, op::ROOT, &[9]), -22);
    let statfs = files.ask(vm, Files::on(op::STATFS, file, &[]), b"");
    assert_eq!(statfs.values[0], 0x0102_1994);
}

#[test]
fn requests_of_any_kind_do_no_harm() {
    let (mut files, first, second) = Files::new();
    let mut random = common::Random::new(11);
    files.root(first);
    for _ in 0..30_000 {
        let vm = random.pick(&[first, second]);
        // Forks and ends are tested elsewhere.
        let operation = random.pick(&[0x200, 0x300, 0x400]) + random.below(0x18) as u32;
        let small = |random: &mut common::Random| random.pick(&[0, 1, 2, 3, 5, 7, 4096, u64::MAX, 1 << 40]);
        let request = Request {
            operation,
            flags: random.pick(&[0, 0, 1, 2, 3, 4, O_NONBLOCK, u32::MAX]),
            id: random.below(40) as u64,
            other: random.below(40) as u64,
            arguments: std::array::from_fn(|_| small(&mut random)),
            length: 0,
            wanted: random.pick(&[0, 8, 100, 70_000]),
        };
        let data: Vec<u8> = (0..random.below(60)).map(|_| random.pick(b"ab./\0\x01\x08")).collect();
        files.ask(vm, request, &data);
    }
    let root = files.root(first);
    assert!(files.create(first, root, "still here", REGULAR) > 0);
}
