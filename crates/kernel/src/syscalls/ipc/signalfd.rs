//! signalfd(2).

use crate::fs::anonymous;
use crate::global::Global;
use crate::syscalls::file::only;
use crate::syscalls::file::open::install;
use crate::syscalls::signals::read_set;
use crate::syscalls::{Call, io};
use crate::task::sched;
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::signalfd::{RECORD, SignalFd, SignalSource};
use ramet_kcore::signal::{SigSet, pending};
use ramet_kcore::wait::{Events, WaitQueue};

/// The pending signals of whichever thread reads, and of its process.
struct Pending;

/// Told whenever a signal is queued, for whichever process of this VM: who reads may be another than who made the descriptor.
static QUEUED: Global<WaitQueue> = Global::new(WaitQueue::new());

/// A signal has been queued.
pub fn signal_queued() {
    QUEUED.notify(Events::IN);
}

/// In the child of a fork: an epoll instance is told of the signals of the process that has added the descriptor to it, which is the parent.
pub fn after_fork_child() {
    QUEUED.forget_all();
}

/// The mask, if `file` is one.
pub fn mask_of(file: &OpenFile) -> Option<u64> {
    SignalFd::of(&**file.file()).map(SignalFd::mask)
}

/// A new one.
pub fn file_of(mask: u64) -> Rc<dyn File> {
    SignalFd::new(mask, Rc::new(Pending))
}

impl SignalSource for Pending {
    fn take(&self, mask: u64) -> Option<[u8; RECORD]> {
        let thread = sched::current();
        let info = pending::take_in(
            &mut thread.pending.borrow_mut(),
            &mut thread.process.pending.borrow_mut(),
            SigSet(mask),
            &thread.process.signal_limit,
        );
        info.map(|mut info| {
            thread.process.timers.taken(&thread.process, &mut info);
            info.to_signalfd()
        })
    }
    fn is_pending(&self, mask: u64) -> bool {
        let thread = sched::current();
        let all = thread.pending.borrow().set().or(thread.process.pending.borrow().set());
        !all.and(SigSet(mask)).is_empty()
    }
    fn queue(&self) -> &WaitQueue {
        &QUEUED
    }
}

fn make(fd: i32, mask: SigSet, flags: u32) -> Result<i64> {
    only(flags, O_CLOEXEC | O_NONBLOCK)?;
    if fd == -1 {
        return install(anonymous(file_of(mask.0), O_RDWR | flags & O_NONBLOCK), flags);
    }
    let file = io::file(fd)?;
    SignalFd::of(&**file.file()).ok_or(Errno::EINVAL)?.set_mask(mask.0);
    Ok(fd as i64)
}

/// signalfd(2).
pub fn signalfd(call: &mut Call<'_>) -> Result<i64> {
    make(call.int(0), read_set(call.arg(1), call.arg(2))?, 0)
}

/// signalfd4(2).
pub fn signalfd4(call: &mut Call<'_>) -> Result<i64> {
    make(call.int(0), read_set(call.arg(1), call.arg(2))?, call.uint(3))
}
