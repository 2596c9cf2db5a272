//! Which pages a guest has written: KVM's dirty log.
//!
//! KVM notes a page when it first lets the guest write to it, and forgets nothing until the page is protected again
//! ([`Vm::protect`]; Linux: `Documentation/virt/kvm/api.rst`, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2). A KVM without that capability protects
//! at each [`Vm::read_log`]: whoever reads must add what he finds to what he knows.

use crate::{Error, Slot, Vm};
use kvm_bindings::{
    KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, KVMIO, kvm_enable_cap,
};
use std::os::fd::AsRawFd;

const PAGE: u64 = 4096;

/// `_IOW(KVMIO, 0x42, struct kvm_dirty_log)`.
const KVM_GET_DIRTY_LOG: libc::c_ulong = 1 << 30 | 16 << 16 | (KVMIO as libc::c_ulong) << 8 | 0x42;
/// `_IOWR(KVMIO, 0xc0, struct kvm_clear_dirty_log)`.
const KVM_CLEAR_DIRTY_LOG: libc::c_ulong = 3 << 30 | 24 << 16 | (KVMIO as libc::c_ulong) << 8 | 0xc0;

/// `struct kvm_dirty_log`.
#[repr(C)]
struct Get {
    slot: u32,
    padding: u32,
    bitmap: *mut u64,
}

/// `struct kvm_clear_dirty_log`.
#[repr(C)]
struct Clear {
    slot: u32,
    pages: u32,
    first: u64,
    bitmap: *const u64,
}

impl Slot {
    /// 64-bit words of a bitmap with one bit for each page.
    pub fn words(&self) -> usize {
        (self.size / PAGE).div_ceil(64) as usize
    }
}

impl Vm {
    /// Has KVM note writes to slots that [`Vm::add_logged_slot`] adds from now on.
    pub fn log_writes(&mut self) {
        let mut capability = kvm_enable_cap { cap: KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, ..Default::default() };
        capability.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE.into();
        // Linux before 5.1 has not got it: slower, not wrong.
        self.protects_by_hand = self.fd.enable_cap(&capability).is_ok();
        self.logs = true;
    }

    /// Whether writes are noted.
    pub fn logs(&self) -> bool {
        self.logs
    }

    /// The slots whose writes are noted, in the order in which they were added.
    pub fn logged(&self) -> &[Slot] {
        &self.logged
    }

    /// Which pages of a slot were written: a bit for each, in [`Slot::words`] words.
    pub fn read_log(&self, slot: &Slot, bitmap: &mut [u64]) -> Result<(), Error> {
        assert!(bitmap.len() >= slot.words());
        let get = Get { slot: slot.number, padding: 0, bitmap: bitmap.as_mut_ptr() };
        // SAFETY: `get` is a struct kvm_dirty_log; KVM writes a bit for each page of the slot, for which there is room.
        if unsafe { libc::ioctl(self.fd.as_raw_fd(), KVM_GET_DIRTY_LOG, &get) } != 0 {
            return Err(Error::last("KVM_GET_DIRTY_LOG"));
        }
        Ok(())
    }

    /// Has KVM forget, and note again, writes to the pages of a slot that have a bit in `bitmap` (as in [`Vm::read_log`]).
    pub fn protect(&self, slot: &Slot, bitmap: &[u64]) -> Result<(), Error> {
        let pages = slot.size / PAGE;
        if !self.protects_by_hand {
            return Ok(());
        }
        // From the first word with a bit to the last: KVM looks at all that it is given.
        let Some(first) = bitmap.iter().position(|word| *word != 0) else { return Ok(()) };
        let end = bitmap.iter().rposition(|word| *word != 0).map_or(first, |last| last + 1).min(slot.words());
        let bitmap = &bitmap[first..end];
        let first = first as u64 * 64;
        let count = (end as u64 * 64).min(pages) - first;
        let clear = Clear { slot: slot.number, pages: count as u32, first, bitmap: bitmap.as_ptr() };
        // SAFETY: `clear` is a struct kvm_clear_dirty_log with a bitmap of `count` bits, which KVM reads.
        if unsafe { libc::ioctl(self.fd.as_raw_fd(), KVM_CLEAR_DIRTY_LOG, &clear) } != 0 {
            return Err(Error::last("KVM_CLEAR_DIRTY_LOG"));
        }
        Ok(())
    }
}
