//! Exceptions and kicks: what interrupted the program (or a user copy in the kernel), and who deals with it.

use super::frame::Frame;
use super::{hypercall, site, user};
use crate::global::Global;
use crate::mm::{self, Access, Fault};
use crate::task::{sched, signal};
use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;
use ramet_abi::layout::PROGRAM_END;
use ramet_abi::mailbox::{VECTOR_HOST_FAULT, VECTOR_KICK};

/// Exception vectors (SDM vol. 3, table 6-1).
mod vector {
    pub const DIVIDE: u64 = 0;
    pub const DEBUG: u64 = 1;
    pub const BREAKPOINT: u64 = 3;
    pub const OVERFLOW: u64 = 4;
    pub const BOUND: u64 = 5;
    pub const INVALID_OPCODE: u64 = 6;
    pub const STACK: u64 = 12;
    pub const PROTECTION: u64 = 13;
    pub const PAGE: u64 = 14;
    pub const X87: u64 = 16;
    pub const ALIGNMENT: u64 = 17;
    pub const SIMD: u64 = 19;
}

struct Cause {
    vector: u64,
    error: u64,
    address: u64,
}

fn cause() -> Cause {
    let upcall = &hypercall::mailbox().upcall;
    Cause {
        vector: upcall.vector.load(Relaxed),
        error: upcall.error.load(Relaxed),
        address: upcall.address.load(Relaxed),
    }
}

fn access(error: u64) -> Access {
    // SDM vol. 3, 4.7: bit 1 write, bit 4 instruction fetch.
    if error & 2 != 0 {
        Access::Write
    } else if error & 16 != 0 {
        Access::Execute
    } else {
        Access::Read
    }
}

/// Trap flag: a #DB after each instruction.
const TRAP: u64 = 1 << 8;
/// Alignment check: a #AC at each access that is not aligned.
const ALIGNMENT_CHECK: u64 = 1 << 18;

/// A program that steps itself jumped into the kernel: the flag was taken away there, and is to be put back.
static STEPPED: Global<Cell<bool>> = Global::new(Cell::new(false));

/// Gives the trap flag back to a program that steps itself through a patched site.
#[inline(always)]
pub fn put_back_flags(frame: &mut Frame) {
    if STEPPED.take() {
        frame.rflags |= TRAP;
    }
    leave_with_flags(frame);
}

/// With the trap flag only `iretq` leaves without a trap in the kernel.
#[inline(always)]
pub fn leave_with_flags(frame: &Frame) {
    if frame.rflags & TRAP != 0 {
        sched::request(sched::work::FULL);
    }
}

#[unsafe(no_mangle)]
extern "C" fn upcall_from_program(frame: &mut Frame) {
    // Copied before anything else can fault.
    let mut cause = cause();
    if cause.vector == vector::DEBUG
        && let Some(site) = site::at_trampoline(frame.rip)
    {
        match site {
            // The step over the `mov`: the `syscall` comes next, and traps in the middle of the site.
            Some((syscall, number)) => {
                frame.rip = syscall;
                frame.rax = number;
            }
            None => {
                STEPPED.set(true);
                frame.rflags &= !TRAP;
                return;
            }
        }
    } else if let Some(start) = site::roll_back(frame.rip) {
        frame.rip = start;
    }
    if cause.vector == VECTOR_KICK {
        return; // exit_full looks at the events
    }
    if cause.vector == vector::INVALID_OPCODE
        && let Some(after) = site::enter_in_middle(frame.rip)
    {
        // As the `syscall` that was here: RCX and R11 are overwritten.
        frame.rip = after;
        frame.orig_rax = frame.rax;
        crate::syscalls::dispatch(frame);
        // A new program starts with neither.
        if frame.orig_rax != u64::MAX {
            frame.rcx = frame.rip;
            frame.r11 = frame.rflags;
        }
        return;
    }
    if cause.vector == vector::INVALID_OPCODE
        && let Some(number) = software_interrupt(frame.rip)
    {
        // Software KVM does not know `int n`: what a processor without such a gate says (SDM vol. 3, 6.13).
        cause.vector = vector::PROTECTION;
        cause.error = number as u64 * 8 + 2;
    }
    if let Some(fault) = signal_for(&cause, frame) {
        signal::fault(frame, fault, cause.vector, cause.error, cause.address);
    }
}

/// The number of the `int n` at `rip`, if there is one.
fn software_interrupt(rip: u64) -> Option<u8> {
    let mut code = [0; 2];
    user::read(rip as usize, &mut code).ok()?;
    (code[0] == 0xcd).then_some(code[1])
}

/// A fault in the kernel is a user copy that met a page that is not there yet, or not at all.
#[unsafe(no_mangle)]
extern "C" fn upcall_from_kernel(frame: &mut Frame) {
    let cause = cause();
    match cause.vector {
        // The program's flags are still on: it came in by a jump.
        vector::DEBUG if frame.rflags & TRAP != 0 => {
            frame.rflags &= !TRAP;
            STEPPED.set(true);
            return;
        }
        vector::ALIGNMENT if frame.rflags & ALIGNMENT_CHECK != 0 => {
            frame.rflags &= !ALIGNMENT_CHECK;
            return;
        }
        _ => {}
    }
    let fixup = user::fixup(frame.rip);
    let resolved = match cause.vector {
        vector::PAGE if cause.address < PROGRAM_END && fixup.is_some() => {
            matches!(mm::fault(cause.address, access(cause.error)), Fault::Resolved)
        }
        VECTOR_HOST_FAULT => fixup.is_some() && mm::volumes::forget_lost_pages(),
        _ => false,
    };
    if resolved {
        return;
    }
    match fixup {
        Some(rip) => frame.rip = rip,
        None => panic!(
            "exception {} (error {:#x}, address {:#x}) in the kernel at {:#x}",
            cause.vector, cause.error, cause.address, frame.rip
        ),
    }
}

/// Linux's signal and si_code for an exception; none: resolved, go on.
fn signal_for(cause: &Cause, frame: &Frame) -> Option<signal::FaultSignal> {
    use signal::FaultSignal as S;
    let rip = frame.rip;
    Some(match cause.vector {
        vector::PAGE => {
            if cause.address >= PROGRAM_END {
                return Some(S { signal: 11, code: 1, address: cause.address });
            }
            match mm::fault(cause.address, access(cause.error)) {
                Fault::Resolved => return None,
                Fault::NotMapped => S { signal: 11, code: 1, address: cause.address },
                Fault::NotAllowed => S { signal: 11, code: 2, address: cause.address },
                Fault::BeyondFile => S { signal: 7, code: 2, address: cause.address },
                Fault::OutOfMemory => {
                    hypercall::log(crate::panic::OUT_OF_MEMORY);
                    sched::with_current(|thread| thread.process.kill(9));
                    return None;
                }
            }
        }
        VECTOR_HOST_FAULT => {
            if mm::volumes::forget_lost_pages() {
                return None;
            }
            S { signal: 7, code: 2, address: mm::volumes::program_address(cause.address).unwrap_or(rip) }
        }
        vector::DIVIDE => S { signal: 8, code: 1, address: rip },
        vector::X87 | vector::SIMD => S { signal: 8, code: signal::float_code(cause.vector), address: rip },
        vector::INVALID_OPCODE => S { signal: 4, code: 2, address: rip },
        // TRAP_TRACE after a step, TRAP_BRKPT for `int1`.
        vector::DEBUG => S { signal: 5, code: if frame.rflags & TRAP != 0 { 2 } else { 1 }, address: rip },
        vector::BREAKPOINT => S { signal: 5, code: signal::SI_KERNEL, address: 0 },
        vector::ALIGNMENT => S { signal: 7, code: 1, address: rip },
        vector::STACK => S { signal: 7, code: signal::SI_KERNEL, address: 0 },
        vector::PROTECTION | vector::OVERFLOW | vector::BOUND => {
            S { signal: 11, code: signal::SI_KERNEL, address: 0 }
        }
        _ => S { signal: 11, code: signal::SI_KERNEL, address: 0 },
    })
}
