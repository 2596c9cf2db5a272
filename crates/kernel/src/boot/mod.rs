//! From the first instruction to the program's first instruction.

pub mod clone;
pub mod records;

use crate::arch::hypercall::{boot_info, die, identity, not_started};
use crate::arch::{cpu, site, xsave};
use crate::global::Global;
use crate::task::exec::{self, Program};
use crate::task::family;
use crate::task::process::{self, Process};
use crate::task::thread::Thread;
use crate::task::{sched, time};
use crate::{fs, heap, mm};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;
use ramet_abi::boot::flag;
use ramet_abi::layout::FREE_RAM_GPA;
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::Errno;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::ops::FsContext;
use ramet_kcore::fs::path::Path;

static HOSTNAME: Global<RefCell<Vec<u8>>> = Global::new(RefCell::new(Vec::new()));
static STARTED: Global<Cell<u64>> = Global::new(Cell::new(0));

/// sethostname(2)'s value.
pub fn hostname() -> Vec<u8> {
    HOSTNAME.borrow().clone()
}

/// Sets the host name.
pub fn set_hostname(name: Vec<u8>) {
    HOSTNAME.replace(name);
}

/// Time since this VM booted, ns.
pub fn uptime() -> u64 {
    time::monotonic() - STARTED.get()
}

/// Statuses of a program that could not be started, as a shell has them.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;
/// What is wrong is not the program.
pub const FAILED: u8 = 125;

/// Boots. Runs on the boot stack.
pub fn start() -> ! {
    identity().first_instruction_tsc.store(cpu::rdtsc(), Relaxed);
    let info = *boot_info();
    if info.abi_version != ramet_abi::ABI_VERSION {
        die("the VMM speaks another version of the ABI");
    }
    if info.flags & flag::FSGSBASE == 0 {
        die("the CPU lacks FSGSBASE, which the kernel needs (Intel since 2012, AMD since 2017)");
    }
    heap::initialize();
    xsave::initialize(info.xcr0);
    mm::initialize(&info, FREE_RAM_GPA);
    heap::grow_with(mm::heap_chunk);
    STARTED.set(time::monotonic());
    site::set_enabled(info.flags & flag::NO_PATCHING == 0);
    if info.flags & flag::STRACE != 0 {
        crate::syscalls::trace::turn_on();
    }
    let mut records = records::read();
    set_hostname(records.hostname.clone());
    let root = match fs::mount_all() {
        Ok(root) => root,
        Err(error) => not_started(FAILED, &format!("the image cannot be mounted: {}", mount_message(error))),
    };
    if let Err(text) = fs::volumes::mount(&root, &records) {
        not_started(FAILED, &text);
    }
    fs::users::put_host(&root, &records.hostname);
    let credentials = match fs::users::parse(&root, &records.user) {
        Ok(credentials) => Rc::new(credentials),
        Err(message) => not_started(FAILED, &message),
    };
    put_home(&mut records, &root, &credentials);
    let context = match context(root, &records.directory, &credentials) {
        Ok(context) => context,
        Err(text) => not_started(FAILED, &text),
    };
    let Some(name) = records.arguments.first().cloned() else {
        not_started(NOT_FOUND, "no program to run: the image has no entry point and none was given");
    };
    let (file, path) = match fs::find_program(&context, &name, &records.environment, &credentials) {
        Ok(path) => path,
        Err(error) => start_failure(&name, error).end(),
    };
    family::initialize();
    let pid = identity().pid.load(Relaxed) as i32;
    let process = Process::new(pid, mm::new_space(), context, fs::standard_files(&credentials));
    process::set_first(process.clone());
    process::activate(&process.space);
    // What it is that cannot be opened: the interpreter of the program, or of a script.
    let missing = RefCell::new(None);
    let open = |path: &[u8]| {
        let opened = fs::open_executable(&process.context.borrow(), path, &credentials);
        opened.inspect_err(|_| *missing.borrow_mut() = Some(path.to_vec()))
    };
    let stack_limit = process.limit(process::resource::STACK);
    let (credentials, loaded) =
        match Program::new(file, path, &records.arguments, &records.environment, stack_limit)
            .and_then(|program| exec::plan(program, &process, &credentials, &open))
            .and_then(|plan| Ok((plan.identity.credentials.clone(), exec::load(plan, &process)?)))
        {
            Ok(started) => started,
            Err(error) => program_failure(&name, missing.take(), error).end(),
        };
    let thread = Thread::new(pid, process.clone(), credentials, &loaded.frame, xsave::Area::new(), 0, 0);
    thread.name.set(loaded.comm);
    process.threads.borrow_mut().push(thread.clone());
    mm::limits_changed(&process);
    drop(process);
    identity().program_start_tsc.store(cpu::rdtsc(), Relaxed);
    sched::start_first(thread)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn message(error: Errno) -> &'static str {
    match error {
        Errno::ENOENT => "no such file or directory",
        Errno::EACCES => "permission denied",
        Errno::ENOTDIR => "not a directory",
        Errno::EISDIR => "is a directory",
        Errno::ENOEXEC => "not an executable for x86-64 Linux",
        Errno::ELIBBAD => "its program interpreter is damaged",
        Errno::ELOOP => "too many levels of symbolic links or #! lines",
        Errno::ENOMEM => "not enough memory: give the VM more with -m",
        Errno::E2BIG => "arguments and environment are too long",
        Errno::EINVAL => "its program headers cannot be",
        Errno::ETXTBSY => "somebody writes to it",
        Errno::EUCLEAN => "the image is damaged there",
        other => other.name(),
    }
}

fn mount_message(error: Errno) -> String {
    match error {
        Errno::EUCLEAN => "it is damaged; `ramet build` makes a new one".into(),
        Errno::EINVAL => "it is no EROFS image".into(),
        other => other.name().into(),
    }
}

/// Why a program cannot be started.
pub struct StartFailure {
    /// An exit code as a shell has it.
    pub status: u8,
    /// For people.
    pub why: String,
}

impl StartFailure {
    fn end(self) -> ! {
        not_started(self.status, &self.why)
    }
}

/// `HOME=~` in the environment becomes the user's home.
pub fn put_home(records: &mut records::Records, root: &Path, credentials: &Credentials) {
    for entry in records.environment.iter_mut().filter(|entry| entry.as_slice() == b"HOME=~") {
        *entry = [&b"HOME="[..], &fs::users::home(root, credentials.uid)].concat();
    }
}

/// Where a program begins.
///
/// # Errors
/// A sentence for people.
pub fn context(root: Path, directory: &[u8], credentials: &Credentials) -> Result<FsContext, String> {
    let directory = if directory.is_empty() { b"/" } else { directory };
    let mut context = FsContext::new(root);
    let changed = fs::caller(&context, credentials, |caller| caller.chdir(&caller.context.root, directory));
    context.cwd =
        changed.map_err(|error| format!("working directory {}: {}", text(directory), message(error)))?;
    Ok(context)
}

/// The program is not there, or cannot be executed.
pub fn start_failure(name: &[u8], error: Errno) -> StartFailure {
    let status = match error {
        Errno::ENOENT => NOT_FOUND,
        Errno::ENOMEM => FAILED,
        _ => NOT_EXECUTABLE,
    };
    StartFailure { status, why: format!("{}: {}", text(name), message(error)) }
}

/// Likewise, when the program has been found. `interpreter`: what of it has not.
pub fn program_failure(name: &[u8], interpreter: Option<Vec<u8>>, error: Errno) -> StartFailure {
    match interpreter {
        Some(interpreter) => start_failure(&[name, &b": its interpreter "[..], &interpreter].concat(), error),
        None => start_failure(name, error),
    }
}
