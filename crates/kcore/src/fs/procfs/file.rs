//! Open files of a synthetic tree.

use super::inode::ProcInode;
use super::{Accept, Generate};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::inode::Inode;
use crate::stat::Stat;
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;

/// Most bytes that one write to a control file takes.
const WRITE_MAX: usize = 4096;

/// A file with generated text. The text is made when the file is read at offset 0 (or for the first time) and stays the
/// same for reads further on, so that a program that reads it in pieces sees one state.
pub(super) struct TextFile {
    inode: Rc<ProcInode>,
    generate: Generate,
    accept: Option<Accept>,
    text: RefCell<Option<Rc<[u8]>>>,
}

impl TextFile {
    pub(super) fn new(inode: Rc<ProcInode>, generate: Generate, accept: Option<Accept>) -> Self {
        TextFile { inode, generate, accept, text: RefCell::new(None) }
    }

    fn text(&self, offset: u64) -> Result<Rc<[u8]>> {
        if offset != 0
            && let Some(text) = self.text.borrow().clone()
        {
            return Ok(text);
        }
        let mut out = Vec::new();
        (self.generate)(&mut out)?;
        let text: Rc<[u8]> = out.into();
        *self.text.borrow_mut() = Some(text.clone());
        Ok(text)
    }
}

impl File for TextFile {
    fn read(&self, offset: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        let text = self.text(offset)?;
        let rest = usize::try_from(offset).ok().and_then(|o| text.get(o..)).unwrap_or(&[]);
        let n = rest.len().min(into.remaining());
        if n == 0 { Ok(0) } else { into.put(&rest[..n]) }
    }

    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        let accept = self.accept.as_ref().ok_or(Errno::EIO)?;
        let mut bytes = vec![0; from.remaining().min(WRITE_MAX)];
        let n = from.take(&mut bytes)?;
        accept(&bytes[..n])?;
        Ok(n)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        self.inode.stat()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(super) struct DirectoryFile {
    pub(super) inode: Rc<ProcInode>,
}

impl File for DirectoryFile {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EISDIR)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EBADF)
    }
    fn is_seekable(&self) -> bool {
        true
    }
    fn stat(&self) -> Result<Stat> {
        self.inode.stat()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
