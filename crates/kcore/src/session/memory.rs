//! Memory of the session's files as shared mappings show it: pieces that the VMM maps into the volume window. What is written there is
//! in the file at once, for every VM and for the keeper.

use super::client::{Client, error_of};
use super::inode::SessionInode;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::{File, Page};
use crate::fs::hostfs::HostTransport;
use crate::fs::inode::{Inode, SetAttributes};
use crate::stat::Stat;
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use ramet_abi::hostfs;
use ramet_abi::session::{Request, op, sysv, tree};

const PAGE: u64 = 4096;
/// Pages mapped with one request, which is a memory slot: of files up to that size, and of larger ones.
const PIECE: u64 = 1 << 10;
const LARGE_PIECE: u64 = 1 << 14;
/// Most bytes that are written with one request.
const WRITE_MAX: usize = 512 << 10;

/// A piece of a file in the volume window.
struct Piece {
    window: Rc<dyn HostTransport>,
    offset: u64,
    /// First page.
    first: u64,
    pages: u64,
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut request =
            hostfs::Request { operation: hostfs::op::UNMAP, offset: self.offset, ..Default::default() };
        // An error leaves the piece until the VM ends; nobody refers to it.
        let _ = self.window.call(&mut request);
    }
}

struct MappedPage {
    piece: Rc<Piece>,
    index: u64,
}

impl Page for MappedPage {
    fn address(&self) -> usize {
        self.piece.window.window_address(self.piece.offset + self.index * PAGE)
    }
    fn is_read_only(&self) -> bool {
        false
    }
}

/// What of a file is in the window. It lasts as long as some mapping of it: page tables hold addresses only.
pub(super) struct Window {
    window: Rc<dyn HostTransport>,
    fid: u32,
    pieces: RefCell<Vec<Rc<Piece>>>,
}

impl Window {
    /// Asks for the memory of node `id`.
    fn open(client: &Rc<Client>, id: u64) -> Result<Rc<Window>> {
        let request = Request { operation: op::MEMORY, id, ..Request::default() };
        Self::adopt(client, client.call(&request, &[])?.result as u32)
    }

    /// For memory that the VMM has been given.
    pub(super) fn adopt(client: &Rc<Client>, fid: u32) -> Result<Rc<Window>> {
        let window = client.local.window.clone().ok_or(Errno::ENODEV)?;
        Ok(Rc::new(Window { window, fid, pieces: RefCell::default() }))
    }

    /// Page `index` of a file of `size` bytes.
    pub(super) fn page(&self, index: u64, size: u64) -> Result<Rc<dyn Page>> {
        let found =
            self.pieces.borrow().iter().rev().find(|p| index.wrapping_sub(p.first) < p.pages).cloned();
        let piece = match found {
            Some(piece) => piece,
            None => self.map(index, if size > PIECE * PAGE { LARGE_PIECE } else { PIECE })?,
        };
        let index = index - piece.first;
        Ok(Rc::new(MappedPage { piece, index }))
    }

    fn map(&self, index: u64, pages: u64) -> Result<Rc<Piece>> {
        // Whole, even where the file is shorter: it may grow.
        let first = index & !(pages - 1);
        let mut request = hostfs::Request {
            operation: hostfs::op::MAP,
            fid: self.fid,
            offset: first * PAGE,
            length: pages * PAGE,
            flags: 1,
            ..Default::default()
        };
        let offset = self.window.call(&mut request)?;
        let piece = Rc::new(Piece { window: self.window.clone(), offset, first, pages });
        self.pieces.borrow_mut().push(piece.clone());
        Ok(piece)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.pieces.get_mut().clear();
        let mut request =
            hostfs::Request { operation: hostfs::op::CLOSE, fid: self.fid, ..Default::default() };
        // The VMM has given it: there is nothing that could fail.
        let _ = self.window.call(&mut request);
    }
}

/// A regular file of the session as a shared mapping has it: without a description.
pub struct SharedFile {
    inode: Rc<SessionInode>,
    window: Rc<Window>,
    /// The System V segment that is attached by it.
    segment: Option<u64>,
}

impl SharedFile {
    /// For a mapping of `inode`.
    ///
    /// # Errors
    /// EACCES: not a regular file; ENFILE, ENOSPC: what the keeper or the VMM cannot give.
    pub fn new(inode: &Rc<SessionInode>) -> Result<Rc<SharedFile>> {
        Self::with(inode, None)
    }

    fn with(inode: &Rc<SessionInode>, segment: Option<u64>) -> Result<Rc<SharedFile>> {
        if !inode.is_regular() {
            return Err(Errno::EACCES);
        }
        let known = inode.window.borrow().upgrade();
        let window = match known {
            Some(window) => window,
            None => {
                let window = Window::open(inode.client(), inode.node()?)?;
                inode.window.replace(Rc::downgrade(&window));
                window
            }
        };
        Ok(Rc::new(SharedFile { inode: inode.clone(), window, segment }))
    }

    /// New memory of `size` bytes without a name. It holds `pages`, by number (where there are none: zeros).
    ///
    /// # Errors
    /// ENOSPC, ENFILE.
    pub fn anonymous(
        client: &Rc<Client>,
        size: u64,
        pages: &[(u64, Rc<dyn Page>)],
    ) -> Result<Rc<SharedFile>> {
        let names = client.names();
        let reply = client.call(&Request { operation: op::MEMFD, ..Request::default() }, &[])?;
        let inode = SessionInode::answered(client, tree::MEMORY, &reply, names)?;
        inode.set_attributes(&SetAttributes { size: Some(size), ..SetAttributes::default() })?;
        let file = Self::new(&inode)?;
        let mut pages = pages.iter().peekable();
        while let Some((first, page)) = pages.next() {
            let mut bytes = Vec::from(content(&**page));
            let mut next = first + 1;
            while let Some((_, page)) = pages.next_if(|(index, _)| *index == next && bytes.len() < WRITE_MAX)
            {
                bytes.extend_from_slice(content(&**page));
                next += 1;
            }
            write_all(client, inode.node()?, first * PAGE, &bytes)?;
        }
        Ok(file)
    }

    /// Attaches System V segment `id` for the user and group `owner`, with the flags of shmat(2). It is detached when the last part of
    /// the mapping goes. The size of the segment, too.
    ///
    /// # Errors
    /// As shmat(2).
    pub fn attach(
        client: &Rc<Client>,
        id: u64,
        flags: u32,
        owner: [u32; 2],
    ) -> Result<(Rc<SharedFile>, u64)> {
        let [uid, gid] = owner.map(u64::from);
        let request = Request {
            operation: op::SYSV,
            flags: sysv::SHMAT,
            arguments: [id, 1, flags.into(), 0, uid, gid],
            ..Request::default()
        };
        let names = client.names();
        let reply = client.call(&request, &[])?;
        let stat = Request { operation: op::STAT, id: reply.result as u64, ..Request::default() };
        let attached = client.call(&stat, &[]).and_then(|known| {
            let reply = ramet_abi::session::Reply { stat: known.stat, ..reply };
            let inode = SessionInode::answered(client, tree::MEMORY, &reply, names)?;
            Self::with(&inode, Some(id))
        });
        if attached.is_err() {
            detach(client, id);
        }
        Ok((attached?, reply.values[0]))
    }

    /// The one behind `file`.
    pub fn of(file: &dyn File) -> Option<&SharedFile> {
        file.as_any().downcast_ref()
    }

    /// What is mapped.
    pub fn inode(&self) -> &Rc<SessionInode> {
        &self.inode
    }

    /// The System V segment that it is.
    pub fn segment(&self) -> Option<u64> {
        self.segment
    }

    fn is_memory_file(&self) -> bool {
        self.inode.tree() == tree::MEMORY && self.segment.is_none()
    }
}

fn detach(client: &Client, id: u64) {
    let request = Request {
        operation: op::SYSV,
        flags: sysv::SHMAT,
        arguments: [id, u64::MAX, 0, 0, 0, 0],
        ..Request::default()
    };
    // It is attached: there is nothing that could fail.
    let _ = client.call(&request, &[]);
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        if let Some(id) = self.segment {
            detach(self.inode.client(), id);
        }
    }
}

fn content(page: &dyn Page) -> &[u8] {
    // SAFETY: a page is PAGE bytes that live as long as it does. The program, which may write to it, does not run meanwhile.
    unsafe { core::slice::from_raw_parts(page.address() as *const u8, PAGE as usize) }
}

fn write_all(client: &Client, id: u64, offset: u64, bytes: &[u8]) -> Result<()> {
    // What is zeros already is not given memory.
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(());
    }
    let request =
        Request { operation: op::WRITE_NODE, id, arguments: [offset, 0, 0, 0, 0, 0], ..Request::default() };
    let reply = client.ask(&request, bytes, &mut Vec::new())?;
    match error_of(&reply) {
        Some(error) => Err(error),
        None if reply.result as usize == bytes.len() => Ok(()),
        None => Err(Errno::ENOSPC),
    }
}

impl File for SharedFile {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Inode::stat(&*self.inode)
    }

    fn page(&self, index: u64, _: bool) -> Result<Rc<dyn Page>> {
        let size = match self.inode.known_size() {
            known if index < known.div_ceil(PAGE) => known,
            _ => self.stat()?.size,
        };
        // A segment is a whole number of pages.
        if index >= size.div_ceil(PAGE) {
            return Err(Errno::ENXIO);
        }
        self.window.page(index, size)
    }

    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        let request = Request {
            operation: op::ALLOCATE,
            id: self.inode.node()?,
            arguments: [u64::from(mode), offset, length, 0, 0, 0],
            ..Request::default()
        };
        self.inode.client().call(&request, &[]).map(|_| ())
    }

    fn note_shared_writable(&self, change: i32) -> Result<()> {
        if !self.is_memory_file() {
            // Only memory files have seals.
            return Ok(());
        }
        let operation = if change > 0 { op::MAPPED } else { op::UNMAP };
        let request = Request { operation, id: self.inode.node()?, ..Request::default() };
        self.inode.client().call(&request, &[]).map(|_| ())
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
