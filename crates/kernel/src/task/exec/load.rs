//! Building a new program in an empty address space.

use super::plan::{Opened, Plan};
use crate::arch::frame::{FIXED_FLAGS, Frame};
use crate::arch::user;
use crate::global::Global;
use crate::mm;
use crate::task::process::{Process, resource};
use alloc::vec::Vec;
use core::arch::x86_64::__cpuid;
use core::cell::Cell;
use ramet_abi::layout::LARGE_PAGE_SIZE;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::exec::elf::Elf;
use ramet_kcore::exec::layout::{self, Randomness};
use ramet_kcore::exec::stack::{self, Auxiliary};
use ramet_kcore::mm::space::is_on_large_pages;

/// What the new program starts with.
pub struct Loaded {
    /// Registers.
    pub frame: Frame,
    /// What its thread is called.
    pub comm: [u8; 16],
}

/// Maps everything into the process's address space, which is empty and the current one, and builds the stack. The process
/// takes note of what it runs.
///
/// # Errors
/// ENOMEM and its like: the old program is gone by now, so that the caller ends the process.
pub fn load(plan: Plan, process: &Process) -> Result<Loaded> {
    let stack_limit = plan.stack_limit;
    process.limits.borrow_mut()[resource::STACK].soft = stack_limit;
    mm::limits_changed(process);
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
    let room = stack::size(&plan.arguments, &plan.environment, &plan.name);
    mm::start_layout(&chosen, stack_limit, room, plan.program.executable_stack)?;
    let credentials = &plan.identity.credentials;
    let program = &plan.program;
    let bias = if program.position_independent && plan.interpreter.is_none() {
        program.bias(mm::find_area(program.reservation())?)?
    } else {
        let large = is_on_large_pages(&**plan.file.file());
        let mask = if large { !(LARGE_PAGE_SIZE - 1) } else { u64::MAX };
        program.bias(chosen.program_base & mask)?
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
        secure: plan.identity.is_secure,
        random: words[48..64].try_into().expect("sixteen bytes"),
        hwcap: features(),
        hwcap2: 2,
        vdso,
        minimum_signal_stack: ramet_kcore::signal::frame::minimum_stack(&crate::task::signal::format()),
    };
    let (arguments, environment) = (&plan.arguments, &plan.environment);
    let mut image =
        stack::build(chosen.stack_top, arguments, environment, &plan.name, &auxiliary, random.stack_offset)?;
    user::write(image.rsp as usize, &image.bytes).map_err(|_| Errno::ENOMEM)?;
    image.bytes = Vec::new();
    let mut frame = Frame::new();
    frame.rip = entry;
    frame.rsp = image.rsp;
    frame.rflags = FIXED_FLAGS;
    process.layout.replace(Some(image));
    process.executable.replace(plan.executable);
    process.dumpable.set(plan.identity.is_dumpable);
    Ok(Loaded { frame, comm: plan.comm })
}

/// What leaf 1 of CPUID says in EDX; an exit the first time only.
fn features() -> u64 {
    static FEATURES: Global<Cell<Option<u32>>> = Global::new(Cell::new(None));
    let known = FEATURES.get().unwrap_or_else(|| __cpuid(1).edx);
    FEATURES.set(Some(known));
    known.into()
}

fn map_segments(elf: &Elf, file: &Opened, bias: u64) -> Result<()> {
    for segment in &elf.segments {
        let at = |address: u64| address.wrapping_add(bias);
        if segment.file_length != 0 {
            mm::map_segment(
                at(segment.address),
                segment.file_length,
                segment.protection,
                file.file(),
                &file.name,
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
