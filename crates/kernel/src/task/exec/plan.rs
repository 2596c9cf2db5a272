//! What is found out about a program before the old one is given up.

use super::Executable;
use crate::task::process::{Process, resource};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::exec::elf::{self, Elf, Role};
use ramet_kcore::exec::stack::Budget;
use ramet_kcore::exec::strings::Strings;
use ramet_kcore::exec::{ReadAt, script};
use ramet_kcore::file::File;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::mount::MS_NOSUID;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::permission;
use ramet_kcore::user::SliceSink;

/// What to run.
pub struct Program {
    /// The file, opened and checked to be executable.
    pub file: Rc<OpenFile>,
    /// As it was named: AT_EXECFN, and what a script's interpreter is told.
    pub name: Vec<u8>,
    /// What the thread is called, if not after the name.
    pub title: Option<Vec<u8>>,
    /// The name is one of a descriptor that will be closed: a script's interpreter could not open it.
    pub is_closing: bool,
    /// Arguments, at least one.
    pub arguments: Strings,
    /// Environment.
    pub environment: Strings,
    /// What the name and the strings have left.
    pub budget: Budget,
}

impl Program {
    /// A program with these arguments; none become one that is empty.
    ///
    /// # Errors
    /// E2BIG, ENOMEM.
    pub fn new(
        file: Rc<OpenFile>,
        name: Vec<u8>,
        arguments: &[Vec<u8>],
        environment: &[Vec<u8>],
        stack_limit: u64,
    ) -> Result<Program> {
        let nothing = [Vec::new()];
        let arguments = Strings::of(if arguments.is_empty() { &nothing } else { arguments })?;
        let environment = Strings::of(environment)?;
        let mut budget = Budget::new(stack_limit, arguments.len(), environment.len())?;
        budget.take(name.len())?;
        budget.take_all(&environment)?;
        budget.take_all(&arguments)?;
        Ok(Program { file, name, title: None, is_closing: false, arguments, environment, budget })
    }
}

/// A file that is read and mapped: its contents, length and name. It stays open until it has been mapped.
pub(super) struct Opened {
    open: Rc<OpenFile>,
    size: u64,
    pub(super) name: Rc<str>,
}

impl Opened {
    /// What is mapped.
    pub(super) fn file(&self) -> &Rc<dyn File> {
        self.open.file()
    }
}

impl ReadAt for Opened {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut sink = SliceSink::new(buffer);
        self.open.file().read(offset, &mut sink, 0)
    }
    fn size(&self) -> u64 {
        self.size
    }
}

fn opened(file: &Rc<OpenFile>) -> Result<Opened> {
    // Nobody may be writing it now; only what the program runs from stays so.
    if file.path().and_then(|path| path.inode().used_state()).is_some_and(|state| state.writers.get() > 0) {
        return Err(Errno::ETXTBSY);
    }
    let size = file.stat()?.size;
    let root = crate::fs::root_of_everything();
    let name = String::from_utf8_lossy(&file.display(&root)).into_owned();
    Ok(Opened { open: file.clone(), size, name: name.into() })
}

/// Who the new program runs as.
pub struct Identity {
    /// Its credentials.
    pub credentials: Rc<Credentials>,
    /// AT_SECURE: it must not trust its environment.
    pub is_secure: bool,
    /// Who may look into it: prctl(PR_GET_DUMPABLE).
    pub is_dumpable: bool,
    /// Its parent must not signal it by PR_SET_PDEATHSIG any more.
    pub is_promoted: bool,
}

/// Linux: `bprm_fill_uid`, `begin_new_exec`, `commit_creds`.
fn identity(file: &OpenFile, interpreter: Option<&OpenFile>, old: &Credentials) -> Result<Identity> {
    let readable = |file: &OpenFile| -> Result<bool> {
        let Some(path) = file.path() else { return Ok(true) };
        Ok(permission::check(&path.inode().attributes()?, old, permission::READ).is_ok())
    };
    let (owner, group, mode) = match file.path() {
        Some(path) if path.mount.flags.get() & MS_NOSUID == 0 => {
            let attributes = path.inode().attributes()?;
            (attributes.uid, attributes.gid, attributes.permissions)
        }
        _ => (0, 0, 0),
    };
    let (new, is_secure) = old.after_exec(owner, group, mode);
    let ids = |c: &Credentials| (c.euid, c.egid, c.fsuid, c.fsgid);
    let is_changed = ids(&new) != ids(old) || new.permitted & !old.permitted != 0;
    let had_set_id = old.uid != old.euid || old.gid != old.egid;
    let is_dumpable =
        !is_changed && !had_set_id && readable(file)? && interpreter.map_or(Ok(true), readable)?;
    Ok(Identity { credentials: Rc::new(new), is_secure, is_dumpable, is_promoted: is_secure || is_changed })
}

/// Everything that can be found wrong is found before the old program is given up: parsed files, not yet mapped.
pub struct Plan {
    pub(super) program: Elf,
    pub(super) file: Opened,
    pub(super) interpreter: Option<(Elf, Opened)>,
    /// The program's file.
    pub(in crate::task) executable: Option<Executable>,
    /// As it was called: AT_EXECFN.
    pub(in crate::task) name: Vec<u8>,
    /// What its thread is called.
    pub(in crate::task) comm: [u8; 16],
    /// Its arguments, as scripts have changed them.
    pub(in crate::task) arguments: Strings,
    /// Its environment.
    pub(in crate::task) environment: Strings,
    /// RLIMIT_STACK.
    pub(in crate::task) stack_limit: u64,
    /// Who it runs as.
    pub identity: Identity,
}

/// What a thread that runs `program` is called.
fn comm(program: &Program) -> [u8; 16] {
    let base = program.name.rsplit(|byte| *byte == b'/').next().unwrap_or(&[]);
    let name = program.title.as_deref().unwrap_or(base);
    let mut comm = [0; 16];
    let length = name.len().min(15);
    comm[..length].copy_from_slice(&name[..length]);
    comm
}

/// A secure program gets no more stack than this (Linux: `_STK_LIM`).
const SECURE_STACK: u64 = 8 << 20;

/// Reads the headers of the program and its interpreter, and follows `#!` lines.
///
/// # Errors
/// As execve(2).
pub fn plan(
    mut program: Program,
    process: &Process,
    credentials: &Credentials,
    open: &dyn Fn(&[u8]) -> Result<Rc<OpenFile>>,
) -> Result<Plan> {
    let comm = comm(&program);
    // Scripts are each other's interpreters; the program is known by the name of the first.
    let mut script_name = program.name.clone();
    for _ in 0..=script::DEPTH_MAX {
        let file = opened(&program.file)?;
        let mut head = [0; script::HEAD];
        let got = file.read_at(0, &mut head)?;
        if script::is_script(&head[..got]) {
            let script = script::parse(&head[..got])?;
            if program.is_closing {
                return Err(Errno::ENOENT);
            }
            script.charge(&script_name, &program.arguments, &mut program.budget)?;
            program.arguments = script.arguments(&script_name, &program.arguments)?;
            program.file = open(&script.interpreter)?;
            script_name = script.interpreter;
            continue;
        }
        let parsed = elf::parse(&file, Role::Program)?;
        let linker = parsed.interpreter.as_ref().map(|path| open(path)).transpose()?;
        let interpreter = match &linker {
            None => None,
            Some(linker) => {
                let file = opened(linker)?;
                Some((elf::parse(&file, Role::Interpreter)?, file))
            }
        };
        let identity = identity(&program.file, linker.as_deref(), credentials)?;
        let stack_limit = process.limit(resource::STACK);
        return Ok(Plan {
            program: parsed,
            file,
            interpreter,
            executable: program.file.path().cloned().map(Executable::new).transpose()?,
            name: program.name,
            comm,
            arguments: program.arguments,
            environment: program.environment,
            stack_limit: if identity.is_secure { stack_limit.min(SECURE_STACK) } else { stack_limit },
            identity,
        });
    }
    Err(Errno::ELOOP)
}
