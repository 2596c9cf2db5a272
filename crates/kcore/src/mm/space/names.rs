//! What /proc shows of an address space.

use super::super::frames::is_managed;
use super::super::physical::Physical;
use super::super::table::entry::{ACCESSED, ADDRESS, COPY, DIRTY};
use super::super::vma::{Backing, Vma, property, prot};
use super::AddressSpace;
use alloc::format;
use alloc::string::String;

/// One mapping for /proc/self/maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapLine<'a> {
    /// First address.
    pub start: u64,
    /// First address past it.
    pub end: u64,
    /// Bits of [`prot`].
    pub protection: u8,
    /// `MAP_SHARED`.
    pub shared: bool,
    /// Offset in the file.
    pub offset: u64,
    /// Device and inode of the file.
    pub file: (u64, u64),
    /// Path or name in brackets; empty for anonymous memory.
    pub name: &'a str,
}

impl core::fmt::Display for MapLine<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let bit = |bit: u8, letter: char| if self.protection & bit != 0 { letter } else { '-' };
        let (device, inode) = self.file;
        // Linux shows the device as major:minor of its short form.
        let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
        let start = format!(
            "{:08x}-{:08x} {}{}{}{} {:08x} {major:02x}:{minor:02x} {inode} ",
            self.start,
            self.end,
            bit(prot::READ, 'r'),
            bit(prot::WRITE, 'w'),
            bit(prot::EXEC, 'x'),
            if self.shared { 's' } else { 'p' },
            self.offset,
        );
        if self.name.is_empty() {
            return f.write_str(&start);
        }
        write!(f, "{start:<73}{}", self.name)
    }
}

/// What of a mapping is in memory, bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Accessed pages.
    pub total: u64,
    /// Of these: the program's own memory, without a file.
    pub anonymous: u64,
    /// Of these: written.
    pub dirty: u64,
    /// Entered into the page tables, accessed or not.
    pub entered: u64,
}

impl<P: Physical> AddressSpace<P> {
    /// All mappings, in order, as /proc/self/maps lists them (without the line end).
    pub fn maps(&self) -> impl Iterator<Item = MapLine<'_>> {
        self.areas.iter().map(map_line)
    }

    /// /proc/self/maps.
    pub fn maps_text(&self) -> String {
        self.maps().fold(String::new(), |text, line| text + &format!("{line}\n"))
    }

    /// What of the mapping is in memory. Looks at every page table that it has.
    pub fn resident_of(&self, vma: &Vma) -> Resident {
        let mut resident = Resident::default();
        // Only whole mappings are visited, and nothing is changed: nothing is split.
        let _ = self.memory.visit(vma.start, vma.end, &mut |_, leaf, large| {
            let bytes = if large { 2 << 20 } else { 4096 };
            resident.entered += bytes;
            if leaf & (ACCESSED | DIRTY) != 0 {
                resident.total += bytes;
                resident.dirty += if leaf & DIRTY != 0 { bytes } else { 0 };
                let own = vma.is_private() && leaf & COPY == 0 && is_managed(leaf & ADDRESS);
                resident.anonymous += if own { bytes } else { 0 };
            }
            leaf
        });
        resident
    }

    /// What of the whole address space is in memory (VmRSS).
    pub fn resident(&self) -> Resident {
        self.areas.iter().fold(Resident::default(), |sum, vma| {
            let r = self.resident_of(vma);
            Resident {
                total: sum.total + r.total,
                anonymous: sum.anonymous + r.anonymous,
                dirty: sum.dirty + r.dirty,
                entered: sum.entered + r.entered,
            }
        })
    }

    /// Bytes of all mappings (VmSize), and of those that are private and writable (VmData).
    pub fn sizes(&self) -> (u64, u64) {
        self.areas.sizes()
    }
}

fn map_line(vma: &Vma) -> MapLine<'_> {
    let (offset, file, name) = match &vma.backing {
        Backing::File { mapping, offset } => (*offset, (mapping.device, mapping.inode), &*mapping.name),
        Backing::Special { name, .. } => (0, (0, 0), *name),
        Backing::Anonymous if vma.has(property::STACK) => (0, (0, 0), "[stack]"),
        Backing::Anonymous if vma.has(property::HEAP) => (0, (0, 0), "[heap]"),
        Backing::Anonymous => (0, (0, 0), ""),
    };
    MapLine {
        start: vma.start,
        end: vma.end,
        protection: vma.prot,
        shared: !vma.is_private(),
        offset,
        file,
        name,
    }
}
