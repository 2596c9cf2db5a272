//! A process: what its threads share. What POSIX copies at a fork (descriptor table, directories, dispositions, limits) is
//! in types that can be copied one by one; what it shares (open file descriptions, inodes, pipes) is behind their `Rc`s.

use super::thread::{State, Thread};
use crate::global::Global;
use crate::mm::AddressSpace;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::fd_table::FdTable;
use ramet_kcore::fs::ops::FsContext;
use ramet_kcore::signal::action::Dispositions;
use ramet_kcore::signal::pending::{self, Queue};
use ramet_kcore::wait::WaitQueue;

/// One resource limit, getrlimit(2).
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// What is enforced.
    pub soft: u64,
    /// How far an unprivileged process may raise it.
    pub hard: u64,
}

/// No limit.
pub const UNLIMITED: u64 = u64::MAX;
/// RLIMIT_NPROC of a new VM.
pub const NPROC_DEFAULT: u64 = 16384;
/// Number of limits.
pub const LIMITS: usize = 16;
/// Resource numbers (getrlimit(2)).
pub mod resource {
    /// CPU time, seconds.
    pub const CPU: usize = 0;
    /// Bytes of a file.
    pub const FSIZE: usize = 1;
    /// Bytes of data segment.
    pub const DATA: usize = 2;
    /// Bytes of the main stack.
    pub const STACK: usize = 3;
    /// Threads of the user.
    pub const NPROC: usize = 6;
    /// Descriptors.
    pub const NOFILE: usize = 7;
    /// Locked memory.
    pub const MEMLOCK: usize = 8;
    /// Address space.
    pub const AS: usize = 9;
    /// Queued signals.
    pub const SIGPENDING: usize = 11;
    /// Lowest nice value: 20 minus it.
    pub const NICE: usize = 13;
}

/// What a process has read and written (`struct task_io_accounting` of Linux).
#[derive(Default)]
#[allow(missing_docs)]
pub struct Transferred {
    pub read_calls: Cell<u64>,
    pub read_bytes: Cell<u64>,
    pub write_calls: Cell<u64>,
    pub written_bytes: Cell<u64>,
}

impl Transferred {
    /// A fork's child starts with nothing.
    pub fn forget(&self) {
        for count in [&self.read_calls, &self.read_bytes, &self.write_calls, &self.written_bytes] {
            count.set(0);
        }
    }

    /// For /proc.
    pub fn facts(&self) -> ramet_kcore::proc::source::IoFacts {
        ramet_kcore::proc::source::IoFacts {
            read_bytes: self.read_bytes.get(),
            written_bytes: self.written_bytes.get(),
            read_calls: self.read_calls.get(),
            write_calls: self.write_calls.get(),
        }
    }
}

/// A process.
pub struct Process {
    /// Itself, for those who must not keep it alive.
    pub me: Weak<Process>,
    /// Process id; also the id of its first thread.
    pub pid: Cell<i32>,
    /// All its threads, the first one first.
    pub threads: RefCell<Vec<Rc<Thread>>>,
    /// Told whenever a thread has ended.
    pub thread_ended: WaitQueue,
    /// Who its parent and children are.
    pub family: super::family::Ties,
    /// Its memory.
    pub space: Rc<RefCell<AddressSpace>>,
    /// Its descriptors.
    pub files: RefCell<FdTable>,
    /// Its directories and umask: clone(2)'s CLONE_FS.
    pub context: RefCell<FsContext>,
    /// sigaction(2).
    pub dispositions: RefCell<Dispositions>,
    /// Signals sent to the process.
    pub pending: RefCell<Queue>,
    /// RLIMIT_SIGPENDING.
    pub signal_limit: pending::Limit,
    /// getrlimit(2).
    pub limits: RefCell<[Limit; LIMITS]>,
    /// Wait status once the process is ending.
    pub exiting: Cell<Option<u32>>,
    /// Stopped by a job control signal.
    pub stopped: Cell<bool>,
    /// The executable.
    pub executable: RefCell<Option<super::exec::Executable>>,
    /// Where argv, envp and auxv lie in its memory, for /proc.
    pub layout: RefCell<Option<ramet_kcore::exec::stack::StackImage>>,
    /// Interval timers, POSIX timers.
    pub timers: super::itimer::ProcessTimers,
    /// PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS ...
    pub dumpable: Cell<bool>,
    /// No new privileges.
    pub no_new_privileges: Cell<bool>,
    /// PR_SET_THP_DISABLE.
    pub small_pages: Cell<bool>,
    /// prctl(PR_SET_PDEATHSIG).
    pub parent_death_signal: Cell<i32>,
    /// prctl(PR_SET_CHILD_SUBREAPER).
    pub subreaper: Cell<bool>,
    /// membarrier(2)'s registrations.
    pub barriers: Cell<u32>,
    /// What it has read and written.
    pub transferred: Transferred,
    /// CPU time of threads that have ended, ns.
    pub ended_cpu_time: Cell<u64>,
    /// When it started, CLOCK_BOOTTIME ns.
    pub started: Cell<u64>,
    /// Process group and session.
    pub group: Cell<i32>,
    /// Session.
    pub session: Cell<i32>,
}

static ALL: Global<RefCell<Vec<Rc<Process>>>> = Global::new(RefCell::new(Vec::new()));
static NEXT_ID: Global<Cell<i32>> = Global::new(Cell::new(0));
/// Ids are below this (Linux: `pid_max` on 64-bit systems).
const ID_MAX: i32 = 4_000_000;

/// The process that the VM was made for.
pub fn first() -> Option<Rc<Process>> {
    ALL.borrow().first().cloned()
}

/// Registers the VM's process.
pub fn set_first(process: Rc<Process>) {
    NEXT_ID.set(process.pid.get() + 1);
    add(process);
}

/// All processes in the VM, the first one first; those that have ended are among them until they have been waited for.
pub fn all() -> Vec<Rc<Process>> {
    ALL.borrow().clone()
}

/// Registers a process.
pub fn add(process: Rc<Process>) {
    ALL.borrow_mut().push(process);
}

/// Nobody will ask for the process any more.
pub fn remove(process: &Process) {
    let mut all = ALL.borrow_mut();
    let at = all.iter().position(|other| core::ptr::eq(&**other, process));
    let removed = at.map(|at| all.remove(at));
    drop(all);
    drop(removed);
}

/// In the child of a fork: `process` is the VM's only one. Gives what the others had open, to be dropped when the child can
/// speak for itself. (Their threads' stacks hold on to them for ever.)
pub fn forget_others(process: &Process) -> Vec<FdTable> {
    let others =
        ALL.borrow_mut().extract_if(.., |other| !core::ptr::eq(&**other, process)).collect::<Vec<_>>();
    for thread in others.iter().flat_map(|other| other.threads.take()) {
        // Whatever it waits for must not wake it here.
        thread.state.set(State::Dead);
    }
    others.iter().map(|other| other.files.replace(FdTable::new())).collect()
}

/// The process with that id.
pub fn find(pid: i32) -> Option<Rc<Process>> {
    ALL.borrow().iter().find(|process| process.pid.get() == pid).cloned()
}

/// The thread with that id, of whichever process.
pub fn find_thread(tid: i32) -> Option<Rc<Thread>> {
    ALL.borrow().iter().find_map(|process| process.thread(tid))
}

/// The process with that id, or with a thread of that id.
pub fn of_id(id: i32) -> Option<Rc<Process>> {
    find(id).or_else(|| find_thread(id).map(|thread| thread.process.clone()))
}

/// Processes of a process group.
pub fn group(group: i32) -> Vec<Rc<Process>> {
    ALL.borrow().iter().filter(|process| process.group.get() == group).cloned().collect()
}

/// An id that no thread, process, process group or session in the VM has.
pub fn unused_id() -> i32 {
    let is_used = |id: i32| {
        let all = ALL.borrow();
        all.iter()
            .any(|p| [p.pid.get(), p.group.get(), p.session.get()].contains(&id) || p.thread(id).is_some())
    };
    loop {
        let id = NEXT_ID.get();
        let lowest = first().map_or(1, |process| process.pid.get() + 1);
        NEXT_ID.set(if id >= ID_MAX { lowest } else { id + 1 });
        if !is_used(id) {
            return id;
        }
    }
}

static SPACE: Global<RefCell<Option<Rc<RefCell<AddressSpace>>>>> = Global::new(RefCell::new(None));

/// The address space that the page tables show.
///
/// # Panics
/// Before the first process.
pub fn current_space() -> Rc<RefCell<AddressSpace>> {
    SPACE.borrow().clone().expect("a process exists")
}

/// Makes `space` the one that the page tables show.
pub fn activate(space: &Rc<RefCell<AddressSpace>>) {
    SPACE.replace(Some(space.clone()));
}

impl Process {
    /// A process without threads.
    pub fn new(pid: i32, space: AddressSpace, context: FsContext, files: FdTable) -> Rc<Process> {
        Process::with_space(pid, Rc::new(RefCell::new(space)), context, files)
    }

    /// A process without threads in an address space that may be another's.
    pub fn with_space(
        pid: i32,
        space: Rc<RefCell<AddressSpace>>,
        context: FsContext,
        files: FdTable,
    ) -> Rc<Process> {
        Rc::new_cyclic(|me| Process {
            me: me.clone(),
            pid: Cell::new(pid),
            threads: RefCell::new(Vec::new()),
            thread_ended: WaitQueue::new(),
            family: super::family::Ties::new(),
            space,
            files: RefCell::new(files),
            context: RefCell::new(context),
            dispositions: RefCell::new(Dispositions::new()),
            pending: RefCell::new(Queue::new()),
            signal_limit: pending::Limit::new(16384),
            limits: RefCell::new(default_limits()),
            exiting: Cell::new(None),
            stopped: Cell::new(false),
            executable: RefCell::new(None),
            layout: RefCell::new(None),
            timers: super::itimer::ProcessTimers::new(),
            dumpable: Cell::new(true),
            no_new_privileges: Cell::new(false),
            small_pages: Cell::new(false),
            parent_death_signal: Cell::new(0),
            subreaper: Cell::new(false),
            barriers: Cell::new(0),
            transferred: Transferred::default(),
            ended_cpu_time: Cell::new(0),
            started: Cell::new(super::time::boottime()),
            group: Cell::new(pid),
            session: Cell::new(pid),
        })
    }

    /// A child that is to share this process's memory: its own copy of all else. Without threads.
    pub fn vfork(&self, pid: i32) -> Rc<Process> {
        Rc::new_cyclic(|me| Process {
            me: me.clone(),
            pid: Cell::new(pid),
            threads: RefCell::new(Vec::new()),
            thread_ended: WaitQueue::new(),
            family: super::family::Ties::new(),
            space: self.space.clone(),
            files: RefCell::new(self.files.borrow().clone()),
            context: RefCell::new(self.context.borrow().clone()),
            dispositions: RefCell::new(self.dispositions.borrow().clone()),
            pending: RefCell::new(Queue::new()),
            signal_limit: pending::Limit::new(self.limit(resource::SIGPENDING)),
            limits: RefCell::new(*self.limits.borrow()),
            exiting: Cell::new(None),
            stopped: Cell::new(false),
            executable: RefCell::new(self.executable.borrow().as_ref().map(super::exec::Executable::again)),
            layout: RefCell::new(self.layout.borrow().clone()),
            timers: super::itimer::ProcessTimers::new(),
            dumpable: Cell::new(self.dumpable.get()),
            no_new_privileges: Cell::new(self.no_new_privileges.get()),
            small_pages: Cell::new(self.small_pages.get()),
            parent_death_signal: Cell::new(0),
            subreaper: Cell::new(false),
            barriers: Cell::new(self.barriers.get()),
            transferred: Transferred::default(),
            ended_cpu_time: Cell::new(0),
            started: Cell::new(super::time::boottime()),
            group: Cell::new(self.group.get()),
            session: Cell::new(self.session.get()),
        })
    }

    /// Parent's process id; 0 for a process without one.
    pub fn parent_pid(&self) -> i32 {
        match self.family.parent() {
            Some(parent) => parent.pid.get(),
            None => self.family.parent_elsewhere.get(),
        }
    }

    /// Takes a new process id after the VM has become a clone. Thread ids stay: libraries keep copies of them in their
    /// own memory and in locked mutexes.
    pub fn renumber(&self, new: i32) {
        let old = self.pid.replace(new);
        for id in [&self.group, &self.session] {
            if id.get() == old {
                id.set(new);
            }
        }
    }

    /// In the child of a fork: its own process id, in its parent's group and session.
    pub fn renumber_child(&self, pid: i32) {
        self.pid.set(pid);
        NEXT_ID.set(pid + 1);
    }

    /// An unused thread id.
    ///
    /// # Errors
    /// EAGAIN when there are too many threads.
    pub fn new_tid(&self) -> Result<i32> {
        if self.threads.borrow().len() >= 16384 {
            return Err(Errno::EAGAIN);
        }
        super::family::elsewhere().new_pid()
    }

    /// The thread with that id.
    pub fn thread(&self, tid: i32) -> Option<Rc<Thread>> {
        self.threads.borrow().iter().find(|thread| thread.tid.get() == tid).cloned()
    }

    /// Ends the process by signal `signal`, whatever its dispositions.
    pub fn kill(&self, signal: i32) {
        super::exit::end_process(self, signal as u32);
    }

    /// A resource limit's soft value.
    pub fn limit(&self, resource: usize) -> u64 {
        self.limits.borrow()[resource].soft
    }

    /// A resource limit's hard value.
    pub fn hard_limit(&self, resource: usize) -> u64 {
        self.limits.borrow()[resource].hard
    }

    /// CPU time of all threads, ns.
    pub fn cpu_time(&self) -> u64 {
        self.ended_cpu_time.get()
            + self.threads.borrow().iter().map(|thread| thread.cpu_time_now()).sum::<u64>()
    }
}

/// What a process starts with on a Debian system, except that nothing is enforced that the VM itself bounds.
fn default_limits() -> [Limit; LIMITS] {
    let unlimited = Limit { soft: UNLIMITED, hard: UNLIMITED };
    let mut limits = [unlimited; LIMITS];
    limits[resource::STACK].soft = 8 << 20;
    limits[4] = Limit { soft: 0, hard: UNLIMITED }; // core dumps
    limits[resource::NPROC] = Limit { soft: NPROC_DEFAULT, hard: NPROC_DEFAULT };
    limits[resource::NOFILE] = Limit { soft: 1024, hard: 1 << 20 };
    limits[resource::MEMLOCK] = Limit { soft: 8 << 20, hard: 8 << 20 };
    limits[resource::SIGPENDING] = Limit { soft: 16384, hard: 16384 };
    limits[12] = Limit { soft: 819_200, hard: 819_200 }; // message queues
    limits[13] = Limit { soft: 0, hard: 0 }; // nice
    limits[14] = Limit { soft: 0, hard: 0 }; // real-time priority
    limits
}
