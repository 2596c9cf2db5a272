//! Terminals of the session: the console moves to the keeper when it begins, and whatever opens a terminal from then on asks there.

use super::client;
use crate::fs::{tty, vfs};
use crate::task::{process, sched};
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_CLOEXEC, O_NOCTTY};
use ramet_kcore::fs::devfs;
use ramet_kcore::fs::device::Opener;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::tty::{MAX_PTYS, slave_device};
use ramet_kcore::session::{Client, RemoteFile, terminal};
use ramet_kcore::signal::Signal;

/// Hands the console to the keeper, with what of `files` are descriptions of it, and lets all drivers ask there.
///
/// # Errors
/// What the keeper answers.
pub(super) fn begin(client: &Rc<Client>, files: &[Rc<OpenFile>]) -> Result<()> {
    let devices = &vfs().devices;
    if let Some(console) = tty::take_for_session() {
        terminal::begin_console(client, &console, files)?;
        devices.register(devfs::CONSOLE, opener(terminal::open_console));
    }
    devices.register(devfs::PTMX, opener(terminal::open_master));
    devices
        .register(devfs::TTY, opener(|client, flags| terminal::open_controlling(client, flags | O_NOCTTY)));
    for number in 0..MAX_PTYS {
        let open = move |client: &Rc<Client>, flags| terminal::open_slave(client, number, flags);
        devices.register(slave_device(number), opener(open));
    }
    Ok(())
}

fn opener(open: impl Fn(&Rc<Client>, u32) -> Result<Rc<RemoteFile>> + 'static) -> Opener {
    Rc::new(move |request| Ok(open(&client().ok_or(Errno::EIO)?, request.flags & !O_CLOEXEC)?))
}

/// Whether the running thread blocks that signal, or its process ignores it.
pub fn is_steadfast(number: u32) -> bool {
    let Some(signal) = Signal::new(number.into()) else { return false };
    sched::is_running()
        && sched::with_current(|thread| {
            thread.mask.get().contains(signal) || thread.process.dispositions.borrow().ignores(signal)
        })
}

/// The id of the running process, if it shares another one's VM; or 0.
pub fn lodger() -> u64 {
    if !sched::is_running() {
        return 0;
    }
    let own = sched::with_current(|thread| thread.process.clone());
    let is_host = process::first().is_none_or(|first| Rc::ptr_eq(&first, &own));
    if is_host { 0 } else { own.pid.get() as u64 }
}
