//! Parents and children.
//!
//! A process of this VM has its relatives in this VM (a child that shares its parent's memory, until it executes a program), or
//! in other VMs of the session. Those here are objects of this kernel; those elsewhere are behind [`Elsewhere`], which asks whoever
//! knows them. [`wait`] and the calls on ids look here first, then there.
//!
//! ```text
//!             end                   wait, or nobody will
//!   (alive) ───────▶ zombie in `process::all()` ───────▶ (gone)
//!      │
//!      └──▶ moved: executes a program in a VM of its own; from then on it is elsewhere
//! ```

use super::makers::{Makers, Scope};
use super::process::{self, Process};
use super::sched::{self, Registration};
use super::thread::Thread;
use super::{itimer, signal, spawn};
use crate::global::Global;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::family::{Change, Options, Usage, What, Which};
use ramet_kcore::file::File;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::signal::action::{SIG_IGN, sa};
use ramet_kcore::signal::info::code;
use ramet_kcore::signal::{SigInfo, Signal};
use ramet_kcore::wait::{Events, WaitQueue};

/// What a process has of parents and children.
pub struct Ties {
    parent: RefCell<Weak<Process>>,
    /// Its parent's id, if that is not in this VM.
    pub parent_elsewhere: Cell<i32>,
    /// The signal that its end sends to its parent, 0: none.
    pub exit_signal: Cell<i32>,
    /// The last change of its state that its parent has not been told of.
    change: Cell<Option<Change>>,
    /// Which of its threads have made which children.
    pub makers: Makers,
    /// Told whenever a child's state changes, here or elsewhere.
    pub children_changed: WaitQueue,
    /// What children that were waited for have used.
    pub children_usage: Cell<Usage>,
    /// It shares its parent's memory until it executes a program or ends.
    pub borrows_memory: Cell<bool>,
    /// Told when it no longer does.
    pub memory_given_back: WaitQueue,
    /// Somebody outside has asked for it, and it has no VM of its own yet.
    pub is_added: Cell<bool>,
    /// It has executed a program since it was made: its parent cannot change its process group any more.
    pub has_executed: Cell<bool>,
    /// It goes on in a VM of its own.
    pub has_moved: Cell<bool>,
    /// It has ended and has been waited for.
    pub is_gone: Cell<bool>,
    /// Told when it has ended, when it is gone, and when it has moved.
    pub ended: WaitQueue,
    /// Who it was, and what its first thread was called, once it has ended.
    pub remains: RefCell<Option<(Rc<Credentials>, [u8; 16])>>,
}

impl Ties {
    /// No relatives here.
    pub fn new() -> Ties {
        Ties {
            parent: RefCell::new(Weak::new()),
            parent_elsewhere: Cell::new(0),
            exit_signal: Cell::new(Signal::CHLD.number() as i32),
            change: Cell::new(None),
            makers: Makers::new(),
            children_changed: WaitQueue::new(),
            children_usage: Cell::new(Usage::default()),
            borrows_memory: Cell::new(false),
            is_added: Cell::new(false),
            memory_given_back: WaitQueue::new(),
            has_executed: Cell::new(false),
            has_moved: Cell::new(false),
            is_gone: Cell::new(false),
            ended: WaitQueue::new(),
            remains: RefCell::new(None),
        }
    }

    /// Its parent, if that is in this VM.
    pub fn parent(&self) -> Option<Rc<Process>> {
        self.parent.borrow().upgrade()
    }

    /// In the child of a fork: its parent is in another VM, and it has no children.
    pub fn become_child(&self, parent: i32, exit_signal: i32) {
        self.parent.replace(Weak::new());
        self.parent_elsewhere.set(parent);
        self.exit_signal.set(exit_signal);
        self.change.set(None);
        self.makers.clear();
        self.children_usage.set(Usage::default());
        self.borrows_memory.set(false);
        self.has_executed.set(false);
    }

    /// Makes `parent` its parent.
    pub fn set_parent(&self, parent: &Process) {
        self.parent.replace(parent.me.clone());
    }
}

/// A process's place among the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Process group.
    pub group: i32,
    /// Session.
    pub session: i32,
}

/// What the rest of the session knows of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Facts {
    /// User ids.
    Ids,
    /// Name and arguments; whether it has executed a program.
    Program,
    /// What it does with SIGCHLD.
    ChildSignal,
    /// PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG.
    Options,
}

/// The processes of the session that are in other VMs. Nothing here sleeps; whoever implements it notifies
/// [`Ties::children_changed`] when asking again is worth while.
pub trait Elsewhere {
    /// An id for a new process, which no other process or thread that is known has.
    ///
    /// # Errors
    /// EAGAIN: the session has as many as it may have.
    fn new_pid(&self) -> Result<i32>;

    /// The process with an id from [`Elsewhere::new_pid`] has ended in this VM and has been waited for.
    fn forget_pid(&self, pid: i32);

    /// wait4(2) for those children of `parent` in other VMs that are in `scope`: `None`: there are some, and none has changed.
    ///
    /// # Errors
    /// ECHILD: there is none.
    fn wait(&self, parent: &Process, which: Which, options: Options, scope: &Scope)
    -> Result<Option<Change>>;

    /// kill(2), with its rules for `target`, for processes in other VMs; without `info`: only asks.
    ///
    /// # Errors
    /// ESRCH: there is none; EPERM, EAGAIN.
    fn kill(&self, target: i32, info: Option<&SigInfo>) -> Result<()>;

    /// tgkill(2), likewise.
    ///
    /// # Errors
    /// As [`Elsewhere::kill`].
    fn kill_thread(&self, process: Option<i32>, tid: i32, info: Option<&SigInfo>) -> Result<()>;

    /// Where a process in another VM stands.
    fn place(&self, pid: i32) -> Option<Place>;

    /// Whether a process in another VM is in that process group of that session.
    fn has_group(&self, group: i32, session: i32) -> bool;

    /// What a descriptor of a process in another VM is ready for: a file whose [`File::poll`] tells, as pidfd_open(2).
    ///
    /// # Errors
    /// ESRCH: there is none.
    fn pidfd(&self, pid: i32) -> Result<Rc<dyn File>>;

    /// setpgid(2) of a child in another VM.
    ///
    /// # Errors
    /// ESRCH, EACCES, EPERM.
    fn set_group(&self, pid: i32, group: i32) -> Result<()>;

    /// The state of a process of this VM has changed whose parent is not in this VM.
    fn tell(&self, process: &Process, change: &Change);

    /// What others may ask about a process of this VM has changed. Called by a thread of its own.
    fn describe(&self, process: &Process, facts: Facts);

    /// Whether no process in another VM is in that process group and has its parent in another group of the session.
    fn is_orphaned(&self, group: i32) -> bool;

    /// A process of this VM has come into another process group or session.
    ///
    /// # Errors
    /// EPERM: it cannot, for the sake of processes in other VMs.
    fn has_changed_place(&self, process: &Process) -> Result<()>;

    /// A process of this VM has lost its parent, and nobody in this VM takes it: the id of who does.
    fn adopt(&self, orphan: &Process) -> i32;
}

/// No session: nobody is elsewhere.
struct Nobody;

impl Elsewhere for Nobody {
    fn new_pid(&self) -> Result<i32> {
        Ok(process::unused_id())
    }
    fn forget_pid(&self, _: i32) {}
    fn wait(&self, _: &Process, _: Which, _: Options, _: &Scope) -> Result<Option<Change>> {
        Err(Errno::ECHILD)
    }
    fn kill(&self, _: i32, _: Option<&SigInfo>) -> Result<()> {
        Err(Errno::ESRCH)
    }
    fn kill_thread(&self, _: Option<i32>, _: i32, _: Option<&SigInfo>) -> Result<()> {
        Err(Errno::ESRCH)
    }
    fn place(&self, _: i32) -> Option<Place> {
        None
    }
    fn has_group(&self, _: i32, _: i32) -> bool {
        false
    }
    fn pidfd(&self, _: i32) -> Result<Rc<dyn File>> {
        Err(Errno::ESRCH)
    }
    fn set_group(&self, _: i32, _: i32) -> Result<()> {
        Err(Errno::ESRCH)
    }
    fn tell(&self, _: &Process, _: &Change) {}
    fn describe(&self, _: &Process, _: Facts) {}
    fn is_orphaned(&self, _: i32) -> bool {
        true
    }
    fn has_changed_place(&self, _: &Process) -> Result<()> {
        Ok(())
    }
    /// Linux's init.
    fn adopt(&self, _: &Process) -> i32 {
        1
    }
}

static ELSEWHERE: Global<RefCell<Option<Rc<dyn Elsewhere>>>> = Global::new(RefCell::new(None));

/// Says who knows the session's other processes.
pub fn connect(session: Rc<dyn Elsewhere>) {
    ELSEWHERE.replace(Some(session));
}

/// At boot: there is no session yet.
pub fn initialize() {
    connect(Rc::new(Nobody));
}

/// The processes in other VMs.
///
/// # Panics
/// Before [`initialize`].
pub fn elsewhere() -> Rc<dyn Elsewhere> {
    ELSEWHERE.borrow().clone().expect("the kernel has booted")
}

/// Whether the process group of `process` is orphaned: nobody in its session could continue it, so that a terminal must not stop
/// it (POSIX, "orphaned process group").
pub fn is_orphaned(process: &Process) -> bool {
    let (group, session) = (process.group.get(), process.session.get());
    let place_of = |pid: i32| match process::find(pid) {
        Some(found) => Some(Place { group: found.group.get(), session: found.session.get() }),
        None if pid > 1 => elsewhere().place(pid),
        None => None,
    };
    let is_watched = |member: &Rc<Process>| {
        place_of(member.parent_pid()).is_some_and(|parent| parent.session == session && parent.group != group)
    };
    !process::group(group).iter().any(is_watched) && elsewhere().is_orphaned(group)
}

/// The children that are in this VM.
pub fn children(parent: &Process) -> Vec<Rc<Process>> {
    let is_child = |child: &Rc<Process>| {
        child.family.parent().is_some_and(|p| core::ptr::eq(&*p, parent)) && !child.family.has_moved.get()
    };
    process::all().into_iter().filter(is_child).collect()
}

/// Waits until a child's state changes; `None` if the caller does not want to sleep. The change has been taken, unless the caller
/// only looks.
///
/// # Errors
/// ECHILD: there is no such child; ERESTARTSYS.
pub fn wait(which: Which, options: Options) -> Result<Option<Change>> {
    let process = sched::with_current(|thread| thread.process.clone());
    loop {
        let registration = Registration::new(&process.family.children_changed, Events::IN);
        let found = look(&process, which, options)?;
        if found.is_some() || options.is_nonblocking() {
            return Ok(found);
        }
        let woken = sched::sleep(None);
        drop(registration);
        if let Err(interrupted) = woken {
            // The signal may be the one of a child's end.
            return look(&process, which, options)?.map(Some).ok_or(interrupted);
        }
    }
}

fn look(process: &Process, which: Which, options: Options) -> Result<Option<Change>> {
    let mut has_children = false;
    let scope = match options.is_of_thread() {
        true => sched::with_current(|thread| process.family.makers.of(thread)),
        false => Scope::All,
    };
    for child in children(process) {
        let ties = &child.family;
        let is_meant = scope.includes(child.pid.get()) && which.matches(child.pid.get(), child.group.get());
        if !is_meant || !options.takes(ties.exit_signal.get()) {
            continue;
        }
        let Some(change) = ties.change.get().filter(|change| options.wants(change.what)) else {
            // As on Linux: who has ended counts only for those who ask for the end.
            has_children |= ties.remains.borrow().is_none();
            continue;
        };
        if !options.only_looks() {
            ties.change.set(None);
            if change.what.is_end() {
                process.family.makers.forget(change.pid);
                count_usage(process, &change, child.family.children_usage.get());
                forget(&child);
            }
        }
        return Ok(Some(change));
    }
    match elsewhere().wait(process, which, options, &scope) {
        Err(Errno::ECHILD) if has_children => Ok(None),
        Ok(Some(change)) => {
            if change.what.is_end() && !options.only_looks() {
                process.family.makers.forget(change.pid);
                count_usage(process, &change, Usage::default());
            }
            Ok(Some(change))
        }
        other => other,
    }
}

fn count_usage(parent: &Process, child: &Change, grandchildren: Usage) {
    let mut sum = parent.family.children_usage.get();
    sum.add(child.usage);
    sum.add(grandchildren);
    parent.family.children_usage.set(sum);
}

fn forget(process: &Process) {
    elsewhere().forget_pid(process.pid.get());
    process.family.is_gone.set(true);
    process.family.ended.notify(Events::IN);
    process::remove(process);
}

/// A process's state has changed: its parent is told (Linux: `do_notify_parent`).
pub fn report(process: &Process, what: What) {
    let uid = match process.threads.borrow().first() {
        Some(thread) => thread.credentials.borrow().uid,
        None => process.family.remains.borrow().as_ref().map_or(0, |(credentials, _)| credentials.uid),
    };
    let usage = used(process);
    let change = Change { pid: process.pid.get(), uid, what, usage };
    process.family.change.set(Some(change));
    tell_parent(process, &change);
}

/// What a process of this VM has used so far, without its children.
pub fn used(process: &Process) -> Usage {
    Usage {
        user_time: process.cpu_time(),
        system_time: 0,
        resident: crate::mm::resident_peak() / 1024,
        faults: process.space.try_borrow().map_or(0, |space| space.counters.faults),
    }
}

fn tell_parent(process: &Process, change: &Change) {
    let Some(parent) = process.family.parent() else {
        elsewhere().tell(process, change);
        if change.what.is_end() {
            forget(process);
        }
        return;
    };
    let of_child = *parent.dispositions.borrow().get(Signal::CHLD);
    let number =
        if change.what.is_end() { process.family.exit_signal.get() } else { Signal::CHLD.number() as i32 };
    let signal = Signal::new(number.into());
    let is_child_signal = signal == Some(Signal::CHLD);
    let is_ignored = of_child.handler == SIG_IGN || !change.what.is_end() && of_child.has(sa::NOCLDSTOP);
    if let Some(signal) = signal.filter(|_| !is_child_signal || !is_ignored) {
        // A real-time signal may find the queue full; wait(2) tells the parent all the same.
        let _ = signal::send_process(&parent, change.signal(signal));
    }
    if change.what.is_end() && is_child_signal && parent.dispositions.borrow().discards_children() {
        forget(process);
    }
    parent.family.children_changed.notify(Events::IN);
}

/// A process that is not the VM's first has ended: what it held comes free, its children get another parent, its parent is told.
pub fn end(process: &Rc<Process>, last: &Thread, status: u32) {
    let remains = (last.credentials.borrow().clone(), last.name.get());
    process.family.remains.replace(Some(remains));
    let files = process.files.borrow_mut().close_all();
    drop(files);
    process.executable.replace(None);
    process.layout.replace(None);
    itimer::stop(process);
    spawn::give_memory_back(process);
    for child in children(process) {
        give_new_parent(process, &child);
    }
    process.family.ended.notify(Events::IN);
    if process.family.has_moved.get() {
        process::remove(process);
    } else {
        report(process, What::of_end(status));
    }
}

/// The nearest ancestor that takes orphans gets the child (prctl(2), PR_SET_CHILD_SUBREAPER).
fn give_new_parent(old: &Process, child: &Process) {
    let mut ancestor = old.family.parent();
    while let Some(candidate) = ancestor.take_if(|candidate| !candidate.subreaper.get()) {
        ancestor = candidate.family.parent();
    }
    match &ancestor {
        Some(new) => child.family.set_parent(new),
        None => {
            child.family.parent.replace(Weak::new());
            child.family.parent_elsewhere.set(elsewhere().adopt(child));
        }
    }
    if let Some(change) = child.family.change.get().filter(|change| change.what.is_end()) {
        tell_parent(child, &change);
    } else if let Some(signal) = Signal::new(child.parent_death_signal.get().into()) {
        let uid = sched::with_current(|thread| thread.credentials.borrow().uid);
        let info = SigInfo::kill(signal, code::SI_USER, old.pid.get(), uid);
        // Only real-time signals can be refused; nobody is there to be told.
        let _ = signal::send_process(child, info);
    }
}
