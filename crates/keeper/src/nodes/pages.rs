//! Pages of files in the keeper's own memory.

use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::{Page, PageSource};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::rc::Rc;

const LAYOUT: Layout = match Layout::from_size_align(4096, 4096) {
    Ok(layout) => layout,
    Err(_) => panic!("a page has a layout"),
};

struct HeapPage(NonNull<u8>);

impl Page for HeapPage {
    fn address(&self) -> usize {
        self.0.as_ptr() as usize
    }
    fn is_read_only(&self) -> bool {
        false
    }
}

impl Drop for HeapPage {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and this is the only owner.
        unsafe { dealloc(self.0.as_ptr(), LAYOUT) };
    }
}

/// Pages from the heap.
pub struct Heap;

impl PageSource for Heap {
    fn zeroed(&self) -> Result<Rc<dyn Page>> {
        // SAFETY: the layout has a size.
        let page = NonNull::new(unsafe { alloc_zeroed(LAYOUT) }).ok_or(Errno::ENOMEM)?;
        Ok(Rc::new(HeapPage(page)))
    }
}
