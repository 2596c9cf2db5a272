//! Data of a regular file: pages in memory over the image's data.

use super::backing::{self, Backing};
use super::pages::{Pages, Slot, bytes, bytes_mut};
use super::{MemFs, Node, PAGE};
use crate::errno::{Errno, Result};
use crate::file::Page;
use crate::fs::erofs::Run;
use crate::fs::inode::OFFSET_MAX;
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use core::cell::{Cell, OnceCell};

/// Seals of memory files (fcntl(2)).
pub(super) const SEAL_SHRINK: u32 = 2;
pub(super) const SEAL_GROW: u32 = 4;
pub(super) const SEAL_WRITE: u32 = 8;
pub(super) const SEAL_FUTURE_WRITE: u32 = 16;

/// Length, pages and seals.
pub(super) struct Data {
    size: Cell<u64>,
    /// The image's data show through below this offset. It only shrinks.
    lower_end: Cell<u64>,
    pub(super) pages: Pages,
    /// A page was given to a mapping: changes of pages must be told.
    pub(super) mapped: Cell<bool>,
    /// None: not a memory file.
    pub(super) seals: Cell<Option<u32>>,
    /// Shared writable mappings.
    pub(super) writable_mappings: Cell<u32>,
    /// The data are there, and no pages are here.
    pub(super) backing: OnceCell<Rc<dyn Backing>>,
}

/// What is at some offset.
enum Segment {
    Page(Rc<dyn Page>),
    Image(&'static [u8]),
    Zeros(u64),
}

impl Data {
    pub(super) fn new(lower_size: u64) -> Data {
        Data {
            size: Cell::new(lower_size),
            lower_end: Cell::new(lower_size),
            pages: Pages::default(),
            mapped: Cell::new(false),
            seals: Cell::new(None),
            writable_mappings: Cell::new(0),
            backing: OnceCell::new(),
        }
    }

    #[inline]
    pub(super) fn size(&self) -> u64 {
        self.size.get()
    }

    pub(super) fn set_size(&self, size: u64) {
        self.size.set(size);
    }

    pub(super) fn lower_end(&self) -> u64 {
        self.lower_end.get()
    }

    pub(super) fn cut_lower(&self, end: u64) {
        self.lower_end.set(self.lower_end.get().min(end));
    }

    /// 512-byte blocks for stat(2).
    pub(super) fn blocks(&self, _node: &Node) -> u64 {
        if let Some(backing) = self.backing.get() {
            return backing.blocks();
        }
        let lower_pages = self.lower_end.get().div_ceil(PAGE);
        let pages =
            if lower_pages == 0 { self.pages.page_count() } else { self.pages.count_from(lower_pages) };
        (lower_pages + pages) * (PAGE / 512)
    }

    /// Sets everything but the pages: the file has been somewhere else.
    pub(super) fn restore(&self, size: u64, lower_end: u64, seals: Option<u32>) {
        self.size.set(size);
        self.lower_end.set(lower_end);
        self.seals.set(seals);
    }

    fn sealed(&self, seals: u32) -> bool {
        self.seals.get().unwrap_or(0) & seals != 0
    }
}

impl Node {
    /// The image's data at `offset` of the file, where no slot is.
    #[inline]
    fn lower_segment(&self, data: &Data, offset: u64, limit: u64) -> Result<Segment> {
        let end = data.lower_end.get();
        if offset >= end {
            return Ok(Segment::Zeros(limit));
        }
        let (Some(image), Some(lower)) = (&self.fs.lower, &self.lower) else { return Err(Errno::EIO) };
        let limit = limit.min(end - offset);
        Ok(match image.run(lower, offset)? {
            Run::Bytes(run) => Segment::Image(&run[..limit.min(run.len() as u64) as usize]),
            Run::Zeros(count) => Segment::Zeros(limit.min(count)),
        })
    }

    #[inline]
    fn segment(&self, data: &Data, offset: u64, limit: u64) -> Result<Segment> {
        match data.pages.next(offset / PAGE) {
            None => self.lower_segment(data, offset, limit),
            Some((index, slot)) if index == offset / PAGE => Ok(match slot {
                Slot::Page(page) => Segment::Page(page),
                Slot::Hole => Segment::Zeros(limit.min(PAGE - offset % PAGE)),
            }),
            Some((index, _)) => self.lower_segment(data, offset, limit.min(index * PAGE - offset)),
        }
    }

    /// read(2) at `offset`.
    #[inline]
    pub(super) fn read_data(&self, data: &Data, offset: u64, into: &mut dyn Sink) -> Result<usize> {
        let size = data.size.get();
        if offset >= size {
            return Ok(0);
        }
        let want = (into.remaining() as u64).min(size - offset);
        if let Some(backing) = data.backing.get() {
            return backing::read(&**backing, offset, want, into);
        }
        let mut done = 0;
        while done < want {
            let (at, limit) = (offset + done, want - done);
            let segment = match self.segment(data, at, limit) {
                Ok(segment) => segment,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            };
            let (length, put) = match &segment {
                Segment::Image(run) => (run.len(), into.put(run)),
                Segment::Zeros(count) => (*count as usize, into.put_zeros(*count as usize)),
                Segment::Page(page) => {
                    let start = (at % PAGE) as usize;
                    let length = (PAGE as usize - start).min(limit as usize);
                    (length, into.put(&bytes(&**page)[start..start + length]))
                }
            };
            match put {
                Ok(n) => {
                    done += n as u64;
                    if n < length {
                        break;
                    }
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done as usize)
    }

    /// The file's own page at `index`, made from the image or from zeros if need be, and whether it is new.
    pub(super) fn own_page(&self, data: &Data, index: u64) -> Result<(Rc<dyn Page>, bool)> {
        if data.backing.get().is_some() {
            return Err(Errno::ENODEV);
        }
        let slot = data.pages.get(index);
        if let Some(Slot::Page(page)) = slot {
            return Ok((page, false));
        }
        let page = self.fs.take_page()?;
        let offset = index * PAGE;
        let lower_end = data.lower_end.get();
        if slot.is_none() && offset < lower_end {
            let length = (lower_end - offset).min(PAGE) as usize;
            if let (Some(image), Some(lower)) = (&self.fs.lower, &self.lower)
                && let Err(e) = image.copy(lower, offset, &mut bytes_mut(&*page)[..length])
            {
                self.fs.give_pages(1);
                return Err(e);
            }
        }
        data.pages.set(index, Slot::Page(page.clone()));
        self.keep();
        if data.mapped.get() {
            self.fs.tell_replaced(self.inode, index, index + 1);
        }
        Ok((page, true))
    }

    /// write(2) at `offset`.
    pub(super) fn write_data(&self, data: &Data, offset: u64, from: &mut dyn Source) -> Result<usize> {
        let mut want = from.remaining() as u64;
        if want == 0 {
            return Ok(0);
        }
        if data.sealed(SEAL_WRITE | SEAL_FUTURE_WRITE) {
            return Err(Errno::EPERM);
        }
        if offset >= OFFSET_MAX {
            return Err(Errno::EFBIG);
        }
        want = want.min(OFFSET_MAX - offset);
        if data.sealed(SEAL_GROW) && offset + want > data.size.get() {
            want = data.size.get().saturating_sub(offset);
            if want == 0 {
                return Err(Errno::EPERM);
            }
        }
        if let Some(backing) = data.backing.get() {
            let old = data.size.get();
            let most = old.max(offset + want);
            self.fs.count_length(old, most)?;
            let done = backing::write(&**backing, offset, want, from);
            if let Ok(done) = done {
                data.size.set(old.max(offset + done as u64));
            }
            self.fs.count_length(most, data.size.get())?;
            let done = done?;
            self.touch_modified();
            return Ok(done);
        }
        if offset > data.size.get() {
            self.zero_tail(data, data.size.get());
        }
        let mut done = 0;
        let mut result = Ok(());
        while done < want {
            let at = offset + done;
            let start = (at % PAGE) as usize;
            let part = (PAGE - at % PAGE).min(want - done) as usize;
            let (page, fresh) = match self.own_page(data, at / PAGE) {
                Ok(page) => page,
                Err(e) => {
                    result = Err(e);
                    break;
                }
            };
            let took = from.take(&mut bytes_mut(&*page)[start..start + part]);
            let n = took.as_ref().copied().unwrap_or(0);
            if n == 0 && fresh && at / PAGE * PAGE >= data.lower_end.get() {
                // Nothing came: leave the hole a hole.
                self.fs.give_pages(data.pages.remove(at / PAGE, at / PAGE + 1));
            }
            done += n as u64;
            if n > 0 && offset + done > data.size.get() {
                data.size.set(offset + done);
            }
            match took {
                Ok(n) if n == part => {}
                Ok(_) => break,
                Err(e) => {
                    result = Err(e);
                    break;
                }
            }
        }
        if done > 0 {
            self.touch_modified();
            return Ok(done as usize);
        }
        result.map(|()| 0)
    }

    /// Zeros the page that holds `size` from there on: what a mapping wrote past the end must not become visible.
    fn zero_tail(&self, data: &Data, size: u64) {
        if !size.is_multiple_of(PAGE)
            && let Some(Slot::Page(page)) = data.pages.get(size / PAGE)
        {
            bytes_mut(&*page)[(size % PAGE) as usize..].fill(0);
        }
    }

    /// truncate(2).
    pub(super) fn resize(&self, size: u64) -> Result<()> {
        let data = self.data()?;
        let old = data.size.get();
        if size > OFFSET_MAX {
            return Err(Errno::EFBIG);
        }
        if (size < old && data.sealed(SEAL_SHRINK)) || (size > old && data.sealed(SEAL_GROW)) {
            return Err(Errno::EPERM);
        }
        if let Some(backing) = data.backing.get() {
            self.resize_backed(data, &**backing, size)?;
        } else if size < old {
            data.cut_lower(size);
            data.size.set(size);
            // Mappings first: they must not show a page that is no longer the file's.
            if data.mapped.get() {
                self.fs.tell_truncated(self.inode, size);
            }
            self.fs.give_pages(data.pages.remove(size.div_ceil(PAGE), u64::MAX));
            self.zero_tail(data, size);
        } else if size > old {
            self.zero_tail(data, old);
            data.size.set(size);
            // A page at the old end may be mapped whose tail was not part of the file.
            if data.mapped.get() && old % PAGE != 0 {
                self.fs.tell_replaced(self.inode, old / PAGE, old / PAGE + 1);
            }
        }
        self.touch_modified();
        Ok(())
    }

    /// Makes `from..to` zeros: whole pages become holes.
    pub(super) fn punch(&self, data: &Data, from: u64, to: u64) -> Result<()> {
        if let Some(backing) = data.backing.get() {
            backing.punch(from, to)?;
            self.touch_modified();
            return Ok(());
        }
        let (first, end) = (from.div_ceil(PAGE), to / PAGE);
        let zero_part = |start: u64, stop: u64| -> Result<()> {
            let index = start / PAGE;
            let hole = match data.pages.get(index) {
                Some(Slot::Hole) => true,
                Some(Slot::Page(_)) => false,
                None => start >= data.lower_end(),
            };
            if start < stop && !hole {
                let (page, _) = self.own_page(data, index)?;
                bytes_mut(&*page)[(start % PAGE) as usize..(stop - index * PAGE) as usize].fill(0);
            }
            Ok(())
        };
        if from / PAGE == to / PAGE {
            zero_part(from, to)?;
        } else {
            if !from.is_multiple_of(PAGE) {
                zero_part(from, first * PAGE)?;
            }
            if !to.is_multiple_of(PAGE) {
                zero_part(end * PAGE, to)?;
            }
        }
        if first < end {
            if data.mapped.get() {
                self.fs.tell_replaced(self.inode, first, end);
            }
            self.fs.give_pages(data.pages.remove(first, end));
            let lower_pages = data.lower_end().div_ceil(PAGE);
            if end >= lower_pages {
                data.cut_lower(first * PAGE);
            } else {
                for index in first..end {
                    data.pages.set(index, Slot::Hole);
                }
            }
        }
        self.touch_modified();
        Ok(())
    }

    /// Whether page `index` has data, of its own or of the image.
    pub(super) fn has_data(&self, data: &Data, index: u64) -> Result<bool> {
        Ok(match data.pages.get(index) {
            Some(slot) => matches!(slot, Slot::Page(_)),
            None => matches!(self.lower_segment(data, index * PAGE, 1)?, Segment::Image(_)),
        })
    }

    /// Gives every page in `from..to` memory, and makes the file at least `size` long.
    pub(super) fn preallocate(&self, data: &Data, from: u64, to: u64, size: u64) -> Result<()> {
        if size > data.size.get() && data.sealed(SEAL_GROW) {
            return Err(Errno::EPERM);
        }
        if let Some(backing) = data.backing.get() {
            if size > data.size.get() {
                self.resize_backed(data, &**backing, size)?;
            }
            // Beyond the end nothing is counted, so that nothing is given.
            backing.allocate(from, to.min(data.size.get()).max(from))?;
            self.touch_modified();
            return Ok(());
        }
        let (first, end) = (from / PAGE, to.div_ceil(PAGE));
        if end - first > self.fs.free_pages() + data.pages.page_count() + data.lower_end().div_ceil(PAGE) {
            return Err(Errno::ENOSPC);
        }
        let mut missing = 0;
        for index in first..end {
            missing += u64::from(!self.has_data(data, index)?);
        }
        if missing > self.fs.free_pages() {
            return Err(Errno::ENOSPC);
        }
        for index in first..end {
            if !self.has_data(data, index)? {
                self.own_page(data, index)?;
            }
        }
        if size > data.size.get() {
            self.zero_tail(data, data.size.get());
            data.size.set(size);
        }
        self.touch_modified();
        Ok(())
    }
}

impl MemFs {
    pub(super) fn free_pages(&self) -> u64 {
        (self.limits.bytes / PAGE).saturating_sub(self.used_pages.get())
    }
}
