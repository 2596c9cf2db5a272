//! Going over the leaves of a range, to change or remove them.

use super::super::frames::Memory;
use super::super::physical::Physical;
use super::entry::{ACCESSED, ADDRESS, PRESENT, is_large, needs_flush};
use super::{SPAN_1G, SPAN_2M, SPAN_512G};
use crate::errno::Result;
use ramet_abi::layout::ROOT_TABLE_GPA;

/// What a pass over leaves leads to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[must_use]
pub struct Changes {
    /// The TLB may hold what is no longer so.
    pub flush: bool,
    prune: bool,
}

fn span_end(va: u64, span: u64, end: u64) -> u64 {
    ((va & !(span - 1)) + span).min(end)
}

impl<P: Physical> Memory<P> {
    /// Calls `f(va, leaf, is large)` for every non-zero leaf that maps a part of `start..end`, in order; what it
    /// returns is the new leaf (0: none). A large leaf that the range covers in part is split first.
    ///
    /// # Errors
    /// ENOMEM: no frame to split a large leaf; the range before it has been visited.
    pub fn visit(&self, start: u64, end: u64, f: &mut impl FnMut(u64, u64, bool) -> u64) -> Result<Changes> {
        self.visit_all(start, end, false, f)
    }

    /// As [`Memory::visit`]; a page table that is empty afterwards and lies wholly in the range is freed.
    ///
    /// # Errors
    /// As [`Memory::visit`].
    pub fn visit_pruning(
        &self,
        start: u64,
        end: u64,
        f: &mut impl FnMut(u64, u64, bool) -> u64,
    ) -> Result<Changes> {
        self.visit_all(start, end, true, f)
    }

    fn visit_all(
        &self,
        start: u64,
        end: u64,
        prune: bool,
        f: &mut impl FnMut(u64, u64, bool) -> u64,
    ) -> Result<Changes> {
        let mut changes = Changes { flush: false, prune };
        let mut va = start;
        while va < end {
            let part = span_end(va, SPAN_512G, end);
            let root = self.physical.read(Self::slot(ROOT_TABLE_GPA, 39, va));
            if root & PRESENT != 0 {
                self.visit_upper(root & ADDRESS, va, part, f, &mut changes)?;
            }
            va = part;
        }
        Ok(changes)
    }

    fn visit_upper(
        &self,
        upper: u64,
        start: u64,
        end: u64,
        f: &mut impl FnMut(u64, u64, bool) -> u64,
        changes: &mut Changes,
    ) -> Result<()> {
        let mut va = start;
        while va < end {
            let part = span_end(va, SPAN_1G, end);
            let slot = Self::slot(upper, 30, va);
            let entry = self.physical.read(slot);
            if entry & PRESENT != 0 {
                let directory = entry & ADDRESS;
                self.visit_directory(directory, va, part, f, changes)?;
                if changes.prune && part - va == SPAN_1G && self.count(directory) == 0 {
                    self.unlink_table(slot, entry, changes);
                }
            }
            va = part;
        }
        Ok(())
    }

    fn visit_directory(
        &self,
        directory: u64,
        start: u64,
        end: u64,
        f: &mut impl FnMut(u64, u64, bool) -> u64,
        changes: &mut Changes,
    ) -> Result<()> {
        let mut va = start;
        while va < end {
            let part = span_end(va, SPAN_2M, end);
            let slot = Self::slot(directory, 21, va);
            let entry = self.physical.read(slot);
            if entry == 0 {
                va = part;
                continue;
            }
            if is_large(entry) && part - va == SPAN_2M {
                let new = f(va, entry, true);
                if new != entry {
                    changes.flush |= needs_flush(entry, new);
                    self.physical.write(slot, new);
                    if new == 0 {
                        self.add_entries(directory, -1);
                    }
                }
                va = part;
                continue;
            }
            let table = if is_large(entry) { self.split(slot)? } else { entry & ADDRESS };
            self.visit_table(table, va, part, f, changes);
            if changes.prune && part - va == SPAN_2M && self.count(table) == 0 {
                self.unlink_table(slot, self.physical.read(slot), changes);
            }
            va = part;
        }
        Ok(())
    }

    #[inline]
    fn visit_table(
        &self,
        table: u64,
        start: u64,
        end: u64,
        f: &mut impl FnMut(u64, u64, bool) -> u64,
        changes: &mut Changes,
    ) {
        if self.count(table) == 0 {
            return;
        }
        let mut removed = 0;
        let mut va = start;
        while va < end {
            let slot = Self::slot(table, 12, va);
            let entry = self.physical.read(slot);
            if entry != 0 {
                let new = f(va, entry, false);
                if new != entry {
                    changes.flush |= needs_flush(entry, new);
                    self.physical.write(slot, new);
                    removed += i32::from(new == 0);
                }
            }
            va += 4096;
        }
        if removed > 0 {
            self.add_entries(table, -removed);
        }
    }

    /// Takes the empty table that `slot` refers to out of the tree. If the CPU has walked through it, parts of it may
    /// be in its paging-structure caches.
    fn unlink_table(&self, slot: u64, entry: u64, changes: &mut Changes) {
        changes.flush |= entry & ACCESSED != 0;
        self.physical.write(slot, 0);
        self.add_entries(slot & !4095, -1);
        self.free_table(entry & ADDRESS, false);
    }
}
