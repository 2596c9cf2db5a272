//! Pending signals: one queue per thread and one per process (signal(7), "Queueing and delivery semantics").

use super::info::{SigInfo, code};
use super::set::{SigSet, Signal};
use crate::errno::{Errno, Result};
use alloc::collections::VecDeque;
use core::cell::Cell;

/// RLIMIT_SIGPENDING and what is used of it.
#[derive(Debug)]
pub struct Limit {
    /// Entries queued now, in all queues.
    pub used: Cell<u64>,
    /// Most entries.
    pub limit: Cell<u64>,
}

impl Limit {
    /// Nothing queued yet.
    pub const fn new(limit: u64) -> Limit {
        Limit { used: Cell::new(0), limit: Cell::new(limit) }
    }
    fn give_back(&self, count: usize) {
        self.used.set(self.used.get().saturating_sub(count as u64));
    }
}

/// What became of a signal that was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Queued {
    /// It is pending now.
    New,
    /// The same standard signal was pending already: merged.
    Merged,
}

/// Pending signals of a thread or of a process.
#[derive(Default, Debug)]
pub struct Queue {
    set: SigSet,
    entries: VecDeque<SigInfo>,
}

impl Queue {
    /// Empty.
    pub const fn new() -> Queue {
        Queue { set: SigSet::EMPTY, entries: VecDeque::new() }
    }

    /// The pending signals (sigpending(2)).
    pub fn set(&self) -> SigSet {
        self.set
    }

    /// Adds a signal.
    ///
    /// # Errors
    /// EAGAIN: a queued real-time signal past the limit. Others are then pending without their information, as on Linux.
    pub fn add(&mut self, info: SigInfo, limit: &Limit) -> Result<Queued> {
        let signal = info.signal();
        if !signal.is_real_time() && self.set.contains(signal) {
            return Ok(Queued::Merged);
        }
        // A standard signal from the kernel or kill(2) always finds room: there can only be one of each.
        let forced = !signal.is_real_time() && info.code() >= 0;
        if forced || limit.used.get() < limit.limit.get() {
            limit.used.set(limit.used.get() + 1);
            self.entries.push_back(info);
        } else if signal.is_real_time() && info.code() != code::SI_USER {
            return Err(Errno::EAGAIN);
        }
        self.set = self.set.with(signal);
        Ok(Queued::New)
    }

    /// Takes the oldest entry of `signal`, which must be pending.
    fn take(&mut self, signal: Signal, limit: &Limit) -> SigInfo {
        let found = self.entries.iter().position(|e| e.signal() == signal);
        let info = found.and_then(|at| self.entries.remove(at));
        if info.is_some() {
            limit.give_back(1);
        }
        if !self.entries.iter().any(|e| e.signal() == signal) {
            self.set = self.set.without(signal);
        }
        // The information was lost to the limit.
        info.unwrap_or_else(|| SigInfo::kill(signal, code::SI_USER, 0, 0))
    }

    /// Takes the signal in `among` that Linux would take first: of an instruction, then the lowest number.
    pub fn take_first(&mut self, among: SigSet, limit: &Limit) -> Option<SigInfo> {
        let ready = self.set.and(among);
        let signal = ready.and(SigSet::SYNCHRONOUS).first().or_else(|| ready.first())?;
        Some(self.take(signal, limit))
    }

    /// Takes the oldest fault caused by an instruction, if it is in `among`.
    fn take_fault(&mut self, among: SigSet, limit: &Limit) -> Option<SigInfo> {
        let among = among.and(SigSet::SYNCHRONOUS);
        if self.set.and(among).is_empty() {
            return None;
        }
        let signal = self.entries.iter().find(|e| among.contains(e.signal()) && e.code() > 0)?.signal();
        Some(self.take(signal, limit))
    }

    /// Whether the signal of POSIX timer `timer` waits here (then its next expiry is an overrun).
    pub fn has_timer(&self, timer: i32) -> bool {
        self.entries.iter().any(|e| e.timer_id() == Some(timer))
    }

    /// Forgets the signals of a deleted POSIX timer.
    pub fn discard_timer(&mut self, timer: i32, limit: &Limit) {
        self.retain(|e| e.timer_id() != Some(timer), limit);
    }

    /// Forgets the signals in `set`: they became ignored, or SIGCONT and the stop signals cancel each other.
    pub fn discard(&mut self, set: SigSet, limit: &Limit) {
        if self.set.and(set).is_empty() {
            return;
        }
        let keep = self.set.minus(set);
        self.retain(|e| !set.contains(e.signal()), limit);
        self.set = keep;
    }

    /// Drops the signals of all timers (execve(2)).
    pub fn discard_timers(&mut self, limit: &Limit) {
        self.retain(|e| e.timer_id().is_none(), limit);
    }

    fn retain(&mut self, keep: impl Fn(&SigInfo) -> bool, limit: &Limit) {
        let mut dropped = SigSet::EMPTY;
        let before = self.entries.len();
        self.entries.retain(|e| {
            let keep = keep(e);
            if !keep {
                dropped = dropped.with(e.signal());
            }
            keep
        });
        limit.give_back(before - self.entries.len());
        for signal in dropped.iter() {
            if !self.entries.iter().any(|e| e.signal() == signal) {
                self.set = self.set.without(signal);
            }
        }
    }

    /// Forgets everything (the thread or process ends).
    pub fn clear(&mut self, limit: &Limit) {
        self.discard(SigSet::ALL, limit);
    }
}

/// The next signal to deliver to a thread: SIGKILL, then a fault of the thread's own, then the thread's signals, then
/// the process's, each as [`Queue::take_first`] (Linux: `get_signal`, `dequeue_signal`).
pub fn next(thread: &mut Queue, process: &mut Queue, blocked: SigSet, limit: &Limit) -> Option<SigInfo> {
    let kill = SigSet::of(Signal::KILL);
    let among = SigSet::ALL.minus(blocked.blockable());
    thread
        .take_first(kill, limit)
        .or_else(|| process.take_first(kill, limit))
        .or_else(|| thread.take_fault(among, limit))
        .or_else(|| thread.take_first(among, limit))
        .or_else(|| process.take_first(among, limit))
}

/// For sigtimedwait(2) and signalfd(2): the next pending signal in `set`.
pub fn take_in(thread: &mut Queue, process: &mut Queue, set: SigSet, limit: &Limit) -> Option<SigInfo> {
    let set = set.blockable();
    thread.take_first(set, limit).or_else(|| process.take_first(set, limit))
}

/// Whether [`next`] would find something.
pub fn is_ready(thread: &Queue, process: &Queue, blocked: SigSet) -> bool {
    !thread.set.or(process.set).minus(blocked.blockable()).is_empty()
}

/// Before `signal` is added for a process: a stop signal cancels a pending SIGCONT and the other way round. Call it for the
/// process's queue and for every thread's (Linux: `prepare_signal`).
pub fn cancel_opposites(signal: Signal, queue: &mut Queue, limit: &Limit) {
    if signal == Signal::CONT {
        queue.discard(SigSet::STOPPING, limit);
    } else if SigSet::STOPPING.contains(signal) {
        queue.discard(SigSet::of(Signal::CONT), limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kill(signal: Signal, pid: i32) -> SigInfo {
        SigInfo::kill(signal, code::SI_USER, pid, 0)
    }
    fn queued(number: i64, value: u64) -> SigInfo {
        SigInfo::queued(Signal::new(number).unwrap(), code::SI_QUEUE, 1, 0, value)
    }

    #[test]
    fn standard_merge_real_time_in_order() {
        let (mut thread, mut process, limit) = (Queue::new(), Queue::new(), Limit::new(100));
        assert_eq!(process.add(kill(Signal::USR1, 1), &limit), Ok(Queued::New));
        assert_eq!(process.add(kill(Signal::USR1, 2), &limit), Ok(Queued::Merged));
        for value in 0..3 {
            process.add(queued(40, value), &limit).unwrap();
        }
        process.add(queued(35, 9), &limit).unwrap();
        assert_eq!(limit.used.get(), 5);
        let mut order = Vec::new();
        while let Some(info) = next(&mut thread, &mut process, SigSet::EMPTY, &limit) {
            order.push((info.signal().number(), info.pid(), info.to_user()[24]));
        }
        assert_eq!(order, [(10, 1, 0), (35, 1, 9), (40, 1, 0), (40, 1, 1), (40, 1, 2)]);
        assert_eq!((limit.used.get(), process.set()), (0, SigSet::EMPTY));
    }

    #[test]
    fn kill_then_faults_then_thread_then_process() {
        let (mut thread, mut process, limit) = (Queue::new(), Queue::new(), Limit::new(100));
        process.add(kill(Signal::HUP, 1), &limit).unwrap();
        thread.add(kill(Signal::TERM, 1), &limit).unwrap();
        thread.add(SigInfo::fault(Signal::SEGV, 1, 0), &limit).unwrap();
        thread.add(kill(Signal::INT, 1), &limit).unwrap();
        process.add(kill(Signal::KILL, 1), &limit).unwrap();
        let mut take = || next(&mut thread, &mut process, SigSet::ALL.minus(SigSet(0x4403)), &limit);
        let order: Vec<Signal> = core::iter::from_fn(&mut take).map(|i| i.signal()).collect();
        assert_eq!(order, [Signal::KILL, Signal::SEGV, Signal::INT, Signal::TERM, Signal::HUP]);
    }

    #[test]
    fn blocked_signals_wait() {
        let (mut thread, mut process, limit) = (Queue::new(), Queue::new(), Limit::new(100));
        process.add(kill(Signal::TERM, 1), &limit).unwrap();
        let blocked = SigSet::of(Signal::TERM);
        assert!(!is_ready(&thread, &process, blocked));
        assert_eq!(next(&mut thread, &mut process, blocked, &limit), None);
        assert!(take_in(&mut thread, &mut process, blocked, &limit).is_some());
    }

    #[test]
    fn limit_and_lost_information() {
        let (mut queue, limit) = (Queue::new(), Limit::new(1));
        queue.add(queued(40, 1), &limit).unwrap();
        assert_eq!(queue.add(queued(40, 2), &limit), Err(Errno::EAGAIN));
        assert_eq!(queue.add(kill(Signal::RTMAX, 7), &limit), Ok(Queued::New));
        assert_eq!(queue.add(kill(Signal::TERM, 7), &limit), Ok(Queued::New));
        assert_eq!(queue.take_first(SigSet::of(Signal::RTMAX), &limit).unwrap().pid(), 0);
        assert_eq!(queue.take_first(SigSet::of(Signal::TERM), &limit).unwrap().pid(), 7);
        queue.clear(&limit);
        assert_eq!((limit.used.get(), queue.set()), (0, SigSet::EMPTY));
    }

    #[test]
    fn discards() {
        let (mut queue, limit) = (Queue::new(), Limit::new(100));
        queue.add(kill(Signal::TSTP, 1), &limit).unwrap();
        queue.add(SigInfo::timer(Signal::ALRM, 4, 0, 0), &limit).unwrap();
        queue.add(kill(Signal::INT, 1), &limit).unwrap();
        cancel_opposites(Signal::CONT, &mut queue, &limit);
        assert!(!queue.set().contains(Signal::TSTP));
        assert!(queue.has_timer(4) && !queue.has_timer(5));
        queue.discard_timer(4, &limit);
        queue.add(SigInfo::timer(Signal::ALRM, 5, 0, 0), &limit).unwrap();
        queue.discard_timers(&limit);
        assert_eq!(queue.set(), SigSet::of(Signal::INT));
        queue.discard(SigSet::of(Signal::INT), &limit);
        assert_eq!((queue.set(), limit.used.get()), (SigSet::EMPTY, 0));
    }
}
