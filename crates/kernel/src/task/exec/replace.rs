//! The point of no return: the old program goes, the new one takes its process.

use super::load::load;
use super::plan::Plan;
use crate::arch::frame::Frame;
use crate::arch::{cpu, site, xsave};
use crate::mm;
use crate::task::family::{self, Facts};
use crate::task::fork::Forked;
use crate::task::process::{Process, resource};
use crate::task::sched::{self, work};
use crate::task::thread::Thread;
use crate::task::{enter, exit, futex, itimer, spawn};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::signal::Signal;
use ramet_kcore::signal::altstack::AltStack;
use ramet_kcore::signal::frame::Trap;

/// Replaces the program of the running thread's process by `plan`'s; `frame` becomes what it starts with. The process may be
/// dead afterwards: when memory is too short for the new program.
///
/// # Errors
/// EAGAIN: the process is being ended; the old program is whole. What [`enter::into_own_vm`] says.
pub fn replace(plan: Plan, frame: &mut Frame) -> Result<()> {
    let thread = sched::current();
    let process = thread.process.clone();
    if process.family.borrows_memory.get() {
        match enter::into_own_vm(&process)? {
            Forked::Child => {}
            Forked::Parent(_) => {
                spawn::has_moved(&process);
                return Ok(());
            }
        }
    }
    exit::end_other_threads(&thread)?;
    spawn::wait_for_borrowers(&thread)?;
    process.family.has_executed.set(true);

    forget_old(&thread, &process);
    let credentials = plan.identity.credentials.clone();
    if plan.identity.is_promoted {
        process.parent_death_signal.set(0);
    }
    thread.credentials.replace(credentials);
    // The old program's memory comes free before the new one takes any.
    let old = core::mem::replace(&mut *process.space.borrow_mut(), mm::new_space());
    process.space.borrow_mut().counters.faults = old.counters.faults;
    drop(old);
    mm::set_inherited_apart();
    site::forget_all();
    let closed = process.files.borrow_mut().close_on_exec();
    drop(closed);
    sched::request(work::SIGNAL | work::FULL);
    match load(plan, &process) {
        Ok(loaded) => {
            *frame = loaded.frame;
            thread.name.set(loaded.comm);
            family::elsewhere().describe(&process, Facts::Program);
        }
        Err(error) => {
            let signal = cannot_go_on(&process, error);
            process.kill(signal.number() as i32);
        }
    }
    cpu::write_fs_base(0);
    cpu::write_gs_base(0);
    xsave::reset();
    site::set_thread(&thread);
    Ok(())
}

/// What of the process and its thread belongs to the old program.
fn forget_old(thread: &Thread, process: &Process) {
    // The thread that calls becomes the process's first, under the process's id.
    futex::release_robust_list(thread);
    thread.clear_child_tid.set(0);
    thread.tid.set(process.pid.get());
    thread.alternate_stack.replace(AltStack::default());
    thread.trap.set(Trap::default());
    thread.saved_mask.set(None);
    itimer::delete_posix(process);
    for queue in [&process.pending, &thread.pending] {
        queue.borrow_mut().discard_timers(&process.signal_limit);
    }
    process.dispositions.borrow_mut().reset_for_exec();
    process.barriers.set(0);
    // Whatever clone(2) asked for (Linux: `de_thread`).
    process.family.exit_signal.set(Signal::CHLD.number() as i32);
}

/// The signal that ends a process whose new program could not be loaded: as the OOM killer's if memory is short, as Linux's for a
/// limit that is too low.
fn cannot_go_on(process: &Process, error: Errno) -> Signal {
    let limited = [resource::AS, resource::DATA].iter().any(|limit| process.limit(*limit) != u64::MAX);
    if error == Errno::ENOMEM && !limited {
        crate::arch::hypercall::log(crate::panic::OUT_OF_MEMORY);
        Signal::KILL
    } else {
        Signal::SEGV
    }
}
