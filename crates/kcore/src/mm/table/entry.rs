//! Page table entries (SDM vol. 3, 4.5).

use ramet_abi::layout::LARGE_PAGE_SIZE;

/// The translation exists.
pub const PRESENT: u64 = 1 << 0;
/// Stores are allowed.
pub const WRITABLE: u64 = 1 << 1;
/// CPL 3 may use it: always, the kernel runs there too.
pub const USER: u64 = 1 << 2;
/// Set by the CPU before it caches the translation: without it the entry is in no TLB.
pub const ACCESSED: u64 = 1 << 5;
/// Set by the CPU before the first store.
pub const DIRTY: u64 = 1 << 6;
/// In a page directory: a 2 MiB page.
pub const LARGE: u64 = 1 << 7;
/// Software: the content belongs to someone else as well (a private mapping of a file's page): never writable,
/// a store gets a copy.
pub const COPY: u64 = 1 << 9;
/// Software, only without [`PRESENT`]: the frame is kept, and no access is allowed (`PROT_NONE`).
pub const HELD: u64 = 1 << 10;
/// Software: accessed and dirty were set ahead, so that they say nothing about the program.
pub const PRESET: u64 = 1 << 11;
/// No instruction fetch.
pub const NO_EXECUTE: u64 = 1 << 63;
/// The address bits.
pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Flags of an entry that points to a lower table.
pub const TABLE: u64 = PRESENT | WRITABLE | USER;

/// The guest-physical address that a leaf maps.
#[inline]
pub const fn address(entry: u64) -> u64 {
    entry & ADDRESS
}

/// Whether a page directory's entry is a leaf (a 2 MiB page, present or held).
#[inline]
pub const fn is_large(entry: u64) -> bool {
    entry & LARGE != 0
}

/// Whether the change from `old` to `new` leaves a stale translation in the TLB that allows more than `new`, or leads
/// elsewhere. An entry that was never accessed is in no TLB, and one that only gains rights is walked anew when the
/// old rights do not suffice (SDM vol. 3, 4.10.4.3).
#[inline]
pub const fn needs_flush(old: u64, new: u64) -> bool {
    if old & (PRESENT | ACCESSED) != PRESENT | ACCESSED {
        return false;
    }
    let lost = old & !new & (PRESENT | WRITABLE | USER) != 0 || new & !old & NO_EXECUTE != 0;
    lost || (old ^ new) & ADDRESS != 0
}

/// The leaf for part `index` of 512 of the large leaf `entry`.
#[inline]
pub const fn part(entry: u64, index: u64) -> u64 {
    (entry & !(LARGE | ADDRESS)) | ((entry & ADDRESS & !(LARGE_PAGE_SIZE - 1)) + index * 4096)
}
