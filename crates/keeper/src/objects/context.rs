//! Who asks, for objects that are called back deep inside.

use crate::client::ClientId;
use crate::session::Session;
use ramet_kcore::ipc::object::Origin;
use ramet_kcore::ipc::unix::Credentials;
use std::cell::Cell;

/// The process whose request is being served.
#[derive(Debug, Default)]
pub struct Context {
    pub pid: Cell<i32>,
    pub uid: Cell<u32>,
    pub gid: Cell<u32>,
    pub session: Cell<i32>,
    pub group: Cell<i32>,
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

pub fn leave(session: &mut Session) {
    session.objects.context.pid.set(0);
}
