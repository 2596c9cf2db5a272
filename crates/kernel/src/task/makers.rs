//! Which thread has made which child: __WNOTHREAD of wait4(2), and PR_SET_PDEATHSIG, which a thread's end sends to the children that it made.

use super::process::Process;
use super::relatives;
use super::thread::Thread;
use crate::session;
use alloc::vec::Vec;
use ramet_kcore::cell::RefCell;

/// Children of threads that are not their process's first: child, thread. All others are the first's.
#[derive(Default)]
pub struct Makers(RefCell<Vec<(i32, i32)>>);

/// Children that a wait is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Scope {
    /// All of the process.
    All,
    /// These.
    Only(Vec<i32>),
    /// All but these.
    Except(Vec<i32>),
}

impl Scope {
    /// Whether the child is meant.
    pub fn includes(&self, child: i32) -> bool {
        match self {
            Scope::All => true,
            Scope::Only(children) => children.contains(&child),
            Scope::Except(children) => !children.contains(&child),
        }
    }
}

impl Makers {
    /// None yet.
    pub const fn new() -> Makers {
        Makers(RefCell::new(Vec::new()))
    }

    /// `thread` has made a child of its process.
    pub fn note(&self, thread: &Thread, child: i32) {
        if thread.tid.get() != thread.process.pid.get() {
            self.0.borrow_mut().push((child, thread.tid.get()));
        }
    }

    /// The child is gone.
    pub fn forget(&self, child: i32) {
        self.0.borrow_mut().retain(|(other, _)| *other != child);
    }

    /// In the child of a fork: it has no children.
    pub fn clear(&self) {
        self.0.take();
    }

    /// The children that `thread` has made, or has inherited from a thread that has ended.
    pub fn of(&self, thread: &Thread) -> Scope {
        let (tid, all) = (thread.tid.get(), self.0.borrow());
        if tid == thread.process.pid.get() {
            return Scope::Except(all.iter().map(|(child, _)| *child).collect());
        }
        Scope::Only(all.iter().filter(|(_, maker)| *maker == tid).map(|(child, _)| *child).collect())
    }
}

/// A thread that is not its process's last has ended: another one has its children now, and they are told.
pub fn thread_ended(process: &Process, tid: i32) {
    let mut all = process.family.makers.0.take();
    let Some(heir) = process.threads.borrow().first().map(|thread| thread.tid.get()) else { return };
    let orphans: Vec<i32> = all.iter().filter(|(_, maker)| *maker == tid).map(|(child, _)| *child).collect();
    for (_, maker) in all.iter_mut().filter(|(_, maker)| *maker == tid) {
        *maker = heir;
    }
    all.retain(|(_, maker)| *maker != process.pid.get());
    process.family.makers.0.replace(all);
    if session::is_open() {
        orphans.into_iter().for_each(relatives::maker_ended);
    }
}
