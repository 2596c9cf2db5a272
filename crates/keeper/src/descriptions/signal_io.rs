//! Signal-driven I/O (fcntl(2): F_SETOWN_EX, F_SETSIG, O_ASYNC): signals for what poll(2) would tell.

use super::get;
use crate::client::ClientId;
use crate::objects::{Effect, Effects};
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::open_file::{OpenFile, SignalOwner};
use ramet_kcore::signal::info::told;
use ramet_kcore::wait::{Events, Wake};
use std::rc::{Rc, Weak};

const SET: u32 = 0;
const ASK: u32 = 1;
const ON: u32 = 2;
const OFF: u32 = 3;

/// Told of changes of one description.
struct Signaller {
    file: Weak<OpenFile>,
    /// The descriptor that O_ASYNC was set through.
    fd: i32,
    effects: Effects,
}

impl Wake for Signaller {
    fn wake(&self, events: Events) {
        let Some(file) = self.file.upgrade() else { return };
        let Some((code, band)) = told(file.file().signalled(), events) else { return };
        self.effects.ask(Effect::Io { owner: file.signal_owner.get(), fd: self.fd, code, band });
    }
}

pub fn owner(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    let [kind, id, signal, fd, ..] = request.arguments;
    match request.flags {
        SET if kind > 2 || signal > 64 => return Err(Errno::EINVAL),
        SET => file.signal_owner.set(SignalOwner { kind: kind as u32, id: id as u32, signal: signal as u32 }),
        ASK => {}
        ON => {
            let effects = crate::objects::effects(session);
            let signaller = Signaller { file: Rc::downgrade(&file), fd: fd as i32, effects };
            if !file.watch(Rc::new(signaller)) {
                return Err(Errno::EINVAL);
            }
        }
        OFF if file.file().signalled().is_empty() => return Err(Errno::EINVAL),
        OFF => file.unwatch(),
        _ => return Err(Errno::EINVAL),
    }
    let owner = file.signal_owner.get();
    let mut reply = Reply::default();
    reply.values[..3].copy_from_slice(&[owner.kind, owner.id, owner.signal].map(u64::from));
    Ok(reply)
}
