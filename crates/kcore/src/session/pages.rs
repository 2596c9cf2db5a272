//! Copies of pages of the session's files, for private mappings.

use super::client::Client;
use crate::errno::{Errno, Result};
use crate::file::Page;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use ramet_abi::session::{Request, op};

const PAGE: u64 = 4096;

/// The pages of one open file. They live as long as the file: page tables hold their addresses.
#[derive(Default)]
pub(super) struct Pages {
    current: RefCell<BTreeMap<u64, Rc<dyn Page>>>,
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
            wanted: PAGE,
            ..Request::default()
        };
        let mut bytes = Vec::new();
        client.call_into(&request, &[], &mut bytes)?;
        if bytes.is_empty() {
            return Err(Errno::ENXIO);
        }
        let page = client.local.pages.zeroed()?;
        let length = bytes.len().min(PAGE as usize);
        // SAFETY: a page of its own, of PAGE bytes, that nobody else refers to yet.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), page.address() as *mut u8, length) };
        self.current.borrow_mut().insert(index, page.clone());
        Ok(page)
    }

    /// The file has changed: what is mapped from now on is asked for again.
    pub(super) fn retire(&self) {
        if !self.current.borrow().is_empty() {
            self.retired.borrow_mut().extend(self.current.take().into_values());
        }
    }
}
