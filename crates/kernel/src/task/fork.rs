//! fork(2): a child in a VM of its own.
//!
//! ```text
//!   parent's VM                          VMM                    child's VM
//!   export what becomes shared
//!   save the vCPU's extended state
//!   fork_point ── hypercall FORK ──▶ keeper: pid, channel
//!        ▲                           fork(2) ──────────────▶ vCPU at fork_child, same kernel stack
//!        └── pid ────────────────────┘                             │ become_child
//!                                                                  ▼ 0
//! ```
//!
//! The child has a copy of all memory, this kernel's included. Only the calling thread lives on in it; what belongs to other threads,
//! other processes of the parent's VM and its timers is dropped.

use super::process::{self, Process};
use super::thread::{State, Thread};
use super::{family, headcount, itimer, relatives, sched, time, timers};
use crate::arch::hypercall;
use crate::session;
use ramet_abi::session::{Request, op};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::object::ObjectId;
use ramet_kcore::ipc::object;
use ramet_kcore::signal::pending::Queue;

unsafe extern "C" {
    /// In `arch/entry.rs`: 0 in the parent, 1 in the child.
    fn fork_point() -> u64;
}

/// Flag of the request: see [`op::FORK`].
const ADDED: u32 = 2;

/// Which side of the fork.
pub enum Forked {
    /// The parent, with the child's pid.
    Parent(i32),
    /// The child: the running thread is its only one, and everything else about it is done.
    Child,
}

/// What the child is to be.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The signal that its end sends to its parent, 0: none.
    pub exit_signal: i32,
    /// Its parent is the caller's parent (CLONE_PARENT).
    pub is_sibling: bool,
    /// It is the process that somebody outside has asked for: nobody's child.
    pub is_added: bool,
    /// A pid that it has already, or 0.
    pub pid: i32,
}

/// Makes a VM that goes on here, as a child of the running thread's process.
///
/// # Errors
/// EAGAIN: a limit of the session, or what the process has open cannot be shared; ENOMEM.
pub fn fork(order: Order) -> Result<Forked> {
    let thread = sched::current();
    let process = thread.process.clone();
    session::prepare_fork(&process, order.pid != 0)?;
    relatives::join()?;
    let keeps_parent = order.is_sibling || order.pid != 0;
    let parent = if keeps_parent { process.parent_pid() } else { process.pid.get() };
    thread.leave();
    session::transport::write(&Request {
        operation: op::FORK,
        flags: if order.is_added { ADDED } else { order.is_sibling.into() },
        arguments: [
            order.exit_signal as u64,
            order.pid as u64,
            headcount::limit().unwrap_or(0),
            headcount::uncounted(),
            0,
            0,
        ],
        ..Request::default()
    });
    // SAFETY: called on a thread's kernel stack with the vCPU's state saved in the thread; whichever side returns finds all that it
    // uses in memory.
    if unsafe { fork_point() } == 0 {
        thread.resume_cpu_time();
        let result = hypercall::result();
        session::transport::look_for_notices();
        return match i32::try_from(result) {
            Ok(pid) if pid > 0 => Ok(Forked::Parent(pid)),
            _ => Err(Errno::from_number(-result).unwrap_or(Errno::EAGAIN)),
        };
    }
    become_child(&thread, &process, parent, &order);
    Ok(Forked::Child)
}

/// In the child: everything that fork(2) does not copy goes.
fn become_child(thread: &Thread, process: &Process, parent: i32, order: &Order) {
    let has_moved = order.pid != 0;
    let place = |process: &Process| (process.group.get(), process.session.get());
    let stands_apart = has_moved && process::first().is_some_and(|host| place(&host) != place(process));
    let pid = hypercall::identity().pid.load(core::sync::atomic::Ordering::Relaxed) as i32;
    timers::forget_all();
    sched::forget_others();
    let others_files = process::forget_others(process);
    process.threads.borrow_mut().retain(|other| {
        let is_self = core::ptr::eq(&**other, thread);
        if !is_self {
            // Whatever it waits for must not wake it here.
            other.state.set(State::Dead);
        }
        is_self
    });
    process.renumber_child(pid);
    thread.tid.set(pid);
    process.family.become_child(parent, order.exit_signal);
    relatives::after_fork_child();
    if has_moved {
        // The same process, in another VM: it keeps what it has. The kernel's deadlines are the other VM's.
        itimer::rearm(process);
    } else {
        process.pending.replace(Queue::new());
        thread.pending.replace(Queue::new());
        process.signal_limit.used.set(0);
        process.started.set(time::boottime());
        itimer::stop(process);
        itimer::delete_posix(process);
        process.parent_death_signal.set(0);
        process.subreaper.set(false);
        process.ended_cpu_time.set(0);
        process.transferred.forget();
        thread.cpu_time.set((0, 0));
        thread.robust_list.set((0, 0));
        thread.clear_child_tid.set(0);
    }
    ObjectId::set_origin(pid as u32);
    object::set_origin(pid as u32);
    process::activate(&process.space);
    {
        let mut space = process.space.borrow_mut();
        space.drop_unforked();
        space.wipe_on_fork();
        space.counters.faults = 0;
    }
    session::after_fork_child();
    if stands_apart {
        // The keeper knows, unless the session has begun with this fork: then it agrees.
        let _ = family::elsewhere().has_changed_place(process);
    }
    session::release_unreachable(process);
    drop(others_files);
    // The vCPU is new: what it holds for the thread comes from memory.
    thread.enter();
    sched::clock_restarted();
    sched::request(sched::work::SIGNAL | sched::work::FULL);
}
