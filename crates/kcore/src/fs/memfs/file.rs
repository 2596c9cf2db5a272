//! Open files and directories of the file system in memory.

use super::data::{SEAL_FUTURE_WRITE, SEAL_WRITE};
use super::pages::Slot;
use super::{F_SEAL_SEAL, Node, PAGE};
use crate::errno::{Errno, Result};
use crate::file::{File, Page, flags::O_NOATIME};
use crate::fs::inode::{Inode, OFFSET_MAX};
use crate::stat::Stat;
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use core::any::Any;

const FALLOC_KEEP_SIZE: u32 = 1;
const FALLOC_PUNCH_HOLE: u32 = 2;
const FALLOC_ZERO_RANGE: u32 = 16;

/// An open regular file.
pub struct RegularFile {
    node: Rc<Node>,
}

/// A page of the image.
struct ImagePage(usize);

impl Page for ImagePage {
    fn address(&self) -> usize {
        self.0
    }
    fn is_read_only(&self) -> bool {
        true
    }
}

impl RegularFile {
    pub(super) fn new(node: Rc<Node>) -> Self {
        RegularFile { node }
    }

    /// The node that is open.
    pub fn node(&self) -> &Rc<Node> {
        &self.node
    }

    fn image_run(&self, index: u64) -> Option<(usize, u64)> {
        let data = self.node.data().ok().filter(|data| data.backing.get().is_none())?;
        let (image, lower) = (self.node.fs.lower.as_ref()?, self.node.lower.as_ref()?);
        let mut end = data.lower_end();
        if end < lower.size && end % PAGE != 0 {
            // The image has more behind the file's new end than the program may see.
            end -= end % PAGE;
        }
        // Behind the image's last byte the file must end too, or show zeros: the image's rest of that page is zeros.
        let (address, pages) = image.extent(lower, index, end)?;
        match data.pages.next(index) {
            Some((next, _)) if next == index => None,
            Some((next, _)) => Some((address, pages.min(next - index))),
            None => Some((address, pages)),
        }
    }
}

impl File for RegularFile {
    #[inline]
    fn read(&self, offset: u64, into: &mut dyn Sink, flags: u32) -> Result<usize> {
        if flags & O_NOATIME == 0 {
            self.node.touch_accessed();
        }
        self.node.read_data(self.node.data()?, offset, into)
    }

    fn write(&self, offset: u64, from: &mut dyn Source, _flags: u32) -> Result<usize> {
        self.node.write_data(self.node.data()?, offset, from)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Inode::stat(&*self.node)
    }

    fn size(&self) -> Result<u64> {
        Ok(self.node.data()?.size())
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.node.resize(size)
    }

    fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        let data = self.node.data()?;
        if index >= data.size().div_ceil(PAGE) {
            return Err(Errno::ENXIO);
        }
        if for_write {
            if data.seals.get().unwrap_or(0) & SEAL_WRITE != 0 {
                return Err(Errno::EPERM);
            }
            let (page, _) = self.node.own_page(data, index)?;
            data.mapped.set(true);
            self.node.touch_modified();
            return Ok(page);
        }
        if let Some(Slot::Page(page)) = data.pages.get(index) {
            data.mapped.set(true);
            return Ok(page);
        }
        if let Some((address, _)) = self.image_run(index) {
            data.mapped.set(true);
            return Ok(Rc::new(ImagePage(address)));
        }
        let (page, _) = self.node.own_page(data, index)?;
        data.mapped.set(true);
        Ok(page)
    }

    fn image_extent(&self, index: u64) -> Option<(usize, u64)> {
        let run = self.image_run(index)?;
        self.node.data().ok()?.mapped.set(true);
        Some(run)
    }

    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        let data = self.node.data()?;
        if length == 0 {
            return Err(Errno::EINVAL);
        }
        let end = offset.checked_add(length).filter(|&end| end <= OFFSET_MAX).ok_or(Errno::EFBIG)?;
        let keep_size = mode & FALLOC_KEEP_SIZE != 0;
        let sealed = data.seals.get().unwrap_or(0) & (SEAL_WRITE | SEAL_FUTURE_WRITE) != 0;
        match mode & !FALLOC_KEEP_SIZE {
            0 => self.node.preallocate(data, offset, end, if keep_size { 0 } else { end }),
            FALLOC_PUNCH_HOLE if !keep_size => Err(Errno::EOPNOTSUPP),
            FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE if sealed => Err(Errno::EPERM),
            FALLOC_PUNCH_HOLE => self.node.punch(data, offset, end.min(data.size()).max(offset)),
            FALLOC_ZERO_RANGE => {
                self.node.punch(data, offset, end.min(data.size()).max(offset))?;
                self.node.preallocate(data, offset, end, if keep_size { 0 } else { end })
            }
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn seek_data(&self, offset: u64, wants_data: bool) -> Result<u64> {
        let data = self.node.data()?;
        let size = data.size();
        if offset >= size {
            return Err(Errno::ENXIO);
        }
        if let Some(backing) = data.backing.get() {
            return backing.seek(offset, wants_data);
        }
        let mut index = offset / PAGE;
        let last = size.div_ceil(PAGE);
        let lower_pages = data.lower_end().div_ceil(PAGE);
        while index < last {
            if self.node.has_data(data, index)? == wants_data {
                return Ok((index * PAGE).max(offset));
            }
            index += 1;
            if index >= lower_pages && wants_data {
                // A sparse file may be huge: go from page to page.
                match data.pages.next(index) {
                    Some((next, _)) => index = next,
                    None => break,
                }
            }
        }
        if wants_data { Err(Errno::ENXIO) } else { Ok(size) }
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn seals(&self, add: u32) -> Result<u32> {
        let data = self.node.data()?;
        let Some(seals) = data.seals.get() else {
            // Files of tmpfs can be asked but not sealed; other file systems know no seals.
            return match (self.node.fs.lower.is_some(), add) {
                (true, _) => Err(Errno::EINVAL),
                (false, 0) => Ok(F_SEAL_SEAL),
                (false, _) => Err(Errno::EPERM),
            };
        };
        if add == 0 {
            return Ok(seals);
        }
        if seals & F_SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        if add & !super::memfd::SEALS_ALL != 0 {
            return Err(Errno::EINVAL);
        }
        if add & SEAL_WRITE != 0 && seals & SEAL_WRITE == 0 && data.writable_mappings.get() > 0 {
            return Err(Errno::EBUSY);
        }
        data.seals.set(Some(seals | add));
        Ok(seals | add)
    }

    fn note_shared_writable(&self, change: i32) -> Result<()> {
        let data = self.node.data()?;
        if change > 0 && data.seals.get().unwrap_or(0) & (SEAL_WRITE | SEAL_FUTURE_WRITE) != 0 {
            return Err(Errno::EPERM);
        }
        data.writable_mappings.set(data.writable_mappings.get().saturating_add_signed(change));
        Ok(())
    }

    fn describe(&self) -> alloc::vec::Vec<u8> {
        b"/ (deleted)".to_vec()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An open directory: its entries are read through its inode.
pub(super) struct DirectoryFile {
    node: Rc<Node>,
}

impl DirectoryFile {
    pub(super) fn new(node: Rc<Node>) -> Self {
        DirectoryFile { node }
    }
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
        Inode::stat(&*self.node)
    }
    fn sync(&self) -> Result<()> {
        Ok(())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
