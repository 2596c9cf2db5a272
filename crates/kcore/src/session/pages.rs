//! Copies of pages of the session's files, for private mappings.

use super::client::Client;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::Page;
use crate::map::Map;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Request, op};

const PAGE: u64 = 4096;
/// Pages asked for at once.
const AHEAD: u64 = 32;

/// The pages of one open file. They live as long as the file: page tables hold their addresses.
#[derive(Default)]
pub(super) struct Pages {
    current: RefCell<Map<u64, Rc<dyn Page>>>,
    /// Out of date, and perhaps mapped.
    retired: RefCell<Vec<Rc<dyn Page>>>,
}

impl Pages {
    /// The page at `index` of node `id`.
    ///
    /// # Errors
    /// ENXIO: behind the end; EIO; ENOMEM.
    pub(super) fn get(&self, client: &Client, id: u64, index: u64) -> Result<Rc<dyn Page>> {
        if let Some(page) = self.current.borrow().get(&index) {
            return Ok(page.clone());
        }
        let offset = index.checked_mul(PAGE).ok_or(Errno::ENXIO)?;
        let request = Request {
            operation: op::READ_NODE,
            id,
            arguments: [offset, 0, 0, 0, 0, 0],
            wanted: AHEAD * PAGE,
            ..Request::default()
        };
        let mut bytes = Vec::new();
        client.call_into(&request, &[], &mut bytes)?;
        let mut first = None;
        for (index, bytes) in (index..).zip(bytes.chunks(PAGE as usize)) {
            let mut current = self.current.borrow_mut();
            if first.is_some() && current.contains_key(&index) {
                continue;
            }
            let page = match client.local.pages.zeroed() {
                // What was not asked for is not needed.
                Err(_) if first.is_some() => break,
                page => page?,
            };
            // SAFETY: a page of its own, of PAGE bytes, that nobody else refers to yet.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), page.address() as *mut u8, bytes.len()) };
            current.insert(index, page.clone());
            first.get_or_insert(page);
        }
        first.ok_or(Errno::ENXIO)
    }

    /// The file has changed: what is mapped from now on is asked for again.
    pub(super) fn retire(&self) {
        if !self.current.borrow().is_empty() {
            self.retired.borrow_mut().extend(self.current.take().into_values());
        }
    }
}
