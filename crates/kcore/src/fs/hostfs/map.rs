//! Pages of host files: mapped by the VMM, in pieces, into the volume window.

use super::HostFs;
use super::inode::HostInode;
use crate::errno::{Errno, Result};
use crate::file::Page;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::hostfs::{Request, op};

const PAGE: u64 = 4096;
/// Pages mapped with one request: each mapping is a memory slot, of which there are few and none is free.
const PIECE: u64 = 1024;

/// A piece of a file in the window.
pub(super) struct Piece {
    fs: Rc<HostFs>,
    window: u64,
    /// First page.
    first: u64,
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

/// The pieces of one file that are mapped. They stay for as long as the inode: page tables, which hold the address of a page but
/// not the page, belong to mappings that keep the file open.
#[derive(Default)]
pub(super) struct Mappings(Vec<Rc<Piece>>);

impl Mappings {
    fn find(&self, index: u64, writable: bool) -> Option<Rc<Piece>> {
        let fits = |piece: &&Rc<Piece>| {
            piece.writable == writable && (piece.first..piece.first + piece.pages).contains(&index)
        };
        self.0.iter().rev().find(fits).cloned()
    }
}

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
    /// Page `index` of the file. A file that has shrunk since its size was last asked for gives a page that the host does not
    /// have; touching it is a host fault.
    pub(super) fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        if index >= self.known_size().div_ceil(PAGE) && index >= self.refresh()?.size.div_ceil(PAGE) {
            return Err(Errno::ENXIO);
        }
        let for_write = for_write && !self.fs.transport.is_read_only();
        let found = self.mappings.borrow().find(index, for_write);
        let piece = match found {
            Some(piece) => piece,
            None => self.map_piece(index, for_write)?,
        };
        let index = index - piece.first;
        Ok(Rc::new(HostPage { piece, index }))
    }

    fn map_piece(&self, index: u64, writable: bool) -> Result<Rc<Piece>> {
        // Up to the end of the piece even where the file is shorter: it may grow.
        let (first, pages) = (index & !(PIECE - 1), PIECE);
        let request = Request {
            offset: first * PAGE,
            length: pages * PAGE,
            flags: u32::from(writable),
            ..self.request(op::MAP)
        };
        let (window, _) = self.fs.call_value(request)?;
        let piece = Rc::new(Piece { fs: self.fs.clone(), window, first, pages, writable });
        self.mappings.borrow_mut().0.push(piece.clone());
        Ok(piece)
    }
}
