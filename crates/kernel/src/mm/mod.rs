//! The program's memory: `ramet_kcore::mm` over this machine, and what the rest of the kernel asks of it.

pub mod physical;
pub mod volumes;

use crate::arch::known_sites;
use crate::global::Global;
use crate::heap;
use crate::task::process;
use alloc::rc::Rc;
use physical::Machine;
use ramet_abi::boot::BootInfo;
use ramet_abi::layout::*;
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::exec::elf::Protection;
use ramet_kcore::exec::layout::Layout;
use ramet_kcore::file::{File, Page, PageSource};
use ramet_kcore::fs::credentials::cap;
use ramet_kcore::futex::Key;
use ramet_kcore::mm::frames::{FrameSource, Memory};
use ramet_kcore::mm::space::{Argument, MapRequest, map};
use ramet_kcore::mm::vma::{Backing, Vma, prot};
use ramet_kcore::session::{SessionInode, SharedFile};

pub use ramet_kcore::mm::space::{Access, Fault};

/// The address space of a program on this machine.
pub type AddressSpace = ramet_kcore::mm::space::AddressSpace<Machine>;

static MEMORY: Global<RefCell<Option<Rc<Memory<Machine>>>>> = Global::new(RefCell::new(None));

/// Bytes of the main stack that are mapped at once; it grows at its faults.
const FIRST_STACK: u64 = 256 << 10;

fn memory() -> Rc<Memory<Machine>> {
    MEMORY.borrow().clone().expect("mm::initialize comes first")
}

/// Takes over RAM from `first` on, and shows the image in the direct map.
pub fn initialize(info: &BootInfo, first: u64) {
    let memory = Memory::new(Machine, first, info.ram_size, info.ram_limit);
    if info.image_size != 0 {
        memory.map_direct(IMAGE_GPA, info.image_size, false).expect("RAM holds the tables of the direct map");
    }
    MEMORY.replace(Some(Rc::new(memory)));
}

/// The old program's memory is free, and a new one's is about to be taken: in a VM that is a copy, not from what it shares with others.
pub fn set_inherited_apart() {
    if crate::arch::hypercall::identity().generation.load(core::sync::atomic::Ordering::Relaxed) != 0 {
        memory().set_apart();
    }
}

/// RAM for the kernel's heap.
pub fn heap_chunk(bytes: u64) -> Option<u64> {
    memory().allocate_run((bytes / PAGE_SIZE) as u32)
}

/// Pages for file systems.
pub fn page_source() -> Rc<dyn PageSource> {
    Rc::new(Pages(FrameSource(memory())))
}

struct Pages(FrameSource<Machine>);

impl PageSource for Pages {
    fn zeroed(&self) -> Result<Rc<dyn Page>> {
        // Files leave something for what it takes to remove some.
        if self.0.0.available() < margin() * 3 / 2 {
            return Err(Errno::ENOMEM);
        }
        self.0.zeroed()
    }
    fn has_room(&self) -> bool {
        has_room()
    }
}

/// Frames that files and the kernel's objects leave to the program's page faults, which could only end it.
fn margin() -> u64 {
    (memory().statistics().limit >> 6).min(256)
}

/// Whether the kernel's heap can take some more objects. What a program can make without end asks before it makes one: an
/// allocation that fails in the middle would be the end of the VM.
pub fn has_room() -> bool {
    memory().available() >= margin() || heap::has_room()
}

/// [`has_room`], as a system call says it.
///
/// # Errors
/// ENOMEM.
pub fn need_room() -> Result<()> {
    if has_room() { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// An empty address space.
pub fn new_space() -> AddressSpace {
    let mut space = AddressSpace::new(memory(), PROGRAM_END);
    space.policy.preset_dirty = true;
    space
}

/// Runs `f` on the running process's address space.
pub fn with_space<R>(f: impl FnOnce(&mut AddressSpace) -> R) -> R {
    let space = process::current_space();
    let mut space = space.borrow_mut();
    f(&mut space)
}

/// Resolves a page fault.
pub fn fault(address: u64, access: Access) -> Fault {
    let space = process::current_space();
    // A fault while the address space is being changed can only be a bad address that the kernel was given.
    match space.try_borrow_mut() {
        Ok(mut space) => {
            let result = space.fault(address, access);
            drop(space);
            if volumes::take_lost() {
                // The page to be copied has gone: the next try finds that out, unless the host cannot read it.
                return if volumes::forget_lost_pages() { Fault::Resolved } else { Fault::BeyondFile };
            }
            result
        }
        Err(_) => Fault::NotMapped,
    }
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryStatistics {
    /// What RAM can grow to.
    pub limit: u64,
    /// What is free, RAM that is not there yet included.
    pub free: u64,
}

/// How much memory there is.
pub fn statistics() -> MemoryStatistics {
    let now = memory().statistics();
    MemoryStatistics { limit: now.limit * PAGE_SIZE, free: (now.free + now.limit - now.total) * PAGE_SIZE }
}

/// Most memory that was in use, bytes (getrusage(2) ru_maxrss).
pub fn resident_peak() -> u64 {
    let now = memory().statistics();
    now.total.saturating_sub(now.fresh) * PAGE_SIZE
}

/// Lays out an empty address space: the mmap area and the stack, which has room for `arguments` bytes whatever its limit.
///
/// # Errors
/// ENOMEM.
pub fn start_layout(layout: &Layout, stack_limit: u64, arguments: u64, executable_stack: bool) -> Result<()> {
    with_space(|space| {
        space.set_mmap_base(layout.mmap_base);
        space.limits.stack = stack_limit;
        let length = FIRST_STACK.min(stack_limit).max(arguments).next_multiple_of(PAGE_SIZE);
        space.map_stack(layout.stack_top, length, executable_stack).map(|_| ())
    })
}

/// The process's limits or its privileges changed: the address space has a copy of what concerns it.
pub fn limits_changed(process: &process::Process) {
    use process::resource;
    // A child that shares its parent's memory leaves that as it is.
    if process.family.borrows_memory.get() {
        return;
    }
    let may_lock =
        process.threads.borrow().iter().any(|thread| thread.credentials.borrow().has(cap::IPC_LOCK));
    let limits = &mut process.space.borrow_mut().limits;
    limits.address_space = process.limit(resource::AS);
    limits.heap = process.limit(resource::DATA);
    // As Linux has it: with a limit of 0, which is what valgrind sets, the hard one counts for all but brk(2).
    limits.data = if limits.heap == 0 { process.hard_limit(resource::DATA) } else { limits.heap };
    limits.stack = process.limit(resource::STACK);
    limits.locked = if may_lock { u64::MAX } else { process.limit(resource::MEMLOCK) };
}

/// Room for `length` bytes in the mmap area.
///
/// # Errors
/// ENOMEM.
pub fn find_area(length: u64) -> Result<u64> {
    with_space(|space| space.find_area(length).ok_or(Errno::ENOMEM))
}

/// Where the program break starts.
pub fn set_break_start(address: u64) {
    with_space(|space| space.set_break_start(address));
}

fn protection(of: Protection) -> u32 {
    let mut bits = prot::NONE;
    for (wanted, bit) in [(of.read, prot::READ), (of.write, prot::WRITE), (of.execute, prot::EXEC)] {
        if wanted {
            bits |= bit;
        }
    }
    bits as u32
}

/// Maps a part of an executable privately at `address`.
///
/// # Errors
/// As mmap(2).
pub fn map_segment(
    address: u64,
    length: u64,
    of: Protection,
    file: &Rc<dyn File>,
    name: &Rc<str>,
    offset: u64,
) -> Result<()> {
    let file = Argument { file: file.clone(), name: name.clone(), is_readable: true, is_writable: false };
    let flags = map::PRIVATE | map::FIXED;
    let request = MapRequest { address, length, protection: protection(of), flags, file: Some(file), offset };
    with_space(|space| space.mmap(request))?;
    if of.execute {
        known_sites::patch_mapped(address..address + length);
    }
    Ok(())
}

/// Maps zeros at `address`.
///
/// # Errors
/// As mmap(2).
pub fn map_zeros(address: u64, length: u64, of: Protection) -> Result<()> {
    let flags = map::PRIVATE | map::FIXED | map::ANONYMOUS;
    let request = MapRequest { address, length, protection: protection(of), flags, file: None, offset: 0 };
    with_space(|space| space.mmap(request)).map(|_| ())
}

/// The vDSO's pages, linked into the kernel.
#[repr(C, align(4096))]
struct VdsoPages<const N: usize>([u8; N]);

static VDSO: VdsoPages<{ include_bytes!(concat!(env!("OUT_DIR"), "/vdso.so")).len() }> =
    VdsoPages(*include_bytes!(concat!(env!("OUT_DIR"), "/vdso.so")));

/// Maps the time page at `vvar` and the vDSO behind it; gives the vDSO's address.
///
/// # Errors
/// As mmap(2).
pub fn map_vdso(vvar: u64) -> Result<u64> {
    let gpa = &raw const VDSO as u64 - KERNEL_WINDOW;
    with_space(|space| {
        space.map_special(vvar, PAGE_SIZE, prot::READ, SHARED_GPA + TIME_OFFSET, "[vvar]")?;
        let length = (VDSO.0.len() as u64).next_multiple_of(PAGE_SIZE);
        space.map_special(vvar + PAGE_SIZE, length, prot::READ | prot::EXEC, gpa, "[vdso]")
    })
}

fn is_patchable_area(area: &Vma) -> bool {
    let private_file = area.is_private() && matches!(area.backing, Backing::File { .. });
    private_file && area.prot & prot::EXEC != 0 && area.prot & prot::WRITE == 0
}

/// Whether all of the range is text of a private file mapping that nobody can write.
pub fn is_patchable(address: u64, length: usize) -> bool {
    let end = address + length as u64;
    with_space(|space| {
        let areas = space.areas();
        areas.is_covered(address, end) && areas.overlapping(address, end).all(is_patchable_area)
    })
}

/// What program text that has just been mapped says at `address`, from private copies of its pages, which are made: nothing is touched where
/// the program sees it. `None`: some of it is not there.
pub fn copy_new_text(address: u64) -> Option<[u8; 7]> {
    with_space(|space| {
        let mut bytes = [0; 7];
        for (at, byte) in (address..).zip(&mut bytes) {
            // Until the TLB forgets the original, a patched site there traps: slower, not wrong.
            let gpa = space.make_private_unseen(at & !(PAGE_SIZE - 1)).ok()?;
            // SAFETY: the page is the program's own frame in the direct map.
            *byte = unsafe { ((DIRECT_MAP + gpa + (at & (PAGE_SIZE - 1))) as *const u8).read_volatile() };
        }
        Some(bytes)
    })
}

/// Changes program text in a private copy of its pages.
pub fn patch_text(address: u64, bytes: &[u8]) -> Option<()> {
    with_space(|space| {
        for (n, byte) in bytes.iter().enumerate() {
            let at = address + n as u64;
            // At most two pages; the second lookup of a page finds its own copy.
            let gpa = space.make_private(at & !(PAGE_SIZE - 1)).ok()?;
            // SAFETY: the page is the program's own frame in the direct map.
            unsafe { ((DIRECT_MAP + gpa + (at & (PAGE_SIZE - 1))) as *mut u8).write_volatile(*byte) };
        }
        Some(())
    })
}

/// Pages of a file are no longer what a mapping of it shows.
pub fn pages_replaced(inode: (u64, u64), first: u64, end: u64) {
    let Some(process) = process::first() else { return };
    // While the address space itself is at work it gets its pages as they are.
    if let Ok(mut space) = process.space.try_borrow_mut() {
        space.pages_replaced(inode.0, inode.1, first, end);
    }
}

/// A file has become shorter: what mappings show behind its end is a SIGBUS, their private copies too.
pub fn truncated(inode: (u64, u64), size: u64) {
    let Some(process) = process::first() else { return };
    // As `pages_replaced`.
    if let Ok(mut space) = process.space.try_borrow_mut() {
        space.truncated(inode.0, inode.1, size);
    }
}

/// MADV_WIPEONFORK: in a clone, those pages are zeros.
pub fn wipe_on_fork() {
    if let Some(process) = process::first() {
        process.space.borrow_mut().wipe_on_fork();
    }
}

/// What a futex word is called.
pub enum Word {
    /// In this VM.
    Local(Key),
    /// In the session: the file of its memory, and the offset there.
    Session(Rc<SessionInode>, u64),
}

/// The name of the word at `address`, as a futex that is not said to be private. Words in shared mappings are named by their object, so
/// that two mappings of it are one futex.
pub fn shared_word(address: u64) -> Word {
    let private = Word::Local(Key { space: 0, offset: address });
    let page = address & !(PAGE_SIZE - 1);
    with_space(|space| {
        let Some(area) = space.areas().find(page).filter(|area| !area.is_private()) else { return private };
        let Some((mapping, offset)) = area.file_at(page) else { return private };
        let offset = offset + (address & (PAGE_SIZE - 1));
        match SharedFile::of(&*mapping.file) {
            Some(file) => Word::Session(file.inode().clone(), offset),
            // Objects are told apart from address spaces by being non-zero.
            None => Word::Local(Key { space: mapping.device << 32 ^ mapping.inode | 1 << 63, offset }),
        }
    })
}
