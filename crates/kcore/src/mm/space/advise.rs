//! madvise(2), msync(2), mincore(2), and what files tell about their pages.

use super::super::physical::Physical;
use super::super::vma::{Backing, Vma, property, prot};
use super::populate::Own;
use super::{AddressSpace, PAGE, SharedMemory, is_aligned, is_in_program, round_up};
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// Advice of madvise(2) on x86-64.
pub mod advice {
    /// Nothing special.
    pub const NORMAL: u32 = 0;
    /// No order.
    pub const RANDOM: u32 = 1;
    /// From the start to the end.
    pub const SEQUENTIAL: u32 = 2;
    /// Soon needed.
    pub const WILL_NEED: u32 = 3;
    /// The content may go now.
    pub const DONT_NEED: u32 = 4;
    /// The content may go when memory is short.
    pub const FREE: u32 = 8;
    /// Punch a hole into the file.
    pub const REMOVE: u32 = 9;
    /// Not in a child.
    pub const DONT_FORK: u32 = 10;
    /// In a child again.
    pub const DO_FORK: u32 = 11;
    /// Merge equal pages.
    pub const MERGEABLE: u32 = 12;
    /// Do not.
    pub const UNMERGEABLE: u32 = 13;
    /// 2 MiB pages.
    pub const HUGE_PAGE: u32 = 14;
    /// Not.
    pub const NO_HUGE_PAGE: u32 = 15;
    /// Not in a core dump.
    pub const DONT_DUMP: u32 = 16;
    /// In it.
    pub const DO_DUMP: u32 = 17;
    /// Zeros in a child.
    pub const WIPE_ON_FORK: u32 = 18;
    /// A copy in a child.
    pub const KEEP_ON_FORK: u32 = 19;
    /// Not used for a while.
    pub const COLD: u32 = 20;
    /// Not used for a long while.
    pub const PAGE_OUT: u32 = 21;
    /// Enter for loads.
    pub const POPULATE_READ: u32 = 22;
    /// Enter for stores.
    pub const POPULATE_WRITE: u32 = 23;
    /// As `DONT_NEED`, locked pages too.
    pub const DONT_NEED_LOCKED: u32 = 24;
}

const MS_ASYNC: u32 = 1;
const MS_INVALIDATE: u32 = 2;
const MS_SYNC: u32 = 4;

impl<P: Physical + 'static> AddressSpace<P> {
    /// madvise(2).
    ///
    /// # Errors
    /// EINVAL: not aligned, unknown advice, or one that the mapping does not take; ENOMEM: a part is not mapped (the
    /// rest is served); EFAULT: `MADV_POPULATE_*` met a page that would be a SIGBUS; EACCES, EPERM: `MADV_REMOVE`.
    pub fn madvise(&mut self, address: u64, length: u64, what: u32) -> Result<()> {
        let is_known = what <= advice::DONT_NEED || (advice::FREE..=advice::DONT_NEED_LOCKED).contains(&what);
        if !is_known || !is_aligned(address) {
            return Err(Errno::EINVAL);
        }
        if length == 0 {
            return Ok(());
        }
        let length = round_up(length).filter(|l| *l > 0).ok_or(Errno::EINVAL)?;
        let end = address.checked_add(length).ok_or(Errno::EINVAL)?;
        if matches!(what, advice::MERGEABLE | advice::UNMERGEABLE) {
            return Err(Errno::EINVAL); // a kernel without KSM
        }
        if !is_in_program(address, length) {
            return Err(Errno::ENOMEM);
        }
        if matches!(what, advice::POPULATE_READ | advice::POPULATE_WRITE) {
            return self.populate_strictly(address, end, what == advice::POPULATE_WRITE);
        }
        let mut at = address;
        let mut gap = false;
        while at < end {
            let Some(vma) = self.areas.at_or_after(at).filter(|v| v.start < end) else {
                gap = true;
                break;
            };
            gap |= vma.start > at;
            let (from, to) = (at.max(vma.start), end.min(vma.end));
            self.advise_one(from, to, what)?;
            at = to;
        }
        if gap { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// Serves `what` for a part of one mapping.
    fn advise_one(&mut self, start: u64, end: u64, what: u32) -> Result<()> {
        let vma = self.areas.find(start).ok_or(Errno::ENOMEM)?;
        let special = matches!(vma.backing, Backing::Special { .. });
        let change = |set: u32, clear: u32| move |vma: &mut Vma| vma.flags = vma.flags & !clear | set;
        let (set, clear) = match what {
            advice::NORMAL => (0, property::RANDOM | property::SEQUENTIAL),
            advice::RANDOM => (property::RANDOM, property::SEQUENTIAL),
            advice::SEQUENTIAL => (property::SEQUENTIAL, property::RANDOM),
            advice::DONT_FORK => (property::DONT_FORK, 0),
            advice::DO_FORK if special => return Err(Errno::EINVAL),
            advice::DO_FORK => (0, property::DONT_FORK),
            advice::WIPE_ON_FORK if !vma.is_anonymous() => return Err(Errno::EINVAL),
            advice::WIPE_ON_FORK => (property::WIPE_ON_FORK, 0),
            advice::KEEP_ON_FORK => (0, property::WIPE_ON_FORK),
            advice::DONT_DUMP => (property::DONT_DUMP, 0),
            advice::DO_DUMP if special => return Err(Errno::EINVAL),
            advice::DO_DUMP => (0, property::DONT_DUMP),
            advice::HUGE_PAGE => (property::HUGE, property::NO_HUGE),
            advice::NO_HUGE_PAGE => (property::NO_HUGE, property::HUGE),
            advice::WILL_NEED => {
                if vma.prot != prot::NONE && !vma.is_anonymous() {
                    let most = self.policy.eager_image;
                    let _ = self.populate(start, end.min(start.saturating_add(most)), Own::None);
                }
                return Ok(());
            }
            advice::DONT_NEED | advice::DONT_NEED_LOCKED | advice::FREE | advice::COLD | advice::PAGE_OUT
                if special || vma.has(property::LOCKED) && what != advice::DONT_NEED_LOCKED =>
            {
                return Err(Errno::EINVAL);
            }
            advice::DONT_NEED | advice::DONT_NEED_LOCKED
                if vma.is_anonymous()
                    && end - start <= self.policy.zero_in_place
                    && self.memory.is_plentiful() =>
            {
                self.zero_in_place(start, end);
                return Ok(());
            }
            advice::DONT_NEED | advice::DONT_NEED_LOCKED => return self.zap(start, end),
            advice::FREE if !vma.is_anonymous() => return Err(Errno::EINVAL),
            // While memory is plentiful the pages may as well stay, which saves the flush.
            advice::FREE if self.memory.is_plentiful() => return Ok(()),
            advice::FREE => return self.zap(start, end),
            advice::REMOVE => return self.remove(start, end),
            _ => return Ok(()),
        };
        if vma.flags & !clear | set != vma.flags {
            self.areas.update(start, end, change(set, clear));
        }
        Ok(())
    }

    /// `MADV_REMOVE`.
    fn remove(&mut self, start: u64, end: u64) -> Result<()> {
        let vma = self.areas.find(start).ok_or(Errno::ENOMEM)?;
        if vma.has(property::LOCKED) {
            return Err(Errno::EINVAL);
        }
        let Some((mapping, offset)) = vma.file_at(start) else { return Err(Errno::EINVAL) };
        if vma.is_private() || !mapping.is_writable {
            return Err(Errno::EACCES);
        }
        let mapping = alloc::rc::Rc::clone(mapping);
        match mapping.file.as_any().downcast_ref::<SharedMemory>() {
            Some(memory) => memory.punch(offset / PAGE, (offset + (end - start)) / PAGE),
            // FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
            None => mapping.file.allocate(3, offset, end - start)?,
        }
        self.pages_replaced(mapping.device, mapping.inode, offset / PAGE, (offset + (end - start)) / PAGE);
        Ok(())
    }

    /// `MADV_POPULATE_READ` and `MADV_POPULATE_WRITE`.
    fn populate_strictly(&mut self, start: u64, end: u64, write: bool) -> Result<()> {
        let needed = if write { prot::WRITE } else { prot::READ | prot::WRITE | prot::EXEC };
        let access = if write { super::Access::Write } else { super::Access::Read };
        let mut at = start;
        while at < end {
            let vma = self.areas.find(at).ok_or(Errno::ENOMEM)?;
            if vma.prot & needed == 0 || matches!(vma.backing, Backing::Special { .. }) && write {
                return Err(Errno::EINVAL);
            }
            let to = end.min(vma.end);
            if vma.is_anonymous() {
                let _ = self.populate(at, to, Own::All);
            }
            let done = self.prepare(at, to - at, access);
            if done < to - at {
                return Err(match self.fault(at + done, access) {
                    super::Fault::OutOfMemory => Errno::ENOMEM,
                    _ => Errno::EFAULT,
                });
            }
            at = to;
        }
        Ok(())
    }

    /// msync(2). Files are memory here: there is nothing to write back but what a volume's file does by itself.
    ///
    /// # Errors
    /// EINVAL: flags, alignment; EBUSY: `MS_INVALIDATE` of locked memory; ENOMEM: a part is not mapped.
    pub fn msync(&mut self, address: u64, length: u64, flags: u32) -> Result<()> {
        if flags & !(MS_ASYNC | MS_INVALIDATE | MS_SYNC) != 0
            || !is_aligned(address)
            || flags & (MS_ASYNC | MS_SYNC) == MS_ASYNC | MS_SYNC
        {
            return Err(Errno::EINVAL);
        }
        let length = round_up(length).ok_or(Errno::ENOMEM)?;
        let end = address.checked_add(length).ok_or(Errno::ENOMEM)?;
        if end == address {
            return Ok(());
        }
        if !is_in_program(address, length) {
            return Err(Errno::ENOMEM);
        }
        if flags & MS_INVALIDATE != 0 && self.areas.overlapping(address, end).any(|v| v.has(property::LOCKED))
        {
            return Err(Errno::EBUSY);
        }
        let files: Vec<_> = self
            .areas
            .overlapping(address, end)
            .filter(|v| !v.is_private())
            .filter_map(|v| v.file_at(v.start).map(|(m, _)| alloc::rc::Rc::clone(m)))
            .collect();
        if flags & MS_SYNC != 0 {
            for mapping in files {
                // What cannot be synchronised (memory) is in order.
                match mapping.file.sync() {
                    Err(Errno::EIO) => return Err(Errno::EIO),
                    _ => continue,
                }
            }
        }
        if self.areas.is_covered(address, end) { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    /// mincore(2): calls `put` with 1 (in memory) or 0 for each page, in order.
    ///
    /// # Errors
    /// EINVAL: not aligned; ENOMEM: wraps, or a part is not mapped; what `put` returns.
    pub fn mincore(&self, address: u64, length: u64, mut put: impl FnMut(u8) -> Result<()>) -> Result<()> {
        if !is_aligned(address) {
            return Err(Errno::EINVAL);
        }
        let length = round_up(length).ok_or(Errno::ENOMEM)?;
        if !is_in_program(address, length) {
            return Err(Errno::ENOMEM);
        }
        let end = address + length;
        for vma in self.areas.overlapping(address, end).filter(|_| length > 0) {
            // Only what comes before a gap is reported.
            if !self.areas.is_covered(address, vma.end.min(end)) {
                break;
            }
            let mut at = address.max(vma.start);
            while at < end.min(vma.end) {
                // The pages of a file are in memory whether they are entered or not.
                put(u8::from(!vma.is_anonymous() || self.is_used(at)))?;
                at += PAGE;
            }
        }
        if self.areas.is_covered(address, end) { Ok(()) } else { Err(Errno::ENOMEM) }
    }
}
