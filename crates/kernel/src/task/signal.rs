//! Sending and delivering signals. The rules are `ramet_kcore::signal`'s; here they meet threads, registers and memory.

use super::family;
use super::process::{self, Process};
use super::sched::{self, work};
use super::thread::{State, Thread};
use crate::arch::frame::{FIXED_FLAGS, Frame};
use crate::arch::{cpu, user, xsave};
use crate::syscalls::ipc::signalfd;
use alloc::rc::Rc;
use ramet_kcore::errno::Result;
use ramet_kcore::family::What;
use ramet_kcore::signal::action::{Action, Outcome, SIG_DFL};
use ramet_kcore::signal::altstack::AltStack;
use ramet_kcore::signal::frame::{self as sigframe, Delivery, Trap};
use ramet_kcore::signal::set::DefaultAction;
use ramet_kcore::signal::xstate::Format;
use ramet_kcore::signal::{Registers, SigInfo, SigSet, Signal, pending, registers, restart, restore};
use ramet_kcore::wait::{Events, WaitQueue};

pub use ramet_kcore::signal::info::code::SI_KERNEL;

/// A fault as siginfo_t shows it.
pub struct FaultSignal {
    /// Signal number.
    pub signal: i32,
    /// si_code.
    pub code: i32,
    /// si_addr.
    pub address: u64,
}

/// Where threads of a stopped process wait for SIGCONT.
static CONTINUED: crate::global::Global<WaitQueue> = crate::global::Global::new(WaitQueue::new());

/// si_code of a floating-point exception, from the status words (fpe codes of sigaction(2)).
pub fn float_code(vector: u64) -> i32 {
    sched::with_current(|thread| {
        let mut area = thread.vectors.borrow_mut();
        area.save();
        let bytes = area.bytes();
        let flags = if vector == 16 {
            let control = u16::from_le_bytes([bytes[0], bytes[1]]);
            u16::from_le_bytes([bytes[2], bytes[3]]) & !control & 0x3f
        } else {
            let mxcsr = u32::from_le_bytes(bytes[24..28].try_into().expect("four bytes"));
            (mxcsr & !(mxcsr >> 7) & 0x3f) as u16
        };
        match flags {
            f if f & 1 != 0 => 7,
            f if f & 4 != 0 => 3,
            f if f & 8 != 0 => 4,
            f if f & 0x12 != 0 => 5,
            f if f & 0x20 != 0 => 6,
            _ => 0,
        }
    })
}

/// Whether a signal waits for this thread that interrupts sleeps.
pub fn has_deliverable(thread: &Thread) -> bool {
    pending::is_ready(&thread.pending.borrow(), &thread.process.pending.borrow(), thread.mask.get())
}

/// Whether a signal waits for this thread that will end its process.
pub fn has_fatal(thread: &Thread) -> bool {
    let process = &thread.process;
    let waiting = thread.pending.borrow().set().or(process.pending.borrow().set());
    let dispositions = process.dispositions.borrow();
    waiting.minus(thread.mask.get().blockable()).iter().any(|signal| {
        dispositions.get(signal).handler == SIG_DFL
            && matches!(signal.default_action(), DefaultAction::Terminate | DefaultAction::Core)
    })
}

/// Sends to the process as a whole: whichever thread does not block it takes it.
///
/// # Errors
/// EAGAIN as [`pending::Queue::add`].
pub fn send_process(process: &Process, info: SigInfo) -> Result<()> {
    let signal = info.signal();
    before_sending(process, signal);
    let threads = process.threads.borrow().clone();
    let open = |thread: &&Rc<Thread>| !thread.mask.get().contains(signal) && !waits_for(thread, signal);
    let taker = threads
        .iter()
        .filter(open)
        .find(|thread| thread.state.get() == State::Running)
        .or_else(|| threads.iter().find(open));
    let mask = taker.map_or(SigSet::ALL, |thread| thread.mask.get());
    if process.dispositions.borrow().drops(signal, mask)
        && !threads.iter().any(|thread| waits_for(thread, signal))
    {
        return Ok(());
    }
    process.pending.borrow_mut().add(info, &process.signal_limit)?;
    signalfd::signal_queued();
    // A thread that waits for exactly this signal, else one that does not block it.
    if let Some(thread) = threads.iter().find(|thread| waits_for(thread, signal)).or(taker) {
        disturb(thread);
    }
    Ok(())
}

/// Sends to one thread.
///
/// # Errors
/// EAGAIN as [`pending::Queue::add`].
pub fn send_thread(thread: &Rc<Thread>, info: SigInfo) -> Result<()> {
    let (process, signal) = (&thread.process, info.signal());
    before_sending(process, signal);
    if process.dispositions.borrow().drops(signal, thread.mask.get()) && !waits_for(thread, signal) {
        return Ok(());
    }
    thread.pending.borrow_mut().add(info, &process.signal_limit)?;
    signalfd::signal_queued();
    disturb(thread);
    Ok(())
}

/// In sigtimedwait(2) with this signal in its set.
fn waits_for(thread: &Thread, signal: Signal) -> bool {
    thread.awaited.get().contains(signal)
}

/// SIGCONT and stop signals act when they are sent: on each other, and on a stopped process.
fn before_sending(process: &Process, signal: Signal) {
    let threads = process.threads.borrow();
    let mut queues = process.pending.borrow_mut();
    pending::cancel_opposites(signal, &mut queues, &process.signal_limit);
    for thread in threads.iter() {
        pending::cancel_opposites(signal, &mut thread.pending.borrow_mut(), &process.signal_limit);
    }
    drop(threads);
    drop(queues);
    if (signal == Signal::CONT || signal == Signal::KILL) && process.stopped.replace(false) {
        CONTINUED.notify(Events::IN);
        if signal == Signal::CONT {
            family::report(process, What::Continued);
        }
    }
}

/// While the running thread's process is stopped, waits for SIGCONT or death; signals stay pending meanwhile.
pub fn wait_while_stopped(process: &Process) {
    while process.stopped.get() && !sched::with_current(|thread| thread.dying.get()) {
        let registration = sched::Registration::new(&CONTINUED, Events::IN);
        sched::sleep_uninterrupted();
        drop(registration);
    }
}

/// Makes the thread look at its signals soon.
fn disturb(thread: &Rc<Thread>) {
    match thread.state.get() {
        State::Blocked if has_deliverable(thread) || !thread.awaited.get().is_empty() => {
            thread.make_runnable()
        }
        State::Running => sched::request(work::SIGNAL),
        _ => {}
    }
}

/// A signal sent from outside the VM (`ramet kill`, ^C in the foreground).
pub fn from_outside(number: i32) {
    if let (Some(process), Some(signal)) = (process::first(), Signal::new(number as i64)) {
        // Only real-time signals can be refused; nobody is there to be told.
        let _ = send_process(&process, SigInfo::kernel(signal));
    }
}

/// A fault of the running thread: SIGSEGV and its like, which cannot be blocked or ignored.
pub fn fault(frame: &mut Frame, fault: FaultSignal, vector: u64, error: u64, address: u64) {
    let _ = frame;
    let thread = sched::current();
    thread.trap.set(Trap { number: vector, error, address });
    let signal = Signal::new(fault.signal as i64).expect("a fault's signal is one");
    force(&thread, SigInfo::fault(signal, fault.code, fault.address));
}

/// Sends a signal that the thread must take now: if it blocks or ignores it, the default action happens.
pub fn force(thread: &Rc<Thread>, info: SigInfo) {
    let signal = info.signal();
    let process = &thread.process;
    let blocked = thread.mask.get().contains(signal);
    if blocked || process.dispositions.borrow().ignores(signal) {
        process.dispositions.borrow_mut().force_default(signal);
        thread.mask.set(thread.mask.get().without(signal));
    }
    // A standard signal from the kernel always finds room.
    let _ = thread.pending.borrow_mut().add(info, &process.signal_limit);
    sched::request(work::SIGNAL);
}

/// What is to be done before the program runs again; `frame` then leaves through `exit_full`.
#[unsafe(no_mangle)]
extern "C" fn exit_work(frame: &mut Frame) {
    loop {
        let requests = sched::take_requests();
        sched::take_events();
        if requests & work::RESCHEDULE != 0 {
            sched::yield_now();
        }
        let thread = sched::current();
        if thread.dying.get() {
            drop(thread);
            super::exit::end_thread(0);
        }
        if thread.process.stopped.get() {
            wait_while_stopped(&thread.process);
            sched::request(work::SIGNAL);
            continue;
        }
        deliver(&thread, frame);
        if requests & work::ARM != 0 {
            sched::arm();
        }
        if sched::nothing_requested() {
            return;
        }
    }
}

/// Delivers one signal, if one is deliverable; otherwise settles an interrupted call and a temporary mask.
fn deliver(thread: &Rc<Thread>, frame: &mut Frame) {
    let process = &thread.process;
    loop {
        let info = pending::next(
            &mut thread.pending.borrow_mut(),
            &mut process.pending.borrow_mut(),
            thread.mask.get(),
            &process.signal_limit,
        );
        let Some(mut info) = info else { break };
        process.timers.taken(process, &mut info);
        let outcome = process.dispositions.borrow_mut().outcome(info.signal());
        match outcome {
            Outcome::Ignore | Outcome::Continue => {}
            Outcome::Stop if info.signal() != Signal::STOP && family::is_orphaned(process) => {}
            Outcome::Stop => {
                process.stopped.set(true);
                family::report(process, What::Stopped(info.signal().number() as u8));
                for other in process.threads.borrow().iter() {
                    other.make_runnable();
                }
                sched::request(work::SIGNAL);
                return;
            }
            Outcome::Terminate { .. } => {
                super::exit::end_process(process, info.signal().number());
                return;
            }
            Outcome::Handle(action) => {
                if run_handler(thread, frame, &info, &action).is_err() {
                    frame_failed(thread, info.signal());
                }
                // Others may be deliverable too: they interrupt the handler, as on Linux.
                sched::request(work::SIGNAL);
                return;
            }
        }
    }
    let mut registers = to_registers(frame);
    if restart::without_handler(&mut registers) {
        from_registers(frame, &registers);
    }
    if let Some(mask) = thread.saved_mask.take() {
        thread.mask.set(mask);
        sched::request(work::SIGNAL);
    }
}

/// The frame could not be written: SIGSEGV, or death if SIGSEGV's own handler is what could not run.
fn frame_failed(thread: &Rc<Thread>, signal: Signal) {
    if signal == Signal::SEGV {
        thread.process.dispositions.borrow_mut().force_default(Signal::SEGV);
        thread.mask.set(thread.mask.get().without(Signal::SEGV));
    }
    force(thread, SigInfo::kernel(Signal::SEGV));
}

/// The vCPU's vector state in signal frames.
pub fn format() -> Format {
    Format { features: xsave::mask(), size: xsave::size(), mxcsr_mask: xsave::mxcsr_mask() }
}

/// Offset of XMM0 in an XSAVE area.
const XMM: usize = 160;

fn run_handler(thread: &Rc<Thread>, frame: &mut Frame, info: &SigInfo, action: &Action) -> Result<()> {
    let mut registers = to_registers(frame);
    restart::before_handler(&mut registers, action);
    let mask = thread.saved_mask.take().unwrap_or(thread.mask.get());
    let plan = {
        let mut area = thread.vectors.borrow_mut();
        area.save();
        put_low_vectors(area.bytes_mut(), frame);
        let altstack: AltStack = *thread.alternate_stack.borrow();
        sigframe::build(&Delivery {
            info,
            action,
            registers: &registers,
            xsave: area.bytes(),
            format: &format(),
            mask,
            altstack: &altstack,
            trap: thread.trap.get(),
        })
    };
    let plan = plan.inspect_err(|_| thread.mask.set(mask))?;
    user::write(plan.address as usize, &plan.bytes).inspect_err(|_| thread.mask.set(mask))?;
    from_registers(frame, &plan.registers);
    thread.alternate_stack.replace(plan.altstack);
    thread.mask.set(action.handler_mask(info.signal(), thread.mask.get()));
    xsave::reset();
    frame.xmm = [[0; 16]; 16];
    Ok(())
}

/// The low halves are in the frame; the header must say that SSE state is there.
fn put_low_vectors(area: &mut [u8], frame: &Frame) {
    for (to, from) in area[XMM..XMM + 256].chunks_exact_mut(16).zip(&frame.xmm) {
        to.copy_from_slice(from);
    }
    area[512] |= 2;
}

/// rt_sigreturn(2).
pub fn sys_rt_sigreturn(call: &mut crate::syscalls::Call<'_>) -> Result<i64> {
    let thread = sched::current();
    let present = to_registers(call.frame);
    let altstack = *thread.alternate_stack.borrow();
    match restore::restore(&user::Program, &present, &altstack, &format()) {
        Ok(restored) => {
            from_registers(call.frame, &restored.registers);
            thread.mask.set(restored.mask);
            thread.alternate_stack.replace(restored.altstack);
            let mut area = thread.vectors.borrow_mut();
            let bytes = area.bytes_mut();
            let length = bytes.len().min(restored.xsave.len());
            bytes[..length].copy_from_slice(&restored.xsave[..length]);
            area.restore();
            let present = area.bytes()[512] & 2 != 0;
            for (to, from) in call.frame.xmm.iter_mut().zip(area.bytes()[XMM..XMM + 256].chunks_exact(16)) {
                to.copy_from_slice(if present { from } else { &[0; 16] });
            }
        }
        Err(_) => force(&thread, SigInfo::kernel(Signal::SEGV)),
    }
    sched::request(work::SIGNAL | work::FULL);
    Ok(call.frame.rax as i64)
}

/// RFLAGS.NT: nothing in 64-bit mode but a fault at `iretq`.
const NESTED_TASK: u64 = 1 << 14;

/// The program's registers as kcore has them.
pub fn to_registers(frame: &Frame) -> Registers {
    Registers {
        rax: frame.rax,
        rbx: frame.rbx,
        rcx: frame.rcx,
        rdx: frame.rdx,
        rsi: frame.rsi,
        rdi: frame.rdi,
        rbp: frame.rbp,
        rsp: frame.rsp,
        r8: frame.r8,
        r9: frame.r9,
        r10: frame.r10,
        r11: frame.r11,
        r12: frame.r12,
        r13: frame.r13,
        r14: frame.r14,
        r15: frame.r15,
        rip: frame.rip,
        rflags: frame.rflags,
        orig_rax: frame.orig_rax,
        fs_base: cpu::read_fs_base(),
        gs_base: cpu::read_gs_base(),
    }
}

/// And back. FS and GS bases stay as they are.
pub fn from_registers(frame: &mut Frame, from: &Registers) {
    frame.rax = from.rax;
    frame.rbx = from.rbx;
    frame.rcx = from.rcx;
    frame.rdx = from.rdx;
    frame.rsi = from.rsi;
    frame.rdi = from.rdi;
    frame.rbp = from.rbp;
    frame.rsp = from.rsp;
    frame.r8 = from.r8;
    frame.r9 = from.r9;
    frame.r10 = from.r10;
    frame.r11 = from.r11;
    frame.r12 = from.r12;
    frame.r13 = from.r13;
    frame.r14 = from.r14;
    frame.r15 = from.r15;
    frame.rip = from.rip;
    // Linux leaves NT alone.
    frame.rflags = from.rflags & registers::FRAME_FLAGS | frame.rflags & NESTED_TASK | FIXED_FLAGS;
    frame.orig_rax = from.orig_rax;
}
