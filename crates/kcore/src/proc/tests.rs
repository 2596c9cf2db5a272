//! The formats beside those of the Linux that the tests run on.

use super::cpu::CpuFacts;
use super::source::*;
use super::*;
use crate::errno::{Errno, Result};
use crate::exec::elf::Protection;
use crate::fs::credentials::Credentials;
use crate::fs::mount::{MS_NODEV, MS_RDONLY, Mount, MountName};
use crate::fs::open_file::OpenFile;
use crate::fs::path::Path;
use crate::fs::testing::World;
use crate::signal::{SigSet, Signal};
use std::cell::RefCell;

const PID: u32 = 42;

struct Fake {
    world: World,
    file: RefCell<Option<Rc<OpenFile>>>,
    name: RefCell<Vec<u8>>,
    maps: Vec<u8>,
}

fn cpu() -> CpuFacts {
    CpuFacts::read(
        |leaf, subleaf| {
            let r = std::arch::x86_64::__cpuid_count(leaf, subleaf);
            [r.eax, r.ebx, r.ecx, r.edx]
        },
        2_500_000_000,
    )
}

impl Source for Fake {
    fn processes(&self) -> Vec<u32> {
        vec![1, PID]
    }
    fn current(&self) -> (u32, u32) {
        (PID, PID + 1)
    }
    fn process_of(&self, tid: u32) -> Option<u32> {
        (tid == PID || tid == PID + 1).then_some(PID)
    }
    fn process(&self, pid: u32) -> Option<ProcessFacts> {
        let mut p = ProcessFacts::new(Credentials::user(1000, 100, &[100, 5]));
        p.parent = 1;
        p.caught = SigSet::of(Signal::INT);
        p.limits[3] = (8 << 20, u64::MAX);
        (pid == PID).then_some(p)
    }
    fn threads(&self, _: u32) -> Vec<u32> {
        vec![PID, PID + 1]
    }
    fn thread(&self, pid: u32, tid: u32) -> Option<ThreadFacts> {
        let name = self.name.borrow().clone();
        (pid == PID && tid <= PID + 1).then(|| ThreadFacts { name, ..Default::default() })
    }
    fn memory_use(&self, _: u32) -> MemoryUse {
        MemoryUse { size: 10 << 20, resident_anonymous: 1 << 20, resident_file: 4096, ..Default::default() }
    }
    /// The lines of a real maps file, taken apart.
    fn mappings(&self, _: u32, each: &mut dyn FnMut(&Mapping<'_>)) {
        let hex = |s: &str| u64::from_str_radix(s, 16).unwrap();
        for line in self.maps.split(|&b| b == b'\n').filter(|l| !l.is_empty()) {
            let text = String::from_utf8_lossy(line);
            let fields: Vec<&str> = text.split_whitespace().collect();
            let (start, end) = fields[0].split_once('-').unwrap();
            let (major, minor) = fields[3].split_once(':').unwrap();
            let has = |i: usize, c: u8| fields[1].as_bytes()[i] == c;
            let name = fields.get(5).map_or(&b""[..], |name| &line[text.find(name).unwrap()..]);
            each(&Mapping {
                start: hex(start),
                end: hex(end),
                protection: Protection { read: has(0, b'r'), write: has(1, b'w'), execute: has(2, b'x') },
                shared: has(3, b's'),
                offset: hex(fields[2]),
                device: crate::stat::makedev(hex(major) as u32, hex(minor) as u32),
                inode: fields[4].parse().unwrap(),
                name,
                resident: 4096,
                anonymous: 0,
                locked: false,
            });
        }
    }
    fn strings(&self, _: u32, which: Strings) -> Vec<u8> {
        if which == Strings::Arguments { b"prog\0arg\0".to_vec() } else { Vec::new() }
    }
    fn place(&self, _: u32, which: Place) -> Option<Path> {
        match which {
            Place::Executable => None,
            _ => Some(self.world.context.root.clone()),
        }
    }
    fn descriptors(&self, _: u32) -> Vec<u32> {
        self.file.borrow().iter().map(|_| 7).collect()
    }
    fn descriptor(&self, _: u32, fd: u32) -> Option<(Rc<OpenFile>, bool)> {
        self.file.borrow().clone().filter(|_| fd == 7).map(|f| (f, true))
    }
    fn set_name(&self, _: u32, _: u32, name: &[u8]) -> Result<()> {
        *self.name.borrow_mut() = name.to_vec();
        Ok(())
    }
    fn mounts(&self) -> Vec<Rc<Mount>> {
        self.world.vfs.namespace.mounts()
    }
    fn memory(&self) -> MemoryFacts {
        MemoryFacts { total: 64 << 20, free: 32 << 20, ..Default::default() }
    }
    fn system(&self) -> SystemFacts {
        SystemFacts { uptime: 12_345_000_000, load: [2048, 1024, 0], threads: 2, ..Default::default() }
    }
    fn cpu(&self) -> CpuFacts {
        cpu()
    }
    fn release(&self) -> Vec<u8> {
        b"6.1.0".to_vec()
    }
    fn version(&self) -> Vec<u8> {
        b"#1 SMP".to_vec()
    }
    fn host_name(&self) -> Vec<u8> {
        self.name.borrow().clone()
    }
    fn set_host_name(&self, name: &[u8]) -> Result<()> {
        self.set_name(0, 0, name)
    }
    fn uuid(&self, _: bool) -> [u8; 36] {
        crate::random::uuid_text([0; 16])
    }
}

/// Mounts both trees in a world of their own.
fn mounted() -> Rc<Fake> {
    let world = World::new(None);
    let maps = std::fs::read("/proc/self/maps").unwrap();
    let fake = Fake { world, file: RefCell::new(None), name: RefCell::new(b"a) b".to_vec()), maps };
    let fake = Rc::new(fake);
    let clock: Clock = Rc::new(|| 1);
    let roots =
        [("proc", proc_root(fake.clone(), 5, clock.clone())), ("sys", sys_root(fake.clone(), 6, clock))];
    for (name, root) in roots {
        let world = &fake.world;
        world.caller().mkdir(&world.cwd(), name.as_bytes(), 0o755).unwrap();
        let place = world.caller().target(&world.cwd(), name.as_bytes(), 0).unwrap();
        let mount = MountName { source: name.as_bytes(), file_system: name.as_bytes(), flags: MS_NODEV };
        world.vfs.namespace.mount(root, &place, mount).unwrap();
    }
    fake
}

fn read(fake: &Fake, path: &str) -> String {
    String::from_utf8(fake.world.read_all(path).unwrap_or_else(|e| panic!("{path}: {e:?}"))).unwrap()
}

fn host(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The words before the colons.
fn labels(text: &str) -> Vec<String> {
    text.lines().filter_map(|l| l.split_once(':')).map(|(label, _)| label.trim().to_owned()).collect()
}

/// Whether `ours` is in `theirs`, in the same order.
fn assert_within(ours: &[String], theirs: &[String]) {
    let mut rest = theirs.iter();
    for label in ours {
        assert!(rest.any(|l| l == label), "{label} is not there, or not in this place");
    }
}

#[test]
fn maps_lines_are_linuxs() {
    let fake = mounted();
    assert_eq!(fake.world.read_all("/proc/self/maps").unwrap(), fake.maps);
    let smaps = read(&fake, "/proc/self/smaps");
    assert_within(&labels(&smaps)[1..20], &labels(&host("/proc/self/smaps")));
    let size_line = |text: &str| text.lines().find(|l| l.starts_with("Rss:")).map(str::len);
    assert_eq!(size_line(&smaps), size_line(&host("/proc/self/smaps")));
    assert!(read(&fake, "/proc/self/smaps_rollup").contains("[rollup]\nRss:"));
}

#[test]
fn stat_and_status() {
    let fake = mounted();
    let stat = read(&fake, "/proc/self/stat");
    let after = |text: &str| text.rsplit_once(") ").unwrap().1.split(' ').count();
    assert!(stat.starts_with("42 (a) b) R 1 "));
    assert_eq!(after(&stat), after(&host("/proc/self/stat")));
    assert_eq!(read(&fake, "/proc/self/statm"), "2560 257 1 0 0 0 0\n");
    let status = read(&fake, "/proc/thread-self/status");
    assert!(status.contains("\nTgid:\t42\nNgid:\t0\nPid:\t43\nPPid:\t1\n"));
    assert!(status.contains("\nUid:\t1000\t1000\t1000\t1000\n") && status.contains("\nGroups:\t100 5 \n"));
    assert!(status.contains("\nSigCgt:\t0000000000000002\n"));
    let theirs = host("/proc/self/status");
    assert_within(&labels(&status), &labels(&theirs));
    let rss = |text: &str| text.lines().find(|l| l.starts_with("VmRSS")).map(str::len);
    assert_eq!(rss(&status), rss(&theirs));
}

#[test]
fn limits_have_linuxs_columns() {
    let ours = read(&mounted(), "/proc/42/limits");
    for (ours, theirs) in ours.lines().zip(host("/proc/self/limits").lines()) {
        assert_eq!((&ours[..26], &ours[68..]), (&theirs[..26], &theirs[68..]));
    }
    assert!(
        ours.contains("Max stack size            8388608              unlimited            bytes     \n")
    );
    assert_eq!(ours.lines().count(), 17);
}

#[test]
fn system_files() {
    let fake = mounted();
    let meminfo = read(&fake, "/proc/meminfo");
    assert!(meminfo.starts_with("MemTotal:          65536 kB\nMemFree:           32768 kB\n"));
    let common = |text: &str| -> Vec<String> {
        let absent = ["NFS_Unstable", "Bounce", "WritebackTmp"];
        labels(text).into_iter().filter(|l| !absent.contains(&l.as_str())).collect()
    };
    assert_within(&common(&meminfo)[..30], &common(&host("/proc/meminfo")));
    assert_eq!(read(&fake, "/proc/uptime"), "12.34 0.00\n");
    assert_eq!(read(&fake, "/proc/loadavg"), "1.00 0.50 0.00 0/2 0\n");
    assert_eq!(read(&fake, "/proc/version"), "Linux version 6.1.0 (ramet) #1 SMP\n");
    assert!(read(&fake, "/proc/stat").starts_with("cpu  0 0 0"));
    assert_eq!(read(&fake, "/proc/sys/vm/mmap_min_addr"), "65536\n");
    assert_eq!(read(&fake, "/sys/devices/system/cpu/online"), "0\n");
    assert_eq!(read(&fake, "/proc/sys/kernel/random/uuid").len(), 37);
}

#[test]
fn cpuinfo_agrees_with_the_host() {
    let (ours, theirs) = (read(&mounted(), "/proc/cpuinfo"), host("/proc/cpuinfo"));
    for label in ["vendor_id", "cpu family", "model", "model name", "stepping", "cache size", "clflush size"]
    {
        let line = |text: &str| {
            let with = text.lines().find(|l| l.split(':').next().is_some_and(|l| l.trim() == label));
            with.map(str::to_owned)
        };
        assert_eq!(line(&ours), line(&theirs));
    }
    let flags = |text: &str| -> Vec<String> {
        let line = text.lines().find(|l| l.starts_with("flags")).unwrap();
        line.split_once(": ").unwrap().1.split(' ').map(str::to_owned).collect()
    };
    let theirs = flags(&theirs);
    for flag in ["fpu", "sse2", "syscall", "lm", "fxsr"] {
        assert!(theirs.contains(&flag.to_owned()) && flags(&ours).contains(&flag.to_owned()));
    }
    let unknown: Vec<_> = flags(&ours).into_iter().filter(|f| !theirs.contains(f)).collect();
    // A kernel hides what it does not use; most must be known.
    assert!(unknown.len() <= 12, "{unknown:?}");
}

#[test]
fn mount_tables() {
    let fake = mounted();
    let world = &fake.world;
    world.caller().mkdir(&world.cwd(), b"a b", 0o755).unwrap();
    let place = world.caller().target(&world.cwd(), b"a b", 0).unwrap();
    let name = MountName { source: b"", file_system: b"tmpfs", flags: MS_RDONLY };
    let root = World::new(None).context.root.inode().clone();
    world.vfs.namespace.mount(root, &place, name).unwrap();
    let mounts = read(&fake, "/proc/mounts");
    assert_eq!(
        mounts,
        "root / ramet rw,relatime 0 0\nproc /proc proc rw,nodev,relatime 0 0\n\
         sys /sys sys rw,nodev,relatime 0 0\nnone /a\\040b tmpfs ro,relatime 0 0\n"
    );
    let info = read(&fake, "/proc/self/mountinfo");
    assert_eq!(info.lines().last(), Some("4 1 0:4 / /a\\040b ro,relatime - tmpfs none ro"));
}

#[test]
fn directories_and_links() {
    let fake = mounted();
    let world = &fake.world;
    let top = world.list("/proc").unwrap();
    for name in ["1", "42", "self", "meminfo", "sys"] {
        assert!(top.iter().any(|n| n == name), "{name}");
    }
    world.create("/file", b"text").unwrap();
    *fake.file.borrow_mut() = Some(world.open("/file", 2).unwrap());
    assert!(world.list("/proc/self/fd").unwrap().contains(&"7".to_owned()));
    assert_eq!(read(&fake, "/proc/self/fd/7"), "text");
    let info = read(&fake, "/proc/42/fdinfo/7");
    assert!(info.starts_with("pos:\t0\nflags:\t02000002\nmnt_id:\t1\nino:\t"), "{info}");
    assert_eq!(world.list("/proc/42/task").unwrap().len(), 4);
    assert!(!world.list("/proc/42/task/43").unwrap().contains(&"task".to_owned()));
    assert!(world.list("/proc/43/task").is_ok());
    for missing in ["/proc/77", "/proc/042", "/proc/self/fd/8", "/proc/self/exe", "/proc/99999999999"] {
        assert_eq!(world.open(missing, 0).err(), Some(Errno::ENOENT), "{missing}");
    }
}

#[test]
fn settings_are_written() {
    let fake = mounted();
    let world = &fake.world;
    let write = |path: &str, bytes: &[u8]| world.open(path, 1).and_then(|f| world.write(&f, bytes));
    assert_eq!(write("/proc/self/comm", b"a-very-long-program-name\n"), Ok(25));
    assert_eq!(read(&fake, "/proc/self/comm"), "a-very-long-pro\n");
    assert_eq!(write("/proc/sys/kernel/hostname", b"plant\n"), Ok(6));
    assert_eq!(read(&fake, "/proc/sys/kernel/hostname"), "plant\n");
    assert_eq!(write("/proc/self/oom_score_adj", b"x"), Err(Errno::EINVAL));
    assert!(write("/proc/self/oom_score_adj", b"5").is_err());
    assert!(write("/proc/meminfo", b"5").is_err());
    assert_eq!(read(&fake, "/proc/self/cmdline"), "prog\0arg\0");
}
