//! Contiguous runs of frames for the kernel's heap and stacks.

use super::super::physical::Physical;
use super::Memory;
use super::block::{BLOCK_SHIFT, FRAMES, Kind, Summary, block_of, frame_of};

impl<P: Physical> Memory<P> {
    /// `frames` contiguous frames of unknown content, aligned to their number rounded up to a power of two (at most
    /// 2 MiB). More than 512 frames take whole blocks.
    pub fn allocate_run(&self, frames: u32) -> Option<u64> {
        if frames == 0 {
            return None;
        }
        if frames > FRAMES / 2 {
            return self.allocate_blocks(frames.div_ceil(FRAMES));
        }
        let frames = frames.next_power_of_two();
        self.run_in_lists(&[6, 7], frames)
            .or_else(|| self.adopt(Kind::Kernel).and_then(|block| self.run_in(block, frames)))
            .or_else(|| self.run_in_lists(&[2, 3, 4, 5], frames))
    }

    /// Takes back what [`Memory::allocate_run`] gave for the same `frames`.
    pub fn free_run(&self, gpa: u64, frames: u32) {
        if frames > FRAMES / 2 {
            return self.free_blocks(gpa, frames.div_ceil(FRAMES));
        }
        let frames = frames.next_power_of_two();
        let (block, first) = (block_of(gpa), frame_of(gpa));
        for frame in first..first + frames {
            let (word, bit) = (frame / 64, 1u64 << (frame % 64));
            self.set_used(block, word, self.used(block, word) & !bit);
            self.set_dirt(block, word, self.dirt(block, word) | bit);
        }
        self.count_in(block, 0, frames);
    }

    fn run_in_lists(&self, lists: &[usize], frames: u32) -> Option<u64> {
        for &list in lists {
            let mut block = self.heads[list].get();
            // Bounded: with much fragmentation a new block is better than a long search.
            for _ in 0..64 {
                if block == 0 {
                    break;
                }
                if let Some(gpa) = self.run_in(block, frames) {
                    return Some(gpa);
                }
                block = self.after(list, block);
            }
        }
        None
    }

    /// An aligned run inside `block`; `frames` is a power of two up to 256.
    fn run_in(&self, block: u32, frames: u32) -> Option<u64> {
        let s = self.summary(block);
        if s.clean + s.dirty < frames {
            return None;
        }
        let mut first = 0;
        while first < FRAMES {
            if self.is_run_free(block, first, frames) {
                self.claim(block, first, frames);
                return Some(u64::from(block) << BLOCK_SHIFT | u64::from(first) << 12);
            }
            first += frames;
        }
        None
    }

    fn mask(first: u32, frames: u32) -> u64 {
        if frames >= 64 { u64::MAX } else { ((1 << frames) - 1) << (first % 64) }
    }

    fn is_run_free(&self, block: u32, first: u32, frames: u32) -> bool {
        (first / 64..=(first + frames - 1) / 64)
            .all(|word| self.used(block, word) & Self::mask(first, frames) == 0)
    }

    fn claim(&self, block: u32, first: u32, frames: u32) {
        let mask = Self::mask(first, frames);
        let mut dirty = 0;
        for word in first / 64..=(first + frames - 1) / 64 {
            self.set_used(block, word, self.used(block, word) | mask);
            let dirt = self.dirt(block, word);
            dirty += (dirt & mask).count_ones();
            self.set_dirt(block, word, dirt | mask);
        }
        if dirty > 0 {
            self.count_out(block, true, dirty);
        }
        if frames > dirty {
            self.count_out(block, false, frames - dirty);
        }
    }

    /// `blocks` adjacent blocks, all of them [`Kind::Reserved`].
    fn allocate_blocks(&self, blocks: u32) -> Option<u64> {
        let possible = self.clean.get() + self.dirty.get() + ((self.limit - self.size.get()) >> 12);
        if u64::from(blocks) * u64::from(FRAMES) > possible {
            return None;
        }
        let start = self.find_free_blocks(blocks).or_else(|| self.fresh_blocks(blocks))?;
        for block in start..start + blocks {
            let s = self.summary(block);
            self.unlink(usize::from(s.dirty > 0), block);
            self.clean.set(self.clean.get() - u64::from(s.clean));
            self.dirty.set(self.dirty.get() - u64::from(s.dirty));
            self.set_summary(block, Summary { kind: Kind::Reserved, clean: 0, dirty: 0 });
        }
        Some(u64::from(start) << BLOCK_SHIFT)
    }

    /// Moves fresh blocks to the free list until `blocks` of them are adjacent.
    fn fresh_blocks(&self, blocks: u32) -> Option<u32> {
        let mut start = 0;
        let mut found = 0;
        loop {
            let block = self.next_fresh()?;
            self.set_summary(block, Summary { kind: Kind::Free, clean: FRAMES, dirty: 0 });
            self.link(0, block);
            if found == 0 || block != start + found {
                start = block;
                found = 0;
            }
            found += 1;
            if found == blocks {
                return Some(start);
            }
        }
    }

    fn find_free_blocks(&self, blocks: u32) -> Option<u32> {
        let (mut start, mut found) = (0, 0);
        for block in self.first_block() + 1..self.fresh.get() {
            let s = self.summary(block);
            if s.kind != Kind::Free || s.clean + s.dirty != FRAMES {
                found = 0;
                continue;
            }
            if found == 0 {
                start = block;
            }
            found += 1;
            if found == blocks {
                return Some(start);
            }
        }
        None
    }

    fn free_blocks(&self, gpa: u64, blocks: u32) {
        for block in block_of(gpa)..block_of(gpa) + blocks {
            debug_assert!(self.summary(block).kind == Kind::Reserved);
            for word in 0..FRAMES / 64 {
                self.set_used(block, word, 0);
                self.set_dirt(block, word, u64::MAX);
            }
            self.count_in(block, 0, FRAMES);
        }
    }
}
