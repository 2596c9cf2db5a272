//! A process that somebody outside adds (`ramet exec`).
//!
//! ```text
//!   event EXEC ──► a process in this VM, nobody's child, with a thread that only runs here: everything that can be wrong is found
//!                      │ execve                                            └─► EXEC_FAILED
//!                      ▼ into_own_vm: the session begins, FORK with flags 2
//!                  a VM of its own: standard streams from the keeper, the program
//! ```
//!
//! It has nothing of the VM's first process but the memory that it is copied with, which its execve gives back.

use super::exec::{self, Program};
use super::fork::Forked;
use super::process::{self, Process, resource};
use super::thread::Thread;
use super::{exit, family, sched, spawn};
use crate::arch::frame::Frame;
use crate::arch::hypercall;
use crate::arch::xsave;
use crate::boot::records::{self, Records};
use crate::boot::{self, StartFailure};
use crate::global::Global;
use crate::{fs, session};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use ramet_abi::session::{Request, op};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_RDONLY, O_RDWR, O_WRONLY};
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::fd_table::FdTable;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::ops::FsContext;
use ramet_kcore::session::{RemoteFile, Traits};

/// What the process is to be. The VMM asks for one at a time.
static ASKED: Global<RefCell<Option<Records>>> = Global::new(RefCell::new(None));

/// The process cannot be: with that status, for that reason.
fn refuse(status: u8, why: &str) {
    hypercall::exec_failed(status, why);
}

/// The event EXEC: makes the process, which starts in [`begin`].
pub fn asked() {
    let Some(first) = process::first() else { return refuse(boot::FAILED, "the VM has no program") };
    let Ok(pid) = family::elsewhere().new_pid() else {
        return refuse(boot::FAILED, "the session has as many processes as it may have");
    };
    ASKED.replace(Some(records::read()));
    let context = FsContext::new(fs::root_of_everything());
    let added = Process::with_space(pid, first.space.clone(), context, FdTable::new());
    added.family.borrows_memory.set(true);
    added.family.is_added.set(true);
    process::add(added.clone());
    let root = Rc::new(Credentials::root());
    let thread = Thread::new(pid, added.clone(), root, &Frame::new(), xsave::Area::new(), 0, 0);
    thread.begins.set(Some(begin));
    added.threads.borrow_mut().push(thread.clone());
    sched::make_runnable(&thread);
}

/// On the new thread's stack: its program, or its end.
fn begin(frame: &mut Frame) {
    let thread = sched::current();
    if let Some(mut records) = ASKED.take()
        && let Err(StartFailure { status, why }) = run(&thread, &mut records, frame)
    {
        refuse(status, &why);
        exit::end_process(&thread.process, 0);
    }
}

fn run(thread: &Thread, records: &mut Records, frame: &mut Frame) -> core::result::Result<(), StartFailure> {
    let failed = |why: String| StartFailure { status: boot::FAILED, why };
    let process = thread.process.clone();
    let root = fs::root_of_everything();
    let credentials = Rc::new(fs::users::parse(&root, &records.user).map_err(failed)?);
    thread.credentials.replace(credentials.clone());
    boot::put_home(records, &root, &credentials);
    let context = boot::context(root, &records.directory, &credentials).map_err(failed)?;
    process.context.replace(context.clone());
    let Some(name) = records.arguments.first() else { return Err(failed("no program to run".into())) };
    let (file, path) = fs::find_program(&context, name, &records.environment, &credentials)
        .map_err(|error| boot::start_failure(name, error))?;
    let missing = RefCell::new(None);
    let open = |path: &[u8]| {
        let opened = fs::open_executable(&context, path, &credentials);
        opened.inspect_err(|_| *missing.borrow_mut() = Some(path.to_vec()))
    };
    let stack_limit = process.limit(resource::STACK);
    let plan = Program::new(file, path, &records.arguments, &records.environment, stack_limit)
        .and_then(|program| exec::plan(program, &process, &credentials, &open))
        .map_err(|error| boot::program_failure(name, missing.take(), error))?;
    exec::replace(plan, frame).map_err(|error| {
        failed(format!(
            "the VM cannot be copied ({}): a limit of the session, or something that is open cannot be shared yet (the log says what)",
            error.name()
        ))
    })
}

/// Gives the running thread's process, which somebody outside has asked for, a VM of its own.
///
/// # Errors
/// As [`spawn::into_own_vm`]. In the new VM: none; without its streams it cannot go on, and is killed.
pub fn into_own_vm(process: &Process) -> Result<Forked> {
    let side = spawn::into_own_vm(process)?;
    if matches!(side, Forked::Child) && process.family.is_added.take() {
        match attach() {
            Ok(files) => drop(process.files.replace(files)),
            Err(_) => process.kill(9),
        }
    }
    Ok(side)
}

/// Descriptors 0, 1 and 2.
fn attach() -> Result<FdTable> {
    let client = session::client().ok_or(Errno::EIO)?;
    let reply = session::call(&Request { operation: op::ATTACH, ..Request::default() }, &[])?;
    let [input, output, error, terminal, ..] = reply.values;
    let open = |id, flags| OpenFile::new(RemoteFile::new(&client, id, Traits::STREAM, None), None, flags);
    let files: [Rc<OpenFile>; 3] = match terminal {
        0 => [open(input, O_RDONLY), open(output, O_WRONLY), open(error, O_WRONLY)],
        number => {
            // One that has hung up meanwhile is nobody's.
            let _ = give_terminal(number - 1);
            let file = open(input, O_RDWR);
            [file.clone(), file.clone(), file]
        }
    };
    let mut table = FdTable::new();
    for file in files {
        table.insert(file, false, 3)?;
    }
    Ok(table)
}

/// The pseudo-terminal becomes its user's.
fn give_terminal(number: u64) -> Result<()> {
    const ATTRIBUTES: u32 = 4;
    let uid = sched::with_current(|thread| thread.credentials.borrow().uid);
    let request = Request {
        operation: op::PTY,
        flags: ATTRIBUTES,
        arguments: [number, u64::MAX, uid.into(), u64::MAX, 0, 0],
        ..Request::default()
    };
    session::call(&request, &[]).map(drop)
}
