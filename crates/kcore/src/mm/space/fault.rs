//! Page faults.

use super::super::frames::{Content, is_managed};
use super::super::physical::Physical;
use super::super::table::SPAN_2M;
use super::super::table::entry::{ACCESSED, ADDRESS, COPY, DIRTY, HELD, PRESENT, WRITABLE};
use super::super::vma::{Backing, GUARD, Vma, property, prot};
use super::flags::{leaf_bits, with_protection};
use super::image::is_eager_image;
use super::populate::{Own, enter};
use super::{AddressSpace, PAGE, drop_leaf};
use crate::errno::{Errno, Result};
use ramet_abi::layout::PROGRAM_END;

/// What the program or the kernel on its behalf tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Execute,
}

/// What comes of a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Fault {
    /// Try again.
    Resolved,
    /// No mapping: SIGSEGV with SEGV_MAPERR.
    NotMapped,
    /// The mapping does not allow it: SIGSEGV with SEGV_ACCERR.
    NotAllowed,
    /// Past the end of the file, or the file has no page to give: SIGBUS with BUS_ADRERR.
    BeyondFile,
    /// No frame is left: the program cannot go on.
    OutOfMemory,
}

fn allows(protection: u8, access: Access) -> bool {
    match access {
        // x86 has no pages that can be written or executed, but not read.
        Access::Read => protection != prot::NONE,
        Access::Write => protection & prot::WRITE != 0,
        Access::Execute => protection & prot::EXEC != 0,
    }
}

impl<P: Physical> AddressSpace<P> {
    /// Resolves a fault at `address`.
    pub fn fault(&mut self, address: u64, access: Access) -> Fault {
        let page = address & !(PAGE - 1);
        if address >= PROGRAM_END {
            return Fault::NotMapped;
        }
        let Some(vma) = self.areas.find(page) else {
            return if self.grow_stack(page) { self.fault(address, access) } else { Fault::NotMapped };
        };
        if !allows(vma.prot, access) {
            return Fault::NotAllowed;
        }
        let resolved = match self.resolve(page, access) {
            Err(Errno::ENOMEM) if self.reclaim() > 0 => self.resolve(page, access),
            other => other,
        };
        match resolved {
            Ok(()) => {
                self.counters.faults += 1;
                Fault::Resolved
            }
            Err(Errno::ENOMEM) => Fault::OutOfMemory,
            Err(_) => Fault::BeyondFile,
        }
    }

    /// Makes `page` accessible; its mapping allows the access.
    fn resolve(&mut self, page: u64, access: Access) -> Result<()> {
        let (slot, leaf, large) = self.memory.leaf(page);
        let Some(vma) = self.areas.find(page) else { return Err(Errno::EFAULT) };
        if leaf == 0 {
            return self.resolve_empty(page, access);
        }
        if leaf & HELD != 0 {
            // mprotect(2) updates all leaves, so that this is a page between two states.
            self.memory.physical.write(slot, with_protection(leaf, vma.prot));
            return Ok(());
        }
        if access == Access::Write && leaf & WRITABLE == 0 {
            if leaf & COPY != 0 {
                return self.resolve_copy(page, slot, large);
            }
            self.memory.physical.write(slot, with_protection(leaf, vma.prot));
            return Ok(());
        }
        debug_assert!(leaf & PRESENT != 0);
        // The page tables allow it: the TLB has something older.
        self.flush(true);
        Ok(())
    }

    fn resolve_empty(&mut self, page: u64, access: Access) -> Result<()> {
        let policy = self.policy;
        // What takes memory must leave most of it: pages in a row up to a sixteenth of the rest, others while there is
        // plenty.
        let most = (self.memory.available() / 16).max(1).ilog2() as u8;
        let plentiful = self.memory.is_plentiful();
        let taking =
            |first: u8, last: u8| Window { first: if plentiful { first } else { 0 }, last: last.min(most) };
        let Some(vma) = self.areas.find_mut(page) else { return Err(Errno::EFAULT) };
        let copy = access == Access::Write && vma.is_private();
        let (start, end) = match &vma.backing {
            Backing::Anonymous => {
                let ahead = match vma.has(property::THREAD_STACK) {
                    true => taking(policy.stack_window, policy.stack_window),
                    false => taking(policy.first_window, policy.last_window),
                };
                window(vma, page, ahead)
            }
            Backing::Special { .. } => (vma.start, vma.end),
            Backing::File { mapping, .. } => {
                let may_allocate = copy || !vma.is_private() && mapping.is_writable;
                let deferred = vma.has(property::DEFERRED) || vma.prot & prot::EXEC != 0;
                if deferred && !may_allocate && is_eager_image(vma, &policy) {
                    vma.flags &= !property::DEFERRED;
                    (vma.start, vma.end)
                } else {
                    let ahead = match may_allocate {
                        true => taking(policy.copy_window, policy.last_window),
                        false => Window { first: policy.file_window, last: policy.last_window },
                    };
                    window(vma, page, ahead)
                }
            }
        };
        self.take_over(page)?;
        let Some(vma) = self.areas.find(page) else { return Err(Errno::EFAULT) };
        // A dense range takes 2 MiB at once.
        let block = page & !(SPAN_2M - 1);
        if (vma.window >= policy.last_window || vma.has(property::HUGE))
            && block >= vma.start
            && block + SPAN_2M <= vma.end
            && self.enter_large(vma, block)?
        {
            self.counters.entered += 512;
            if let Some(vma) = self.areas.find_mut(page) {
                vma.next = block + SPAN_2M;
            }
            return Ok(());
        }
        // The page itself first: its error counts, that of its neighbours does not.
        let memory = &*self.memory;
        let (own, around) = if copy { (Own::All, Own::Image) } else { (Own::None, Own::None) };
        let mut entered = enter(memory, vma, page, page + PAGE, own, &policy)?;
        entered += enter(memory, vma, start.min(page), page, around, &policy).unwrap_or(0);
        entered += enter(memory, vma, page + PAGE, end.max(page + PAGE), around, &policy).unwrap_or(0);
        self.counters.entered += entered;
        Ok(())
    }

    /// A shared mapping through which a file can be written never shows a page of the image: the file gets its own page
    /// in its place, and other mappings of it forget the image's.
    fn take_over(&mut self, page: u64) -> Result<()> {
        let Some(vma) = self.areas.find(page) else { return Err(Errno::EFAULT) };
        let Some((mapping, offset)) = vma.file_at(page).filter(|(m, _)| !vma.is_private() && m.is_writable)
        else {
            return Ok(());
        };
        let index = offset / PAGE;
        if mapping.file.image_extent(index).is_some() {
            let (device, inode) = (mapping.device, mapping.inode);
            mapping.file.page(index, true)?;
            self.pages_replaced(device, inode, index, index + 1);
        }
        Ok(())
    }

    /// A store to a page whose content belongs to someone else as well.
    fn resolve_copy(&mut self, page: u64, slot: u64, large: bool) -> Result<()> {
        let Some(vma) = self.areas.find(page) else { return Err(Errno::EFAULT) };
        if !vma.is_private() {
            // A shared page that could not be written: the file may have a better one by now.
            self.zap(page, page + PAGE)?;
            self.resolve_empty(page, Access::Write)?;
            // A volume may have become read-only since the file was opened.
            let (_, leaf, _) = self.memory.leaf(page);
            return if leaf & WRITABLE != 0 { Ok(()) } else { Err(Errno::EROFS) };
        }
        let bits = leaf_bits(vma.prot);
        let executable = vma.prot & prot::EXEC != 0;
        let (mut start, mut end) = (page, page + PAGE);
        if self.memory.is_plentiful() && !vma.has(property::RANDOM) {
            let size = PAGE << self.policy.copy_window;
            start = (page & !(size - 1)).max(vma.start);
            end = ((page & !(size - 1)) + size).min(vma.end);
        }
        if large {
            self.memory.split(slot)?;
        }
        let memory = &*self.memory;
        let mut failed = false;
        let mut stale = false;
        let changes = memory.visit(start, end, &mut |va, leaf, _| {
            // The neighbours only if that is cheap and certain: what the image holds.
            let gpa = leaf & ADDRESS;
            if leaf & COPY == 0 || va != page && is_managed(gpa) {
                return leaf;
            }
            if is_managed(gpa) && memory.references(gpa) == 1 {
                memory.mark_written(gpa);
                return leaf & (ADDRESS | ACCESSED | DIRTY) | bits;
            }
            let Some(to) = memory.allocate(Content::Any) else {
                failed |= va == page;
                return leaf;
            };
            memory.physical.copy(gpa, to, PAGE);
            // A stale translation shows the same bytes until someone stores to the page, and the store itself finds the
            // new one (SDM vol. 3, 4.10.4.3). So it matters only if the old frame can change its content, or if
            // instructions are fetched through it.
            stale |= leaf & ACCESSED != 0 && (is_managed(gpa) || executable);
            drop_leaf(memory, leaf, false);
            to | bits
        });
        let _ = changes?;
        self.flush(stale);
        if failed { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// Lets the stack above `page` grow down to it, as far as its limit and its guard area allow.
    fn grow_stack(&mut self, page: u64) -> bool {
        let Some(vma) = self.areas.at_or_after(page) else { return false };
        if !vma.has(property::GROWS_DOWN) || page < super::LOWEST || vma.prot == prot::NONE {
            return false;
        }
        let lowest = vma.end.saturating_sub(self.limits.stack.max(PAGE));
        // Linux keeps its distance from what is below, unless that is a guard page itself.
        let floor = match self.areas.before(vma.start) {
            Some(below) if below.prot == prot::NONE || below.has(property::GROWS_DOWN) => below.end,
            Some(below) => below.end.saturating_add(GUARD),
            None => super::LOWEST,
        };
        let floor = floor.max(lowest);
        let (all, _) = self.areas.sizes();
        if page < floor || all.saturating_add(vma.start - page) > self.limits.address_space {
            return false;
        }
        let start = vma.start;
        self.areas.grow_down(start, page);
        true
    }

    /// Resolves ahead what an access of the kernel to `length` bytes at `address` would fault on. Returns how many
    /// bytes are accessible, from the start on.
    pub fn prepare(&mut self, address: u64, length: u64, access: Access) -> u64 {
        let end = address.saturating_add(length).min(PROGRAM_END);
        let needed = if access == Access::Write { PRESENT | WRITABLE } else { PRESENT };
        let mut at = address;
        while at < end {
            let (_, leaf, large) = self.memory.leaf(at);
            if leaf & needed != needed && self.fault(at, access) != Fault::Resolved {
                break;
            }
            let span = if large { SPAN_2M } else { PAGE };
            at = (at & !(span - 1)) + span;
        }
        at.min(end).saturating_sub(address)
    }
}

/// How far to map ahead.
#[derive(Clone, Copy)]
struct Window {
    /// log2 of the pages at a fault that follows no other; 0 when memory is short.
    first: u8,
    /// log2 of the pages when faults follow each other: such pages will be used.
    last: u8,
}

/// The range to enter at a fault on `page`: it doubles as long as faults follow each other, upwards or downwards.
fn window(vma: &mut Vma, page: u64, window: Window) -> (u64, u64) {
    let old = PAGE << vma.window;
    let (old_start, old_end) = (vma.next.saturating_sub(old), vma.next);
    let upwards = page >= old_end && page - old_end < old;
    let downwards = page < old_start && old_start - page <= old;
    let is_sequential = vma.next != 0 && (upwards || downwards);
    vma.window = match () {
        () if vma.has(property::RANDOM) => 0,
        () if is_sequential || vma.has(property::SEQUENTIAL) => {
            (vma.window + 1).max(window.first).min(window.last)
        }
        () => window.first.min(window.last),
    };
    let size = PAGE << vma.window;
    let aligned = page & !(size - 1);
    let (start, end) = match () {
        // Up to a boundary, so that the next window can be one large page.
        () if is_sequential && upwards => (page, aligned.saturating_add(size)),
        () if is_sequential => ((page + PAGE).saturating_sub(size), page + PAGE),
        () => (aligned, aligned.saturating_add(size)),
    };
    let (start, end) = (start.max(vma.start), end.min(vma.end));
    vma.next = if is_sequential && downwards { start.saturating_add(size) } else { end };
    (start, end)
}
