//! Where the I/O thread leaves orders for the vCPU's thread, and gets the answers.
//!
//! Lock order: `inbox`, `outbox` and `quiet` are never held together, except that a fork holds `quiet` alone.

use super::CloneSpec;
use crate::vm::{Ending, Shared};
use ramet_abi::hypercall::{STATE_DONE, STATE_READY};
use ramet_kvm::EventFd;
use serde_json::Value;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who waits for an answer: a number that the I/O thread gave to a request.
pub type Ticket = u64;

/// A clone to be made.
#[derive(Debug)]
pub struct CloneOrder {
    /// What it is to be.
    pub spec: CloneSpec,
    /// Its standard streams.
    pub streams: [OwnedFd; 3],
    /// Where the content of its `exit.json` goes.
    pub status_pipe: Option<OwnedFd>,
    /// Time stamp counter when the request was read.
    pub requested_tsc: u64,
}

/// Something that only the vCPU's thread can do.
#[derive(Debug)]
pub enum Order {
    /// Stop the vCPU.
    Pause(Ticket),
    /// Let the vCPU run.
    Resume(Ticket),
    /// Become a template.
    Freeze(Ticket),
    /// Make a clone.
    Clone(Ticket, Box<CloneOrder>),
    /// End the VM.
    End(Ending),
}

/// A refused request: text for people, and the host's error if there was one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One line.
    pub text: String,
    /// Error number of the host.
    pub errno: Option<i32>,
}

impl Refusal {
    /// A refusal that is no host error.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), errno: None }
    }

    /// A host call that failed.
    pub fn host(what: &str, error: &std::io::Error) -> Self {
        Self { text: format!("{what}: {error}"), errno: error.raw_os_error() }
    }
}

/// Members of the answer beside `ok`, or why not.
pub type Answer = Result<Value, Refusal>;

/// What the VM does, as `info` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// The vCPU runs, or sleeps in the guest's name.
    Running = 0,
    /// The vCPU is stopped.
    Paused = 1,
    /// The vCPU is gone; there are only clones.
    Frozen = 2,
}

/// Shared by both threads.
#[derive(Debug)]
pub struct Desk {
    shared: Arc<Shared>,
    doorbell: EventFd,
    inbox: Mutex<VecDeque<Order>>,
    outbox: Mutex<Vec<(Ticket, Answer)>>,
    /// Held by the I/O thread while it works, and by the vCPU's thread while it forks.
    quiet: Mutex<()>,
    state: AtomicU8,
    ready: AtomicBool,
    done: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Panics abort the process, so that no lock is ever poisoned; the data would be whole in any case.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// `doorbell` wakes the I/O thread.
    pub fn new(shared: Arc<Shared>, doorbell: EventFd, state: State, ready: bool) -> Self {
        Self {
            shared,
            doorbell,
            inbox: Mutex::default(),
            outbox: Mutex::default(),
            quiet: Mutex::default(),
            state: AtomicU8::new(state as u8),
            ready: AtomicBool::new(ready),
            done: AtomicBool::new(false),
        }
    }

    /// Leaves an order and wakes the vCPU's thread.
    pub fn order(&self, order: Order) {
        lock(&self.inbox).push_back(order);
        self.shared.request();
    }

    /// The next order.
    pub fn next_order(&self) -> Option<Order> {
        lock(&self.inbox).pop_front()
    }

    /// Answers a request and wakes the I/O thread.
    pub fn answer(&self, ticket: Ticket, answer: Answer) {
        lock(&self.outbox).push((ticket, answer));
        self.ring();
    }

    /// Takes all answers.
    pub fn answers(&self) -> Vec<(Ticket, Answer)> {
        std::mem::take(&mut *lock(&self.outbox))
    }

    /// Wakes the I/O thread.
    pub fn ring(&self) {
        // A full counter means that it is about to wake already.
        let _ = self.doorbell.write(1);
    }

    /// Keeps the I/O thread from working, or a fork from happening, while the guard lives.
    pub fn quiet(&self) -> MutexGuard<'_, ()> {
        lock(&self.quiet)
    }

    /// What the VM does.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Running,
            1 => State::Paused,
            _ => State::Frozen,
        }
    }

    /// Says what the VM does.
    pub fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Whether the program has said that it is ready.
    pub fn ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Whether the program has said that its work is done.
    pub fn done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Notes what the program wrote to `/dev/ramet` (`Stop::State` of the run loop).
    pub fn note_program_state(&self, state: u64) {
        match state {
            STATE_READY => self.ready.store(true, Ordering::Release),
            STATE_DONE => self.done.store(true, Ordering::Release),
            _ => return,
        }
        self.ring();
    }
}
