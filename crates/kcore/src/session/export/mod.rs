//! What a process has open moves to the keeper, before a fork makes it common.
//!
//! Things that belong together move together: all ends of a pipe, connected sockets and what lies in them, what an epoll instance watches.
//!
//! ```text
//!   sockets are made ─► pipes, counters, timers, files ─► sockets get their state and messages ─► epoll instances
//! ```

mod epoll;
mod group;
mod inet;
mod pipe;
mod unix;

use super::client::Client;
use super::file::SessionFile;
use super::inode::SessionInode;
use super::ranges::has_locked;
use super::remote::RemoteFile;
use super::terminal;
use super::traits::Traits;
use crate::errno::{Errno, Result};
use crate::file::flags::{O_ASYNC, O_NONBLOCK};
use crate::fs::inode::{FileType, OFFSET_MAX};
use crate::fs::locks::LockOwner;
use crate::fs::open_file::{OpenFile, SETTABLE, SignalOwner};
use crate::ipc::epoll::Epoll;
use crate::ipc::eventfd::{EFD_SEMAPHORE, EventFd};
use crate::ipc::inet::{TcpSocket, UdpSocket};
use crate::ipc::inotify::Inotify;
use crate::ipc::netlink::NetlinkSocket;
use crate::ipc::pipe::PipeEnd;
use crate::ipc::signalfd::SignalFd;
use crate::ipc::timerfd::TimerFd;
use crate::ipc::unix::UnixSocket;
use alloc::rc::Rc;
use group::Group;
use ramet_abi::session::{Request, op};

/// What becomes of a description at a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is in the keeper already.
    Shared,
    /// It moves there.
    Moves,
    /// Each process has its own, which makes no difference.
    Copied,
    /// It would have to move, and cannot.
    Stuck,
}

/// What becomes of `file` at a fork. Objects that the kernel has beside those of this crate are its own business. `is_shared`: whether a
/// device number is of a file system of the session.
pub fn fate(file: &OpenFile, is_shared: &dyn Fn(u64) -> bool) -> Fate {
    if file.remote().is_some() {
        return Fate::Shared;
    }
    if file.is_path_only() {
        return Fate::Copied;
    }
    let object = file.file().as_any();
    if object.is::<PipeEnd>()
        || object.is::<EventFd>()
        || object.is::<TimerFd>()
        || object.is::<Epoll>()
        || object.is::<Inotify>()
        || object.is::<UnixSocket>()
        || object.is::<TcpSocket>()
        || object.is::<UdpSocket>()
    {
        return Fate::Moves;
    }
    if object.is::<SignalFd>() || object.is::<NetlinkSocket>() {
        // A reader gets its own process's signals; what rtnetlink tells is the same for all.
        return Fate::Copied;
    }
    if let Some(fate) = terminal::fate(file) {
        return fate;
    }
    let Some(inode) = file.inode() else { return Fate::Stuck };
    let file_type = inode.attributes().map(|attributes| attributes.file_type);
    match file_type {
        Ok(FileType::Regular | FileType::Directory) if is_shared(inode.id().0) => Fate::Moves,
        // Devices, procfs, volumes: without a state of their own, or with an offset at most.
        _ if file.file().wait_queue().is_none() => Fate::Copied,
        _ => Fate::Stuck,
    }
}

fn session_inode(file: &OpenFile) -> Option<Rc<SessionInode>> {
    file.inode()?.as_any().downcast_ref::<SessionInode>()?.rc().ok()
}

/// Makes a description of the session's files one of the keeper's before the next fork: what it holds (locks) concerns everybody.
///
/// # Errors
/// What the keeper answers.
pub fn share(file: &OpenFile) -> Result<()> {
    match file.downcast::<SessionFile>() {
        Some(local) => file.move_to(RemoteFile::open(local.inode(), file.flags(), file.offset(), true)?),
        None => Ok(()),
    }
}

/// Moves `files`, those of them that are [`Fate::Moves`], to the keeper, and what belongs to them. `all`: everything that is open in the VM.
///
/// # Errors
/// EAGAIN: a part of something is somewhere else; what the keeper answers.
pub fn export(
    client: &Rc<Client>,
    files: &[Rc<OpenFile>],
    all: &[Rc<OpenFile>],
    is_shared: &dyn Fn(u64) -> bool,
) -> Result<()> {
    let group = Group::of(files, all, is_shared);
    let lists =
        epoll::begin(&group.files, &|file| matches!(fate(file, is_shared), Fate::Moves | Fate::Shared));
    let done = move_all(client, &group, all).and_then(|()| epoll::export(client, &lists));
    if done.is_err() {
        epoll::take_back(&lists);
    }
    done
}

/// Everything but epoll instances.
fn move_all(client: &Rc<Client>, group: &Group, all: &[Rc<OpenFile>]) -> Result<()> {
    let mut sockets = unix::Sockets::make(client, group)?;
    for file in &group.files {
        if file.remote().is_some() {
            continue;
        }
        if let Some(end) = file.downcast::<PipeEnd>() {
            let pipe = end.pipe().clone();
            pipe::export(client, &pipe, &group.files)?;
        } else if let Some(counter) = file.downcast::<EventFd>() {
            let semaphore = if counter.is_semaphore() { EFD_SEMAPHORE } else { 0 };
            let request = Request {
                operation: op::EVENTFD,
                flags: semaphore | file.flags() & O_NONBLOCK,
                arguments: [counter.count(), 0, 0, 0, 0, 0],
                ..Request::default()
            };
            let id = client.call(&request, &[])?.result as u64;
            moved(file, RemoteFile::new(client, id, Traits::EVENT, None))?;
        } else if let Some(timer) = file.downcast::<TimerFd>() {
            let (clock, state) = (timer.clock(), timer.export());
            let canceled = state.canceled.map_or(0, |canceled| 1 + u64::from(canceled));
            let left = state.left.map_or(0, |left| left.saturating_add(1));
            let request = Request {
                operation: op::TIMERFD,
                flags: file.flags() & O_NONBLOCK,
                arguments: [clock.id() as u64, state.interval, left, state.ticks, canceled, 0],
                ..Request::default()
            };
            let id = client.call(&request, &[])?.result as u64;
            moved(file, RemoteFile::new(client, id, Traits::EVENT, None))?;
        } else if let Some(instance) = file.downcast::<Inotify>() {
            moved(file, RemoteFile::move_inotify(client, instance, file.flags() & O_NONBLOCK)?)?;
        } else if terminal::fate(file).is_some() {
            terminal::export(client, file, all)?;
        } else if file.inode().is_some() {
            export_file(file)?;
        }
    }
    inet::export(client, &group.files)?;
    sockets.fill(client)
}

/// A regular file or directory.
fn export_file(file: &OpenFile) -> Result<()> {
    let node = session_inode(file).ok_or(Errno::EAGAIN)?;
    let lock = file.flock_held();
    let remote = RemoteFile::open(&node, file.flags(), file.offset(), true)?;
    file.move_to(remote.clone())?;
    if let Some(exclusive) = lock {
        file.flock(Some(exclusive))?;
    }
    move_ranges(file, &remote)
}

/// The description is in the keeper from now on, with what fcntl(2) has set and what is locked.
fn moved(file: &Rc<OpenFile>, remote: Rc<RemoteFile>) -> Result<()> {
    let (flags, owner) = (file.flags(), file.signal_owner.get());
    let lock = file.flock_held();
    file.unwatch();
    file.move_to(remote.clone())?;
    if let Some(exclusive) = lock {
        remote.flock(Some(exclusive))?;
    }
    move_ranges(file, &remote)?;
    if flags & SETTABLE & !O_NONBLOCK != 0 {
        remote.set_flags(flags & SETTABLE);
    }
    if owner != SignalOwner::default() {
        remote.set_owner(owner)?;
    }
    if flags & O_ASYNC != 0 {
        remote.set_async(Some(file.signal_fd.get()))?;
    }
    Ok(())
}

/// Takes the ranges at the keeper that have been locked here, and gives them up here.
fn move_ranges(file: &OpenFile, remote: &RemoteFile) -> Result<()> {
    for lock in file.take_ranges() {
        let kind = if matches!(lock.owner, LockOwner::Process(_)) { 1 } else { 2 };
        let end = if lock.last >= OFFSET_MAX { u64::MAX } else { lock.last };
        match remote.call(op::LOCK, 0, &[kind, u64::from(lock.exclusive), lock.start, end, 0]) {
            Ok(_) => has_locked(file, lock.owner),
            // It was locked through another description, open for what this one is not.
            Err(Errno::EBADF) => file.put_range_back(lock),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
