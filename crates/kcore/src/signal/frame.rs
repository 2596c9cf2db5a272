//! Signal frames: `struct rt_sigframe` of x86-64 Linux (`asm/sigframe.h`, `uapi/asm/ucontext.h`, `uapi/asm/sigcontext.h`).
//!
//! From low to high addresses: return address, ucontext, siginfo, padding, vector state (64-aligned), 128 bytes red zone of the
//! interrupted function.

use super::action::{Action, sa};
use super::altstack::{AltStack, SS_AUTODISARM};
use super::info::{SIGINFO_SIZE, SigInfo};
use super::registers::{HANDLER_CLEARS, HIDDEN_FLAGS, NO_CALL, Registers, USER_CS, USER_SS};
use super::set::SigSet;
use super::xstate::Format;
use crate::errno::{Errno, Result};
use crate::exec::layout::PROGRAM_END;
use alloc::vec;
use alloc::vec::Vec;

/// Offset of the ucontext in the frame.
pub const UCONTEXT: usize = 8;
pub(super) const STACK: usize = UCONTEXT + 16;
pub(super) const CONTEXT: usize = UCONTEXT + 40;
pub(super) const CONTEXT_SIZE: usize = 256;
pub(super) const MASK: usize = CONTEXT + CONTEXT_SIZE;
/// Offset of the siginfo in the frame.
pub const INFO: usize = MASK + 8;
/// Bytes of the frame without the vector state.
pub const FRAME_SIZE: usize = INFO + SIGINFO_SIZE;
const _: () = assert!(FRAME_SIZE == 440 && INFO == 312, "struct rt_sigframe");

const RED_ZONE: u64 = 128;
const UC_FP_XSTATE: u64 = 1;
const UC_SIGCONTEXT_SS: u64 = 2;
const UC_STRICT_RESTORE_SS: u64 = 4;

/// Offsets in `struct sigcontext`.
pub(super) mod context {
    pub const FLAGS: usize = 136;
    pub const CS: usize = 144;
    pub const SS: usize = 150;
    pub const ERROR: usize = 152;
    pub const TRAP: usize = 160;
    pub const OLD_MASK: usize = 168;
    pub const CR2: usize = 176;
    pub const FPSTATE: usize = 184;
}

/// The thread's last exception, shown in every frame (`thread.trap_nr`, `error_code`, `cr2`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Trap {
    /// Exception vector.
    pub number: u64,
    /// Error code.
    pub error: u64,
    /// Page fault address.
    pub address: u64,
}

/// What a frame is made from.
pub struct Delivery<'a> {
    /// The signal's information.
    pub info: &'a SigInfo,
    /// Its disposition: a handler.
    pub action: &'a Action,
    /// The interrupted registers, with a restart already worked in ([`super::restart::before_handler`]).
    pub registers: &'a Registers,
    /// The interrupted vector state: an XSAVE area (standard format) or an FXSAVE area.
    pub xsave: &'a [u8],
    /// Its format.
    pub format: &'a Format,
    /// The mask that sigreturn restores: the thread's, or sigsuspend's saved one.
    pub mask: SigSet,
    /// The thread's alternate stack.
    pub altstack: &'a AltStack,
    /// Last exception.
    pub trap: Trap,
}

/// What to do to start the handler, in this order: copy `bytes` to `address` (a fault means SIGSEGV), then set registers, alternate
/// stack, the mask ([`Action::handler_mask`]) and the vector state's initial values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FramePlan {
    /// Where the frame goes, which is the handler's stack pointer.
    pub address: u64,
    /// The frame with the vector state.
    pub bytes: Vec<u8>,
    /// The handler's registers.
    pub registers: Registers,
    /// The alternate stack from now on (forgotten, for SS_AUTODISARM).
    pub altstack: AltStack,
}

/// Builds the frame.
///
/// # Errors
/// EFAULT: no restorer, or the frame does not fit on the alternate stack or into the address space. The caller sends SIGSEGV, with
/// its default action if SIGSEGV itself was to be delivered.
pub fn build(delivery: &Delivery<'_>) -> Result<FramePlan> {
    let Delivery { info, action, registers, format, altstack, .. } = *delivery;
    if !action.has(sa::RESTORER) {
        return Err(Errno::EFAULT);
    }
    let nested = altstack.is_in_use(registers.rsp);
    let mut top = registers.rsp.wrapping_sub(RED_ZONE);
    let entering = action.has(sa::ONSTACK) && altstack.state(top) == 0;
    if entering {
        top = altstack.base.wrapping_add(altstack.size);
    }
    let state = top.checked_sub(format.frame_size() as u64).ok_or(Errno::EFAULT)? & !63;
    // As if by a call: the stack pointer is 8 below a multiple of 16.
    let address = (state.checked_sub(FRAME_SIZE as u64).ok_or(Errno::EFAULT)? & !15)
        .checked_sub(8)
        .ok_or(Errno::EFAULT)?;
    if (nested || entering) && !altstack.holds(address) {
        return Err(Errno::EFAULT);
    }
    if top >= PROGRAM_END {
        return Err(Errno::EFAULT);
    }

    let mut bytes = vec![0; (state - address) as usize];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &action.restorer.to_le_bytes());
    let xstate = if format.extended() { UC_FP_XSTATE } else { 0 };
    put(UCONTEXT, &(xstate | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS).to_le_bytes());
    put(STACK, &altstack.encode());
    for (i, value) in in_frame_order(registers).iter().enumerate() {
        put(CONTEXT + 8 * i, &value.to_le_bytes());
    }
    put(CONTEXT + context::FLAGS, &(registers.rflags & !HIDDEN_FLAGS).to_le_bytes());
    put(CONTEXT + context::CS, &USER_CS.to_le_bytes());
    put(CONTEXT + context::SS, &USER_SS.to_le_bytes());
    put(CONTEXT + context::ERROR, &delivery.trap.error.to_le_bytes());
    put(CONTEXT + context::TRAP, &delivery.trap.number.to_le_bytes());
    put(CONTEXT + context::OLD_MASK, &delivery.mask.0.to_le_bytes());
    put(CONTEXT + context::CR2, &delivery.trap.address.to_le_bytes());
    put(CONTEXT + context::FPSTATE, &state.to_le_bytes());
    put(MASK, &delivery.mask.0.to_le_bytes());
    put(INFO, &info.to_user());
    bytes.extend_from_slice(&format.to_frame(delivery.xsave));

    let registers = Registers {
        rax: 0,
        rdi: info.signal().number().into(),
        rsi: address + INFO as u64,
        rdx: address + UCONTEXT as u64,
        rsp: address,
        rip: action.handler,
        rflags: registers.rflags & !HANDLER_CLEARS,
        orig_rax: NO_CALL,
        ..*registers
    };
    let altstack = if altstack.flags & SS_AUTODISARM != 0 { AltStack::NONE } else { *altstack };
    Ok(FramePlan { address, bytes, registers, altstack })
}

/// The order of `struct sigcontext`'s general registers: r8-r15, di, si, bp, bx, dx, ax, cx, sp, ip.
fn in_frame_order(r: &Registers) -> [u64; 17] {
    [
        r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15, r.rdi, r.rsi, r.rbp, r.rbx, r.rdx, r.rax,
        r.rcx, r.rsp, r.rip,
    ]
}

/// Value of AT_MINSIGSTKSZ: the largest frame with its alignment and red zone.
pub fn minimum_stack(format: &Format) -> u64 {
    let size = FRAME_SIZE + format.frame_size() + 63 + 15 + 8;
    (size as u64).next_multiple_of(16)
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
