//! Which pages a clone, or a child of a fork, uses first.
//!
//! A page that a clone writes for the first time costs a fault in the guest's page tables, one in the host's, and a copy; on
//! software KVM ten times what it costs to write the page from the VMM before the clone runs, and a page that it reads costs a fault
//! as well. So a template's first clone tells which pages it used until its first answer, or until it then rests, if that is at once. Later clones have those written (with what
//! is in them) beforehand, and those that are made ahead touch them, too. It is advice only: a wrong list costs time, never
//! correctness.

use crate::Mapping;
use ramet_abi::layout::{PAGE_SIZE, TOUCH_SIZE};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Most pages in the list of written ones. The lowest are kept: the kernel's own data and stacks come before the program's.
const MOST: usize = 2048;
/// Most addresses in the list of touched ones: so many the kernel's list has room for.
const MOST_TOUCHED: usize = TOUCH_SIZE as usize / 8 - 1;

const CLAIMED: u32 = 1;
const LEARNED: u32 = 2;

#[repr(C)]
struct Words {
    state: AtomicU32,
    /// Process id of whoever learns.
    claimer: AtomicU32,
    count: AtomicU32,
    reserved: AtomicU32,
    touched_count: AtomicU64,
    pages: [AtomicU32; MOST],
    touched: [AtomicU64; MOST_TOUCHED],
}

/// The list, shared by a template and its clones.
#[derive(Debug)]
pub struct WorkingSet {
    mapping: Mapping,
}

impl WorkingSet {
    /// An empty list.
    pub fn new() -> io::Result<Self> {
        let size = (size_of::<Words>() as u64).next_multiple_of(PAGE_SIZE);
        Ok(Self { mapping: Mapping::shared_anonymous(size)? })
    }

    fn words(&self) -> &Words {
        // SAFETY: Words consists of atomic integers.
        unsafe { self.mapping.atomics(0) }
    }

    /// Whether the caller is the one to learn the list. True once; again if the process that was to learn it has ended before.
    pub fn claim(&self) -> bool {
        let words = self.words();
        let own = std::process::id();
        let first = words.claimer.compare_exchange(0, own, AcqRel, Acquire).is_ok();
        if first {
            words.state.store(CLAIMED, Release);
            return true;
        }
        let before = words.claimer.load(Acquire);
        // SAFETY: signal 0 asks whether the process is there, nothing else.
        let gone = || unsafe { libc::kill(before as libc::pid_t, 0) } != 0;
        words.state.load(Acquire) == CLAIMED
            && gone()
            && words.claimer.compare_exchange(before, own, AcqRel, Acquire).is_ok()
    }

    /// Publishes the list: numbers of the pages that are written, in ascending order, and the guest-virtual addresses that are touched
    /// (bit 0: written).
    pub fn publish(&self, pages: &[u32], touched: &[u64]) {
        let words = self.words();
        for (word, page) in words.pages.iter().zip(pages) {
            word.store(*page, Relaxed);
        }
        for (word, address) in words.touched.iter().zip(touched) {
            word.store(*address, Relaxed);
        }
        words.count.store(pages.len().min(MOST) as u32, Relaxed);
        words.touched_count.store(touched.len().min(MOST_TOUCHED) as u64, Relaxed);
        let before = words.state.load(Relaxed);
        words.state.store((before + 1).max(LEARNED), Release);
    }

    /// Whether somebody has learned the list.
    pub fn is_learned(&self) -> bool {
        self.words().state.load(Acquire) >= LEARNED
    }

    /// How often the list has been published.
    pub fn version(&self) -> u32 {
        self.words().state.load(Acquire).saturating_sub(CLAIMED)
    }

    /// The pages that are written; empty as long as nobody has learned the list.
    pub fn pages(&self) -> Vec<u32> {
        let words = self.words();
        if !self.is_learned() {
            return Vec::new();
        }
        let count = (words.count.load(Relaxed) as usize).min(MOST);
        words.pages[..count].iter().map(|w| w.load(Relaxed)).collect()
    }

    /// The addresses that are touched, likewise.
    pub fn touched(&self) -> Vec<u64> {
        let words = self.words();
        if !self.is_learned() {
            return Vec::new();
        }
        let count = (words.touched_count.load(Relaxed) as usize).min(MOST_TOUCHED);
        words.touched[..count].iter().map(|w| w.load(Relaxed)).collect()
    }
}

/// Numbers of the pages in `length` bytes at `address` of this process that nobody shares with it: after fork(2), those it
/// has written. `/proc/self/pagemap`, bit 56 (Linux: `Documentation/admin-guide/mm/pagemap.rst`).
pub fn private_pages(address: u64, length: u64) -> io::Result<Vec<u32>> {
    const PRESENT_EXCLUSIVE: u64 = 1 << 63 | 1 << 56;
    let pagemap = File::open("/proc/self/pagemap")?;
    let mut private = Vec::new();
    let mut buffer = [0u8; 32768];
    let pages = length / PAGE_SIZE;
    let mut page = 0;
    while page < pages {
        let count = (pages - page).min(buffer.len() as u64 / 8);
        let wanted = &mut buffer[..count as usize * 8];
        pagemap.read_exact_at(wanted, (address / PAGE_SIZE + page) * 8)?;
        for (index, entry) in wanted.chunks_exact(8).enumerate() {
            let entry = u64::from_le_bytes(entry.try_into().unwrap_or_default());
            if entry & PRESENT_EXCLUSIVE == PRESENT_EXCLUSIVE {
                private.push((page + index as u64) as u32);
            }
        }
        page += count;
    }
    Ok(private)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_learned_once_and_bounded() {
        let set = WorkingSet::new().unwrap();
        assert_eq!(set.version(), 0);
        assert!(set.claim() && !set.claim());
        assert!(set.pages().is_empty() && set.touched().is_empty());
        set.publish(&(0..10_000).collect::<Vec<u32>>(), &(0..10_000).collect::<Vec<u64>>());
        assert_eq!(set.pages(), (0..MOST as u32).collect::<Vec<u32>>());
        assert_eq!(set.touched(), (0..MOST_TOUCHED as u64).collect::<Vec<u64>>());
        assert_eq!((set.claim(), set.version()), (false, 1));
        set.publish(&[7], &[]);
        assert_eq!((set.pages(), set.touched(), set.version()), (vec![7], vec![], 2));
    }

    #[test]
    fn written_pages_are_private() {
        let mapping = Mapping::anonymous(64 * PAGE_SIZE).unwrap();
        mapping.write(5 * PAGE_SIZE, b"x").unwrap();
        assert_eq!(private_pages(mapping.address(), mapping.length()).unwrap(), [5]);
    }
}
