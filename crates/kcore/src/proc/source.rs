//! What the kernel tells procfs.

use super::cpu::CpuFacts;
use crate::errno::{Errno, Result};
use crate::exec::elf::Protection;
use crate::file::File;
use crate::fs::credentials::Credentials;
use crate::fs::mount::Mount;
use crate::fs::open_file::OpenFile;
use crate::fs::path::Path;
use crate::signal::SigSet;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// What a thread does, in the letters of proc(5).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum State {
    /// R.
    #[default]
    Running,
    /// S: waits and can be interrupted.
    Sleeping,
    /// D: waits and cannot.
    Waiting,
    /// T: stopped by a signal.
    Stopped,
    /// Z: ended, not yet waited for.
    Zombie,
}

impl State {
    /// The letter.
    pub const fn letter(self) -> char {
        match self {
            State::Running => 'R',
            State::Sleeping => 'S',
            State::Waiting => 'D',
            State::Stopped => 'T',
            State::Zombie => 'Z',
        }
    }
    /// The state with that letter.
    pub const fn of_letter(letter: u8) -> Option<State> {
        Some(match letter {
            b'R' => State::Running,
            b'S' => State::Sleeping,
            b'D' => State::Waiting,
            b'T' => State::Stopped,
            b'Z' => State::Zombie,
            _ => return None,
        })
    }
    /// The word behind the letter.
    pub const fn word(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Sleeping => "sleeping",
            State::Waiting => "disk sleep",
            State::Stopped => "stopped",
            State::Zombie => "zombie",
        }
    }
}

/// A process. Times in ns, sizes in bytes; [`ProcessFacts::new`] fills in what is zero for most.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ProcessFacts {
    pub parent: u32,
    pub group: u32,
    pub session: u32,
    /// Device number of the controlling terminal, 0: none.
    pub terminal: u64,
    /// Its foreground process group, -1: none.
    pub terminal_group: i32,
    pub credentials: Credentials,
    /// prctl(PR_SET_DUMPABLE): others with the same ids may look at its memory and descriptors.
    pub dumpable: bool,
    pub umask: u32,
    /// CLOCK_BOOTTIME at its start.
    pub started: u64,
    pub user_time: u64,
    pub system_time: u64,
    pub children_user_time: u64,
    pub children_system_time: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    pub threads: u32,
    pub pending: SigSet,
    pub ignored: SigSet,
    pub caught: SigSet,
    /// Queued signals and their limit.
    pub queued: (u64, u64),
    /// Soft and hard limits by resource number.
    pub limits: [(u64, u64); 16],
    pub descriptor_slots: u32,
    pub nice: i32,
    pub code: (u64, u64),
    pub data: (u64, u64),
    pub program_break: u64,
    /// The initial stack pointer.
    pub stack_start: u64,
    pub arguments: (u64, u64),
    pub environment: (u64, u64),
    pub exit_code: u32,
    pub oom_score_adjustment: i32,
    pub io: IoFacts,
}

impl ProcessFacts {
    /// A process with these credentials; everything else zero or unlimited.
    pub fn new(credentials: Credentials) -> ProcessFacts {
        ProcessFacts {
            parent: 0,
            group: 0,
            session: 0,
            terminal: 0,
            terminal_group: -1,
            credentials,
            dumpable: true,
            umask: 0,
            started: 0,
            user_time: 0,
            system_time: 0,
            children_user_time: 0,
            children_system_time: 0,
            minor_faults: 0,
            major_faults: 0,
            threads: 1,
            pending: SigSet::EMPTY,
            ignored: SigSet::EMPTY,
            caught: SigSet::EMPTY,
            queued: (0, 0),
            limits: [(u64::MAX, u64::MAX); 16],
            descriptor_slots: 64,
            nice: 0,
            code: (0, 0),
            data: (0, 0),
            program_break: 0,
            stack_start: 0,
            arguments: (0, 0),
            environment: (0, 0),
            exit_code: 0,
            oom_score_adjustment: 0,
            io: IoFacts::default(),
        }
    }
}

/// Counts of /proc/pid/io.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct IoFacts {
    pub read_bytes: u64,
    pub written_bytes: u64,
    pub read_calls: u64,
    pub write_calls: u64,
}

/// A thread.
#[derive(Clone, Default, Debug)]
#[allow(missing_docs)]
pub struct ThreadFacts {
    /// At most 15 bytes.
    pub name: Vec<u8>,
    pub state: State,
    pub started: u64,
    pub user_time: u64,
    pub system_time: u64,
    pub pending: SigSet,
    pub blocked: SigSet,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
}

/// What a process's memory takes, bytes.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct MemoryUse {
    pub size: u64,
    pub peak_size: u64,
    pub resident_anonymous: u64,
    pub resident_file: u64,
    pub resident_shared: u64,
    pub peak_resident: u64,
    pub locked: u64,
    pub data: u64,
    pub stack: u64,
    pub code: u64,
    pub libraries: u64,
    pub page_tables: u64,
}

impl MemoryUse {
    /// All resident bytes.
    pub const fn resident(&self) -> u64 {
        self.resident_anonymous + self.resident_file + self.resident_shared
    }
}

/// One line of /proc/pid/maps, and of smaps.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Mapping<'a> {
    pub start: u64,
    pub end: u64,
    pub protection: Protection,
    pub shared: bool,
    /// Offset in the file, bytes; 0 for anonymous memory.
    pub offset: u64,
    /// Device and inode number; 0: anonymous.
    pub device: u64,
    pub inode: u64,
    /// Path, `[heap]`, `[stack]`, `[vdso]` ...; empty: none.
    pub name: &'a [u8],
    pub resident: u64,
    /// Of the resident bytes: private copies and anonymous memory.
    pub anonymous: u64,
    pub locked: bool,
}

/// Which bytes of a process's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strings {
    /// cmdline.
    Arguments,
    /// environ.
    Environment,
    /// auxv.
    Auxiliary,
}

/// Which link of a process's directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// exe.
    Executable,
    /// cwd.
    Current,
    /// root.
    Root,
}

/// The VM's memory, bytes.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct MemoryFacts {
    pub total: u64,
    pub free: u64,
    pub available: u64,
    /// File pages in memory, tmpfs and memory files included.
    pub cached: u64,
    pub shared: u64,
    pub anonymous: u64,
    pub mapped: u64,
    pub kernel: u64,
    pub page_tables: u64,
    pub committed: u64,
}

/// The VM's counters.
#[derive(Clone, Copy, Default, Debug)]
#[allow(missing_docs)]
pub struct SystemFacts {
    /// CLOCK_BOOTTIME, ns.
    pub uptime: u64,
    pub idle: u64,
    pub user_time: u64,
    pub system_time: u64,
    /// CLOCK_REALTIME at boot, seconds.
    pub boot_time: u64,
    pub interrupts: u64,
    pub context_switches: u64,
    /// Processes and threads started since boot.
    pub started: u64,
    pub runnable: u32,
    pub threads: u32,
    pub last_pid: u32,
    /// Load averages times 2048 (`FSHIFT`).
    pub load: [u64; 3],
}

/// A table of `/proc/net`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InetTable {
    /// Stream sockets of AF_INET.
    Tcp = 0,
    /// Stream sockets of AF_INET6.
    Tcp6 = 1,
    /// Datagram sockets of AF_INET.
    Udp = 2,
    /// Datagram sockets of AF_INET6.
    Udp6 = 3,
}

/// Facts about processes and the system. Nothing blocks.
pub trait Source {
    /// Ids of all processes, ascending.
    fn processes(&self) -> Vec<u32>;
    /// Process and thread id of the caller.
    fn current(&self) -> (u32, u32);
    /// The process that a thread id belongs to.
    fn process_of(&self, tid: u32) -> Option<u32>;
    /// A process; none: gone.
    fn process(&self, pid: u32) -> Option<ProcessFacts>;
    /// Ids of its threads, ascending.
    fn threads(&self, pid: u32) -> Vec<u32>;
    /// One of its threads.
    fn thread(&self, pid: u32, tid: u32) -> Option<ThreadFacts>;
    /// What its memory takes.
    fn memory_use(&self, pid: u32) -> MemoryUse;
    /// Calls `each` for its mappings in ascending order.
    fn mappings(&self, pid: u32, each: &mut dyn FnMut(&Mapping<'_>));
    /// Internet sockets, as `/proc/net` shows them.
    fn inet_table(&self, table: InetTable) -> Vec<u8> {
        let _ = table;
        Vec::new()
    }
    /// Whether the caller may look at its memory, its descriptors and its places (ptrace(2), PTRACE_MODE_READ_FSCREDS).
    fn may_look(&self, pid: u32) -> bool {
        let _ = pid;
        true
    }
    /// Bytes of its memory, as far as they can be read.
    fn strings(&self, pid: u32, which: Strings) -> Vec<u8>;
    /// Its memory as a file, offsets being addresses (/proc/pid/mem).
    ///
    /// # Errors
    /// EACCES: it cannot be read that way.
    fn memory_file(&self, pid: u32) -> Result<Rc<dyn File>> {
        let _ = pid;
        Err(Errno::EACCES)
    }
    /// Where its links lead; none: nowhere.
    fn place(&self, pid: u32, which: Place) -> Option<Path>;
    /// Its open descriptors, ascending.
    fn descriptors(&self, pid: u32) -> Vec<u32>;
    /// One of them, and whether it is closed on exec.
    fn descriptor(&self, pid: u32, fd: u32) -> Option<(Rc<OpenFile>, bool)>;
    /// Names a thread, at most 15 bytes.
    ///
    /// # Errors
    /// ESRCH.
    fn set_name(&self, pid: u32, tid: u32, name: &[u8]) -> Result<()>;
    /// /proc/pid/oom_score_adj, -1000 to 1000.
    ///
    /// # Errors
    /// ESRCH.
    fn set_oom_score_adjustment(&self, pid: u32, value: i32) -> Result<()> {
        let _ = (pid, value);
        Err(Errno::EACCES)
    }
    /// The mount table.
    fn mounts(&self) -> Vec<Rc<Mount>>;
    /// The VM's memory.
    fn memory(&self) -> MemoryFacts;
    /// The VM's counters.
    fn system(&self) -> SystemFacts;
    /// The processor.
    fn cpu(&self) -> CpuFacts;
    /// uname(2): release, such as "6.1.0".
    fn release(&self) -> Vec<u8>;
    /// uname(2): version, such as "#1 SMP Ramet 0.1.0".
    fn version(&self) -> Vec<u8>;
    /// The host name.
    fn host_name(&self) -> Vec<u8>;
    /// Sets it.
    ///
    /// # Errors
    /// EPERM.
    fn set_host_name(&self, name: &[u8]) -> Result<()>;
    /// A UUID as text: `boot`: the same until the VM becomes another one.
    fn uuid(&self, boot: bool) -> [u8; 36];
}
