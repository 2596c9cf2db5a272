//! A machine to test against: memory, an image, and a CPU that walks page tables and caches what it finds.

use crate::errno::{Errno, Result};
use crate::file::{File, Page};
use crate::mm::table::entry::{ACCESSED, ADDRESS, DIRTY, LARGE, NO_EXECUTE, PRESENT, USER, WRITABLE};
use crate::mm::{Access, AddressSpace, Argument, Fault, MapRequest, Memory, Physical, map};
use crate::stat::{S_IFREG, Stat};
use crate::user::{Sink, Source};
use ramet_abi::layout::{DIRECT_MAP, FREE_RAM_GPA, IMAGE_GPA, ROOT_TABLE_GPA, ROOT_TABLE_TWIN_GPA};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

type Frame = Box<[u64; 512]>;

/// Memory and CPU.
pub struct Machine {
    frames: RefCell<HashMap<u64, Frame>>,
    pub size: Cell<u64>,
    pub limit: u64,
    pub flushes: Cell<u64>,
    pub released: Cell<u64>,
    pub zeroed: Cell<u64>,
    tlb: RefCell<HashMap<u64, Cached>>,
    tables: RefCell<HashMap<u64, u64>>,
}

#[derive(Clone, Copy)]
struct Cached {
    gpa: u64,
    writable: bool,
    executable: bool,
    dirty: bool,
}

/// What page `index` of the image holds in every word.
pub fn image_word(index: u64) -> u64 {
    0x1111_0000_0000 + index
}

impl Machine {
    fn new(size: u64, limit: u64) -> Machine {
        Machine {
            frames: RefCell::default(),
            size: Cell::new(size),
            limit,
            flushes: Cell::new(0),
            released: Cell::new(0),
            zeroed: Cell::new(0),
            tlb: RefCell::default(),
            tables: RefCell::default(),
        }
    }

    fn is_there(&self, gpa: u64) -> bool {
        gpa < self.size.get() || (IMAGE_GPA..IMAGE_GPA + (1 << 30)).contains(&gpa)
    }

    fn walk(&self, va: u64, access: Access) -> std::result::Result<Cached, ()> {
        let mut table = ROOT_TABLE_GPA;
        let cached = self.tables.borrow().get(&(va >> 21)).copied();
        let mut shifts = vec![39u32, 30, 21, 12];
        if let Some(page_table) = cached {
            table = page_table;
            shifts = vec![12];
        }
        for shift in shifts {
            let slot = table + ((va >> shift) & 511) * 8;
            let mut entry = self.read(slot);
            if shift == 39 {
                assert_eq!(
                    entry & ADDRESS,
                    self.read(slot - ROOT_TABLE_GPA + ROOT_TABLE_TWIN_GPA) & ADDRESS,
                    "twins"
                );
            }
            if entry & (PRESENT | USER) != PRESENT | USER {
                return Err(());
            }
            let large = shift == 21 && entry & LARGE != 0;
            if shift == 12 || large {
                let allowed = match access {
                    Access::Read => true,
                    Access::Write => entry & WRITABLE != 0,
                    Access::Execute => entry & NO_EXECUTE == 0,
                };
                if !allowed {
                    return Err(());
                }
                entry |= ACCESSED | if access == Access::Write { DIRTY } else { 0 };
                self.write(slot, entry);
                let inside = if large { va & ((2 << 20) - 1) & !4095 } else { 0 };
                return Ok(Cached {
                    gpa: (entry & ADDRESS) + inside,
                    writable: entry & WRITABLE != 0,
                    executable: entry & NO_EXECUTE == 0,
                    dirty: entry & DIRTY != 0,
                });
            }
            assert!(entry & WRITABLE != 0, "upper levels allow everything");
            self.write(slot, entry | ACCESSED);
            table = entry & ADDRESS;
            if shift == 21 {
                self.tables.borrow_mut().insert(va >> 21, table);
            }
        }
        unreachable!()
    }

    /// The CPU's translation of `va`; `Err`: a page fault.
    pub fn translate(&self, va: u64, access: Access) -> std::result::Result<u64, ()> {
        let page = va >> 12;
        let cached = self.tlb.borrow().get(&page).copied();
        if let Some(c) = cached {
            let enough = match access {
                Access::Read => true,
                Access::Write => c.writable && c.dirty,
                Access::Execute => c.executable,
            };
            if enough {
                return Ok(c.gpa + (va & 4095));
            }
        }
        // A fault drops what is cached for the page.
        self.tlb.borrow_mut().remove(&page);
        match self.walk(va, access) {
            Ok(c) => {
                self.tlb.borrow_mut().insert(page, c);
                Ok(c.gpa + (va & 4095))
            }
            Err(()) => {
                self.tables.borrow_mut().remove(&(va >> 21));
                Err(())
            }
        }
    }
}

impl Physical for Machine {
    fn read(&self, gpa: u64) -> u64 {
        assert!(gpa.is_multiple_of(8) && self.is_there(gpa), "read of {gpa:#x}");
        match self.frames.borrow().get(&(gpa >> 12)) {
            Some(frame) => frame[(gpa as usize & 4095) / 8],
            None if gpa >= IMAGE_GPA => image_word((gpa - IMAGE_GPA) >> 12),
            None => 0,
        }
    }
    fn write(&self, gpa: u64, value: u64) {
        assert!(gpa.is_multiple_of(8) && gpa < self.size.get(), "write of {gpa:#x}");
        if value == 0 && !self.frames.borrow().contains_key(&(gpa >> 12)) {
            return;
        }
        let mut frames = self.frames.borrow_mut();
        frames.entry(gpa >> 12).or_insert_with(|| Box::new([0; 512]))[(gpa as usize & 4095) / 8] = value;
    }
    fn zero(&self, gpa: u64, length: u64) {
        assert!(gpa.is_multiple_of(4096) && gpa + length <= self.size.get());
        self.zeroed.set(self.zeroed.get() + length / 4096);
        for page in 0..length / 4096 {
            self.frames.borrow_mut().remove(&((gpa >> 12) + page));
        }
    }
    fn copy(&self, from: u64, to: u64, length: u64) {
        for at in (0..length).step_by(8) {
            self.write(to + at, self.read(from + at));
        }
    }
    fn flush(&self) {
        self.flushes.set(self.flushes.get() + 1);
        self.tlb.borrow_mut().clear();
        self.tables.borrow_mut().clear();
    }
    fn grow(&self, at_least: u64) -> Result<u64> {
        if at_least > self.limit {
            return Err(Errno::ENOMEM);
        }
        self.size.set(at_least.max(self.size.get()));
        Ok(self.size.get())
    }
    fn release(&self, gpa: u64, length: u64) -> Result<()> {
        self.zero(gpa, length);
        self.released.set(self.released.get() + length);
        Ok(())
    }
}

pub type Space = AddressSpace<Machine>;
pub const MIB: u64 = 1 << 20;
pub const BASE: u64 = 0x7f00_0000_0000;

/// A machine with `size` bytes of RAM that can grow to `limit`, and its frames.
pub fn memory(size: u64, limit: u64) -> Rc<Memory<Machine>> {
    Rc::new(Memory::new(Machine::new(size, limit), FREE_RAM_GPA, size, limit))
}

/// An address space over 64 MiB of RAM that can grow to 256 MiB.
pub fn space() -> Space {
    AddressSpace::new(memory(64 * MIB, 256 * MIB), BASE)
}

/// An access of the program, faults resolved; `Err`: what the program would get a signal for.
pub fn access(
    space: &mut Space,
    va: u64,
    access: Access,
    value: Option<u64>,
) -> std::result::Result<u64, Fault> {
    for _ in 0..4 {
        let found = space.memory().physical.translate(va, access);
        match found {
            Ok(gpa) => {
                let machine = &space.memory().physical;
                let old = machine.read(gpa);
                if let Some(value) = value {
                    machine.write(gpa, value);
                }
                return Ok(old);
            }
            Err(()) => match space.fault(va, access) {
                Fault::Resolved => {}
                other => return Err(other),
            },
        }
    }
    panic!("the fault at {va:#x} does not end");
}

pub fn load(space: &mut Space, va: u64) -> std::result::Result<u64, Fault> {
    access(space, va, Access::Read, None)
}

pub fn store(space: &mut Space, va: u64, value: u64) -> std::result::Result<u64, Fault> {
    access(space, va, Access::Write, Some(value))
}

pub fn anonymous(address: u64, length: u64, protection: u32, flags: u32) -> MapRequest {
    MapRequest { address, length, protection, flags: flags | map::ANONYMOUS, file: None, offset: 0 }
}

/// A private anonymous mapping that can be read and written.
pub fn map_memory(space: &mut Space, length: u64) -> u64 {
    space.mmap(anonymous(0, length, 3, map::PRIVATE)).unwrap()
}

/// A file of the image: pages from image page `first` on.
pub struct ImageFile {
    pub first: u64,
    pub pages: u64,
    pub inode: u64,
}

struct ImagePage(usize);

impl Page for ImagePage {
    fn address(&self) -> usize {
        self.0
    }
    fn is_read_only(&self) -> bool {
        true
    }
}

impl File for ImageFile {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            device: 7,
            inode: self.inode,
            mode: S_IFREG | 0o755,
            size: self.pages * 4096,
            ..Stat::default()
        })
    }
    fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        assert!(!for_write);
        let (address, _) = self.image_extent(index).ok_or(Errno::ENXIO)?;
        Ok(Rc::new(ImagePage(address)))
    }
    fn image_extent(&self, index: u64) -> Option<(usize, u64)> {
        let left = self.pages.checked_sub(index).filter(|l| *l > 0)?;
        Some(((DIRECT_MAP + IMAGE_GPA + (self.first + index) * 4096) as usize, left))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub fn file_request(
    file: Rc<dyn File>,
    length: u64,
    protection: u32,
    flags: u32,
    writable: bool,
) -> MapRequest {
    let argument = Argument { file, name: Rc::from("/file"), is_readable: true, is_writable: writable };
    MapRequest { address: 0, length, protection, flags, file: Some(argument), offset: 0 }
}

pub fn image_file(first: u64, pages: u64) -> Rc<dyn File> {
    Rc::new(ImageFile { first, pages, inode: first + 100 })
}
