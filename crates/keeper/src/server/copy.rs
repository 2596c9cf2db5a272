//! Copies of the whole session: all of its VMs and the keeper, or nothing (docs/decisions/0018-clone-of-sessions.md).
//!
//! ```text
//!   idle ── COPY, FREEZE ──► holding: HOLD to each VM ── all have said HELD ──► memory copied, sockets made ── SPLIT to each VM ──► splitting
//!    ▲                          │ a VM does not stop, or there is no room           │                                                 │
//!    ├──── GO, with the reason ◄┴──────────────────────────────────────────────────┴───────────────── a fork(2) failed ◄────────────┤
//!    └──── GO ◄──────────────────────────────────────────────────────────────── fork(2) of the keeper ◄── all have said FORKED ─────┘
//!                                                                                    │
//!          the copy: serving ◄── GO to all ── all have said HELLO ◄── assembling ◄───┘
//! ```
//!
//! Everything that can fail for want of something is made before a VM is asked to fork. A copy whose VMs are not all there in the end
//! ends with its keeper: none of them has run until then.

use super::{FIRST_CLIENT, Server, Stage};
use crate::client::{ClientId, Host};
use crate::nodes::{self, CopiedMemory};
use crate::process;
use crate::session::Session;
use crate::sys::{self, Epoll, Message};
use crate::{descriptions, objects};
use ramet_abi::session::message;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// How long VMs may take to stand still, ns: one may be waiting for a host file.
const STOP: u64 = 3_000_000_000;
/// How long they may take to fork, and how long copies may take to build their VMs, ns.
const BUILD: u64 = 20_000_000_000;

/// What the first VM asks for.
#[derive(Debug)]
enum Wish {
    Copy { flags: u8, memory: [u8; 8], streams: [OwnedFd; 3] },
    Freeze { streams: [OwnedFd; 3] },
}

/// One VM of the copy.
#[derive(Debug)]
struct Member {
    id: ClientId,
    memory: OwnedFd,
    socket: OwnedFd,
}

/// What the copy is made from.
#[derive(Debug)]
struct Parts {
    paused: bool,
    streams: [OwnedFd; 3],
    life: OwnedFd,
    shared: Vec<CopiedMemory>,
    members: Vec<Member>,
}

#[derive(Debug)]
enum Step {
    Idle,
    Holding {
        wish: Wish,
        until: u64,
    },
    Splitting {
        parts: Parts,
        waiting: BTreeSet<ClientId>,
        until: u64,
    },
    /// This is the copy.
    Assembling {
        paused: bool,
        waiting: BTreeSet<ClientId>,
        shared: BTreeMap<u64, RawFd>,
        until: u64,
    },
}

/// How far a copy is.
#[derive(Debug)]
pub(super) struct Copying {
    step: Step,
    /// VMs that have been told to stand still, and whether they do.
    held: BTreeMap<ClientId, bool>,
    /// For good.
    frozen: bool,
    /// Numbers copies that were asked for: answers may come after one was given up.
    round: u8,
}

/// Why there is no copy.
struct Refused(String);

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self(format!("the session's keeper: {error}"))
    }
}

impl Copying {
    pub(super) fn new() -> Self {
        Self { step: Step::Idle, held: BTreeMap::new(), frozen: false, round: 0 }
    }

    /// When to look again although nothing happens (CLOCK_MONOTONIC, ns).
    pub(super) fn deadline(&self) -> Option<u64> {
        match &self.step {
            Step::Idle => None,
            Step::Holding { until, .. } | Step::Splitting { until, .. } | Step::Assembling { until, .. } => {
                Some(*until)
            }
        }
    }
}

/// Whether the VM's process is over, or about to be: it is not copied.
fn is_leaving(session: &Session, id: ClientId) -> bool {
    session.clients.get(id).is_none_or(|client| client.over)
}

fn names(pids: &[i32]) -> String {
    let names: Vec<String> = pids.iter().map(ToString::to_string).collect();
    match pids {
        [_] => format!("process {}", names[0]),
        _ => format!("processes {}", names.join(", ")),
    }
}

impl Server {
    /// COPY or FREEZE of the first VM. False: it makes no sense.
    pub(super) fn ask_for_copy(&mut self, received: Message) -> bool {
        let Message { bytes, length, descriptors, .. } = received;
        let Ok(streams) = <[OwnedFd; 3]>::try_from(descriptors) else { return false };
        let wish = match (bytes[0], length) {
            (message::COPY, 10) => {
                Wish::Copy { flags: bytes[1], memory: bytes[2..10].try_into().unwrap_or_default(), streams }
            }
            (message::FREEZE, 1) if !self.copying.frozen => Wish::Freeze { streams },
            _ => return false,
        };
        if !matches!(self.copying.step, Step::Idle) {
            return false;
        }
        if let Err(Refused(reason)) = self.check_copy() {
            self.tell_first(&reason);
            return true;
        }
        if self.session.paused {
            // They are stopped by the host: to say that they stand still they must run.
            self.session.resume_hosts(self.first);
        }
        self.copying.round = self.copying.round.wrapping_add(1);
        self.copying.step = Step::Holding { wish, until: self.session.monotonic() + STOP };
        true
    }

    /// What cannot be copied at all.
    fn check_copy(&self) -> Result<(), Refused> {
        let added = self.session.execs.pids();
        if !added.is_empty() {
            return Err(Refused(format!(
                "{} of `ramet exec` has streams of its own: a session with one cannot be copied",
                names(&added)
            )));
        }
        if self.session.console.terminal {
            return Err(Refused(
                "the program has forked, and has a terminal: such a session cannot be copied".into(),
            ));
        }
        if self.stage != Stage::Serving {
            return Err(Refused("the program is ending".into()));
        }
        Ok(())
    }

    /// A message that belongs to a copy. False: it does not.
    pub(super) fn copy_message(&mut self, id: ClientId, received: &Message) -> bool {
        let is_current = received.bytes[1] == self.copying.round;
        match (received.bytes[0], received.length, &mut self.copying.step) {
            (message::HELD, 2, _) => {
                if let Some(held) = self.copying.held.get_mut(&id).filter(|_| is_current) {
                    *held = true;
                }
            }
            (message::FORKED, 3, Step::Splitting { waiting, .. }) if is_current && waiting.contains(&id) => {
                match received.bytes[2] {
                    0 => drop(waiting.remove(&id)),
                    number => {
                        let error = io::Error::from_raw_os_error(number.into());
                        self.give_up(&format!("fork: {error}"));
                    }
                }
            }
            // After what was given up.
            (message::FORKED, 3, _) => {}
            (message::EXCHANGE, 9, Step::Assembling { shared, .. }) => {
                let inode = u64::from_le_bytes(received.bytes[1..9].try_into().unwrap_or_default());
                let number = shared.get(&inode).copied();
                let Some(client) = self.session.clients.get(id) else { return true };
                // SAFETY: the number is that of memory which the session keeps open, and nobody closes here.
                let memory =
                    number.map(|number| unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned());
                let passed = match memory.transpose() {
                    Ok(memory) => memory.into_iter().collect(),
                    Err(_) => return false,
                };
                let passed: Vec<OwnedFd> = passed;
                return sys::send(client.socket.as_fd(), &[message::EXCHANGE], &passed).is_ok();
            }
            _ => return false,
        }
        true
    }

    /// A VM of a copy that has not begun has reported.
    pub(super) fn copy_reported(&mut self, id: ClientId) {
        if let Step::Assembling { waiting, .. } = &mut self.copying.step {
            waiting.remove(&id);
        }
    }

    /// A VM is gone.
    pub(super) fn copy_lost(&mut self, id: ClientId) {
        self.copying.held.remove(&id);
        let is_member = match &self.copying.step {
            Step::Splitting { waiting, .. } => waiting.contains(&id),
            Step::Assembling { .. } => {
                // Nothing has run: nobody is told of anything but the end.
                std::process::exit(1);
            }
            _ => false,
        };
        if is_member {
            self.give_up("a process of the session was killed");
        }
    }

    /// Goes on with what is being copied.
    pub(super) fn copy(&mut self) -> io::Result<()> {
        let now = self.session.monotonic();
        match &self.copying.step {
            Step::Idle => {}
            _ if self.stage != Stage::Serving => self.give_up("the program is ending"),
            Step::Holding { until, .. } => {
                let until = *until;
                self.hold();
                let late = self.not_still();
                if late.is_empty() {
                    self.still();
                } else if now >= until {
                    self.give_up(&format!("{} did not stop in time", names(&late)));
                }
            }
            Step::Splitting { waiting, until, .. } => {
                if waiting.is_empty() {
                    self.split()?;
                } else if now >= *until {
                    self.give_up("a process did not fork in time");
                }
            }
            Step::Assembling { waiting, until, .. } => {
                if waiting.is_empty() {
                    self.begin_copy();
                } else if now >= *until {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
        Ok(())
    }

    /// Tells those to stand still who have not been told.
    fn hold(&mut self) {
        let for_good = matches!(self.copying.step, Step::Holding { wish: Wish::Freeze { .. }, .. });
        let (session, round) = (&self.session, self.copying.round);
        for (id, client) in session.clients.iter() {
            let Host::Running(process) = &client.host else { continue };
            let is_ending = client.over || client.doomed || session.killing.contains_key(&id);
            if id == self.first || is_ending || self.copying.held.contains_key(&id) {
                continue;
            }
            if sys::send(client.socket.as_fd(), &[message::HOLD, round, for_good.into()], &[]).is_ok() {
                sys::kill(process.as_fd(), libc::SIGURG);
                self.copying.held.insert(id, false);
            }
        }
    }

    /// Processes that do not stand still yet: those that are just being made, or are ending, are waited for.
    fn not_still(&self) -> Vec<i32> {
        let is_still =
            |id: &ClientId| *id == self.first || self.copying.held.get(id).copied().unwrap_or_default();
        let clients = self.session.clients.iter();
        clients.filter(|(id, client)| !client.over && !is_still(id)).map(|(_, client)| client.pid).collect()
    }

    /// All stand still.
    fn still(&mut self) {
        match std::mem::replace(&mut self.copying.step, Step::Idle) {
            Step::Holding { wish: Wish::Freeze { streams }, .. } => match self.freeze(streams) {
                Ok(()) => {
                    self.copying.frozen = true;
                    self.tell_first("");
                }
                Err(Refused(reason)) => self.give_up(&reason),
            },
            Step::Holding { wish: Wish::Copy { flags, memory, streams }, .. } => {
                if let Err(Refused(reason)) = self.prepare_copy(flags, memory, streams) {
                    self.give_up(&reason);
                }
            }
            other => self.copying.step = other,
        }
    }

    /// The streams are whoever's they were: what waits for their end sees it.
    fn freeze(&mut self, streams: [OwnedFd; 3]) -> Result<(), Refused> {
        self.stdio.replace(&self.epoll, streams)?;
        Ok(())
    }

    /// Makes all that the copy needs, and asks the VMs to fork.
    fn prepare_copy(&mut self, flags: u8, limit: [u8; 8], streams: [OwnedFd; 3]) -> Result<(), Refused> {
        let ids: Vec<ClientId> =
            self.session.clients.iter().filter(|(_, client)| !client.over).map(|(id, _)| id).collect();
        // Pipes that are lent come back: their memory is not the copy's.
        for id in &ids {
            descriptions::take_back(&mut self.session, *id);
        }
        self.session.flush();
        let (ends, life) = sys::pipe()?;
        let shared = nodes::copy_all(&self.session)?;
        let mut members = Vec::new();
        let mut berths = Vec::new();
        for id in ids {
            let Some(client) = self.session.clients.get(id) else { continue };
            let memory = client.channel.copy()?;
            let (socket, theirs) = sys::socket_pair()?;
            let error = streams[2].try_clone()?;
            berths.push((id, [memory.try_clone()?, theirs, ends.try_clone()?, error]));
            members.push(Member { id, memory, socket });
        }
        let waiting = members.iter().map(|member| member.id).collect();
        let paused = flags & message::COPY_PAUSED != 0;
        let until = self.session.monotonic() + BUILD;
        self.copying.step =
            Step::Splitting { parts: Parts { paused, streams, life, shared, members }, waiting, until };
        let order = [&[message::SPLIT, self.copying.round, flags], &limit[..]].concat();
        for (id, descriptors) in berths {
            let Some(client) = self.session.clients.get(id) else { continue };
            sys::send(client.socket.as_fd(), &order, &descriptors)?;
        }
        Ok(())
    }

    /// All VMs have forked: now the keeper.
    fn split(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.copying.step, Step::Idle) {
            Step::Splitting { parts, .. } => match sys::fork() {
                Ok(true) => self.become_copy(parts)?,
                Ok(false) => {
                    drop(parts);
                    self.release("");
                }
                Err(error) => {
                    abort(&parts);
                    self.release(&format!("fork: {error}"));
                }
            },
            other => self.copying.step = other,
        }
        Ok(())
    }

    /// There is no copy: everybody goes on.
    fn give_up(&mut self, reason: &str) {
        if let Step::Splitting { parts, .. } = std::mem::replace(&mut self.copying.step, Step::Idle) {
            abort(&parts);
        }
        self.release(reason);
    }

    /// Who stands still goes on, unless it is for good. `reason`: why there is no copy; empty: there is one.
    fn release(&mut self, reason: &str) {
        if !self.copying.frozen {
            if self.session.paused {
                self.session.pause(self.first, true);
            }
            for id in std::mem::take(&mut self.copying.held).into_keys() {
                if let Some(client) = self.session.clients.get(id) {
                    // One that does not hear it has ended.
                    let _ = sys::send(client.socket.as_fd(), &[message::GO], &[]);
                }
            }
        }
        self.tell_first(reason);
    }

    fn tell_first(&mut self, reason: &str) {
        let Some(client) = self.session.clients.get(self.first) else { return };
        let reason = &reason.as_bytes()[..reason.len().min(message::REASON_MAX)];
        // One that does not hear it has ended.
        let _ = sys::send(client.socket.as_fd(), &[&[message::GO], reason].concat(), &[]);
    }

    /// In the child of fork(2): nothing of what was there is the original's any more.
    fn become_copy(&mut self, parts: Parts) -> io::Result<()> {
        let Parts { paused, streams, life, shared, members } = parts;
        let waiting: BTreeSet<ClientId> = members.iter().map(|member| member.id).collect();
        let session = &mut self.session;
        let leaving: Vec<ClientId> =
            session.clients.iter().map(|(id, _)| id).filter(|id| !waiting.contains(id)).collect();
        for id in leaving {
            debug_assert!(is_leaving(session, id));
            process::lost(session, id);
        }
        session.spare_berth = None;
        for Member { id, memory, socket } in members {
            if let Some(client) = session.clients.get_mut(id) {
                client.become_copy(&memory, socket)?;
            }
        }
        let shared: BTreeMap<u64, RawFd> =
            shared.into_iter().map(CopiedMemory::settle).collect::<io::Result<_>>()?;
        session.become_copy(streams.each_ref().map(|stream| crate::start::kind_of(stream, false)));
        objects::become_copy(session);
        self.stdio = super::Stdio::new(streams, false)?;
        self.epoll = Epoll::new()?;
        self.life = life;
        (self.leaving, self.watch) = (VecDeque::new(), super::Watch::new());
        self.copying = Copying::new();
        for (id, client) in self.session.clients.iter() {
            self.epoll.add(client.socket.as_fd(), libc::EPOLLIN as u32, id.0 + FIRST_CLIENT)?;
        }
        sys::close_all_but(self.descriptors())?;
        let until = self.session.monotonic() + BUILD;
        self.copying.step = Step::Assembling { paused, waiting, shared, until };
        Ok(())
    }

    /// Every descriptor that this process has a use for.
    fn descriptors(&self) -> Vec<RawFd> {
        let mut all: Vec<RawFd> =
            self.session.clients.iter().map(|(_, client)| client.socket.as_raw_fd()).collect();
        all.extend(nodes::descriptors(&self.session));
        all.extend(self.session.image.as_ref().map(AsRawFd::as_raw_fd));
        all.extend(self.stdio.descriptors());
        all.extend([self.epoll.descriptor(), self.life.as_raw_fd()]);
        all
    }

    /// All VMs of the copy are there.
    fn begin_copy(&mut self) {
        let Step::Assembling { paused, .. } = std::mem::replace(&mut self.copying.step, Step::Idle) else {
            return;
        };
        if paused {
            self.session.pause(self.first, true);
        }
        for (_, client) in self.session.clients.iter() {
            // One that does not hear it has ended, which is seen in time.
            let _ = sys::send(client.socket.as_fd(), &[message::GO], &[]);
        }
    }
}

/// Tells copies that they are none.
fn abort(parts: &Parts) {
    for member in &parts.members {
        let _ = sys::send(member.socket.as_fd(), &[message::ABORT], &[]);
    }
}
