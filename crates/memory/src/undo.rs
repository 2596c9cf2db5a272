//! Putting page tables back, under a KVM that has shadows of them.
//!
//! A KVM without paging in hardware keeps its own tables, and learns of a change from the guest's write, not from the VMM's. So what it has
//! made of a table must not say more than the table does after the VMM has written it. Four rules keep that so:
//!
//! 1. Accessed and dirty bits that were set since stay: nothing that was derived from them is wrong. (The guest's kernel takes them for "may be in a
//!    TLB" and "may not be zero".)
//! 2. Where an entry says "not present" now, KVM has nothing, and looks at the table again: the old entry is simply written.
//! 3. A translation that is to go, or to lead elsewhere, is taken from KVM by way of the memory it leads to ([`Undo::stale`]): KVM forgets all
//!    translations to memory whose protection changes.
//! 4. Anything else (a table in the place of another one) is left to new KVM objects: [`Hard`].
//!
//! Where paging is in hardware the same is done, and is as right.

use crate::Page;
use ramet_abi::layout::{
    IMAGE_GPA, IMAGE_MAX, LARGE_PAGE_SIZE, PAGE_SIZE, ROOT_TABLE_GPA, ROOT_TABLE_TWIN_GPA,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// Bits of an entry (SDM vol. 3, 4.5).
const PRESENT: u64 = 1 << 0;
const ACCESSED: u64 = 1 << 5;
const DIRTY: u64 = 1 << 6;
const LARGE: u64 = 1 << 7;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Bits that processors leave to software: 9-11 and 52-58.
const SOFTWARE: u64 = 7 << 9 | 0x7f << 52;
/// Most tables of a guest, and most ranges that are taken from KVM one by one.
const MOST_TABLES: usize = 16384;
const MOST_RANGES: usize = 512;

/// The tables cannot be put back under KVM's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hard;

/// Which pages of RAM are page tables, with their level (4 is the top).
pub type Tables = BTreeMap<u32, u8>;

/// Finds all tables of a memory that `read` shows by the page.
pub fn find_tables(mut read: impl FnMut(u32) -> Option<Page>) -> Result<Tables, Hard> {
    let mut tables = Tables::new();
    let mut open = vec![(ROOT_TABLE_GPA, 4u8), (ROOT_TABLE_TWIN_GPA, 4)];
    while let Some((gpa, level)) = open.pop() {
        let number = (gpa / PAGE_SIZE) as u32;
        match tables.insert(number, level) {
            // One page with two meanings.
            Some(other) if other != level => return Err(Hard),
            Some(_) => continue,
            None if tables.len() > MOST_TABLES => return Err(Hard),
            None => {}
        }
        if level == 1 {
            continue;
        }
        let Some(page) = read(number) else { return Err(Hard) };
        let lower = entries(&page).filter(|entry| entry & PRESENT != 0 && !(level < 4 && entry & LARGE != 0));
        open.extend(lower.map(|entry| (entry & ADDRESS, level - 1)));
    }
    Ok(tables)
}

fn entries(page: &Page) -> impl Iterator<Item = u64> {
    page.chunks_exact(8).map(|bytes| bytes.try_into().map_or(0, u64::from_le_bytes))
}

/// What putting tables back needs.
#[derive(Debug, Default)]
pub struct Undo {
    /// Guest-physical ranges to which KVM must forget all translations.
    pub stale: Vec<Range<u64>>,
    /// The vCPU must forget what it knows of the tables.
    pub flush: bool,
    walked: usize,
}

impl Undo {
    /// Compares a table with what it is to be; `old` becomes what is to be written. `read` shows the memory as it is.
    pub fn table(
        &mut self,
        level: u8,
        now: &Page,
        old: &mut Page,
        read: &mut impl FnMut(u32) -> Option<Page>,
    ) -> Result<(), Hard> {
        for (is, bytes) in entries(now).zip(old.chunks_exact_mut(8)) {
            let was = (&*bytes).try_into().map_or(0, u64::from_le_bytes);
            if is == was {
                continue;
            }
            if (is ^ was) & !(ACCESSED | DIRTY | SOFTWARE) == 0 {
                bytes.copy_from_slice(&(was | is & (ACCESSED | DIRTY)).to_le_bytes());
                continue;
            }
            self.flush = true;
            if is & PRESENT == 0 {
                continue;
            }
            // At higher levels a table may be in the place of another one.
            if level > 1 && was & PRESENT != 0 {
                return Err(Hard);
            }
            self.forget(level, is, read)?;
        }
        Ok(())
    }

    /// All that can be reached through an entry is forgotten.
    fn forget(
        &mut self,
        level: u8,
        entry: u64,
        read: &mut impl FnMut(u32) -> Option<Page>,
    ) -> Result<(), Hard> {
        if level == 1 || level == 2 && entry & LARGE != 0 {
            let size = if level == 1 { PAGE_SIZE } else { LARGE_PAGE_SIZE };
            let start = entry & ADDRESS & !(size - 1);
            return self.add(start..start + size);
        }
        self.walked += 1;
        if entry & LARGE != 0 || self.walked > MOST_TABLES {
            return Err(Hard);
        }
        let Some(table) = read(((entry & ADDRESS) / PAGE_SIZE) as u32) else { return Err(Hard) };
        for lower in entries(&table).filter(|lower| lower & PRESENT != 0) {
            self.forget(level - 1, lower, read)?;
        }
        Ok(())
    }

    fn add(&mut self, range: Range<u64>) -> Result<(), Hard> {
        let count = self.stale.len();
        match self.stale.last_mut() {
            Some(last) if last.end == range.start && Self::is_image(last) == Self::is_image(&range) => {
                last.end = range.end;
            }
            Some(last) if last.start <= range.start && range.end <= last.end => {}
            _ if count >= MOST_RANGES => return Err(Hard),
            _ => self.stale.push(range),
        }
        Ok(())
    }

    /// Whether a range is the image's.
    pub fn is_image(range: &Range<u64>) -> bool {
        range.start >= IMAGE_GPA && range.end <= IMAGE_GPA + IMAGE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: u64 = PRESENT | 6;

    fn page(entries: &[(usize, u64)]) -> Page {
        let mut page = [0; PAGE_SIZE as usize];
        for (index, entry) in entries {
            page[index * 8..][..8].copy_from_slice(&entry.to_le_bytes());
        }
        page
    }

    fn entry(page: &Page, index: usize) -> u64 {
        entries(page).nth(index).unwrap()
    }

    fn undo(level: u8, now: &[(usize, u64)], old: &mut Page) -> Result<Undo, Hard> {
        let mut undo = Undo::default();
        let mut memory =
            |number: u32| (number == 0x30).then(|| page(&[(1, 0x5000 | TABLE), (2, 0x6000 | TABLE), (9, 0)]));
        undo.table(level, &page(now), old, &mut memory).map(|()| undo)
    }

    #[test]
    fn bits_that_the_processor_has_set_stay() {
        let mut old = page(&[(0, 0x4000 | TABLE), (1, 0x5000 | TABLE | 1 << 9)]);
        let done = undo(1, &[(0, 0x4000 | TABLE | ACCESSED | DIRTY), (1, 0x5000 | TABLE)], &mut old).unwrap();
        assert!(done.stale.is_empty() && !done.flush);
        assert_eq!(entry(&old, 0), 0x4000 | TABLE | ACCESSED | DIRTY);
        assert_eq!(entry(&old, 1), 0x5000 | TABLE | 1 << 9);
    }

    #[test]
    fn what_is_mapped_since_is_forgotten_by_its_memory() {
        let mut old = page(&[(7, 0x9000 | TABLE)]);
        let now = [(5, 0x7000 | TABLE), (6, 0x8000 | TABLE), (7, 0)];
        let done = undo(1, &now, &mut old).unwrap();
        assert_eq!((done.stale.len(), &done.stale[0]), (1, &(0x7000..0x9000)));
        assert!(done.flush);
        assert_eq!((entry(&old, 5), entry(&old, 7)), (0, 0x9000 | TABLE));
    }

    #[test]
    fn a_new_table_is_forgotten_with_all_that_it_maps() {
        let done = undo(2, &[(3, 0x3_0000 | TABLE)], &mut page(&[])).unwrap();
        assert_eq!((done.stale.len(), &done.stale[0]), (1, &(0x5000..0x7000)));
        let done = undo(2, &[(3, 0x40_0000 | TABLE | LARGE)], &mut page(&[])).unwrap();
        assert_eq!((done.stale.len(), &done.stale[0]), (1, &(0x40_0000..0x60_0000)));
    }

    #[test]
    fn another_table_in_its_place_is_hard() {
        assert!(undo(2, &[(3, 0x3_0000 | TABLE)], &mut page(&[(3, 0x4_0000 | TABLE)])).is_err());
        assert!(undo(2, &[(3, 0x3_0000 | TABLE)], &mut page(&[(3, 0x40_0000 | TABLE | LARGE)])).is_err());
        // Nobody knows what is there.
        assert!(undo(2, &[(3, 0x7_0000 | TABLE)], &mut page(&[])).is_err());
        assert!(
            undo(1, &(0..512).map(|i| (i, (i as u64) << 13 | TABLE)).collect::<Vec<_>>(), &mut page(&[]))
                .is_ok()
        );
    }

    #[test]
    fn tables_that_lead_in_circles_are_hard() {
        let circle = |_| Some(page(&[(0, ROOT_TABLE_GPA | TABLE)]));
        assert!(find_tables(circle).is_err());
        let tree = |number: u32| Some(if number < 3 { page(&[(0, 0x10_0000 | TABLE)]) } else { page(&[]) });
        assert_eq!(find_tables(tree).unwrap(), Tables::from([(1, 4), (2, 4), (0x100, 3)]));
    }
}
