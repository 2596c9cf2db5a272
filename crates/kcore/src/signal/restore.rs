//! rt_sigreturn(2): from a frame back to registers. The frame is the program's memory and hostile.

use super::altstack::{AltStack, STACK_T_SIZE};
use super::frame::{CONTEXT, CONTEXT_SIZE, MASK, STACK, context};
use super::registers::{FRAME_FLAGS, NO_CALL, Registers};
use super::set::SigSet;
use super::xstate::{Format, LEGACY_SIZE};
use crate::errno::{Errno, Result};
use crate::exec::layout::PROGRAM_END;
use crate::user::UserMemory;
use alloc::vec;
use alloc::vec::Vec;

/// What the thread goes on with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// General registers. RFLAGS has only the frame's program-visible bits: the kernel adds those that it keeps set.
    pub registers: Registers,
    /// The mask.
    pub mask: SigSet,
    /// The alternate stack.
    pub altstack: AltStack,
    /// The vector state for XRSTOR (all features) or FXRSTOR.
    pub xsave: Vec<u8>,
}

/// Reads and checks the frame of a thread that called rt_sigreturn with `present` registers and alternate stack.
///
/// CS and SS are not taken from the frame: a program runs in 64-bit mode. FS and GS bases stay.
///
/// # Errors
/// EFAULT: not readable, or a state that the CPU refuses. The caller sends SIGSEGV.
pub fn restore(
    memory: &dyn UserMemory,
    present: &Registers,
    altstack: &AltStack,
    format: &Format,
) -> Result<Restored> {
    // The handler's `ret` has taken the return address off the stack.
    let frame = present.rsp.wrapping_sub(8);
    let read = |at: u64, to: &mut [u8]| memory.read(usize::try_from(at).map_err(|_| Errno::EFAULT)?, to);

    let mut head = [0u8; MASK + 8];
    read(frame, &mut head)?;
    let long = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&head[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let register = |i: usize| long(CONTEXT + 8 * i);
    const { assert!(context::FPSTATE + 8 <= CONTEXT_SIZE) };
    let rip = register(16);
    if rip >= PROGRAM_END {
        return Err(Errno::EFAULT);
    }
    let flags = long(CONTEXT + context::FLAGS) & FRAME_FLAGS;
    let registers = Registers {
        r8: register(0),
        r9: register(1),
        r10: register(2),
        r11: register(3),
        r12: register(4),
        r13: register(5),
        r14: register(6),
        r15: register(7),
        rdi: register(8),
        rsi: register(9),
        rbp: register(10),
        rbx: register(11),
        rdx: register(12),
        rax: register(13),
        rcx: register(14),
        rsp: register(15),
        rip,
        rflags: present.rflags & !FRAME_FLAGS | flags,
        orig_rax: NO_CALL,
        fs_base: present.fs_base,
        gs_base: present.gs_base,
    };

    let fpstate = long(CONTEXT + context::FPSTATE);
    let xsave = if fpstate == 0 {
        format.initial()
    } else {
        let mut bytes = vec![0; LEGACY_SIZE];
        read(fpstate, &mut bytes)?;
        let mut legacy = [0; LEGACY_SIZE];
        legacy.copy_from_slice(&bytes);
        let claim = format.claimed(&legacy);
        if let Some(claim) = claim {
            bytes.resize(claim.read_size(), 0);
            let rest = fpstate.checked_add(LEGACY_SIZE as u64).ok_or(Errno::EFAULT)?;
            read(rest, &mut bytes[LEGACY_SIZE..])?;
        }
        format.from_frame(&bytes, claim).ok_or(Errno::EFAULT)?
    };

    let mut stack = [0; STACK_T_SIZE];
    stack.copy_from_slice(&head[STACK..STACK + STACK_T_SIZE]);
    let mut altstack = *altstack;
    // As Linux: a stack that cannot be set stays as it was. It judges by the restored stack pointer.
    let _ = altstack.change(AltStack::decode(&stack), registers.rsp);
    Ok(Restored { registers, mask: SigSet(long(MASK)).blockable(), altstack, xsave })
}
