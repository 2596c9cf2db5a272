//! The scheduler: round robin over runnable threads, time slices of 4 ms, sleeping.
//!
//! Arming the VMM's timer costs an exit, so that it is armed lazily: never when the vCPU is about to sleep (the sleep has a
//! deadline of its own), and for time slices only once per slice, however often threads switch within it. Nor does it come again
//! before the program has had as much time as a tick takes ([`Pace`]): timers with short periods are late then, not lost.

use super::thread::{State, Thread};
use super::{time, timers};
use crate::arch::hypercall;
use crate::global::Global;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use core::cell::Cell;
use core::sync::atomic::Ordering::{AcqRel, Acquire};
use ramet_abi::hypercall as number;
use ramet_abi::mailbox::event;
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::timer::Pace;
use ramet_kcore::wait::{Events, WaitKey, WaitQueue};

/// A thread's turn while others wait, ns.
pub const SLICE: u64 = 4_000_000;

struct Scheduler {
    queue: RefCell<VecDeque<Rc<Thread>>>,
    current: RefCell<Option<Rc<Thread>>>,
    /// The thread that has just left for good: its stack may be freed once another runs.
    dead: RefCell<Option<Rc<Thread>>>,
    /// When the VMM's timer will come, `u64::MAX`: never.
    armed: Cell<u64>,
    pace: Cell<Pace>,
    /// The current thread's turn is over at this time, if anybody waits.
    slice_end: Cell<u64>,
    idle: Cell<bool>,
    switches: Cell<u64>,
}

static SCHEDULER: Global<Scheduler> = Global::new(Scheduler {
    queue: RefCell::new(VecDeque::new()),
    current: RefCell::new(None),
    dead: RefCell::new(None),
    armed: Cell::new(u64::MAX),
    pace: Cell::new(Pace::new()),
    slice_end: Cell::new(0),
    idle: Cell::new(false),
    switches: Cell::new(0),
});

unsafe extern "C" {
    static mut KERNEL_STACK: u64;
    static mut EXIT_WORK: u64;
    fn switch_stacks(save: *mut usize, load: usize);
}

/// Bits of `EXIT_WORK`: what is to be looked at before the program runs again.
pub mod work {
    /// A signal may be deliverable to the current thread, or it must die.
    pub const SIGNAL: u64 = 1;
    /// Another thread's turn.
    pub const RESCHEDULE: u64 = 2;
    /// The earliest deadline may be earlier than what the VMM's timer is set to.
    pub const ARM: u64 = 4;
    /// The frame was changed: leave through `exit_full`.
    pub const FULL: u64 = 8;
}

/// Asks for work on the way out.
pub fn request(bits: u64) {
    // SAFETY: one vCPU, the kernel is not preempted.
    unsafe { EXIT_WORK |= bits }
}

/// Takes the requests.
pub fn take_requests() -> u64 {
    // SAFETY: as `request`.
    unsafe {
        let requests = EXIT_WORK;
        EXIT_WORK = 0;
        requests
    }
}

/// Whether the program may run.
pub fn nothing_requested() -> bool {
    // SAFETY: as `request`.
    let requests = unsafe { EXIT_WORK };
    requests == 0 && hypercall::mailbox().events.load(Acquire) == 0
}

#[cold]
#[inline(never)]
fn nobody_runs() -> ! {
    panic!("no thread is running")
}

/// The running thread.
///
/// # Panics
/// Before the first thread runs.
pub fn current() -> Rc<Thread> {
    SCHEDULER.current.borrow().clone().expect("a thread is running")
}

/// Runs `f` on the running thread without touching its reference count.
pub fn with_current<R>(f: impl FnOnce(&Thread) -> R) -> R {
    let pointer: *const Thread = match &*SCHEDULER.current.borrow() {
        Some(thread) => Rc::as_ptr(thread),
        None => nobody_runs(),
    };
    // SAFETY: the running thread is kept alive by `current` (or `dead`) until it has left its stack, and `f` runs on it.
    f(unsafe { &*pointer })
}

/// Whether a thread runs (false during boot).
pub fn is_running() -> bool {
    SCHEDULER.current.borrow().is_some()
}

/// Context switches since boot.
pub fn switches() -> u64 {
    SCHEDULER.switches.get()
}

/// Runnable threads, the running one included.
pub fn runnable() -> usize {
    SCHEDULER.queue.borrow().len() + 1
}

/// Makes a blocked (or new) thread runnable. Nothing happens if it runs or is queued already.
pub fn make_runnable(thread: &Rc<Thread>) {
    match thread.state.get() {
        State::Blocked | State::New => {
            thread.state.set(State::Runnable);
            SCHEDULER.queue.borrow_mut().push_back(thread.clone());
            want_tick();
        }
        State::Runnable | State::Running | State::Dead => {}
    }
}

fn want_tick() {
    if !SCHEDULER.idle.get() {
        request(work::ARM);
    }
}

/// A deadline was added: the VMM's timer may have to come earlier.
pub fn timer_added() {
    if !SCHEDULER.idle.get() && timers::next_deadline() < SCHEDULER.armed.get() {
        request(work::ARM);
    }
}

/// Sets the VMM's timer to the earliest of deadlines and slice end, if that is earlier than what it is set to.
pub fn arm() {
    let mut wanted = timers::next_deadline();
    if !SCHEDULER.queue.borrow().is_empty() {
        // A tick within a slice's length from now will do, whoever's it is.
        let latest = time::monotonic() + SLICE;
        if SCHEDULER.armed.get() > latest {
            wanted = wanted.min(latest);
        }
    }
    if wanted == u64::MAX {
        return;
    }
    let mut pace = SCHEDULER.pace.get();
    let wanted = wanted.max(pace.earliest());
    if wanted < SCHEDULER.armed.get() {
        SCHEDULER.armed.set(wanted);
        let before = time::monotonic();
        hypercall::call(number::SET_TIMER, &[wanted]);
        pace.armed(time::monotonic().saturating_sub(before));
        SCHEDULER.pace.set(pace);
    }
}

/// Takes what the VMM has to say.
pub fn take_events() {
    let mailbox = hypercall::mailbox();
    let events = mailbox.events.swap(0, AcqRel);
    if events == 0 {
        return;
    }
    if events & event::CLONED != 0 {
        crate::boot::clone::became_clone();
    }
    if events & event::TIMER != 0 {
        let mut pace = SCHEDULER.pace.get();
        pace.ticked(SCHEDULER.armed.replace(u64::MAX), time::monotonic());
        SCHEDULER.pace.set(pace);
        timers::run_expired();
        if time::monotonic() >= SCHEDULER.slice_end.get() && !SCHEDULER.queue.borrow().is_empty() {
            request(work::RESCHEDULE);
        }
        request(work::ARM);
    }
    if events & event::SIGNAL != 0 {
        let mut signals = mailbox.signals.swap(0, AcqRel);
        while signals != 0 {
            let signal = signals.trailing_zeros() + 1;
            signals &= signals - 1;
            super::signal::from_outside(signal as i32);
        }
    }
    if events & (event::INPUT | event::OUTPUT_ROOM | event::WINDOW_SIZE) != 0 {
        crate::fs::console::on_events(events);
    }
    if events & event::EXEC != 0 {
        super::enter::asked();
    }
    if events & event::SESSION != 0 {
        crate::session::on_events();
    }
}

/// Gives the vCPU to the next thread; returns when this one runs again.
fn schedule() {
    loop {
        let next = SCHEDULER.queue.borrow_mut().pop_front();
        if let Some(next) = next {
            switch_to(next);
            return;
        }
        idle();
    }
}

fn idle() {
    let mailbox = hypercall::mailbox();
    SCHEDULER.idle.set(true);
    // Read before looking for work: the VMM does not sleep if it has changed since.
    let sequence = mailbox.sequence.load(Acquire);
    take_events();
    timers::run_expired();
    if SCHEDULER.queue.borrow().is_empty() {
        // The thread whose stack this is does not use the CPU meanwhile.
        with_current(Thread::pause_cpu_time);
        hypercall::call(number::WAIT, &[sequence as u64, timers::next_deadline()]);
        with_current(Thread::resume_cpu_time);
        take_events();
        timers::run_expired();
    }
    SCHEDULER.idle.set(false);
}

fn switch_to(next: Rc<Thread>) {
    let previous = SCHEDULER.current.replace(Some(next.clone()));
    next.state.set(State::Running);
    if !SCHEDULER.queue.borrow().is_empty() {
        SCHEDULER.slice_end.set(time::monotonic() + SLICE);
    }
    let Some(previous) = previous else {
        panic!("the first thread is started by start_first");
    };
    if Rc::ptr_eq(&previous, &next) {
        // What came while nobody ran may have brought a signal after what woke it.
        request(work::SIGNAL);
        return;
    }
    SCHEDULER.switches.set(SCHEDULER.switches.get() + 1);
    previous.leave();
    next.enter();
    // SAFETY: one vCPU; the stack top belongs to `next`, which lives while it is current.
    unsafe { KERNEL_STACK = next.stack_top() };
    let save = previous.saved_stack();
    let load = next.saved_stack_value();
    if previous.state.get() == State::Dead {
        SCHEDULER.dead.replace(Some(previous));
    } else {
        drop(previous);
    }
    drop(next);
    request(work::SIGNAL | work::ARM);
    // SAFETY: `save` belongs to the thread that runs now, which is kept alive by whoever will wake it or by `dead`; `load` is
    // what an earlier switch saved, or a new thread's prepared stack.
    unsafe { switch_stacks(save, load) };
    // Another time, on this thread's stack again.
    SCHEDULER.dead.replace(None);
}

/// Called first thing on a new thread's stack.
#[unsafe(no_mangle)]
extern "C" fn thread_started() {
    SCHEDULER.dead.replace(None);
    request(work::SIGNAL);
    let thread = current();
    if let Some(begin) = thread.begins.take() {
        // SAFETY: the frame is at the top of this thread's stack, above everything that has been pushed since it started.
        begin(unsafe { &mut *thread.first_frame() });
    }
}

/// Starts the first thread. Does not return: the boot stack is left for good.
pub fn start_first(thread: Rc<Thread>) -> ! {
    thread.state.set(State::Running);
    thread.enter();
    let load = thread.saved_stack_value();
    // SAFETY: as in `switch_to`.
    unsafe { KERNEL_STACK = thread.stack_top() };
    SCHEDULER.current.replace(Some(thread));
    let mut boot_stack = 0;
    // SAFETY: the thread's stack is prepared; the boot stack is never used again.
    unsafe { switch_stacks(&mut boot_stack, load) };
    unreachable!("the boot stack was left");
}

/// Lets the others run first (sched_yield(2), end of a time slice).
pub fn yield_now() {
    if SCHEDULER.queue.borrow().is_empty() {
        return;
    }
    let thread = current();
    thread.state.set(State::Runnable);
    SCHEDULER.queue.borrow_mut().push_back(thread);
    schedule();
}

/// Ends the running thread; it must have been taken off every list.
pub fn leave_for_good() -> ! {
    with_current(|thread| thread.state.set(State::Dead));
    schedule();
    unreachable!("a dead thread ran");
}

/// Why a sleep ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// Somebody woke the thread: look again at what it waits for.
    Event,
    /// The deadline came first.
    Deadline,
}

/// Blocks the running thread until it is woken through its waker, or `deadline` (CLOCK_MONOTONIC, ns) comes.
///
/// Register with the wait queues before the call, look again at the condition after it; nothing can happen in between.
///
/// # Errors
/// ERESTARTSYS when a signal is to be handled first.
pub fn sleep(deadline: Option<u64>) -> Result<Woken> {
    let thread = current();
    if thread.must_not_sleep() {
        return Err(Errno::ERESTARTSYS);
    }
    if thread.woken.take() {
        return Ok(Woken::Event);
    }
    thread.timed_out.set(false);
    let timer = deadline.map(|at| timers::add(at, thread.clone()));
    thread.state.set(State::Blocked);
    drop(thread);
    schedule();
    let thread = current();
    // A stopped process neither takes what has come nor gives up: it looks again when it goes on.
    super::signal::wait_while_stopped(&thread.process);
    if let Some(key) = timer {
        timers::cancel(key);
    }
    if thread.woken.take() {
        Ok(Woken::Event)
    } else if thread.timed_out.take() {
        Ok(Woken::Deadline)
    } else if thread.must_not_sleep() {
        // Whatever the call makes of it.
        request(work::SIGNAL);
        Err(Errno::ERESTARTSYS)
    } else {
        Ok(Woken::Event)
    }
}

/// Blocks the running thread until it is woken, whatever signals wait.
pub fn sleep_uninterrupted() {
    let thread = current();
    if thread.woken.take() {
        return;
    }
    thread.state.set(State::Blocked);
    drop(thread);
    schedule();
    with_current(|thread| thread.woken.set(false));
}

/// In the child of a fork: the running thread is the only one.
pub fn forget_others() {
    let gone = SCHEDULER.queue.take();
    SCHEDULER.dead.replace(None);
    drop(gone);
}

/// The clone's VMM has no timer armed yet.
pub fn clock_restarted() {
    SCHEDULER.armed.set(u64::MAX);
    request(work::ARM);
}

/// Repeats `attempt` until it says something else than EAGAIN, sleeping on `queue` in between.
///
/// # Errors
/// Those of `attempt`; EAGAIN when the deadline has come; ERESTARTSYS.
pub fn wait_for<T>(
    queue: &WaitQueue,
    events: Events,
    deadline: Option<u64>,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    loop {
        match attempt() {
            Err(Errno::EAGAIN) => {}
            other => return other,
        }
        let registration = Registration::new(queue, events);
        let woken = sleep(deadline)?;
        drop(registration);
        if woken == Woken::Deadline {
            return attempt();
        }
    }
}

/// The running thread's place in a wait queue, given up when dropped.
pub struct Registration<'a> {
    queue: &'a WaitQueue,
    key: WaitKey,
}

impl<'a> Registration<'a> {
    /// Registers the running thread; forgets earlier wake-ups.
    pub fn new(queue: &'a WaitQueue, events: Events) -> Self {
        let thread = current();
        thread.woken.set(false);
        Registration { queue, key: queue.add(events, thread) }
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        self.queue.remove(self.key);
    }
}
