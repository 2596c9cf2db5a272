//! The program's page tables: four levels, edited in place.
//!
//! Only the program's half (top-level entries 0-255) is touched here; the top-level table and its twin always get
//! the same entries. The reference count of a page table's frame is its number of non-zero entries, so that an empty
//! table is known at once. Page tables come back only when a whole span of theirs is unmapped.
//!
//! Rules of flushing: filling an empty entry never needs a flush; a change that takes rights away or leads elsewhere
//! needs one if the CPU had accessed the entry ([`entry::needs_flush`]). The functions return whether a flush is
//! needed, and the caller does it once, before any of the frames and tables that came free is handed out again.

pub mod entry;
mod fill;
mod visit;

use super::frames::Memory;
use super::physical::Physical;
use crate::errno::{Errno, Result};
use entry::{ACCESSED, ADDRESS, PRESENT, TABLE, is_large};
use ramet_abi::layout::{ROOT_TABLE_GPA, ROOT_TABLE_TWIN_GPA};

pub use visit::Changes;

/// Bytes below one entry of a page directory.
pub const SPAN_2M: u64 = 1 << 21;
const SPAN_1G: u64 = 1 << 30;
const SPAN_512G: u64 = 1 << 39;

/// What stands in a page directory for a 2 MiB span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Directory {
    /// A page table at this address.
    Table(u64),
    /// A large leaf: where the entry is, and its value.
    Large(u64, u64),
    /// Nothing; the entry is there (0: not even the directory exists).
    Empty(u64),
}

impl<P: Physical> Memory<P> {
    #[inline]
    fn slot(table: u64, shift: u32, va: u64) -> u64 {
        table + ((va >> shift) & 511) * 8
    }

    /// What the page directory says about `va`.
    #[inline]
    pub fn directory(&self, va: u64) -> Directory {
        let root = self.physical.read(Self::slot(ROOT_TABLE_GPA, 39, va));
        if root & PRESENT == 0 {
            return Directory::Empty(0);
        }
        let upper = self.physical.read(Self::slot(root & ADDRESS, 30, va));
        if upper & PRESENT == 0 {
            return Directory::Empty(0);
        }
        let slot = Self::slot(upper & ADDRESS, 21, va);
        let entry = self.physical.read(slot);
        if is_large(entry) {
            Directory::Large(slot, entry)
        } else if entry & PRESENT != 0 {
            Directory::Table(entry & ADDRESS)
        } else {
            Directory::Empty(slot)
        }
    }

    /// The leaf that maps `va`: where it is, its value (0: nothing is mapped), and whether it is a 2 MiB one.
    #[inline]
    pub fn leaf(&self, va: u64) -> (u64, u64, bool) {
        match self.directory(va) {
            Directory::Table(table) => {
                let slot = Self::slot(table, 12, va);
                (slot, self.physical.read(slot), false)
            }
            Directory::Large(slot, entry) => (slot, entry, true),
            Directory::Empty(_) => (0, 0, false),
        }
    }

    /// The guest-physical address of `va`, if it is mapped.
    pub fn translate(&self, va: u64) -> Option<u64> {
        let (_, leaf, large) = self.leaf(va);
        let mask = if large { SPAN_2M - 1 } else { 4095 };
        (leaf & PRESENT != 0).then(|| (leaf & ADDRESS & !mask) + (va & mask))
    }

    /// The page directory entry for `va`; the upper tables are made if they are missing.
    fn directory_slot(&self, va: u64) -> Result<u64> {
        debug_assert!(va < 1 << 47);
        let slot = Self::slot(ROOT_TABLE_GPA, 39, va);
        let mut upper = self.physical.read(slot);
        if upper & PRESENT == 0 {
            upper = self.allocate_table().ok_or(Errno::ENOMEM)? | TABLE;
            self.physical.write(slot, upper);
            self.physical.write(slot - ROOT_TABLE_GPA + ROOT_TABLE_TWIN_GPA, upper);
        }
        let slot = Self::slot(upper & ADDRESS, 30, va);
        let mut directory = self.physical.read(slot);
        if directory & PRESENT == 0 {
            directory = self.allocate_table().ok_or(Errno::ENOMEM)? | TABLE;
            self.physical.write(slot, directory);
            self.add_entries(upper & ADDRESS, 1);
        }
        Ok(Self::slot(directory & ADDRESS, 21, va))
    }

    /// The page table for `va`, made if there is none; a large leaf stays, and is returned.
    ///
    /// # Errors
    /// ENOMEM: no frame for a table.
    pub fn table_for(&self, va: u64) -> Result<Directory> {
        let slot = match self.directory(va) {
            Directory::Empty(0) => self.directory_slot(va)?,
            Directory::Empty(slot) => slot,
            found => return Ok(found),
        };
        let table = self.allocate_table().ok_or(Errno::ENOMEM)?;
        self.physical.write(slot, table | TABLE);
        self.add_entries(slot & !4095, 1);
        Ok(Directory::Table(table))
    }

    /// Puts the large leaf `entry` where nothing was. `false`: something is there.
    ///
    /// # Errors
    /// ENOMEM: no frame for a table.
    pub fn map_large(&self, va: u64, entry: u64) -> Result<bool> {
        debug_assert!(va & (SPAN_2M - 1) == 0 && is_large(entry));
        let slot = match self.directory(va) {
            Directory::Empty(0) => self.directory_slot(va)?,
            Directory::Empty(slot) => slot,
            // A table that was emptied earlier makes room if no part of it can be in the TLB.
            Directory::Table(table) if self.references(table) == 0 => {
                let slot = self.directory_slot(va)?;
                if self.physical.read(slot) & ACCESSED != 0 {
                    return Ok(false);
                }
                self.physical.write(slot, 0);
                self.add_entries(slot & !4095, -1);
                self.free_table(table, false);
                slot
            }
            _ => return Ok(false),
        };
        self.physical.write(slot, entry);
        self.add_entries(slot & !4095, 1);
        Ok(true)
    }

    /// Replaces the large leaf at `slot` by a page table that says the same. Needs no flush.
    ///
    /// # Errors
    /// ENOMEM: no frame for the table.
    pub fn split(&self, slot: u64) -> Result<u64> {
        let old = self.physical.read(slot);
        debug_assert!(is_large(old));
        let table = self.allocate_table().ok_or(Errno::ENOMEM)?;
        for index in 0..512 {
            self.physical.write(table + index * 8, entry::part(old, index));
        }
        self.set_count(table, 512);
        self.physical.write(slot, table | TABLE | old & ACCESSED);
        if super::frames::is_managed(old & ADDRESS) {
            self.split_large(old & ADDRESS & !(SPAN_2M - 1));
        }
        Ok(table)
    }

    /// The number of used entries of a table changes by `change`.
    #[inline]
    fn add_entries(&self, table: u64, change: i32) {
        self.set_count(table, self.count(table).saturating_add_signed(change));
    }
}
