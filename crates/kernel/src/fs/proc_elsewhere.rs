//! What procfs tells of processes in other VMs of the session: the keeper knows who there is, each process's own kernel the rest.

use super::{root_of_everything, vfs};
use crate::global::Global;
use crate::session;
use crate::session::questions::{What, ask};
use crate::session::transport;
use crate::task::{process, time};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use ramet_abi::session::{Request, op};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::inode::{Attributes, FileType, Inode, StatFs};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::path::Path;
use ramet_kcore::proc::source::*;
use ramet_kcore::proc::wire::{OwnedMapping, Portrait, Reader, Wire, take_list};
use ramet_kcore::stat::Stat;
use ramet_kcore::user::{Sink, Source};

/// What was told last stays true as long as this VM hears of nothing else, and at most so long, ns: an open(2) and a read(2) of a file in
/// procfs ask once.
const FRESH: u64 = 2_000_000;

struct Told {
    pid: u32,
    at: u64,
    exchanges: u64,
    portrait: Rc<Portrait>,
}

static LAST: Global<RefCell<Option<Told>>> = Global::new(RefCell::new(None));

/// What is known of a process in another VM; `None`: there is none, or it is a process of this VM.
pub fn portrait(pid: u32) -> Option<Rc<Portrait>> {
    if !session::is_open() {
        return None;
    }
    let now = time::monotonic();
    if let Some(last) = &*LAST.borrow()
        && (last.pid, last.exchanges) == (pid, transport::exchanges())
        && now - last.at < FRESH
    {
        return Some(last.portrait.clone());
    }
    let mut portrait = sketch(pid)?;
    if portrait.threads.iter().all(|(_, thread)| thread.state != State::Zombie) {
        detail(pid, &mut portrait);
    }
    let portrait = Rc::new(portrait);
    let told =
        Told { pid, at: time::monotonic(), exchanges: transport::exchanges(), portrait: portrait.clone() };
    LAST.replace(Some(told));
    Some(portrait)
}

/// As the keeper knows it.
fn sketch(pid: u32) -> Option<Portrait> {
    let request = Request {
        operation: op::PROCESS,
        arguments: [pid.into(), 0, 0, 0, 0, 0],
        wanted: 4096,
        ..Request::default()
    };
    let (reply, text) = session::call_data(&request, &[]).ok()?;
    if reply.result != i64::from(pid) {
        return None;
    }
    let [parent, group, session, state, user, started, _, foreground] = reply.values;
    let mut credentials = Credentials::user(user as u32, user as u32, &[]);
    credentials.uid = (user >> 32) as u32;
    let mut process = ProcessFacts::new(credentials);
    (process.parent, process.group, process.session) = (parent as u32, group as u32, session as u32);
    (process.started, process.terminal_group) = (started, foreground as i32);
    let name = text.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
    let state = State::of_letter(state as u8)?;
    if state == State::Zombie {
        (process.user_time, process.system_time) = used_in_all(pid).unwrap_or_default();
    }
    let thread = ThreadFacts { name, state, started, ..ThreadFacts::default() };
    Some(Portrait { process, memory: MemoryUse::default(), threads: [(pid, thread)].into() })
}

/// User and system time of a process that has ended and has not been waited for, ns.
pub fn used_in_all(pid: u32) -> Option<(u64, u64)> {
    const USED: u32 = 1;
    let request = Request {
        operation: op::PROCESS,
        flags: USED,
        arguments: [pid.into(), 0, 0, 0, 0, 0],
        ..Request::default()
    };
    let reply = session::call(&request, &[]).ok().filter(|reply| reply.result == i64::from(pid))?;
    Some((reply.values[0], reply.values[1]))
}

/// What its own kernel tells. A VM that does not answer, or says nonsense, is shown as the keeper knows it.
fn detail(pid: u32, portrait: &mut Portrait) {
    let Ok((_, bytes)) = ask(pid as i32, What::Portrait, [0; 3]) else { return };
    let Some(mut told) = Portrait::take(&mut Reader(&bytes)) else { return };
    if told.threads.is_empty() {
        return;
    }
    // Who it is, and whether it is stopped, is the keeper's word.
    let is_stopped = portrait.threads.iter().any(|(_, thread)| thread.state == State::Stopped);
    for (_, thread) in told.threads.iter_mut().filter(|_| is_stopped) {
        thread.state = State::Stopped;
    }
    (told.process.parent, told.process.group, told.process.session) =
        (portrait.process.parent, portrait.process.group, portrait.process.session);
    *portrait = told;
}

/// The process in another VM that a number names.
pub fn process_of(number: u32) -> Option<u32> {
    if !session::is_open() {
        return None;
    }
    let fresh = LAST.borrow().as_ref().is_some_and(|last| last.pid == number);
    if fresh && portrait(number).is_some() {
        return Some(number);
    }
    let request =
        Request { operation: op::PROCESS, arguments: [number.into(), 0, 0, 0, 0, 0], ..Request::default() };
    let found = session::call(&request, &[]).ok().and_then(|reply| u32::try_from(reply.result).ok());
    // A number that this VM has reserved and nobody has.
    found.filter(|pid| process::find(*pid as i32).is_none())
}

/// Bytes of its memory.
pub fn strings(pid: u32, which: Strings) -> Vec<u8> {
    let which = match which {
        Strings::Arguments => 0,
        Strings::Environment => 1,
        Strings::Auxiliary => 2,
    };
    ask(pid as i32, What::Strings, [which, 0, 0]).map_or_else(|_| Vec::new(), |(_, bytes)| bytes)
}

/// Its mappings.
pub fn mappings(pid: u32, each: &mut dyn FnMut(&Mapping<'_>)) {
    let Ok((_, bytes)) = ask(pid as i32, What::Mappings, [0; 3]) else { return };
    let all: Vec<OwnedMapping> = take_list(&mut Reader(&bytes)).unwrap_or_default();
    all.iter().for_each(|mapping| each(&mapping.mapping()));
}

/// Where its links lead.
pub fn place(pid: u32, which: Place) -> Option<Path> {
    let which = match which {
        Place::Executable => 0,
        Place::Current => 1,
        Place::Root => 2,
    };
    let (_, shown) = ask(pid as i32, What::Place, [which, 0, 0]).ok()?;
    Some(find(&shown))
}

/// Its open descriptors.
pub fn descriptors(pid: u32) -> Vec<u32> {
    let Ok((_, bytes)) = ask(pid as i32, What::Descriptors, [0; 3]) else { return Vec::new() };
    take_list(&mut Reader(&bytes)).unwrap_or_default()
}

/// One of them: the same description, if it is the session's; else one of this VM's that shows the same, and leads to the same file if that
/// has a name.
pub fn descriptor(pid: u32, fd: u32) -> Option<(Rc<OpenFile>, bool)> {
    let (reply, bytes) = ask(pid as i32, What::Descriptor, [fd.into(), 0, 0]).ok()?;
    let mut reader = Reader(&bytes);
    let (flags, closes) = (u32::take(&mut reader)?, bool::take(&mut reader)?);
    let (offset, shown) = (u64::take(&mut reader)?, Vec::take(&mut reader)?);
    let given = match reply.values[0] {
        0 => None,
        id => session::client()?.received(id).ok(),
    };
    if let Some(file) = given {
        if let Some(path) = file.path() {
            super::proc::is_where_others_put_it(path);
        }
        return Some((file, closes));
    }
    let file = OpenFile::new(Rc::new(Unreachable), Some(find(&shown)), flags);
    file.set_offset(offset);
    Some((file, closes))
}

fn is_named(shown: &[u8]) -> bool {
    shown.starts_with(b"/") && !shown.ends_with(b" (deleted)")
}

/// The place with that path; one that leads nowhere, if there is none.
fn find(shown: &[u8]) -> Path {
    let nowhere = || Path::anonymous(Rc::new(Unreachable), shown);
    if !is_named(shown) {
        return nowhere();
    }
    let namespace = &vfs().namespace;
    let mut at = root_of_everything();
    for name in shown.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        let Ok(dentry) = namespace.child(&at.dentry, name) else { return nowhere() };
        at = Path { mount: at.mount, dentry };
        namespace.cross(&mut at);
    }
    at
}

/// An object of another VM's own.
struct Unreachable;

impl Inode for Unreachable {
    fn id(&self) -> (u64, u64) {
        (0, 0)
    }
    fn attributes(&self) -> Result<Attributes> {
        Ok(Attributes { file_type: FileType::Regular, permissions: 0o600, uid: 0, gid: 0 })
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat::default())
    }
    fn open(self: Rc<Self>, _: u32) -> Result<Rc<dyn File>> {
        Err(Errno::ENXIO)
    }
    fn statfs(&self) -> Result<StatFs> {
        Ok(StatFs { block_size: 4096, ..StatFs::default() })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl File for Unreachable {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EIO)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EIO)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat::default())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
