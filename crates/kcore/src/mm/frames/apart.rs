//! Frames in a VM that is a copy of another.
//!
//! What was ever touched before the copy is shared copy-on-write with the other VM, free frames too: to write such a frame costs a fault in
//! the VM's tables and one of the host's, page by page, and later faults find no neighbours that could be mapped with it. A block that
//! nobody has touched comes from the host as a large page of this VM's own.

use super::super::physical::Physical;
use super::block::{BLOCK_SHIFT, Kind};
use super::{Content, Memory};

impl<P: Physical> Memory<P> {
    /// This VM is a copy, and what its program had is gone: a new program gets memory that nobody else has, as long as there is
    /// plenty; frames of before come last.
    pub fn set_apart(&self) {
        self.is_copy.set(true);
        let small = Kind::Small as usize * 2;
        let inherited = Kind::Inherited as usize * 2;
        for list in [small, small + 1] {
            loop {
                let block = self.heads[list].get();
                if block == 0 {
                    break;
                }
                let mut s = self.summary(block);
                s.kind = Kind::Inherited;
                for (parity, count) in [(0, s.clean), (1, s.dirty)] {
                    if count > 0 {
                        self.unlink(small + parity, block);
                        self.link(inherited + parity, block);
                    }
                }
                self.set_summary(block, s);
            }
        }
    }

    /// Whether a block that was never touched is there without more RAM.
    pub(super) fn has_fresh_block(&self) -> bool {
        u64::from(self.fresh.get()) << BLOCK_SHIFT < self.size.get()
    }

    /// Whether a whole free block is there without more RAM.
    pub(super) fn has_whole_block(&self) -> bool {
        self.has_fresh_block() || self.heads[0].get() != 0 || self.heads[1].get() != 0
    }

    /// A frame of before.
    pub(super) fn take_inherited(&self, content: Content) -> Option<u64> {
        let parities = if content == Content::Zero { [0, 1] } else { [1, 0] };
        parities.into_iter().find_map(|parity| {
            let block = self.heads[Kind::Inherited as usize * 2 + parity].get();
            (block != 0).then(|| self.take_from(block, parity == 1, content))
        })
    }
}
