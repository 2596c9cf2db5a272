//! Memory: frames, page tables, mappings.
//!
//! ```text
//! AddressSpace   system calls and page faults           space/
//!    │  Areas    which range means what                 vma/
//!    │  Memory   page tables: fill, visit, split        table/
//!    └─ Memory   frames: clean, dirty, counted          frames/
//!         └─ Physical   direct map and hypercalls       physical.rs, implemented by the kernel
//! ```
//!
//! # Use
//! ```text
//! let memory = Rc::new(Memory::new(Machine, first_free_gpa, boot.ram_size, boot.ram_limit));
//! memory.map_direct(IMAGE_GPA, boot.image_size, false)?;           // the image in the direct map
//! heap::grow_with(...)                                             // memory.allocate_run(frames) -> gpa
//! let pages: Rc<dyn PageSource> = Rc::new(FrameSource(memory.clone()));   // for tmpfs
//! let mut space = AddressSpace::new(memory.clone(), mmap_base);
//! space.map_stack(top, 132 << 10, false)?;
//! space.mmap(MapRequest { address, length, protection, flags, file: Some(Argument { .. }), offset })?;
//! space.set_break_start(end); space.brk(address);
//! space.map_special(0, 4096, prot::READ, SHARED_GPA + TIME_OFFSET, "[vvar]")?;
//! match space.fault(address, Access::Write) { Fault::Resolved => .., Fault::NotMapped => .., .. }
//! space.prepare(address, length, Access::Write);                   // before a long copy: no faults in it
//! let gpa = space.make_private(address)?;                          // then write through the direct map
//! ```
//!
//! # What is mapped when ([`Policy`])
//! | mapping | entered |
//! |---|---|
//! | image, read-only or executable, at a fixed address | all of it at once (up to 16 MiB) |
//! | image, elsewhere | when the dynamic linker cuts it, or at its first fault: executable ones whole, others 64 pages |
//! | data segment (private, writable, of the image) | copied at once up to 4 MiB; larger: 16 pages at a store |
//! | anonymous, up to 1 MiB, and what `mprotect` opens of a reservation | at once, while a quarter of RAM is left |
//! | anonymous, larger | 32 pages at a fault, doubling with faults in a row up to 2 MiB, then 2 MiB pages |
//! | thread stacks (`MAP_STACK`) | 16 pages at a fault |
//! | shared memory, tmpfs files | 16 pages at a fault, doubling likewise |
//!
//! Accessed and dirty bits are set ahead, because software KVM then enters eight neighbours with one fault of its own.
//! Such entries are marked ([`table::entry::PRESET`]): whether the program has used the page is then known by its content
//! only. When memory is short, pages that still hold zeros are taken back.
//!
//! Rules for the caller:
//! - The kernel writes program memory through the program's addresses, where the CPU sets the dirty bit. Who writes a
//!   frame through the direct map calls [`Memory::mark_written`] for it, or it may come back as "zeros".
//! - `AddressSpace` calls files ([`crate::file::File::page`]), which must not call back into it. A file system that
//!   replaces pages under a mapping tells the kernel, which calls [`AddressSpace::pages_replaced`] (what a shared
//!   mapping's own fault replaces is seen to inside), and [`AddressSpace::truncated`] when a file gets shorter.
//! - Methods of [`Memory`] take `&self` and may be called from anywhere, the heap and destructors included.

pub mod frames;
mod physical;
pub mod space;
pub mod table;
pub mod vma;

#[cfg(test)]
mod tests;

pub use frames::{Content, FramePage, FrameSource, Memory, Statistics};
pub use physical::Physical;
pub use space::{Access, AddressSpace, Argument, Fault, Limits, MapRequest, Policy, map};
pub use vma::{Backing, FileMapping, Vma, property, prot};
