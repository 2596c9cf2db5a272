//! Shared anonymous memory: a file without a name.

use super::super::frames::{FrameSource, Memory};
use super::super::physical::Physical;
use super::super::vma::{Backing, FileMapping};
use super::populate::Own;
use super::{AddressSpace, PAGE};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::{File, Page, PageSource};
use crate::map::Map;
use crate::stat::{S_IFREG, Stat};
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

/// Device number that shared anonymous memory shows in /proc/self/maps (Linux: its internal tmpfs).
const DEVICE: u64 = 1;

/// The memory behind `MAP_SHARED | MAP_ANONYMOUS`: pages of zeros that appear when they are touched.
pub struct SharedMemory {
    source: Rc<dyn PageSource>,
    pages: RefCell<Map<u64, Rc<dyn Page>>>,
    size: u64,
    inode: u64,
}

impl SharedMemory {
    /// `size` bytes, a multiple of the page size.
    pub fn new(source: Rc<dyn PageSource>, size: u64, inode: u64) -> SharedMemory {
        SharedMemory { source, pages: RefCell::default(), size, inode }
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its pages that have been touched, by number.
    pub fn pages(&self) -> Vec<(u64, Rc<dyn Page>)> {
        self.pages.borrow().iter().map(|(index, page)| (*index, page.clone())).collect()
    }

    /// Forgets pages `first..end` (`MADV_REMOVE`): they are zeros from now on.
    pub fn punch(&self, first: u64, end: u64) {
        let mut pages = self.pages.borrow_mut();
        let keys: Vec<u64> = pages.range(first..end.max(first)).map(|(k, _)| *k).collect();
        for key in keys {
            pages.remove(&key);
        }
    }
}

impl File for SharedMemory {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            device: DEVICE,
            inode: self.inode,
            mode: S_IFREG | 0o600,
            size: self.size,
            ..Stat::default()
        })
    }
    fn page(&self, index: u64, _: bool) -> Result<Rc<dyn Page>> {
        if index >= self.size / PAGE {
            return Err(Errno::ENXIO);
        }
        if let Some(page) = self.pages.borrow().get(&index) {
            return Ok(Rc::clone(page));
        }
        let page = self.source.zeroed()?;
        self.pages.borrow_mut().insert(index, Rc::clone(&page));
        Ok(page)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Bytes of a mapping that are entered at once when its file has been replaced.
const ENTERED: u64 = 1 << 20;

impl<P: Physical + 'static> AddressSpace<P> {
    /// What is mapped shared, each mapping once.
    pub fn shared_files(&self) -> Vec<Rc<FileMapping>> {
        let mut found: Vec<Rc<FileMapping>> = Vec::new();
        for area in self.areas.iter().filter(|area| !area.is_private()) {
            if let Backing::File { mapping, .. } = &area.backing
                && !found.iter().any(|known| Rc::ptr_eq(known, mapping))
            {
                found.push(mapping.clone());
            }
        }
        found
    }

    /// What maps `old` maps `new` in its place from now on, which has the same content. The program does not notice.
    ///
    /// # Errors
    /// ENOMEM: then some parts still map `old`.
    pub fn replace_file(&mut self, old: &Rc<FileMapping>, new: &Rc<FileMapping>) -> Result<()> {
        let ranges: Vec<(u64, u64)> = self
            .areas
            .iter()
            .filter(|area| matches!(&area.backing, Backing::File { mapping, .. } if Rc::ptr_eq(mapping, old)))
            .map(|area| (area.start, area.end))
            .collect();
        for (start, end) in ranges {
            self.zap(start, end)?;
            self.areas.update(start, end, |area| {
                if let Backing::File { mapping, .. } = &mut area.backing {
                    *mapping = new.clone();
                }
            });
            // What cannot be entered now is found at the fault.
            let _ = self.populate(start, end.min(start + ENTERED), Own::None);
        }
        Ok(())
    }

    /// New shared anonymous memory of `length` bytes.
    pub(super) fn shared_anonymous(&mut self, length: u64) -> Result<Backing> {
        let source: Rc<dyn PageSource> = Rc::new(FrameSource(Rc::<Memory<P>>::clone(&self.memory)));
        let inode = self.next_shared;
        self.next_shared += 1;
        let file = Rc::new(SharedMemory::new(source, length, inode));
        let mapping = FileMapping::new(file, Rc::from("/dev/zero (deleted)"), true, true)?;
        Ok(Backing::File { mapping: Rc::new(mapping), offset: 0 })
    }
}
