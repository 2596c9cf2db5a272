//! Pages of host files: mapped by the VMM, in pieces, into the volume window.

use super::HostFs;
use super::inode::HostInode;
use crate::errno::{Errno, Result};
use crate::file::Page;
use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use ramet_abi::hostfs::{Request, op};

const PAGE: u64 = 4096;
/// Pages mapped with one request: each mapping is a memory slot, of which there are few and none is free.
const PIECE: u64 = 1024;

/// A piece of a file in the window, as long as one of its pages is in use.
pub(super) struct Piece {
    fs: Rc<HostFs>,
    window: u64,
    pages: u64,
    writable: bool,
}

impl Drop for Piece {
    fn drop(&mut self) {
        let request = Request { operation: op::UNMAP, offset: self.window, ..Request::default() };
        // An error leaves the mapping until the VM ends; nobody refers to it.
        let _ = self.fs.call(request);
    }
}

/// The pieces of one file that are mapped, by number and whether they are writable.
#[derive(Default)]
pub(super) struct Mappings(BTreeMap<(u64, bool), Weak<Piece>>);

struct HostPage {
    piece: Rc<Piece>,
    index: u64,
}

impl Page for HostPage {
    fn address(&self) -> usize {
        self.piece.fs.transport.window_address(self.piece.window + self.index * PAGE)
    }
    fn is_read_only(&self) -> bool {
        !self.piece.writable
    }
}

impl HostInode {
    /// Page `index` of the file.
    pub(super) fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        let (number, within) = (index / PIECE, index % PIECE);
        let found = self.mappings.borrow().0.get(&(number, for_write)).and_then(Weak::upgrade);
        let piece = match found.filter(|piece| within < piece.pages) {
            Some(piece) => piece,
            None => self.map_piece(number, for_write)?,
        };
        if within >= piece.pages {
            return Err(Errno::ENXIO);
        }
        Ok(Rc::new(HostPage { piece, index: within }))
    }

    fn map_piece(&self, number: u64, writable: bool) -> Result<Rc<Piece>> {
        let size = self.refresh()?.size;
        let pages = size.div_ceil(PAGE).saturating_sub(number * PIECE).min(PIECE);
        if pages == 0 {
            return Err(Errno::ENXIO);
        }
        let request = Request {
            offset: number * PIECE * PAGE,
            length: pages * PAGE,
            flags: u32::from(writable),
            ..self.request(op::MAP)
        };
        let (window, _) = self.fs.call_value(request)?;
        let piece = Rc::new(Piece { fs: self.fs.clone(), window, pages, writable });
        let mut mappings = self.mappings.borrow_mut();
        mappings.0.retain(|_, piece| piece.strong_count() > 0);
        mappings.0.insert((number, writable), Rc::downgrade(&piece));
        Ok(piece)
    }
}
