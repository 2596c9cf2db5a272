//! What is open moves to the keeper: the objects that only the kernel knows, and those of `ramet_kcore`.

use super::begin::{refuse, session_tree};
use crate::fs::console;
use crate::global::Global;
use crate::syscalls::ipc::pidfd;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use ramet_abi::session::{Request, op};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::Result;
use ramet_kcore::file::flags::O_NONBLOCK;
use ramet_kcore::fs::open_file::{OpenFile, SETTABLE};
use ramet_kcore::session::{self, Client, Fate, RemoteFile, Traits};

/// Input that this VM had taken from the host before the session began.
static INPUT: Global<RefCell<Vec<u8>>> = Global::new(RefCell::new(Vec::new()));

static EXPORTS: Global<Cell<u64>> = Global::new(Cell::new(0));

/// How often files have moved to the keeper: who waits for some looks up its descriptors again when this has changed.
pub fn exports() -> u64 {
    EXPORTS.get()
}

/// Whether `file` is of a kind that moves to the keeper at a fork.
pub fn is_common(file: &OpenFile) -> bool {
    session::fate(file, &is_shared) == Fate::Moves && !pidfd::is_one(file)
}

/// Keeps input for the keeper.
pub(super) fn keep_input(bytes: Vec<u8>) {
    INPUT.replace(bytes);
}

/// Whether files of the file system with that `st_dev` are the session's.
pub(super) fn is_shared(device: u64) -> bool {
    session_tree(device).is_some()
}

/// Whether everything that is open can be shared.
///
/// # Errors
/// EAGAIN: not everything.
pub(super) fn check(files: &[Rc<OpenFile>]) -> Result<()> {
    for file in files {
        let is_ours = console::stream_of(file).is_some() || pidfd::is_one(file);
        if !is_ours && session::fate(file, &is_shared) == Fate::Stuck {
            let name = file.path().map_or_else(|| file.file().describe(), |path| path.dentry.name().to_vec());
            return Err(refuse(&format!("{} cannot be shared yet", String::from_utf8_lossy(&name))));
        }
    }
    Ok(())
}

/// Moves what is open to the keeper.
///
/// # Errors
/// EAGAIN; what the keeper answers.
pub(super) fn export(client: &Rc<Client>, files: &[Rc<OpenFile>]) -> Result<()> {
    EXPORTS.set(EXPORTS.get() + 1);
    for file in files {
        if let Some(stream) = console::stream_of(file) {
            let input = if stream == 0 { INPUT.take() } else { Vec::new() };
            let request = Request {
                operation: op::CONSOLE,
                arguments: [stream as u64, 0, 0, 0, 0, 0],
                ..Request::default()
            };
            let reply = client.call(&request, &input)?;
            let flags = file.flags();
            file.move_to(RemoteFile::new(client, reply.result as u64, Traits::STREAM, None))?;
            if flags & O_NONBLOCK != 0 {
                file.set_flags(flags & SETTABLE);
            }
        }
    }
    let files: Vec<Rc<OpenFile>> = files.iter().filter(|file| !pidfd::is_one(file)).cloned().collect();
    session::export(client, &files, &files, &is_shared)
        .map_err(|error| refuse(&format!("what is open: {error:?}")))
}

/// Moves one description, and what belongs to it.
///
/// # Errors
/// EAGAIN; what the keeper answers.
pub(super) fn share(client: &Rc<Client>, file: &Rc<OpenFile>, all: &[Rc<OpenFile>]) -> Result<()> {
    EXPORTS.set(EXPORTS.get() + 1);
    session::export(client, core::slice::from_ref(file), all, &is_shared)
}
