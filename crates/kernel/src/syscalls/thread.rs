//! Threads: clone(2) with CLONE_THREAD, and what a thread library needs.

use super::Call;
use crate::arch::{cpu, user, xsave};
use crate::task::sched;
use crate::task::thread::Thread;
use ramet_abi::layout::PROGRAM_END;
use ramet_kcore::errno::{Errno, Result};

mod flag {
    pub const VM: u64 = 0x100;
    pub const FS: u64 = 0x200;
    pub const FILES: u64 = 0x400;
    pub const SIGHAND: u64 = 0x800;
    pub const THREAD: u64 = 0x10000;
    pub const SETTLS: u64 = 0x80000;
    pub const PARENT_SETTID: u64 = 0x100000;
    pub const CHILD_CLEARTID: u64 = 0x200000;
    pub const CHILD_SETTID: u64 = 0x1000000;
    pub const NEW_KINDS: u64 = 0x7e02_0080; // namespaces
}

/// What clone(2) and clone3(2) say alike.
struct Request {
    flags: u64,
    stack: u64,
    parent_tid: usize,
    child_tid: usize,
    tls: u64,
}

fn start(call: &mut Call<'_>, request: &Request) -> Result<i64> {
    let flags = request.flags;
    if flags & flag::SIGHAND != 0 && flags & flag::VM == 0
        || flags & flag::THREAD != 0 && flags & flag::SIGHAND == 0
    {
        return Err(Errno::EINVAL);
    }
    if flags & flag::NEW_KINDS != 0 {
        return Err(Errno::EPERM);
    }
    let shared = flag::VM | flag::FS | flag::FILES | flag::SIGHAND | flag::THREAD;
    if flags & shared != shared {
        // A process of its own, or a thread that shares less than all: not served.
        return Err(Errno::ENOSYS);
    }
    if flags & flag::SETTLS != 0 && request.tls >= PROGRAM_END {
        return Err(Errno::EPERM);
    }
    let parent = sched::current();
    let process = parent.process.clone();
    let tid = process.new_tid()?;
    let mut frame = *call.frame;
    frame.rax = 0;
    frame.rcx = frame.rip;
    frame.orig_rax = u64::MAX;
    if request.stack != 0 {
        frame.rsp = request.stack;
    }
    let fs_base = if flags & flag::SETTLS != 0 { request.tls } else { cpu::read_fs_base() };
    let mut vectors = xsave::Area::new();
    vectors.save();
    let credentials = parent.credentials.borrow().clone();
    let thread =
        Thread::new(tid, process.clone(), credentials, &frame, vectors, fs_base, cpu::read_gs_base());
    thread.mask.set(parent.mask.get());
    thread.name.set(parent.name.get());
    thread.scheduling.set(parent.scheduling.get().inherited());
    thread.timer_slack.set(parent.timer_slack.get());
    if flags & flag::PARENT_SETTID != 0 {
        user::write_i32(request.parent_tid, tid)?;
    }
    if flags & flag::CHILD_SETTID != 0 {
        // As in Linux, a bad address is the child's problem.
        let _ = user::write_i32(request.child_tid, tid);
    }
    if flags & flag::CHILD_CLEARTID != 0 {
        thread.clear_child_tid.set(request.child_tid);
    }
    process.threads.borrow_mut().push(thread.clone());
    sched::make_runnable(&thread);
    Ok(tid as i64)
}

/// clone(2). The low byte of the flags, the exit signal, does not count for a thread.
pub fn clone(call: &mut Call<'_>) -> Result<i64> {
    let request = Request {
        flags: call.arg(0) as u64 & !0xff,
        stack: call.arg(1) as u64,
        parent_tid: call.arg(2),
        child_tid: call.arg(3),
        tls: call.arg(4) as u64,
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
    let (flags, stack, stack_size) = (word(0), word(5), word(6));
    if (stack == 0) != (stack_size == 0) || flags & 0xff != 0 || flags & flag::THREAD != 0 && word(4) != 0 {
        return Err(Errno::EINVAL);
    }
    // set_tid, cgroup
    if word(9) != 0 {
        return Err(Errno::EPERM);
    }
    let request = Request {
        flags,
        stack: stack.wrapping_add(stack_size),
        parent_tid: word(3) as usize,
        child_tid: word(2) as usize,
        tls: word(7),
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
    let other = if tid == 0 { thread } else { thread.process.thread(tid).ok_or(Errno::ESRCH)? };
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
