//! The process table.

use crate::client::ClientId;
use ramet_kcore::errno::{Errno, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Largest pid (PID_MAX_LIMIT of 64-bit Linux).
const PID_MAX: i32 = 1 << 22;
/// Where pids begin again (RESERVED_PIDS of Linux).
const PID_AGAIN: i32 = 300;

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User time, ns.
    pub user: u64,
    /// System time, ns.
    pub system: u64,
    /// Maximum resident set, KiB.
    pub resident: u64,
    /// Page faults that needed no input.
    pub faults: u64,
}

impl Usage {
    /// Both together, as getrusage(2) adds.
    pub fn and(self, other: Usage) -> Usage {
        Usage {
            user: self.user.saturating_add(other.user),
            system: self.system.saturating_add(other.system),
            resident: self.resident.max(other.resident),
            faults: self.faults.saturating_add(other.faults),
        }
    }
}

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has a VM, and may run.
    Running,
    /// It has a VM, and does not run.
    Stopped,
    /// It is over with that wait status; nobody has waited for it.
    Zombie(i32),
}

/// Something to tell wait(2) once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It was stopped by that signal.
    Stopped(u32),
    /// It was continued.
    Continued,
}

/// Real, effective and saved user id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserIds {
    /// Real.
    pub real: u32,
    /// Effective.
    pub effective: u32,
    /// Saved.
    pub saved: u32,
}

/// A process. What fork(2) does not copy is made anew in [`Process::child`].
#[derive(Clone, Debug)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent; 0: nobody.
    pub parent: i32,
    /// Process group.
    pub group: i32,
    /// Session of processes (setsid(2)).
    pub session: i32,
    /// Children, the oldest first.
    pub children: Vec<i32>,
    /// State.
    pub state: State,
    /// What wait(2) has not been told.
    pub news: Option<News>,
    /// Of this process.
    pub usage: Usage,
    /// Of the children that it has waited for.
    pub children_usage: Usage,
    /// Sent to the parent at the end; 0: none.
    pub exit_signal: u32,
    /// It ignores SIGCHLD, or has set SA_NOCLDWAIT.
    pub children_vanish: bool,
    /// SA_NOCLDSTOP.
    pub no_stop_signals: bool,
    /// User ids.
    pub ids: UserIds,
    /// Name (comm).
    pub name: Vec<u8>,
    /// Command line.
    pub command: Vec<u8>,
    /// It has executed a program since it was forked.
    pub executed: bool,
    /// PR_SET_CHILD_SUBREAPER.
    pub subreaper: bool,
    /// PR_SET_PDEATHSIG.
    pub death_signal: u32,
    /// CLOCK_BOOTTIME, ns.
    pub started: u64,
    /// Its VM, until it is over.
    pub client: Option<ClientId>,
    /// Blocks of ids for threads, in order: the first and how many.
    pub threads: Vec<(i32, i32)>,
    /// Who had reserved its pid; 0: nobody.
    pub number_of: i32,
    /// Processes in its VM that are in another group or session than it is.
    pub lodgers: Vec<Lodger>,
}

/// A process that shares its parent's VM and is somewhere else among groups and sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lodger {
    /// Its id, one of those that its host has reserved.
    pub pid: i32,
    /// Process group.
    pub group: i32,
    /// Session.
    pub session: i32,
}

impl Process {
    fn first(pid: i32) -> Self {
        Self {
            pid,
            parent: 0,
            group: pid,
            session: pid,
            children: Vec::new(),
            state: State::Running,
            news: None,
            usage: Usage::default(),
            children_usage: Usage::default(),
            exit_signal: libc::SIGCHLD as u32,
            children_vanish: false,
            no_stop_signals: false,
            ids: UserIds::default(),
            name: Vec::new(),
            command: Vec::new(),
            executed: false,
            subreaper: false,
            death_signal: 0,
            started: crate::sys::clock(libc::CLOCK_BOOTTIME),
            client: None,
            threads: Vec::new(),
            number_of: 0,
            lodgers: Vec::new(),
        }
    }

    /// What fork(2) makes of it.
    pub fn child(&self, pid: i32, parent: i32, exit_signal: u32) -> Self {
        Self {
            children_vanish: self.children_vanish,
            no_stop_signals: self.no_stop_signals,
            parent,
            group: self.group,
            session: self.session,
            exit_signal,
            ids: self.ids,
            name: self.name.clone(),
            command: self.command.clone(),
            ..Self::first(pid)
        }
    }

    /// What it does with SIGCHLD. Bit 0: its children vanish; bit 1: it is not told of stops.
    pub(super) fn heed_children(&mut self, bits: u64) {
        self.children_vanish = bits & 1 != 0;
        self.no_stop_signals = bits & 2 != 0;
    }

    /// Whether it has reserved that number for a thread.
    pub fn has_thread(&self, number: i32) -> bool {
        self.block_of(number).is_some()
    }

    /// The process with that number in its VM, if it is somewhere else than this one.
    pub fn lodger(&self, pid: i32) -> Option<Lodger> {
        self.lodgers.iter().find(|lodger| lodger.pid == pid).copied()
    }

    /// A number that it has reserved becomes another process's.
    pub(super) fn give_up_thread(&mut self, number: i32) {
        if let Some(at) = self.block_of(number) {
            let (first, count) = self.threads[at];
            let parts = [(first, number - first), (number + 1, first + count - number - 1)];
            self.threads.splice(at..=at, parts.into_iter().filter(|(_, count)| *count > 0));
        }
    }

    /// It has reserved `count` numbers more.
    pub(super) fn add_threads(&mut self, first: i32, count: i32) {
        let at = self.threads.partition_point(|block| block.0 < first);
        self.threads.insert(at, (first, count));
    }

    /// Of the numbers that it has reserved it keeps these.
    pub(super) fn keep_threads(&mut self, used: &BTreeSet<i32>) {
        let mut kept: Vec<(i32, i32)> = Vec::new();
        for &number in used.iter().filter(|number| self.has_thread(**number)) {
            match kept.last_mut() {
                Some((first, count)) if *first + *count == number => *count += 1,
                _ => kept.push((number, 1)),
            }
        }
        self.threads = kept;
        self.lodgers.retain(|lodger| used.contains(&lodger.pid));
    }

    /// How many numbers it has reserved.
    pub(super) fn thread_numbers(&self) -> usize {
        self.threads.iter().map(|(_, count)| *count as usize).sum()
    }

    fn block_of(&self, number: i32) -> Option<usize> {
        let at = self.threads.partition_point(|block| block.0 <= number).checked_sub(1)?;
        let (first, count) = self.threads[at];
        (number - first < count).then_some(at)
    }

    /// Whether it is a zombie.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, State::Zombie(_))
    }
}

/// All processes.
#[derive(Debug)]
pub struct Table {
    all: BTreeMap<i32, Process>,
    /// The session's first process.
    pub first: i32,
    next: i32,
    /// Most processes, zombies included.
    pub most: usize,
    /// Whether anything has been forked yet.
    pub forked: bool,
    /// The first process is over: there are no more forks.
    pub ending: bool,
}

impl Table {
    /// The first process alone.
    pub fn new(first: i32, most: usize) -> Self {
        let all = BTreeMap::from([(first, Process::first(first))]);
        Self { all, first, next: first, most, forked: false, ending: false }
    }

    /// The process.
    ///
    /// # Errors
    /// ESRCH.
    pub fn get(&self, pid: i32) -> Result<&Process> {
        self.all.get(&pid).ok_or(Errno::ESRCH)
    }

    /// The process.
    ///
    /// # Errors
    /// ESRCH.
    pub fn get_mut(&mut self, pid: i32) -> Result<&mut Process> {
        self.all.get_mut(&pid).ok_or(Errno::ESRCH)
    }

    /// All processes, in the order of their pids.
    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.all.values()
    }

    /// How many, zombies included.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Pids of the members of a group.
    pub fn members(&self, group: i32) -> Vec<i32> {
        self.iter().filter(|process| process.group == group).map(|process| process.pid).collect()
    }

    /// Members of a group that share the VM of one who is in another: the pids of their hosts, and theirs.
    pub fn lodgers_of(&self, group: i32) -> Vec<(i32, i32)> {
        let of = |host: &Process| {
            let inside = host.lodgers.iter().filter(|lodger| lodger.group == group);
            inside.map(|lodger| (host.pid, lodger.pid)).collect::<Vec<_>>()
        };
        self.iter().flat_map(of).collect()
    }

    /// A new process, the youngest of its parent's children.
    pub(super) fn add(&mut self, process: Process) {
        if let Some(parent) = self.all.get_mut(&process.parent) {
            parent.children.push(process.pid);
        }
        self.all.insert(process.pid, process);
    }

    /// Forgets a process.
    pub(super) fn remove(&mut self, pid: i32) -> Option<Process> {
        let process = self.all.remove(&pid)?;
        if let Some(parent) = self.all.get_mut(&process.parent) {
            parent.children.retain(|child| *child != pid);
        }
        Some(process)
    }

    /// Whether a number is nobody's: not a process, group, session or thread.
    pub(super) fn is_free(&self, number: i32) -> bool {
        let uses = |process: &Process| {
            let lodges = |lodger: &Lodger| lodger.group == number || lodger.session == number;
            process.group == number
                || process.session == number
                || process.has_thread(number)
                || process.lodgers.iter().any(lodges)
        };
        number > INIT_MAX && !self.all.contains_key(&number) && !self.iter().any(uses)
    }

    /// `count` consecutive free numbers, the next ones in turn. The first.
    ///
    /// # Errors
    /// EAGAIN: there are none.
    pub(super) fn allocate(&mut self, count: i32) -> Result<i32> {
        let (mut first, mut found, mut wrapped) = (self.next, 0, false);
        loop {
            if first + count >= PID_MAX {
                if wrapped {
                    return Err(Errno::EAGAIN);
                }
                (first, found, wrapped) = (PID_AGAIN - 1, 0, true);
            }
            if self.is_free(first + 1 + found) {
                found += 1;
            } else {
                first += found + 1;
                found = 0;
            }
            if found == count {
                self.next = first + count;
                return Ok(first + 1);
            }
        }
    }

    /// The numbers up to that one are in use by the first process.
    pub(super) fn begin_after(&mut self, number: i32) {
        self.next = self.next.max(number);
    }

    /// The process that a number names: its own pid, or one of its threads'.
    pub fn owner(&self, number: i32) -> Option<i32> {
        if self.all.contains_key(&number) {
            return Some(number);
        }
        self.iter().find(|process| process.has_thread(number)).map(|process| process.pid)
    }
}

/// Pid 1 is never given to a child: it is the first process, or the keeper.
const INIT_MAX: i32 = super::INIT;
