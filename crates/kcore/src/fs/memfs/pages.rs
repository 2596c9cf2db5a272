//! The pages of a regular file that are held in memory.

use super::PAGE;
use crate::cell::RefCell;
use crate::file::Page;
use crate::map::Map;
use alloc::rc::Rc;
use core::cell::Cell;

/// What takes the place of the image at one page of a file.
#[derive(Clone)]
pub(super) enum Slot {
    /// This page.
    Page(Rc<dyn Page>),
    /// Zeros: the image's data were punched out.
    Hole,
}

/// Pages by index.
#[derive(Default)]
pub(super) struct Pages {
    slots: RefCell<Map<u64, Slot>>,
    count: Cell<u64>,
}

impl Pages {
    /// Number of pages (not holes).
    pub(super) fn page_count(&self) -> u64 {
        self.count.get()
    }

    pub(super) fn get(&self, index: u64) -> Option<Slot> {
        self.slots.borrow().get(&index).cloned()
    }

    /// The first slot at or behind `index`.
    pub(super) fn next(&self, index: u64) -> Option<(u64, Slot)> {
        self.slots.borrow().range(index..).next().map(|(&i, slot)| (i, slot.clone()))
    }

    /// Puts `slot` at `index`. Returns how many pages fewer there are (0 or 1).
    pub(super) fn set(&self, index: u64, slot: Slot) -> u64 {
        let is_page = matches!(slot, Slot::Page(_));
        let old = self.slots.borrow_mut().insert(index, slot);
        let was_page = matches!(old, Some(Slot::Page(_)));
        self.count.set(self.count.get() + u64::from(is_page) - u64::from(was_page));
        u64::from(was_page && !is_page)
    }

    /// Removes the slots `first..end`. Returns how many pages went.
    pub(super) fn remove(&self, first: u64, end: u64) -> u64 {
        let mut slots = self.slots.borrow_mut();
        let mut tail = slots.split_off(&first);
        let rest = tail.split_off(&end);
        slots.append(rest);
        drop(slots);
        let gone = tail.values().filter(|slot| matches!(slot, Slot::Page(_))).count() as u64;
        self.count.set(self.count.get() - gone);
        gone
    }

    /// Pages (not holes) from `index` on.
    pub(super) fn count_from(&self, index: u64) -> u64 {
        self.slots.borrow().range(index..).filter(|(_, slot)| matches!(slot, Slot::Page(_))).count() as u64
    }
}

/// The bytes of a page, for reading.
pub(super) fn bytes(page: &dyn Page) -> &[u8] {
    // SAFETY: `Page::address` is the address of a page of memory that lives as long as `page`. A program may have the same page
    // mapped and writable; its stores happen only while the program runs, and the kernel's own copies to the program
    // (the only stores during this borrow) are made by assembly through raw addresses.
    unsafe { core::slice::from_raw_parts(page.address() as *const u8, PAGE as usize) }
}

/// The bytes of a page of memory, for writing. The caller makes no other slice of the same page meanwhile.
#[allow(clippy::mut_from_ref)]
pub(super) fn bytes_mut(page: &dyn Page) -> &mut [u8] {
    debug_assert!(!page.is_read_only());
    // SAFETY: as in `bytes`; the page is not the image's (those are never in `Pages`), and the kernel runs one thread, which
    // uses the slice for one copy at a time.
    unsafe { core::slice::from_raw_parts_mut(page.address() as *mut u8, PAGE as usize) }
}
