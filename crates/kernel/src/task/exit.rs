//! Ending threads and processes.

use super::process::{self, Process};
use super::{family, relatives, sched, thread::Thread};
use crate::arch::{hypercall, user};
use crate::session;
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::wait::Events;

/// exit_group(2) and death by signal: `status` as wait(2) encodes it.
pub fn end_process(process: &Process, status: u32) {
    if process.exiting.get().is_none() {
        process.exiting.set(Some(status));
    }
    for thread in process.threads.borrow().iter() {
        thread.dying.set(true);
        thread.make_runnable();
    }
    sched::request(sched::work::SIGNAL);
}

/// exit(2): the running thread ends, the process too if it was the last.
pub fn end_thread(code: i32) -> ! {
    let thread = sched::current();
    let process = thread.process.clone();
    leave_memory(&thread);
    process.threads.borrow_mut().retain(|other| other.tid.get() != thread.tid.get());
    process.ended_cpu_time.set(process.ended_cpu_time.get() + thread.cpu_time_now());
    let last = process.threads.borrow().is_empty();
    if last {
        let status = process.exiting.get().unwrap_or((code as u32 & 0xff) << 8);
        over(&process, &thread, status);
    }
    super::makers::thread_ended(&process, thread.tid.get());
    process.thread_ended.notify(Events::IN);
    drop(process);
    drop(thread);
    sched::leave_for_good()
}

/// The last thread of a process has left the program. The VM's first process is the VM: with it, everything ends.
fn over(process: &Rc<Process>, last: &Thread, status: u32) {
    let is_traced = crate::syscalls::trace::is_on();
    if is_traced && !process.family.has_moved.get() {
        crate::syscalls::trace::ended(process.pid.get(), status);
    }
    if process::first().is_some_and(|first| Rc::ptr_eq(&first, process)) {
        if is_traced {
            crate::syscalls::trace::summary();
        }
        if session::is_open() {
            relatives::ended(process, status);
        }
        hypercall::exit(status);
    }
    family::end(process, last, status);
}

/// execve(2): ends all threads of the process but `thread`, which runs, and waits until they are gone.
///
/// # Errors
/// EAGAIN: the process is being ended, or another thread was first.
pub fn end_other_threads(thread: &Thread) -> Result<()> {
    let process = &thread.process;
    loop {
        if thread.dying.get() {
            return Err(Errno::EAGAIN);
        }
        let mut is_alone = true;
        for other in process.threads.borrow().iter().filter(|other| other.tid.get() != thread.tid.get()) {
            is_alone = false;
            other.dying.set(true);
            other.make_runnable();
        }
        if is_alone {
            return Ok(());
        }
        let registration = sched::Registration::new(&process.thread_ended, Events::IN);
        sched::sleep_uninterrupted();
        drop(registration);
    }
}

/// Whether another thread uses the process's memory: as in Linux, nobody else is told of a thread's end there.
fn memory_is_shared(process: &Process) -> bool {
    let uses = |other: &Rc<Process>| {
        Rc::ptr_eq(&other.space, &process.space)
            && !core::ptr::eq(&**other, process)
            && !other.threads.borrow().is_empty()
    };
    process.threads.borrow().len() > 1 || process::all().iter().any(uses)
}

/// The last thing a thread does with the program's memory: robust futexes, then the word that pthread_join(3) waits at.
fn leave_memory(thread: &Thread) {
    super::futex::release_robust_list(thread);
    let word = thread.clear_child_tid.replace(0);
    if word != 0 && memory_is_shared(&thread.process) && user::write_u32(word, 0).is_ok() {
        super::futex::wake_address(word, 1);
    }
}

/// exit(2) as a system call.
pub fn sys_exit(call: &mut crate::syscalls::Call<'_>) -> Result<i64> {
    end_thread(call.int(0))
}

/// exit_group(2).
pub fn sys_exit_group(call: &mut crate::syscalls::Call<'_>) -> Result<i64> {
    let status = (call.int(0) as u32 & 0xff) << 8;
    sched::with_current(|thread| end_process(&thread.process, status));
    Ok(0)
}
