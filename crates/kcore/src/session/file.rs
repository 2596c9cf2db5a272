//! Local descriptions of the session's files: directories, and files of the image that are only read.

use super::inode::SessionInode;
use super::memory::SharedFile;
use super::pages::Pages;
use crate::errno::{Errno, Result};
use crate::file::{File, Page};
use crate::fs::inode::Inode;
use crate::stat::Stat;
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use core::any::Any;

/// Most bytes that are asked for at once.
const PIECE: usize = 256 << 10;

/// An open directory, or a regular file that is open for reading and had the image's data.
pub struct SessionFile {
    inode: Rc<SessionInode>,
    /// The image's file; none: a directory.
    pristine: Option<Rc<dyn File>>,
    pages: Pages,
}

impl SessionFile {
    pub(super) fn new(inode: Rc<SessionInode>, pristine: Option<Rc<dyn File>>) -> SessionFile {
        SessionFile { inode, pristine, pages: Pages::default() }
    }

    /// What is open.
    pub fn inode(&self) -> &Rc<SessionInode> {
        &self.inode
    }

    fn untouched(&self) -> Option<&Rc<dyn File>> {
        self.pristine.as_ref().filter(|_| self.inode.untouched().is_some())
    }
}

impl File for SessionFile {
    fn read(&self, offset: u64, into: &mut dyn Sink, flags: u32) -> Result<usize> {
        if self.pristine.is_none() {
            return Err(Errno::EISDIR);
        }
        if let Some(file) = self.untouched() {
            return file.read(offset, into, flags);
        }
        let mut done = 0;
        while into.remaining() > 0 {
            let wanted = into.remaining().min(PIECE);
            let bytes = self.inode.read_node(offset + done as u64, wanted)?;
            done += into.put(&bytes)?;
            if bytes.len() < wanted {
                break;
            }
        }
        Ok(done)
    }

    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Inode::stat(&*self.inode)
    }

    fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        if self.pristine.is_none() || for_write {
            return Err(Errno::ENODEV);
        }
        match self.untouched() {
            Some(file) => file.page(index, false),
            None => self.pages.get(self.inode.client(), self.inode.node()?, index),
        }
    }

    fn shared_memory(&self, writable: bool) -> Result<Option<Rc<dyn File>>> {
        // A file of the image that nobody has changed is read where it is.
        if self.pristine.is_none() || self.untouched().is_some() && !writable {
            return Ok(None);
        }
        Ok(Some(SharedFile::new(&self.inode)?))
    }

    fn note_private(&self) {
        self.pages.retire();
    }

    fn image_extent(&self, index: u64) -> Option<(usize, u64)> {
        self.untouched()?.image_extent(index)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
