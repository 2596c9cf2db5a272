//! Sessions and process groups of a terminal: credentials(7), ioctl_tty(2), `tty_jobctrl.c`.

use super::Tty;
use crate::errno::{Errno, Result};
use crate::ipc::object::Origin;
use alloc::rc::Rc;

const SIGHUP: u32 = 1;
const SIGCONT: u32 = 18;
/// A background process reads.
pub const SIGTTIN: u32 = 21;
/// A background process writes or sets.
pub const SIGTTOU: u32 = 22;
/// The window's size has changed.
pub const SIGWINCH: u32 = 28;

/// The calling process, as job control sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Session.
    pub session: i32,
    /// Process group.
    pub group: i32,
    /// It leads its session.
    pub leads: bool,
    /// CAP_SYS_ADMIN.
    pub privileged: bool,
}

/// The kernel's sessions and process groups, for terminals.
pub trait TtyHost {
    /// Who calls.
    fn caller(&self) -> Caller;
    /// The controlling terminal of the calling process.
    fn controlling(&self) -> Option<Rc<Tty>>;
    /// Owner and time for what the calling process makes.
    fn origin(&self) -> Origin;
    /// Makes `tty` the controlling terminal of the calling process, or takes it away.
    fn set_controlling(&self, tty: Option<&Rc<Tty>>);
    /// Every process of `session` loses its controlling terminal.
    fn session_loses_terminal(&self, session: i32);
    /// The session of a process group; none: there is no such group.
    fn session_of_group(&self, group: i32) -> Option<i32>;
    /// Sends a signal to every process of a group.
    fn signal_group(&self, group: i32, signal: u32);
    /// Sends a signal to the leader of a session.
    fn signal_leader(&self, session: i32, signal: u32);
    /// The caller, not in the foreground, has done what only the foreground may do; `signal` is SIGTTIN or SIGTTOU.
    /// - The caller blocks or ignores the signal: `Ok` for SIGTTOU (go on), EIO for SIGTTIN.
    /// - Its process group is orphaned: EIO.
    /// - Otherwise its group gets the signal: ERESTARTSYS.
    ///
    /// # Errors
    /// EIO, ERESTARTSYS, as above.
    fn background(&self, signal: u32) -> Result<()>;
}

impl Tty {
    /// Foreground process group.
    pub fn foreground(&self) -> Option<i32> {
        self.group.get()
    }

    /// Session that this is the controlling terminal of.
    pub fn session(&self) -> Option<i32> {
        self.session.get()
    }

    fn is_callers(&self) -> bool {
        self.host.controlling().is_some_and(|tty| tty.id == self.id)
    }

    /// Lets the foreground and strangers go on, and the background only if the host says so.
    pub(super) fn check_foreground(&self, signal: u32) -> Result<()> {
        let caller = self.host.caller();
        match self.group.get() {
            Some(group) if caller.group != group && self.is_callers() => self.host.background(signal),
            _ => Ok(()),
        }
    }

    /// What open(2) without O_NOCTTY does: a session leader without controlling terminal gets this one if it is free.
    pub(super) fn adopt(&self) {
        let caller = self.host.caller();
        if caller.leads && self.session.get().is_none() && self.host.controlling().is_none() {
            self.take_control(&caller);
        }
    }

    fn take_control(&self, caller: &Caller) {
        self.session.set(Some(caller.session));
        self.group.set(Some(caller.group));
        self.host.set_controlling(self.me.upgrade().as_ref());
    }

    /// TIOCSCTTY. `steal`: its argument is 1. `reads`: the description is open for reading.
    pub(super) fn set_controlling(&self, steal: bool, reads: bool) -> Result<()> {
        let caller = self.host.caller();
        if caller.leads && self.session.get() == Some(caller.session) {
            return Ok(());
        }
        if !caller.leads || self.host.controlling().is_some() {
            return Err(Errno::EPERM);
        }
        if let Some(session) = self.session.get() {
            if !steal || !caller.privileged {
                return Err(Errno::EPERM);
            }
            self.host.session_loses_terminal(session);
        }
        if !reads && !caller.privileged {
            return Err(Errno::EPERM);
        }
        self.take_control(&caller);
        Ok(())
    }

    /// TIOCNOTTY: the caller gives up its controlling terminal; if it leads the session, so does all of it.
    pub(super) fn give_up(&self) -> Result<()> {
        let caller = self.host.caller();
        if !self.is_callers() {
            return Err(Errno::ENOTTY);
        }
        if !caller.leads {
            self.host.set_controlling(None);
            return Ok(());
        }
        if let Some(group) = self.group.take() {
            self.host.signal_group(group, SIGHUP);
            self.host.signal_group(group, SIGCONT);
        }
        self.session.set(None);
        self.host.session_loses_terminal(caller.session);
        Ok(())
    }

    /// The leader of the terminal's session has exited: the foreground group is told, and the terminal goes on as nobody's (Linux hangs up
    /// those that are no pseudo-terminals, but the console here stands for one).
    pub fn leader_exited(&self) {
        if let Some(group) = self.group.take() {
            self.host.signal_group(group, SIGHUP);
        }
        if let Some(session) = self.session.take() {
            self.host.session_loses_terminal(session);
        }
    }

    /// Takes the terminal from its session, whose leader gets SIGHUP and SIGCONT.
    pub(super) fn end_session(&self) {
        self.group.set(None);
        if let Some(session) = self.session.take() {
            self.host.session_loses_terminal(session);
            self.host.signal_leader(session, SIGHUP);
            self.host.signal_leader(session, SIGCONT);
        }
    }

    /// TIOCGPGRP. `master`: asked by the other side of a pseudo-terminal.
    pub(super) fn get_foreground(&self, master: bool) -> Result<i32> {
        if !master && !self.is_callers() {
            return Err(Errno::ENOTTY);
        }
        Ok(self.group.get().unwrap_or(0))
    }

    /// TIOCSPGRP.
    pub(super) fn set_foreground(&self, group: i32) -> Result<()> {
        match self.check_foreground(SIGTTOU) {
            Err(Errno::EIO) => return Err(Errno::ENOTTY),
            other => other?,
        }
        let caller = self.host.caller();
        if !self.is_callers() || self.session.get() != Some(caller.session) {
            return Err(Errno::ENOTTY);
        }
        if group < 0 {
            return Err(Errno::EINVAL);
        }
        match self.host.session_of_group(group) {
            None => Err(Errno::ESRCH),
            Some(session) if session != caller.session => Err(Errno::EPERM),
            Some(_) => {
                self.group.set(Some(group));
                Ok(())
            }
        }
    }

    /// TIOCGSID.
    pub(super) fn get_session(&self, master: bool) -> Result<i32> {
        if !master && !self.is_callers() {
            return Err(Errno::ENOTTY);
        }
        self.session.get().ok_or(Errno::ENOTTY)
    }

    /// The VM has become a clone, and its process `old` is `new` now: so are the session and the group that it leads.
    pub fn renumber(&self, old: i32, new: i32) {
        for id in [&self.session, &self.group] {
            if id.get() == Some(old) {
                id.set(Some(new));
            }
        }
    }

    /// Sends a signal to the foreground process group.
    pub(super) fn signal_foreground(&self, signal: u32) {
        if let Some(group) = self.group.get() {
            self.host.signal_group(group, signal);
        }
    }
}
