//! Taking pages out of the page tables because what is behind them has changed.

use super::super::physical::Physical;
use super::super::table::entry::COPY;
use super::super::vma::{Backing, property};
use super::{AddressSpace, PAGE, drop_leaf};
use alloc::vec::Vec;

impl<P: Physical> AddressSpace<P> {
    /// Pages `first..end` of a file (device and inode) have been replaced or removed: mappings forget them, and ask the
    /// file at the next touch. Copies that a private mapping has made stay.
    pub fn pages_replaced(&mut self, device: u64, inode: u64, first: u64, end: u64) {
        self.zap_file(device, inode, first, end, false);
    }

    /// The file (device and inode) now ends at `size`: pages wholly behind it are a SIGBUS, private copies included.
    pub fn truncated(&mut self, device: u64, inode: u64, size: u64) {
        self.zap_file(device, inode, size.div_ceil(PAGE), u64::MAX, true);
    }

    fn zap_file(&mut self, device: u64, inode: u64, first: u64, end: u64, copies: bool) {
        let memory = &*self.memory;
        let mut flush = false;
        for vma in self.areas.iter() {
            let Backing::File { mapping, offset } = &vma.backing else { continue };
            if (mapping.device, mapping.inode) != (device, inode) {
                continue;
            }
            let begin = offset / PAGE;
            let pages = vma.len() / PAGE;
            let from = first.clamp(begin, begin + pages) - begin;
            let to = end.clamp(begin, begin + pages) - begin;
            let private = vma.is_private();
            let changes =
                memory.visit(vma.start + from * PAGE, vma.start + to * PAGE, &mut |_, leaf, large| {
                    if private && !copies && leaf & COPY == 0 {
                        return leaf;
                    }
                    drop_leaf(memory, leaf, large);
                    0
                });
            flush |= changes.map_or(true, |c| c.flush);
        }
        self.flush(flush);
    }

    /// A child is being made: in it, pages marked `MADV_WIPEONFORK` are zeros. Called in the child.
    pub fn wipe_on_fork(&mut self) {
        let ranges: Vec<(u64, u64)> =
            self.areas.iter().filter(|v| v.has(property::WIPE_ON_FORK)).map(|v| (v.start, v.end)).collect();
        for (start, end) in ranges {
            // Whole mappings: no large page is cut.
            let _ = self.zap(start, end);
        }
    }
}
