//! What a guest has open in its volumes, kept for a reset. The files themselves are the host's, and stay as they are.

use super::HostFs;
use super::fid::{Fid, Open};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

/// A mapped file: length in bytes, whether it may be written, file, and offset in it.
pub(super) type Mapped = (u64, bool, File, u64);

/// See the module's documentation.
#[derive(Debug)]
pub struct Kept {
    fids: BTreeMap<u32, Fid>,
    /// By offset in the window.
    mapped: BTreeMap<u64, Mapped>,
}

impl Fid {
    fn copy(&self) -> io::Result<Self> {
        let open = match &self.open {
            Some(open) => {
                let (readable, writable) = (open.readable, open.writable);
                Some(Open { file: open.file.try_clone()?, readable, writable })
            }
            None => None,
        };
        let mut copy = Self { path: self.path.try_clone()?, volume: self.volume, kind: self.kind, open };
        // A directory's position is not shared.
        copy.become_clone(true)?;
        Ok(copy)
    }
}

fn copies(fids: &BTreeMap<u32, Fid>) -> io::Result<BTreeMap<u32, Fid>> {
    fids.iter().map(|(number, fid)| Ok((*number, fid.copy()?))).collect()
}

impl HostFs {
    /// What is open now.
    pub fn keep(&self) -> io::Result<Kept> {
        Ok(Kept { fids: copies(&self.fids)?, mapped: self.window.keep()? })
    }

    /// Makes what was open then be open again, and nothing else. False: memory slots are missing, and new KVM objects are needed before the
    /// guest runs.
    pub fn rewind(&mut self, kept: &Kept) -> io::Result<bool> {
        self.fids = copies(&kept.fids)?;
        self.window.rewind(&kept.mapped)
    }
}
