//! The record that describes one 2 MiB block of RAM, its 512 frames' reference counts and states.
//!
//! Records live in RAM itself, one page a block, and are reached word by word through [`Physical`]: the allocator
//! thus needs no heap (the heap is made of its frames). The pages of all blocks of one GiB fill one block exactly:
//! the first free one of GiB 0, the first one of each other GiB. A record of zeros is a free block that nobody ever
//! touched, which is how fresh RAM comes.

use super::super::physical::Physical;
use super::Memory;

/// Bytes in a block.
pub const BLOCK_SIZE: u64 = 2 << 20;
/// log2 of [`BLOCK_SIZE`].
pub const BLOCK_SHIFT: u32 = 21;
/// Frames in a block.
pub const FRAMES: u32 = 512;

/// What a block's frames are used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// All frames are free, and the block may become anything.
    Free = 0,
    /// Single frames of programs and files.
    Small = 1,
    /// Page tables.
    Table = 2,
    /// Runs for the kernel's heap.
    Kernel = 3,
    /// One 2 MiB frame.
    Large = 4,
    /// Block records, or a kernel allocation larger than a block: never on a list.
    Reserved = 5,
    /// As [`Kind::Small`], in a VM that is a copy: frames of before, which it still shares with the VM that it was copied from.
    Inherited = 6,
}

impl Kind {
    fn from_bits(bits: u64) -> Kind {
        match bits & 0xff {
            0 => Kind::Free,
            1 => Kind::Small,
            2 => Kind::Table,
            3 => Kind::Kernel,
            4 => Kind::Large,
            6 => Kind::Inherited,
            _ => Kind::Reserved,
        }
    }
}

/// Kind and counts, one word of the record.
#[derive(Clone, Copy)]
pub(super) struct Summary {
    pub kind: Kind,
    /// Free frames that hold zeros.
    pub clean: u32,
    /// Free frames of unknown content. A block of zeros in memory has 0 + 0 here and is [`Kind::Free`].
    pub dirty: u32,
}

const USED: u64 = 256;
const DIRTY: u64 = 264;
const SUMMARY: u64 = 272;
const LINKS: u64 = 273;

#[inline]
pub(super) fn block_of(gpa: u64) -> u32 {
    (gpa >> BLOCK_SHIFT) as u32
}

#[inline]
pub(super) fn frame_of(gpa: u64) -> u32 {
    (gpa >> 12) as u32 & 511
}

impl<P: Physical> Memory<P> {
    /// Address of the record of `block`.
    #[inline]
    fn record(&self, block: u32) -> u64 {
        let gib = u64::from(block >> 9);
        let base = if gib == 0 { self.first } else { gib << 30 };
        base + u64::from(block & 511) * 4096
    }

    #[inline]
    pub(super) fn summary(&self, block: u32) -> Summary {
        let word = self.physical.read(self.record(block) + SUMMARY * 8);
        Summary {
            kind: Kind::from_bits(word),
            clean: (word >> 16) as u32 & 0xffff,
            dirty: (word >> 32) as u32 & 0xffff,
        }
    }

    #[inline]
    pub(super) fn set_summary(&self, block: u32, s: Summary) {
        let word = s.kind as u64 | u64::from(s.clean) << 16 | u64::from(s.dirty) << 32;
        self.physical.write(self.record(block) + SUMMARY * 8, word);
    }

    /// Word `index` (0-7) of the bitmap of allocated frames.
    #[inline]
    pub(super) fn used(&self, block: u32, index: u32) -> u64 {
        self.physical.read(self.record(block) + (USED + u64::from(index)) * 8)
    }

    #[inline]
    pub(super) fn set_used(&self, block: u32, index: u32, bits: u64) {
        self.physical.write(self.record(block) + (USED + u64::from(index)) * 8, bits);
    }

    /// Word `index` (0-7) of the bitmap of frames whose content is unknown.
    #[inline]
    pub(super) fn dirt(&self, block: u32, index: u32) -> u64 {
        self.physical.read(self.record(block) + (DIRTY + u64::from(index)) * 8)
    }

    #[inline]
    pub(super) fn set_dirt(&self, block: u32, index: u32, bits: u64) {
        self.physical.write(self.record(block) + (DIRTY + u64::from(index)) * 8, bits);
    }

    /// The reference count of the frame at `gpa`; of a page table: its entries in use.
    #[inline]
    pub(in super::super) fn count(&self, gpa: u64) -> u32 {
        let frame = frame_of(gpa);
        let word = self.physical.read(self.record(block_of(gpa)) + u64::from(frame >> 1) * 8);
        (word >> (32 * (frame & 1))) as u32
    }

    #[inline]
    pub(in super::super) fn set_count(&self, gpa: u64, count: u32) {
        let frame = frame_of(gpa);
        let at = self.record(block_of(gpa)) + u64::from(frame >> 1) * 8;
        let shift = 32 * (frame & 1);
        let word = self.physical.read(at) & !(0xffff_ffff << shift) | u64::from(count) << shift;
        self.physical.write(at, word);
    }

    /// Puts every frame's reference count to one.
    pub(super) fn set_all_counts_to_one(&self, block: u32) {
        for word in 0..u64::from(FRAMES / 2) {
            self.physical.write(self.record(block) + word * 8, 1 | 1 << 32);
        }
    }

    /// (previous, next) of a block on list slot `slot` (0 or 1); block numbers, 0 for none.
    #[inline]
    fn links(&self, block: u32, slot: u32) -> (u32, u32) {
        let word = self.physical.read(self.record(block) + (LINKS + u64::from(slot)) * 8);
        (word as u32, (word >> 32) as u32)
    }

    #[inline]
    fn set_links(&self, block: u32, slot: u32, previous: u32, next: u32) {
        self.physical.write(
            self.record(block) + (LINKS + u64::from(slot)) * 8,
            u64::from(previous) | u64::from(next) << 32,
        );
    }

    /// Puts `block` at the head of list `list` (whose parity is its link slot).
    #[inline]
    pub(super) fn link(&self, list: usize, block: u32) {
        let slot = (list & 1) as u32;
        let head = self.heads[list].get();
        self.set_links(block, slot, 0, head);
        if head != 0 {
            let (_, next) = self.links(head, slot);
            self.set_links(head, slot, block, next);
        }
        self.heads[list].set(block);
    }

    /// Takes `block` from list `list`, on which it is.
    #[inline]
    pub(super) fn unlink(&self, list: usize, block: u32) {
        let slot = (list & 1) as u32;
        let (previous, next) = self.links(block, slot);
        if previous == 0 {
            self.heads[list].set(next);
        } else {
            let (before, _) = self.links(previous, slot);
            self.set_links(previous, slot, before, next);
        }
        if next != 0 {
            let (_, after) = self.links(next, slot);
            self.set_links(next, slot, previous, after);
        }
    }

    /// The block after `block` on list `list`, 0 at the end.
    #[inline]
    pub(super) fn after(&self, list: usize, block: u32) -> u32 {
        self.links(block, (list & 1) as u32).1
    }
}
