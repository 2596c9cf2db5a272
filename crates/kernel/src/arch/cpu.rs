//! Single instructions.

use core::arch::asm;

/// Time stamp counter.
#[inline(always)]
pub fn rdtsc() -> u64 {
    // SAFETY: RDTSC has no side effect; CR4.TSD is clear.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// FS base.
#[inline(always)]
pub fn read_fs_base() -> u64 {
    let base;
    // SAFETY: CR4.FSGSBASE is set (checked at boot); reads a register.
    unsafe { asm!("rdfsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// Sets the FS base. The kernel itself does not use FS.
#[inline(always)]
pub fn write_fs_base(base: u64) {
    // SAFETY: as above; the callers pass canonical addresses (else #GP).
    unsafe { asm!("wrfsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
}

/// GS base.
#[inline(always)]
pub fn read_gs_base() -> u64 {
    let base;
    // SAFETY: as `read_fs_base`.
    unsafe { asm!("rdgsbase {}", out(reg) base, options(nomem, nostack, preserves_flags)) };
    base
}

/// Sets the GS base. The kernel itself does not use GS.
#[inline(always)]
pub fn write_gs_base(base: u64) {
    // SAFETY: as `write_fs_base`.
    unsafe { asm!("wrgsbase {}", in(reg) base, options(nomem, nostack, preserves_flags)) };
}
