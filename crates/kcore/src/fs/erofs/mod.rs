//! EROFS: the image's read-only file system, read in place.
//!
//! The image is a slice of memory; nothing is copied and nothing is cached. Only uncompressed images are read: inodes
//! compact and extended; data flat, flat with an inline tail, and chunk-based; extended attributes inline and shared.
//! On-disk format: Linux `fs/erofs/erofs_fs.h`, Documentation/filesystems/erofs.rst.
//!
//! An image is hostile: every offset in it is checked, a structure that does not fit is EUCLEAN, and no loop is longer than
//! the directory or the attribute area that it walks.

mod data;
mod directory;
mod inode;
mod xattr;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
pub(crate) mod testimage;
#[cfg(test)]
mod tests;

pub use data::Run;
pub use directory::Entry;
pub use inode::Inode;

use crate::errno::{Errno, Result};
use crate::stat::Nanoseconds;

const SUPERBLOCK_OFFSET: usize = 1024;
const MAGIC: u32 = 0xE0F5_E1E2;
/// statfs(2) type of EROFS.
pub const EROFS_MAGIC: u64 = MAGIC as u64;
/// Unknown incompatible features are refused. Zero padding (1) concerns compressed data only; 4 is chunk-based files.
const INCOMPATIBLE_KNOWN: u32 = 0x1 | 0x4;

/// An image that has been checked as far as its superblock goes.
#[derive(Clone, Copy)]
pub struct Image {
    bytes: &'static [u8],
    block_bits: u32,
    directory_bits: u32,
    metadata: u64,
    shared_xattrs: u64,
    root: u64,
    inodes: u64,
    time: Nanoseconds,
}

impl Image {
    /// Reads the superblock.
    ///
    /// # Errors
    /// EINVAL: not EROFS, or with features that are not supported; EUCLEAN: damaged.
    pub fn new(bytes: &'static [u8]) -> Result<Image> {
        let block = bytes.get(SUPERBLOCK_OFFSET..SUPERBLOCK_OFFSET + 128).ok_or(Errno::EINVAL)?;
        if u32_at(block, 0)? != MAGIC || u32_at(block, 80)? & !INCOMPATIBLE_KNOWN != 0 {
            return Err(Errno::EINVAL);
        }
        let block_bits = u32::from(block[12]);
        let directory_bits = block_bits + u32::from(block[90]);
        if !(9..=16).contains(&block_bits) || directory_bits > 16 || u16_at(block, 86)? != 0 {
            return Err(Errno::EINVAL);
        }
        let nanoseconds = u32_at(block, 32)? % 1_000_000_000;
        let image = Image {
            bytes,
            block_bits,
            directory_bits,
            metadata: u64::from(u32_at(block, 40)?) << block_bits,
            shared_xattrs: u64::from(u32_at(block, 44)?) << block_bits,
            root: u64::from(u16_at(block, 14)?),
            inodes: u64_at(block, 16)?,
            time: seconds(u64_at(block, 24)?, nanoseconds),
        };
        let root = image.inode(image.root)?;
        if root.mode & crate::stat::S_IFMT != crate::stat::S_IFDIR {
            return Err(Errno::EUCLEAN);
        }
        Ok(image)
    }

    /// Number (nid) of the root directory.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// Bytes of the image.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Inodes in the image, as its superblock says.
    pub fn inode_count(&self) -> u64 {
        self.inodes
    }

    /// `length` bytes at `offset` of the image.
    fn slice(&self, offset: u64, length: u64) -> Result<&'static [u8]> {
        let end = offset.checked_add(length).ok_or(Errno::EUCLEAN)?;
        if end > self.bytes.len() as u64 {
            return Err(Errno::EUCLEAN);
        }
        Ok(&self.bytes[offset as usize..end as usize])
    }
}

fn seconds(seconds: u64, nanoseconds: u32) -> Nanoseconds {
    (seconds as i64).saturating_mul(1_000_000_000).saturating_add(i64::from(nanoseconds))
}

fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N]> {
    let part = bytes.get(offset..).and_then(|b| b.first_chunk::<N>());
    part.copied().ok_or(Errno::EUCLEAN)
}

fn u16_at(bytes: &[u8], offset: usize) -> Result<u16> {
    array_at(bytes, offset).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], offset: usize) -> Result<u32> {
    array_at(bytes, offset).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], offset: usize) -> Result<u64> {
    array_at(bytes, offset).map(u64::from_le_bytes)
}
