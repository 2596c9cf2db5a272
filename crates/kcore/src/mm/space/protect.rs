//! mprotect(2).

use super::super::physical::Physical;
use super::super::vma::{Backing, MOST, property, prot};
use super::flags::with_protection;
use super::populate::Own;
use super::{AddressSpace, is_aligned, is_in_program, round_up};
use crate::errno::{Errno, Result};

const GROWS_DOWN: u32 = 0x0100_0000;
const GROWS_UP: u32 = 0x0200_0000;
const SEMAPHORES: u32 = 8;

impl<P: Physical + 'static> AddressSpace<P> {
    /// mprotect(2).
    ///
    /// # Errors
    /// EINVAL: not page aligned, unknown bits, or both `PROT_GROWS*`, or `PROT_GROWSDOWN` on what does not; ENOMEM: a
    /// part of the range is not mapped (what comes before it is changed), or too many mappings; EACCES: a shared
    /// mapping of a file that is not open for writing.
    pub fn mprotect(&mut self, address: u64, length: u64, protection: u32) -> Result<()> {
        let grows = protection & (GROWS_DOWN | GROWS_UP);
        if grows == GROWS_DOWN | GROWS_UP || !is_aligned(address) {
            return Err(Errno::EINVAL);
        }
        if length == 0 {
            return Ok(());
        }
        let length = round_up(length).filter(|l| *l > 0).ok_or(Errno::ENOMEM)?;
        let end = address.checked_add(length).ok_or(Errno::ENOMEM)?;
        if protection & !(7 | SEMAPHORES | GROWS_DOWN | GROWS_UP) != 0 {
            return Err(Errno::EINVAL);
        }
        if !is_in_program(address, length) {
            return Err(Errno::ENOMEM);
        }
        let new = (protection & 7) as u8;
        let mut start = address;
        if grows != 0 {
            let vma = self.areas.at_or_after(address).filter(|v| v.start < end).ok_or(Errno::ENOMEM)?;
            if grows == GROWS_UP || !vma.has(property::GROWS_DOWN) {
                return Err(Errno::EINVAL);
            }
            start = vma.start;
        }
        if self.areas.count() + 2 > MOST {
            return Err(Errno::ENOMEM);
        }
        let (reached, result) = self.protectable(start, end, new);
        if reached > start {
            self.protect(start, reached, new)?;
        }
        result
    }

    /// How far from `start` on `protection` may be set, and why not further.
    fn protectable(&self, start: u64, end: u64, protection: u8) -> (u64, Result<()>) {
        let mut at = start;
        for vma in self.areas.overlapping(start, end) {
            if vma.start > at {
                return (at, Err(Errno::ENOMEM));
            }
            let is_locked_out = matches!(&vma.backing, Backing::File { mapping, .. }
                if !vma.is_private() && !mapping.is_writable && protection & prot::WRITE != 0);
            if is_locked_out {
                return (at, Err(Errno::EACCES));
            }
            at = vma.end.min(end);
        }
        (at, if at < end { Err(Errno::ENOMEM) } else { Ok(()) })
    }

    fn protect(&mut self, start: u64, end: u64, protection: u8) -> Result<()> {
        if self.areas.overlapping(start, end).all(|v| v.prot == protection) {
            return Ok(());
        }
        let (_, data) = self.areas.sizes();
        let more: u64 = self
            .areas
            .overlapping(start, end)
            .filter(|v| v.is_private() && !v.has(property::GROWS_DOWN) && v.prot & prot::WRITE == 0)
            .map(|v| v.end.min(end) - v.start.max(start))
            .sum();
        if protection & prot::WRITE != 0 && more > 0 && data.saturating_add(more) > self.limits.data {
            return Err(Errno::ENOMEM);
        }
        let was_closed = self.areas.overlapping(start, end).all(|v| v.prot == prot::NONE && v.is_anonymous());
        let changes = self.memory.visit(start, end, &mut |_, leaf, _| with_protection(leaf, protection));
        match changes {
            Ok(changes) => self.flush(changes.flush),
            Err(error) => {
                // A part has changed already: its pages have at most the rights of both protections.
                self.flush(true);
                self.restore(start, end);
                return Err(error);
            }
        }
        self.areas.update(start, end, |vma| {
            vma.prot = protection;
            vma.flags &= !property::DEFERRED;
        });
        // Allocators open what they have reserved bit by bit.
        if was_closed
            && protection & prot::WRITE != 0
            && end - start <= self.policy.eager_anonymous
            && self.memory.is_plentiful()
        {
            let _ = self.populate(start, end, Own::None);
        }
        Ok(())
    }

    /// Puts the leaves of a range back to what their mappings say.
    fn restore(&mut self, start: u64, end: u64) {
        for vma in self.areas.overlapping(start, end) {
            let protection = vma.prot;
            // A large page that could not be split was not changed either.
            let _ = self.memory.visit(vma.start.max(start), vma.end.min(end), &mut |_, leaf, _| {
                with_protection(leaf, protection)
            });
        }
    }
}
