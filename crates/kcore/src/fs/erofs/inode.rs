//! Inodes of an EROFS image.

use super::data::Layout;
use super::{Image, seconds, u16_at, u32_at, u64_at};
use crate::errno::{Errno, Result};
use crate::fs::inode::{FileType, OFFSET_MAX};
use crate::stat::{Nanoseconds, makedev};

const COMPACT_SIZE: u64 = 32;
const EXTENDED_SIZE: u64 = 64;
const XATTR_HEADER_SIZE: u64 = 12;

/// A parsed inode. Its data lie in the image.
#[derive(Clone, Copy)]
pub struct Inode {
    /// Number: position in the inode area, and the inode number that programs see.
    pub nid: u64,
    /// Type and permissions.
    pub mode: u32,
    /// Kind of file.
    pub file_type: FileType,
    /// Hard links.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Time of last modification, the only one that EROFS keeps.
    pub modified: Nanoseconds,
    /// Device number of a device file, as stat(2) has it.
    pub rdev: u64,
    pub(super) layout: Layout,
    pub(super) xattrs: &'static [u8],
}

impl Image {
    /// The inode with number `nid`.
    ///
    /// # Errors
    /// EUCLEAN: it is not (wholly) in the image; EOPNOTSUPP: its data are compressed.
    pub fn inode(&self, nid: u64) -> Result<Inode> {
        let place = nid.checked_mul(32).and_then(|o| o.checked_add(self.metadata)).ok_or(Errno::EUCLEAN)?;
        let head = self.slice(place, COMPACT_SIZE)?;
        let format = u16_at(head, 0)?;
        let mode = u32::from(u16_at(head, 4)?);
        let file_type = FileType::from_mode(mode).ok_or(Errno::EUCLEAN)?;
        let extended = format & 1 != 0;
        let inode_size = if extended { EXTENDED_SIZE } else { COMPACT_SIZE };
        let raw = self.slice(place, inode_size)?;
        let (size, locator, links, uid, gid, modified);
        if extended {
            size = u64_at(raw, 8)?;
            locator = u32_at(raw, 16)?;
            uid = u32_at(raw, 24)?;
            gid = u32_at(raw, 28)?;
            modified = seconds(u64_at(raw, 32)?, u32_at(raw, 40)? % 1_000_000_000);
            links = u32_at(raw, 44)?;
        } else {
            size = u64::from(u32_at(raw, 8)?);
            locator = u32_at(raw, 16)?;
            uid = u32::from(u16_at(raw, 24)?);
            gid = u32::from(u16_at(raw, 26)?);
            modified = self.time;
            links = u32::from(u16_at(raw, 6)?);
        }
        if size > OFFSET_MAX {
            return Err(Errno::EUCLEAN);
        }
        let xattr_count = u64::from(u16_at(raw, 2)?);
        let xattr_size = if xattr_count == 0 { 0 } else { XATTR_HEADER_SIZE + 4 * (xattr_count - 1) };
        let xattrs = self.slice(place + inode_size, xattr_size)?;
        let device = matches!(file_type, FileType::CharacterDevice | FileType::BlockDevice);
        let has_data = matches!(file_type, FileType::Regular | FileType::Directory | FileType::Symlink);
        let layout = if has_data {
            let after = place + inode_size + xattr_size;
            Layout::new(self, (format >> 1) & 7, size, locator, after)?
        } else {
            Layout::Flat { body: &[], tail: &[] }
        };
        Ok(Inode {
            nid,
            mode,
            file_type,
            links,
            uid,
            gid,
            size: if has_data { size } else { 0 },
            modified,
            // Linux new_encode_dev(): 12 bits of major, 20 of minor.
            rdev: if device {
                makedev((locator >> 8) & 0xfff, (locator & 0xff) | ((locator >> 12) & 0xf_ff00))
            } else {
                0
            },
            layout,
            xattrs,
        })
    }
}
