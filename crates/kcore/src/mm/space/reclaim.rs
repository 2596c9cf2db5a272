//! Taking back what was mapped ahead and never used.

use super::super::frames::{Memory, is_managed};
use super::super::physical::Physical;
use super::super::table::SPAN_2M;
use super::super::table::entry::{ACCESSED, ADDRESS, DIRTY, PRESET};
use super::super::vma::property;
use super::{AddressSpace, PAGE, drop_leaf};

/// Whether the frame of `leaf`, which is anonymous memory, is known to hold zeros.
fn holds_zeros<P: Physical>(memory: &Memory<P>, leaf: u64, large: bool) -> bool {
    let gpa = leaf & ADDRESS;
    if !is_managed(gpa) || memory.is_written(gpa) || large && memory.is_block_written(gpa) {
        return false;
    }
    if leaf & PRESET != 0 {
        // The bits say nothing: look.
        return (0..PAGE / 8).all(|word| memory.physical.read(gpa + word * 8) == 0);
    }
    leaf & (ACCESSED | DIRTY) == 0
}

impl<P: Physical> AddressSpace<P> {
    /// Whether the anonymous page at `va` is in memory as far as the program can tell.
    pub(super) fn is_used(&self, va: u64) -> bool {
        let (_, leaf, large) = self.memory.leaf(va);
        leaf != 0 && !holds_zeros(&self.memory, leaf, large)
    }

    /// Zeroes the pages of anonymous memory that are in `start..end`. From then on they count as unused.
    pub(super) fn zero_in_place(&mut self, start: u64, end: u64) {
        let memory = &*self.memory;
        let mut va = start;
        while va < end {
            let (slot, leaf, large) = memory.leaf(va);
            let part = if large { ((va & !(SPAN_2M - 1)) + SPAN_2M).min(end) - va } else { PAGE };
            if leaf != 0 && !holds_zeros(memory, leaf, large) {
                let inside = if large { va & (SPAN_2M - 1) } else { 0 };
                memory.physical.zero((leaf & ADDRESS) + inside, part);
                if !large {
                    memory.physical.write(slot, leaf | PRESET);
                }
            }
            va += part;
        }
    }

    /// Takes the pages of private anonymous memory that still hold the zeros they came with out of the page tables: the
    /// same zeros come back at the next touch. Returns the number of frames.
    pub fn reclaim(&mut self) -> u64 {
        let memory = &*self.memory;
        let mut frames = 0;
        let mut flush = false;
        for vma in self.areas.iter().filter(|v| v.is_anonymous() && !v.has(property::LOCKED)) {
            let changes = memory.visit_pruning(vma.start, vma.end, &mut |_, leaf, large| {
                if !holds_zeros(memory, leaf, large) {
                    // What has content is not looked at again.
                    return leaf & !PRESET;
                }
                // Zeros, whatever the dirty bit says.
                drop_leaf(memory, leaf & !DIRTY, large);
                frames += if large { 512 } else { 1 };
                0
            });
            // An error means that a large page at the edge could not be split: it stays.
            flush |= changes.map_or(true, |c| c.flush);
        }
        self.flush(flush);
        self.counters.reclaimed += frames;
        frames
    }
}
