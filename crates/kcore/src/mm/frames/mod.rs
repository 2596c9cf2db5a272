//! Physical frames: who has which, and which hold zeros.
//!
//! RAM is cut into blocks of 2 MiB. A block goes from *fresh* (never used) to one [`Kind`],
//! and back to free when its last frame is. Free frames are *clean* (they read as zeros) or *dirty*; to hand out a
//! dirty one where zeros are wanted costs the zeroing. Reuse comes before fresh memory, since the host pays for each
//! block that was ever touched:
//!
//! ```text
//! zeroed frame: clean frame of a block in use → dirty one → free dirty block → free clean block → fresh → grow RAM
//! to overwrite: dirty frame of a block in use → clean one → ...
//! ```
//!
//! In a VM that is a copy (a fork's child) it is the other way round: see [`Memory::set_apart`].
//!
//! Page tables have blocks of their own: software KVM write-protects them one by one and splits the large mapping
//! around them. When no whole block is left, everything comes from everywhere.
//!
//! Nothing here allocates from the heap, and no state is borrowed across calls, so that the heap itself and the drop
//! of a [`FramePage`] may call in at any time.

mod apart;
mod block;
mod grow;
mod large;
mod page;
mod runs;

pub use block::{BLOCK_SIZE, Kind};
pub use page::{FramePage, FrameSource};

use super::physical::Physical;
use block::{FRAMES, Summary, block_of, frame_of};
use core::cell::Cell;
use ramet_abi::layout::{FREE_RAM_GPA, IMAGE_GPA, RAM_MAX};

/// What the content of a new frame must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// Zeros.
    Zero,
    /// Anything: the caller overwrites all of it.
    Any,
}

/// Numbers for /proc/meminfo and for policy, in frames of 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// RAM present.
    pub total: u64,
    /// RAM that there can be.
    pub limit: u64,
    /// Free now, without growing.
    pub free: u64,
    /// Of these: known to hold zeros.
    pub clean: u64,
    /// Never handed out since boot (counted in both of the above).
    pub fresh: u64,
}

/// The frames of RAM, and the way to the machine.
pub struct Memory<P> {
    /// The machine.
    pub physical: P,
    first: u64,
    size: Cell<u64>,
    limit: u64,
    fresh: Cell<u32>,
    heads: [Cell<u32>; 14],
    is_copy: Cell<bool>,
    clean: Cell<u64>,
    dirty: Cell<u64>,
    spare_table: Cell<u64>,
    reserve: u64,
    release_above: Cell<u64>,
}

/// Whether `gpa` is a frame of this allocator (the kernel's own pages, the image and volumes are not).
#[inline]
pub fn is_managed(gpa: u64) -> bool {
    const { assert!(RAM_MAX <= IMAGE_GPA) };
    (FREE_RAM_GPA..RAM_MAX).contains(&gpa)
}

impl<P: Physical> Memory<P> {
    /// Takes over RAM from `first` (at least `FREE_RAM_GPA`) to `size`, which nobody has touched. `limit`: what RAM can
    /// grow to. All in bytes; whole 2 MiB blocks count. RAM must hold `first` plus 4 MiB at least.
    pub fn new(physical: P, first: u64, size: u64, limit: u64) -> Memory<P> {
        let first = first.max(FREE_RAM_GPA).next_multiple_of(BLOCK_SIZE);
        let limit = limit.clamp(first + 2 * BLOCK_SIZE, RAM_MAX) & !(BLOCK_SIZE - 1);
        let size = size.min(limit) & !(BLOCK_SIZE - 1);
        let block = block_of(first);
        let memory = Memory {
            physical,
            first,
            size: Cell::new(first + BLOCK_SIZE),
            limit,
            fresh: Cell::new(block + 1),
            heads: Default::default(),
            is_copy: Cell::new(false),
            clean: Cell::new(0),
            dirty: Cell::new(0),
            spare_table: Cell::new(0),
            reserve: (limit >> 12 >> 6).min(512),
            release_above: Cell::new(u64::MAX),
        };
        // The first block holds the records of GiB 0; what they leave over becomes page tables.
        let records = limit.div_ceil(BLOCK_SIZE).min(u64::from(FRAMES)) as u32;
        for word in 0..FRAMES / 64 {
            let below = records.saturating_sub(word * 64);
            memory.set_used(block, word, if below >= 64 { u64::MAX } else { (1 << below) - 1 });
        }
        let rest = FRAMES - records;
        memory.set_summary(block, Summary { kind: Kind::Table, clean: rest, dirty: 0 });
        if rest > 0 {
            memory.link(Kind::Table as usize * 2, block);
            memory.clean.set(u64::from(rest));
        }
        memory.admit(size);
        memory.keep_spare_table();
        memory
    }

    fn first_block(&self) -> u32 {
        block_of(self.first)
    }

    /// Numbers of the moment.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            total: self.size.get() >> 12,
            limit: self.limit >> 12,
            free: self.clean.get() + self.dirty.get(),
            clean: self.clean.get(),
            fresh: (self.size.get() >> 12).saturating_sub(u64::from(self.fresh.get()) * u64::from(FRAMES)),
        }
    }

    /// Frames that can still be had for programs, RAM that is yet to come included.
    #[inline]
    pub fn available(&self) -> u64 {
        (self.clean.get() + self.dirty.get() + ((self.limit - self.size.get()) >> 12))
            .saturating_sub(self.reserve)
    }

    /// Whether more than a quarter of all RAM is still to be had: then speculation is welcome.
    #[inline]
    pub fn is_plentiful(&self) -> bool {
        self.available() > self.limit >> 14
    }

    /// A frame for a program or a file, with one reference. `None`: there is none left (the last few are the kernel's).
    #[inline]
    pub fn allocate(&self, content: Content) -> Option<u64> {
        if self.available() == 0 {
            return None;
        }
        self.take(Kind::Small, content)
    }

    /// A page of zeros for a page table, its count of used entries being zero.
    pub fn allocate_table(&self) -> Option<u64> {
        let gpa = self.take(Kind::Table, Content::Zero)?;
        self.set_count(gpa, 0);
        Some(gpa)
    }

    /// Takes back a page table, which is empty (all entries zero) unless `dirty`.
    pub fn free_table(&self, gpa: u64, dirty: bool) {
        self.put(gpa, dirty);
    }

    /// One more reference to the frame at `gpa`.
    #[inline]
    pub fn get(&self, gpa: u64) {
        let count = self.count(gpa);
        debug_assert!(count > 0, "reference to the free frame {gpa:#x}");
        self.set_count(gpa, count.saturating_add(1));
    }

    /// Drops a reference to the frame at `gpa`; `written`: its content may have changed since it was handed out.
    #[inline]
    pub fn release(&self, gpa: u64, written: bool) {
        match self.count(gpa) {
            1 => self.put(gpa, written),
            0 => debug_assert!(false, "release of the free frame {gpa:#x}"),
            u32::MAX => {} // saturated: the frame stays for ever
            n => {
                if written {
                    self.mark_written(gpa);
                }
                self.set_count(gpa, n - 1);
            }
        }
    }

    /// References to the frame at `gpa`.
    #[inline]
    pub fn references(&self, gpa: u64) -> u32 {
        self.count(gpa)
    }

    /// Says that the frame at `gpa` no longer holds zeros (who writes through the direct map says so; what the
    /// program writes is seen in the page tables).
    #[inline]
    pub fn mark_written(&self, gpa: u64) {
        let (block, frame) = (block_of(gpa), frame_of(gpa));
        let bits = self.dirt(block, frame / 64);
        self.set_dirt(block, frame / 64, bits | 1 << (frame % 64));
    }

    /// Whether the frame at `gpa` is known to hold something else than zeros (what the program wrote is not known here).
    #[inline]
    pub fn is_written(&self, gpa: u64) -> bool {
        let frame = frame_of(gpa);
        self.dirt(block_of(gpa), frame / 64) & 1 << (frame % 64) != 0
    }

    /// Takes a frame of a block of `kind`, count 1.
    fn take(&self, kind: Kind, content: Content) -> Option<u64> {
        let lists = if content == Content::Zero { [0, 1] } else { [1, 0] };
        for list in lists {
            let block = self.heads[kind as usize * 2 + list].get();
            if block != 0 {
                return Some(self.take_from(block, list == 1, content));
            }
        }
        let has_others = self.is_plentiful() && self.has_whole_block();
        if kind == Kind::Small
            && !has_others
            && let Some(frame) = self.take_inherited(content)
        {
            return Some(frame);
        }
        if let Some(block) = self.adopt(kind) {
            let dirty =
                self.summary(block).dirty > 0 && (content == Content::Any || self.summary(block).clean == 0);
            return Some(self.take_from(block, dirty, content));
        }
        // No whole block is left: any free frame will do.
        for list in [2, 3, 4, 5, 6, 7, 12, 13] {
            let block = self.heads[list].get();
            if block != 0 {
                return Some(self.take_from(block, list & 1 == 1, content));
            }
        }
        None
    }

    /// Takes a clean or a dirty frame from `block`, which has one.
    #[inline]
    fn take_from(&self, block: u32, dirty: bool, content: Content) -> u64 {
        for word in 0..FRAMES / 64 {
            let used = self.used(block, word);
            let dirt = self.dirt(block, word);
            let candidates = !used & if dirty { dirt } else { !dirt };
            if candidates == 0 {
                continue;
            }
            let bit = candidates.trailing_zeros();
            self.set_used(block, word, used | 1 << bit);
            let gpa = u64::from(block) << block::BLOCK_SHIFT | u64::from(word * 64 + bit) << 12;
            self.count_out(block, dirty, 1);
            match content {
                Content::Zero if dirty => {
                    self.physical.zero(gpa, 4096);
                    self.set_dirt(block, word, dirt & !(1 << bit));
                }
                Content::Any if !dirty => self.set_dirt(block, word, dirt | 1 << bit),
                _ => {}
            }
            self.set_count(gpa, 1);
            return gpa;
        }
        unreachable!("a block on a free list without a free frame")
    }

    /// `frames` of `block` are no longer free.
    #[inline]
    fn count_out(&self, block: u32, dirty: bool, frames: u32) {
        let mut s = self.summary(block);
        let (left, total) = if dirty { (&mut s.dirty, &self.dirty) } else { (&mut s.clean, &self.clean) };
        *left -= frames;
        let empty = *left == 0;
        total.set(total.get() - u64::from(frames));
        self.set_summary(block, s);
        if empty {
            self.unlink(s.kind as usize * 2 + usize::from(dirty), block);
        }
    }

    /// Gives the frame at `gpa` back to its block.
    fn put(&self, gpa: u64, written: bool) {
        let (block, frame) = (block_of(gpa), frame_of(gpa));
        let (word, bit) = (frame / 64, 1u64 << (frame % 64));
        let dirt = self.dirt(block, word);
        let dirty = written || dirt & bit != 0;
        if written && dirt & bit == 0 {
            self.set_dirt(block, word, dirt | bit);
        }
        self.set_used(block, word, self.used(block, word) & !bit);
        self.set_count(gpa, 0);
        self.count_in(block, u32::from(!dirty), u32::from(dirty));
    }

    /// Frames of `block` have become free.
    fn count_in(&self, block: u32, clean: u32, dirty: u32) {
        let mut s = self.summary(block);
        let had = (s.clean > 0, s.dirty > 0);
        s.clean += clean;
        s.dirty += dirty;
        self.clean.set(self.clean.get() + u64::from(clean));
        self.dirty.set(self.dirty.get() + u64::from(dirty));
        let list = s.kind as usize * 2;
        if s.clean + s.dirty == FRAMES {
            if had.0 {
                self.unlink(list, block);
            }
            if had.1 {
                self.unlink(list + 1, block);
            }
            s.kind = Kind::Free;
            self.set_summary(block, s);
            self.link(usize::from(s.dirty > 0), block);
            self.trim();
            return;
        }
        self.set_summary(block, s);
        if !had.0 && s.clean > 0 {
            self.link(list, block);
        }
        if !had.1 && s.dirty > 0 {
            self.link(list + 1, block);
        }
    }

    /// Turns a free block into one of `kind`, all its frames free.
    fn adopt(&self, kind: Kind) -> Option<u32> {
        let block = self.whole_block(&[1, 0])?;
        let mut s = self.summary(block);
        s.kind = kind;
        self.set_summary(block, s);
        if s.clean > 0 {
            self.link(kind as usize * 2, block);
        }
        if s.dirty > 0 {
            self.link(kind as usize * 2 + 1, block);
        }
        Some(block)
    }

    /// A free block, on no list and with its summary filled in; `order`: the lists of free blocks to try before
    /// fresh ones (0: clean, 1: dirty).
    fn whole_block(&self, order: &[usize]) -> Option<u32> {
        let is_fresh_better = self.is_copy.get() && self.has_fresh_block();
        for &list in order.iter().filter(|_| !is_fresh_better) {
            let block = self.heads[list].get();
            if block != 0 {
                self.unlink(list, block);
                return Some(block);
            }
        }
        let block = self.next_fresh()?;
        self.set_summary(block, Summary { kind: Kind::Free, clean: FRAMES, dirty: 0 });
        Some(block)
    }
}
