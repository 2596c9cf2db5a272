//! Listings of the session's directories.

use super::inode::SessionInode;
use crate::errno::{Errno, Result};
use crate::fs::inode::{DirectoryEntry, FileType, Inode};
use alloc::vec::Vec;
use ramet_abi::session::{Request, op};

/// Entries are asked for in pieces of this size.
const PIECE: u64 = 32768;

impl SessionInode {
    /// See [`Inode::read_directory`]. The keeper's cookies are those that this kernel gives for the image's names, so that a listing may begin
    /// here and go on there.
    pub(super) fn list(
        &self,
        mut cookie: u64,
        emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool,
    ) -> Result<()> {
        self.check_directory()?;
        if let Some(pristine) = self.untouched() {
            return pristine.read_directory(cookie, emit);
        }
        loop {
            let mut records = Vec::new();
            let request =
                Request { arguments: [cookie, 0, 0, 0, 0, 0], wanted: PIECE, ..self.request(op::READDIR)? };
            self.client().call_into(&request, &[], &mut records)?;
            if records.is_empty() {
                return Ok(());
            }
            let mut rest = &records[..];
            while !rest.is_empty() {
                let (entry, length) = parse_entry(rest)?;
                if !emit(&entry) {
                    return Ok(());
                }
                cookie = entry.next;
                rest = rest.get(length..).unwrap_or(&[]);
            }
        }
    }
}

/// The first record of an answer, and its length with padding.
fn parse_entry(record: &[u8]) -> Result<(DirectoryEntry<'_>, usize)> {
    const HEADER: usize = 24;
    let word = |at: usize| record.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let half = |at: usize| record.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let length = half(20).ok_or(Errno::EIO)? as usize;
    let name = record.get(HEADER..HEADER.saturating_add(length)).ok_or(Errno::EIO)?;
    let entry = DirectoryEntry {
        inode: word(0).ok_or(Errno::EIO)?,
        next: word(8).ok_or(Errno::EIO)?,
        // DT_* are the type bits of a mode, shifted.
        file_type: FileType::from_mode(half(16).ok_or(Errno::EIO)? << 12).unwrap_or(FileType::Regular),
        name,
    };
    Ok((entry, (HEADER + length).next_multiple_of(8)))
}
