//! The form in which a writable layer travels: a stream of records, little-endian, in pieces of whole records.
//!
//! A record is its kind, the length of its body (u32 each) and the body, padded with zeros to 8 bytes. The stream begins with
//! [`HEADER`], then come all nodes with their data and extended attributes, then the names of all directories, then [`END`].
//! A node is named by its inode number. What is not told is as the image has it.

use crate::errno::Result;
use crate::fields::{self, Fields};
use alloc::vec::Vec;

/// Version of this form.
pub const VERSION: u32 = 1;
/// Most bytes of one piece.
pub const PIECE_MAX: usize = 1 << 20;
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"RAMETLAY");

/// Magic, version, zero (u32), bytes and inodes of the image (0: none), root's inode, next new inode.
pub(super) const HEADER: u32 = 1;
/// Inode, [`super::FileType`], permissions, owner, group, links, [`flag`] bits (u32 each), device number, access, modification, change, creation
/// time, size, end of the image's data, seals (u32, `u32::MAX`: none), zero (u32), then a symbolic link's target.
pub(super) const NODE: u32 = 2;
/// Inode, index of the first page, bytes of whole pages.
pub(super) const PAGES: u32 = 3;
/// Inode, first page, pages: holes in the image's data.
pub(super) const HOLES: u32 = 4;
/// Inode, whether it is there (u32, 0: removed), length of the name (u32), name, value.
pub(super) const XATTR: u32 = 5;
/// Inode, next cookie, balance of the size.
pub(super) const DIRECTORY: u32 = 6;
/// Inode of the directory, cookie, inode of the node, name.
pub(super) const ADDED: u32 = 7;
/// Inode of the directory, name of the image that is gone.
pub(super) const REMOVED: u32 = 8;
/// Nothing follows.
pub(super) const END: u32 = 9;

/// Bits of [`NODE`].
pub(super) mod flag {
    /// Backed by the image's inode of that number.
    pub const IMAGE: u32 = 1;
    /// Without a name, and may be given one.
    pub const LINKABLE: u32 = 2;
    /// The access time need not be looked at.
    pub const ACCESS_NOTED: u32 = 4;
    pub const ALL: u32 = 7;
}

/// Writes records to the end of a vector.
pub(super) struct Writer<'a> {
    pub out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// A record whose body is written by `body`.
    pub fn record(&mut self, kind: u32, body: impl FnOnce(&mut fields::Writer)) {
        let start = self.out.len();
        let mut written = fields::Writer(core::mem::take(self.out));
        body(written.u32(kind).u32(0));
        *self.out = written.0;
        let length = self.out.len() - start - 8;
        self.out[start + 4..start + 8].copy_from_slice(&(length as u32).to_le_bytes());
        self.out.resize(start + 8 + length.next_multiple_of(8), 0);
    }
}

/// The next record of `piece`, which is cut off: its kind and body.
pub(super) fn next<'a>(piece: &mut &'a [u8]) -> Result<Option<(u32, Fields<'a>)>> {
    if piece.is_empty() {
        return Ok(None);
    }
    let mut head = Fields(piece);
    let (kind, length) = (head.u32()?, head.u32()? as usize);
    let body = head.bytes(length)?;
    head.bytes(length.next_multiple_of(8) - length)?;
    *piece = head.0;
    Ok(Some((kind, Fields(body))))
}
