//! The address space of a program: system calls on memory, and page faults.
//!
//! The page tables are a cache of the mappings: whatever is not in them is found at a fault. Since a fault costs 25 to
//! 30 µs on software KVM and an entry 50 to 200 ns, much is entered ahead ([`Policy`]).

mod advise;
mod brk;
mod fault;
mod flags;
mod image;
mod lock;
mod mmap;
mod names;
mod patch;
mod populate;
mod protect;
mod reclaim;
mod remap;
mod shared;
mod unmap;
mod zap;

pub use advise::advice;
pub use fault::{Access, Fault};
pub use flags::map;
pub use image::is_on_large_pages;
pub use mmap::{Argument, MapRequest};
pub use names::{MapLine, Resident};
pub use shared::SharedMemory;

use super::frames::{Memory, is_managed};
use super::physical::Physical;
use super::table::entry::{ADDRESS, DIRTY};
use super::vma::{Areas, Search};
use alloc::rc::Rc;
use ramet_abi::layout::PROGRAM_END;

/// Lowest address that a program may map (Linux: vm.mmap_min_addr), so that null pointers fault.
pub const LOWEST: u64 = 65536;
/// A page.
pub const PAGE: u64 = 4096;

/// Resource limits that concern memory, in bytes; `u64::MAX`: none.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `RLIMIT_AS`.
    pub address_space: u64,
    /// `RLIMIT_DATA`, for all private writable memory.
    pub data: u64,
    /// `RLIMIT_DATA`, for the heap.
    pub heap: u64,
    /// `RLIMIT_STACK`.
    pub stack: u64,
    /// `RLIMIT_MEMLOCK`; `u64::MAX` also for a privileged program.
    pub locked: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { address_space: u64::MAX, data: u64::MAX, heap: u64::MAX, stack: 8 << 20, locked: u64::MAX }
    }
}

/// How much is mapped ahead of its use. Sizes in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Anonymous mappings up to this are filled when they are made.
    pub eager_anonymous: u64,
    /// Read-only parts of the image up to this are mapped at once.
    pub eager_image: u64,
    /// The same, for those that large pages show.
    pub eager_large: u64,
    /// Private writable file mappings up to this (and up to an eighth of what memory is left) are copied when they are
    /// made: Python's data are 1.3 MiB, of which most is written at once.
    pub eager_copy: u64,
    /// log2 of the pages of the first window at a fault in anonymous memory.
    pub first_window: u8,
    /// log2 of the pages of every window in a thread's stack.
    pub stack_window: u8,
    /// log2 of the pages of the largest window at a fault.
    pub last_window: u8,
    /// log2 of the pages around a fault in a file.
    pub file_window: u8,
    /// log2 of the pages around a store to a private file page.
    pub copy_window: u8,
    /// Set the accessed bit of the image's pages ahead: software KVM then maps neighbours with one fault of its own
    /// (several µs), while the removal of such a page needs a flush.
    pub preset_accessed: bool,
    /// Set the accessed and dirty bits of writable memory ahead: software KVM then maps eight neighbours writable with one
    /// fault instead of each with its own. The price: what was never touched counts as written and needs a flush to be
    /// removed, and under pressure it is known by its zeros only.
    pub preset_dirty: bool,
    /// `MADV_DONTNEED` of up to this zeroes the pages where they are, which costs neither a flush nor faults.
    pub zero_in_place: u64,
    /// A private writable mapping larger than all of RAM plus this is refused, unless it is `MAP_NORESERVE`.
    pub overcommit: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            eager_anonymous: 1 << 20,
            eager_image: 16 << 20,
            eager_large: 256 << 20,
            eager_copy: 4 << 20,
            first_window: 5,
            stack_window: 4,
            last_window: 9,
            file_window: 6,
            copy_window: 4,
            preset_accessed: true,
            preset_dirty: true,
            zero_in_place: 256 << 10,
            overcommit: 128 << 30,
        }
    }
}

/// Counters since the program began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Faults that were resolved.
    pub faults: u64,
    /// TLB flushes.
    pub flushes: u64,
    /// Pages entered into the page tables.
    pub entered: u64,
    /// Pages taken back unused under pressure.
    pub reclaimed: u64,
}

/// The mappings and page tables of one program.
pub struct AddressSpace<P: Physical> {
    memory: Rc<Memory<P>>,
    areas: Areas,
    search: Search,
    heap: u64,
    heap_end: u64,
    locked: u64,
    lock_future: bool,
    next_shared: u64,
    /// Resource limits; the caller keeps them up to date.
    pub limits: Limits,
    /// What is mapped ahead.
    pub policy: Policy,
    /// What happened so far.
    pub counters: Counters,
}

impl<P: Physical> AddressSpace<P> {
    /// An address space without mappings. `mmap_base`: mappings are placed below it, from the top downwards.
    pub fn new(memory: Rc<Memory<P>>, mmap_base: u64) -> AddressSpace<P> {
        AddressSpace {
            memory,
            areas: Areas::new(),
            search: Search { low: LOWEST, high: mmap_base.clamp(1 << 32, PROGRAM_END) & !(PAGE - 1) },
            heap: 0,
            heap_end: 0,
            locked: 0,
            lock_future: false,
            next_shared: 1,
            limits: Limits::default(),
            policy: Policy::default(),
            counters: Counters::default(),
        }
    }

    /// The frames that this address space takes from.
    pub fn memory(&self) -> &Rc<Memory<P>> {
        &self.memory
    }

    /// The mappings.
    pub fn areas(&self) -> &Areas {
        &self.areas
    }

    /// Sets where mappings are placed: below `base`.
    pub fn set_mmap_base(&mut self, base: u64) {
        self.search.high = base.clamp(1 << 32, PROGRAM_END) & !(PAGE - 1);
        self.areas.forget_search();
    }

    /// A free area of `length` bytes where a mapping without a hint would go; nothing is mapped.
    pub fn find_area(&mut self, length: u64) -> Option<u64> {
        let length = length.checked_next_multiple_of(PAGE).filter(|l| *l > 0)?;
        self.areas.find_room(length, self.search)
    }

    fn flush(&mut self, needed: bool) {
        if needed {
            self.counters.flushes += 1;
            self.memory.physical.flush();
        }
    }
}

/// Gives back what `leaf`, which is no longer in the page tables, referred to.
#[inline]
fn drop_leaf<P: Physical>(memory: &Memory<P>, leaf: u64, large: bool) {
    let gpa = leaf & ADDRESS;
    if is_managed(gpa) {
        if large {
            memory.release_large(gpa & !(super::table::SPAN_2M - 1), leaf & DIRTY != 0);
        } else {
            memory.release(gpa, leaf & DIRTY != 0);
        }
    }
}

/// Whether `address` is the first of a page.
#[inline]
fn is_aligned(address: u64) -> bool {
    address & (PAGE - 1) == 0
}

/// `length` rounded up to pages; `None`: it wraps.
#[inline]
fn round_up(length: u64) -> Option<u64> {
    length.checked_next_multiple_of(PAGE)
}

/// Whether `start..start + length` lies in the program's half.
#[inline]
fn is_in_program(start: u64, length: u64) -> bool {
    start.checked_add(length).is_some_and(|end| end <= PROGRAM_END)
}

impl<P: Physical> Drop for AddressSpace<P> {
    fn drop(&mut self) {
        self.clear();
    }
}
