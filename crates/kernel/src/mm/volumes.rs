//! Pages of host files, and of memory that the VMs of a session share, in the program's address space. The host can take them away at any
//! time, when somebody makes the file shorter: then touching one is a host fault.

use super::{AddressSpace, DIRECT_MAP, memory};
use crate::arch::user;
use crate::fs::volumes::is_volume;
use crate::global::Global;
use crate::task::process;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use ramet_abi::layout::LARGE_PAGE_SIZE;
use ramet_kcore::errno::Result;
use ramet_kcore::mm::vma::{Backing, FileMapping};
use ramet_kcore::session::SharedFile;

/// A copy of a page met a host fault, while the address space was at work.
static LOST: Global<Cell<bool>> = Global::new(Cell::new(false));

/// Shows `length` bytes of the volume window from `gpa` on in the direct map: for copies of pages, and for the memory of pipes.
///
/// # Errors
/// ENOMEM: no page for a page table.
pub fn show(gpa: u64, length: u64) -> Result<()> {
    let start = gpa & !(LARGE_PAGE_SIZE - 1);
    let end = (gpa + length).next_multiple_of(LARGE_PAGE_SIZE);
    memory().map_direct(start, end - start, true)
}

/// Copies a page of a host file. A page that the host does not have any more is noted for [`take_lost`].
pub fn copy(from: u64, to: u64, length: u64) {
    // SAFETY: the direct map shows the window's page and the caller's frame, which do not overlap; a host fault ends the
    // copy early.
    let left = unsafe {
        user::copy_recoverable((DIRECT_MAP + to) as usize, (DIRECT_MAP + from) as usize, length as usize)
    };
    if left != 0 {
        LOST.set(true);
    }
}

/// Whether a copy has met a host fault since the last call.
pub fn take_lost() -> bool {
    LOST.take()
}

/// The mapped files of the host, each once.
fn mapped_files(space: &AddressSpace) -> Vec<Rc<FileMapping>> {
    let mut files: Vec<Rc<FileMapping>> = Vec::new();
    for area in space.areas().iter() {
        if let Backing::File { mapping, .. } = &area.backing
            && (is_volume(mapping.device) || SharedFile::of(&*mapping.file).is_some())
            && !files.iter().any(|known| Rc::ptr_eq(known, mapping))
        {
            files.push(mapping.clone());
        }
    }
    files
}

/// After a host fault: asks how long the mapped files of volumes are, and takes pages behind their ends out of the page tables,
/// so that the next touch is an ordinary fault with its address. `false`: there were none.
pub fn forget_lost_pages() -> bool {
    let space = process::current_space();
    let Ok(mut space) = space.try_borrow_mut() else { return false };
    let files = mapped_files(&space);
    if files.is_empty() {
        return false;
    }
    let before = space.resident().entered;
    for mapping in files {
        // A file that cannot be asked has no pages.
        let size = mapping.file.size().unwrap_or(0);
        space.truncated(mapping.device, mapping.inode, size);
    }
    space.resident().entered != before
}

/// Takes all pages of host files out of the page tables, except private copies.
pub fn forget_pages() {
    let Some(process) = process::first() else { return };
    let mut space = process.space.borrow_mut();
    for mapping in mapped_files(&space) {
        space.pages_replaced(mapping.device, mapping.inode, 0, u64::MAX);
    }
}

/// Where the program sees guest-physical address `gpa`, if a volume is mapped there.
pub fn program_address(gpa: u64) -> Option<u64> {
    let space = process::current_space();
    let space = space.try_borrow().ok()?;
    space.address_of(gpa)
}
