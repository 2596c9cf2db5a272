//! What a process has open moves to the keeper, before a fork makes it common.

use super::client::Client;
use super::file::SessionFile;
use super::inode::SessionInode;
use super::remote::{RemoteFile, Traits};
use super::terminal;
use crate::errno::{Errno, Result};
use crate::file::flags::{O_DIRECT, O_NONBLOCK};
use crate::fs::inode::{FileType, OFFSET_MAX};
use crate::fs::locks::LockOwner;
use crate::fs::open_file::{OpenFile, SETTABLE};
use crate::ipc::eventfd::{EFD_SEMAPHORE, EventFd};
use crate::ipc::pipe::{Pipe, PipeEnd};
use crate::ipc::signalfd::SignalFd;
use crate::user::Sink;
use alloc::rc::Rc;
use alloc::vec::Vec;
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
    if let Some(end) = file.downcast::<PipeEnd>() {
        return if end.is_fifo() { Fate::Stuck } else { Fate::Moves };
    }
    if file.downcast::<EventFd>().is_some() {
        return Fate::Moves;
    }
    if file.downcast::<SignalFd>().is_some() {
        // A reader gets its own process's signals.
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
        Some(local) => file.move_to(RemoteFile::open(local.inode(), file.flags(), file.offset())?),
        None => Ok(()),
    }
}

/// Bytes of a pipe, taken out of it.
struct Contents(Vec<u8>, usize);

impl Sink for Contents {
    fn remaining(&self) -> usize {
        self.1 - self.0.len()
    }
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let n = bytes.len().min(self.remaining());
        self.0.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
}

/// Moves `files`, all that are open in the VM and [`Fate::Moves`], to the keeper.
///
/// # Errors
/// EAGAIN: not all of a pipe's ends are among them; what the keeper answers.
pub fn export(client: &Rc<Client>, files: &[Rc<OpenFile>], is_shared: &dyn Fn(u64) -> bool) -> Result<()> {
    for file in files {
        if fate(file, is_shared) != Fate::Moves {
            continue;
        }
        if let Some(end) = file.downcast::<PipeEnd>() {
            let pipe = end.pipe().clone();
            export_pipe(client, &pipe, files)?;
        } else if let Some(counter) = file.downcast::<EventFd>() {
            let semaphore = if counter.is_semaphore() { EFD_SEMAPHORE } else { 0 };
            let request = Request {
                operation: op::EVENTFD,
                flags: semaphore | file.flags() & O_NONBLOCK,
                arguments: [counter.count(), 0, 0, 0, 0, 0],
                ..Request::default()
            };
            let id = client.call(&request, &[])?.result as u64;
            file.move_to(RemoteFile::new(client, id, Traits::EVENT, None))?;
        } else if terminal::fate(file).is_some() {
            terminal::export(client, file, files)?;
        } else {
            let node = session_inode(file).ok_or(Errno::EAGAIN)?;
            let lock = file.flock_held();
            let remote = RemoteFile::open(&node, file.flags(), file.offset())?;
            file.move_to(remote.clone())?;
            if let Some(exclusive) = lock {
                file.flock(Some(exclusive))?;
            }
            move_ranges(file, &remote)?;
        }
    }
    Ok(())
}

/// Takes the ranges at the keeper that have been locked here, and gives them up here.
fn move_ranges(file: &OpenFile, remote: &RemoteFile) -> Result<()> {
    for lock in file.take_ranges() {
        let kind = if matches!(lock.owner, LockOwner::Process(_)) { 1 } else { 2 };
        let end = if lock.last >= OFFSET_MAX { u64::MAX } else { lock.last };
        match remote.call(op::LOCK, 0, &[kind, u64::from(lock.exclusive), lock.start, end, 0]) {
            Ok(_) => {}
            // It was locked through another description, open for what this one is not.
            Err(Errno::EBADF) => file.put_range_back(lock),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Moves a pipe with all its ends.
fn export_pipe(client: &Rc<Client>, pipe: &Rc<Pipe>, files: &[Rc<OpenFile>]) -> Result<()> {
    let mut ends: Vec<(&Rc<OpenFile>, bool)> = Vec::new();
    for file in files {
        if let Some(end) = file.downcast::<PipeEnd>()
            && Rc::ptr_eq(end.pipe(), pipe)
            && !ends.iter().any(|(known, _)| Rc::ptr_eq(known, file))
        {
            ends.push((file, end.reads()));
        }
    }
    let (readers, writers) =
        (ends.iter().filter(|end| end.1).count(), ends.iter().filter(|end| !end.1).count());
    // An end that is on its way in a message, say, or opened twice.
    if (readers, writers) != (pipe.readers() as usize, pipe.writers() as usize) || readers > 1 || writers > 1
    {
        return Err(Errno::EAGAIN);
    }
    let mut contents = Contents(Vec::new(), pipe.unread());
    if contents.1 > 0 {
        pipe.read(&mut contents)?;
    }
    let request = Request {
        operation: op::PIPE,
        arguments: [pipe.capacity() as u64, 0, 0, 0, 0, 0],
        ..Request::default()
    };
    let values = client.call(&request, &contents.0)?.values;
    let (reader, writer) = (
        RemoteFile::new(client, values[0], Traits::STREAM, None),
        RemoteFile::new(client, values[1], Traits::STREAM, None),
    );
    for (file, reads) in ends {
        let flags = file.flags();
        file.move_to(if reads { reader.clone() } else { writer.clone() })?;
        if flags & (O_NONBLOCK | O_DIRECT) != 0 {
            file.set_flags(flags & SETTABLE);
        }
    }
    // An end that nobody has is closed with the last reference here.
    Ok(())
}
