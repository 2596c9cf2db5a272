//! Pipes, sockets, terminals and other objects that are not files; pidfds; what shared memory needs.
//!
//! The objects are kcore's. They ask and tell through [`Context`], which is set for each request ([`begin`]); what they want done to the session
//! is done after it ([`settle`]).

mod console;
mod context;
mod epoll;
mod futex;
mod import;
mod inet;
mod inotify;
mod make;
mod pidfd;
mod socket;
mod sysv;
mod terminal;
mod timer;

pub use context::{Effect, Effects};
pub use import::StandIn;

use crate::client::ClientId;
use crate::session::Session;
use context::Context;
use ramet_abi::session::{Reply, Request, op};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::tty::PtyMaster;
use std::fmt;
use std::rc::Rc;

/// What this module keeps of a session.
pub struct State {
    context: Rc<Context>,
    console: console::Streams,
    pidfds: pidfd::Pidfds,
    timers: Rc<timer::Timers>,
    sockets: socket::Sockets,
    inet: inet::State,
    imports: import::Imports,
    terminals: terminal::Terminals,
    futex: futex::State,
    sysv: sysv::State,
}

impl Default for State {
    fn default() -> Self {
        let context = Rc::new(Context::default());
        State {
            console: console::Streams::new(),
            pidfds: pidfd::Pidfds::default(),
            timers: Rc::default(),
            sockets: socket::Sockets::new(&context),
            inet: inet::State::new(&context),
            imports: import::Imports::default(),
            terminals: terminal::Terminals::new(&context),
            futex: futex::State::default(),
            sysv: sysv::State::default(),
            context,
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

/// A request of that VM's is about to touch objects.
pub fn begin(session: &mut Session, client: ClientId) {
    context::enter(session, client);
    console::begin(session);
}

/// Does what the objects have asked for since [`begin`].
pub fn settle(session: &mut Session) {
    console::settle(session);
    context::leave(session);
}

/// Where code that is called back deep inside says what is to be done to the session.
pub fn effects(session: &Session) -> Effects {
    Effects(session.objects.context.clone())
}

/// As [`begin`], for what a description of a terminal does: `request` says whether the process leaves the signals of background jobs alone.
pub fn begin_job(session: &mut Session, request: &Request, file: &OpenFile) {
    context::note_job(session, request, file);
}

/// Gives the VM a new description of an object.
fn describe(session: &mut Session, client: ClientId, file: Rc<dyn File>, flags: u32) -> Result<u64> {
    crate::descriptions::give(session, client, OpenFile::new(file, None, flags))
}

/// Serves a request. `data`: that of the request, then that of the answer (empty, unless the operation says more).
///
/// # Errors
/// Those of the operation.
pub fn serve(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    begin(session, client);
    let keep = matches!(
        request.operation,
        op::EPOLL_WAIT
            | op::SOCKET_CALL
            | op::PTY
            | op::SYSV
            | op::PIPE_IMPORT
            | op::SOCKET_IMPORT
            | op::INET_IMPORT
            | op::INET_TABLE
    );
    let answered = match request.operation {
        op::PIPE => make::pipe(session, client, request, data),
        op::EVENTFD => make::eventfd(session, client, request),
        op::TIMERFD => timer::create(session, client, request),
        op::TIMERFD_SET => timer::set(session, client, request),
        op::EPOLL => epoll::create(session, client),
        op::EPOLL_CTL => epoll::control(session, client, request),
        op::EPOLL_WAIT => epoll::wait(session, client, request, data),
        op::INOTIFY => inotify::create(session, client, request, data),
        op::INOTIFY_WATCH => inotify::watch(session, client, request),
        op::SOCKET => socket::create(session, client, request),
        op::SOCKET_CALL => socket::call(session, client, request, data),
        op::CONSOLE if session.console.terminal => terminal::console(session, client, request, data),
        op::CONSOLE => console::open(session, client, request, data),
        op::FUTEX_WAIT => futex::wait(session, client, request),
        op::FUTEX_WAKE => futex::wake(session, client, request),
        op::FUTEX_CANCEL => futex::cancel(session, client, request),
        op::FUTEX_REQUEUE => futex::requeue(session, client, request),
        op::REOPEN => make::reopen(session, client, request),
        op::PIPE_IMPORT => import::pipe(session, client, request, data),
        op::SOCKET_IMPORT => socket::import(session, client, request, data),
        op::INET_IMPORT => inet::import(session, client, request, data),
        op::INET_TABLE => inet::table(session, request, data),
        op::STAND_IN => import::stand_in(session, client, request, data),
        op::SYSV => sysv::call(session, client, request, data),
        op::PTY => terminal::pty(session, client, request, data),
        _ => Err(Errno::ENOSYS),
    };
    if !keep {
        data.clear();
    }
    if matches!(request.operation, op::FUTEX_WAIT | op::FUTEX_WAKE | op::FUTEX_CANCEL | op::FUTEX_REQUEUE) {
        futex::show(session);
    }
    settle(session);
    answered
}

/// `child` is a copy of `parent`: it holds what the parent holds.
pub fn inherit(session: &mut Session, parent: ClientId, child: ClientId) {
    // Other objects are held by descriptions.
    sysv::inherit(session, parent, child);
    futex::show_all(session, child);
    let pid = |id| session.clients.get(id).map(|client| client.pid);
    if let (Some(parent), Some(child)) = (pid(parent), pid(child)) {
        session.objects.terminals.inherit(parent, child);
    }
}

/// The process of the VM is over: nothing of what it held is used any more.
pub fn client_gone(session: &mut Session, client: ClientId) {
    session.objects.futex.client_gone(client);
    futex::show(session);
    session.objects.imports.client_gone(client);
    session.objects.inet.client_gone(client);
    sysv::client_gone(session, client);
}

/// A description that is readable when process `pid` has ended (`flags`: pidfd_open(2)'s), held by the VM.
///
/// # Errors
/// Those of pidfd_open(2).
pub fn pidfd(session: &mut Session, client: ClientId, pid: i32, flags: u32) -> Result<u64> {
    pidfd::open(session, client, pid, flags)
}

/// The process that the VM's pidfd names.
///
/// # Errors
/// EBADF.
pub fn pidfd_target(session: &Session, client: ClientId, id: u64) -> Result<i32> {
    pidfd::target(session, client, id)
}

/// The process has ended, and nobody will wait for it any more.
pub fn process_gone(session: &mut Session, pid: i32) {
    session.objects.pidfds.gone(pid);
}

/// The process is over without a word of its kernel's.
pub fn process_fell(session: &mut Session, pid: i32) {
    futex::fell(session, pid);
}

/// A new process has that number.
pub fn process_made(session: &mut Session, pid: i32) {
    futex::risen(session, pid);
}

/// The process has ended (it may still be a zombie): its pidfds are readable.
pub fn process_ended(session: &mut Session, pid: i32) {
    session.objects.pidfds.ended(pid);
    session.objects.terminals.process_ended(pid);
    futex::process_ended(session);
}

/// The leader of a session of processes has ended: the foreground group of its controlling terminal gets SIGHUP.
pub fn leader_ended(session: &mut Session, leader: i32) {
    session.objects.terminals.leader_ended(leader);
    settle(session);
}

/// The foreground process group of the controlling terminal of that session of processes; -1: none.
pub fn foreground(session: &Session, leader: i32) -> i32 {
    session.objects.terminals.foreground(leader)
}

/// A new pseudo-terminal.
///
/// # Errors
/// ENOSPC: there are too many.
pub fn new_terminal(session: &Session) -> Result<Rc<PtyMaster>> {
    session.objects.terminals.open()
}

/// Gives the VM a new description of an object.
///
/// # Errors
/// ENFILE: it holds too many.
pub fn give(session: &mut Session, client: ClientId, file: Rc<dyn File>, flags: u32) -> Result<u64> {
    describe(session, client, file, flags)
}

/// When [`expire`] is to be called: CLOCK_MONOTONIC, ns.
pub fn deadline(session: &Session) -> Option<u64> {
    session.objects.timers.deadline()
}

/// Timers whose time has come.
pub fn expire(session: &mut Session) {
    session.objects.timers.expire();
    settle(session);
}

/// How many bytes of standard input are welcome now.
pub fn input_wanted(session: &Session) -> usize {
    match session.objects.terminals.input_wanted() {
        Some(wanted) => wanted,
        None => session.objects.console.input_wanted(),
    }
}

/// Bytes from standard input, at most [`input_wanted`].
pub fn input(session: &mut Session, bytes: &[u8]) {
    console::begin(session);
    session.objects.console.input(bytes);
    session.objects.terminals.changed();
    settle(session);
}

/// Standard input is at its end.
pub fn input_ended(session: &mut Session) {
    console::begin(session);
    session.objects.console.input_ended();
    session.objects.terminals.changed();
    settle(session);
}

/// In a copy of the session: its standard streams are others.
pub fn become_copy(session: &mut Session) {
    session.objects.console.become_copy(session.console.kinds);
    console::begin(session);
    session.objects.console.all_changed();
}

/// Standard output (1) or error (2) takes bytes again, or is gone ([`crate::console::Console::closed`]).
pub fn output_ready(session: &mut Session, stream: usize) {
    console::begin(session);
    session.objects.console.output_ready(stream);
    session.objects.terminals.changed();
    settle(session);
}

/// The host's terminal has another size.
pub fn window_size(session: &mut Session, rows: u16, columns: u16) {
    session.objects.terminals.resize(rows, columns);
    settle(session);
}
