//! Taking back what was mapped ahead and never used.

use super::super::frames::is_managed;
use super::super::physical::Physical;
use super::super::table::entry::{ACCESSED, ADDRESS, DIRTY};
use super::super::vma::property;
use super::{AddressSpace, drop_leaf};

impl<P: Physical> AddressSpace<P> {
    /// Takes the pages of private anonymous memory that nobody accessed out of the page tables. They still hold
    /// zeros, which is what comes back at the next touch, and no TLB knows them. Returns the number of frames.
    pub fn reclaim(&mut self) -> u64 {
        let memory = &*self.memory;
        let mut frames = 0;
        let mut flush = false;
        for vma in self.areas.iter().filter(|v| v.is_anonymous() && !v.has(property::LOCKED)) {
            let changes = memory.visit_pruning(vma.start, vma.end, &mut |_, leaf, large| {
                let gpa = leaf & ADDRESS;
                let unused = leaf & (ACCESSED | DIRTY) == 0 && is_managed(gpa);
                if !unused || memory.is_written(gpa) || large && memory.is_block_written(gpa) {
                    return leaf;
                }
                drop_leaf(memory, leaf, large);
                frames += if large { 512 } else { 1 };
                0
            });
            // An error means that a large page at the edge could not be split: it stays.
            flush |= changes.is_ok_and(|c| c.flush);
        }
        self.flush(flush);
        self.counters.reclaimed += frames;
        frames
    }
}
