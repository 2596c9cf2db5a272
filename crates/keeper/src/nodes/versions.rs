//! Versions of directories' names and of inodes' attributes: what VMs are shown at [`ramet_abi::session::VERSIONS_OFFSET`].

use ramet_abi::session::{VERSIONS, version_slot};

/// The counters, kept in the keeper: a VM can write to its own.
#[derive(Debug)]
pub struct Versions {
    values: Vec<u32>,
    /// Changed since they were last shown.
    fresh: Vec<u64>,
}

impl Default for Versions {
    fn default() -> Self {
        Versions { values: vec![0; VERSIONS as usize], fresh: Vec::new() }
    }
}

impl Versions {
    /// Something of the inode with that device and number has changed.
    pub fn changed(&mut self, (device, inode): (u64, u64)) {
        let slot = version_slot(device, inode);
        let value = &mut self.values[slot as usize];
        *value = value.wrapping_add(1);
        if !self.fresh.contains(&slot) {
            self.fresh.push(slot);
        }
    }

    /// What has changed since the last call: slots and values.
    pub fn take(&mut self) -> Vec<(u64, u32)> {
        std::mem::take(&mut self.fresh).into_iter().map(|slot| (slot, self.values[slot as usize])).collect()
    }

    /// All that have ever changed.
    pub fn all(&self) -> impl Iterator<Item = (u64, u32)> {
        (0..).zip(self.values.iter().copied()).filter(|(_, value)| *value != 0)
    }
}
