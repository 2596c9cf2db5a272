//! Taking pages out of the page tables because what is behind them has changed.

use super::super::physical::Physical;
use super::super::table::SPAN_2M;
use super::super::table::entry::{ADDRESS, COPY};
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

    /// The address at which the program sees guest-physical page `gpa` (a volume's, which the host could not give).
    /// Looks at all page tables of file mappings.
    pub fn address_of(&self, gpa: u64) -> Option<u64> {
        let mut found = None;
        for vma in self.areas.iter().filter(|v| matches!(v.backing, Backing::File { .. })) {
            // Nothing is changed, and whole mappings are visited: nothing is split.
            let _ = self.memory.visit(vma.start, vma.end, &mut |va, leaf, large| {
                let span = if large { SPAN_2M } else { PAGE };
                let first = leaf & ADDRESS & !(span - 1);
                if (first..first + span).contains(&gpa) {
                    found = Some(va + (gpa - first));
                }
                leaf
            });
        }
        found
    }

    /// A child is being made by fork(2): mappings marked `MADV_DONTFORK` are not in it. Called in the child.
    pub fn drop_unforked(&mut self) {
        let ranges: Vec<(u64, u64)> =
            self.areas.iter().filter(|v| v.has(property::DONT_FORK)).map(|v| (v.start, v.end)).collect();
        for (start, end) in ranges {
            // Whole mappings: no large page is cut.
            let _ = self.unmap(start, end);
        }
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
