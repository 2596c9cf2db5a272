//! mmap(2).

use super::super::physical::Physical;
use super::super::table::SPAN_2M;
use super::super::vma::{Backing, FileMapping, MOST, Search, Vma, property, prot};
use super::flags::map;
use super::image::{is_eager_image, is_on_large_pages};
use super::populate::Own;
use super::{AddressSpace, LOWEST, PAGE, is_aligned, is_in_program, round_up};
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::stat::{S_IFCHR, S_IFDIR, S_IFMT, S_IFREG, makedev};
use alloc::rc::Rc;
use ramet_abi::layout::PROGRAM_END;

/// The file argument of mmap(2): an open file description.
pub struct Argument {
    /// What it refers to.
    pub file: Rc<dyn File>,
    /// Its path, for /proc/self/maps.
    pub name: Rc<str>,
    /// It is open for reading.
    pub is_readable: bool,
    /// It is open for writing.
    pub is_writable: bool,
}

/// The arguments of mmap(2), as the program gave them.
pub struct MapRequest {
    /// Hint, or the place itself with `MAP_FIXED`.
    pub address: u64,
    /// Bytes.
    pub length: u64,
    /// `PROT_*`.
    pub protection: u32,
    /// `MAP_*`.
    pub flags: u32,
    /// The file; none with `MAP_ANONYMOUS`.
    pub file: Option<Argument>,
    /// Offset in the file, bytes.
    pub offset: u64,
}

/// Bytes of the main stack that are entered when it is made.
const FIRST_STACK: u64 = 128 << 10;
const BITS_32: Search = Search { low: 0x4000_0000, high: 0x8000_0000 };

impl<P: Physical + 'static> AddressSpace<P> {
    /// mmap(2). A descriptor that is not open is the caller's EBADF, to be found before.
    ///
    /// # Errors
    /// As mmap(2): EINVAL, ENOMEM, EOVERFLOW, EEXIST, EPERM, EACCES, ENODEV, EOPNOTSUPP, EAGAIN.
    pub fn mmap(&mut self, request: MapRequest) -> Result<u64> {
        let MapRequest { address, length, flags, offset, .. } = request;
        if !is_aligned(offset) || length == 0 {
            return Err(Errno::EINVAL);
        }
        let length = round_up(length).filter(|l| *l <= PROGRAM_END - LOWEST).ok_or(Errno::ENOMEM)?;
        if offset.checked_add(length).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::EOVERFLOW);
        }
        if self.areas.count() >= MOST {
            return Err(Errno::ENOMEM);
        }
        let fixed = flags & (map::FIXED | map::FIXED_NO_REPLACE) != 0;
        let wants_large = !fixed
            && length >= 2 * SPAN_2M
            && request.file.as_ref().is_some_and(|argument| is_on_large_pages(&*argument.file));
        let start = match wants_large {
            true => self.place_congruent(address, length, flags, offset)?,
            false => self.place(address, length, flags)?,
        };
        if flags & map::LOCKED != 0 || self.lock_future {
            self.check_lock(length, Errno::EAGAIN)?;
        }
        let shared = match flags & map::TYPE {
            map::PRIVATE => false,
            map::SHARED => true,
            map::SHARED_VALIDATE if request.file.is_some() => {
                if flags & !map::KNOWN != 0 {
                    return Err(Errno::EOPNOTSUPP);
                }
                true
            }
            _ => return Err(Errno::EINVAL),
        };
        if flags & map::HUGE_TLB != 0 {
            return Err(Errno::ENOMEM); // the pool of huge pages is empty
        }
        let protection = (request.protection & 7) as u8;
        let backing = self.backing(request.file, protection, shared, offset, length)?;
        let mut properties = properties(flags, shared);
        if properties & property::GROWS_DOWN != 0 && (shared || !matches!(backing, Backing::Anonymous)) {
            return Err(Errno::EINVAL);
        }
        if self.lock_future {
            properties |= property::LOCKED;
        }
        if !fixed && is_deferred(&backing, protection, shared) && flags & map::POPULATE == 0 {
            properties |= property::DEFERRED;
        }
        let vma = Vma::new(start, start + length, protection, properties, backing);
        self.check_limits(&vma, fixed)?;
        if fixed {
            self.unmap(start, start + length)?;
        }
        self.insert(vma, flags & map::POPULATE != 0 && flags & map::NON_BLOCK == 0);
        Ok(start)
    }

    /// Maps fixed guest-physical pages that nobody owns (the vDSO and its data) at `address`, or where there is room.
    ///
    /// # Errors
    /// EINVAL, ENOMEM, EEXIST: no such place.
    pub fn map_special(
        &mut self,
        address: u64,
        length: u64,
        protection: u8,
        gpa: u64,
        name: &'static str,
    ) -> Result<u64> {
        let length = round_up(length).filter(|l| *l > 0).ok_or(Errno::EINVAL)?;
        let flags = if address == 0 { 0 } else { map::FIXED_NO_REPLACE };
        let start = self.place(address, length, flags)?;
        let flags = property::DONT_DUMP;
        self.insert(Vma::new(start, start + length, protection, flags, Backing::Special { gpa, name }), true);
        Ok(start)
    }

    /// Maps the main stack: `length` bytes below `top`, growing as `limits.stack` allows.
    ///
    /// # Errors
    /// As mmap(2).
    pub fn map_stack(&mut self, top: u64, length: u64, executable: bool) -> Result<u64> {
        let length = round_up(length).filter(|l| *l > 0).ok_or(Errno::EINVAL)?;
        let start = top.checked_sub(length).ok_or(Errno::ENOMEM)?;
        let start = self.place(start, length, map::FIXED_NO_REPLACE)?;
        let protection = prot::READ | prot::WRITE | if executable { prot::EXEC } else { 0 };
        let flags = property::STACK | property::GROWS_DOWN;
        self.insert(Vma::new(start, start + length, protection, flags, Backing::Anonymous), false);
        // Arguments, environment and the first frames are certain to come.
        let _ = self.populate(start.max(top.saturating_sub(FIRST_STACK)), top, Own::Image);
        Ok(start)
    }

    /// Puts in a mapping that was checked, and fills it as policy has it.
    pub(super) fn insert(&mut self, vma: Vma, populate: bool) {
        let (start, end) = (vma.start, vma.end);
        let length = end - start;
        if vma.has(property::LOCKED) {
            self.locked += length;
        }
        let own = match () {
            () if populate || vma.has(property::LOCKED) => Some(Own::All),
            () if self.is_eager(&vma) && !vma.has(property::DEFERRED) => Some(Own::Image),
            () => None,
        };
        self.areas.insert(vma);
        if let Some(own) = own {
            // What cannot be had now is found at the fault (mmap(2) does not report it either).
            let _ = self.populate(start, end, own);
        }
    }

    /// Whether a new mapping is worth filling at once.
    pub(super) fn is_eager(&self, vma: &Vma) -> bool {
        let length = vma.len();
        match &vma.backing {
            _ if vma.prot == prot::NONE => false,
            Backing::Anonymous => {
                let most = if vma.has(property::THREAD_STACK) {
                    PAGE << self.policy.stack_window
                } else {
                    self.policy.eager_anonymous
                };
                length <= most && self.memory.is_plentiful() && !vma.has(property::GROWS_DOWN)
            }
            Backing::Special { .. } => true,
            Backing::File { mapping, offset } => {
                if !vma.is_private() || mapping.file.image_extent(offset / PAGE).is_none() {
                    return false;
                }
                if vma.prot & prot::WRITE != 0 {
                    length <= self.policy.eager_copy.min(self.memory.available() * PAGE / 8)
                } else {
                    is_eager_image(vma, &self.policy)
                }
            }
        }
    }

    /// Where the mapping goes.
    fn place(&mut self, address: u64, length: u64, flags: u32) -> Result<u64> {
        if flags & (map::FIXED | map::FIXED_NO_REPLACE) != 0 {
            if !is_in_program(address, length) {
                return Err(Errno::ENOMEM);
            }
            if !is_aligned(address) {
                return Err(Errno::EINVAL);
            }
            if address < LOWEST {
                return Err(Errno::EPERM);
            }
            if flags & map::FIXED_NO_REPLACE != 0 && !self.areas.is_free(address, address + length) {
                return Err(Errno::EEXIST);
            }
            return Ok(address);
        }
        self.place_hint(address, length, flags & map::BITS_32 != 0)
    }

    /// As [`Self::place`], with the address congruent to the file's offset in 2 MiB where no hint decides.
    fn place_congruent(&mut self, address: u64, length: u64, flags: u32, offset: u64) -> Result<u64> {
        if address == 0
            && let Ok(start) = self.place(0, length + SPAN_2M, flags)
        {
            return Ok(start + offset.wrapping_sub(start) % SPAN_2M);
        }
        self.place(address, length, flags)
    }

    /// A free area, at the hint if it can be.
    pub(super) fn place_hint(&mut self, hint: u64, length: u64, low: bool) -> Result<u64> {
        if hint != 0 {
            let top = if low { BITS_32.high } else { PROGRAM_END };
            let hint = hint.max(LOWEST) & !(PAGE - 1);
            if hint.checked_add(length).is_some_and(|end| end <= top && self.areas.has_room(hint, end)) {
                return Ok(hint);
            }
        }
        if low {
            return self.areas.find_room_upwards(length, BITS_32).ok_or(Errno::ENOMEM);
        }
        // Above the usual area is what is left, as in Linux.
        self.areas
            .find_room(length, self.search)
            .or_else(|| {
                self.areas.find_room_upwards(length, Search { low: self.search.high, high: PROGRAM_END })
            })
            .ok_or(Errno::ENOMEM)
    }

    fn backing(
        &mut self,
        file: Option<Argument>,
        protection: u8,
        shared: bool,
        offset: u64,
        length: u64,
    ) -> Result<Backing> {
        let Some(mut argument) = file else {
            return if shared { self.shared_anonymous(length) } else { Ok(Backing::Anonymous) };
        };
        let stat = argument.file.stat()?;
        let is_data = matches!(stat.mode & S_IFMT, S_IFREG | S_IFCHR);
        if shared && protection & prot::WRITE != 0 && !argument.is_writable || !argument.is_readable {
            return Err(Errno::EACCES);
        }
        if stat.mode & S_IFMT == S_IFDIR || !is_data {
            return Err(Errno::ENODEV);
        }
        if stat.mode & S_IFMT == S_IFCHR && stat.rdev == makedev(1, 5) {
            // /dev/zero
            return if shared { self.shared_anonymous(length) } else { Ok(Backing::Anonymous) };
        }
        if !shared {
            argument.file.note_private();
        } else if let Some(memory) = argument.file.shared_memory(argument.is_writable)? {
            argument.file = memory;
        }
        let index = offset / PAGE;
        if argument.file.image_extent(index).is_none()
            && argument.file.page(index, false).err() == Some(Errno::ENODEV)
        {
            return Err(Errno::ENODEV);
        }
        let mapping = FileMapping::new(argument.file, argument.name, argument.is_writable, shared)?;
        Ok(Backing::File { mapping: Rc::new(mapping), offset })
    }

    /// Linux's limits on what a new mapping adds; `fixed`: what it replaces is subtracted.
    fn check_limits(&self, vma: &Vma, fixed: bool) -> Result<()> {
        let (mut all, mut data) = self.areas.sizes();
        if fixed {
            for old in self.areas.overlapping(vma.start, vma.end) {
                let part = old.end.min(vma.end) - old.start.max(vma.start);
                all -= part;
                data -= if old.is_data() { part } else { 0 };
            }
        }
        if all.saturating_add(vma.len()) > self.limits.address_space
            || vma.is_data() && data.saturating_add(vma.len()) > self.limits.data
        {
            return Err(Errno::ENOMEM);
        }
        let limit = self.memory.statistics().limit * PAGE;
        if vma.is_data() && !vma.has(property::NO_RESERVE) && vma.len() > limit + self.policy.overcommit {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }
}

fn properties(flags: u32, shared: bool) -> u32 {
    let pairs = [
        (map::GROWS_DOWN, property::GROWS_DOWN),
        (map::NO_RESERVE, property::NO_RESERVE),
        (map::LOCKED, property::LOCKED),
        (map::STACK, property::THREAD_STACK),
    ];
    let chosen = pairs.iter().filter(|(flag, _)| flags & flag != 0).fold(0, |all, (_, p)| all | p);
    chosen | if shared { property::SHARED } else { 0 }
}

/// A dynamic linker maps the whole of a library first, and puts the parts over it: only what is left is entered.
fn is_deferred(backing: &Backing, protection: u8, shared: bool) -> bool {
    match backing {
        Backing::File { mapping, offset } => {
            !shared && protection & prot::WRITE == 0 && *offset == 0 && mapping.file.image_extent(0).is_some()
        }
        _ => false,
    }
}
