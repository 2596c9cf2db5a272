//! Terminals: the console of `ramet run -t`, pseudo-terminals, and the one session that they may belong to.

use super::ring::HostRing;
use super::{caller, clock, device, root_of_everything, vfs};
use crate::arch::hypercall::{self, boot_info, identity};
use crate::global::Global;
use crate::session;
use crate::task::process::{self, Process};
use crate::task::sched::{self, Registration, Woken};
use crate::task::{signal, time};
use alloc::rc::Rc;
use core::sync::atomic::Ordering::{AcqRel, Relaxed};
use ramet_abi::boot::flag;
use ramet_abi::layout::RING_SIZE;
use ramet_abi::mailbox::event;
use ramet_abi::ring::{INPUT, OUTPUT};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::device::Devices;
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::ops::FsContext;
use ramet_kcore::ipc::object::Origin;
use ramet_kcore::ipc::stream::ByteChannel;
use ramet_kcore::ipc::tty::{
    Caller, ConsoleTty, Ptys, ReadTimer, SIGTTIN, Tty, TtyFile, TtyHost, WindowSize, devpts, register_devices,
};
use ramet_kcore::session::{session_pts, terminal};
use ramet_kcore::signal::{SigInfo, Signal};
use ramet_kcore::stat::Stat;
use ramet_kcore::user::Sink;
use ramet_kcore::wait::Events;

static CONSOLE: Global<RefCell<Option<Rc<ConsoleTty>>>> = Global::new(RefCell::new(None));
static PTYS: Global<RefCell<Option<Rc<Ptys>>>> = Global::new(RefCell::new(None));
/// The controlling terminal of the VM's process.
static CONTROLLING: Global<RefCell<Option<Rc<Tty>>>> = Global::new(RefCell::new(None));

/// The console's rings.
struct Rings {
    input: HostRing,
    output: HostRing,
}

impl ByteChannel for Rings {
    fn pull(&self, into: &mut [u8]) -> usize {
        self.input.pull(into)
    }
    fn available(&self) -> usize {
        self.input.available()
    }
    fn ended(&self) -> bool {
        self.input.ended()
    }
    fn push(&self, from: &[u8]) -> usize {
        self.output.push(from)
    }
    fn room(&self) -> usize {
        self.output.room()
    }
    fn closed(&self) -> bool {
        self.output.closed()
    }
    fn want(&self, events: Events) {
        let mut ready = 0;
        if events.intersects(Events::IN) {
            self.input.want();
            if self.input.available() != 0 {
                ready |= event::INPUT;
            }
        }
        if events.intersects(Events::OUT) && self.output.has_room() {
            ready |= event::OUTPUT_ROOM;
        }
        if ready != 0 {
            // It came in between: as if the host had rung, once the caller sleeps.
            hypercall::mailbox().events.fetch_or(ready, AcqRel);
        }
    }
}

/// The calling process's session. The VM's first process's is the one that may have a terminal.
struct Session;

/// The calling process's id, group and session; at boot those that the first one will have.
fn ids() -> (i32, i32, i32) {
    let caller = if sched::is_running() {
        Some(sched::with_current(|thread| thread.process.clone()))
    } else {
        process::first()
    };
    match caller {
        Some(process) => (process.pid.get(), process.group.get(), process.session.get()),
        None => {
            let pid = identity().pid.load(Relaxed) as i32;
            (pid, pid, pid)
        }
    }
}

fn send(targets: &[Rc<Process>], number: u32) {
    let Some(signal) = Signal::new(i64::from(number)) else { return };
    for process in targets {
        // Standard signals always find room.
        let _ = signal::send_process(process, SigInfo::kernel(signal));
    }
}

/// Whether the calling process is in the session of the VM's first one.
fn in_first_session() -> bool {
    process::first().is_none_or(|first| first.session.get() == ids().2)
}

impl TtyHost for Session {
    fn caller(&self) -> Caller {
        let (pid, group, session) = ids();
        let privileged = !sched::is_running() || sched::with_current(|t| t.credentials.borrow().euid == 0);
        Caller { session, group, leads: pid == session, privileged }
    }
    fn controlling(&self) -> Option<Rc<Tty>> {
        controlling().filter(|_| in_first_session())
    }
    fn origin(&self) -> Origin {
        crate::syscalls::ipc::origin()
    }
    fn set_controlling(&self, tty: Option<&Rc<Tty>>) {
        if in_first_session() {
            CONTROLLING.replace(tty.cloned());
        }
    }
    fn session_loses_terminal(&self, session: i32) {
        if process::first().is_none_or(|first| first.session.get() == session) {
            CONTROLLING.replace(None);
        }
    }
    fn session_of_group(&self, group: i32) -> Option<i32> {
        process::group(group).first().map(|member| member.session.get())
    }
    fn signal_group(&self, group: i32, signal: u32) {
        send(&process::group(group), signal);
    }
    fn signal_leader(&self, session: i32, signal: u32) {
        if let Some(leader) = process::find(session).filter(|leader| leader.session.get() == session) {
            send(&[leader], signal);
        }
    }
    /// The group of a session's leader is orphaned: nobody in the session could continue it.
    fn background(&self, number: u32) -> Result<()> {
        let signal = Signal::new(i64::from(number)).ok_or(Errno::EIO)?;
        let untouched = sched::with_current(|thread| {
            thread.mask.get().contains(signal) || thread.process.dispositions.borrow().ignores(signal)
        });
        if untouched && number != SIGTTIN { Ok(()) } else { Err(Errno::EIO) }
    }
}

/// Device number and foreground group (-1: none) of the controlling terminal of session `session`.
pub fn terminal_of(session: i32) -> Option<(u64, i32)> {
    if let Some(client) = session::client() {
        return terminal::controlling_facts(&client, session).ok();
    }
    let has_it = process::first().is_some_and(|first| first.session.get() == session);
    let tty = controlling().filter(|_| has_it)?;
    Some((tty.rdev(), tty.foreground().unwrap_or(-1)))
}

/// The session's keeper is about to take the console: waits (with `wait`) until output has been written.
pub fn finish_output(wait: impl Fn(&dyn Fn() -> bool)) {
    if let Some(console) = &*CONSOLE.borrow() {
        let channel = console.channel();
        wait(&|| channel.closed() || channel.room() == RING_SIZE as usize);
    }
}

/// The session's keeper has taken the console, which is nobody's here any more.
pub fn take_for_session() -> Option<Rc<ConsoleTty>> {
    CONTROLLING.replace(None);
    let console = CONSOLE.replace(None)?;
    console.take_input();
    Some(console)
}

/// The controlling terminal of the VM's process.
fn controlling() -> Option<Rc<Tty>> {
    CONTROLLING.borrow().clone()
}

/// Registers the drivers; makes the console, if it is a terminal.
pub fn register(devices: &Devices) {
    let host: Rc<dyn TtyHost> = Rc::new(Session);
    let ptys = Ptys::new(host.clone(), device::PTS);
    if boot_info().flags & flag::TERMINAL != 0 {
        CONSOLE.replace(Some(new_console(&host)));
    }
    register_devices(devices, &host, &ptys, CONSOLE.borrow().as_ref());
    PTYS.replace(Some(ptys));
}

fn new_console(host: &Rc<dyn TtyHost>) -> Rc<ConsoleTty> {
    let rings = Rings { input: HostRing::new(INPUT), output: HostRing::new(OUTPUT) };
    let console = Rc::new(ConsoleTty::new(host.clone(), Rc::new(rings)));
    console.resize(window_size());
    console
}

/// The console, for a clone that has a terminal; made, and given to the process, if there was none.
///
/// # Panics
/// Before [`register`].
pub fn attach() -> Rc<ConsoleTty> {
    if let Some(console) = &*CONSOLE.borrow() {
        return console.clone();
    }
    let host: Rc<dyn TtyHost> = Rc::new(Session);
    let console = new_console(&host);
    CONSOLE.replace(Some(console.clone()));
    let ptys = PTYS.borrow().clone().expect("terminals are registered");
    register_devices(&vfs().devices, &host, &ptys, Some(&console));
    take_console();
    console
}

/// Attributes of `/dev/console`.
///
/// # Errors
/// ENOENT: it has been removed.
pub fn console_stat() -> Result<Stat> {
    let root = root_of_everything();
    caller(&FsContext::new(root.clone()), &Credentials::root(), |caller| {
        caller.stat(&root, b"/dev/console", 0)
    })
}

/// The root of the file system at `/dev/pts`.
///
/// # Panics
/// Before [`register`].
pub fn pts_root() -> Rc<dyn Inode> {
    let own = devpts(PTYS.borrow().as_ref().expect("terminals are registered"), clock());
    session_pts(own, Rc::new(session::client))
}

/// Makes the console the controlling terminal of the process that is about to start. False: there is no terminal.
pub fn take_console() -> bool {
    let Some(console) = CONSOLE.borrow().clone() else { return false };
    // Opening it without O_NOCTTY is what takes it; /dev/console itself never does.
    let taken = console.open(flags::O_RDWR).is_ok();
    wants_input(&console);
    taken
}

fn window_size() -> WindowSize {
    let console = hypercall::console();
    let size = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    WindowSize {
        rows: size(console.rows.load(Relaxed)),
        columns: size(console.columns.load(Relaxed)),
        width: 0,
        height: 0,
    }
}

/// Input is always wanted: ^C means something also while nobody reads.
fn wants_input(console: &ConsoleTty) {
    console.channel().want(Events::IN);
}

/// The host did something with the rings or the window.
pub fn on_events(events: u32) {
    let Some(console) = CONSOLE.borrow().clone() else { return };
    if events & event::WINDOW_SIZE != 0 {
        console.resize(window_size());
    }
    if events & (event::INPUT | event::OUTPUT_ROOM) != 0 {
        console.changed();
        if console.channel().room() == 0 {
            // The host rang for another reason; who waits for room is told when there is some.
            console.channel().want(Events::OUT);
        }
        if events & event::INPUT != 0 && console.channel().available() == 0 {
            wants_input(&console);
        }
    }
}

/// A clone's process has another id, its rings go on where they were, and its window may be another one.
pub fn became_clone(old_pid: i32, new_pid: i32) {
    if let Some(tty) = controlling() {
        tty.renumber(old_pid, new_pid);
    }
    if CONSOLE.borrow().is_some() {
        on_events(event::WINDOW_SIZE | event::INPUT | event::OUTPUT_ROOM);
    }
}

/// Whether it is a terminal, of this VM or of the session, and how long a read of `count` bytes that has found nothing waits.
pub fn read_timer(file: &OpenFile, count: usize) -> Option<ReadTimer> {
    match (TtyFile::of(&**file.file()), file.remote()) {
        (Some(terminal), _) => Some(terminal.read_timer(count)),
        (None, Some(remote)) => remote.is_terminal().then(|| remote.read_timer()),
        (None, None) => None,
    }
}

fn read_expired(file: &OpenFile, into: &mut dyn Sink) -> Result<usize> {
    match (TtyFile::of(&**file.file()), file.remote()) {
        (Some(terminal), _) => terminal.read_expired(into),
        (None, Some(remote)) => remote.read_expired(into),
        (None, None) => Ok(0),
    }
}

/// A blocking read of a terminal that has nothing yet: waits as VMIN and VTIME say (termios(3)). A fork of another thread may move it to the
/// keeper meanwhile.
///
/// # Errors
/// Those of the read; ERESTARTSYS.
pub fn wait_and_read(file: &OpenFile, into: &mut dyn Sink) -> Result<usize> {
    let start = time::monotonic();
    let mut last = start;
    loop {
        let deadline = match read_timer(file, into.remaining()).unwrap_or(ReadTimer::None) {
            ReadTimer::None => None,
            ReadTimer::FromCall(length) => Some(start.saturating_add(length)),
            ReadTimer::FromLastByte(length) => Some(last.saturating_add(length)),
        };
        let open = file.file().clone();
        let registration = Registration::new(open.wait_queue().ok_or(Errno::EAGAIN)?, Events::IN);
        let woken = sched::sleep(deadline)?;
        drop(registration);
        if woken == Woken::Deadline {
            return read_expired(file, into);
        }
        last = time::monotonic();
        match file.read(into) {
            Err(Errno::EAGAIN) => {}
            // As on Linux: who is waiting when the other side closes gets an error, who comes later the end of file.
            Ok(0) if file.file().poll().intersects(Events::ERR) => return Err(Errno::EIO),
            other => return other,
        }
    }
}
