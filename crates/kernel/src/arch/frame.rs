//! The program's registers while the kernel works for it.

/// Pushed by `entry.rs`, in this order from the top of the kernel stack downwards.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Frame {
    pub xmm: [[u8; 16]; 16],
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The system call's number, for its restart; `u64::MAX` when the kernel was not entered by a system call.
    pub orig_rax: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
    /// The kernel stack's top is 16-aligned and the frame must be too.
    pub padding: u64,
}

const _: () = assert!(size_of::<Frame>() == 432);

/// Flags that are always set while the vCPU runs: reserved bit 1, IF, IOPL 3.
pub const FIXED_FLAGS: u64 = 0x3202;

impl Frame {
    /// A frame of zeros that returns to CPL 3.
    pub fn new() -> Frame {
        Frame {
            xmm: [[0; 16]; 16],
            r15: 0,
            r14: 0,
            r13: 0,
            r12: 0,
            rbp: 0,
            rbx: 0,
            r11: 0,
            r10: 0,
            r9: 0,
            r8: 0,
            rax: 0,
            rcx: 0,
            rdx: 0,
            rsi: 0,
            rdi: 0,
            orig_rax: u64::MAX,
            rip: 0,
            cs: ramet_abi::layout::selector::USER_CODE as u64,
            rflags: FIXED_FLAGS,
            rsp: 0,
            ss: ramet_abi::layout::selector::USER_DATA as u64,
            padding: 0,
        }
    }
}
