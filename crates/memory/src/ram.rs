//! Guest RAM: a reservation as large as the limit, of which the first part is present.

use crate::{Mapping, OutOfBounds};
use ramet_abi::layout::{LARGE_PAGE_SIZE, PAGE_SIZE, RAM_MAX};
use std::io;
use std::ops::Range;

/// RAM that a VM has at boot, in bytes (less if its limit is lower).
pub const INITIAL_RAM: u64 = 32 << 20;
/// Pages that KVM maps at once where it can, a power of two.
const GROUP: u32 = 8;
/// Smallest limit with which a VM boots.
pub const MIN_RAM: u64 = 16 << 20;

/// Guest RAM. Address space for the whole limit is reserved at once, so that growing never moves anything.
#[derive(Debug)]
pub struct Ram {
    mapping: Mapping,
    present: u64,
    limit: u64,
}

impl Ram {
    /// Reserves RAM of at most `limit` bytes, which is rounded down to 2 MiB and cut at [`RAM_MAX`].
    pub fn new(limit: u64) -> io::Result<Self> {
        let limit = (limit & !(LARGE_PAGE_SIZE - 1)).min(RAM_MAX);
        let mapping = Mapping::anonymous(limit)?;
        // A host without transparent huge pages is slower, not wrong.
        let _ = mapping.advise(0, limit, libc::MADV_HUGEPAGE);
        Ok(Self { mapping, present: INITIAL_RAM.min(limit), limit })
    }

    /// Bytes that the guest has.
    pub fn present(&self) -> u64 {
        self.present
    }

    /// Bytes that the guest may have.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Lowers or raises the limit, never below what is present or above what was reserved.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = (limit & !(LARGE_PAGE_SIZE - 1)).clamp(self.present, self.mapping.length());
    }

    /// The range that must be added so that at least `wanted` bytes are present: at least as much again as there
    /// is, so that the number of memory slots stays small. `None` past the limit; an empty range when there is enough.
    pub fn growth(&self, wanted: u64) -> Option<Range<u64>> {
        if wanted <= self.present {
            return Some(self.present..self.present);
        }
        if wanted > self.limit {
            return None;
        }
        let step = self.present.max(INITIAL_RAM);
        let size = wanted.max(self.present + step).min(self.limit);
        Some(self.present..size.next_multiple_of(LARGE_PAGE_SIZE).min(self.limit))
    }

    /// Makes RAM up to `size` present: the range of [`Ram::growth`] has its slot.
    pub fn set_present(&mut self, size: u64) {
        self.present = size.clamp(self.present, self.limit);
    }

    /// Address in this process of guest-physical `offset`.
    pub fn address(&self, offset: u64) -> u64 {
        self.mapping.address() + offset
    }

    /// Writes these pages (in ascending order) with what is in them, and their neighbours in the same [`GROUP`], so that they are this
    /// process's own: KVM then maps the whole group at the first touch of a page of it (`PTE_PREFETCH_NUM`), where it would
    /// stop at a page that is still to be copied. Pages outside present RAM are left alone. Nobody else may write to RAM meanwhile.
    pub fn make_private(&self, pages: &[u32]) {
        const MADV_POPULATE_WRITE: i32 = 23;
        let mut done = 0;
        for page in pages {
            let first = u64::from(page - page % GROUP) * PAGE_SIZE;
            let length = u64::from(GROUP) * PAGE_SIZE;
            if first < done || first + length > self.present {
                continue;
            }
            done = first + length;
            if self.mapping.advise(first, length, MADV_POPULATE_WRITE).is_err() {
                // Linux before 5.14, or no memory: a touch of each then says so, or does it.
                for offset in (first..done).step_by(PAGE_SIZE as usize) {
                    if let Ok(word) = self.read_u64(offset) {
                        // In bounds, as reading was.
                        let _ = self.write_u64(offset, word);
                    }
                }
            }
        }
    }

    /// Gives memory back to the host: it reads as zeros afterwards.
    pub fn release(&self, offset: u64, length: u64) -> io::Result<()> {
        self.mapping.advise(offset, length, libc::MADV_DONTNEED)
    }

    /// Asks the host to back what is present with 2 MiB pages where it is resident (`MADV_COLLAPSE`, Linux 6.1).
    /// Best effort: a range that is not resident, or an old host, is left as it is.
    pub fn collapse(&self) {
        const MADV_COLLAPSE: i32 = 25;
        let mut offset = 0;
        while offset < self.present {
            let _ = self.mapping.advise(offset, LARGE_PAGE_SIZE.min(self.present - offset), MADV_COLLAPSE);
            offset += LARGE_PAGE_SIZE;
        }
    }

    /// RAM's memory, whatever of it is present.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Copies bytes out of present RAM.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), OutOfBounds> {
        self.check(offset, buffer.len())?;
        self.mapping.read(offset, buffer)
    }

    /// Copies bytes into present RAM.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.check(offset, bytes.len())?;
        self.mapping.write(offset, bytes)
    }

    /// Reads a little-endian word of present RAM.
    pub fn read_u64(&self, offset: u64) -> Result<u64, OutOfBounds> {
        self.check(offset, 8)?;
        self.mapping.read_u64(offset)
    }

    /// Writes a little-endian word of present RAM.
    pub fn write_u64(&self, offset: u64, value: u64) -> Result<(), OutOfBounds> {
        self.check(offset, 8)?;
        self.mapping.write_u64(offset, value)
    }

    fn check(&self, offset: u64, length: usize) -> Result<(), OutOfBounds> {
        match offset.checked_add(length as u64) {
            Some(end) if end <= self.present => Ok(()),
            _ => Err(OutOfBounds { offset, length: length as u64, size: self.present }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_by_doubling_up_to_the_limit() {
        let mut ram = Ram::new(100 << 20).unwrap();
        assert_eq!(ram.present(), 32 << 20);
        assert_eq!(ram.growth(1), Some(32 << 20..32 << 20));
        assert_eq!(ram.growth(33 << 20), Some(32 << 20..64 << 20));
        ram.set_present(64 << 20);
        assert_eq!(ram.growth(65 << 20), Some(64 << 20..100 << 20));
        assert_eq!(ram.growth((100 << 20) + 1), None);
    }

    #[test]
    fn absent_ram_is_out_of_bounds() {
        let ram = Ram::new(64 << 20).unwrap();
        assert!(ram.write_u64((32 << 20) - 8, 7).is_ok());
        assert!(ram.write_u64((32 << 20) - 4, 7).is_err());
        assert!(ram.read(u64::MAX, &mut [0; 2]).is_err());
    }

    #[test]
    fn released_ram_reads_as_zeros() {
        let ram = Ram::new(64 << 20).unwrap();
        ram.write_u64(4096, 7).unwrap();
        ram.release(4096, 4096).unwrap();
        assert_eq!(ram.read_u64(4096).unwrap(), 0);
    }
}
