//! Signals: sigaction(2), sigprocmask(2), kill(2), sigwaitinfo(2) and their relatives.

use super::Call;
use super::time::read_timespec;
use crate::arch::user;
use crate::task::family::{Facts, elsewhere};
use crate::task::process::{self, Process};
use crate::task::sched::{self, Woken, work};
use crate::task::thread::Thread;
use crate::task::{signal, time};
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::signal::action::{ACTION_SIZE, Action};
use ramet_kcore::signal::altstack::{AltStack, STACK_T_SIZE};
use ramet_kcore::signal::info::{SIGINFO_SIZE, code};
use ramet_kcore::signal::set::change_mask;
use ramet_kcore::signal::{SigInfo, SigSet, Signal, pending};

fn signal_number(number: i32) -> Result<Signal> {
    Signal::new(number as i64).ok_or(Errno::EINVAL)
}

/// A sigset_t argument, whose size must be the kernel's.
///
/// # Errors
/// EINVAL, EFAULT.
pub fn read_set(at: usize, size: usize) -> Result<SigSet> {
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    user::read_u64(at).map(SigSet)
}

/// rt_sigaction(2).
pub fn rt_sigaction(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(3) != 8 {
        return Err(Errno::EINVAL);
    }
    let new = if call.arg(1) == 0 {
        None
    } else {
        let mut bytes = [0; ACTION_SIZE];
        user::read(call.arg(1), &mut bytes)?;
        Some(Action::decode(&bytes))
    };
    let signal = signal_number(call.int(0))?;
    let thread = sched::current();
    let process = &thread.process;
    let old = *process.dispositions.borrow().get(signal);
    if let Some(new) = new {
        let mut dispositions = process.dispositions.borrow_mut();
        dispositions.set(signal, new)?;
        if dispositions.ignores(signal) {
            let gone = SigSet::of(signal);
            process.pending.borrow_mut().discard(gone, &process.signal_limit);
            for other in process.threads.borrow().iter() {
                other.pending.borrow_mut().discard(gone, &process.signal_limit);
            }
        }
    }
    if new.is_some() && signal == Signal::CHLD {
        elsewhere().describe(process, Facts::ChildSignal);
    }
    if call.arg(2) != 0 {
        user::write(call.arg(2), &old.encode())?;
    }
    Ok(0)
}

/// rt_sigprocmask(2).
pub fn rt_sigprocmask(call: &mut Call<'_>) -> Result<i64> {
    if call.arg(3) != 8 {
        return Err(Errno::EINVAL);
    }
    sched::with_current(|thread| {
        let old = thread.mask.get();
        if call.arg(1) != 0 {
            let set = read_set(call.arg(1), 8)?;
            thread.mask.set(change_mask(old, call.int(0), set)?);
            sched::request(work::SIGNAL);
        }
        if call.arg(2) != 0 {
            user::write_u64(call.arg(2), old.0)?;
        }
        Ok(0)
    })
}

/// rt_sigpending(2).
pub fn rt_sigpending(call: &mut Call<'_>) -> Result<i64> {
    let size = call.arg(1);
    if size > 8 {
        return Err(Errno::EINVAL);
    }
    let set = sched::with_current(|thread| {
        let all = thread.pending.borrow().set().or(thread.process.pending.borrow().set());
        all.and(thread.mask.get())
    });
    user::write(call.arg(0), &set.0.to_le_bytes()[..size])?;
    Ok(0)
}

/// sigaltstack(2).
pub fn sigaltstack(call: &mut Call<'_>) -> Result<i64> {
    let rsp = call.frame.rsp;
    sched::with_current(|thread| {
        let old = thread.alternate_stack.borrow().report(rsp);
        if call.arg(0) != 0 {
            let mut bytes = [0; STACK_T_SIZE];
            user::read(call.arg(0), &mut bytes)?;
            thread.alternate_stack.borrow_mut().change(AltStack::decode(&bytes), rsp)?;
        }
        if call.arg(1) != 0 {
            user::write(call.arg(1), &old)?;
        }
        Ok(0)
    })
}

/// Whether `sender` may signal a process of `target`'s owner (kill(2)): the same user, or root.
fn may_signal(sender: &Thread, target: &Thread) -> bool {
    let (sender, target) = (sender.credentials.borrow(), target.credentials.borrow());
    sender.euid == 0
        || sender.euid == target.uid
        || sender.euid == target.suid
        || sender.uid == target.uid
        || sender.uid == target.suid
}

fn sender_info(signal: Signal, code: i32) -> SigInfo {
    sched::with_current(|thread| {
        SigInfo::kill(signal, code, thread.process.pid.get(), thread.credentials.borrow().uid)
    })
}

/// Whether `sender` may signal `target` (kill(2)): the same user, or root; SIGCONT within the session.
fn may_signal_process(sender: &Thread, target: &Process, number: i32) -> bool {
    let owner = target.threads.borrow().first().cloned();
    // Nobody is told anything after the end.
    owner.is_none_or(|owner| may_signal(sender, &owner))
        || number == Signal::CONT.number() as i32 && sender.process.session == target.session
}

/// Sends to those of `targets` that may be sent to; without `info` it only asks. EPERM if there are only others, ESRCH without any.
fn send_to_all(targets: &[Rc<Process>], number: i32, info: Option<SigInfo>) -> Result<()> {
    let sender = sched::current();
    let mut result = Err(Errno::ESRCH);
    for target in targets {
        let sent = if !may_signal_process(&sender, target, number) {
            Err(Errno::EPERM)
        } else {
            info.map_or(Ok(()), |info| signal::send_process(target, info))
        };
        // One that could be told is enough.
        result = if result.is_ok() { Ok(()) } else { sent };
    }
    result
}

/// kill(2).
pub fn kill(call: &mut Call<'_>) -> Result<i64> {
    let (pid, number) = (call.int(0), call.int(1));
    let process = sched::with_current(|thread| thread.process.clone());
    if pid == i32::MIN {
        return Err(Errno::ESRCH);
    }
    if !(0..=64).contains(&number) {
        return Err(Errno::EINVAL);
    }
    let (targets, is_one) = match pid {
        0 => (process::group(process.group.get()), false),
        // Everybody but the sender.
        -1 => {
            let others = process::all().into_iter().filter(|other| !Rc::ptr_eq(other, &process));
            (others.collect(), false)
        }
        group if group < -1 => (process::group(-group), false),
        pid => (process::of_id(pid).into_iter().collect(), true),
    };
    let info = if number == 0 { None } else { Some(sender_info(signal_number(number)?, code::SI_USER)) };
    let here = send_to_all(&targets, number, info);
    if is_one && !targets.is_empty() {
        return here.map(|()| 0);
    }
    let target = if pid == 0 { -process.group.get() } else { pid };
    match (here, elsewhere().kill(target, info.as_ref())) {
        (Ok(()), _) | (_, Ok(())) => Ok(0),
        (Err(Errno::ESRCH), Err(error)) | (Err(error), _) => Err(error),
    }
}

fn send_to_thread(
    group: Option<i32>,
    tid: i32,
    number: i32,
    info: impl FnOnce(Signal) -> SigInfo,
) -> Result<i64> {
    if tid <= 0 || group.is_some_and(|group| group <= 0) {
        return Err(Errno::EINVAL);
    }
    let sender = sched::current();
    let target = process::find_thread(tid).filter(|target| {
        // After the VM has become a clone, its first thread keeps the id that libraries know it by.
        let process = &target.process;
        group.is_none_or(|group| group == process.pid.get() || process.thread(group).is_some())
    });
    if !(0..=64).contains(&number) {
        return Err(Errno::EINVAL);
    }
    let Some(target) = target else {
        // Who has ended, and has not been waited for, takes any signal.
        let ended = process::find(tid).filter(|_| group.is_none_or(|group| group == tid));
        if ended.is_some_and(|process| process.family.remains.borrow().is_some()) {
            return Ok(0);
        }
        let info = if number == 0 { None } else { Some(info(signal_number(number)?)) };
        return elsewhere().kill_thread(group, tid, info.as_ref()).map(|()| 0);
    };
    if !may_signal(&sender, &target) {
        return Err(Errno::EPERM);
    }
    if number != 0 {
        signal::send_thread(&target, info(signal_number(number)?))?;
    }
    Ok(0)
}

/// tkill(2).
pub fn tkill(call: &mut Call<'_>) -> Result<i64> {
    send_to_thread(None, call.int(0), call.int(1), |signal| sender_info(signal, code::SI_TKILL))
}

/// tgkill(2).
pub fn tgkill(call: &mut Call<'_>) -> Result<i64> {
    send_to_thread(Some(call.int(0)), call.int(1), call.int(2), |signal| sender_info(signal, code::SI_TKILL))
}

fn read_info(number: i32, at: usize) -> Result<SigInfo> {
    const FIELDS: usize = 48;
    let mut bytes = [0; SIGINFO_SIZE];
    user::read(at, &mut bytes[..FIELDS])?;
    // What lies behind the fields counts only when Linux does not know what the code means.
    let rest = user::read(at.wrapping_add(FIELDS), &mut bytes[FIELDS..]);
    if rest.is_err() {
        bytes[FIELDS..].fill(1);
    }
    // Signal 0 only asks whether the process exists.
    let signal = Signal::new(number.max(1) as i64).ok_or(Errno::EINVAL)?;
    SigInfo::from_user(signal, &bytes).map_err(|error| rest.err().unwrap_or(error))
}

/// rt_sigqueueinfo(2).
pub fn rt_sigqueueinfo(call: &mut Call<'_>) -> Result<i64> {
    let info = read_info(call.int(1), call.arg(2))?;
    let (pid, number) = (call.int(0), call.int(1));
    may_queue(pid, &info)?;
    send_one(pid, number, Some(info)).map(|()| 0)
}

/// Sends to the process with that id; without `info`, as kill(2).
///
/// # Errors
/// ESRCH, EPERM, EINVAL, EAGAIN.
pub fn send_one(pid: i32, number: i32, info: Option<SigInfo>) -> Result<()> {
    let info = match (number, info) {
        (0, _) => None,
        (number, None) => Some(sender_info(signal_number(number)?, code::SI_USER)),
        (_, info) => info,
    };
    match process::of_id(pid) {
        Some(process) => send_to_all(&[process], number, info),
        None => elsewhere().kill(pid, info.as_ref()),
    }
}

/// The siginfo_t at `at` for a signal to process `pid`.
///
/// # Errors
/// EFAULT; EINVAL: no such signal; EPERM: only the kernel says such a thing.
pub fn read_queued(pid: i32, number: i32, at: usize) -> Result<SigInfo> {
    let info = read_info(number, at)?;
    may_queue(pid, &info)?;
    Ok(info)
}

/// Nobody but the process itself may be told what only the kernel and kill(2) say (rt_sigqueueinfo(2)).
fn may_queue(pid: i32, info: &SigInfo) -> Result<()> {
    let own =
        sched::with_current(|thread| thread.process.pid.get() == pid || thread.process.thread(pid).is_some());
    let reserved = info.code() >= 0 || info.code() == code::SI_TKILL;
    if reserved && !own { Err(Errno::EPERM) } else { Ok(()) }
}

/// rt_tgsigqueueinfo(2).
pub fn rt_tgsigqueueinfo(call: &mut Call<'_>) -> Result<i64> {
    let info = read_info(call.int(2), call.arg(3))?;
    may_queue(call.int(0), &info)?;
    send_to_thread(Some(call.int(0)), call.int(1), call.int(2), |_| info)
}

/// rt_sigtimedwait(2).
pub fn rt_sigtimedwait(call: &mut Call<'_>) -> Result<i64> {
    let wanted = read_set(call.arg(0), call.arg(3))?.blockable();
    let deadline = match call.arg(2) {
        0 => None,
        at => Some(time::monotonic().saturating_add(read_timespec(at)?)),
    };
    let thread = sched::current();
    thread.woken.set(false);
    let process = thread.process.clone();
    let take = || {
        let info = pending::take_in(
            &mut thread.pending.borrow_mut(),
            &mut process.pending.borrow_mut(),
            wanted,
            &process.signal_limit,
        );
        info.map(|mut info| {
            process.timers.taken(&process, &mut info);
            info
        })
    };
    let found = loop {
        if let Some(info) = take() {
            break info;
        }
        // While it waits the signals count as not blocked for those who choose a thread.
        thread.awaited.set(wanted);
        let woken = sched::sleep(deadline);
        thread.awaited.set(SigSet::EMPTY);
        match woken {
            Ok(Woken::Event) => {}
            Ok(Woken::Deadline) => break take().ok_or(Errno::EAGAIN)?,
            Err(_) => break take().ok_or(Errno::EINTR)?,
        }
    };
    if call.arg(1) != 0 {
        user::write(call.arg(1), &found.to_user())?;
    }
    Ok(found.signal().number() as i64)
}

/// Sleeps until a signal's handler has run, with `mask` until then.
fn suspend(mask: Option<SigSet>) -> Result<i64> {
    let thread = sched::current();
    thread.woken.set(false);
    if let Some(mask) = mask {
        thread.saved_mask.set(Some(thread.mask.get()));
        thread.mask.set(mask.blockable());
    }
    loop {
        if sched::sleep(None).is_err() {
            return Err(Errno::ERESTARTNOHAND);
        }
    }
}

/// rt_sigsuspend(2).
pub fn rt_sigsuspend(call: &mut Call<'_>) -> Result<i64> {
    let mask = read_set(call.arg(0), call.arg(1))?;
    suspend(Some(mask))
}

/// pause(2).
pub fn pause(_: &mut Call<'_>) -> Result<i64> {
    suspend(None)
}
