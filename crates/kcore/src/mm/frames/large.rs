//! Frames of 2 MiB.

use super::super::physical::Physical;
use super::block::{BLOCK_SHIFT, BLOCK_SIZE, FRAMES, Kind, Summary, block_of};
use super::{Content, Memory};

impl<P: Physical> Memory<P> {
    /// A 2 MiB frame for a program, with one reference.
    pub fn allocate_large(&self, content: Content) -> Option<u64> {
        if self.available() < u64::from(FRAMES) {
            return None;
        }
        let block = self.whole_block(&[1, 0])?;
        let gpa = u64::from(block) << BLOCK_SHIFT;
        let s = self.summary(block);
        for word in 0..FRAMES / 64 {
            if content == Content::Zero {
                self.zero_marked(gpa + u64::from(word) * 64 * 4096, self.dirt(block, word));
            }
            self.set_used(block, word, u64::MAX);
            self.set_dirt(block, word, if content == Content::Zero { 0 } else { u64::MAX });
        }
        self.clean.set(self.clean.get() - u64::from(s.clean));
        self.dirty.set(self.dirty.get() - u64::from(s.dirty));
        self.set_summary(block, Summary { kind: Kind::Large, clean: 0, dirty: 0 });
        self.set_count(gpa, 1);
        Some(gpa)
    }

    /// Zeroes those of 64 frames from `gpa` on whose bit is set, neighbours together.
    fn zero_marked(&self, gpa: u64, mut bits: u64) {
        while bits != 0 {
            let first = bits.trailing_zeros();
            let run = (bits >> first).trailing_ones();
            self.physical.zero(gpa + u64::from(first) * 4096, u64::from(run) * 4096);
            bits &= if first + run >= 64 { 0 } else { u64::MAX << (first + run) };
        }
    }

    /// Drops the only reference to the 2 MiB frame at `gpa`; `written`: it may no longer hold zeros.
    pub fn release_large(&self, gpa: u64, written: bool) {
        let block = block_of(gpa);
        debug_assert!(gpa & (BLOCK_SIZE - 1) == 0 && self.summary(block).kind == Kind::Large);
        self.set_count(gpa, 0);
        let mut dirty = 0;
        for word in 0..FRAMES / 64 {
            self.set_used(block, word, 0);
            let bits = if written { u64::MAX } else { self.dirt(block, word) };
            self.set_dirt(block, word, bits);
            dirty += bits.count_ones();
        }
        self.count_in(block, FRAMES - dirty, dirty);
    }

    /// Whether any part of the 2 MiB frame at `gpa` was marked as written.
    pub fn is_block_written(&self, gpa: u64) -> bool {
        (0..FRAMES / 64).any(|word| self.dirt(block_of(gpa), word) != 0)
    }

    /// Turns the 2 MiB frame at `gpa` into 512 frames with one reference each.
    pub fn split_large(&self, gpa: u64) {
        let block = block_of(gpa);
        debug_assert!(self.summary(block).kind == Kind::Large);
        self.set_all_counts_to_one(block);
        self.set_summary(block, Summary { kind: Kind::Small, clean: 0, dirty: 0 });
    }
}
