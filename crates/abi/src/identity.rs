//! Who this VM is. Written by the VMM before the vCPU runs for the first time, and again in each clone before
//! the clone's vCPU runs; the guest reads it.
//!
//! `generation` is the reader's check: whoever caches something derived from this page (the kernel's random number
//! generator, first of all) compares the generation at every use.

use core::sync::atomic::AtomicU64;

/// The page at `IDENTITY_OFFSET`.
#[repr(C)]
#[derive(Debug)]
pub struct Identity {
    /// 0 for a VM that was booted, its parent's plus one for a clone. Never the same as before in one VM.
    pub generation: AtomicU64,
    /// Fresh from the host's getrandom(2), different in every VM.
    pub random: [AtomicU64; 8],
    /// Process id to show to programs as the VM's first process: different in each member of a family that is alive.
    pub pid: AtomicU64,
    /// Bytes of the JSON document at `PAYLOAD_OFFSET`: an object with `id`, `generation`, `name`, `args`, `env`,
    /// `input`. What a read of `/dev/ramet` gives.
    pub payload_length: AtomicU64,
    /// Written by the guest: RDTSC at the first instruction after boot, and after being cloned.
    pub first_instruction_tsc: AtomicU64,
    /// Written by the guest: RDTSC just before the program's own first instruction.
    pub program_start_tsc: AtomicU64,
    /// Written by the VMM: bits of [`flag`].
    pub flags: AtomicU64,
}

/// Bits of [`Identity::flags`].
pub mod flag {
    /// This VM is a clone that does not share its parent's volumes: whatever they were, the VMM refuses to write to them.
    pub const VOLUMES_READ_ONLY: u64 = 1 << 1;
}

const _: () = assert!(size_of::<Identity>() == 112);
