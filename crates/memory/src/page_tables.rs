//! The guest's page tables, read from outside: which pages a vCPU has used.
//!
//! A guest writes its tables itself, so that they may say anything: every table must lie in RAM, and a walk ends after [`MOST_TABLES`].

use crate::{Ram, private_pages};
use ramet_abi::layout::{
    FREE_RAM_GPA, IMAGE_GPA, IMAGE_MAX, LARGE_PAGE_SIZE, PAGE_SIZE, ROOT_TABLE_GPA, SHARED_GPA, SHARED_SIZE,
    SHARED_WINDOW, SPARE_TABLES_GPA,
};
use std::collections::BTreeSet;
use std::io;

/// Bits of an entry (SDM vol. 3, 4.5).
const PRESENT: u64 = 1 << 0;
const WRITABLE: u64 = 1 << 1;
const USER: u64 = 1 << 2;
const ACCESSED: u64 = 1 << 5;
const LARGE: u64 = 1 << 7;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Most tables of one walk: those of 16 GiB in small pages.
const MOST_TABLES: usize = 8192;
/// What is written first is the kernel's and the program's own; looking at all of a large RAM would take long.
const MOST_RAM: u64 = 512 << 20;

/// An entry that maps a page.
struct Leaf {
    /// Where the entry is.
    slot: u64,
    /// Its value.
    entry: u64,
    /// What it maps.
    address: u64,
    /// A 2 MiB page.
    large: bool,
}

struct Walk<'a, F> {
    ram: &'a Ram,
    tables: usize,
    visit: F,
}

impl<F: FnMut(u64, &Leaf)> Walk<'_, F> {
    /// `level` 4 is the top. `from`: the first address below this table.
    fn table(&mut self, table: u64, level: u32, from: u64) {
        let mut bytes = [0u8; PAGE_SIZE as usize];
        if self.tables >= MOST_TABLES || self.ram.read(table, &mut bytes).is_err() {
            return;
        }
        self.tables += 1;
        let shift = 12 + 9 * (level - 1);
        for (index, entry) in bytes.chunks_exact(8).enumerate() {
            let entry = u64::from_le_bytes(entry.try_into().unwrap_or_default());
            if entry & (PRESENT | USER) != PRESENT | USER {
                continue;
            }
            let mut address = from | (index as u64) << shift;
            if level == 4 && index >= 256 {
                address |= 0xffff << 48;
            }
            let slot = table + index as u64 * 8;
            match level {
                1 => (self.visit)(table, &Leaf { slot, entry, address, large: false }),
                2 if entry & LARGE != 0 => (self.visit)(table, &Leaf { slot, entry, address, large: true }),
                2..=4 if entry & LARGE == 0 => self.table(entry & ADDRESS, level - 1, address),
                _ => {}
            }
        }
    }
}

fn walk(ram: &Ram, visit: impl FnMut(u64, &Leaf)) {
    Walk { ram, tables: 0, visit }.table(ROOT_TABLE_GPA, 4, 0);
}

/// The kernel sees all of RAM through large pages, whose accessed bits say little: this gives it the same view through small ones. Their tables
/// take the place that nobody uses. As many pages as there is room for, the lowest first.
fn split_kernel_view(ram: &Ram) {
    let mut large = Vec::new();
    walk(ram, |_, leaf| {
        if leaf.large && leaf.address >> 63 != 0 && (leaf.entry & ADDRESS) < ram.present() {
            large.push((leaf.slot, leaf.entry));
        }
    });
    for ((slot, entry), table) in
        large.into_iter().zip((SPARE_TABLES_GPA..FREE_RAM_GPA).step_by(PAGE_SIZE as usize))
    {
        let flags = entry & !(ADDRESS | LARGE);
        let first = entry & ADDRESS & !(LARGE_PAGE_SIZE - 1);
        let entries = (0..512).flat_map(|index| ((first + index * PAGE_SIZE) | flags).to_le_bytes());
        if ram.write(table, &entries.collect::<Vec<u8>>()).is_ok() {
            // In RAM, as it was when it was read.
            let _ = ram.write_u64(slot, table | PRESENT | WRITABLE | USER);
        }
    }
}

/// Before a vCPU runs for the first time: forgets which pages were used. The guest may rely on "not accessed" meaning "in no TLB", which is
/// true of a vCPU that has not run, and on "dirty" meaning "has been written", which is left alone.
pub fn forget_accesses(ram: &Ram) {
    split_kernel_view(ram);
    let mut slots = Vec::new();
    walk(ram, |_, leaf| {
        if leaf.entry & ACCESSED != 0 {
            slots.push((leaf.slot, leaf.entry));
        }
    });
    for (slot, entry) in slots {
        // In RAM, as it was when it was read.
        let _ = ram.write_u64(slot, entry & !ACCESSED);
    }
}

/// What a vCPU has used since [`forget_accesses`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Numbers of the pages of RAM that were written, in ascending order.
    pub written: Vec<u32>,
    /// Guest-virtual addresses that were used; bit 0: they were written. Those that were written come first.
    pub touched: Vec<u64>,
}

/// Looks which pages were used. `area`: where the shared area is in this process.
pub fn used_pages(ram: &Ram, area: u64) -> io::Result<Used> {
    let private: BTreeSet<u32> =
        private_pages(ram.address(0), ram.present().min(MOST_RAM))?.into_iter().collect();
    let mut tables = BTreeSet::new();
    let (mut small, mut large) = (Vec::new(), Vec::new());
    walk(ram, |table, leaf| {
        tables.insert((table / PAGE_SIZE) as u32);
        if leaf.entry & ACCESSED != 0 {
            let list = if leaf.large { &mut large } else { &mut small };
            list.push((leaf.address, leaf.entry & ADDRESS));
        }
    });
    let (mut writes, mut reads, mut written) = (Vec::new(), Vec::new(), BTreeSet::new());
    let is_ram = |gpa: u64| gpa < ram.present();
    for (address, gpa) in small {
        let page = (gpa / PAGE_SIZE) as u32;
        if is_ram(gpa) && private.contains(&page) {
            writes.push(address | 1);
            written.insert(page);
        } else if is_ram(gpa) || is_known(gpa) {
            reads.push(address);
        }
    }
    for page in private_pages(area, SHARED_SIZE)? {
        writes.push((SHARED_WINDOW + u64::from(page) * PAGE_SIZE) | 1);
    }
    for (address, gpa) in large {
        let gpa = gpa & !(LARGE_PAGE_SIZE - 1);
        if !is_ram(gpa) {
            if is_known(gpa) && gpa < SHARED_GPA {
                reads.push(address);
            }
            continue;
        }
        let first = (gpa / PAGE_SIZE) as u32;
        let own = private.range(first..first + 512).copied();
        // Tables were written by `forget_accesses`; others have been seen where the program sees them.
        let own: Vec<u32> = own.filter(|page| !tables.contains(page) && !written.contains(page)).collect();
        if own.is_empty() {
            reads.push(address);
        }
        for page in own {
            writes.push((address + u64::from(page - first) * PAGE_SIZE) | 1);
            written.insert(page);
        }
    }
    writes.append(&mut reads);
    Ok(Used { written: written.into_iter().collect(), touched: writes })
}

fn is_known(gpa: u64) -> bool {
    (IMAGE_GPA..IMAGE_GPA + IMAGE_MAX).contains(&gpa) || (SHARED_GPA..SHARED_GPA + SHARED_SIZE).contains(&gpa)
}

/// Those of `touched` that these tables allow: what the one who has used them has mapped itself is not there, and what is not to be written
/// is only read.
pub fn allowed(ram: &Ram, touched: &[u64]) -> Vec<u64> {
    touched.iter().filter_map(|address| allow(ram, *address)).collect()
}

/// The guest-physical address of `address`, a program's: none if it is not mapped.
pub fn translate(ram: &Ram, address: u64) -> Option<u64> {
    let mut table = ROOT_TABLE_GPA;
    for level in (1..=4u32).rev() {
        let shift = 12 + 9 * (level - 1);
        let entry = ram.read_u64(table.checked_add((address >> shift & 511) * 8)?).ok()?;
        if entry & (PRESENT | USER) != PRESENT | USER {
            return None;
        }
        if level == 1 || (level <= 3 && entry & LARGE != 0) {
            let inside = (1u64 << shift) - 1;
            return Some((entry & ADDRESS & !inside) | address & inside);
        }
        table = entry & ADDRESS;
    }
    None
}

fn allow(ram: &Ram, touch: u64) -> Option<u64> {
    let address = touch & !(PAGE_SIZE - 1);
    let mut table = ROOT_TABLE_GPA;
    let mut writable = true;
    for level in (1..=4u32).rev() {
        let index = address >> (12 + 9 * (level - 1)) & 511;
        let entry = ram.read_u64(table.checked_add(index * 8)?).ok()?;
        if entry & (PRESENT | USER) != PRESENT | USER {
            return None;
        }
        writable &= entry & WRITABLE != 0;
        if level == 1 || (level == 2 && entry & LARGE != 0) {
            return Some(if writable { address | touch & 1 } else { address });
        }
        table = entry & ADDRESS;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: u64 = PRESENT | WRITABLE | USER;

    fn ram() -> Ram {
        let ram = Ram::new(32 << 20).unwrap();
        // One page table below 4 GiB: address 0x40_0000 and following; a large page at 0x80_0000.
        for (slot, value) in [
            (ROOT_TABLE_GPA, 0x10_0000 | TABLE),
            (0x10_0000, 0x10_1000 | TABLE),
            (0x10_1000 + 2 * 8, 0x10_2000 | TABLE),
            (0x10_1000 + 4 * 8, 0x80_0000 | TABLE | LARGE | ACCESSED),
            (0x10_2000, 0x20_0000 | TABLE | ACCESSED),
            (0x10_2008, 0x20_1000 | PRESENT | USER | ACCESSED),
            (0x10_2010, 0x20_2000 | PRESENT | ACCESSED),
        ] {
            ram.write_u64(slot, value).unwrap();
        }
        ram
    }

    #[test]
    fn accesses_are_forgotten_and_found_again() {
        let ram = ram();
        forget_accesses(&ram);
        for slot in [0x10_1000 + 4 * 8, 0x10_2000, 0x10_2008] {
            assert_eq!(ram.read_u64(slot).unwrap() & ACCESSED, 0);
        }
        // Not for programs: left alone.
        assert_ne!(ram.read_u64(0x10_2010).unwrap() & ACCESSED, 0);
        // What the vCPU would do.
        let entry = ram.read_u64(0x10_2008).unwrap();
        ram.write_u64(0x10_2008, entry | ACCESSED).unwrap();
        let area = crate::SharedArea::new().unwrap();
        let used = used_pages(&ram, area.address()).unwrap();
        assert_eq!(used, Used { written: vec![], touched: vec![0x40_1000] });
    }

    #[test]
    fn the_kernel_sees_the_same_through_small_pages() {
        let ram = ram();
        let window = 0xffff_ffff_8000_0000u64;
        for (slot, value) in [
            (ROOT_TABLE_GPA + 511 * 8, 0x11_0000 | TABLE),
            (0x11_0000 + 510 * 8, 0x11_1000 | TABLE),
            (0x11_1000 + 8, 0x20_0000 | TABLE | LARGE | ACCESSED),
        ] {
            ram.write_u64(slot, value).unwrap();
        }
        forget_accesses(&ram);
        let mut seen = Vec::new();
        walk(&ram, |_, leaf| {
            if leaf.address >= window {
                seen.push((leaf.address, leaf.entry, leaf.large));
            }
        });
        let expected =
            |index: u64| (window + 0x20_0000 + index * 4096, (0x20_0000 + index * 4096) | TABLE, false);
        assert_eq!(seen, (0..512).map(expected).collect::<Vec<_>>());
    }

    #[test]
    fn only_what_is_mapped_is_touched() {
        let ram = ram();
        let asked = [0x40_0001, 0x40_1001, 0x40_2000, 0x40_3000, 0x80_5001, 0xffff_c000_0000_0001];
        assert_eq!(allowed(&ram, &asked), [0x40_0001, 0x40_1000, 0x80_5001]);
    }

    #[test]
    fn addresses_are_translated() {
        let ram = ram();
        assert_eq!(translate(&ram, 0x40_0123), Some(0x20_0123));
        assert_eq!(translate(&ram, 0x80_5123), Some(0x80_5123));
        assert_eq!(translate(&ram, 0x40_2000), None);
        assert_eq!(translate(&ram, 0x7fff_0000_0000), None);
    }

    #[test]
    fn tables_that_lead_in_circles_end() {
        let ram = Ram::new(32 << 20).unwrap();
        for index in 0..512 {
            ram.write_u64(ROOT_TABLE_GPA + index * 8, ROOT_TABLE_GPA | TABLE | ACCESSED).unwrap();
        }
        let mut count = 0u64;
        walk(&ram, |_, _| count += 1);
        assert!(count <= 512 * MOST_TABLES as u64);
    }
}
