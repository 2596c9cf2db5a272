//! Objects that exist without a name in a file system: pipes, eventfd, timerfd, signalfd, epoll, sockets, terminals.
//!
//! None of them blocks. An operation that cannot go on returns EAGAIN. The caller that wants to block must be
//! registered in the wait queue *before* it tries, and try again after each notification: [`File::poll`] saying
//! "ready" is not a promise that one operation succeeds (a large write, a full peer).
//!
//! [`File::poll`]: crate::file::File::poll

pub mod epoll;
pub mod eventfd;
pub mod inet;
pub mod inotify;
pub mod netlink;
pub mod object;
pub mod pipe;
pub mod poll;
pub mod signalfd;
pub mod socket;
pub mod stream;
pub mod timerfd;
pub mod tty;
pub mod unix;
