//! Changing the program's text on the kernel's behalf.

use super::super::frames::{Content, is_managed};
use super::super::physical::Physical;
use super::super::table::entry::{ACCESSED, ADDRESS, COPY, PRESENT};
use super::{AddressSpace, PAGE, drop_leaf};
use crate::errno::{Errno, Result};
use crate::mm::vma::property;

impl<P: Physical> AddressSpace<P> {
    /// Makes the page at `address` the program's own, with the rights that it has, so that the kernel can change it
    /// through the direct map (a system call site that is patched, a breakpoint). Returns its guest-physical address.
    ///
    /// # Errors
    /// EFAULT: not mapped; EACCES: a shared mapping; ENOMEM: no frame; EIO: the file has no such page.
    pub fn make_private(&mut self, address: u64) -> Result<u64> {
        let (page, is_stale) = self.private_copy(address)?;
        self.flush(is_stale);
        Ok(page)
    }

    /// As [`Self::make_private`], for a page that has just been mapped. The program may go on seeing the original until the TLB is emptied:
    /// the caller puts nothing into the copy that a program would miss.
    ///
    /// # Errors
    /// As [`Self::make_private`].
    pub fn make_private_unseen(&mut self, address: u64) -> Result<u64> {
        self.private_copy(address).map(|(page, _)| page)
    }

    /// The frame, and whether the TLB may have another.
    fn private_copy(&mut self, address: u64) -> Result<(u64, bool)> {
        let page = address & !(PAGE - 1);
        let vma = self.areas.find(page).ok_or(Errno::EFAULT)?;
        if vma.has(property::SHARED) {
            return Err(Errno::EACCES);
        }
        if self.memory.leaf(page).1 & PRESENT == 0 {
            match self.fault(page, super::Access::Read) {
                super::Fault::Resolved => {}
                super::Fault::OutOfMemory => return Err(Errno::ENOMEM),
                super::Fault::BeyondFile => return Err(Errno::EIO),
                _ => return Err(Errno::EFAULT),
            }
        }
        let (mut slot, mut leaf, large) = self.memory.leaf(page);
        if large {
            self.memory.split(slot)?;
            (slot, leaf, _) = self.memory.leaf(page);
        }
        let from = leaf & ADDRESS;
        if leaf & COPY == 0 {
            if is_managed(from) {
                self.memory.mark_written(from);
            }
            return Ok((from, false));
        }
        let Some(to) = self.memory.allocate(Content::Any) else { return Err(Errno::ENOMEM) };
        self.memory.physical.copy(from, to, PAGE);
        let protection = self.areas.find(page).map_or(0, |v| v.prot);
        self.memory.physical.write(slot, to | super::flags::leaf_bits(protection));
        drop_leaf(&self.memory, leaf, false);
        Ok((to, leaf & ACCESSED != 0))
    }
}
