//! One thread of the program: what the kernel keeps for it.

use super::process::Process;
use super::timers::Expire;
use crate::arch::cpu;
use crate::arch::frame::Frame;
use crate::arch::xsave;
use alloc::boxed::Box;
use alloc::rc::{Rc, Weak};
use core::cell::{Cell, UnsafeCell};
use ramet_kcore::cell::RefCell;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::signal::SigSet;
use ramet_kcore::signal::altstack::AltStack;
use ramet_kcore::signal::frame::Trap;
use ramet_kcore::signal::pending::Queue;
use ramet_kcore::wait::{Events, Wake};

/// Bytes of a kernel stack.
const STACK_SIZE: usize = 32 << 10;
/// At the far end of a kernel stack; if it changes, the stack was too small.
const CANARY: u64 = 0x52_616d_6574_5374;

/// Where a thread is: see the diagram in [`super`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Not started yet.
    New,
    /// In the run queue.
    Runnable,
    /// On the vCPU.
    Running,
    /// Sleeping.
    Blocked,
    /// Gone.
    Dead,
}

#[repr(C, align(64))]
struct Stack([u64; STACK_SIZE / 8]);

/// When a thread is told of an error in its memory: the numbers of PR_MCE_KILL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryErrors {
    /// At its next access.
    Late = 0,
    /// At once.
    Early = 1,
    /// As the system has it.
    Default = 2,
}

/// A thread.
pub struct Thread {
    me: Weak<Thread>,
    /// Thread id (gettid(2)).
    pub tid: Cell<i32>,
    /// What it shares with the other threads of its process.
    pub process: Rc<Process>,
    /// Where it is.
    pub state: Cell<State>,
    /// Set by wake-ups, taken by [`super::sched::sleep`].
    pub woken: Cell<bool>,
    /// Set by the deadline of a sleep.
    pub timed_out: Cell<bool>,
    /// Credentials, per thread as in Linux.
    pub credentials: RefCell<Rc<Credentials>>,
    /// Blocked signals.
    pub mask: Cell<SigSet>,
    /// The mask to restore after the handler, while sigsuspend(2) and its like wait.
    pub saved_mask: Cell<Option<SigSet>>,
    /// Signals sent to this thread.
    pub pending: RefCell<Queue>,
    /// The set that sigtimedwait(2) waits for.
    pub awaited: Cell<SigSet>,
    /// The last exception, shown in signal frames.
    pub trap: Cell<Trap>,
    /// sigaltstack(2).
    pub alternate_stack: RefCell<AltStack>,
    /// set_tid_address(2).
    pub clear_child_tid: Cell<usize>,
    /// set_robust_list(2): head and length.
    pub robust_list: Cell<(usize, usize)>,
    /// prctl(PR_SET_NAME).
    pub name: Cell<[u8; 16]>,
    /// prctl(PR_SET_TIMERSLACK), ns.
    pub timer_slack: Cell<u64>,
    /// PR_MCE_KILL.
    pub memory_errors: Cell<MemoryErrors>,
    /// Policy and priorities.
    pub scheduling: Cell<crate::syscalls::scheduling::Scheduling>,
    /// The thread must end instead of returning to the program.
    pub dying: Cell<bool>,
    /// CPU time used, ns, up to when it last got the vCPU, and that time.
    pub cpu_time: Cell<(u64, u64)>,
    /// Vector state while another thread runs; also where signal frames take it from.
    pub vectors: RefCell<xsave::Area>,
    /// What it does first of all, instead of returning to the program with its frame as it is.
    pub begins: Cell<Option<fn(&mut Frame)>>,
    fs_base: Cell<u64>,
    gs_base: Cell<u64>,
    stack: Box<UnsafeCell<Stack>>,
    saved_stack: UnsafeCell<usize>,
}

unsafe extern "C" {
    fn thread_start();
}

impl Thread {
    /// A thread that will return to the program with `frame`, and with the vector state given.
    pub fn new(
        tid: i32,
        process: Rc<Process>,
        credentials: Rc<Credentials>,
        frame: &Frame,
        vectors: xsave::Area,
        fs_base: u64,
        gs_base: u64,
    ) -> Rc<Thread> {
        let layout = core::alloc::Layout::new::<Stack>();
        // SAFETY: the layout is not of size zero; zeroed memory is a valid Stack.
        let stack = unsafe {
            let memory = alloc::alloc::alloc(layout);
            assert!(!memory.is_null(), "no memory for a kernel stack");
            Box::from_raw(memory.cast::<UnsafeCell<Stack>>())
        };
        let base = stack.get() as usize;
        let frame_at = base + STACK_SIZE - size_of::<Frame>();
        // SAFETY: all within the new stack, which nobody else uses.
        unsafe {
            *(base as *mut u64) = CANARY;
            *(frame_at as *mut Frame) = *frame;
            // What switch_stacks pops: six registers and the return address. The call in thread_start wants RSP 16-aligned.
            let registers = frame_at - 16 - 7 * 8;
            core::ptr::write_bytes(registers as *mut u64, 0, 6);
            *((registers + 6 * 8) as *mut u64) = thread_start as *const () as u64;
            Rc::new_cyclic(|me| Thread {
                me: me.clone(),
                tid: Cell::new(tid),
                process,
                state: Cell::new(State::New),
                woken: Cell::new(false),
                timed_out: Cell::new(false),
                credentials: RefCell::new(credentials),
                mask: Cell::new(SigSet::EMPTY),
                saved_mask: Cell::new(None),
                pending: RefCell::new(Queue::new()),
                awaited: Cell::new(SigSet::EMPTY),
                trap: Cell::new(Trap::default()),
                alternate_stack: RefCell::new(AltStack::default()),
                clear_child_tid: Cell::new(0),
                robust_list: Cell::new((0, 0)),
                name: Cell::new([0; 16]),
                timer_slack: Cell::new(50_000),
                memory_errors: Cell::new(MemoryErrors::Default),
                scheduling: Cell::default(),
                dying: Cell::new(false),
                cpu_time: Cell::new((0, 0)),
                vectors: RefCell::new(vectors),
                begins: Cell::new(None),
                fs_base: Cell::new(fs_base),
                gs_base: Cell::new(gs_base),
                stack,
                saved_stack: UnsafeCell::new(registers),
            })
        }
    }

    /// The value of `KERNEL_STACK` while this thread runs: `entry.rs` pushes from here.
    pub fn stack_top(&self) -> u64 {
        (self.stack.get() as usize + STACK_SIZE - 8) as u64
    }

    /// The frame that it returns to the program with for the first time.
    pub(super) fn first_frame(&self) -> *mut Frame {
        (self.stack.get() as usize + STACK_SIZE - size_of::<Frame>()) as *mut Frame
    }

    /// Where `switch_stacks` saves.
    pub(super) fn saved_stack(&self) -> *mut usize {
        self.saved_stack.get()
    }

    /// What `switch_stacks` loads.
    pub(super) fn saved_stack_value(&self) -> usize {
        // SAFETY: only written by switch_stacks while the thread leaves the vCPU.
        unsafe { *self.saved_stack.get() }
    }

    /// Saves what the vCPU holds for this thread.
    pub(super) fn leave(&self) {
        // SAFETY: the first word of our own stack.
        assert!(unsafe { *(self.stack.get() as *const u64) } == CANARY, "a kernel stack was too small");
        self.vectors.borrow_mut().save();
        self.fs_base.set(cpu::read_fs_base());
        self.gs_base.set(cpu::read_gs_base());
        self.pause_cpu_time();
    }

    /// The time since it got the vCPU is counted.
    pub fn pause_cpu_time(&self) {
        let (used, since) = self.cpu_time.get();
        let now = super::time::monotonic();
        self.cpu_time.set((used + now.saturating_sub(since), now));
    }

    /// It has the vCPU from now on.
    pub fn resume_cpu_time(&self) {
        let (used, _) = self.cpu_time.get();
        self.cpu_time.set((used, super::time::monotonic()));
    }

    /// Loads the vCPU with this thread's state.
    pub(super) fn enter(&self) {
        cpu::write_fs_base(self.fs_base.get());
        cpu::write_gs_base(self.gs_base.get());
        self.resume_cpu_time();
        crate::arch::site::set_thread(self);
        self.vectors.borrow().restore();
    }

    /// CPU time used so far, ns. For the running thread: including its present turn.
    pub fn cpu_time_now(&self) -> u64 {
        let (used, since) = self.cpu_time.get();
        if self.state.get() == State::Running {
            used + super::time::monotonic().saturating_sub(since)
        } else {
            used
        }
    }

    /// Whether a signal waits that is to be handled before any sleep, or the thread must end.
    pub fn must_not_sleep(&self) -> bool {
        self.dying.get() || super::signal::has_deliverable(self)
    }
}

impl Thread {
    /// Ends a sleep.
    pub fn make_runnable(&self) {
        if let Some(me) = self.me.upgrade() {
            super::sched::make_runnable(&me);
        }
    }
}

impl Wake for Thread {
    fn wake(&self, _: Events) {
        self.woken.set(true);
        self.make_runnable();
    }
}

impl Expire for Thread {
    fn expire(&self) {
        self.timed_out.set(true);
        self.make_runnable();
    }
}
