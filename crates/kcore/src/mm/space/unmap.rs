//! munmap(2).

use super::super::physical::Physical;
use super::super::vma::property;
use super::{AddressSpace, drop_leaf, is_aligned, is_in_program, round_up};
use crate::errno::{Errno, Result};

impl<P: Physical> AddressSpace<P> {
    /// munmap(2).
    ///
    /// # Errors
    /// EINVAL: `address` is not page aligned, `length` is 0, or the range leaves the program's half; ENOMEM: too many
    /// mappings, or no frame to split a 2 MiB page.
    pub fn munmap(&mut self, address: u64, length: u64) -> Result<()> {
        let length = round_up(length).filter(|l| *l > 0).ok_or(Errno::EINVAL)?;
        if !is_aligned(address) || !is_in_program(address, length) {
            return Err(Errno::EINVAL);
        }
        self.unmap(address, address + length)
    }

    /// Removes what is mapped in the range, which is valid.
    pub(super) fn unmap(&mut self, start: u64, end: u64) -> Result<()> {
        if self.areas.is_free(start, end) {
            return Ok(());
        }
        if self.areas.count() >= super::super::vma::MOST
            && self.areas.find(start).is_some_and(|v| v.start < start)
        {
            return Err(Errno::ENOMEM);
        }
        self.zap(start, end)?;
        self.forget(start, end);
        if let Some(before) = self.areas.before(start)
            && before.end == start
            && before.has(property::DEFERRED)
        {
            let (from, to) = (before.start, before.end);
            self.enter_deferred(from, to);
        }
        Ok(())
    }

    /// Empties the page tables of a range, and flushes if need be.
    pub(super) fn zap(&mut self, start: u64, end: u64) -> Result<()> {
        let memory = &*self.memory;
        let changes = memory.visit_pruning(start, end, &mut |_, leaf, large| {
            drop_leaf(memory, leaf, large);
            0
        });
        match changes {
            Ok(changes) => {
                self.flush(changes.flush);
                Ok(())
            }
            Err(error) => {
                self.flush(true);
                Err(error)
            }
        }
    }

    /// Removes the mappings of a range whose page tables are empty.
    pub(super) fn forget(&mut self, start: u64, end: u64) {
        let mut unlocked = 0;
        self.areas
            .remove(start, end, |vma| unlocked += if vma.has(property::LOCKED) { vma.len() } else { 0 });
        self.locked = self.locked.saturating_sub(unlocked);
    }

    /// Removes all mappings, for execve(2) and at the end.
    pub fn clear(&mut self) {
        let (Some(first), Some(last)) = (self.areas.iter().next(), self.areas.iter().next_back()) else {
            return;
        };
        let (start, end) = (first.start, last.end);
        // Whole mappings go: no large page is cut.
        let _ = self.zap(start, end);
        self.forget(start, end);
        (self.heap, self.heap_end, self.locked, self.lock_future) = (0, 0, 0, false);
    }
}
