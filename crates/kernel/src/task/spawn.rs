//! Children that share their parent's memory until they execute a program or end: vfork(2), posix_spawn(3).
//!
//! Such a child is a process in its parent's VM: with its own id, descriptors, directories, dispositions and signals, over the
//! same address space. The thread that made it waits; the parent's other threads go on. When the child executes a program it gets a
//! VM of its own ([`into_own_vm`]).

use super::fork::{self, Forked, Order};
use super::process::{self, Process};
use super::sched::{self, Registration, work};
use super::thread::Thread;
use super::{exit, itimer, signal};
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::wait::Events;

/// A new child of `parent` that shares the memory of `maker` and has copies of what else is its. It has no threads yet.
pub fn new_child(maker: &Process, parent: &Process, pid: i32, exit_signal: i32) -> Rc<Process> {
    let child = maker.vfork(pid);
    child.family.set_parent(parent);
    child.family.exit_signal.set(exit_signal);
    child.family.borrows_memory.set(true);
    itimer::limits_changed(&child);
    child
}

/// Waits until `child` no longer uses the memory of the running thread's process, or until the thread must end.
pub fn wait_for_memory(child: &Process) {
    while child.family.borrows_memory.get() {
        let registration = Registration::new(&child.family.memory_given_back, Events::IN);
        if sched::with_current(|thread| thread.dying.get() || signal::has_fatal(thread)) {
            return;
        }
        sched::sleep_uninterrupted();
        drop(registration);
    }
}

/// The child has ended, or has moved.
pub fn give_memory_back(child: &Process) {
    if child.family.borrows_memory.replace(false) {
        child.family.memory_given_back.notify(Events::IN);
    }
}

/// execve(2) takes the memory away: before, nobody else may be using it.
///
/// # Errors
/// EAGAIN: the process is being ended.
pub fn wait_for_borrowers(thread: &Thread) -> Result<()> {
    let own = &thread.process;
    loop {
        let uses = |other: &Rc<Process>| {
            other.family.borrows_memory.get() && Rc::ptr_eq(&other.space, &own.space) && other.pid != own.pid
        };
        let Some(borrower) = process::all().into_iter().find(uses) else { return Ok(()) };
        if thread.dying.get() {
            return Err(Errno::EAGAIN);
        }
        let registration = Registration::new(&borrower.family.memory_given_back, Events::IN);
        sched::sleep_uninterrupted();
        drop(registration);
    }
}

/// Gives the running thread's process, which shares its parent's memory, a VM of its own, where it goes on: to execute a program.
/// In its parent's VM [`has_moved`] ends what is left of it.
///
/// # Errors
/// As [`fork::fork`].
pub fn into_own_vm(process: &Process) -> Result<Forked> {
    let exit_signal = process.family.exit_signal.get();
    let is_added = process.family.is_added.get();
    fork::fork(Order { exit_signal, is_sibling: false, is_added, pid: process.pid.get() })
}

/// The process goes on in a VM of its own: its threads here end, and nobody is told.
pub fn has_moved(process: &Process) {
    process.family.has_moved.set(true);
    exit::end_process(process, 0);
    sched::request(work::SIGNAL | work::FULL);
}
