//! Extended attributes: inline behind the inode, and shared between inodes.

use super::{Image, Inode, u16_at, u32_at};
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

const HEADER_SIZE: usize = 12;
const ENTRY_SIZE: usize = 4;

fn prefix(index: u8) -> Option<&'static [u8]> {
    Some(match index {
        1 => b"user.",
        2 => b"system.posix_acl_access",
        3 => b"system.posix_acl_default",
        4 => b"trusted.",
        6 => b"security.",
        _ => return None,
    })
}

/// One attribute, and how many bytes its entry takes.
struct Attribute {
    prefix: Option<&'static [u8]>,
    suffix: &'static [u8],
    value: &'static [u8],
    length: usize,
}

fn parse(bytes: &'static [u8]) -> Result<Attribute> {
    let head = bytes.get(..ENTRY_SIZE).ok_or(Errno::EUCLEAN)?;
    let (name_length, value_length) = (usize::from(head[0]), usize::from(u16_at(head, 2)?));
    let value_start = ENTRY_SIZE + name_length;
    let end = value_start + value_length;
    Ok(Attribute {
        prefix: prefix(head[1]),
        suffix: bytes.get(ENTRY_SIZE..value_start).ok_or(Errno::EUCLEAN)?,
        value: bytes.get(value_start..end).ok_or(Errno::EUCLEAN)?,
        length: end.next_multiple_of(4),
    })
}

impl Image {
    /// Calls `visit` with the full name and the value of each attribute until it returns false.
    ///
    /// # Errors
    /// EUCLEAN.
    pub fn xattrs(&self, inode: &Inode, visit: &mut dyn FnMut(&[u8], &'static [u8]) -> bool) -> Result<()> {
        let area = inode.xattrs;
        if area.is_empty() {
            return Ok(());
        }
        let shared = usize::from(*area.get(4).ok_or(Errno::EUCLEAN)?);
        let mut name = Vec::new();
        let mut tell = |attribute: &Attribute| {
            let Some(prefix) = attribute.prefix else { return true };
            name.clear();
            name.extend_from_slice(prefix);
            name.extend_from_slice(attribute.suffix);
            visit(&name, attribute.value)
        };
        for i in 0..shared {
            let id = u64::from(u32_at(area, HEADER_SIZE + 4 * i)?);
            let place = self.shared_xattrs.checked_add(id * 4).ok_or(Errno::EUCLEAN)?;
            let rest = self.size().checked_sub(place).ok_or(Errno::EUCLEAN)?;
            if !tell(&parse(self.slice(place, rest)?)?) {
                return Ok(());
            }
        }
        let mut rest = area.get(HEADER_SIZE + 4 * shared..).ok_or(Errno::EUCLEAN)?;
        while rest.len() >= ENTRY_SIZE {
            // Padding: an entry without a name prefix, name and value.
            if rest[..ENTRY_SIZE] == [0; ENTRY_SIZE] {
                break;
            }
            let attribute = parse(rest)?;
            if !tell(&attribute) {
                break;
            }
            rest = rest.get(attribute.length..).unwrap_or(&[]);
        }
        Ok(())
    }
}
