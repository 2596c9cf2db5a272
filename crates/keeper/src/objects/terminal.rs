//! Terminals of the session: the console, pseudo-terminals, and whose controlling terminal they are.

use super::console::Link;
use super::context::{Context, Effect};
use super::describe;
use crate::client::ClientId;
use crate::nodes::encode;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_CLOEXEC, O_NOCTTY, O_RDWR};
use ramet_kcore::fs::inode::{Inode, SetAttributes};
use ramet_kcore::ipc::object::Origin;
use ramet_kcore::ipc::stream::ByteChannel;
use ramet_kcore::ipc::tty::{Caller, ConsoleTty, PtyMaster, Ptys, SIGTTIN, Tty, TtyHost, WindowSize, devpts};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::{Rc, Weak};

/// `st_dev` of /dev/pts, as the guest kernel has it.
const PTS_DEVICE: u64 = 0x104;
/// Bytes of input that are taken from the host before anybody reads them.
const INPUT_MAX: usize = 4096;

/// Sessions and process groups, as terminals see them.
struct Jobs {
    context: Rc<Context>,
    /// Controlling terminals by session.
    controlling: RefCell<BTreeMap<i32, Weak<Tty>>>,
    /// Processes that have given theirs up.
    without: RefCell<BTreeSet<i32>>,
}

impl TtyHost for Jobs {
    fn caller(&self) -> Caller {
        let context = &self.context;
        let (session, group) = (context.session.get(), context.group.get());
        Caller { session, group, leads: context.pid.get() == session, privileged: context.uid.get() == 0 }
    }
    fn controlling(&self) -> Option<Rc<Tty>> {
        if self.without.borrow().contains(&self.context.pid.get()) {
            return None;
        }
        self.controlling.borrow().get(&self.context.session.get())?.upgrade()
    }
    fn origin(&self) -> Origin {
        self.context.origin()
    }
    fn set_controlling(&self, tty: Option<&Rc<Tty>>) {
        match tty {
            Some(tty) => {
                self.without.borrow_mut().remove(&self.context.pid.get());
                self.controlling.borrow_mut().insert(self.context.session.get(), Rc::downgrade(tty));
            }
            None => {
                self.without.borrow_mut().insert(self.context.pid.get());
            }
        }
    }
    fn session_loses_terminal(&self, session: i32) {
        self.controlling.borrow_mut().remove(&session);
    }
    fn session_of_group(&self, group: i32) -> Option<i32> {
        self.context.groups.borrow().get(&group).copied()
    }
    fn signal_group(&self, group: i32, signal: u32) {
        self.context.effects.borrow_mut().push(Effect::Group(group, signal));
    }
    fn signal_leader(&self, session: i32, signal: u32) {
        self.context.effects.borrow_mut().push(Effect::Process(session, signal));
    }
    fn background(&self, signal: u32) -> Result<()> {
        let context = &self.context;
        if context.steadfast.get() {
            return if signal == SIGTTIN { Err(Errno::EIO) } else { Ok(()) };
        }
        if context.orphaned.get() {
            return Err(Errno::EIO);
        }
        self.signal_group(context.group.get(), signal);
        Err(Errno::ERESTARTSYS)
    }
}

/// All terminals.
pub struct Terminals {
    jobs: Rc<Jobs>,
    ptys: Rc<Ptys>,
    names: Rc<dyn Inode>,
    console: Option<(Rc<ConsoleTty>, Rc<Link>)>,
}

impl Terminals {
    /// None yet.
    pub fn new(context: &Rc<Context>) -> Terminals {
        let (controlling, without) = Default::default();
        let jobs = Rc::new(Jobs { context: context.clone(), controlling, without });
        let host: Rc<dyn TtyHost> = jobs.clone();
        let ptys = Ptys::new(host, PTS_DEVICE);
        let clock = Rc::new(|| crate::sys::clock(libc::CLOCK_REALTIME) as i64);
        let names = devpts(&ptys, clock);
        Terminals { jobs, ptys, names, console: None }
    }

    /// A new pseudo-terminal.
    ///
    /// # Errors
    /// ENOSPC: there are too many.
    pub fn open(&self) -> Result<Rc<PtyMaster>> {
        self.ptys.open_master()
    }

    /// A child is like its parent.
    pub fn inherit(&self, parent: i32, child: i32) {
        let mut without = self.jobs.without.borrow_mut();
        if without.contains(&parent) {
            without.insert(child);
        }
    }

    /// Nothing is kept of a process that is over.
    pub fn process_ended(&self, pid: i32) {
        self.jobs.without.borrow_mut().remove(&pid);
    }

    /// The foreground group of a session's controlling terminal; -1: none.
    pub fn foreground(&self, session: i32) -> i32 {
        self.of_session(session).and_then(|tty| tty.foreground()).unwrap_or(-1)
    }

    fn of_session(&self, session: i32) -> Option<Rc<Tty>> {
        self.jobs.controlling.borrow().get(&session).and_then(Weak::upgrade)
    }

    /// The leader of a session has ended: its terminal is nobody's any more, and the foreground group is told.
    pub fn leader_ended(&self, leader: i32) {
        if let Some(tty) = self.of_session(leader) {
            tty.leader_exited();
        }
        self.jobs.controlling.borrow_mut().remove(&leader);
    }

    /// Bytes of input that are welcome; none: the console is not a terminal, or nobody has opened it.
    pub fn input_wanted(&self) -> Option<usize> {
        let (_, link) = self.console.as_ref()?;
        // Also when nobody reads: ^C is to be seen.
        Some(INPUT_MAX - link.available().min(INPUT_MAX))
    }

    /// Input has come, or room for output.
    pub fn changed(&self) {
        if let Some((console, _)) = &self.console {
            console.changed();
        }
    }

    /// The host's window has this size.
    pub fn resize(&self, rows: u16, columns: u16) {
        if let Some((console, _)) = &self.console {
            console.resize(WindowSize { rows, columns, ..WindowSize::default() });
        }
    }
}

fn number(result: u64) -> Reply {
    Reply { result: result as i64, ..Reply::default() }
}

/// [`ramet_abi::session::op::CONSOLE`] of a terminal.
pub fn console(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let flags = request.arguments[1] as u32 & !O_CLOEXEC;
    if request.arguments[0] > 2 {
        return Err(Errno::EINVAL);
    }
    let tty = match &session.objects.terminals.console {
        Some((console, _)) => console.tty().clone(),
        None => {
            let host = session.objects.terminals.jobs.clone();
            let link = session.objects.console.terminal();
            let console = Rc::new(ConsoleTty::new(host, link.clone()));
            let (rows, columns) = session.console.size;
            console.resize(WindowSize { rows, columns, ..WindowSize::default() });
            let tty = console.tty().clone();
            if !data.is_empty() {
                tty.import(data)?;
            }
            adopt(session, &tty);
            session.objects.terminals.console = Some((console, link));
            super::console::begin(session);
            tty
        }
    };
    // Never becomes a controlling terminal by being opened, as on Linux.
    let file = tty.open(flags | O_NOCTTY)?;
    describe(session, client, file, flags).map(number)
}

/// A terminal that was somewhere else is some session's controlling one.
fn adopt(session: &Session, tty: &Rc<Tty>) {
    if let Some(leader) = tty.session() {
        session.objects.terminals.jobs.controlling.borrow_mut().insert(leader, Rc::downgrade(tty));
    }
}

/// [`ramet_abi::session::op::PTY`].
pub fn pty(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    let input = std::mem::take(data);
    super::context::note_lodger(session, request);
    let [slave, flags, was_open, ..] = request.arguments;
    let flags = flags as u32 & !O_CLOEXEC;
    let terminals = &session.objects.terminals;
    match request.flags {
        0 => {
            let ptys = terminals.ptys.clone();
            let master = match slave {
                0 => ptys.open_master()?,
                number => ptys.open_master_as(u32::try_from(number - 1).map_err(|_| Errno::ENOSPC)?)?,
            };
            if !input.is_empty() {
                master.tty().import(&input)?;
                adopt(session, master.tty());
            }
            let number = master.number();
            let id = describe(session, client, master, flags & !O_NOCTTY | O_RDWR)?;
            let mut reply = Reply { result: id as i64, ..Reply::default() };
            reply.values[..2].copy_from_slice(&[id, u64::from(number)]);
            Ok(reply)
        }
        1 => {
            let found = u32::try_from(slave).ok().and_then(|slave| terminals.ptys.get(slave));
            let tty = found.ok_or(Errno::EIO)?;
            let file = if was_open == 1 { tty.open_again(flags)? } else { tty.open(flags)? };
            describe(session, client, file, flags).map(number)
        }
        2 => {
            let file = terminals.jobs.controlling().ok_or(Errno::ENXIO)?.open(flags | O_NOCTTY)?;
            describe(session, client, file, flags).map(number)
        }
        3 => {
            let numbers = terminals.ptys.numbers();
            data.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            Ok(number(numbers.len() as u64))
        }
        4 => {
            let [_, mode, uid, gid, ..] = request.arguments;
            let node = terminals.names.lookup(format!("{slave}").as_bytes())?;
            let given = |value: u64| (value != u64::MAX).then_some(value as u32);
            let permissions = given(mode).map(|mode| mode & 0o7777);
            let change =
                SetAttributes { permissions, uid: given(uid), gid: given(gid), ..SetAttributes::default() };
            if change != SetAttributes::default() {
                node.set_attributes(&change)?;
            }
            Ok(Reply { stat: encode(&node.stat()?), ..Reply::default() })
        }
        5 => {
            let controlling = match slave as i32 {
                0 => terminals.jobs.controlling(),
                session => terminals.of_session(session),
            };
            let tty = controlling.ok_or(Errno::ENXIO)?;
            let mut reply = Reply::default();
            let group = i64::from(tty.foreground().unwrap_or(-1));
            reply.values[..2].copy_from_slice(&[tty.rdev(), group as u64]);
            Ok(reply)
        }
        _ => Err(Errno::EINVAL),
    }
}
