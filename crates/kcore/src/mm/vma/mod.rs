//! Mappings: which range of the address space means what.

mod areas;
mod search;

pub use areas::{Areas, MOST};
pub use search::{GUARD, Search};

use crate::errno::Result;
use crate::file::File;
use alloc::rc::Rc;

/// Protection of a mapping (`PROT_*` of mmap(2)): bits.
pub mod prot {
    /// No access.
    pub const NONE: u8 = 0;
    /// Loads.
    pub const READ: u8 = 1;
    /// Stores (on x86, loads too).
    pub const WRITE: u8 = 2;
    /// Instruction fetches (on x86, loads too).
    pub const EXEC: u8 = 4;
}

/// Properties of a mapping: bits.
pub mod property {
    /// `MAP_SHARED`.
    pub const SHARED: u32 = 1 << 0;
    /// `MAP_GROWSDOWN`: a fault just below makes it larger.
    pub const GROWS_DOWN: u32 = 1 << 1;
    /// `MAP_NORESERVE`.
    pub const NO_RESERVE: u32 = 1 << 2;
    /// mlock(2).
    pub const LOCKED: u32 = 1 << 3;
    /// `MADV_DONTFORK`.
    pub const DONT_FORK: u32 = 1 << 4;
    /// `MADV_WIPEONFORK`.
    pub const WIPE_ON_FORK: u32 = 1 << 5;
    /// `MADV_DONTDUMP`.
    pub const DONT_DUMP: u32 = 1 << 6;
    /// `MADV_HUGEPAGE`.
    pub const HUGE: u32 = 1 << 7;
    /// `MADV_NOHUGEPAGE`.
    pub const NO_HUGE: u32 = 1 << 8;
    /// The main stack, `[stack]`.
    pub const STACK: u32 = 1 << 9;
    /// The heap of brk(2), `[heap]`.
    pub const HEAP: u32 = 1 << 10;
    /// `MADV_RANDOM`: no mapping ahead.
    pub const RANDOM: u32 = 1 << 11;
    /// `MADV_SEQUENTIAL`.
    pub const SEQUENTIAL: u32 = 1 << 12;
    /// `MAP_STACK`: a thread's stack, of which little is used.
    pub const THREAD_STACK: u32 = 1 << 13;
    /// Its pages are mapped when it is cut, or at its first fault: a dynamic linker reserves a whole library with one
    /// mapping and then puts the others over it.
    pub const DEFERRED: u32 = 1 << 14;
}

/// A file as one mmap(2) maps it; all parts of the mapping share it.
pub struct FileMapping {
    /// The file.
    pub file: Rc<dyn File>,
    /// Device and inode, which name the file in /proc/self/maps and in [`super::AddressSpace::truncated`].
    pub device: u64,
    /// See `device`.
    pub inode: u64,
    /// Path for /proc/self/maps.
    pub name: Rc<str>,
    /// The description is open for writing: a shared mapping may become writable.
    pub is_writable: bool,
    /// The file counts this as a shared writable mapping.
    is_counted: bool,
}

impl FileMapping {
    /// Names a file that is to be mapped. `is_writable`: see there; `shared`: for a shared mapping.
    ///
    /// # Errors
    /// As [`File::stat`]; EPERM: the file is sealed against writing.
    pub fn new(file: Rc<dyn File>, name: Rc<str>, is_writable: bool, shared: bool) -> Result<FileMapping> {
        let stat = file.stat()?;
        let is_counted = is_writable && shared;
        if is_counted {
            file.note_shared_writable(1)?;
        }
        Ok(FileMapping { file, device: stat.device, inode: stat.inode, name, is_writable, is_counted })
    }

    /// The same shared mapping, of `file`, which has taken the place of this one's.
    pub fn moved(&self, file: Rc<dyn File>) -> FileMapping {
        let name = self.name.clone();
        // A seal that came later than the mapping is no reason for it to end.
        let is_counted = self.is_counted && file.note_shared_writable(1).is_ok();
        let (device, inode, is_writable) = (self.device, self.inode, self.is_writable);
        FileMapping { file, device, inode, name, is_writable, is_counted }
    }
}

impl Drop for FileMapping {
    fn drop(&mut self) {
        if self.is_counted {
            // The count goes down: nothing can forbid it.
            let _ = self.file.note_shared_writable(-1);
        }
    }
}

/// What is behind a mapping.
#[derive(Clone)]
pub enum Backing {
    /// Zeros, private.
    Anonymous,
    /// A file from byte `offset` (of the mapping's start) on; shared anonymous memory is an unnamed file.
    File {
        /// The file.
        mapping: Rc<FileMapping>,
        /// File offset of the mapping's first byte, a multiple of the page size.
        offset: u64,
    },
    /// Fixed guest-physical pages that belong to nobody: the vDSO and its data.
    Special {
        /// Guest-physical address of the first page.
        gpa: u64,
        /// Name for /proc/self/maps.
        name: &'static str,
    },
}

/// One mapping: a range of pages that are alike.
#[derive(Clone)]
pub struct Vma {
    /// First address.
    pub start: u64,
    /// First address past it.
    pub end: u64,
    /// Bits of [`prot`].
    pub prot: u8,
    /// Bits of [`property`].
    pub flags: u32,
    /// What is behind it.
    pub backing: Backing,
    /// Where the last fault's window ended: a fault there is sequential.
    pub(super) next: u64,
    /// log2 of the pages that the last fault mapped.
    pub(super) window: u8,
}

impl Vma {
    /// A mapping that was never touched.
    pub fn new(start: u64, end: u64, prot: u8, flags: u32, backing: Backing) -> Vma {
        Vma { start, end, prot, flags, backing, next: 0, window: 0 }
    }

    /// Bytes.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Never true: a mapping has at least one page.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether all bits of [`property`] in `flags` are set.
    #[inline]
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    /// Whether stores are the program's own.
    #[inline]
    pub fn is_private(&self) -> bool {
        self.flags & property::SHARED == 0
    }

    /// Private and without a file.
    #[inline]
    pub fn is_anonymous(&self) -> bool {
        matches!(self.backing, Backing::Anonymous)
    }

    /// The file and the offset of `va` in it.
    pub fn file_at(&self, va: u64) -> Option<(&Rc<FileMapping>, u64)> {
        match &self.backing {
            Backing::File { mapping, offset } => Some((mapping, offset + (va - self.start))),
            _ => None,
        }
    }

    /// Counts for RLIMIT_DATA (private, writable, not a stack), as Linux counts them.
    pub fn is_data(&self) -> bool {
        self.is_private() && self.prot & prot::WRITE != 0 && self.flags & property::GROWS_DOWN == 0
    }

    /// Moves the start to `va` (the part before is gone).
    fn cut_front(&mut self, va: u64) {
        let by = va - self.start;
        match &mut self.backing {
            Backing::File { offset, .. } => *offset += by,
            Backing::Special { gpa, .. } => *gpa += by,
            Backing::Anonymous => {}
        }
        self.start = va;
    }

    /// Whether `self`, followed by `next`, is one mapping.
    fn joins(&self, next: &Vma) -> bool {
        self.end == next.start
            && self.prot == next.prot
            && self.flags == next.flags
            && match (&self.backing, &next.backing) {
                (Backing::Anonymous, Backing::Anonymous) => true,
                (Backing::File { mapping: a, offset: x }, Backing::File { mapping: b, offset: y }) => {
                    (Rc::ptr_eq(a, b)
                        || Rc::ptr_eq(&a.file, &b.file)
                            && (a.is_writable, a.is_counted) == (b.is_writable, b.is_counted))
                        && x.checked_add(self.len()) == Some(*y)
                }
                _ => false,
            }
    }
}
