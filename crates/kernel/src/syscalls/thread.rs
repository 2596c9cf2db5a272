//! Threads and processes: clone(2), clone3(2), vfork(2), and what a thread library needs.

use super::Call;
use super::ipc::pidfd;
use crate::arch::{cpu, user, xsave};
use crate::task::family::elsewhere;
use crate::task::fork::{self, Forked};
use crate::task::process::{self, Process};
use crate::task::thread::Thread;
use crate::task::{headcount, sched, spawn};
use alloc::rc::Rc;
use ramet_abi::layout::PROGRAM_END;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::signal::Signal;

mod flag {
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const PIDFD: u64 = 0x1000;
    pub const VFORK: u64 = 0x4000;
    pub const PARENT: u64 = 0x8000;
    pub const THREAD: u64 = 0x10000;
    pub const SETTLS: u64 = 0x80000;
    pub const PARENT_SETTID: u64 = 0x100000;
    pub const CHILD_CLEARTID: u64 = 0x200000;
    pub const CHILD_SETTID: u64 = 0x1000000;
    pub const NEWNS: u64 = 0x20000;
    pub const SYSVSEM: u64 = 0x40000;
    pub const DETACHED: u64 = 0x400000;
    pub const NEWIPC: u64 = 0x0800_0000;
    pub const NEWUSER: u64 = 0x1000_0000;
    pub const NEW_KINDS: u64 = 0x7e02_0080; // namespaces
    pub const LEGACY: u64 = 0xffff_ffff;
    pub const CLEAR_SIGHAND: u64 = 0x1_0000_0000;
    pub const INTO_CGROUP: u64 = 0x2_0000_0000;
}

/// What clone(2) and clone3(2) say alike.
struct Request {
    flags: u64,
    stack: u64,
    parent_tid: usize,
    child_tid: usize,
    tls: u64,
    exit_signal: i32,
    /// Where CLONE_PIDFD's descriptor goes.
    pidfd: usize,
}

fn start(call: &mut Call<'_>, request: &Request) -> Result<i64> {
    let flags = request.flags;
    let has = |bits: u64| flags & bits != 0;
    let both = |bits: u64| flags & bits == bits;
    let cannot_share_handlers = !has(flag::VM) || has(flag::CLEAR_SIGHAND);
    if has(flag::SIGHAND) && cannot_share_handlers
        || has(flag::THREAD) && !has(flag::SIGHAND)
        || both(flag::FS | flag::NEWNS)
        || both(flag::FS | flag::NEWUSER)
        || both(flag::SYSVSEM | flag::NEWIPC)
        || both(flag::PIDFD | flag::DETACHED)
    {
        return Err(Errno::EINVAL);
    }
    if has(flag::NEW_KINDS) {
        return Err(Errno::EPERM);
    }
    if has(flag::SETTLS) && request.tls >= PROGRAM_END {
        return Err(Errno::EPERM);
    }
    let shared = flag::FS | flag::FILES | flag::SIGHAND | flag::THREAD;
    if has(flag::INTO_CGROUP) {
        // There are no control groups.
        Err(Errno::EINVAL)
    } else if both(shared | flag::VM) && !has(flag::PIDFD) {
        start_thread(call, request)
    } else if has(flag::VM) && !has(shared) {
        start_child(call, request)
    } else if !has(shared | flag::VM | flag::VFORK) {
        start_process(call, request)
    } else {
        // One that shares some of it: not served.
        Err(Errno::ENOSYS)
    }
}

/// A thread of `process` that goes on where the running one is.
fn new_thread(call: &Call<'_>, request: &Request, process: &Rc<Process>, tid: i32) -> Rc<Thread> {
    let parent = sched::current();
    let mut frame = *call.frame;
    frame.rax = 0;
    frame.rcx = frame.rip;
    frame.orig_rax = u64::MAX;
    if request.stack != 0 {
        frame.rsp = request.stack;
    }
    let fs_base = if request.flags & flag::SETTLS != 0 { request.tls } else { cpu::read_fs_base() };
    let mut vectors = xsave::Area::new();
    vectors.save();
    let credentials = parent.credentials.borrow().clone();
    let thread =
        Thread::new(tid, process.clone(), credentials, &frame, vectors, fs_base, cpu::read_gs_base());
    thread.mask.set(parent.mask.get());
    thread.name.set(parent.name.get());
    thread.scheduling.set(parent.scheduling.get().inherited());
    thread.timer_slack.set(parent.timer_slack.get());
    thread.memory_errors.set(parent.memory_errors.get());
    if request.flags & flag::CHILD_CLEARTID != 0 {
        thread.clear_child_tid.set(request.child_tid);
    }
    thread
}

/// Writes the ids that the flags ask for. As in Linux, a bad address is the caller's or the child's problem.
fn tell_ids(request: &Request, tid: i32) {
    for (flag, at) in [(flag::PARENT_SETTID, request.parent_tid), (flag::CHILD_SETTID, request.child_tid)] {
        if request.flags & flag != 0 {
            let _ = user::write_i32(at, tid);
        }
    }
}

/// A new thread's kernel stack is one piece, which memory may have none of even where there is some.
fn need_stack() -> Result<()> {
    crate::mm::need_room()?;
    if crate::heap::make_room() { Ok(()) } else { Err(Errno::ENOMEM) }
}

fn start_thread(call: &mut Call<'_>, request: &Request) -> Result<i64> {
    let process = sched::with_current(|thread| thread.process.clone());
    headcount::check()?;
    need_stack()?;
    let tid = process.new_tid()?;
    tell_ids(request, tid);
    let thread = new_thread(call, request, &process, tid);
    process.threads.borrow_mut().push(thread.clone());
    sched::make_runnable(&thread);
    if request.flags & flag::VFORK != 0 {
        // The thread shares the memory for ever: as on Linux, its maker waits for its end.
        while process.thread(tid).is_some() && !sched::with_current(|thread| thread.dying.get()) {
            let registration = sched::Registration::new(&process.thread_ended, ramet_kcore::wait::Events::IN);
            sched::sleep_uninterrupted();
            drop(registration);
        }
    }
    Ok(tid as i64)
}

/// A child that shares the memory; with CLONE_VFORK the running thread waits until it no longer does.
fn start_child(call: &mut Call<'_>, request: &Request) -> Result<i64> {
    const MOST: usize = 4096;
    let parent = sched::current();
    if process::all().len() >= MOST {
        return Err(Errno::EAGAIN);
    }
    let flags = request.flags;
    let (maker, exit_signal) = if flags & flag::PARENT != 0 {
        // A sibling; where the parent is elsewhere, only that could make it.
        let ties = &parent.process.family;
        (ties.parent().ok_or(Errno::ENOSYS)?, ties.exit_signal.get())
    } else {
        (parent.process.clone(), request.exit_signal)
    };
    headcount::check()?;
    need_stack()?;
    let pid = elsewhere().new_pid()?;
    let child = spawn::new_child(&parent.process, &maker, pid, exit_signal);
    process::add(child.clone());
    if let Err(error) = tell_pidfd(request, pid) {
        process::remove(&child);
        elsewhere().forget_pid(pid);
        return Err(error);
    }
    tell_ids(request, pid);
    if flags & flag::CLEAR_SIGHAND != 0 {
        child.dispositions.borrow_mut().clear_handlers();
    }
    let thread = new_thread(call, request, &child, pid);
    if flags & flag::VFORK != 0 {
        thread.alternate_stack.replace(*parent.alternate_stack.borrow());
    }
    child.threads.borrow_mut().push(thread.clone());
    sched::make_runnable(&thread);
    drop(thread);
    maker.family.makers.note(&parent, pid);
    if flags & flag::VFORK != 0 {
        spawn::wait_for_memory(&child);
    }
    Ok(pid as i64)
}

/// The parent's descriptor of its child.
fn tell_pidfd(request: &Request, pid: i32) -> Result<()> {
    if request.flags & flag::PIDFD == 0 {
        return Ok(());
    }
    let fd = pidfd::make(pid, 0)? as i32;
    user::write_i32(request.pidfd, fd).inspect_err(|_| {
        let closed = sched::with_current(|thread| thread.process.files.borrow_mut().close(fd));
        drop(closed);
    })
}

/// A child with a copy of the memory, in a VM of its own.
fn start_process(call: &mut Call<'_>, request: &Request) -> Result<i64> {
    let is_sibling = request.flags & flag::PARENT != 0;
    let order = fork::Order { exit_signal: request.exit_signal, is_sibling, is_added: false, pid: 0 };
    match fork::fork(order)? {
        Forked::Parent(pid) => {
            sched::with_current(|thread| thread.process.family.makers.note(thread, pid));
            if request.flags & flag::PARENT_SETTID != 0 {
                // The child is there: as in Linux, a bad address changes nothing about that.
                let _ = user::write_i32(request.parent_tid, pid);
            }
            tell_pidfd(request, pid)?;
            Ok(pid.into())
        }
        Forked::Child => {
            let thread = sched::current();
            thread.scheduling.set(thread.scheduling.get().inherited());
            if request.stack != 0 {
                call.frame.rsp = request.stack;
            }
            if request.flags & flag::SETTLS != 0 {
                cpu::write_fs_base(request.tls);
            }
            if request.flags & flag::CHILD_CLEARTID != 0 {
                thread.clear_child_tid.set(request.child_tid);
            }
            if request.flags & flag::CHILD_SETTID != 0 {
                let _ = user::write_i32(request.child_tid, thread.tid.get());
            }
            if request.flags & flag::CLEAR_SIGHAND != 0 {
                thread.process.dispositions.borrow_mut().clear_handlers();
            }
            Ok(0)
        }
    }
}

/// fork(2).
pub fn fork(call: &mut Call<'_>) -> Result<i64> {
    let exit_signal = Signal::CHLD.number() as i32;
    start_process(
        call,
        &Request { flags: 0, stack: 0, parent_tid: 0, child_tid: 0, tls: 0, exit_signal, pidfd: 0 },
    )
}

/// clone(2). The low byte of the flags is the exit signal.
pub fn clone(call: &mut Call<'_>) -> Result<i64> {
    let request = Request {
        flags: call.uint(0) as u64 & !0xff,
        stack: call.arg(1) as u64,
        parent_tid: call.arg(2),
        child_tid: call.arg(3),
        tls: call.arg(4) as u64,
        exit_signal: call.int(0) & 0xff,
        // One place cannot take both.
        pidfd: call.arg(2),
    };
    if request.flags & (flag::PIDFD | flag::PARENT_SETTID) == flag::PIDFD | flag::PARENT_SETTID {
        return Err(Errno::EINVAL);
    }
    start(call, &request)
}

/// vfork(2).
pub fn vfork(call: &mut Call<'_>) -> Result<i64> {
    let request = Request {
        flags: flag::VM | flag::VFORK,
        stack: 0,
        parent_tid: 0,
        child_tid: 0,
        tls: 0,
        exit_signal: Signal::CHLD.number() as i32,
        pidfd: 0,
    };
    start(call, &request)
}

/// clone3(2).
pub fn clone3(call: &mut Call<'_>) -> Result<i64> {
    const SMALLEST: usize = 64;
    let size = call.arg(1);
    if size > 4096 {
        return Err(Errno::E2BIG);
    }
    if size < SMALLEST {
        return Err(Errno::EINVAL);
    }
    let mut bytes = alloc::vec![0; size];
    user::read(call.arg(0), &mut bytes)?;
    let word = |n: usize| {
        bytes
            .get(n * 8..n * 8 + 8)
            .map_or(0, |field| u64::from_le_bytes(field.try_into().expect("eight bytes")))
    };
    if bytes.len() > 88 && bytes[88..].iter().any(|byte| *byte != 0) {
        return Err(Errno::E2BIG);
    }
    let (flags, exit_signal, stack, stack_size) = (word(0), word(4), word(5), word(6));
    if (stack == 0) != (stack_size == 0)
        || flags & (0xff | flag::DETACHED) != 0
        || flags & !(flag::LEGACY | flag::CLEAR_SIGHAND | flag::INTO_CGROUP) != 0
        || exit_signal > 64
        || flags & (flag::THREAD | flag::PARENT) != 0 && exit_signal != 0
    {
        return Err(Errno::EINVAL);
    }
    // set_tid and its size: ids are not the program's to choose.
    const NAMESPACES_MAX: u64 = 32;
    if (word(8) == 0) != (word(9) == 0) || word(9) > NAMESPACES_MAX {
        return Err(Errno::EINVAL);
    }
    if word(9) != 0 {
        return Err(if user::read_i32(word(8) as usize)? < 1 { Errno::EINVAL } else { Errno::EPERM });
    }
    let request = Request {
        flags,
        stack: stack.wrapping_add(stack_size),
        parent_tid: word(3) as usize,
        child_tid: word(2) as usize,
        tls: word(7),
        exit_signal: exit_signal as i32,
        pidfd: word(1) as usize,
    };
    start(call, &request)
}

/// set_tid_address(2).
pub fn set_tid_address(call: &mut Call<'_>) -> Result<i64> {
    sched::with_current(|thread| {
        thread.clear_child_tid.set(call.arg(0));
        Ok(thread.tid.get() as i64)
    })
}

/// set_robust_list(2).
pub fn set_robust_list(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(1) != 24 {
        return Err(Errno::EINVAL);
    }
    sched::with_current(|thread| thread.robust_list.set((call.arg(0), call.arg(1))));
    Ok(0)
}

/// get_robust_list(2).
pub fn get_robust_list(call: &mut Call<'_>) -> Result<i64> {
    let thread = sched::current();
    let tid = call.int(0);
    let other = if tid == 0 { thread } else { process::find_thread(tid).ok_or(Errno::ESRCH)? };
    let (head, length) = other.robust_list.get();
    user::write_u64(call.arg(2), if length == 0 { 24 } else { length as u64 })?;
    user::write_u64(call.arg(1), head as u64)?;
    Ok(0)
}

/// arch_prctl(2).
pub fn arch_prctl(call: &mut Call<'_>) -> Result<i64> {
    const SET_GS: i32 = 0x1001;
    const SET_FS: i32 = 0x1002;
    const GET_FS: i32 = 0x1003;
    const GET_GS: i32 = 0x1004;
    let value = call.arg(1);
    match call.int(0) {
        SET_FS | SET_GS if value as u64 >= PROGRAM_END => return Err(Errno::EPERM),
        SET_FS => cpu::write_fs_base(value as u64),
        SET_GS => cpu::write_gs_base(value as u64),
        GET_FS => user::write_u64(value, cpu::read_fs_base())?,
        GET_GS => user::write_u64(value, cpu::read_gs_base())?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// sched_yield(2).
pub fn sched_yield(_: &mut Call<'_>) -> Result<i64> {
    sched::yield_now();
    Ok(0)
}
