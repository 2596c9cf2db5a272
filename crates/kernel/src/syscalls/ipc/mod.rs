//! Calls about objects without a name: pipes, eventfd, epoll, timerfd, signalfd, sockets inside the VM.

pub mod create;
pub mod epoll;
pub mod poll;
pub mod signalfd;
pub mod timerfd;

use crate::task::{sched, time};
use ramet_kcore::ipc::object::Origin;

/// Who makes an object, and when.
pub fn origin() -> Origin {
    sched::with_current(|thread| {
        let credentials = thread.credentials.borrow();
        Origin { uid: credentials.fsuid, gid: credentials.fsgid, now: time::realtime() as i64 }
    })
}
