//! Processes that somebody outside has added to the session (`ramet exec`), each with streams of its own.
//!
//! ```text
//!   EXEC (streams) ──► promised ── FORK, flags 2 ──► made ── ATTACH ──► attached ── its end, its output written ──► told, and forgotten: its streams are closed
//!                          └─ another EXEC takes its place
//! ```
//!
//! The process has pipes of the session for streams, or a pseudo-terminal; the other ends are here, and what goes through them is copied from and to
//! the host's descriptors ([`relay`]).

mod relay;

use crate::client::ClientId;
use crate::objects;
use crate::session::Session;
use crate::sys::{self, Epoll};
use ramet_abi::session::Reply;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::{O_RDONLY, O_RDWR, O_WRONLY};
use ramet_kcore::ipc::object::Origin;
use ramet_kcore::ipc::pipe;
use ramet_kcore::ipc::tty::{PtyMaster, WindowSize};
use relay::{Direction, Relay};
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// Tokens of the streams in epoll are from here on.
pub const TOKENS: u64 = 1 << 63;
/// Most processes of this kind at a time.
const MOST: usize = 256;

/// What [`ramet_abi::session::message::EXEC`] brings.
#[derive(Debug)]
pub struct Promise {
    /// Rows and columns, if the streams are to be a terminal.
    pub terminal: Option<(u16, u16)>,
    /// Standard input, output and error.
    pub streams: [OwnedFd; 3],
    /// Gets one line when the process has ended.
    pub status: OwnedFd,
}

/// The process's ends, until it asks for them.
enum Ends {
    Pipes([Rc<dyn File>; 3]),
    Terminal(Rc<PtyMaster>),
}

struct Exec {
    pid: i32,
    ends: Option<Ends>,
    master: Option<Rc<PtyMaster>>,
    relays: Vec<Relay>,
    /// Until it has been told of the end.
    status: Option<OwnedFd>,
    /// Its wait status, once it has ended.
    ended: Option<i32>,
}

/// What this module keeps of a session.
#[derive(Default)]
pub struct State {
    promised: Option<Promise>,
    all: BTreeMap<u64, Exec>,
    next: u64,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("all", &self.all.len()).finish_non_exhaustive()
    }
}

impl State {
    /// The next process of this kind has these streams.
    pub fn promise(&mut self, promise: Promise) {
        self.promised = Some(promise);
    }

    /// There will be no such process.
    pub fn forget_promise(&mut self) {
        self.promised = None;
    }

    /// Whether that process was made so.
    pub fn is_one(&self, pid: i32) -> bool {
        self.all.values().any(|exec| exec.pid == pid)
    }

    /// Whether there is nothing to be copied or told any more of processes that have ended.
    pub fn settled(&self) -> bool {
        self.all.values().all(|exec| exec.ended.is_none())
    }

    /// Pids of those that have streams on the host, or are about to.
    pub fn pids(&self) -> Vec<i32> {
        self.all.values().map(|exec| exec.pid).collect()
    }

    fn of(&mut self, pid: i32) -> Option<&mut Exec> {
        self.all.values_mut().find(|exec| exec.pid == pid)
    }
}

/// Whether a process has been promised, and there is room for it.
///
/// # Errors
/// EINVAL: nobody has promised one; EAGAIN: there are too many.
pub fn check(session: &Session) -> Result<()> {
    if session.execs.promised.is_none() {
        return Err(Errno::EINVAL);
    }
    if session.execs.all.len() >= MOST { Err(Errno::EAGAIN) } else { Ok(()) }
}

/// `pid` is the promised process.
///
/// # Errors
/// EINVAL: nobody has promised one; ENOSPC: no terminal is left.
pub fn make(session: &mut Session, pid: i32) -> Result<()> {
    let Promise { terminal, streams, status } = session.execs.promised.take().ok_or(Errno::EINVAL)?;
    let origin = Origin { uid: 0, gid: 0, now: session.realtime() as i64 };
    let [input, output, error] = streams;
    let (ends, master, relays) = match terminal {
        Some((rows, columns)) => {
            let master = objects::new_terminal(session)?;
            master.unlock();
            master.tty().set_window_size(WindowSize { rows, columns, ..WindowSize::default() });
            let far: Rc<dyn File> = master.clone();
            let relays = vec![
                Relay::new(Direction::In, input, far.clone(), true),
                Relay::new(Direction::Out, output, far, true),
            ];
            (Ends::Terminal(master.clone()), Some(master), relays)
        }
        None => {
            let (its_input, writer) = pipe::pipe(origin);
            let (reader, its_output) = pipe::pipe(origin);
            let mut relays = vec![Relay::new(Direction::In, input, writer, false)];
            let its_error: Rc<dyn File> = if is_same(&output, &error) {
                // What goes to one place stays in order.
                its_output.clone()
            } else {
                let (reader, its_error) = pipe::pipe(origin);
                relays.push(Relay::new(Direction::Out, error, reader, false));
                its_error
            };
            relays.push(Relay::new(Direction::Out, output, reader, false));
            (Ends::Pipes([its_input, its_output, its_error]), None, relays)
        }
    };
    let id = session.execs.next;
    session.execs.next += 1;
    let exec = Exec { pid, ends: Some(ends), master, relays, status: Some(status), ended: None };
    session.execs.all.insert(id, exec);
    Ok(())
}

fn is_same(one: &OwnedFd, other: &OwnedFd) -> bool {
    match (sys::status(one.as_fd()), sys::status(other.as_fd())) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}

/// The process that was made so is not to be after all.
pub fn unmake(session: &mut Session, pid: i32) {
    session.execs.all.retain(|_, exec| exec.pid != pid);
}

/// [`ramet_abi::session::op::ATTACH`].
///
/// # Errors
/// EINVAL: it is none of these processes, or has its streams already; ENFILE.
pub fn attach(session: &mut Session, client: ClientId) -> Result<Reply> {
    let pid = session.client(client)?.pid;
    let ends = session.execs.of(pid).and_then(|exec| exec.ends.take()).ok_or(Errno::EINVAL)?;
    let mut reply = Reply::default();
    match ends {
        Ends::Terminal(master) => {
            objects::begin(session, client);
            // The process leads a session, so that this is its controlling terminal from now on.
            let given =
                master.open_peer(O_RDWR).and_then(|slave| objects::give(session, client, slave, O_RDWR));
            let number = u64::from(master.number()) + 1;
            // The last one, if the terminal has hung up meanwhile.
            drop(master);
            objects::settle(session);
            let slave = given?;
            reply.values = [slave, slave, slave, number, 0, 0, 0, 0];
        }
        Ends::Pipes([input, output, error]) => {
            reply.values[0] = objects::give(session, client, input, O_RDONLY)?;
            reply.values[1] = objects::give(session, client, output, O_WRONLY)?;
            reply.values[2] = objects::give(session, client, error, O_WRONLY)?;
        }
    }
    Ok(reply)
}

/// The terminal of that process has another size.
pub fn resize(session: &mut Session, pid: i32, rows: u16, columns: u16) {
    if let Some(master) = session.execs.of(pid).and_then(|exec| exec.master.as_ref()) {
        master.tty().set_window_size(WindowSize { rows, columns, ..WindowSize::default() });
        objects::settle(session);
    }
}

/// The process has ended. Nobody holds ends that it has not asked for.
pub fn process_ended(session: &mut Session, pid: i32, status: i32) {
    if let Some(exec) = session.execs.of(pid) {
        exec.ended = Some(status);
        exec.ends = None;
    }
}

/// Asks epoll for the streams that can be used now. True: one can be used without asking.
pub fn watch(session: &mut Session, epoll: &Epoll) -> bool {
    let mut now = false;
    for (id, exec) in &mut session.execs.all {
        for (relay, number) in exec.relays.iter_mut().zip(0..) {
            now |= relay.watch(epoll, TOKENS | id << 2 | number);
        }
    }
    now
}

/// Copies what can be copied, and tells of processes that have ended.
pub fn transfer(session: &mut Session, epoll: &Epoll, ready: &[(u64, u32)]) {
    if session.execs.all.is_empty() {
        return;
    }
    let mut all = std::mem::take(&mut session.execs.all);
    for (id, exec) in &mut all {
        for (relay, number) in exec.relays.iter_mut().zip(0..) {
            let token = TOKENS | id << 2 | number;
            let events = ready.iter().find(|(other, _)| *other == token).map_or(0, |(_, events)| *events);
            relay.transfer(epoll, events);
        }
        if exec.relays.iter().any(|relay| relay.hung_up) {
            // Nobody has the master any more: the session of the terminal is hung up.
            exec.relays.drain(..).for_each(|relay| relay.close(epoll));
            exec.master = None;
        }
        if let Some(status) = exec.ended
            && exec.relays.iter().all(Relay::is_drained)
            && let Some(pipe) = exec.status.take()
        {
            // Whoever has gone does not want to know.
            let _ = sys::write(pipe.as_fd(), document(exec.pid, status).as_bytes());
        }
    }
    let told: Vec<u64> = all.iter().filter(|(_, exec)| exec.status.is_none()).map(|(id, _)| *id).collect();
    for exec in told.into_iter().filter_map(|id| all.remove(&id)) {
        // What it has started may go on: its output has nowhere to go.
        exec.relays.into_iter().for_each(|relay| relay.close(epoll));
    }
    session.execs.all = all;
    objects::settle(session);
}

/// The line for the status pipe, as a VM's `exit.json`.
fn document(pid: i32, status: i32) -> String {
    let ended = sys::clock(libc::CLOCK_REALTIME) as f64 / 1e9;
    let (status, reason, signal) = match status & 0x7f {
        0 => (status >> 8 & 0xff, "exited", "null".to_owned()),
        signal => (128 + signal, "signal", signal.to_string()),
    };
    format!(
        "{{\"status\":{status},\"reason\":\"{reason}\",\"signal\":{signal},\"ended\":{ended},\"pid\":{pid}}}\n"
    )
}
