//! Flags of mmap(2) and mremap(2) on x86-64.

use super::super::table::entry::{
    ACCESSED, ADDRESS, COPY, DIRTY, HELD, LARGE, NO_EXECUTE, PRESENT, PRESET, USER, WRITABLE,
};
use super::super::vma::prot;

/// Flags of mmap(2).
pub mod map {
    /// Stores are seen by all.
    pub const SHARED: u32 = 1;
    /// Stores are the program's own.
    pub const PRIVATE: u32 = 2;
    /// As shared, and unknown flags are errors.
    pub const SHARED_VALIDATE: u32 = 3;
    /// Mask of the type.
    pub const TYPE: u32 = 0xf;
    /// Exactly there.
    pub const FIXED: u32 = 0x10;
    /// No file.
    pub const ANONYMOUS: u32 = 0x20;
    /// In the first 2 GiB.
    pub const BITS_32: u32 = 0x40;
    /// Grows when touched below.
    pub const GROWS_DOWN: u32 = 0x100;
    /// Ignored.
    pub const DENY_WRITE: u32 = 0x800;
    /// Ignored.
    pub const EXECUTABLE: u32 = 0x1000;
    /// Lock it.
    pub const LOCKED: u32 = 0x2000;
    /// Do not count it.
    pub const NO_RESERVE: u32 = 0x4000;
    /// Fill the page tables.
    pub const POPULATE: u32 = 0x8000;
    /// With `POPULATE`: only what is in memory.
    pub const NON_BLOCK: u32 = 0x1_0000;
    /// For a thread's stack.
    pub const STACK: u32 = 0x2_0000;
    /// Huge pages from the pool, of which there is none.
    pub const HUGE_TLB: u32 = 0x4_0000;
    /// Persistent memory.
    pub const SYNC: u32 = 0x8_0000;
    /// Exactly there, if nothing is there.
    pub const FIXED_NO_REPLACE: u32 = 0x10_0000;
    /// What `SHARED_VALIDATE` knows.
    pub const KNOWN: u32 = TYPE
        | FIXED
        | ANONYMOUS
        | BITS_32
        | GROWS_DOWN
        | DENY_WRITE
        | EXECUTABLE
        | LOCKED
        | NO_RESERVE
        | POPULATE
        | NON_BLOCK
        | STACK
        | HUGE_TLB
        | FIXED_NO_REPLACE;

    /// mremap(2): may be moved.
    pub const REMAP_MAY_MOVE: u32 = 1;
    /// mremap(2): to the given address.
    pub const REMAP_FIXED: u32 = 2;
    /// mremap(2): the old range stays mapped, empty.
    pub const REMAP_DONT_UNMAP: u32 = 4;
}

/// The bits of a leaf that follow from a mapping's protection.
#[inline]
pub(super) fn leaf_bits(protection: u8) -> u64 {
    if protection == prot::NONE {
        return HELD | USER | NO_EXECUTE;
    }
    let write = if protection & prot::WRITE != 0 { WRITABLE } else { 0 };
    let fetch = if protection & prot::EXEC != 0 { 0 } else { NO_EXECUTE };
    PRESENT | USER | write | fetch
}

/// `leaf` with another protection. A page that is held loses its accessed bit: the flush has emptied the TLB of it.
#[inline]
pub(super) fn with_protection(leaf: u64, protection: u8) -> u64 {
    let mut new = leaf & (ADDRESS | ACCESSED | DIRTY | LARGE | COPY | PRESET) | leaf_bits(protection);
    if new & COPY != 0 {
        new &= !WRITABLE;
    }
    if new & PRESENT == 0 {
        new &= !ACCESSED;
    }
    new
}
