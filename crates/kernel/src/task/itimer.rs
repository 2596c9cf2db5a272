//! Interval timers and POSIX timers of a process, armed on the kernel's deadlines.
//!
//! A timer on CPU time cannot run out before as much time has passed, so that it is looked at then, and again until it has.

use super::process::{Limit, Process, resource};
use super::timers::{self, Expire, TimerKey};
use super::{sched, signal, time};
use alloc::rc::{Rc, Weak};
use core::cell::Cell;
use ramet_kcore::cell::RefCell;
use ramet_kcore::clock::{Clock, SECOND, WallClock};
use ramet_kcore::signal::itimer::{IntervalTimer, Setting, Which};
use ramet_kcore::signal::pending::Queue;
use ramet_kcore::signal::posix_timer::PosixTimers;
use ramet_kcore::signal::{SigInfo, Signal};

/// A timer on CPU time is looked at no more often than this, ns.
const CPU_TICK: u64 = 1_000_000;

/// The timers of one process.
pub struct ProcessTimers {
    interval: [Cell<IntervalTimer>; 3],
    /// timer_create(2)'s.
    pub posix: RefCell<PosixTimers>,
    armed: Cell<Option<TimerKey>>,
    /// CPU time at which RLIMIT_CPU is looked at next, `u64::MAX`: never.
    cpu_limit: Cell<u64>,
}

impl ProcessTimers {
    /// None armed.
    pub fn new() -> Self {
        ProcessTimers {
            interval: [const { Cell::new(IntervalTimer::new()) }; 3],
            posix: RefCell::new(PosixTimers::new()),
            armed: Cell::new(None),
            cpu_limit: Cell::new(u64::MAX),
        }
    }

    /// A signal has been taken for delivery: if it is a timer's, the timer goes on, and the signal tells what was missed.
    pub fn taken(&self, process: &Process, info: &mut SigInfo) {
        let Some(id) = info.timer_id() else { return };
        let Ok(clock) = self.posix.borrow().clock(id) else { return };
        let now = read(process, clock);
        self.posix.borrow_mut().delivered(info, now);
        rearm(process);
    }
}

/// The time of a timer's clock, ns.
pub fn read(process: &Process, clock: Clock) -> u64 {
    match clock {
        Clock::Wall { clock: WallClock::Realtime, .. } => time::realtime(),
        Clock::Wall { clock: WallClock::Boottime, .. } => time::boottime(),
        Clock::Wall { .. } => time::monotonic(),
        Clock::Thread { tid, .. } => {
            let thread = if tid == 0 { Some(sched::current()) } else { process.thread(tid as i32) };
            thread.map_or(0, |thread| thread.cpu_time_now())
        }
        Clock::Process { .. } => process.cpu_time(),
    }
}

fn now_of(process: &Process, which: usize) -> u64 {
    if which == 0 { time::monotonic() } else { process.cpu_time() }
}

/// getitimer(2).
pub fn get(process: &Process, which: Which) -> Setting {
    let index = which as usize;
    process.timers.interval[index].get().get(now_of(process, index))
}

/// setitimer(2).
pub fn set(process: &Process, which: Which, new: Setting) -> Setting {
    let index = which as usize;
    let mut timer = process.timers.interval[index].get();
    let old = timer.set(now_of(process, index), new);
    process.timers.interval[index].set(timer);
    rearm(process);
    old
}

/// execve(2): POSIX timers do not outlive the program; interval timers do.
pub fn delete_posix(process: &Process) {
    process.timers.posix.replace(PosixTimers::new());
    rearm(process);
}

/// The process is over: nothing is armed any more.
pub fn stop(process: &Process) {
    for timer in &process.timers.interval {
        timer.set(IntervalTimer::new());
    }
    process.timers.cpu_limit.set(u64::MAX);
    delete_posix(process);
}

struct Alarm(Weak<Process>);

impl Expire for Alarm {
    fn expire(&self) {
        if let Some(process) = self.0.upgrade() {
            process.timers.armed.set(None);
            run(&process);
            rearm(&process);
        }
    }
}

/// Arms the kernel's deadline for the timer that runs out first.
pub fn rearm(process: &Process) {
    let mut left = u64::MAX;
    for (index, timer) in process.timers.interval.iter().enumerate() {
        if let Some(deadline) = timer.get().deadline() {
            let wait = deadline.saturating_sub(now_of(process, index));
            left = left.min(if index == 0 { wait } else { wait.max(CPU_TICK) });
        }
    }
    let posix = process.timers.posix.borrow();
    let wall = |clock: Clock| matches!(clock, Clock::Wall { .. }).then(|| read(process, clock));
    let cpu = |clock: Clock| (!matches!(clock, Clock::Wall { .. })).then(|| read(process, clock));
    left = left.min(posix.next_expiry(wall).unwrap_or(u64::MAX));
    left = left.min(posix.next_expiry(cpu).map_or(u64::MAX, |wait| wait.max(CPU_TICK)));
    drop(posix);
    let cpu_limit = process.timers.cpu_limit.get();
    if cpu_limit != u64::MAX {
        left = left.min(cpu_limit.saturating_sub(process.cpu_time()).max(CPU_TICK));
    }
    if let Some(key) = process.timers.armed.take() {
        timers::cancel(key);
    }
    if left != u64::MAX {
        let alarm = Rc::new(Alarm(process.me.clone()));
        process.timers.armed.set(Some(timers::add(time::monotonic().saturating_add(left), alarm)));
    }
}

/// RLIMIT_CPU may have changed.
pub fn limits_changed(process: &Process) {
    let Limit { soft, hard } = process.limits.borrow()[resource::CPU];
    // Linux takes 0 as 1.
    process.timers.cpu_limit.set(soft.min(hard).max(1).saturating_mul(SECOND));
    rearm(process);
}

/// SIGXCPU at the soft limit of CPU time and every second from then on, SIGKILL at the hard one (setrlimit(2)).
fn run_cpu_limit(process: &Process) {
    let used = process.cpu_time();
    if used < process.timers.cpu_limit.get() {
        return;
    }
    let hard = process.limits.borrow()[resource::CPU].hard;
    if used >= hard.max(1).saturating_mul(SECOND) {
        process.timers.cpu_limit.set(u64::MAX);
        process.kill(Signal::KILL.number() as i32);
        return;
    }
    process.timers.cpu_limit.set((used / SECOND + 1) * SECOND);
    // A standard signal always finds room.
    let _ = signal::send_process(process, SigInfo::kernel(Signal::XCPU));
}

fn run(process: &Rc<Process>) {
    run_cpu_limit(process);
    for (index, which) in [Which::Real, Which::Virtual, Which::Prof].into_iter().enumerate() {
        let mut timer = process.timers.interval[index].get();
        if timer.expire(now_of(process, index)) {
            process.timers.interval[index].set(timer);
            let info = SigInfo::kernel(which.signal());
            // A standard signal always finds room.
            let _ = signal::send_process(process, info);
        }
    }
    let fired = process.timers.posix.borrow_mut().expire(|clock| Some(read(process, clock)));
    for expiry in fired {
        let queued = |queue: &RefCell<Queue>| queue.borrow().has_timer(expiry.timer);
        let sent = match expiry.thread {
            Some(tid) => match process.thread(tid) {
                Some(thread) => signal::send_thread(&thread, expiry.info).map(|()| queued(&thread.pending)),
                None => Ok(false),
            },
            None => signal::send_process(process, expiry.info).map(|()| queued(&process.pending)),
        };
        if !matches!(sent, Ok(true)) {
            // Ignored, merged or refused: the timer goes on.
            if let Ok(clock) = process.timers.posix.borrow().clock(expiry.timer) {
                let now = read(process, clock);
                drop_posix(process, expiry.timer, now);
            }
        }
    }
}

fn drop_posix(process: &Process, id: i32, now: u64) {
    if let Ok(mut timers) = process.timers.posix.try_borrow_mut() {
        timers.dropped(id, now);
    }
}
