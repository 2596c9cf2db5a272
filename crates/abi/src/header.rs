//! What the kernel image tells the VMM: a [`KernelHeader`] at the very start of the image
//! (`KERNEL_WINDOW + KERNEL_GPA`).

/// `b"RAMETKRN"`, little endian.
pub const KERNEL_MAGIC: u64 = u64::from_le_bytes(*b"RAMETKRN");

/// A range of kernel instructions that leave the kernel. They only read memory and write registers, so that
/// starting them again is harmless. A kick that lands in `start..end` sets RIP to `start`, whose first
/// instructions check [`crate::mailbox::Mailbox::events`]. Unused entries are zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct RestartRange {
    /// First address of the sequence, which is also where it starts again.
    pub start: u64,
    /// First address past the sequence.
    pub end: u64,
}

/// Addresses are guest-virtual.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelHeader {
    /// [`KERNEL_MAGIC`].
    pub magic: u64,
    /// [`crate::ABI_VERSION`].
    pub abi_version: u32,
    /// `size_of::<KernelHeader>()`.
    pub size: u32,
    /// Entered once, at CPL 3, with RSP = 0 and interrupts off.
    pub boot: u64,
    /// Entered after a `syscall` instruction trapped: all registers are the program's, RCX is the address behind
    /// the instruction and R11 the flags, as the instruction left them.
    pub syscall_trap: u64,
    /// Entered for an upcall whose interrupted RIP was outside the kernel: all registers but RIP and RFLAGS are
    /// the program's (RSP too); the rest is in [`crate::mailbox::Upcall`].
    pub upcall_program: u64,
    /// Entered for an exception inside the kernel, likewise.
    pub upcall_kernel: u64,
    /// See [`RestartRange`].
    pub restart: [RestartRange; 4],
    /// Where the vCPU of a fork's child starts: see [`crate::hypercall::FORK`].
    pub fork_entry: u64,
    /// Where the vCPU of a clone that is made ahead is entered once: with every general register zero but RIP and RFLAGS, before it becomes a
    /// clone. Uses registers only. Touches the pages that the list at [`crate::layout::TOUCH_OFFSET`] names, without changing them, and
    /// says [`crate::hypercall::PARK`].
    pub park_entry: u64,
}

const _: () = assert!(size_of::<KernelHeader>() == 128);
