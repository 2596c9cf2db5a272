//! Before a fork: the session begins, if it has not, and what is common from now on moves to the keeper.

use super::foreign::Kernel;
use super::{CLIENT, client, export, mappings, registry, terminals, transport};
use crate::arch::hypercall;
use crate::fs;
use crate::fs::{console, tty};
use crate::mm;
use crate::task::process::{self, Process};
use crate::task::time;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Acquire;
use ramet_abi::hypercall as number;
use ramet_abi::session::tree;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::memfs::{MemFs, Node};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::path::Path;
use ramet_kcore::ipc::inotify::Inotify;
use ramet_kcore::session::{self, Client, Local};
use ramet_kcore::sort;

/// How long the host may take to write output before a session begins, ns.
const OUTPUT_PATIENCE: u64 = 2_000_000_000;

/// A fork that cannot be: says why, once for each reason in a row.
pub(super) fn refuse(why: &str) -> Errno {
    hypercall::log(&format!("fork: {why}: EAGAIN"));
    Errno::EAGAIN
}

/// Everything that a child of `process` will share moves to the keeper. Opens the session if there is none yet. `executes`: the child
/// executes a program at once.
///
/// # Errors
/// EAGAIN: something is open that cannot be shared yet (a line in the log says what), or there is no keeper; ENOMEM.
pub fn prepare_fork(process: &Process, executes: bool) -> Result<()> {
    let files = open_files();
    export::check(&files)?;
    let client = match client() {
        Some(client) => client,
        None => begin(process, &files)?,
    };
    export::export(&client, &files)?;
    mappings::share(&client, process, executes)
}

/// The session, which begins if there is none: for calls on what only a keeper has.
///
/// # Errors
/// As [`prepare_fork`].
pub fn enter(process: &Process) -> Result<Rc<Client>> {
    if let Some(client) = client() {
        return Ok(client);
    }
    let files = open_files();
    export::check(&files)?;
    let client = begin(process, &files)?;
    export::export(&client, &files)?;
    Ok(client)
}

/// Moves `file` to the keeper, and what belongs to it: others are about to use it. Nothing happens without a session, nor to what each process has
/// for itself.
///
/// # Errors
/// EAGAIN: it cannot be shared; what the keeper answers.
pub fn share(file: &Rc<OpenFile>) -> Result<()> {
    match client().filter(|_| file.remote().is_none()) {
        Some(client) => export::share(&client, file, &open_files()),
        None => Ok(()),
    }
}

/// Every open file description of the VM's processes, each once.
fn open_files() -> Vec<Rc<OpenFile>> {
    let mut files: Vec<Rc<OpenFile>> = Vec::new();
    for process in process::all() {
        files.extend(process.files.borrow().descriptors(0).map(|(_, file)| file.clone()));
    }
    files.extend(registry::open());
    sort::by_key(&mut files, |file| Rc::as_ptr(file) as usize);
    files.dedup_by(|a, b| Rc::ptr_eq(a, b));
    files
}

/// Places that somebody holds.
fn held(files: &[Rc<OpenFile>]) -> Vec<Path> {
    let mut held: Vec<Path> = files.iter().filter_map(|file| file.path().cloned()).collect();
    let watching = files.iter().filter_map(|file| file.downcast::<Inotify>());
    held.extend(watching.flat_map(Inotify::watches).filter_map(|watch| watch.place()));
    for process in process::all() {
        let context = process.context.borrow();
        held.extend([context.root.clone(), context.cwd.clone()]);
        held.extend(process.executable.borrow().as_ref().map(|file| file.path().clone()));
    }
    held
}

fn begin(process: &Process, files: &[Rc<OpenFile>]) -> Result<Rc<Client>> {
    let mapped = mappings::of_files(process);
    console::finish_output(wait_for_output);
    tty::finish_output(wait_for_output);
    transport::open().map_err(|_| refuse("no keeper of sessions could be started"))?;
    // The host puts nothing more there.
    let input = console::take_input();
    let image = fs::pristine()?;
    let window = Some(fs::volumes::transport());
    let local = Local { image, pages: mm::page_source(), window };
    let client = Client::new(Rc::new(transport::Channel), local);
    client.set_foreign(Rc::new(Kernel));
    CLIENT.replace(Some(client.clone()));
    export::keep_input(input);
    terminals::begin(&client, files)?;
    let held = held(files);
    let nodes: Vec<Rc<Node>> = mapped.iter().map(|mapped| mapped.node.clone()).collect();
    for mount in fs::vfs().namespace.mounts() {
        let top = mount.root().clone();
        let (Some(fs), Some(number)) = (file_system(&top), session_tree(top.inode().id().0)) else {
            continue;
        };
        session::migrate(&client, number, &fs, Some(&top), &held, &nodes)?;
    }
    if let Some(fs) = fs::used_memory_files() {
        session::migrate(&client, tree::MEMORY, &fs, None, &held, &nodes)?;
    }
    mappings::follow(&client, process, mapped)
        .map_err(|error| refuse(&format!("files that are mapped: {error:?}")))?;
    session::finish(&client)?;
    Ok(client)
}

/// Which file system of the session the one with that `st_dev` becomes.
pub(super) fn session_tree(device: u64) -> Option<u64> {
    match device {
        fs::device::ROOT => Some(tree::ROOT),
        fs::device::SHM => Some(tree::SHM),
        fs::device::MEMORY => Some(tree::MEMORY),
        _ => None,
    }
}

fn file_system(top: &ramet_kcore::fs::dentry::Dentry) -> Option<Rc<MemFs>> {
    top.inode().as_any().downcast_ref::<Node>().map(|node| node.file_system().clone())
}

/// The host writes what is on its way: from then on the keeper does.
pub fn wait_for_output(is_written: &dyn Fn() -> bool) {
    let end = time::monotonic() + OUTPUT_PATIENCE;
    while !is_written() && time::monotonic() < end {
        hypercall::ring_doorbell();
        let sequence = hypercall::mailbox().sequence.load(Acquire);
        hypercall::call(number::WAIT, &[u64::from(sequence), time::monotonic() + 200_000]);
    }
}
