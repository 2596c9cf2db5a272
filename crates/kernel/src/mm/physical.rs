//! Guest-physical memory through the direct map, and the hypercalls that concern it.

use crate::arch::hypercall;
use ramet_abi::hypercall as number;
use ramet_abi::layout::{DIRECT_MAP, VOLUME_GPA};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::mm::Physical;

/// The machine.
#[derive(Clone, Copy, Default)]
pub struct Machine;

impl Physical for Machine {
    #[inline(always)]
    fn read(&self, gpa: u64) -> u64 {
        // SAFETY: the direct map shows all RAM that is present, and the callers pass nothing else (`Physical`'s contract).
        unsafe { ((DIRECT_MAP + gpa) as *const u64).read_volatile() }
    }
    #[inline(always)]
    fn write(&self, gpa: u64, value: u64) {
        // SAFETY: as `read`; the frame belongs to the caller.
        unsafe { ((DIRECT_MAP + gpa) as *mut u64).write_volatile(value) }
    }
    fn zero(&self, gpa: u64, length: u64) {
        // SAFETY: as `write`, for the whole range.
        unsafe { core::ptr::write_bytes((DIRECT_MAP + gpa) as *mut u8, 0, length as usize) }
    }
    fn copy(&self, from: u64, to: u64, length: u64) {
        if from >= VOLUME_GPA {
            return super::volumes::copy(from, to, length);
        }
        // SAFETY: `from` is RAM or image, both in the direct map; `to` is a frame of the caller's; no overlap.
        unsafe {
            core::ptr::copy_nonoverlapping(
                (DIRECT_MAP + from) as *const u8,
                (DIRECT_MAP + to) as *mut u8,
                length as usize,
            )
        }
    }
    fn flush(&self) {
        hypercall::flush_tlb();
    }
    fn grow(&self, at_least: u64) -> Result<u64> {
        match hypercall::call(number::GROW_RAM, &[at_least]) {
            size if size > 0 => Ok(size as u64),
            _ => Err(Errno::ENOMEM),
        }
    }
    fn release(&self, gpa: u64, length: u64) -> Result<()> {
        match hypercall::call(number::RELEASE_RAM, &[gpa, length]) {
            0 => Ok(()),
            error => Err(Errno(-error as i32)),
        }
    }
}
