//! The same random calls on this machine's own file system and on ours: results, errors and the resulting trees must be
//! the same. `SEEDS` in the environment sets how many sequences of calls are tried. Run it as root and as an ordinary user.

use crate::errno::Errno;
use crate::file::flags::*;
use crate::fs::inode::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use crate::fs::open_file::OpenFile;
use crate::fs::ops::{AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, OpenHow};
use crate::fs::testing::{Random, TemporaryDirectory, World};
use crate::user::{SliceSink, SliceSource};
use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;

/// Paths that the calls are made with: all kinds of ends, and few enough names that they meet.
const PATHS: [&str; 36] = [
    "a", "b", "c", "a/b", "a/b/c", "b/a", "c/a", "a/", "b/", "a/b/", "./a", "a/.", "a/..", "a/../b",
    "b/../a/b", ".", "./", "a//b", "l", "l/", "l/a", "l/..", "m", "m/", "m/b", "a/l", "a/l/b", "a/m", "",
    "a/b/..", "a/b/.", "x", "a/x", "l/x/", "b/l/../x", "m/.",
];
/// Targets of symbolic links. None leads upwards: no path gets further than one directory above the start.
const TARGETS: [&str; 8] = ["a", "b/", ".", "l", "m", "missing", "a/b", "a/l"];

struct Native {
    _directory: TemporaryDirectory,
    fd: OwnedFd,
}

fn check(result: libc::c_int) -> Result<i32, Errno> {
    if result < 0 { Err(Errno(std::io::Error::last_os_error().raw_os_error().unwrap())) } else { Ok(result) }
}

impl Native {
    fn new() -> Native {
        let directory = TemporaryDirectory::new();
        std::fs::create_dir(directory.0.join("start")).unwrap();
        let path = CString::new(directory.0.join("start").to_str().unwrap()).unwrap();
        // SAFETY: the path ends with a zero; the descriptor is new.
        let fd =
            unsafe { OwnedFd::from_raw_fd(check(libc::open(path.as_ptr(), libc::O_DIRECTORY)).unwrap()) };
        Native { _directory: directory, fd }
    }
}

/// What a call gave, to be compared.
#[derive(PartialEq, Eq, Debug, Clone)]
enum Outcome {
    Done,
    Error(Errno),
    Text(Vec<u8>),
    Stat { mode: u32, links: u32, size: u64 },
}

#[derive(Debug, Clone, Copy)]
enum Call {
    Open { path: &'static str, flags: u32 },
    Mkdir(&'static str),
    Rmdir(&'static str),
    Unlink(&'static str),
    Rename { old: &'static str, new: &'static str, flags: u32 },
    Link { old: &'static str, new: &'static str, follow: bool },
    Symlink { target: &'static str, path: &'static str },
    ReadLink(&'static str),
    Stat { path: &'static str, follow: bool },
    Truncate { path: &'static str, size: u64 },
    Chmod { path: &'static str, mode: u32 },
    Access { path: &'static str, want: u32 },
    Mknod(&'static str),
}

fn random_call(random: &mut Random) -> Call {
    let mut pick = |list: &[&'static str]| list[random.below(list.len() as u64) as usize];
    let (path, other, target) = (pick(&PATHS), pick(&PATHS), pick(&TARGETS));
    let flags = [
        O_RDONLY,
        O_RDWR,
        O_CREAT | O_WRONLY,
        O_CREAT | O_RDWR,
        O_CREAT | O_EXCL | O_RDWR,
        O_DIRECTORY,
        O_NOFOLLOW,
        O_CREAT | O_NOFOLLOW | O_WRONLY,
        O_WRONLY | O_TRUNC,
        O_CREAT | O_TRUNC | O_WRONLY,
        O_PATH,
        O_PATH | O_NOFOLLOW,
        O_DIRECTORY | O_NOFOLLOW,
        O_DIRECTORY | O_WRONLY,
        O_TRUNC,
    ];
    match random.below(16) {
        0..3 => Call::Open { path, flags: flags[random.below(flags.len() as u64) as usize] },
        3 | 4 => Call::Mkdir(path),
        5 => Call::Rmdir(path),
        6 => Call::Unlink(path),
        7 | 8 => {
            let flags = [0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE][random.below(4) as usize];
            Call::Rename { old: path, new: other, flags }
        }
        9 => Call::Link { old: path, new: other, follow: random.below(2) == 0 },
        10 => Call::Symlink { target, path },
        11 => Call::ReadLink(path),
        12 => Call::Stat { path, follow: random.below(2) == 0 },
        // (An empty path would not be one where it continues another.)
        13 if !path.is_empty() => Call::Truncate { path, size: random.below(10_000) },
        14 if random.below(2) == 0 => {
            let modes = [0o755, 0o644, 0o700, 0o500, 0o300, 0o6755, 0o1777, 0o2711, 0];
            // The start itself stays usable, or nothing would happen any more.
            let inside = path.starts_with(|c| c != '.');
            Call::Chmod { path, mode: if inside { modes[random.below(9) as usize] } else { 0o755 } }
        }
        14 => Call::Mknod(path),
        _ => Call::Access { path, want: random.below(8) as u32 },
    }
}

fn size_of(mode: u32, size: u64) -> u64 {
    // Sizes of directories are each file system's own.
    if mode & 0o170000 == 0o040000 { 0 } else { size }
}

fn outcome(result: Result<Outcome, Errno>) -> Outcome {
    result.unwrap_or_else(Outcome::Error)
}

impl Native {
    fn run(&self, call: Call) -> Outcome {
        let fd = self.fd.as_raw_fd();
        let c = |text: &str| CString::new(text).unwrap();
        let done = |result: libc::c_int| outcome(check(result).map(|_| Outcome::Done));
        // SAFETY: all strings end with a zero and live until the call returns; buffers are as large as stated.
        unsafe {
            match call {
                Call::Open { path, flags } => {
                    let fd = match check(libc::openat(fd, c(path).as_ptr(), flags as i32, 0o640)) {
                        Ok(fd) => OwnedFd::from_raw_fd(fd),
                        Err(e) => return Outcome::Error(e),
                    };
                    // What is open for writing gets some text.
                    if flags & O_PATH == 0 && flags & O_ACCMODE != 0 {
                        assert_eq!(libc::write(fd.as_raw_fd(), b"hello".as_ptr().cast(), 5), 5);
                    }
                    Outcome::Done
                }
                Call::Mkdir(path) => done(libc::mkdirat(fd, c(path).as_ptr(), 0o750)),
                Call::Rmdir(path) => done(libc::unlinkat(fd, c(path).as_ptr(), libc::AT_REMOVEDIR)),
                Call::Unlink(path) => done(libc::unlinkat(fd, c(path).as_ptr(), 0)),
                Call::Rename { old, new, flags } => {
                    done(libc::renameat2(fd, c(old).as_ptr(), fd, c(new).as_ptr(), flags))
                }
                Call::Link { old, new, follow } => {
                    let flags = if follow { libc::AT_SYMLINK_FOLLOW } else { 0 };
                    done(libc::linkat(fd, c(old).as_ptr(), fd, c(new).as_ptr(), flags))
                }
                Call::Symlink { target, path } => {
                    done(libc::symlinkat(c(target).as_ptr(), fd, c(path).as_ptr()))
                }
                Call::ReadLink(path) => {
                    let mut text = [0u8; 100];
                    let n = libc::readlinkat(fd, c(path).as_ptr(), text.as_mut_ptr().cast(), 100);
                    outcome(check(n as i32).map(|n| Outcome::Text(text[..n as usize].to_vec())))
                }
                Call::Stat { path, follow } => {
                    let mut stat: libc::stat = core::mem::zeroed();
                    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
                    outcome(check(libc::fstatat(fd, c(path).as_ptr(), &mut stat, flags)).map(|_| {
                        Outcome::Stat {
                            mode: stat.st_mode,
                            links: stat.st_nlink as u32,
                            size: size_of(stat.st_mode, stat.st_size as u64),
                        }
                    }))
                }
                Call::Truncate { path, size } => {
                    // There is no truncateat(2): through the directory's own path.
                    let path = format!("/proc/self/fd/{fd}/{path}");
                    done(libc::truncate(c(&path).as_ptr(), size as i64))
                }
                Call::Chmod { path, mode } => done(libc::fchmodat(fd, c(path).as_ptr(), mode, 0)),
                Call::Access { path, want } => done(libc::faccessat(fd, c(path).as_ptr(), want as i32, 0)),
                Call::Mknod(path) => done(libc::mknodat(fd, c(path).as_ptr(), libc::S_IFIFO | 0o644, 0)),
            }
        }
    }
}

fn run(world: &World, call: Call) -> Outcome {
    let (caller, cwd) = (world.caller(), world.cwd());
    let done = |result: Result<(), Errno>| outcome(result.map(|()| Outcome::Done));
    match call {
        Call::Open { path, flags } => {
            let how = OpenHow { flags, mode: 0o640, resolve: 0 };
            let opened: Result<Rc<OpenFile>, Errno> = caller.open(&cwd, path.as_bytes(), how);
            let file = match opened {
                Ok(file) => file,
                Err(e) => return Outcome::Error(e),
            };
            if flags & O_PATH == 0 && flags & O_ACCMODE != 0 {
                assert_eq!(file.write(&mut SliceSource(b"hello"), &world.writer()), Ok(5));
            }
            Outcome::Done
        }
        Call::Mkdir(path) => done(caller.mkdir(&cwd, path.as_bytes(), 0o750)),
        Call::Rmdir(path) => done(caller.rmdir(&cwd, path.as_bytes())),
        Call::Unlink(path) => done(caller.unlink(&cwd, path.as_bytes())),
        Call::Rename { old, new, flags } => {
            done(caller.rename(&cwd, old.as_bytes(), &cwd, new.as_bytes(), flags))
        }
        Call::Link { old, new, follow } => {
            let flags = if follow { AT_SYMLINK_FOLLOW } else { 0 };
            done(caller.link(&cwd, old.as_bytes(), &cwd, new.as_bytes(), flags))
        }
        Call::Symlink { target, path } => done(caller.symlink(target.as_bytes(), &cwd, path.as_bytes())),
        Call::ReadLink(path) => outcome(caller.read_link(&cwd, path.as_bytes()).map(Outcome::Text)),
        Call::Stat { path, follow } => {
            let flags = if follow { 0 } else { AT_SYMLINK_NOFOLLOW };
            outcome(caller.stat(&cwd, path.as_bytes(), flags).map(|s| Outcome::Stat {
                mode: s.mode,
                links: s.links,
                size: size_of(s.mode, s.size),
            }))
        }
        Call::Truncate { path, size } => {
            // As on the other side, the path continues a directory's.
            let path = format!("./{path}");
            done(caller.truncate(&cwd, path.as_bytes(), size, u64::MAX))
        }
        Call::Chmod { path, mode } => done(caller.chmod(&cwd, path.as_bytes(), mode, 0)),
        Call::Access { path, want } => done(caller.access(&cwd, path.as_bytes(), want, 0)),
        Call::Mknod(path) => done(caller.mknod(&cwd, path.as_bytes(), 0o010644, 0)),
    }
}

#[test]
fn random_calls_give_what_linux_gives() {
    // SAFETY: these only read or set the process's own attributes; no test depends on another file mode mask.
    let (uid, gid) = unsafe {
        libc::umask(0o022);
        (libc::getuid(), libc::getgid())
    };
    for seed in 1..=std::env::var("SEEDS").map_or(60, |s| s.parse().unwrap()) {
        let native = Native::new();
        let mut world = World::new(None);
        for name in [&b"base"[..], b"base/start"] {
            world.caller().mkdir(&world.cwd(), name, 0o755).unwrap();
            world.caller().chown(&world.cwd(), name, uid, gid, 0).unwrap();
        }
        world.context.cwd = world.caller().chdir(&world.cwd(), b"base/start").unwrap();
        world.credentials = crate::fs::credentials::Credentials::user(uid, gid, &[]);
        let mut random = Random(seed);
        let mut log = Vec::new();
        for _ in 0..400 {
            let call = random_call(&mut random);
            // A FIFO would wait for its other side.
            if let Call::Open { path, flags } = call {
                let fifo = |follow| {
                    let found = run(&world, Call::Stat { path, follow });
                    matches!(found, Outcome::Stat { mode, .. } if mode & 0o170000 == 0o010000)
                };
                if flags & O_PATH == 0 && (fifo(true) || fifo(false)) {
                    continue;
                }
            }
            let (expected, got) = (native.run(call), run(&world, call));
            log.push(format!("{call:?} = {expected:?}"));
            let tail = log[log.len().saturating_sub(40)..].join("\n");
            assert_eq!(got, expected, "seed {seed}, last calls on Linux:\n{tail}");
        }
    }
}

#[test]
fn random_offsets_give_what_linux_gives() {
    for seed in 1..=std::env::var("SEEDS").map_or(20, |s| s.parse().unwrap()) {
        let native = Native::new();
        let world = World::new(None);
        let file = world.open("f", O_RDWR | O_CREAT).unwrap();
        // SAFETY: the name ends with a zero; the descriptor is new.
        let fd = unsafe {
            let fd = libc::openat(native.fd.as_raw_fd(), c"f".as_ptr(), libc::O_RDWR | libc::O_CREAT, 0o600);
            OwnedFd::from_raw_fd(check(fd).unwrap())
        };
        let raw = fd.as_raw_fd();
        let mut random = Random(seed);
        for step in 0..300 {
            let big = [0, 1, 100, 4095, 4096, 5000, i64::MAX, -1, i64::MIN, 1 << 40, i64::MAX - 4096];
            let value = big[random.below(big.len() as u64) as usize];
            let small = random.below(10_000) as i64;
            // SAFETY: buffers are as large as stated.
            let (expected, got) = unsafe {
                match random.below(5) {
                    0 => {
                        let whence = random.below(6) as u32;
                        let offset = if random.below(2) == 0 { value } else { small };
                        // Where data and holes lie is each file system's own.
                        if whence == 3 || whence == 4 {
                            continue;
                        }
                        (libc::lseek(raw, offset, whence as i32), file.seek(offset, whence).map(|o| o as i64))
                    }
                    1 => {
                        let bytes = random.bytes(random.0 as usize % 5000);
                        (
                            libc::write(raw, bytes.as_ptr().cast(), bytes.len()) as i64,
                            world.write(&file, &bytes).map(|n| n as i64),
                        )
                    }
                    2 => {
                        let (mut a, mut b) = ([0u8; 3000], [0u8; 3000]);
                        let n = libc::pread(raw, a.as_mut_ptr().cast(), 3000, small);
                        let m = file.read_at(small as u64, &mut SliceSink::new(&mut b));
                        assert_eq!(a, b);
                        (n as i64, m.map(|n| n as i64))
                    }
                    3 => (
                        i64::from(libc::ftruncate(raw, small)),
                        file.truncate(small as u64, &world.writer()).map(|()| 0),
                    ),
                    _ => {
                        let (mut a, mut b) = ([0u8; 3000], [0u8; 3000]);
                        let n = libc::read(raw, a.as_mut_ptr().cast(), 3000);
                        let m = file.read(&mut SliceSink::new(&mut b));
                        assert_eq!(a, b);
                        (n as i64, m.map(|n| n as i64))
                    }
                }
            };
            let errno = || Errno(std::io::Error::last_os_error().raw_os_error().unwrap());
            let expected = if expected < 0 { Err(errno()) } else { Ok(expected) };
            // A file system with smaller limits than ours refuses offsets earlier.
            let far = matches!(expected, Err(Errno::EFBIG | Errno::EINVAL)) && file.offset() >= 1 << 40;
            assert!(got == expected || far, "seed {seed} step {step}: {got:?}, Linux {expected:?}");
            if far {
                break;
            }
        }
    }
}
