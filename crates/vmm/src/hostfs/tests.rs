//! The protocol on a real directory. These tests need `/dev/kvm`: mappings are memory slots.

use super::HostFs;
use super::request::DATA;
use ramet_abi::hostfs::{Request, op, set};
use ramet_abi::layout::{HOSTFS_OFFSET, VOLUME_GPA};
use ramet_kvm::{Host, Vm};
use ramet_memory::SharedArea;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

struct Guest {
    fs: HostFs,
    vm: Vm,
    area: SharedArea,
    root: PathBuf,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

const ROOT: u32 = 0;
const READ_ONLY: u32 = 1;

impl Guest {
    /// Volume 0 is `root/volume`, volume 1 the same read-only; `root/secret` is outside both.
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("ramet-hostfs-{}-{name}", std::process::id()));
        fs::create_dir_all(root.join("volume/directory")).unwrap();
        fs::write(root.join("secret"), "secret").unwrap();
        fs::write(root.join("volume/file"), "content").unwrap();
        symlink("../secret", root.join("volume/link")).unwrap();
        symlink("..", root.join("volume/up")).unwrap();
        let mut fs = HostFs::default();
        fs.add_volume(&root.join("volume"), false).unwrap();
        fs.add_volume(&root.join("volume"), true).unwrap();
        let vm = Vm::new(&Host::open().unwrap()).unwrap();
        Self { fs, vm, area: SharedArea::new().unwrap(), root }
    }

    fn call(&mut self, request: Request, data: &[u8]) -> i64 {
        let mut raw = Vec::new();
        for word in [request.operation, request.fid, request.other, request.flags] {
            raw.extend(word.to_le_bytes());
        }
        for word in [request.offset, request.length.max(data.len() as u64), request.first_name, 0] {
            raw.extend(word.to_le_bytes());
        }
        raw.extend(request.stat.mode.to_le_bytes());
        raw.resize(size_of::<Request>(), 0);
        let size = std::mem::offset_of!(Request, stat) + 24;
        raw[size..size + 8].copy_from_slice(&request.stat.size.to_le_bytes());
        self.area.write(HOSTFS_OFFSET, &raw).unwrap();
        self.area.write(DATA, data).unwrap();
        self.fs.serve(&mut self.vm, &self.area)
    }

    fn named(&mut self, operation: u32, fid: u32, flags: u32, name: &str) -> i64 {
        self.call(Request { operation, fid, flags, ..Default::default() }, name.as_bytes())
    }

    fn walk(&mut self, fid: u32, name: &str) -> i64 {
        self.named(op::WALK, fid, 0, name)
    }

    fn on(&mut self, operation: u32, fid: i64, flags: i32, offset: u64, length: u64) -> i64 {
        let fid = fid as u32;
        self.call(Request { operation, fid, flags: flags as u32, offset, length, ..Default::default() }, b"")
    }

    fn data(&self, length: usize) -> Vec<u8> {
        let mut data = vec![0; length];
        self.area.read(DATA, &mut data).unwrap();
        data
    }
}

fn error(number: i32) -> i64 {
    -i64::from(number)
}

#[test]
fn memory_of_the_session_is_mapped_and_nothing_else() {
    use std::os::fd::FromRawFd;
    let mut guest = Guest::new("adopt");
    // SAFETY: the name ends with a zero; the descriptor is new and belongs to nobody else.
    let memory = unsafe { fs::File::from_raw_fd(libc::memfd_create(c"memory".as_ptr(), libc::MFD_CLOEXEC)) };
    memory.set_len(8192).unwrap();
    let fid = guest.fs.adopt(memory.try_clone().unwrap()).unwrap();
    let request = |operation| Request { operation, fid, ..Request::default() };
    assert_eq!(guest.call(request(op::STAT), b""), 0);
    assert_eq!(guest.call(Request { flags: 1, length: 8192, ..request(op::MAP) }, b""), 0);
    for operation in [op::SETATTR, op::WRITE, op::READ, op::OPEN, op::WALK, op::FSYNC] {
        assert_eq!(guest.call(request(operation), b"x"), -i64::from(libc::EBADF), "{operation}");
    }
    assert_eq!(memory.metadata().unwrap().len(), 8192);
    assert_eq!(guest.call(request(op::CLOSE), b""), 0);
    assert_eq!(guest.call(request(op::STAT), b""), -i64::from(libc::EBADF));
    // The mapping lives on without it.
    assert_eq!(guest.call(Request { operation: op::UNMAP, ..Request::default() }, b""), 0);
}

#[test]
fn reads_and_writes_files() {
    let mut guest = Guest::new("data");
    let file = guest.walk(ROOT, "file");
    assert!(file >= 2);
    assert_eq!(guest.on(op::READ, file, 0, 0, 100), error(libc::EBADF));
    assert_eq!(guest.on(op::OPEN, file, libc::O_RDWR, 0, 0), 0);
    assert_eq!(guest.on(op::READ, file, 0, 3, 100), 4);
    assert_eq!(guest.data(4), b"tent");
    let write = Request { operation: op::WRITE, fid: file as u32, offset: 7, ..Default::default() };
    assert_eq!(guest.call(write, b"ment"), 4);
    assert_eq!(fs::read(guest.root.join("volume/file")).unwrap(), b"contentment");
    assert_eq!(guest.on(op::READ, file, 0, 0, 1 << 20), error(libc::EINVAL));
    assert_eq!(guest.on(op::CLOSE, file, 0, 0, 0), 0);
    assert_eq!(guest.on(op::CLOSE, file, 0, 0, 0), error(libc::EBADF));
    assert_eq!(guest.on(op::CLOSE, 0, 0, 0, 0), error(libc::EINVAL));
}

#[test]
fn nothing_outside_can_be_named() {
    let mut guest = Guest::new("outside");
    for name in ["..", ".", "", "/etc", "directory/..", "up/secret"] {
        assert!(guest.walk(ROOT, name) < 0, "{name}");
    }
    let link = guest.walk(ROOT, "link");
    assert!(link > 0);
    assert_eq!(guest.on(op::OPEN, link, libc::O_RDONLY, 0, 0), error(libc::ELOOP));
    assert_eq!(guest.on(op::READLINK, link, 0, 0, 0), 9);
    assert_eq!(guest.data(9), b"../secret");
    let up = guest.walk(ROOT, "up");
    assert_eq!(guest.walk(up as u32, "secret"), error(libc::ENOTDIR));
    assert_eq!(guest.named(op::CREATE, ROOT, 0o644, "link"), error(libc::EEXIST));
    let mut truncate =
        Request { operation: op::SETATTR, fid: link as u32, flags: set::SIZE, ..Default::default() };
    truncate.stat.size = 0;
    assert_eq!(guest.call(truncate, b""), error(libc::EINVAL));
    assert_eq!(fs::read(guest.root.join("secret")).unwrap(), b"secret");
}

#[test]
fn a_read_only_volume_refuses_every_change() {
    let mut guest = Guest::new("read-only");
    let refused = error(libc::EROFS);
    let file = guest.walk(READ_ONLY, "file");
    assert_eq!(guest.on(op::OPEN, file, libc::O_RDWR, 0, 0), refused);
    assert_eq!(guest.on(op::OPEN, file, libc::O_RDONLY | libc::O_TRUNC, 0, 0), refused);
    assert_eq!(guest.on(op::OPEN, file, libc::O_RDONLY, 0, 0), 0);
    assert_eq!(guest.on(op::MAP, file, 1, 0, 4096), error(libc::EACCES));
    assert_eq!(guest.on(op::SETATTR, file, set::MODE as i32, 0, 0), refused);
    assert_eq!(guest.named(op::CREATE, READ_ONLY, 0o644, "new"), refused);
    assert_eq!(guest.named(op::MKDIR, READ_ONLY, 0o755, "new"), refused);
    assert_eq!(guest.named(op::UNLINK, READ_ONLY, 0, "file"), refused);
    let two =
        |operation, other| Request { operation, fid: READ_ONLY, other, first_name: 4, ..Default::default() };
    assert_eq!(guest.call(two(op::RENAME, READ_ONLY), b"filenew"), refused);
    assert_eq!(guest.call(two(op::SYMLINK, 0), b"filenew"), refused);
    let link = Request { operation: op::LINK, fid: file as u32, other: READ_ONLY, ..Default::default() };
    assert_eq!(guest.call(link, b"new"), refused);
}

#[test]
fn directories_are_changed_and_read() {
    let mut guest = Guest::new("directory");
    let file = guest.named(op::CREATE, ROOT, 0o640, "new");
    assert!(file > 0);
    assert_eq!(fs::metadata(guest.root.join("volume/new")).unwrap().permissions().mode() & 0o7777, 0o640);
    assert_eq!(guest.named(op::CREATE, ROOT, 0o4755, "set-id"), error(libc::EPERM));
    assert_eq!(guest.named(op::MKDIR, ROOT, 0o777, "made"), 0);
    assert_eq!(fs::metadata(guest.root.join("volume/made")).unwrap().permissions().mode() & 0o7777, 0o777);
    let rename =
        Request { operation: op::RENAME, fid: ROOT, other: ROOT, first_name: 3, ..Default::default() };
    assert_eq!(guest.call(rename, b"newold"), 0);
    let link = Request { operation: op::LINK, fid: file as u32, other: ROOT, ..Default::default() };
    assert_eq!(guest.call(link, b"hard"), 0);
    assert_eq!(fs::metadata(guest.root.join("volume/hard")).unwrap().nlink(), 2);
    assert_eq!(guest.named(op::UNLINK, ROOT, 0, "made"), error(libc::EISDIR));
    assert_eq!(guest.named(op::UNLINK, ROOT, 1, "made"), 0);

    assert_eq!(guest.on(op::OPEN, 0, libc::O_RDONLY, 0, 0), 0);
    let mut names = Vec::new();
    let mut cookie = 0;
    loop {
        // Room for one or two entries at a time.
        let length = guest.on(op::READDIR, 0, 0, cookie, 64);
        assert!(length >= 0);
        if length == 0 {
            break;
        }
        let data = guest.data(length as usize);
        let mut at = 0;
        while at < data.len() {
            cookie = u64::from_le_bytes(data[at + 8..at + 16].try_into().unwrap());
            let name_length = u32::from_le_bytes(data[at + 20..at + 24].try_into().unwrap()) as usize;
            names.push(String::from_utf8(data[at + 24..at + 24 + name_length].to_vec()).unwrap());
            at += (24 + name_length).next_multiple_of(8);
        }
    }
    names.sort();
    assert_eq!(names, ["directory", "file", "hard", "link", "old", "up"]);
    assert_eq!(guest.on(op::READDIR, 0, 0, 0, 8), error(libc::EINVAL));
}

#[test]
fn mappings_are_slots_and_a_truncated_file_is_found() {
    let mut guest = Guest::new("map");
    fs::write(guest.root.join("volume/large"), vec![7u8; 3 * 4096]).unwrap();
    let large = guest.walk(ROOT, "large");
    assert_eq!(guest.on(op::OPEN, large, libc::O_RDWR, 0, 0), 0);
    assert_eq!(guest.on(op::MAP, large, 0, 1, 4096), error(libc::EINVAL));
    assert_eq!(guest.on(op::MAP, large, 0, 0, 0), error(libc::EINVAL));
    assert_eq!(guest.on(op::MAP, large, 0, u64::MAX - 4095, 4096), error(libc::EINVAL));
    let first = guest.on(op::MAP, large, 1, 0, 3 * 4096);
    let second = guest.on(op::MAP, large, 0, 4096, 4096);
    assert_eq!((first, second), (0, 4 * 4096));
    assert_eq!(guest.on(op::CLOSE, large, 0, 0, 0), 0);
    assert_eq!(guest.fs.missing_page(), None);
    fs::File::options().write(true).open(guest.root.join("volume/large")).unwrap().set_len(2 * 4096).unwrap();
    assert_eq!(guest.fs.missing_page(), Some(VOLUME_GPA + 2 * 4096));
    assert_eq!(guest.on(op::UNMAP, 0, 0, 4096, 0), error(libc::EINVAL));
    assert_eq!(guest.on(op::UNMAP, 0, 0, first as u64, 0), 0);
    assert_eq!(guest.fs.missing_page(), None);
    assert_eq!(guest.on(op::UNMAP, 0, 0, second as u64, 0), 0);
}

#[test]
fn a_vacant_slot_is_used_again() {
    let mut guest = Guest::new("vacant");
    fs::write(guest.root.join("volume/one"), vec![1u8; 4096]).unwrap();
    fs::write(guest.root.join("volume/two"), vec![2u8; 8192]).unwrap();
    let fids = ["one", "two"].map(|name| guest.walk(ROOT, name));
    fids.iter().for_each(|fid| assert_eq!(guest.on(op::OPEN, *fid, libc::O_RDWR, 0, 0), 0));
    let place = guest.on(op::MAP, fids[0], 1, 0, 4096);
    assert_eq!(guest.on(op::UNMAP, 0, 0, place as u64, 0), 0);
    assert!(!guest.fs.has_mappings());
    assert_eq!(guest.on(op::UNMAP, 0, 0, place as u64, 0), error(libc::EINVAL));
    // Of another length, or for reading only: elsewhere.
    assert_ne!(guest.on(op::MAP, fids[1], 1, 0, 8192), place);
    assert_ne!(guest.on(op::MAP, fids[1], 0, 4096, 4096), place);
    assert_eq!(guest.on(op::MAP, fids[1], 1, 4096, 4096), place);
    assert!(guest.fs.has_mappings());
}

#[test]
fn a_clone_cannot_write_unless_shared() {
    let mut guest = Guest::new("clone");
    let file = guest.walk(ROOT, "file");
    assert_eq!(guest.on(op::OPEN, file, libc::O_RDWR, 0, 0), 0);
    guest.fs.become_clone(true).unwrap();
    let write = Request { operation: op::WRITE, fid: file as u32, ..Default::default() };
    assert_eq!(guest.call(write, b"C"), 1);
    guest.fs.become_clone(false).unwrap();
    assert_eq!(guest.call(write, b"X"), error(libc::EBADF));
    assert_eq!(guest.named(op::UNLINK, ROOT, 0, "file"), error(libc::EROFS));
    assert_eq!(guest.on(op::READ, file, 0, 0, 1), 1);
    assert_eq!(guest.data(1), b"C");
}

#[test]
fn garbage_requests_do_no_harm() {
    let mut guest = Guest::new("garbage");
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for round in 0..20_000u64 {
        let mut raw: Vec<u8> = (0..size_of::<Request>() / 8).flat_map(|_| next().to_le_bytes()).collect();
        raw[0..4].copy_from_slice(&((round % 22) as u32).to_le_bytes());
        if next() % 4 != 0 {
            raw[4..8].copy_from_slice(&((next() % 4) as u32).to_le_bytes());
            raw[8..12].copy_from_slice(&((next() % 4) as u32).to_le_bytes());
            raw[16..24].copy_from_slice(&(next() % 3 * 4096).to_le_bytes());
            raw[24..32].copy_from_slice(&(next() % 3).to_le_bytes());
            raw[32..40].copy_from_slice(&(next() % 3).to_le_bytes());
        }
        guest.area.write(HOSTFS_OFFSET, &raw).unwrap();
        guest.fs.serve(&mut guest.vm, &guest.area);
    }
    assert_eq!(fs::read(guest.root.join("secret")).unwrap(), b"secret");
}
