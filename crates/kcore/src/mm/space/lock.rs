//! mlock(2) and its family. Nothing is ever swapped, so that locking means filling and accounting.

use super::super::physical::Physical;
use super::super::vma::property;
use super::populate::Own;
use super::{AddressSpace, PAGE, is_in_program};
use crate::errno::{Errno, Result};

/// Lock what is mapped now.
const CURRENT: u32 = 1;
/// Lock what will be mapped.
const FUTURE: u32 = 2;
/// Lock pages only when they are touched.
const ON_FAULT: u32 = 4;

impl<P: Physical> AddressSpace<P> {
    /// Whether `length` more bytes may be locked.
    ///
    /// # Errors
    /// EPERM: the limit is 0; `over`: it would be exceeded.
    pub(super) fn check_lock(&self, length: u64, over: Errno) -> Result<()> {
        if self.limits.locked == 0 {
            return Err(Errno::EPERM);
        }
        if self.locked.saturating_add(length) > self.limits.locked { Err(over) } else { Ok(()) }
    }

    /// mlock(2); `on_fault`: mlock2(2) with `MLOCK_ONFAULT`.
    ///
    /// # Errors
    /// EPERM: the limit is 0; ENOMEM: over the limit, or not all of it is mapped; EAGAIN: no memory; EINVAL: wraps.
    pub fn mlock(&mut self, address: u64, length: u64, on_fault: bool) -> Result<()> {
        if self.limits.locked == 0 {
            return Err(Errno::EPERM);
        }
        let range = lock_range(address, length);
        if range == Err(Errno::EINVAL) {
            // The limit is looked at first.
            self.check_lock(length & !(PAGE - 1), Errno::ENOMEM)?;
        }
        let Some((start, end)) = range? else { return Ok(()) };
        let held: u64 = self
            .areas
            .overlapping(start, end)
            .filter(|v| v.has(property::LOCKED))
            .map(|v| v.end.min(end) - v.start.max(start))
            .sum();
        self.check_lock((end - start).saturating_sub(held), Errno::ENOMEM)?;
        let covered = self.areas.is_covered(start, end);
        self.set_locked(start, end, true);
        if !covered {
            return Err(Errno::ENOMEM);
        }
        if on_fault {
            return Ok(());
        }
        match self.populate(start, end, Own::All) {
            Err(Errno::ENOMEM) => Err(Errno::EAGAIN),
            Err(_) => Err(Errno::ENOMEM),
            Ok(()) => Ok(()),
        }
    }

    /// munlock(2).
    ///
    /// # Errors
    /// ENOMEM: not all of it is mapped; EINVAL: wraps.
    pub fn munlock(&mut self, address: u64, length: u64) -> Result<()> {
        let Some((start, end)) = lock_range(address, length)? else { return Ok(()) };
        self.set_locked(start, end, false);
        if self.areas.is_covered(start, end) { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// mlockall(2).
    ///
    /// # Errors
    /// EINVAL: unknown flags; EPERM: the limit is 0; ENOMEM: over the limit.
    pub fn mlockall(&mut self, flags: u32) -> Result<()> {
        if flags == 0 || flags & !(CURRENT | FUTURE | ON_FAULT) != 0 || flags == ON_FAULT {
            return Err(Errno::EINVAL);
        }
        if self.limits.locked == 0 {
            return Err(Errno::EPERM);
        }
        let (all, _) = self.areas.sizes();
        if flags & CURRENT != 0 && all > self.limits.locked {
            return Err(Errno::ENOMEM);
        }
        self.lock_future = flags & FUTURE != 0;
        if flags & CURRENT != 0 {
            self.set_locked(0, ramet_abi::layout::PROGRAM_END, true);
        }
        Ok(())
    }

    /// munlockall(2).
    pub fn munlockall(&mut self) {
        self.lock_future = false;
        self.set_locked(0, ramet_abi::layout::PROGRAM_END, false);
    }

    /// Bytes locked (VmLck).
    pub fn locked(&self) -> u64 {
        self.locked
    }

    fn set_locked(&mut self, start: u64, end: u64, lock: bool) {
        if self.areas.overlapping(start, end).all(|v| v.has(property::LOCKED) == lock) {
            return;
        }
        let mut locked = self.locked;
        self.areas.update(start, end, |vma| {
            if vma.has(property::LOCKED) != lock {
                vma.flags ^= property::LOCKED;
                locked = if lock { locked + vma.len() } else { locked - vma.len() };
            }
        });
        self.locked = locked;
    }
}

/// The pages that hold the range; none: it is empty.
fn lock_range(address: u64, length: u64) -> Result<Option<(u64, u64)>> {
    let start = address & !(PAGE - 1);
    // A length near 2^64 wraps, as Linux's does: -1 is nothing.
    let length = length.wrapping_add(address - start).wrapping_add(PAGE - 1) & !(PAGE - 1);
    let end = start.checked_add(length).ok_or(Errno::EINVAL)?;
    if length == 0 {
        return Ok(None);
    }
    if !is_in_program(start, length) {
        return Err(Errno::ENOMEM);
    }
    Ok(Some((start, end)))
}
