//! Frames as pages of files.

use super::super::physical::Physical;
use super::{Content, Memory};
use crate::errno::{Errno, Result};
use crate::file::{Page, PageSource};
use alloc::rc::Rc;
use ramet_abi::layout::DIRECT_MAP;

/// A frame that holds a page of a file; it goes back when the last `Rc` and the last mapping are gone.
pub struct FramePage<P: Physical> {
    memory: Rc<Memory<P>>,
    gpa: u64,
}

impl<P: Physical> Page for FramePage<P> {
    fn address(&self) -> usize {
        (DIRECT_MAP + self.gpa) as usize
    }
    fn is_read_only(&self) -> bool {
        false
    }
}

impl<P: Physical> Drop for FramePage<P> {
    fn drop(&mut self) {
        self.memory.release(self.gpa, true);
    }
}

/// Gives file systems their pages out of the frame allocator.
pub struct FrameSource<P: Physical>(pub Rc<Memory<P>>);

impl<P: Physical + 'static> PageSource for FrameSource<P> {
    fn zeroed(&self) -> Result<Rc<dyn Page>> {
        let gpa = self.0.allocate(Content::Zero).ok_or(Errno::ENOMEM)?;
        // Written through the direct map, where no page table tells.
        self.0.mark_written(gpa);
        Ok(Rc::new(FramePage { memory: Rc::clone(&self.0), gpa }))
    }
}
