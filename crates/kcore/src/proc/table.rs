//! Which files there are.

use super::process::{self, Content};
use super::source::{InetTable, Place, Source};
use super::{settings, status, system};
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// A file or directory that is always there.
pub(super) struct Entry {
    pub name: &'static str,
    /// Permission bits.
    pub mode: u32,
    pub kind: Kind,
}

type Make = fn(&dyn Source) -> Vec<u8>;

/// What it is.
pub(super) enum Kind {
    Directory(&'static [Entry]),
    /// The root of procfs: these, and a directory for each process.
    Processes(&'static [Entry]),
    File(Make),
    Fixed(&'static str),
    /// A file that can be written.
    Setting(Make, fn(&dyn Source, &[u8]) -> Result<()>),
    Link(Make),
}

/// An entry with the permissions that Linux gives to its kind.
pub(super) const fn entry(name: &'static str, kind: Kind) -> Entry {
    let mode = match kind {
        Kind::Directory(_) | Kind::Processes(_) => 0o555,
        Kind::File(_) | Kind::Fixed(_) => 0o444,
        Kind::Setting(..) => 0o644,
        Kind::Link(_) => 0o777,
    };
    Entry { name, mode, kind }
}

/// A process, or one of its threads below task/.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Id {
    pub pid: u32,
    pub tid: Option<u32>,
}

impl Id {
    /// The thread that the files of this directory are about.
    pub fn thread(&self) -> u32 {
        self.tid.unwrap_or(self.pid)
    }
}

/// A file of a task's directory.
pub(super) struct TaskEntry {
    pub name: &'static str,
    pub mode: u32,
    pub kind: TaskKind,
}

/// What it is.
pub(super) enum TaskKind {
    File(fn(&dyn Source, Id) -> Content),
    Setting(fn(&dyn Source, Id) -> Content, fn(&dyn Source, Id, &[u8]) -> Result<()>),
    Fixed(&'static str),
    Place(Place),
    /// fd/.
    Descriptors,
    /// fdinfo/.
    DescriptorInfo,
    /// mem.
    Memory,
    /// task/: not in a thread's own directory.
    Threads,
    /// net/: the same for all.
    Net,
    /// ns/: symbolic links with names that say that all processes are in the same name spaces.
    NameSpaces,
}

impl TaskEntry {
    /// Only who may look at the process's memory gets to see it.
    pub fn is_private(&self) -> bool {
        let is_link = matches!(self.kind, TaskKind::Place(_) | TaskKind::Descriptors | TaskKind::Memory);
        let is_memory = ["auxv", "environ", "io", "maps", "smaps", "smaps_rollup"].contains(&self.name);
        is_link || is_memory || matches!(self.kind, TaskKind::NameSpaces)
    }
}

const fn file(name: &'static str, mode: u32, make: fn(&dyn Source, Id) -> Content) -> TaskEntry {
    TaskEntry { name, mode, kind: TaskKind::File(make) }
}
const fn fixed(name: &'static str, text: &'static str) -> TaskEntry {
    TaskEntry { name, mode: 0o444, kind: TaskKind::Fixed(text) }
}
const fn other(name: &'static str, mode: u32, kind: TaskKind) -> TaskEntry {
    TaskEntry { name, mode, kind }
}

/// A number that was written as text.
fn number(bytes: &[u8]) -> Result<i32> {
    core::str::from_utf8(bytes).ok().and_then(|s| s.trim().parse().ok()).ok_or(Errno::EINVAL)
}

fn set_comm(source: &dyn Source, id: Id, bytes: &[u8]) -> Result<()> {
    let name = bytes.split(|&b| b == b'\n' || b == 0).next().unwrap_or(&[]);
    source.set_name(id.pid, id.thread(), &name[..name.len().min(15)])
}

fn set_oom(source: &dyn Source, id: Id, bytes: &[u8]) -> Result<()> {
    let value = number(bytes)?;
    if !(-1000..=1000).contains(&value) {
        return Err(Errno::EINVAL);
    }
    source.set_oom_score_adjustment(id.pid, value)
}

pub(super) static TASK: [TaskEntry; 40] = [
    file("auxv", 0o400, process::auxv),
    fixed("cgroup", "0::/\n"),
    file("cmdline", 0o444, process::cmdline),
    other("comm", 0o644, TaskKind::Setting(process::comm, set_comm)),
    fixed("coredump_filter", "00000033\n"),
    fixed("cpuset", "/\n"),
    other("cwd", 0o777, TaskKind::Place(Place::Current)),
    file("environ", 0o400, process::environ),
    other("exe", 0o777, TaskKind::Place(Place::Executable)),
    other("fd", 0o500, TaskKind::Descriptors),
    other("fdinfo", 0o555, TaskKind::DescriptorInfo),
    fixed("gid_map", "         0          0 4294967295\n"),
    file("io", 0o400, process::io),
    file("limits", 0o444, process::limits),
    fixed("loginuid", "4294967295"),
    file("maps", 0o444, process::maps),
    other("mem", 0o600, TaskKind::Memory),
    file("mountinfo", 0o444, process::mountinfo),
    file("mounts", 0o444, process::mounts),
    other("net", 0o555, TaskKind::Net),
    other("ns", 0o511, TaskKind::NameSpaces),
    file("oom_score", 0o444, process::oom_score),
    other("oom_score_adj", 0o644, TaskKind::Setting(process::oom_score_adj, set_oom)),
    fixed("personality", "00000000\n"),
    other("root", 0o777, TaskKind::Place(Place::Root)),
    file("sched", 0o444, process::sched),
    file("schedstat", 0o444, process::schedstat),
    fixed("sessionid", "4294967295"),
    fixed("setgroups", "allow\n"),
    file("smaps", 0o444, process::smaps),
    file("smaps_rollup", 0o444, process::smaps_rollup),
    file("stat", 0o444, process::stat),
    file("statm", 0o444, process::statm),
    file("status", 0o444, status::status),
    fixed("syscall", "running\n"),
    other("task", 0o555, TaskKind::Threads),
    fixed("timens_offsets", "monotonic           0         0\nboottime            0         0\n"),
    fixed("timerslack_ns", "50000\n"),
    fixed("uid_map", "         0          0 4294967295\n"),
    fixed("wchan", "0"),
];

/// Links of ns/ with the inode numbers of Linux's initial name spaces.
pub(super) static NAME_SPACES: [(&str, &str); 8] = [
    ("cgroup", "cgroup:[4026531835]"),
    ("ipc", "ipc:[4026531839]"),
    ("mnt", "mnt:[4026531841]"),
    ("net", "net:[4026531840]"),
    ("pid", "pid:[4026531836]"),
    ("time", "time:[4026531834]"),
    ("user", "user:[4026531837]"),
    ("uts", "uts:[4026531838]"),
];

pub(super) static ROOT: Entry = Entry { name: "", mode: 0o555, kind: Kind::Processes(&TOP) };

/// net/ of each process.
pub(super) static NET_DIRECTORY: Entry = entry("net", Kind::Directory(&NET));

/// What `lo` has, and the internet sockets.
static NET: [Entry; 7] = [
    entry("dev", Kind::Fixed(DEVICES)),
    entry("if_inet6", Kind::Fixed("00000000000000000000000000000001 01 80 10 80       lo\n")),
    entry(
        "route",
        Kind::Fixed(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n",
        ),
    ),
    entry("tcp", Kind::File(|source| source.inet_table(InetTable::Tcp))),
    entry("tcp6", Kind::File(|source| source.inet_table(InetTable::Tcp6))),
    entry("udp", Kind::File(|source| source.inet_table(InetTable::Udp))),
    entry("udp6", Kind::File(|source| source.inet_table(InetTable::Udp6))),
];

/// No packets, no counts.
const DEVICES: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0
";

static TOP: [Entry; 21] = [
    entry("cmdline", Kind::Fixed("ramet\n")),
    entry("cpuinfo", Kind::File(system::cpuinfo)),
    entry(
        "devices",
        Kind::Fixed(
            "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n",
        ),
    ),
    entry("diskstats", Kind::Fixed("")),
    entry(
        "filesystems",
        Kind::Fixed("nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tdevpts\n\terofs\n"),
    ),
    // No interrupt controller, no lines: what goes on outside comes as events.
    entry("interrupts", Kind::Fixed("           CPU0       \n")),
    entry("loadavg", Kind::File(system::loadavg)),
    entry("meminfo", Kind::File(system::meminfo)),
    entry("modules", Kind::Fixed("")),
    entry("mounts", Kind::Link(|_| b"self/mounts".to_vec())),
    entry("net", Kind::Link(|_| b"self/net".to_vec())),
    entry("partitions", Kind::Fixed("major minor  #blocks  name\n\n")),
    entry("self", Kind::Link(system::current_process)),
    entry("stat", Kind::File(system::stat)),
    entry("swaps", Kind::Fixed("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")),
    entry("sys", Kind::Directory(&settings::SYS)),
    entry("thread-self", Kind::Link(system::current_thread)),
    entry("tty", Kind::Directory(&[])),
    entry("uptime", Kind::File(system::uptime)),
    entry("version", Kind::File(system::version)),
    entry("vmstat", Kind::File(system::vmstat)),
];
