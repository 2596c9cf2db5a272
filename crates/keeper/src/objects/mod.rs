//! Pipes, sockets, terminals and other objects that are not files; pidfds.

use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};

/// What this module keeps of a session.
#[derive(Debug, Default)]
pub struct State {}

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
    data.clear();
    session.client(client)?;
    let _ = request;
    Err(Errno::ENOSYS)
}

/// `child` is a copy of `parent`: it holds what the parent holds.
pub fn inherit(session: &mut Session, parent: ClientId, child: ClientId) {
    let _ = (session, parent, child);
}

/// The process of the VM is over: nothing of what it held is used any more.
pub fn client_gone(session: &mut Session, client: ClientId) {
    let _ = (session, client);
}

/// A description that is readable when process `pid` has ended (`flags`: pidfd_open(2)'s), held by the VM.
///
/// # Errors
/// Those of pidfd_open(2).
pub fn pidfd(session: &mut Session, client: ClientId, pid: i32, flags: u32) -> Result<u64> {
    let _ = (session, client, pid, flags);
    Err(Errno::ENOSYS)
}

/// The process that the VM's pidfd names.
///
/// # Errors
/// EBADF.
pub fn pidfd_target(session: &Session, client: ClientId, id: u64) -> Result<i32> {
    let _ = (session, client, id);
    Err(Errno::EBADF)
}

/// The process has ended (it may still be a zombie): its pidfds are readable.
pub fn process_ended(session: &mut Session, pid: i32) {
    let _ = (session, pid);
}

/// The leader of a session of processes has ended: its controlling terminal has none any more. The foreground group that is to get
/// SIGHUP and SIGCONT, if there was a terminal.
pub fn leader_ended(session: &mut Session, leader: i32) -> Option<i32> {
    let _ = (session, leader);
    None
}

/// The foreground process group of the controlling terminal of that session of processes; -1: none.
pub fn foreground(session: &Session, leader: i32) -> i32 {
    let _ = (session, leader);
    -1
}

/// When [`expire`] is to be called: CLOCK_MONOTONIC, ns.
pub fn deadline(session: &Session) -> Option<u64> {
    let _ = session;
    None
}

/// Timers whose time has come.
pub fn expire(session: &mut Session) {
    let _ = session;
}

/// How many bytes of standard input are welcome now.
pub fn input_wanted(session: &Session) -> usize {
    let _ = session;
    0
}

/// Bytes from standard input, at most [`input_wanted`].
pub fn input(session: &mut Session, bytes: &[u8]) {
    let _ = (session, bytes);
}

/// Standard input is at its end.
pub fn input_ended(session: &mut Session) {
    let _ = session;
}

/// Standard output (1) or error (2) takes bytes again, or is gone ([`crate::console::Console::closed`]).
pub fn output_ready(session: &mut Session, stream: usize) {
    let _ = (session, stream);
}

/// The host's terminal has another size.
pub fn window_size(session: &mut Session, rows: u16, columns: u16) {
    let _ = (session, rows, columns);
}
