//! Pages of a file system that a VM would have, on the heap.

use ramet_kcore::errno::Result;
use ramet_kcore::file::{Page, PageSource};
use std::rc::Rc;

#[repr(align(4096))]
struct Bytes([u8; 4096]);

struct HeapPage(Box<Bytes>);

impl Page for HeapPage {
    fn address(&self) -> usize {
        self.0.0.as_ptr() as usize
    }
    fn is_read_only(&self) -> bool {
        false
    }
}

/// Makes them.
pub struct Pages;

impl PageSource for Pages {
    fn zeroed(&self) -> Result<Rc<dyn Page>> {
        Ok(Rc::new(HeapPage(Box::new(Bytes([0; 4096])))))
    }
}
