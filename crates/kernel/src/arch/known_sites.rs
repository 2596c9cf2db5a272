//! Sites that have been patched before, by file: a program that is executed again is patched while it is mapped, when nothing of it is in
//! the TLB yet, instead of trap by trap. A shell's children execute the same few files over and over.
//!
//! What is known is a hint: a site is patched here only if the same instructions stand at its place in the file's page.

use super::{site, user};
use crate::global::Global;
use crate::mm::{copy_new_text, is_patchable, with_space};
use crate::task::sched;
use alloc::vec::Vec;
use core::ops::Range;
use ramet_abi::layout::PAGE_SIZE;
use ramet_kcore::cell::RefCell;
use ramet_kcore::map::Map;

/// Most files, and most sites of each.
const FILES: usize = 64;
const SITES: usize = 512;

/// `st_dev` and `st_ino`.
type FileKey = (u64, u64);
/// System call numbers by the offset of the `mov` in the file.
type Places = Map<u64, u32>;

static KNOWN: Global<RefCell<Map<FileKey, Places>>> = Global::new(RefCell::new(Map::new()));

/// A `mov $number,%eax; syscall` at `start` has been patched.
pub fn remember(start: u64, number: u32) {
    let place = with_space(|space| {
        let (mapping, offset) = space.areas().find(start)?.file_at(start)?;
        Some(((mapping.device, mapping.inode), offset))
    });
    let Some((key, offset)) = place else { return };
    let mut known = KNOWN.borrow_mut();
    if known.len() >= FILES && !known.contains_key(&key) {
        return;
    }
    let places = known.get_or_insert_with(key, Default::default);
    if places.len() < SITES {
        places.insert(offset, number);
    }
}

/// The site at `start` has trapped and been patched, so that its page is the program's own: what else in it reads `mov $number,%eax; syscall` is
/// patched as well, before it traps. A library's system calls lie together, and each trap is an exit.
pub fn patch_neighbours(start: u64) {
    /// No call has a higher number.
    const NUMBERS: u32 = 512;
    /// Debuggers know a signal frame by the instructions of its return.
    const SIGRETURN: u32 = 15;
    let page = start & !(PAGE_SIZE - 1);
    let mut text = alloc::vec![0; PAGE_SIZE as usize];
    if user::read(page as usize, &mut text).is_err() {
        return;
    }
    for (bytes, at) in text.windows(7).zip(page..) {
        if bytes[0] != 0xb8 || bytes[5..] != [0x0f, 0x05] {
            continue;
        }
        let number = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
        if number < NUMBERS
            && number != SIGRETURN
            && is_patchable(at, 7)
            && site::patch_with_number(at, number).is_some()
        {
            remember(at, number);
        }
    }
}

/// Whether the code at `at` is the program's dynamic loader: what it maps is going to run where it is. A program that maps another's code itself
/// (valgrind, an emulator) is going to read it.
pub fn is_loader(at: u64) -> bool {
    const AT_BASE: u64 = 7;
    let words = |pair: &[u8]| {
        let (name, value) = pair.split_at_checked(8)?;
        Some((u64::from_le_bytes(name.try_into().ok()?), u64::from_le_bytes(value.try_into().ok()?)))
    };
    let base = sched::with_current(|thread| {
        let layout = thread.process.layout.borrow();
        let mut pairs = layout.as_ref()?.auxiliary.chunks_exact(16).filter_map(words);
        pairs.find(|(name, _)| *name == AT_BASE).map(|(_, value)| value)
    });
    with_space(|space| {
        let file = |at| {
            let (mapping, _) = space.areas().find(at)?.file_at(at)?;
            Some((mapping.device, mapping.inode))
        };
        base.and_then(file).is_some_and(|loader| file(at) == Some(loader))
    })
}

/// Executable parts of files have been mapped in this range: what is known of them is patched.
pub fn patch_mapped(range: Range<u64>) {
    if KNOWN.borrow().is_empty() {
        return;
    }
    for (start, number) in sites_in(&range) {
        // Where it cannot be patched it traps, as if nothing were known of it.
        if site::is_enabled()
            && is_patchable(start, 7)
            && copy_new_text(start) == Some(site::original(number))
        {
            let _ = site::patch_with_number(start, number);
        }
    }
}

/// Addresses and numbers of what is known of the files that are mapped there.
fn sites_in(range: &Range<u64>) -> Vec<(u64, u32)> {
    let known = KNOWN.borrow();
    with_space(|space| {
        let mut sites = Vec::new();
        for area in space.areas().overlapping(range.start, range.end) {
            let first = area.start.max(range.start);
            let Some((mapping, offset)) = area.file_at(first) else { continue };
            let Some(places) = known.get(&(mapping.device, mapping.inode)) else { continue };
            let end = offset + (area.end.min(range.end) - first);
            sites.extend(places.range(offset..end).map(|(at, number)| (first + (at - offset), *number)));
        }
        sites
    })
}
