//! The event loop: the only place where the keeper waits.
//!
//! ```text
//!   serving ──── the first process says EXIT ───► ending: the others are killed, output is written ─► its EXIT is answered ─► over
//!      └──────── the first VM's socket ends ────► ending, for as long as LAST_WORDS ────────────────────────────────────────► over
//! ```

mod copy;
mod outside;
mod stdio;
mod watch;

use crate::client::{Client, ClientId, Host};
use crate::session::Session;
use crate::start::Keeper;
use crate::sys::{self, Epoll, Message};
use crate::{confine, dispatch, execs, objects, process};
use copy::Copying;
use ramet_abi::session::{Reply, message};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use stdio::Stdio;
use watch::Watch;

/// Tokens below are the standard streams'.
const FIRST_CLIENT: u64 = 16;
/// How long a VM may go on after EXIT, ns.
const LEAVE: u64 = 10_000_000_000;
/// How long killed VMs are waited for, ns.
const DEATHS: u64 = 5_000_000_000;
/// How long output is written, and killed VMs are waited for, when nobody waits for it, ns.
const LAST_WORDS: u64 = 1_000_000_000;

/// How far the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// The first process is over. Its VMM waits for an answer, or else there is a deadline.
    Ending {
        answer: Option<ClientId>,
        /// Until when the others' deaths are waited for.
        deaths: u64,
        deadline: u64,
    },
}

/// The loop's state.
#[derive(Debug)]
struct Server {
    session: Session,
    epoll: Epoll,
    stdio: Stdio,
    first: ClientId,
    stage: Stage,
    /// VMs that have said EXIT, and when they are killed if they are still there.
    leaving: VecDeque<(u64, ClientId)>,
    data: Vec<u8>,
    watch: Watch,
    copying: Copying,
    /// See [`crate::Start::life`].
    life: OwnedFd,
}

/// Serves a session until it is over.
///
/// # Errors
/// What makes it impossible to go on: the session dies with the keeper.
pub fn serve(keeper: Keeper) -> io::Result<()> {
    let mut server = Server::new(keeper)?;
    // Everything is open that has to be.
    confine::enter()?;
    let mut ready = Vec::new();
    while !server.over() {
        let at_once = server.stdio.watch(&server.epoll, &server.session)?
            | execs::watch(&mut server.session, &server.epoll);
        if at_once || !server.watch_requests(&mut ready)? {
            let deadline = if at_once { Some(0) } else { server.deadline() };
            server.epoll.wait(deadline, &mut ready)?;
        }
        for &(token, _) in &ready {
            if (FIRST_CLIENT..execs::TOKENS).contains(&token) {
                server.client_ready(ClientId(token - FIRST_CLIENT))?;
            }
        }
        execs::transfer(&mut server.session, &server.epoll, &ready);
        server.stdio.transfer(&server.epoll, &mut server.session, &ready);
        server.expire();
        server.session.flush();
        server.copy()?;
        server.session.kick();
        server.prepare();
    }
    server.answer_last();
    Ok(())
}

impl Server {
    fn new(keeper: Keeper) -> io::Result<Self> {
        let Keeper { session, first, streams, life } = keeper;
        let stdio = Stdio::new(streams, session.console.terminal)?;
        let epoll = Epoll::new()?;
        let mut server = Self {
            session,
            epoll,
            stdio,
            first,
            stage: Stage::Serving,
            leaving: VecDeque::new(),
            data: Vec::new(),
            watch: Watch::new(),
            copying: Copying::new(),
            life,
        };
        server.register()?;
        Ok(server)
    }

    /// Watches the sockets of new VMs.
    fn register(&mut self) -> io::Result<()> {
        for id in self.session.clients.take_fresh() {
            let Some(client) = self.session.clients.get(id) else { continue };
            match self.epoll.add(client.socket.as_fd(), libc::EPOLLIN as u32, id.0 + FIRST_CLIENT) {
                Ok(()) => {}
                Err(error) if id == self.first => return Err(error),
                // The host has no room: nobody will hear it, so that it cannot be.
                Err(_) => self.expel(id),
            }
        }
        Ok(())
    }

    /// Makes ahead what the next fork needs, where there has been one: its parent waits for it.
    fn prepare(&mut self) {
        let session = &mut self.session;
        if session.spare_berth.is_none() && session.processes.forked && self.stage == Stage::Serving {
            // What cannot be had now is asked for again at the fork.
            session.spare_berth = process::Berth::new().ok();
        }
    }

    fn deadline(&self) -> Option<u64> {
        let ending = match self.stage {
            Stage::Ending { deaths, deadline, .. } => {
                let later = (deaths > self.session.monotonic()).then_some(deaths);
                Some(later.map_or(deadline, |deaths| deaths.min(deadline)))
            }
            Stage::Serving => None,
        };
        let leaving = self.leaving.front().map(|(at, _)| *at);
        let killing = self.session.killing.values().min().copied();
        let copying = self.copying.deadline();
        [objects::deadline(&self.session), ending, leaving, killing, copying].into_iter().flatten().min()
    }

    fn expire(&mut self) {
        // Asked first: a timer that is due is due at the time of the question.
        let due = objects::deadline(&self.session);
        let now = self.session.monotonic();
        if due.is_some_and(|at| at <= now) {
            objects::expire(&mut self.session);
        }
        while let Some(&(at, id)) = self.leaving.front()
            && at <= now
        {
            self.leaving.pop_front();
            self.session.doom(id);
        }
        process::kill_late(&mut self.session);
    }

    /// A VM's socket has a message, or has ended.
    fn client_ready(&mut self, id: ClientId) -> io::Result<()> {
        let Some(client) = self.session.clients.get(id) else { return Ok(()) };
        match sys::receive(client.socket.as_fd()) {
            Ok(Some(message)) => self.message(id, message)?,
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => {}
            // A reset is an end as well.
            Ok(None) | Err(_) => self.lose(id),
        }
        Ok(())
    }

    fn message(&mut self, id: ClientId, received: Message) -> io::Result<()> {
        let Some(client) = self.session.clients.get_mut(id) else { return Ok(()) };
        let alive = matches!(client.host, Host::Running(_));
        match (received.bytes[0], received.length) {
            (message::REQUEST, 1) if alive => return self.request(id),
            (message::BORN, 1) if matches!(client.host, Host::Promised) => client.host = Host::Born,
            // The parent's word may arrive after the child's.
            (message::BORN, 1) if alive => {}
            (message::HELLO, 1) if !alive && received.pid > 0 => match client.report(received.pid) {
                Ok(()) => {
                    if client.doomed {
                        self.session.doom(id);
                    } else if self.session.paused && id != self.first {
                        self.session.pause(self.first, true);
                    }
                    // Its own look at the ring may have been before what was sent to it since the fork.
                    self.session.greet(id);
                    self.copy_reported(id);
                }
                // It was there, and is gone already: it leaves a status.
                Err(_) => self.lose(id),
            },
            (message::WINDOW, 5) if id == self.first => {
                let word = |at: usize| u16::from_le_bytes([received.bytes[at], received.bytes[at + 1]]);
                let (rows, columns) = (word(1), word(3));
                self.session.console.size = (rows, columns);
                objects::window_size(&mut self.session, rows, columns);
            }
            (message::RAM, 9) if alive => self.ram(id, &received),
            _ if self.copy_message(id, &received) => {}
            _ if id == self.first && alive => {
                if !self.outside(received)? {
                    self.expel(id);
                }
            }
            // It does not keep to the contract.
            _ => self.expel(id),
        }
        Ok(())
    }

    /// A VM's doorbell has rung.
    fn request(&mut self, id: ClientId) -> io::Result<()> {
        let now = self.session.monotonic();
        let Some(client) = self.session.clients.get_mut(id) else { return Ok(()) };
        let asked = client.channel.asked();
        if std::mem::take(&mut client.unasked) && client.served == asked {
            // Found by itself, after the VM had given up watching for the answer.
            self.ring(id);
            return Ok(());
        }
        if client.over {
            self.expel(id);
            return Ok(());
        }
        client.served = asked;
        self.watch.rung(id, now);
        self.serve(id, asked, true)
    }

    /// Serves the request in the channel, whose number is `asked`. `rings`: the VMM waits for a message.
    fn serve(&mut self, id: ClientId, asked: u32, rings: bool) -> io::Result<()> {
        let Some(client) = self.session.clients.get(id) else { return Ok(()) };
        let mut data = std::mem::take(&mut self.data);
        let request = client.channel.request(&mut data);
        self.session.serve_for(Some(id));
        let reply = match &request {
            Ok(request) => dispatch(&mut self.session, id, request, &mut data),
            Err(_) => Reply { result: -i64::from(libc::EINVAL), ..Reply::default() },
        };
        self.session.flush();
        self.session.serve_for(None);
        self.register()?;
        let left = self.session.clients.get(id).is_some_and(|client| client.over);
        if left && id == self.first {
            // Told when the session is over: everything that it has written is out then.
            self.end(Some(id), u64::MAX);
        } else {
            self.answer(id, &reply, &data, asked);
            if rings {
                self.ring(id);
            } else {
                // A VM that did not keep to the contract.
                drop(self.session.take_passed());
            }
            if left {
                self.leaving.push_back((self.session.monotonic() + LEAVE, id));
            }
        }
        data.clear();
        self.data = data;
        // At once, and not after all others of this round: somebody else may have been waiting for this.
        self.session.kick();
        self.watch.served(self.session.monotonic());
        Ok(())
    }

    fn answer(&mut self, id: ClientId, reply: &Reply, data: &[u8], asked: u32) {
        let Some(client) = self.session.clients.get(id) else { return };
        client.channel.answer(reply, data);
        client.channel.set_answered(asked);
    }

    /// Tells a VM's VMM, which waits for it, that the answer is in the channel.
    fn ring(&mut self, id: ClientId) {
        let passed = self.session.take_passed();
        let Some(client) = self.session.clients.get(id) else { return };
        // One that does not read its answers is not worth another.
        if sys::send(client.socket.as_fd(), &[message::REQUEST], &passed).is_err() {
            self.expel(id);
        }
    }

    /// A VM that breaks the contract is killed. But not the first: its VMM sees that the session is over, and has an end to report (it
    /// may be doing so, its socket being closed already).
    fn expel(&mut self, id: ClientId) {
        if id != self.first {
            self.session.doom(id);
        }
        self.lose(id);
    }

    fn lose(&mut self, id: ClientId) {
        self.copy_lost(id);
        self.watch.forget(id);
        process::lost(&mut self.session, id);
        self.leaving.retain(|(_, other)| *other != id);
        if id == self.first {
            self.end(None, self.session.monotonic() + LAST_WORDS);
        }
        self.session.flush();
    }

    /// The first process is over.
    fn end(&mut self, answer: Option<ClientId>, deadline: u64) {
        let deaths = self.session.monotonic() + DEATHS;
        self.stage = Stage::Ending { answer, deaths, deadline };
        self.session.processes.ending = true;
        let others: Vec<ClientId> =
            self.session.clients.iter().map(|(id, _)| id).filter(|id| *id != self.first).collect();
        for id in others {
            self.session.doom(id);
        }
    }

    fn over(&self) -> bool {
        match self.stage {
            Stage::Serving => false,
            Stage::Ending { deaths, deadline, .. } => {
                let now = self.session.monotonic();
                let is_gone = |(id, client): (ClientId, &Client)| id == self.first || !promised_life(client);
                let alone = now >= deaths || self.session.clients.iter().all(is_gone);
                let told = self.session.execs.settled() || now >= deaths;
                alone && told && self.session.console.drained() || now >= deadline
            }
        }
    }

    fn answer_last(&mut self) {
        if let Stage::Ending { answer: Some(id), .. } = self.stage {
            let asked = self.session.clients.get(id).map_or(0, |client| client.served);
            self.answer(id, &Reply::default(), &[], asked);
            self.ring(id);
        }
    }
}

/// Whether there is, or may yet be, a process.
fn promised_life(client: &Client) -> bool {
    !matches!(client.host, Host::Promised)
}
