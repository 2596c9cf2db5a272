//! Where the I/O thread leaves orders for the vCPU's thread, and gets the answers.
//!
//! Lock order: `quiet`, then one of `inbox`, `outbox`, `streams`, `rewound` and `line`, of which no two are held together. A fork holds `quiet` alone.

use super::{CloneSpec, ExecOrder, FreezeSettings, PoolSettings, ResetOrder, WriteSpec};
use crate::vm::{Ending, Shared};
use ramet_abi::hypercall::{STATE_DONE, STATE_READY};
use ramet_kvm::EventFd;
use ramet_memory::{Consumer, Producer};
use serde_json::Value;
use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    /// Where the answer goes, if it does not go through the control socket.
    pub reply: Option<OwnedFd>,
}

impl CloneOrder {
    /// From the control socket: with the descriptors that came with the request. The clone's directory exists.
    pub fn of_control(spec: CloneSpec, fds: Vec<OwnedFd>, requested_tsc: u64) -> Result<Self, Refusal> {
        if spec.record.is_some() {
            return Err(Refusal::new("`record` is for the clone socket"));
        }
        Self::new(spec, fds, requested_tsc)
    }

    /// With the standard streams and perhaps the status pipe.
    pub fn new(spec: CloneSpec, fds: Vec<OwnedFd>, requested_tsc: u64) -> Result<Self, Refusal> {
        spec.check().map_err(Refusal::new)?;
        let count = fds.len();
        let mut fds = fds.into_iter();
        match (count, fds.next(), fds.next(), fds.next()) {
            (3 | 4, Some(input), Some(output), Some(error)) => Ok(Self {
                spec,
                streams: [input, output, error],
                status_pipe: fds.next(),
                requested_tsc,
                reply: None,
            }),
            _ => Err(Refusal::new(format!("a clone needs 3 or 4 descriptors, {count} came"))),
        }
    }
}

/// Something that only the vCPU's thread can do.
#[derive(Debug)]
pub enum Order {
    /// Stop the vCPU.
    Pause(Ticket),
    /// Let the vCPU run.
    Resume(Ticket),
    /// Become a template.
    Freeze(Ticket, FreezeSettings),
    /// Make more or fewer clones ahead.
    Pool(Ticket, PoolSettings),
    /// Make a clone.
    Clone(Ticket, Box<CloneOrder>),
    /// Add a process to the session.
    Exec(Ticket, Box<ExecOrder>),
    /// Go back to the start.
    Reset(Ticket, Box<ResetOrder>),
    /// Write to the program's memory.
    Write(Ticket, Box<WriteSpec>),
    /// Read the program's memory: address and length.
    Read(Ticket, u64, u64),
    /// End the VM.
    End(Ending),
}

/// The VMM's ends of the console's rings after a reset, and what was asked for with it.
#[derive(Debug)]
pub struct Rewound {
    /// Of the input ring.
    pub input: Producer,
    /// Of the output rings, in their order.
    pub outputs: [Consumer; 3],
    /// Other standard streams.
    pub streams: Option<[OwnedFd; 3]>,
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
    streams: Mutex<Streams>,
    streams_settled: Condvar,
    /// Socket to the session's keeper.
    line: Mutex<Option<OwnedFd>>,
    state: AtomicU8,
    ready: AtomicBool,
    done: AtomicBool,
    rewound: Mutex<Option<Rewound>>,
    /// How often the VM has gone back to its start.
    resets: AtomicU64,
}

/// Who reads and writes the standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// The I/O thread.
    Ours,
    /// The vCPU's thread asks the I/O thread to let go of them.
    Asked,
    /// The session's keeper.
    Given,
}

/// The I/O thread answers at once, or has ended.
const STREAMS_PATIENCE: Duration = Duration::from_secs(2);

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
            streams: Mutex::new(Streams::Ours),
            streams_settled: Condvar::new(),
            line: Mutex::default(),
            state: AtomicU8::new(state as u8),
            ready: AtomicBool::new(ready),
            done: AtomicBool::new(false),
            rewound: Mutex::default(),
            resets: AtomicU64::new(0),
        }
    }

    /// Leaves an order and wakes the vCPU's thread. One that waits for the session's keeper gets to know of the end by its hanging up.
    pub fn order(&self, order: Order) {
        let end = matches!(order, Order::End(_));
        lock(&self.inbox).push_back(order);
        if let Some(line) = lock(&self.line).as_ref().filter(|_| end) {
            // SAFETY: concerns the socket only. An error means that the keeper is gone already.
            unsafe { libc::shutdown(line.as_raw_fd(), libc::SHUT_RDWR) };
        }
        self.shared.request();
    }

    /// There is a session: its keeper is at the other end of this socket.
    pub fn open_line(&self, line: OwnedFd) {
        *lock(&self.line) = Some(line);
        self.ring();
    }

    /// The session is about to be ended.
    pub fn forget_line(&self) {
        lock(&self.line).take();
    }

    /// For poll(2): hangs up when the session's keeper is gone.
    pub fn line(&self) -> Option<RawFd> {
        lock(&self.line).as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Tells or asks the session's keeper something; none: there is no session.
    pub fn with_keeper<T>(&self, speak: impl FnOnce(BorrowedFd<'_>) -> T) -> Option<T> {
        lock(&self.line).as_ref().map(|line| speak(line.as_fd()))
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

    /// Asks the I/O thread to let go of the standard streams. False: there is still output in the console's rings.
    pub fn take_streams(&self) -> bool {
        let mut streams = lock(&self.streams);
        *streams = Streams::Asked;
        self.ring();
        let result =
            self.streams_settled.wait_timeout_while(streams, STREAMS_PATIENCE, |s| *s == Streams::Asked);
        let (mut streams, _) = result.unwrap_or_else(PoisonError::into_inner);
        if *streams == Streams::Asked {
            *streams = Streams::Ours;
        }
        *streams == Streams::Given
    }

    /// Of a copy of a session, before there is an I/O thread: its keeper has the streams.
    pub fn give_streams(&self) {
        *lock(&self.streams) = Streams::Given;
    }

    /// Gives the standard streams back to the I/O thread.
    pub fn return_streams(&self) {
        *lock(&self.streams) = Streams::Ours;
        self.ring();
    }

    /// In the I/O thread: lets go of the streams if it is asked to and `idle` says that their rings are empty. Whose they are.
    pub fn settle_streams(&self, idle: impl FnOnce() -> bool) -> Streams {
        let mut streams = lock(&self.streams);
        if *streams == Streams::Asked {
            *streams = if idle() { Streams::Given } else { Streams::Ours };
            self.streams_settled.notify_all();
        }
        *streams
    }

    /// The VM is at its start again: for the I/O thread, which must not look at the console's rings before it has taken this. The caller keeps
    /// it quiet.
    pub fn rewind(&self, mut rewound: Rewound) {
        let mut place = lock(&self.rewound);
        if let Some(Rewound { streams: Some(streams), .. }) = place.take() {
            // Not taken yet, and not replaced since.
            rewound.streams.get_or_insert(streams);
        }
        *place = Some(rewound);
        self.ready.store(false, Ordering::Release);
        self.done.store(false, Ordering::Release);
        self.resets.fetch_add(1, Ordering::AcqRel);
    }

    /// In the I/O thread: what [`Desk::rewind`] has left.
    pub fn take_rewound(&self) -> Option<Rewound> {
        lock(&self.rewound).take()
    }

    /// How often the VM has gone back to its start.
    pub fn resets(&self) -> u64 {
        self.resets.load(Ordering::Acquire)
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
