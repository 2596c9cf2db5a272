//! Everything of a VM that is not its vCPU, around one poll(2): console, control socket, signals, time limit.
//!
//! In a running VM a thread of its own calls [`Server::step`] and hands the orders to the vCPU's thread. In a template
//! there is no vCPU: its only thread calls [`Server::step`] and carries the orders out itself.

mod requests;

use super::connection::Connection;
use super::protocol::{Request, answer_line, parse};
use super::signals::Signals;
use super::{Console, tty};
use crate::clone::{
    Answer, Desk, Order, Profile, Refusal, SOCKET, State, Streams, Ticket, exit_document, write_exit,
};
use crate::session::{self, Gone};
use crate::vm::{Ending, Error, GuestFault, Shared, monotonic};
use ramet_abi::mailbox::event;
use ramet_kvm::EventFd;
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Release};
use std::time::Duration;

/// Most clients at once: further ones wait in the listener's queue.
const MOST_CLIENTS: usize = 256;

/// The keeper goes when the program says that it ends, just before the VM does; ns.
const ORPHAN_PATIENCE: u64 = 1_000_000_000;

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Nothing,
    /// An answer from the vCPU's thread.
    Desk,
    /// The program's `ready`, until CLOCK_MONOTONIC reaches this (ns).
    Ready(u64),
    /// The end of the VM.
    End,
    /// Nothing more: it has killed the VM.
    Over,
}

#[derive(Debug)]
struct Client {
    connection: Connection,
    waiting: Waiting,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    profile: Arc<Profile>,
    console: Option<Console>,
    doorbell: EventFd,
    listener: UnixListener,
    socket: PathBuf,
    clients: BTreeMap<Ticket, Client>,
    next_ticket: Ticket,
    signals: Signals,
    started: u64,
    deadline: u64,
    /// When the session's keeper was found gone, or was asked to go: a VM that does not end by itself until this is ended.
    orphaned: Option<u64>,
    /// Ends [`Server::step`] when it becomes readable, for its caller to deal with.
    watched: Option<RawFd>,
    /// Of a template: for `info`.
    pool: Value,
}

fn after(seconds: Option<f64>) -> u64 {
    match seconds {
        Some(seconds) => monotonic().saturating_add((seconds.max(0.0) * 1e9) as u64),
        None => u64::MAX,
    }
}

/// Binds the control socket. A path that is too long for an address goes through a descriptor of the directory.
fn bind(directory: &Path) -> std::io::Result<UnixListener> {
    let path = directory.join(SOCKET);
    let listener = if path.as_os_str().len() < 108 {
        UnixListener::bind(&path)?
    } else {
        let directory = std::fs::File::open(directory)?;
        UnixListener::bind(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd()))?
    };
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Server {
    /// Makes the control socket and starts the clock of the VM's time limit.
    pub fn open(
        shared: Arc<Shared>,
        desk: Arc<Desk>,
        profile: Arc<Profile>,
        console: Console,
        doorbell: EventFd,
    ) -> Result<Self, Error> {
        let socket = profile.directory.join(SOCKET);
        let listener = bind(&profile.directory).map_err(Error::host(socket.display().to_string()))?;
        Ok(Self {
            signals: Signals::open(profile.detached)?,
            started: monotonic(),
            deadline: after(profile.timeout),
            orphaned: None,
            watched: None,
            pool: Value::Null,
            shared,
            desk,
            profile,
            console: Some(console),
            doorbell,
            listener,
            socket,
            clients: BTreeMap::new(),
            next_ticket: 1,
        })
    }

    /// Waits until something happens, at most until `limit` (CLOCK_MONOTONIC, ns), and deals with it. What only the
    /// vCPU's owner can do is returned.
    pub fn step(&mut self, limit: u64) -> Result<Vec<Order>, GuestFault> {
        let desk = self.desk.clone();
        let quiet = desk.quiet();
        self.take_rewound();
        let mut orders = Vec::new();
        for (ticket, answer) in desk.answers() {
            self.reply(ticket, &answer);
        }
        self.settle_streams();
        let mut next =
            self.answer_waiters().min(limit).min(self.deadline).min(self.orphaned.unwrap_or(u64::MAX));
        self.serve_lines(&mut orders);
        let mut polled = self.interest()?;
        if !orders.is_empty() || self.output_arrived()? {
            next = 0;
        }
        drop(quiet);
        poll(&mut polled, next);
        let _quiet = desk.quiet();
        // What poll(2) said of the console was of the time before.
        let is_rewound = self.take_rewound();
        if is_rewound {
            polled.clear();
        }
        if monotonic() >= self.deadline {
            self.deadline = u64::MAX;
            orders.push(Order::End(Ending::Timeout));
        }
        if self.orphaned.is_some_and(|end| monotonic() >= end) {
            self.orphaned = Some(u64::MAX);
            orders.push(Order::End(Ending::Failed(Gone.to_string())));
        }
        self.dispatch(&polled, &mut orders)?;
        Ok(orders)
    }

    /// Follows the vCPU's thread to the VM's start. True: it has gone there.
    fn take_rewound(&mut self) -> bool {
        let Some(rewound) = self.desk.take_rewound() else { return false };
        if let Some(console) = &mut self.console {
            console.rewind(&self.shared, rewound);
        }
        true
    }

    /// Lets go of the standard streams, or takes them back, as the vCPU's thread wants it.
    fn settle_streams(&mut self) {
        if let Some(console) = &mut self.console {
            // A broken ring is not idle, and ends the VM elsewhere.
            let streams = self.desk.settle_streams(|| console.is_idle(&self.shared).unwrap_or(false));
            console.give(streams == Streams::Given);
        }
    }

    fn interest(&self) -> Result<Vec<libc::pollfd>, GuestFault> {
        let input = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut polled = vec![input(self.doorbell.as_raw_fd()), input(self.signals.fd())];
        polled.extend(self.watched.map(input));
        if self.clients.len() < MOST_CLIENTS {
            polled.push(input(self.listener.as_raw_fd()));
        }
        polled.extend(self.clients.values().map(|c| c.connection.interest()));
        if let Some(console) = &self.console {
            polled.extend(console.interest(&self.shared)?);
        }
        if self.orphaned.is_none() {
            // Nothing but its end: what it says is for the vCPU's thread.
            polled.extend(self.desk.line().map(|fd| libc::pollfd { fd, events: 0, revents: 0 }));
        }
        Ok(polled)
    }

    /// Before sleeping: true if the guest has written meanwhile and would not ring.
    fn output_arrived(&self) -> Result<bool, GuestFault> {
        match &self.console {
            Some(console) => Ok(console.announce_sleep(&self.shared)?),
            None => Ok(false),
        }
    }

    fn dispatch(&mut self, polled: &[libc::pollfd], orders: &mut Vec<Order>) -> Result<(), GuestFault> {
        let ready = |fd| polled.iter().any(|p| p.fd == fd && p.revents != 0);
        if ready(self.doorbell.as_raw_fd()) {
            // The counter's value does not matter: one look serves all rings.
            let _ = self.doorbell.read();
        }
        if self.orphaned.is_none() && self.desk.line().is_some_and(ready) {
            self.orphaned = Some(monotonic() + ORPHAN_PATIENCE);
        }
        if ready(self.signals.fd()) {
            while let Some(signal) = self.signals.take() {
                self.forward(signal, orders);
            }
        }
        for client in self.clients.values_mut() {
            if ready(client.connection.fd()) {
                client.connection.flush();
                let hung_up = polled.iter().any(|p| {
                    p.fd == client.connection.fd() && p.revents & (libc::POLLHUP | libc::POLLERR) != 0
                });
                if client.connection.receive().is_err() || (hung_up && client.waiting != Waiting::Nothing) {
                    client.connection.abandon();
                }
            }
        }
        self.clients.retain(|_, c| match c.waiting {
            Waiting::Desk | Waiting::Over => true,
            Waiting::Nothing => !c.connection.is_over(),
            Waiting::Ready(_) | Waiting::End => !c.connection.is_gone(),
        });
        if ready(self.listener.as_raw_fd())
            && let Ok((stream, _)) = self.listener.accept()
            && let Ok(mut connection) = Connection::new(stream)
            && connection.receive().is_ok()
        {
            self.clients.insert(self.next_ticket, Client { connection, waiting: Waiting::Nothing });
            self.next_ticket += 1;
        }
        if let Some(console) = &mut self.console {
            console.transfer(&self.shared, polled)?;
        }
        self.serve_lines(orders);
        Ok(())
    }

    fn forward(&mut self, signal: i32, orders: &mut Vec<Order>) {
        if signal == libc::SIGWINCH {
            // SAFETY: descriptor 0 is open as long as the process lives: it is never closed, only replaced.
            let terminal = unsafe { BorrowedFd::borrow_raw(0) };
            if let Some((rows, columns)) = tty::window_size(terminal).filter(|_| self.profile.tty) {
                self.resize(rows, columns);
            }
        } else if self.profile.detached || self.desk.state() == State::Frozen {
            if signal == libc::SIGTERM {
                orders.push(Order::End(Ending::Killed));
            }
        } else {
            self.signal(signal as u32);
        }
    }

    fn signal(&self, signal: u32) {
        self.shared.area.mailbox().signals.fetch_or(1 << (signal - 1), AcqRel);
        self.shared.raise(event::SIGNAL);
    }

    fn resize(&self, rows: u32, columns: u32) {
        let console = self.shared.area.console();
        console.rows.store(rows, Release);
        console.columns.store(columns, Release);
        self.shared.raise(event::WINDOW_SIZE);
        self.desk.with_keeper(|line| session::announce_size(line, rows, columns));
    }

    /// Answers clients that wait for `ready`. Returns when the next one's patience ends.
    fn answer_waiters(&mut self) -> u64 {
        let ready = self.desk.ready();
        let now = monotonic();
        let mut next = u64::MAX;
        for client in self.clients.values_mut() {
            let Waiting::Ready(deadline) = client.waiting else { continue };
            let answer = match (ready, now >= deadline) {
                (true, _) => Ok(Value::Null),
                (false, true) => Err(Refusal {
                    text: "the program did not become ready in time".into(),
                    errno: Some(libc::ETIMEDOUT),
                }),
                (false, false) => {
                    next = next.min(deadline);
                    continue;
                }
            };
            client.waiting = Waiting::Nothing;
            client.connection.send(&answer_line(&answer));
        }
        next
    }

    /// Serves the lines that have arrived, one at a time for each client.
    fn serve_lines(&mut self, orders: &mut Vec<Order>) {
        let tickets: Vec<Ticket> = self.clients.keys().copied().collect();
        for ticket in tickets {
            while let Some(client) = self.clients.get_mut(&ticket)
                && client.waiting == Waiting::Nothing
                && let Some(line) = client.connection.next_line()
            {
                let outcome = self.serve(ticket, line, orders);
                if let Some(client) = self.clients.get_mut(&ticket) {
                    match outcome {
                        Ok(answer) => client.connection.send(&answer_line(&answer)),
                        Err(waiting) => client.waiting = waiting,
                    }
                }
            }
        }
    }

    /// Answers a client whose request went to the vCPU's thread.
    pub fn reply(&mut self, ticket: Ticket, answer: &Answer) {
        if let Some(client) = self.clients.get_mut(&ticket) {
            client.waiting = Waiting::Nothing;
            client.connection.send(&answer_line(answer));
        }
    }

    /// Writes out what the guest has written to its console, with patience until `until` (CLOCK_MONOTONIC, ns) or until
    /// somebody kills the VM.
    pub fn drain(&mut self, until: u64) -> Result<(), GuestFault> {
        while let Some(console) = &self.console
            && !console.drained(&self.shared)?
            && monotonic() < until
        {
            if self.step(until)?.iter().any(|o| matches!(o, Order::End(_))) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Why output is lost, if some is.
    pub fn lost_output(&mut self) -> Option<String> {
        self.console.as_mut().and_then(Console::lost)
    }

    /// Has [`Server::step`] return when this descriptor becomes readable.
    pub fn watch(&mut self, fd: RawFd) {
        self.watched = Some(fd);
    }

    /// What `info` tells about the clones made ahead.
    pub fn describe_pool(&mut self, pool: Value) {
        self.pool = pool;
    }

    /// Closes the streams and forgets the time limit: the VM becomes a template.
    pub fn freeze(&mut self) {
        self.console = None;
        self.deadline = u64::MAX;
    }

    /// The VM is over: tells those who wait, answers what came too late, and removes the socket.
    pub fn conclude(&mut self, document: &Value) {
        // First, so that nobody connects any more. Gone already if somebody removed the directory.
        let _ = std::fs::remove_file(&self.socket);
        while let Ok((stream, _)) = self.listener.accept() {
            if let Ok(connection) = Connection::new(stream) {
                self.clients.insert(self.next_ticket, Client { connection, waiting: Waiting::Nothing });
                self.next_ticket += 1;
            }
        }
        for (ticket, answer) in self.desk.answers() {
            self.reply(ticket, &answer);
        }
        for client in self.clients.values_mut() {
            match client.waiting {
                Waiting::Nothing | Waiting::Over => {}
                Waiting::End => client.connection.send(&answer_line(&Ok(document.clone()))),
                Waiting::Desk | Waiting::Ready(_) => {
                    client.connection.send(&answer_line(&Err(Refusal::new("the VM has ended"))));
                }
            }
            // An error means that nothing more can be read: answer what there is.
            let _ = client.connection.receive();
            while let Some(line) = client.connection.next_line() {
                let answer = match parse(&line.text) {
                    Ok(Request::Wait) => Ok(document.clone()),
                    _ => Err(Refusal::new("the VM has ended")),
                };
                client.connection.send(&answer_line(&answer));
            }
            client.connection.flush_within(Duration::from_millis(200));
        }
    }
}

impl Server {
    /// Ends the process because the vCPU's thread does not: it waits for a host file that does not answer.
    pub fn desert(&mut self, ending: &Ending) -> ! {
        let document = exit_document(ending);
        if let Err(error) = write_exit(&self.profile.directory, &document) {
            crate::complain(&error.to_string());
        }
        self.conclude(&document);
        // SAFETY: ends the process without running what belongs to the other thread.
        unsafe { libc::_exit(ending.status().into()) }
    }
}

/// poll(2) until something is ready or CLOCK_MONOTONIC reaches `until` (ns; `u64::MAX`: never).
fn poll(polled: &mut [libc::pollfd], until: u64) {
    let left = until.saturating_sub(monotonic());
    let timeout = libc::timespec {
        tv_sec: (left / 1_000_000_000) as libc::time_t,
        tv_nsec: (left % 1_000_000_000) as libc::c_long,
    };
    let timeout = if until == u64::MAX { std::ptr::null() } else { &raw const timeout };
    // SAFETY: the array is as long as stated; the timeout is null or of this frame; the signal mask stays. An error
    // (EINTR, ENOMEM) leaves `revents` zero: nothing is ready, and the next step polls again.
    unsafe { libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout, std::ptr::null()) };
}
