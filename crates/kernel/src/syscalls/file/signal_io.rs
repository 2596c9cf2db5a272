//! Signal-driven I/O (fcntl(2): O_ASYNC, F_SETOWN, F_SETSIG): SIGIO for what poll(2) would tell.

use crate::task::family::elsewhere;
use crate::task::{process, sched, signal};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_ASYNC;
use ramet_kcore::fs::open_file::{OpenFile, SignalOwner};
use ramet_kcore::signal::info::{code, told};
use ramet_kcore::signal::{SigInfo, Signal};
use ramet_kcore::stat::{S_IFCHR, S_IFMT};
use ramet_kcore::wait::{Events, Wake};

/// F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP.
mod kind {
    pub const THREAD: u32 = 0;
    pub const PROCESS: u32 = 1;
    pub const GROUP: u32 = 2;
}

/// Told of changes of one description.
struct Signaller {
    file: Weak<OpenFile>,
    /// The descriptor that O_ASYNC was set through.
    fd: i32,
}

impl Wake for Signaller {
    fn wake(&self, events: Events) {
        let Some(file) = self.file.upgrade() else { return };
        let Some((code, band)) = told(file.file().signalled(), events) else { return };
        send(file.signal_owner.get(), self.fd, code, band);
    }
}

/// What such a signal tells.
pub fn info(signal: Signal, code: i32, band: i64, fd: i32) -> SigInfo {
    // As Linux: a signal that has codes of its own shows that this one is not of those.
    let shared = matches!(
        signal,
        Signal::ILL | Signal::FPE | Signal::SEGV | Signal::BUS | Signal::TRAP | Signal::CHLD | Signal::SYS
    );
    SigInfo::poll(signal, if shared { code::SI_SIGIO } else { code }, band, fd)
}

fn send(owner: SignalOwner, fd: i32, code: i32, band: i64) {
    let id = owner.id as i32;
    let (thread, processes) = match owner.kind {
        _ if id == 0 => return,
        kind::THREAD => (process::find_thread(id), Vec::new()),
        kind::PROCESS => (None, process::of_id(id).into_iter().collect()),
        _ => (None, process::group(id)),
    };
    let to = |info: SigInfo| {
        if let Some(thread) = &thread {
            signal::send_thread(thread, info)?;
        }
        processes.iter().try_for_each(|process| signal::send_process(process, info))
    };
    if let Some(signal) = Signal::new(owner.signal.into())
        && to(info(signal, code, band, fd)).is_ok()
    {
        return;
    }
    // The queue is full: a plain SIGIO says so. A standard signal always finds room.
    let _ = to(SigInfo::kernel(Signal::IO));
}

/// Whether another VM has that process, or as a negative number that process group.
fn is_elsewhere(id: i32) -> bool {
    id != 0 && elsewhere().kill(id, None) != Err(Errno::ESRCH)
}

/// Whether there is a thread, process or process group `id`.
fn is_alive(kind: u32, id: u32) -> bool {
    let id = id as i32;
    match kind {
        kind::THREAD => process::find_thread(id).is_some(),
        kind::PROCESS => process::of_id(id).is_some() || is_elsewhere(id),
        _ => !process::group(id).is_empty() || is_elsewhere(-id),
    }
}

/// Turns O_ASYNC on or off. Whether the object knows it.
pub fn turn(file: &Rc<OpenFile>, fd: i32, on: bool) -> bool {
    let was_on = file.flags() & O_ASYNC != 0;
    if let Some(remote) = file.remote() {
        // Only what knows it needs to be asked: most descriptions of a session never hear of O_ASYNC.
        return if on == was_on { was_on } else { remote.set_async(on.then_some(fd)).is_ok() };
    }
    file.signal_fd.set(fd);
    if !on {
        file.unwatch();
        return was_on || !file.file().signalled().is_empty();
    }
    if was_on {
        return true;
    }
    let done = file.watch(Rc::new(Signaller { file: Rc::downgrade(file), fd }));
    // A terminal belongs to its process group from the start.
    if done && file.signal_owner.get().id == 0 && file.stat().is_ok_and(|stat| stat.mode & S_IFMT == S_IFCHR)
    {
        let mut owner = file.signal_owner.get();
        (owner.kind, owner.id) =
            (kind::GROUP, sched::with_current(|thread| thread.process.group.get()) as u32);
        file.signal_owner.set(owner);
    }
    done
}

/// F_SETOWN, FIOSETOWN: a process, or a process group as a negative number; 0: nobody.
///
/// # Errors
/// ESRCH: there is none; EINVAL.
pub fn set_owner(file: &OpenFile, id: i32) -> Result<i64> {
    if id == i32::MIN {
        return Err(Errno::EINVAL);
    }
    set_owner_of_kind(file, if id < 0 { kind::GROUP } else { kind::PROCESS }, id.unsigned_abs())
}

/// F_SETOWN_EX.
///
/// # Errors
/// ESRCH: there is none; EINVAL: no such kind.
pub fn set_owner_of_kind(file: &OpenFile, kind: u32, id: u32) -> Result<i64> {
    if kind > kind::GROUP {
        return Err(Errno::EINVAL);
    }
    // As Linux: any number that names something.
    if id != 0 && !(kind::THREAD..=kind::GROUP).any(|kind| is_alive(kind, id)) {
        return Err(Errno::ESRCH);
    }
    let signal = get(file).signal;
    put(file, SignalOwner { kind, id, signal })?;
    Ok(0)
}

/// What F_SETOWN_EX and F_SETSIG have set.
pub fn get(file: &OpenFile) -> SignalOwner {
    match file.remote() {
        Some(remote) => remote.owner().unwrap_or_default(),
        None => file.signal_owner.get(),
    }
}

/// Sets it.
///
/// # Errors
/// EIO.
pub fn put(file: &OpenFile, owner: SignalOwner) -> Result<()> {
    match file.remote() {
        Some(remote) => remote.set_owner(owner),
        None => {
            file.signal_owner.set(owner);
            Ok(())
        }
    }
}

/// F_GETOWN, FIOGETOWN.
pub fn owner(file: &OpenFile) -> i64 {
    let owner = get(file);
    if !is_alive(owner.kind, owner.id) {
        return 0;
    }
    if owner.kind == kind::GROUP { -i64::from(owner.id) } else { i64::from(owner.id) }
}
