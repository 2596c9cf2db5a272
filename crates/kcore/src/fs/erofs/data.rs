//! Where the bytes of an inode are.

use super::{Image, Inode, u32_at};
use crate::errno::{Errno, Result};

/// Data layouts that are read (`i_format` bits 1-3).
#[derive(Clone, Copy)]
pub(super) enum Layout {
    /// Whole blocks one after the other, then perhaps a tail behind the inode.
    Flat { body: &'static [u8], tail: &'static [u8] },
    /// Chunks of equal size; the table has 4 or (`wide`) 8 bytes for each.
    Chunks { table: &'static [u8], chunk_bits: u32, wide: bool },
}

/// What is at some offset of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// These bytes of the image, as far as they follow each other there.
    Bytes(&'static [u8]),
    /// So many zeros, a hole.
    Zeros(u64),
}

impl Run {
    /// Bytes in the run.
    pub fn length(&self) -> u64 {
        match self {
            Run::Bytes(bytes) => bytes.len() as u64,
            Run::Zeros(count) => *count,
        }
    }
}

const FLAT_PLAIN: u16 = 0;
const FLAT_INLINE: u16 = 2;
const CHUNK_BASED: u16 = 4;
const NULL_BLOCK: u32 = u32::MAX;

impl Layout {
    pub(super) fn new(image: &Image, layout: u16, size: u64, locator: u32, after: u64) -> Result<Layout> {
        let block = 1u64 << image.block_bits;
        match layout {
            FLAT_PLAIN | FLAT_INLINE => {
                // As in Linux, an inline tail is whatever the last block would hold.
                let inline = layout == FLAT_INLINE && size > 0;
                let body_size = if inline { (size - 1) / block * block } else { size };
                let body = if body_size == 0 {
                    &[]
                } else {
                    image.slice(u64::from(locator) << image.block_bits, body_size)?
                };
                let tail = if inline { image.slice(after, size - body_size)? } else { &[] };
                Ok(Layout::Flat { body, tail })
            }
            CHUNK_BASED => {
                if locator & !0x3f != 0 {
                    return Err(Errno::EUCLEAN);
                }
                let wide = locator & 0x20 != 0;
                let unit = if wide { 8 } else { 4 };
                let chunk_bits = image.block_bits + (locator & 0x1f);
                let chunks = size.div_ceil(1 << chunk_bits);
                let length = chunks.checked_mul(unit).ok_or(Errno::EUCLEAN)?;
                let table = image.slice(after.next_multiple_of(unit), length)?;
                Ok(Layout::Chunks { table, chunk_bits, wide })
            }
            1 | 3 => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::EUCLEAN),
        }
    }
}

impl Image {
    /// What is at `offset` < `inode.size` of a file.
    ///
    /// # Errors
    /// EUCLEAN: the image says that data are where it has none.
    #[inline]
    pub fn run(&self, inode: &Inode, offset: u64) -> Result<Run> {
        match inode.layout {
            Layout::Flat { body, tail } => {
                let start = body.len() as u64;
                if offset < start {
                    return Ok(Run::Bytes(&body[offset as usize..]));
                }
                let tail = tail.get((offset - start) as usize..).ok_or(Errno::EUCLEAN)?;
                if tail.is_empty() { Err(Errno::EUCLEAN) } else { Ok(Run::Bytes(tail)) }
            }
            Layout::Chunks { table, chunk_bits, wide } => {
                if offset >= inode.size {
                    return Err(Errno::EUCLEAN);
                }
                let chunk = (offset >> chunk_bits) as usize;
                // The wide entry is { startblk_hi: u16, device: u16, startblk: u32 }; other devices are not supported.
                let start = if wide {
                    if u32_at(table, chunk * 8)? != 0 {
                        let null = u32_at(table, chunk * 8 + 4)? == NULL_BLOCK;
                        if !null {
                            return Err(Errno::EUCLEAN);
                        }
                    }
                    u32_at(table, chunk * 8 + 4)?
                } else {
                    u32_at(table, chunk * 4)?
                };
                let within = offset & ((1 << chunk_bits) - 1);
                let length = ((1 << chunk_bits) - within).min(inode.size - offset);
                if start == NULL_BLOCK {
                    return Ok(Run::Zeros(length));
                }
                let place =
                    (u64::from(start) << self.block_bits).checked_add(within).ok_or(Errno::EUCLEAN)?;
                self.slice(place, length).map(Run::Bytes)
            }
        }
    }

    /// Copies from `offset` of the file, zeros past its end.
    ///
    /// # Errors
    /// EUCLEAN.
    pub fn copy(&self, inode: &Inode, mut offset: u64, mut to: &mut [u8]) -> Result<()> {
        while !to.is_empty() {
            if offset >= inode.size {
                to.fill(0);
                break;
            }
            let run = self.run(inode, offset)?;
            let n = run.length().min(to.len() as u64) as usize;
            let (part, rest) = to.split_at_mut(n);
            match run {
                Run::Bytes(bytes) => part.copy_from_slice(&bytes[..n]),
                Run::Zeros(_) => part.fill(0),
            }
            to = rest;
            offset += n as u64;
        }
        Ok(())
    }

    /// `length` bytes at `offset` of the file's data, which must be together.
    pub(super) fn contiguous(&self, inode: &Inode, offset: u64, length: usize) -> Result<&'static [u8]> {
        match self.run(inode, offset)? {
            Run::Bytes(bytes) => bytes.get(..length).ok_or(Errno::EUCLEAN),
            Run::Zeros(_) => Err(Errno::EUCLEAN),
        }
    }

    /// Text of a symbolic link.
    ///
    /// # Errors
    /// EUCLEAN.
    pub fn read_link(&self, inode: &Inode) -> Result<&'static [u8]> {
        if inode.size == 0 || inode.size >= crate::fs::inode::PATH_MAX as u64 {
            return Err(Errno::EUCLEAN);
        }
        self.contiguous(inode, 0, inode.size as usize)
    }

    /// From page `index` on: address of the first page and number of pages that lie together and page-aligned in memory, each
    /// wholly inside the first `end` bytes of the file or followed by nothing but zeros.
    pub fn extent(&self, inode: &Inode, index: u64, end: u64) -> Option<(usize, u64)> {
        const PAGE: u64 = 4096;
        let offset = index.checked_mul(PAGE)?;
        let end = end.min(inode.size);
        if offset >= end {
            return None;
        }
        let Ok(Run::Bytes(bytes)) = self.run(inode, offset) else { return None };
        let address = bytes.as_ptr() as usize;
        if !address.is_multiple_of(PAGE as usize) {
            return None;
        }
        let length = (bytes.len() as u64).min(end - offset);
        let mut pages = length / PAGE;
        if !length.is_multiple_of(PAGE) && offset + length == inode.size {
            // The last page may be mapped as well if the rest of it shows nothing: programs see zeros there.
            let start = address - self.bytes.as_ptr() as usize + length as usize;
            let rest = self.bytes.get(start..(start as u64).next_multiple_of(PAGE) as usize);
            if rest.is_some_and(|bytes| bytes.iter().all(|&b| b == 0)) {
                pages += 1;
            }
        }
        (pages > 0).then_some((address, pages))
    }
}
