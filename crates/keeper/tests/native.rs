//! Random operations on files by processes that fork and end, beside the host's own files: shared offsets, appending, names.

mod common;

use common::{Answer, Harness, Random, numbers};
use ramet_abi::session::{Request, op, tree};
use ramet_keeper::ClientId;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A result as the keeper gives it.
fn number<T>(result: io::Result<T>, good: impl FnOnce(T) -> i64) -> i64 {
    match result {
        Ok(value) => good(value),
        Err(error) => -i64::from(error.raw_os_error().unwrap()),
    }
}

struct Open {
    native: File,
    id: u64,
    node: u64,
    append: bool,
    holders: BTreeSet<ClientId>,
}

struct World {
    h: Harness,
    place: PathBuf,
    root: u64,
    vms: Vec<ClientId>,
    open: Vec<Open>,
    random: Random,
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.place);
    }
}

impl World {
    fn new(seed: u64) -> World {
        let mut h = Harness::new();
        let vms = vec![h.first];
        let root = h.call(vms[0], op::ROOT, &[tree::ROOT]) as u64;
        let place = std::env::temp_dir().join(format!("ramet-keeper-native-{}-{seed}", std::process::id()));
        fs::create_dir(&place).unwrap();
        World { h, place, root, vms, open: Vec::new(), random: Random::new(seed) }
    }

    fn on(&mut self, vm: ClientId, id: u64, request: Request, data: &[u8]) -> Answer {
        self.h.ask(vm, Request { id, ..request }, data)
    }

    fn name(&mut self) -> &'static str {
        self.random.pick(&NAMES)
    }

    fn vm(&mut self) -> ClientId {
        let index = self.random.below(self.vms.len());
        self.vms[index]
    }

    fn open_file(&mut self) {
        let (vm, name) = (self.vm(), self.name());
        let (create, append, truncate) =
            (self.random.below(2) == 0, self.random.below(3) == 0, self.random.below(4) == 0);
        let mut flags = 0;
        flags |= if append { libc::O_APPEND } else { 0 } | if truncate { libc::O_TRUNC } else { 0 };
        flags |= if create { libc::O_CREAT } else { 0 };
        let path = CString::new(self.place.join(name).to_str().unwrap()).unwrap();
        // SAFETY: the path is a C string; the descriptor is owned by the File from here on.
        let native = unsafe {
            use std::os::fd::FromRawFd;
            let fd = libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC | flags, 0o644);
            if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(File::from_raw_fd(fd)) }
        };
        let mut node = self.on(vm, self.root, numbers(op::WALK, &[]), name.as_bytes()).result;
        if node == -2 && create {
            node = self.on(vm, self.root, numbers(op::CREATE, &[0o100644]), name.as_bytes()).result;
        }
        let native = match native {
            Ok(native) => native,
            Err(error) => return assert_eq!(node, -i64::from(error.raw_os_error().unwrap())),
        };
        let request = Request { flags: libc::O_RDWR as u32 | flags as u32, ..numbers(op::OPEN, &[]) };
        let id = self.on(vm, node as u64, request, b"").result;
        assert!(id > 0, "{id}");
        self.open.push(Open {
            native,
            id: id as u64,
            node: node as u64,
            append,
            holders: BTreeSet::from([vm]),
        });
    }

    fn fork(&mut self) {
        let vm = self.vm();
        if self.vms.len() >= 6 {
            return;
        }
        let child = self.h.fork(vm).unwrap();
        self.vms.push(child);
        for open in self.open.iter_mut().filter(|open| open.holders.contains(&vm)) {
            open.holders.insert(child);
        }
    }

    fn end(&mut self) {
        let vm = self.vm();
        if vm == self.h.first {
            return;
        }
        self.h.lose(vm);
        // The first process is everybody's parent in the end: it waits for all.
        while self.h.call(self.h.first, op::WAIT, &[0, 0, 1]) > 0 {}
        self.vms.retain(|other| *other != vm);
        for open in &mut self.open {
            open.holders.remove(&vm);
        }
        self.open.retain(|open| !open.holders.is_empty());
    }

    fn names(&mut self) {
        let (vm, old, new) = (self.vm(), self.name(), self.name());
        let (from, to) = (self.place.join(old), self.place.join(new));
        match self.random.below(3) {
            0 => {
                let theirs = self.on(vm, self.root, numbers(op::UNLINK, &[]), old.as_bytes()).result;
                assert_eq!(theirs, number(fs::remove_file(from), |()| 0));
            }
            1 => {
                let request = Request { other: self.root, ..numbers(op::RENAME, &[old.len() as u64]) };
                let theirs = self.on(vm, self.root, request, [old, new].concat().as_bytes()).result;
                assert_eq!(theirs, number(fs::rename(from, to), |()| 0));
            }
            _ => {
                let target = self.on(vm, self.root, numbers(op::WALK, &[]), old.as_bytes()).result;
                let theirs = if target < 0 {
                    target
                } else {
                    let request = Request { other: self.root, ..numbers(op::LINK, &[]) };
                    self.on(vm, target as u64, request, new.as_bytes()).result
                };
                assert_eq!(theirs, number(fs::hard_link(from, to), |()| 0));
            }
        }
    }

    fn use_file(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let index = self.random.below(self.open.len());
        let length = self.random.below(9000);
        let bytes: Vec<u8> = (0..length).map(|_| self.random.next() as u8).collect();
        let at = self.random.below(12_000) as u64;
        let choice = self.random.below(8);
        let whence = self.random.below(3);
        let open = &mut self.open[index];
        let vm = *open.holders.iter().nth(self.random.below(open.holders.len())).unwrap();
        let (id, node, native) = (open.id, open.node, &mut open.native);
        let h = &mut self.h;
        let mut ask = |id, request: Request, data: &[u8]| h.ask(vm, Request { id, ..request }, data);
        let mut buffer = vec![0; length];
        match choice {
            0 | 1 => {
                let theirs = ask(id, numbers(op::WRITE, &[0, u64::MAX]), &bytes).result;
                assert_eq!(theirs, number(native.write(&bytes), |n| n as i64));
            }
            2 | 3 => {
                let got = native.read(&mut buffer).unwrap();
                let request = Request { wanted: length as u64, ..numbers(op::READ, &[]) };
                assert_eq!(ask(id, request, b"").data, buffer[..got]);
            }
            4 => {
                let got = native.read_at(&mut buffer, at).unwrap();
                let request = Request { flags: 1, wanted: length as u64, ..numbers(op::READ, &[at]) };
                assert_eq!(ask(id, request, b"").data, buffer[..got]);
            }
            5 if !open.append => {
                let request = Request { flags: 1, ..numbers(op::WRITE, &[at, u64::MAX]) };
                assert_eq!(
                    ask(id, request, &bytes).result,
                    number(native.write_at(&bytes, at), |n| n as i64)
                );
            }
            6 => {
                let by = at as i64 - 3000;
                let position = [SeekFrom::Start(by as u64), SeekFrom::Current(by), SeekFrom::End(by)][whence];
                let theirs = ask(id, numbers(op::SEEK, &[by as u64, whence as u64]), b"").result;
                // What is negative as a start is refused by the library already.
                let expected =
                    if whence == 0 && by < 0 { -22 } else { number(native.seek(position), |n| n as i64) };
                assert_eq!(theirs, expected);
            }
            _ => {
                native.set_len(at).unwrap();
                // The node is held by who has opened the file, and by its children.
                let request = Request { flags: 4, ..numbers(op::SETATTR, &[0, 0, 0, at]) };
                assert_eq!(ask(node, request, b"").result, 0);
            }
        }
        let seen = native.metadata().unwrap();
        let stat = ask(id, numbers(op::STAT_DESCRIPTION, &[]), b"").stat;
        assert_eq!((stat.size, u64::from(stat.links)), (seen.size(), seen.nlink()));
    }

    fn list(&mut self) {
        let vm = self.vm();
        for name in NAMES {
            let theirs = self.on(vm, self.root, numbers(op::WALK, &[]), name.as_bytes());
            let mine =
                OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(self.place.join(name));
            let Ok(mut mine) = mine else {
                assert_eq!(theirs.result, -2);
                continue;
            };
            let mut bytes = Vec::new();
            mine.read_to_end(&mut bytes).unwrap();
            let request = Request { wanted: 1 << 20, ..numbers(op::READ_NODE, &[0]) };
            let node = theirs.result as u64;
            assert_eq!(self.on(vm, node, request, b"").data, bytes);
        }
    }
}

#[test]
fn files_are_as_the_hosts() {
    for seed in 1..=12 {
        let mut world = World::new(seed);
        for step in 0..600 {
            match world.random.below(20) {
                0..=3 => world.open_file(),
                4 => world.fork(),
                5 => world.end(),
                6..=8 => world.names(),
                _ => world.use_file(),
            }
            if step % 50 == 0 {
                world.list();
            }
            if world.open.len() > 12 {
                let gone = world.open.remove(0);
                for vm in gone.holders {
                    let request = Request { flags: 1, ..numbers(op::RELEASE, &[]) };
                    assert_eq!(world.h.ask(vm, request, &gone.id.to_le_bytes()).result, 0);
                }
            }
        }
        world.list();
    }
}
