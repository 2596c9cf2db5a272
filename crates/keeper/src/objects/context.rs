//! Who asks, for objects that are called back deep inside.

use crate::client::ClientId;
use crate::process;
use crate::session::Session;
use ramet_abi::session::{Request, flag, op};
use ramet_kcore::fs::open_file::{OpenFile, SignalOwner};
use ramet_kcore::ipc::object::Origin;
use ramet_kcore::ipc::socket::Credentials;
use ramet_kcore::ipc::tty::{PtyMaster, TtyFile};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

const SI_KERNEL: u64 = 0x80;

/// The process whose request is being served.
#[derive(Debug, Default)]
pub struct Context {
    pub pid: Cell<i32>,
    pub uid: Cell<u32>,
    pub gid: Cell<u32>,
    pub session: Cell<i32>,
    pub group: Cell<i32>,
    /// It blocks or ignores SIGTTIN and SIGTTOU.
    pub steadfast: Cell<bool>,
    /// Its process group is orphaned.
    pub orphaned: Cell<bool>,
    /// The session of each process group, for the requests that need it.
    pub groups: RefCell<BTreeMap<i32, i32>>,
    /// What is to be done after the request.
    pub effects: RefCell<Vec<Effect>>,
}

/// Something that an object wants done to the session.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// A signal for a process group.
    Group(i32, u32),
    /// A signal for a process.
    Process(i32, u32),
    /// Signal-driven I/O: for a descriptor with that number, si_code and si_band.
    Io {
        /// To whom it goes.
        owner: SignalOwner,
        /// The descriptor.
        fd: i32,
        /// si_code.
        code: i32,
        /// si_band.
        band: i64,
    },
}

/// Where effects are asked for.
pub struct Effects(pub(super) Rc<Context>);

impl Effects {
    /// Has it done after the request.
    pub fn ask(&self, effect: Effect) {
        self.0.effects.borrow_mut().push(effect);
    }
}

impl Context {
    /// Owner and time for what it makes.
    pub fn origin(&self) -> Origin {
        let now = crate::sys::clock(libc::CLOCK_REALTIME) as i64;
        Origin { uid: self.uid.get(), gid: self.gid.get(), now }
    }

    /// What SCM_CREDENTIALS and SO_PEERCRED say of it.
    pub fn credentials(&self) -> Credentials {
        Credentials { pid: self.pid.get(), uid: self.uid.get(), gid: self.gid.get() }
    }

    /// The request says with which ids it acts.
    pub fn act_as(&self, uid: u64, gid: u64) {
        self.uid.set(uid as u32);
        self.gid.set(gid as u32);
    }
}

pub fn enter(session: &mut Session, client: ClientId) {
    let Some(pid) = session.clients.get(client).map(|client| client.pid) else { return };
    let context = &session.objects.context;
    context.pid.set(pid);
    if let Ok(process) = session.processes.get(pid) {
        context.uid.set(process.ids.effective);
        context.gid.set(process.ids.effective);
        context.session.set(process.session);
        context.group.set(process.group);
    }
}

/// What job control needs to know of the caller.
pub fn note_job(session: &mut Session, request: &Request, file: &OpenFile) {
    if file.downcast::<TtyFile>().is_none() && file.downcast::<PtyMaster>().is_none() {
        return;
    }
    let context = session.objects.context.clone();
    context.steadfast.set(request.flags & flag::STEADFAST != 0);
    context.orphaned.set(process::group_is_orphaned(session, context.group.get()));
    note_lodger(session, request);
    if request.operation == op::IOCTL {
        let hosts = session.processes.iter().map(|process| (process.group, process.session));
        let lodgers = session.processes.iter().flat_map(|process| &process.lodgers);
        let lodgers = lodgers.map(|lodger| (lodger.group, lodger.session));
        *context.groups.borrow_mut() = hosts.chain(lodgers).collect();
    }
}

/// If another process than the one that the VM is known by calls: who that is.
pub fn note_lodger(session: &Session, request: &Request) {
    let context = &session.objects.context;
    let Ok(host) = session.processes.get(context.pid.get()) else { return };
    let pid = request.other as i32;
    if pid == 0 || !host.has_thread(pid) {
        return;
    }
    context.pid.set(pid);
    if let Some(lodger) = host.lodger(pid) {
        context.session.set(lodger.session);
        context.group.set(lodger.group);
        // Its parent is its host.
        context.orphaned.set(lodger.session != host.session || lodger.group == host.group);
    }
}

/// Does what is to be done.
pub fn leave(session: &mut Session) {
    session.objects.context.pid.set(0);
    loop {
        let effects = session.objects.context.effects.take();
        if effects.is_empty() {
            return;
        }
        for effect in effects {
            match effect {
                Effect::Group(group, signal) => process::signal_group(session, group, signal),
                Effect::Io { owner, fd, code, band } => {
                    process::signal_io(session, owner, fd, code, band);
                }
                Effect::Process(pid, signal) => {
                    process::signal_process(session, pid, signal, [SI_KERNEL, 0, 0, 0]);
                }
            }
        }
    }
}
