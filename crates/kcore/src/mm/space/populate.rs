//! Entering pages into the page tables ahead of their use.

use super::super::frames::{Content, Memory, is_managed};
use super::super::physical::Physical;
use super::super::table::entry::{ACCESSED, COPY, DIRTY, LARGE, PRESET, WRITABLE};
use super::super::table::{Directory, SPAN_2M};
use super::super::vma::{Backing, FileMapping, Vma, property, prot};
use super::flags::leaf_bits;
use super::image::is_eager_image;
use super::{AddressSpace, PAGE, Policy};
use crate::errno::{Errno, Result};
use ramet_abi::layout::DIRECT_MAP;

/// Which pages of a private file mapping become the program's own at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Own {
    /// None.
    None,
    /// Those of the image, which nobody can change: to copy them early is not seen.
    Image,
    /// All.
    All,
}

/// Where a page of a file is, guest-physical; with a reference of its own if it is a frame.
#[derive(Clone, Copy)]
struct Extent {
    first: u64,
    pages: u64,
    gpa: u64,
}

/// The pages of one file mapping, with the last extent of the image remembered.
struct FilePages<'a, P> {
    memory: &'a Memory<P>,
    mapping: &'a FileMapping,
    shared: bool,
    extent: Extent,
    /// Bits for pages of the program's own.
    owned: u64,
}

fn to_gpa(address: usize) -> Result<u64> {
    (address as u64).checked_sub(DIRECT_MAP).filter(|gpa| *gpa < 512 << 30).ok_or(Errno::EIO)
}

impl<'a, P: Physical> FilePages<'a, P> {
    fn new(memory: &'a Memory<P>, mapping: &'a FileMapping, shared: bool, owned: u64) -> Self {
        FilePages { memory, mapping, shared, extent: Extent { first: 0, pages: 0, gpa: 0 }, owned }
    }

    /// The image page at `index`, if it is one and a private mapping wants it.
    fn image(&mut self, index: u64) -> Option<u64> {
        if self.shared && self.mapping.is_writable {
            return None;
        }
        let e = self.extent;
        if index.wrapping_sub(e.first) < e.pages {
            return Some(e.gpa + (index - e.first) * PAGE);
        }
        let (address, pages) = self.mapping.file.image_extent(index)?;
        let gpa = to_gpa(address).ok()?;
        self.extent = Extent { first: index, pages, gpa };
        (pages > 0 && !is_managed(gpa)).then_some(gpa)
    }

    /// A leaf for the page at `index`.
    fn leaf(&mut self, index: u64, bits: u64, own: Own, preset: u64) -> Result<u64> {
        if let Some(gpa) = self.image(index) {
            if own != Own::None {
                return self.copied(gpa, bits);
            }
            return Ok(gpa | bits & !WRITABLE | COPY | preset);
        }
        let for_write = self.shared && self.mapping.is_writable;
        if for_write && self.mapping.file.image_extent(index).is_some() {
            // The file makes a page of its own at the fault: see `AddressSpace::take_over`.
            return Err(Errno::EAGAIN);
        }
        let page = self.mapping.file.page(index, for_write)?;
        let gpa = to_gpa(page.address())?;
        if own == Own::All {
            return self.copied(gpa, bits);
        }
        if is_managed(gpa) {
            self.memory.get(gpa);
        }
        if self.shared && !page.is_read_only() {
            return Ok(gpa | bits | self.owned);
        }
        Ok(gpa | bits & !WRITABLE | COPY)
    }

    fn copied(&self, from: u64, bits: u64) -> Result<u64> {
        let to = self.memory.allocate(Content::Any).ok_or(Errno::ENOMEM)?;
        self.memory.physical.copy(from, to, PAGE);
        Ok(to | bits | self.owned)
    }
}

/// Fills what is empty in `start..end`, which lies in `vma`.
///
/// # Errors
/// ENOMEM: no frame; else what the file says about the first page that it does not have. What was filled stays.
pub(super) fn enter<P: Physical>(
    memory: &Memory<P>,
    vma: &Vma,
    start: u64,
    end: u64,
    own: Own,
    policy: &Policy,
) -> Result<u64> {
    debug_assert!(vma.start <= start && end <= vma.end);
    if vma.prot == prot::NONE {
        return Ok(0);
    }
    let bits = leaf_bits(vma.prot);
    let writable = vma.prot & prot::WRITE != 0;
    let owned = if policy.preset_dirty && writable { ACCESSED | DIRTY } else { 0 };
    // What was asked for counts as used; what comes ahead is known by its content only.
    let zeros = if owned != 0 && own != Own::All { owned | PRESET } else { owned };
    let mut error = None;
    let entered = match &vma.backing {
        Backing::Anonymous => memory.fill(start, end, &mut |_| match memory.allocate(Content::Zero) {
            Some(gpa) => Some(gpa | bits | zeros),
            None => {
                error = Some(Errno::ENOMEM);
                None
            }
        })?,
        Backing::Special { gpa, .. } => memory.fill(start, end, &mut |va| {
            let gpa = gpa + (va - vma.start);
            if is_managed(gpa) {
                memory.get(gpa);
            }
            Some(gpa | bits & !WRITABLE | COPY)
        })?,
        Backing::File { mapping, offset } => {
            let preset = if policy.preset_accessed { ACCESSED } else { 0 };
            let mut pages = FilePages::new(memory, mapping, !vma.is_private(), owned);
            memory.fill(start, end, &mut |va| {
                let index = (offset + (va - vma.start)) / PAGE;
                match pages.leaf(index, bits, own, preset) {
                    Ok(leaf) => Some(leaf),
                    Err(e) => {
                        error = Some(e);
                        None
                    }
                }
            })?
        }
    };
    error.map_or(Ok(entered), Err)
}

impl<P: Physical> AddressSpace<P> {
    /// Enters what the range has, mapping by mapping, as far as memory and files go. Large pages are used for
    /// anonymous memory where they fit. Gaps are skipped. `own`: of private
    /// writable mappings of files.
    ///
    /// # Errors
    /// The first error met: ENOMEM, or what a file says.
    pub(super) fn populate(&mut self, start: u64, end: u64, own: Own) -> Result<()> {
        let mut at = start;
        let mut result = Ok(());
        while at < end {
            let Some(vma) = self.areas.at_or_after(at).filter(|v| v.start < end) else { break };
            let (from, to) = (at.max(vma.start), end.min(vma.end));
            let own = if vma.is_private() && vma.prot & prot::WRITE != 0 { own } else { Own::None };
            let entered = self.enter_range(vma, from, to, own);
            at = to;
            match entered {
                Ok(n) => self.counters.entered += n,
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }

    fn enter_range(&self, vma: &Vma, start: u64, end: u64, own: Own) -> Result<u64> {
        let mut entered = 0;
        let mut at = start;
        while at < end {
            let part = ((at & !(SPAN_2M - 1)) + SPAN_2M).min(end);
            if part - at == SPAN_2M && self.enter_large(vma, at)? {
                entered += 512;
            } else {
                entered += enter(&self.memory, vma, at, part, own, &self.policy)?;
            }
            at = part;
        }
        Ok(entered)
    }

    /// Maps the 2 MiB at `va` (on a boundary, inside `vma`) with one entry, if that can be. `false`: it cannot.
    pub(super) fn enter_large(&self, vma: &Vma, va: u64) -> Result<bool> {
        if vma.prot == prot::NONE
            || vma.has(property::NO_HUGE)
            || !matches!(self.memory.directory(va), Directory::Empty(_))
        {
            return Ok(false);
        }
        let bits = leaf_bits(vma.prot) | LARGE;
        match &vma.backing {
            Backing::Anonymous if self.memory.available() / 16 >= 512 => {
                let Some(gpa) = self.memory.allocate_large(Content::Zero) else { return Ok(false) };
                let mapped = self.memory.map_large(va, gpa | bits);
                if !matches!(mapped, Ok(true)) {
                    self.memory.release_large(gpa, false);
                }
                mapped
            }
            Backing::File { mapping, offset } if vma.is_private() => {
                let index = (offset + (va - vma.start)) / PAGE;
                let Some((address, pages)) = mapping.file.image_extent(index) else { return Ok(false) };
                let gpa = to_gpa(address)?;
                if pages < 512 || gpa & (SPAN_2M - 1) != 0 || is_managed(gpa) || vma.prot & prot::WRITE != 0 {
                    return Ok(false);
                }
                let preset = if self.policy.preset_accessed { ACCESSED } else { 0 };
                self.memory.map_large(va, gpa | bits & !WRITABLE | COPY | preset)
            }
            _ => Ok(false),
        }
    }

    /// A mapping that was put off ([`property::DEFERRED`]) has got its final shape.
    pub(super) fn enter_deferred(&mut self, start: u64, end: u64) {
        if let Some(vma) = self.areas.find_mut(start) {
            vma.flags &= !property::DEFERRED;
        }
        let is_eager = self.areas.find(start).is_some_and(|vma| is_eager_image(vma, &self.policy));
        if end - start <= self.policy.eager_image || is_eager {
            // Whatever fails here is found at the fault.
            let _ = self.populate(start, end, Own::None);
        }
    }
}
