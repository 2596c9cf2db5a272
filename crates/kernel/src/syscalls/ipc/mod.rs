//! Calls about objects without a name: pipes, eventfd, epoll, timerfd, signalfd, sockets inside the VM.

pub mod create;
pub mod epoll;
pub mod inotify;
pub mod pidfd;
pub mod poll;
pub mod signalfd;
pub mod socket;
pub mod socket_connect;
pub mod socket_message;
pub mod socket_options;
pub mod socket_receive;
pub mod socket_send;
pub mod splice;
pub mod sysv;
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
