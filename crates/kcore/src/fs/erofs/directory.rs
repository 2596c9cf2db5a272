//! Directories: blocks of sorted entries.

use super::{Image, Inode, u16_at, u64_at};
use crate::errno::{Errno, Result};
use crate::fs::inode::{FileType, NAME_MAX};
use core::cmp::Ordering;

const ENTRY_SIZE: usize = 12;
/// Bits of a position that count entries in a block.
const INDEX_BITS: u32 = 16;

/// One name of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Inode.
    pub nid: u64,
    /// Kind, as the directory says.
    pub file_type: FileType,
    /// The name.
    pub name: &'static [u8],
    /// Position of the entry behind this one.
    pub next: u64,
}

struct Block {
    bytes: &'static [u8],
    count: usize,
}

impl Block {
    fn new(bytes: &'static [u8]) -> Result<Block> {
        // Names begin where the entries end, so that the first one's place tells how many there are.
        let names = usize::from(u16_at(bytes, 8)?);
        if names < ENTRY_SIZE || names % ENTRY_SIZE != 0 || names >= bytes.len() {
            return Err(Errno::EUCLEAN);
        }
        Ok(Block { bytes, count: names / ENTRY_SIZE })
    }

    fn name(&self, index: usize) -> Result<&'static [u8]> {
        let start = usize::from(u16_at(self.bytes, index * ENTRY_SIZE + 8)?);
        let last = index + 1 == self.count;
        let end = if last {
            self.bytes.len()
        } else {
            usize::from(u16_at(self.bytes, (index + 1) * ENTRY_SIZE + 8)?)
        };
        let name = self.bytes.get(start..end).ok_or(Errno::EUCLEAN)?;
        let name = if last { name.split(|&b| b == 0).next().unwrap_or(&[]) } else { name };
        if name.is_empty() || name.len() > NAME_MAX || start < self.count * ENTRY_SIZE {
            return Err(Errno::EUCLEAN);
        }
        Ok(name)
    }

    fn entry(&self, index: usize, next: u64) -> Result<Entry> {
        let raw = index * ENTRY_SIZE;
        let file_type = match self.bytes.get(raw + 10).ok_or(Errno::EUCLEAN)? {
            1 => FileType::Regular,
            2 => FileType::Directory,
            3 => FileType::CharacterDevice,
            4 => FileType::BlockDevice,
            5 => FileType::Fifo,
            6 => FileType::Socket,
            7 => FileType::Symlink,
            _ => return Err(Errno::EUCLEAN),
        };
        Ok(Entry { nid: u64_at(self.bytes, raw)?, file_type, name: self.name(index)?, next })
    }
}

impl Image {
    fn directory_block(&self, directory: &Inode, index: u64) -> Result<Block> {
        let offset = index << self.directory_bits;
        let length = (directory.size - offset).min(1 << self.directory_bits);
        Block::new(self.contiguous(directory, offset, length as usize)?)
    }

    /// The entry `name`; none: there is no such name.
    ///
    /// # Errors
    /// EUCLEAN.
    pub fn lookup(&self, directory: &Inode, name: &[u8]) -> Result<Option<Entry>> {
        // The last block whose first name is not greater than the wanted one.
        let (mut low, mut high) = (0, directory.size.div_ceil(1 << self.directory_bits));
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let block = self.directory_block(directory, middle)?;
            if block.name(0)? <= name {
                low = middle + 1;
                found = Some(block);
            } else {
                high = middle;
            }
        }
        let Some(block) = found else { return Ok(None) };
        let (mut low, mut high) = (0, block.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match block.name(middle)?.cmp(name) {
                Ordering::Equal => return block.entry(middle, 0).map(Some),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// The first entry at or behind `position` (0: the start); none: the end. Skips `.`, `..`, and names that no path can have.
    ///
    /// # Errors
    /// EUCLEAN.
    pub fn next_entry(&self, directory: &Inode, position: u64) -> Result<Option<Entry>> {
        let blocks = directory.size.div_ceil(1 << self.directory_bits);
        let (mut number, mut index) = (position >> INDEX_BITS, (position & ((1 << INDEX_BITS) - 1)) as usize);
        while number < blocks {
            let block = self.directory_block(directory, number)?;
            while index < block.count {
                let entry = block.entry(index, (number << INDEX_BITS) + index as u64 + 1)?;
                if entry.name != b"." && entry.name != b".." && !entry.name.contains(&b'/') {
                    return Ok(Some(entry));
                }
                index += 1;
            }
            (number, index) = (number + 1, 0);
        }
        Ok(None)
    }
}
