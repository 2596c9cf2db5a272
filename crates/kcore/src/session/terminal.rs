//! Terminals move to the keeper, and what is different about one that is there: job control, and reads that give up (VMIN and VTIME).

use super::client::{Client, error_of};
use super::export::Fate;
use super::remote::{RemoteFile, WATCHED};
use super::traits::Traits;
use crate::errno::{Errno, Result};
use crate::file::flags::O_NOCTTY;
use crate::fs::open_file::OpenFile;
use crate::ipc::tty::{ConsoleTty, PtyMaster, ReadTimer, SIGTTIN, SIGTTOU, Tty, TtyFile};
use crate::user::Sink;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Reply, Request, flag, op};

/// PTY: opens a slave, of the caller's session, the attributes of one.
const SLAVE: u32 = 1;
const CONTROLLING: u32 = 2;
const ATTRIBUTES: u32 = 4;
const FACTS: u32 = 5;
/// PTY 1: it has been open in the VM.
const WAS_OPEN: u64 = 1;
/// READ: the time that the read waits has run out.
const EXPIRED: u32 = 4;

/// What becomes of a terminal's description at a fork. None: it is of something else.
pub(super) fn fate(file: &OpenFile) -> Option<Fate> {
    if file.downcast::<PtyMaster>().is_some() {
        return Some(Fate::Moves);
    }
    let terminal = file.downcast::<TtyFile>()?;
    // One that was hung up is the same wherever it is.
    Some(if terminal.is_hung_up() { Fate::Copied } else { Fate::Moves })
}

fn request(operation: u32, flags: u32, arguments: &[u64]) -> Request {
    let mut request = Request { operation, flags, ..Request::default() };
    request.arguments[..arguments.len()].copy_from_slice(arguments);
    request
}

fn open(client: &Rc<Client>, flags: u32, arguments: &[u64]) -> Result<Rc<RemoteFile>> {
    let request = Request { other: client.lodger(), ..request(op::PTY, flags, arguments) };
    let reply = client.call(&request, &[])?;
    Ok(RemoteFile::new(client, reply.result as u64, Traits::TERMINAL, None))
}

/// A new pseudo-terminal's master: what open(2) of /dev/ptmx does. `flags`: those of open(2).
///
/// # Errors
/// ENOSPC, EIO.
pub fn open_master(client: &Rc<Client>, flags: u32) -> Result<Rc<RemoteFile>> {
    open(client, 0, &[0, flags.into()])
}

/// Opens slave `number`.
///
/// # Errors
/// As open(2): EIO: there is none, or it is locked; EBUSY.
pub fn open_slave(client: &Rc<Client>, number: u32, flags: u32) -> Result<Rc<RemoteFile>> {
    open(client, SLAVE, &[number.into(), flags.into()])
}

/// Opens the caller's controlling terminal.
///
/// # Errors
/// ENXIO: it has none.
pub fn open_controlling(client: &Rc<Client>, flags: u32) -> Result<Rc<RemoteFile>> {
    open(client, CONTROLLING, &[0, flags.into()])
}

/// Opens the session's terminal, which has been handed over with [`begin_console`].
///
/// # Errors
/// EINVAL: the session has none.
pub fn open_console(client: &Rc<Client>, flags: u32) -> Result<Rc<RemoteFile>> {
    take_console(client, flags, &[])
}

fn take_console(client: &Rc<Client>, flags: u32, state: &[u8]) -> Result<Rc<RemoteFile>> {
    let reply = client.call(&request(op::CONSOLE, 0, &[0, flags.into()]), state)?;
    Ok(RemoteFile::new(client, reply.result as u64, Traits::TERMINAL, None))
}

/// Device number and foreground group (-1: none) of the controlling terminal of session of processes `session`; 0: the caller's.
///
/// # Errors
/// ENXIO: it has none.
pub fn controlling_facts(client: &Client, session: i32) -> Result<(u64, i32)> {
    let values = client.call(&request(op::PTY, FACTS, &[session as u64]), &[])?.values;
    Ok((values[0], values[1] as i32))
}

/// Hands the terminal that a session begins with to the keeper, with all descriptions of it among `files`. Its input must be with the
/// terminal, and not on the way ([`ConsoleTty::take_input`]).
///
/// # Errors
/// What the keeper answers.
pub fn begin_console(client: &Rc<Client>, console: &ConsoleTty, files: &[Rc<OpenFile>]) -> Result<()> {
    let tty = console.tty();
    let first = take_console(client, 0, &tty.export())?;
    tty.retire();
    for file in files {
        let is_console = |open: &TtyFile| Rc::ptr_eq(open.tty(), tty) && !open.is_hung_up();
        if file.remote().is_none() && file.downcast::<TtyFile>().is_some_and(is_console) {
            file.move_to(take_console(client, file.flags(), &[])?)?;
        }
    }
    drop(first);
    Ok(())
}

/// Moves a description of a terminal that [`fate`] says moves. A pseudo-terminal moves as a whole.
///
/// # Errors
/// EAGAIN: not all descriptions of a pseudo-terminal are among `files`; what the keeper answers.
pub(super) fn export(client: &Rc<Client>, file: &Rc<OpenFile>, files: &[Rc<OpenFile>]) -> Result<()> {
    let tty = match (file.downcast::<PtyMaster>(), file.downcast::<TtyFile>()) {
        (Some(master), _) => master.tty().clone(),
        (None, Some(slave)) => slave.tty().clone(),
        (None, None) => return Err(Errno::EAGAIN),
    };
    let Some(number) = tty.number() else {
        // The console itself has moved when the session began.
        return file.move_to(open_console(client, file.flags())?);
    };
    export_pair(client, &tty, number, files)
}

fn export_pair(client: &Rc<Client>, tty: &Rc<Tty>, number: u32, files: &[Rc<OpenFile>]) -> Result<()> {
    let mut masters: Vec<&Rc<OpenFile>> = Vec::new();
    let mut slaves: Vec<&Rc<OpenFile>> = Vec::new();
    for file in files {
        if file.downcast::<PtyMaster>().is_some_and(|master| Rc::ptr_eq(master.tty(), tty)) {
            masters.push(file);
        } else if file.downcast::<TtyFile>().is_some_and(|slave| Rc::ptr_eq(slave.tty(), tty)) {
            slaves.push(file);
        }
    }
    let ([master], true) = (masters.as_slice(), slaves.len() as u32 == tty.opens()) else {
        // A descriptor that is on its way in a message, say.
        return Err(Errno::EAGAIN);
    };
    let taken = request(op::PTY, 0, &[u64::from(number) + 1, master.flags().into()]);
    let id = client.call(&taken, &tty.export())?.values[0];
    let stat = tty.attributes();
    let owner = [number.into(), u64::from(stat.mode & 0o7777), stat.uid.into(), stat.gid.into()];
    client.call(&request(op::PTY, ATTRIBUTES, &owner), &[])?;
    tty.retire();
    master.move_to(RemoteFile::new(client, id, Traits::TERMINAL, None))?;
    for slave in slaves {
        if slave.downcast::<TtyFile>().is_some_and(TtyFile::is_hung_up) {
            continue;
        }
        let flags = u64::from(slave.flags() | O_NOCTTY);
        slave.move_to(open(client, SLAVE, &[number.into(), flags, WAS_OPEN])?)?;
    }
    Ok(())
}

impl RemoteFile {
    /// Whether it is of a terminal, either side.
    pub fn is_terminal(&self) -> bool {
        self.traits.terminal
    }

    /// [`flag::STEADFAST`], if the calling thread does not heed that signal.
    pub(super) fn steadfast(&self, signal: u32) -> u32 {
        if self.traits.terminal && self.client.is_steadfast(signal) { flag::STEADFAST } else { 0 }
    }

    /// A request that job control has a say in, for what SIGTTOU is for.
    pub(super) fn writer_request(&self, operation: u32, flags: u32, arguments: &[u64]) -> Request {
        let mut request = self.request(operation, flags, arguments);
        if self.traits.terminal {
            request.flags |= self.steadfast(SIGTTOU);
            request.other = self.client.lodger();
        }
        request
    }

    /// read(2) of a terminal. After EAGAIN it is watched, and [`RemoteFile::read_timer`] says when a read that waits gives up.
    pub(super) fn read_terminal(&self, into: &mut dyn Sink) -> Result<usize> {
        self.read_as(into, 0)
    }

    /// Ends a read whose timer has run out: gives what there is, or 0.
    ///
    /// # Errors
    /// As read(2).
    pub fn read_expired(&self, into: &mut dyn Sink) -> Result<usize> {
        self.read_as(into, EXPIRED)
    }

    fn read_as(&self, into: &mut dyn Sink, flags: u32) -> Result<usize> {
        let watch = if self.watched.get() { 0 } else { flag::WATCH };
        let wanted = into.remaining().min(super::remote::PIECE) as u64;
        let flags = flags | watch | self.steadfast(SIGTTIN);
        let asked = self.request(op::READ, flags, &[0, 0, WATCHED.into()]);
        let asked = Request { wanted, other: self.client.lodger(), ..asked };
        let mut bytes = Vec::new();
        let reply = self.client.ask(&asked, &[], &mut bytes)?;
        match error_of(&reply) {
            None if bytes.is_empty() => Ok(0),
            None => into.put(&bytes),
            Some(error) => {
                if error == Errno::EAGAIN {
                    self.watched.set(true);
                    self.timer.set(timer_of(&reply));
                }
                Err(error)
            }
        }
    }

    /// The timer for a read that has just returned EAGAIN.
    pub fn read_timer(&self) -> ReadTimer {
        self.timer.get()
    }
}

fn timer_of(reply: &Reply) -> ReadTimer {
    match reply.values[0] {
        1 => ReadTimer::FromCall(reply.values[1]),
        2 => ReadTimer::FromLastByte(reply.values[1]),
        _ => ReadTimer::None,
    }
}
