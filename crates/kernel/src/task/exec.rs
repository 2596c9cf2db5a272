//! Loading a program into an address space: the work of execve(2), and of boot.

use crate::arch::frame::{FIXED_FLAGS, Frame};
use crate::arch::user;
use crate::mm;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::arch::x86_64::__cpuid;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::exec::elf::{self, Elf, Role};
use ramet_kcore::exec::layout::{self, Randomness};
use ramet_kcore::exec::stack::{self, Auxiliary, StackImage};
use ramet_kcore::exec::{ReadAt, script};
use ramet_kcore::file::File;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::path::Path;
use ramet_kcore::user::SliceSink;

/// What to run.
pub struct Program {
    /// The file, opened and checked to be executable.
    pub file: Rc<OpenFile>,
    /// As it was named: AT_EXECFN.
    pub name: Vec<u8>,
    /// Arguments.
    pub arguments: Vec<Vec<u8>>,
    /// Environment.
    pub environment: Vec<Vec<u8>>,
}

/// The file that a program runs from. As long as it does, nobody can open it for writing (ETXTBSY).
pub struct Executable(Path);

impl Executable {
    /// # Errors
    /// ETXTBSY: somebody has it open for writing.
    fn new(path: Path) -> Result<Self> {
        if let Some(state) = path.inode().state() {
            state.add_executor()?;
        }
        Ok(Executable(path))
    }

    /// Its place.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        if let Some(state) = self.0.inode().used_state() {
            state.remove_executor();
        }
    }
}

/// What the new program starts with.
pub struct Loaded {
    /// Registers.
    pub frame: Frame,
    /// The stack, for /proc.
    pub stack: StackImage,
    /// The file that was loaded, not its interpreter.
    pub executable: Option<Executable>,
    /// Last component of the name, cut to 15 bytes.
    pub comm: [u8; 16],
}

struct Opened(Rc<dyn File>, u64, Rc<str>);

impl ReadAt for Opened {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut sink = SliceSink::new(buffer);
        self.0.read(offset, &mut sink, 0)
    }
    fn size(&self) -> u64 {
        self.1
    }
}

fn opened(file: &OpenFile) -> Result<Opened> {
    let size = file.stat()?.size;
    let root = crate::fs::root_of_everything();
    let name = alloc::string::String::from_utf8_lossy(&file.display(&root)).into_owned();
    Ok(Opened(file.file().clone(), size, name.into()))
}

/// Everything that can be found wrong is found before the old program is given up: parsed files, not yet mapped.
pub struct Plan {
    program: Elf,
    file: Opened,
    interpreter: Option<(Elf, Opened)>,
    executable: Option<Executable>,
    name: Vec<u8>,
    arguments: Vec<Vec<u8>>,
    environment: Vec<Vec<u8>>,
}

/// Reads the headers of the program and its interpreter, and follows `#!` lines.
///
/// # Errors
/// As execve(2).
pub fn plan(mut program: Program, open: &dyn Fn(&[u8]) -> Result<Rc<OpenFile>>) -> Result<Plan> {
    for _ in 0..=script::DEPTH_MAX {
        let file = opened(&program.file)?;
        let mut head = [0; script::HEAD];
        let got = file.read_at(0, &mut head)?;
        if script::is_script(&head[..got]) {
            let script = script::parse(&head[..got])?;
            program.arguments = script.arguments(&program.name, program.arguments);
            program.file = open(&script.interpreter)?;
            program.name = script.interpreter;
            continue;
        }
        let parsed = elf::parse(&file, Role::Program)?;
        let interpreter = match &parsed.interpreter {
            None => None,
            Some(path) => {
                let file = opened(&*open(path)?)?;
                Some((elf::parse(&file, Role::Interpreter)?, file))
            }
        };
        return Ok(Plan {
            program: parsed,
            file,
            interpreter,
            executable: program.file.path().cloned().map(Executable::new).transpose()?,
            name: program.name,
            arguments: program.arguments,
            environment: program.environment,
        });
    }
    Err(Errno::ELOOP)
}

/// Maps everything into the (empty) current address space and builds the stack.
///
/// # Errors
/// ENOMEM, E2BIG: the old program is gone by now, so that the caller ends the process.
pub fn load(plan: Plan, credentials: &Credentials, stack_limit: u64) -> Result<Loaded> {
    let mut words = [0u8; 64];
    crate::random::fill(&mut words);
    let word = |n: usize| u64::from_le_bytes(words[n * 8..n * 8 + 8].try_into().expect("eight bytes"));
    let random = Randomness {
        stack: word(0),
        stack_offset: word(1),
        mmap: word(2),
        program: word(3),
        program_break: word(4),
        vdso: word(5),
    };
    let chosen = layout::choose(&random, stack_limit);
    mm::start_layout(&chosen, stack_limit, plan.program.executable_stack)?;
    let program = &plan.program;
    let bias = if program.position_independent && plan.interpreter.is_none() {
        program.bias(mm::find_area(program.reservation())?)?
    } else {
        program.bias(chosen.program_base)?
    };
    map_segments(program, &plan.file, bias)?;
    let end = program.end.wrapping_add(bias);
    let loader = program.position_independent && plan.interpreter.is_none();
    mm::set_break_start(layout::break_start(&random, end, loader));
    let (entry, base) = match &plan.interpreter {
        None => (program.entry.wrapping_add(bias), 0),
        Some((interpreter, file)) => {
            let bias = interpreter.bias(mm::find_area(interpreter.reservation())?)?;
            map_segments(interpreter, file, bias)?;
            (interpreter.entry.wrapping_add(bias), bias)
        }
    };
    let vdso = mm::map_vdso(chosen.vvar)?;
    let auxiliary = Auxiliary {
        headers: program.headers.map_or(0, |at| at.wrapping_add(bias)),
        header_count: program.header_count as u64,
        base,
        entry: program.entry.wrapping_add(bias),
        uid: credentials.uid,
        euid: credentials.euid,
        gid: credentials.gid,
        egid: credentials.egid,
        secure: credentials.uid != credentials.euid || credentials.gid != credentials.egid,
        random: words[48..64].try_into().expect("sixteen bytes"),
        hwcap: __cpuid(1).edx as u64,
        hwcap2: 2,
        vdso,
        minimum_signal_stack: ramet_kcore::signal::frame::minimum_stack(&crate::task::signal::format()),
    };
    let image = stack::build(
        chosen.stack_top,
        &plan.arguments,
        &plan.environment,
        &plan.name,
        &auxiliary,
        random.stack_offset,
        stack_limit,
    )?;
    user::write(image.rsp as usize, &image.bytes).map_err(|_| Errno::ENOMEM)?;
    let mut frame = Frame::new();
    frame.rip = entry;
    frame.rsp = image.rsp;
    frame.rflags = FIXED_FLAGS;
    let base_name = plan.name.rsplit(|byte| *byte == b'/').next().unwrap_or(&[]);
    let mut comm = [0; 16];
    let length = base_name.len().min(15);
    comm[..length].copy_from_slice(&base_name[..length]);
    Ok(Loaded { frame, stack: image, executable: plan.executable, comm })
}

fn map_segments(elf: &Elf, file: &Opened, bias: u64) -> Result<()> {
    for segment in &elf.segments {
        let at = |address: u64| address.wrapping_add(bias);
        if segment.file_length != 0 {
            mm::map_segment(
                at(segment.address),
                segment.file_length,
                segment.protection,
                &file.0,
                &file.2,
                segment.file_offset,
            )?;
        }
        if segment.anonymous_length != 0 {
            mm::map_zeros(at(segment.anonymous), segment.anonymous_length, segment.protection)?;
        }
        if segment.clear_length != 0 {
            let (start, length) = (at(segment.clear) as usize, segment.clear_length as usize);
            if user::zero_some(start, length) != length {
                return Err(Errno::ENOMEM);
            }
        }
    }
    Ok(())
}
