//! The program's general registers, as signal frames, ptrace and /proc show them.

/// All but the vector state. A plain value: the kernel copies its trap frame in and out.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(missing_docs)]
pub struct Registers {
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub rsp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    /// After a system call: the address behind the original `syscall` instruction, wherever the kernel was entered from.
    pub rip: u64,
    /// As in the vCPU; frames show it without [`HIDDEN_FLAGS`].
    pub rflags: u64,
    /// Number of the system call that is being served, [`NO_CALL`] for none.
    pub orig_rax: u64,
    /// Base of FS. Not part of a signal frame.
    pub fs_base: u64,
    /// Base of GS. Not part of a signal frame.
    pub gs_base: u64,
}

/// [`Registers::orig_rax`] when the kernel was not entered by a system call.
pub const NO_CALL: u64 = u64::MAX;
/// IOPL, which the vCPU runs with for its own purposes and Linux's programs never see.
pub const HIDDEN_FLAGS: u64 = 0x3000;
/// The bits that sigreturn takes from the frame (Linux: `FIX_EFLAGS`): AC RF OF DF TF SF ZF AF PF CF.
pub const FRAME_FLAGS: u64 = 0x5_0dd5;
/// DF, RF, TF: cleared when a handler starts.
pub const HANDLER_CLEARS: u64 = 0x400 | 0x1_0000 | 0x100;
/// CS of a program.
pub const USER_CS: u16 = 0x33;
/// SS of a program.
pub const USER_SS: u16 = 0x2b;
