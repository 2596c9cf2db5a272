//! More RAM: asked for in large steps, shown in the direct map, given back.

use super::super::physical::Physical;
use super::super::table::entry::{ACCESSED, ADDRESS, LARGE, NO_EXECUTE, PRESENT, USER, WRITABLE};
use super::block::{BLOCK_SHIFT, BLOCK_SIZE, FRAMES, Kind, Summary};
use super::{Content, Memory};
use crate::errno::{Errno, Result};
use ramet_abi::layout::{DIRECT_PD_GPA, DIRECT_PDPT_GPA};

const GIB: u64 = 1 << 30;
/// RAM grows by half of what it has, and at least by this.
const LEAST_STEP: u64 = 32 << 20;

impl<P: Physical> Memory<P> {
    /// The lowest block that was never used; RAM grows when there is none.
    pub(super) fn next_fresh(&self) -> Option<u32> {
        loop {
            let block = self.fresh.get();
            if u64::from(block) << BLOCK_SHIFT >= self.size.get() {
                if !self.grow() {
                    return None;
                }
                continue;
            }
            self.fresh.set(block + 1);
            if block & 511 == 0 {
                // The first block of each GiB holds the GiB's block records.
                self.set_summary(block, Summary { kind: Kind::Reserved, clean: 0, dirty: 0 });
                continue;
            }
            return Some(block);
        }
    }

    /// Asks for more RAM.
    fn grow(&self) -> bool {
        let size = self.size.get();
        if self.limit < size + BLOCK_SIZE {
            return false;
        }
        let step = (size / 2).max(LEAST_STEP) & !(BLOCK_SIZE - 1);
        let target = (size + step).min(self.limit);
        let Ok(new) = self.physical.grow(target).or_else(|_| self.physical.grow(size + BLOCK_SIZE)) else {
            return false;
        };
        self.admit(new.min(self.limit) & !(BLOCK_SIZE - 1));
        self.size.get() > size
    }

    /// RAM now ends at `size`: maps and counts what is new.
    pub(super) fn admit(&self, size: u64) {
        while self.size.get() < size {
            let from = self.size.get();
            let to = size.min((from / GIB + 1) * GIB);
            // Without the spare page this would ask for a page table, hence for more RAM, without end.
            let has_directory =
                from < GIB || self.physical.read(DIRECT_PDPT_GPA + (from >> 30) * 8) & PRESENT != 0;
            if !has_directory && self.spare_table.get() == 0
                || self.map_direct(from, to - from, true).is_err()
            {
                return;
            }
            let records = u64::from(from.is_multiple_of(GIB));
            let blocks = ((to - from) >> BLOCK_SHIFT) - records;
            self.clean.set(self.clean.get() + blocks * u64::from(FRAMES));
            self.size.set(to);
            self.keep_spare_table();
        }
    }

    /// Keeps one page table ready for the direct map of the next GiB, which must exist before its RAM can be used.
    pub(super) fn keep_spare_table(&self) {
        let has_room = self.heads[Kind::Table as usize * 2].get() != 0
            || u64::from(self.fresh.get()) << BLOCK_SHIFT < self.size.get();
        if self.spare_table.get() == 0 && self.limit > GIB && has_room {
            self.spare_table.set(self.allocate_table().unwrap_or(0));
        }
    }

    fn direct_table(&self) -> Result<u64> {
        let table = self.spare_table.replace(0);
        if table != 0 {
            return Ok(table);
        }
        self.allocate_table().ok_or(Errno::ENOMEM)
    }

    /// Shows `length` bytes at `gpa` in the direct map, never executable: in 2 MiB pages, and in 4 KiB pages where
    /// the end (rounded up to a page) is inside of one. What is mapped already stays as it is.
    ///
    /// # Errors
    /// EINVAL: `gpa` is not on a 2 MiB boundary; ENOMEM: no page for a page table.
    pub fn map_direct(&self, gpa: u64, length: u64, writable: bool) -> Result<()> {
        if gpa & (BLOCK_SIZE - 1) != 0 || gpa.checked_add(length).is_none_or(|end| end > 512 * GIB) {
            return Err(Errno::EINVAL);
        }
        let flags = PRESENT | USER | NO_EXECUTE | ACCESSED | if writable { WRITABLE } else { 0 };
        let end = (gpa + length).next_multiple_of(4096);
        let mut at = gpa;
        while at < end {
            let slot = self.direct_directory(at)? + (at >> BLOCK_SHIFT & 511) * 8;
            let part = (end - at).min(BLOCK_SIZE);
            let mut entry = self.physical.read(slot);
            if entry & PRESENT == 0 {
                if part == BLOCK_SIZE {
                    self.physical.write(slot, at | flags | LARGE);
                    at += part;
                    continue;
                }
                let table = self.direct_table()?;
                entry = table | PRESENT | USER | WRITABLE | ACCESSED;
                self.physical.write(slot, entry);
            }
            if entry & LARGE == 0 {
                for page in 0..part / 4096 {
                    self.physical.write((entry & ADDRESS) + page * 8, (at + page * 4096) | flags);
                }
            }
            at += part;
        }
        Ok(())
    }

    /// The page directory of the direct map's GiB that holds `gpa`.
    fn direct_directory(&self, gpa: u64) -> Result<u64> {
        if gpa < GIB {
            return Ok(DIRECT_PD_GPA);
        }
        let slot = DIRECT_PDPT_GPA + (gpa >> 30) * 8;
        let entry = self.physical.read(slot);
        if entry & PRESENT != 0 {
            return Ok(entry & ADDRESS);
        }
        let table = self.direct_table()?;
        self.physical.write(slot, table | PRESENT | USER | WRITABLE | ACCESSED);
        Ok(table)
    }

    /// From now on free dirty blocks beyond `bytes` go back to the host (`None`: never, which is how it begins).
    pub fn set_release_above(&self, bytes: Option<u64>) {
        self.release_above.set(bytes.map_or(u64::MAX, |b| b >> 12));
        self.trim();
    }

    /// Gives free dirty blocks back to the host when there are too many; half of them, so that it is rare.
    pub(super) fn trim(&self) {
        let keep = self.release_above.get();
        if self.dirty.get() <= keep {
            return;
        }
        while self.dirty.get() > keep / 2 && self.release_one() {}
    }

    /// Gives one run of adjacent free dirty blocks back to the host.
    pub fn release_one(&self) -> bool {
        let first = self.heads[1].get();
        if first == 0 {
            return false;
        }
        let is_free = |block: u32| {
            u64::from(block) < u64::from(self.fresh.get())
                && block & 511 != 0
                && block > self.first_block()
                && {
                    let s = self.summary(block);
                    s.kind == Kind::Free && s.dirty > 0
                }
        };
        let (mut start, mut end) = (first, first + 1);
        while is_free(start - 1) {
            start -= 1;
        }
        while is_free(end) {
            end += 1;
        }
        let gpa = u64::from(start) << BLOCK_SHIFT;
        if self.physical.release(gpa, u64::from(end - start) << BLOCK_SHIFT).is_err() {
            return false;
        }
        for block in start..end {
            self.unlink(1, block);
            self.make_clean(block);
            self.link(0, block);
        }
        true
    }

    /// Every frame of the free block `block` now holds zeros.
    pub(super) fn make_clean(&self, block: u32) {
        let s = self.summary(block);
        for word in 0..FRAMES / 64 {
            self.set_dirt(block, word, 0);
        }
        self.set_summary(block, Summary { kind: s.kind, clean: FRAMES, dirty: 0 });
        self.clean.set(self.clean.get() + u64::from(s.dirty));
        self.dirty.set(self.dirty.get() - u64::from(s.dirty));
    }

    /// For allocations that must succeed if anything is left: a frame out of the kernel's reserve.
    pub fn allocate_reserved(&self, content: Content) -> Option<u64> {
        self.take(Kind::Small, content)
    }
}
