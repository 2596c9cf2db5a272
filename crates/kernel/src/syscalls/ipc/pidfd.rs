//! Descriptors of processes: pidfd_open(2), pidfd_send_signal(2), and what clone(2) and waitid(2) do with them.

use crate::arch::user;
use crate::fs::anonymous;
use crate::session;
use crate::session::questions::{What, ask};
use crate::syscalls::file::only;
use crate::syscalls::file::open::install;
use crate::syscalls::{Call, io, signals};
use crate::task::family::elsewhere;
use crate::task::process::{self, Process};
use crate::task::sched;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::OnceCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use ramet_kcore::fs::credentials::{Credentials, cap};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::object::{anon_name, anon_stat};
use ramet_kcore::proc::wire::{Portrait, Reader, Wire};
use ramet_kcore::signal::SigInfo;
use ramet_kcore::stat::Stat;
use ramet_kcore::user::{Sink, Source};
use ramet_kcore::wait::{Events, WaitQueue};

/// What such a descriptor refers to.
struct ProcessFile {
    pid: i32,
    /// The process, if it is in this VM, or was.
    here: Option<Rc<Process>>,
    /// What tells of it, once it is elsewhere.
    there: OnceCell<Rc<dyn File>>,
}

impl ProcessFile {
    fn new(pid: i32) -> Result<Rc<ProcessFile>> {
        let file = ProcessFile { pid, here: process::find(pid), there: OnceCell::new() };
        if file.here.is_none() {
            // Whether it is there.
            let there = elsewhere().pidfd(pid)?;
            let _ = file.there.set(there);
        }
        Ok(Rc::new(file))
    }

    /// The process, if this VM knows it: not after it has moved, nor in the child of a fork.
    fn here(&self) -> Option<&Rc<Process>> {
        let known = |process: &&Rc<Process>| {
            let ties = &process.family;
            let is_listed = || process::find(self.pid).is_some_and(|found| Rc::ptr_eq(&found, process));
            !ties.has_moved.get() && (ties.is_gone.get() || is_listed())
        };
        self.here.as_ref().filter(known)
    }

    fn there(&self) -> Option<&Rc<dyn File>> {
        if self.there.get().is_none() && self.here().is_none() {
            let _ = self.there.set(elsewhere().pidfd(self.pid).ok()?);
        }
        self.there.get()
    }
}

impl File for ProcessFile {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(anon_stat())
    }
    fn poll(&self) -> Events {
        let ended = Events::IN.or(Events::RDNORM);
        match (self.here(), self.there()) {
            (Some(process), _) if process.family.is_gone.get() => ended.or(Events::HUP),
            (Some(process), _) if process.family.remains.borrow().is_some() => ended,
            (Some(_), _) => Events::NONE,
            (None, Some(there)) => there.poll(),
            (None, None) => ended.or(Events::HUP),
        }
    }
    fn wait_queue(&self) -> Option<&WaitQueue> {
        match self.here() {
            Some(process) => Some(&process.family.ended),
            None => self.there()?.wait_queue(),
        }
    }
    fn describe(&self) -> Vec<u8> {
        anon_name("pidfd")
    }
    fn ignores_seek(&self) -> bool {
        true
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Whether `file` is one: a fork copies it, as all that it has is a process id.
pub fn is_one(file: &OpenFile) -> bool {
    file.file().as_any().is::<ProcessFile>()
}

/// The process id behind `file`, if it is one.
pub fn pid_of(file: &OpenFile) -> Option<i32> {
    file.file().as_any().downcast_ref::<ProcessFile>().map(|of| of.pid)
}

/// What `file`, one of these, has open in the keeper.
pub fn elsewhere_of(file: &OpenFile) -> Option<Rc<dyn File>> {
    file.file().as_any().downcast_ref::<ProcessFile>()?.there.get().cloned()
}

/// What a new descriptor of the process with that id refers to.
///
/// # Errors
/// ESRCH.
pub fn file_of(pid: i32) -> Result<Rc<dyn File>> {
    Ok(ProcessFile::new(pid)?)
}

/// A new descriptor of the process with that id.
///
/// # Errors
/// ESRCH, EMFILE.
pub fn make(pid: i32, flags: u32) -> Result<i64> {
    install(anonymous(ProcessFile::new(pid)?, O_RDWR | flags & O_NONBLOCK), O_CLOEXEC)
}

/// The process id behind a descriptor, and whether waiting for it must not sleep.
///
/// # Errors
/// EBADF: it is none of a process.
pub fn target(fd: i32) -> Result<(i32, bool)> {
    let file = io::file(fd)?;
    let of = file.file().as_any().downcast_ref::<ProcessFile>().ok_or(Errno::EBADF)?;
    Ok((of.pid, file.flags() & O_NONBLOCK != 0))
}

/// pidfd_open(2).
pub fn pidfd_open(call: &mut Call<'_>) -> Result<i64> {
    let (pid, flags) = (call.int(0), call.uint(1));
    only(flags, O_NONBLOCK)?;
    if pid <= 0 {
        return Err(Errno::EINVAL);
    }
    if process::find(pid).is_none() && process::find_thread(pid).is_some() {
        // A thread that is not its process's first.
        return Err(Errno::EINVAL);
    }
    make(pid, flags)
}

/// The process whose directory in /proc is open.
fn of_directory(file: &OpenFile) -> Option<i32> {
    const PROC_SUPER_MAGIC: u64 = 0x9fa0;
    let path = file.path()?;
    let is_proc = path.inode().statfs().is_ok_and(|fs| fs.magic == PROC_SUPER_MAGIC);
    let is_in_root = path.dentry.parent()?.parent().is_none();
    let name = path.dentry.name();
    core::str::from_utf8(&name).ok().filter(|_| is_proc && is_in_root)?.parse().ok()
}

/// pidfd_send_signal(2): of such a descriptor, or of an open /proc/PID.
pub fn pidfd_send_signal(call: &mut Call<'_>) -> Result<i64> {
    let (number, at) = (call.int(1), call.arg(2));
    only(call.uint(3), 0)?;
    let file = io::file(call.int(0))?;
    let of = file.file().as_any().downcast_ref::<ProcessFile>();
    let pid = of.map(|of| of.pid).or_else(|| of_directory(&file)).ok_or(Errno::EBADF)?;
    let info: Option<SigInfo> = match at {
        0 => None,
        at => {
            if user::read_i32(at)? != number {
                return Err(Errno::EINVAL);
            }
            Some(signals::read_queued(pid, number, at)?)
        }
    };
    if of.and_then(ProcessFile::here).is_some_and(|process| process.family.is_gone.get()) {
        return Err(Errno::ESRCH);
    }
    signals::send_one(pid, number, info).map(|()| 0)
}

/// Whether the caller may take what a process with those credentials has open (ptrace(2), PTRACE_MODE_ATTACH_REALCREDS).
fn may_take(from: &Credentials, dumpable: bool) -> bool {
    sched::with_current(|thread| {
        let own = thread.credentials.borrow();
        let same = [from.uid, from.euid, from.suid].iter().all(|id| *id == own.uid)
            && [from.gid, from.egid, from.sgid].iter().all(|id| *id == own.gid);
        own.has(cap::SYS_PTRACE) || same && dumpable
    })
}

/// A description of a process in another VM.
fn take_elsewhere(pid: i32, fd: i32) -> Result<Rc<OpenFile>> {
    let (_, bytes) = ask(pid, What::Portrait, [0; 3])?;
    let owner = Portrait::take(&mut Reader(&bytes)).ok_or(Errno::ESRCH)?.process;
    if !may_take(&owner.credentials, owner.dumpable) {
        return Err(Errno::EPERM);
    }
    let (reply, _) = ask(pid, What::Give, [fd as u64, 0, 0])?;
    session::client().ok_or(Errno::ESRCH)?.received(reply.values[0])
}

/// pidfd_getfd(2).
pub fn pidfd_getfd(call: &mut Call<'_>) -> Result<i64> {
    only(call.uint(2), 0)?;
    let (file, fd) = (io::file(call.int(0))?, call.int(1));
    let of = file.file().as_any().downcast_ref::<ProcessFile>().ok_or(Errno::EBADF)?;
    let process = match of.here() {
        Some(process) if process.family.remains.borrow().is_some() => return Err(Errno::ESRCH),
        Some(process) => process,
        None if session::is_open() => return install(take_elsewhere(of.pid, fd)?, O_CLOEXEC),
        None => return Err(Errno::ESRCH),
    };
    let owner = process.threads.borrow().first().map(|first| first.credentials.borrow().clone());
    let is_own = sched::with_current(|thread| core::ptr::eq(&*thread.process, &**process));
    if !is_own && !owner.is_some_and(|owner| may_take(&owner, process.dumpable.get())) {
        return Err(Errno::EPERM);
    }
    let file = process.files.borrow().get(fd)?.clone();
    install(file, O_CLOEXEC)
}
