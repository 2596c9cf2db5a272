//! madvise, mremap, msync, mincore, mlock, and the rest: results and errors of Linux.

use super::machine::*;
use crate::errno::{Errno, Result};
use crate::file::{File, Page, PageSource};
use crate::mm::space::advice;
use crate::mm::{Access, AddressSpace, Argument, Fault, FrameSource, MapRequest, map, prot};
use crate::stat::{S_IFREG, Stat};
use crate::user::{Sink, Source};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

/// A file of the image that gets a page of its own when it is written.
struct LayeredFile {
    lower: Rc<dyn File>,
    own: RefCell<Vec<(u64, Rc<dyn Page>)>>,
    source: Rc<dyn PageSource>,
}

impl File for LayeredFile {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(Stat { device: 3, inode: 4, mode: S_IFREG | 0o644, size: 16 * 4096, ..Stat::default() })
    }
    fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        if let Some((_, page)) = self.own.borrow().iter().find(|(i, _)| *i == index) {
            return Ok(page.clone());
        }
        if !for_write {
            return self.lower.page(index, false);
        }
        let page = self.source.zeroed()?;
        self.own.borrow_mut().push((index, page.clone()));
        Ok(page)
    }
    fn image_extent(&self, index: u64) -> Option<(usize, u64)> {
        let taken = self.own.borrow().iter().any(|(i, _)| *i == index);
        if taken { None } else { self.lower.image_extent(index).map(|(address, _)| (address, 1)) }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[test]
fn a_store_through_a_shared_mapping_is_seen_by_all_mappings_of_the_file() {
    let memory = memory(64 * MIB, 64 * MIB);
    let source: Rc<dyn PageSource> = Rc::new(FrameSource(memory.clone()));
    let mut space = AddressSpace::new(memory, BASE);
    let file: Rc<dyn File> =
        Rc::new(LayeredFile { lower: image_file(0, 16), own: RefCell::default(), source });
    let reader = space.mmap(file_request(file.clone(), 65536, 1, map::PRIVATE, true)).unwrap();
    let shared = space.mmap(file_request(file.clone(), 65536, 3, map::SHARED, true)).unwrap();
    assert_eq!(load(&mut space, reader), Ok(image_word(0)));
    store(&mut space, shared, 42).unwrap();
    assert_eq!((load(&mut space, reader), load(&mut space, shared)), (Ok(42), Ok(42)));
    assert_eq!(load(&mut space, reader + 4096), Ok(image_word(1)));
    assert_eq!(store(&mut space, reader, 1), Err(Fault::NotAllowed));
}

#[test]
fn shared_anonymous_memory_stays_when_it_is_moved_or_mapped_twice() {
    let mut space = space();
    let at = space.mmap(anonymous(0, 0x4000, 3, map::SHARED)).unwrap();
    store(&mut space, at + 0x1000, 7).unwrap();
    // An old size of 0 makes a second mapping.
    let twin = space.mremap(at, 0, 0x4000, map::REMAP_MAY_MOVE, 0).unwrap();
    assert_ne!(twin, at);
    assert_eq!(load(&mut space, twin + 0x1000), Ok(7));
    store(&mut space, twin, 8).unwrap();
    assert_eq!(load(&mut space, at), Ok(8));
    space.madvise(at, 0x4000, advice::DONT_NEED).unwrap();
    assert_eq!(load(&mut space, at), Ok(8));
    space.madvise(at, 0x1000, advice::REMOVE).unwrap();
    assert_eq!((load(&mut space, at), load(&mut space, twin)), (Ok(0), Ok(0)));
    assert_eq!(load(&mut space, twin + 0x1000), Ok(7));
}

#[test]
fn mremap_grows_shrinks_moves_and_refuses() {
    let mut space = space();
    let at = map_memory(&mut space, 0x4000);
    store(&mut space, at, 1).unwrap();
    store(&mut space, at + 0x3000, 4).unwrap();
    // Just below the top of the area: it must move to grow.
    assert_eq!(space.mremap(at, 0x4000, 0x8000, 0, 0), Ok(at), "above the usual area is room");
    space.munmap(at + 0x4000, 0x4000).unwrap();
    space.mmap(anonymous(at + 0x4000, 0x1000, 0, map::PRIVATE | map::FIXED)).unwrap();
    assert_eq!(space.mremap(at, 0x4000, 0x8000, 0, 0), Err(Errno::ENOMEM));
    let moved = space.mremap(at, 0x4000, 0x8000, map::REMAP_MAY_MOVE, 0).unwrap();
    assert_eq!((load(&mut space, moved), load(&mut space, moved + 0x3000)), (Ok(1), Ok(4)));
    assert_eq!(load(&mut space, moved + 0x4000), Ok(0));
    assert_eq!(load(&mut space, at), Err(Fault::NotMapped));
    assert_eq!(space.mremap(moved, 0x8000, 0x1000, 0, 0), Ok(moved));
    assert_eq!(load(&mut space, moved + 0x1000), Err(Fault::NotMapped));
    let target = 0x5000_0000;
    let flags = map::REMAP_MAY_MOVE | map::REMAP_FIXED;
    assert_eq!(space.mremap(moved, 0x1000, 0x1000, flags, target), Ok(target));
    assert_eq!(space.mremap(target, 0x1000, 0x1000, flags, target), Err(Errno::EINVAL));
    assert_eq!(space.mremap(target, 0x1000, 0x1000, map::REMAP_FIXED, moved), Err(Errno::EINVAL));
    assert_eq!(space.mremap(target, 0x1000, 0, map::REMAP_MAY_MOVE, 0), Err(Errno::EINVAL));
    assert_eq!(space.mremap(target + 1, 0x1000, 0x1000, 0, 0), Err(Errno::EINVAL));
    assert_eq!(space.mremap(moved, 0x1000, 0x2000, 0, 0), Err(Errno::EFAULT));
    assert_eq!(space.mremap(target, 0x2000, 0x3000, map::REMAP_MAY_MOVE, 0), Err(Errno::EFAULT));
    assert_eq!(space.mremap(target, 0, 0x1000, map::REMAP_MAY_MOVE, 0), Err(Errno::EINVAL));
    let left = space.mremap(target, 0x1000, 0x1000, map::REMAP_MAY_MOVE | map::REMAP_DONT_UNMAP, 0).unwrap();
    assert_eq!((load(&mut space, left), load(&mut space, target)), (Ok(1), Ok(0)));
}

#[test]
fn large_pages_move_as_they_are() {
    let mut space = space();
    let at = 0x1000_0000;
    space.mmap(anonymous(at, 8 * MIB, 3, map::PRIVATE | map::FIXED | map::POPULATE)).unwrap();
    store(&mut space, at + 5 * MIB, 5).unwrap();
    let moved = space.mremap(at, 8 * MIB, 32 * MIB, map::REMAP_MAY_MOVE, 0).unwrap();
    if moved != at {
        assert!(space.memory().leaf(moved + 5 * MIB).2);
    }
    assert_eq!(load(&mut space, moved + 5 * MIB), Ok(5));
    let other = 0x7000_1000;
    space.mremap(moved, 32 * MIB, 32 * MIB, map::REMAP_MAY_MOVE | map::REMAP_FIXED, other).unwrap();
    assert_eq!((load(&mut space, other + 5 * MIB), load(&mut space, moved)), (Ok(5), Err(Fault::NotMapped)));
}

#[test]
fn dont_need_gives_zeros_and_the_file_again() {
    let mut space = space();
    let large = 0x1000_0000;
    space.mmap(anonymous(large, 4 * MIB, 3, map::PRIVATE | map::FIXED | map::POPULATE)).unwrap();
    for at in [large + 0x1000, large + 0x2000, large + 0x3000] {
        store(&mut space, at, 5).unwrap();
    }
    let flushes = space.counters.flushes;
    space.madvise(large + 0x2000, 0x1000, advice::DONT_NEED).unwrap();
    assert_eq!((space.counters.flushes, space.memory().leaf(large).2), (flushes, true));
    let words: Vec<_> = [0x1000, 0x2000, 0x3000].iter().map(|o| load(&mut space, large + o)).collect();
    assert_eq!(words, [Ok(5), Ok(0), Ok(5)]);
    let at = map_memory(&mut space, 0x4000);
    store(&mut space, at, 3).unwrap();
    space.madvise(at, 0x4000, advice::DONT_NEED).unwrap();
    assert_eq!(load(&mut space, at), Ok(0));
    let file = space.mmap(file_request(image_file(4, 8), 0x8000, 3, map::PRIVATE, false)).unwrap();
    store(&mut space, file, 9).unwrap();
    space.madvise(file, 0x1000, advice::DONT_NEED).unwrap();
    assert_eq!(load(&mut space, file), Ok(image_word(4)));
    assert_eq!(space.madvise(at + 1, 0x1000, advice::DONT_NEED), Err(Errno::EINVAL));
    assert_eq!(space.madvise(at, 0x1000, 99), Err(Errno::EINVAL));
    assert_eq!(space.madvise(at, 0x1000, advice::MERGEABLE), Err(Errno::EINVAL));
    // As a kernel without transparent huge pages: nothing is done, and that is said.
    assert_eq!(space.madvise(at, 0x1000, 25 /* MADV_COLLAPSE */), Err(Errno::EINVAL));
    assert_eq!(space.madvise(file, 0x1000, advice::FREE), Err(Errno::EINVAL));
    assert_eq!(space.madvise(file, 0x1000, advice::WIPE_ON_FORK), Err(Errno::EINVAL));
    assert_eq!(space.madvise(at, 0, advice::DONT_NEED), Ok(()));
    let gap = 0x6000_0000;
    assert_eq!(space.madvise(gap, 0x1000, advice::DONT_NEED), Err(Errno::ENOMEM));
    space.mlock(at, 0x1000, false).unwrap();
    assert_eq!(space.madvise(at, 0x1000, advice::DONT_NEED), Err(Errno::EINVAL));
    assert_eq!(space.madvise(at, 0x1000, advice::DONT_NEED_LOCKED), Ok(()));
}

#[test]
fn what_is_to_be_wiped_is_zeros_in_a_child() {
    let mut space = space();
    let at = map_memory(&mut space, 0x4000);
    store(&mut space, at, 3).unwrap();
    store(&mut space, at + 0x1000, 4).unwrap();
    space.madvise(at, 0x1000, advice::WIPE_ON_FORK).unwrap();
    space.wipe_on_fork();
    assert_eq!((load(&mut space, at), load(&mut space, at + 0x1000)), (Ok(0), Ok(4)));
}

#[test]
fn populate_advice_reports_what_cannot_be() {
    let mut space = space();
    let at = map_memory(&mut space, MIB);
    space.madvise(at, MIB, advice::POPULATE_WRITE).unwrap();
    let faults = space.counters.faults;
    store(&mut space, at + MIB - 8, 1).unwrap();
    assert_eq!(space.counters.faults, faults);
    space.mprotect(at, 0x1000, 1).unwrap();
    assert_eq!(space.madvise(at, MIB, advice::POPULATE_WRITE), Err(Errno::EINVAL));
    let file = space.mmap(file_request(image_file(0, 1), 0x2000, 1, map::PRIVATE, false)).unwrap();
    assert_eq!(space.madvise(file, 0x2000, advice::POPULATE_READ), Err(Errno::EFAULT));
}

#[test]
fn mincore_and_msync_see_gaps() {
    let mut space = space();
    space.policy.eager_anonymous = 0;
    let at = map_memory(&mut space, 0x20_0000);
    store(&mut space, at, 1).unwrap();
    let mut seen = Vec::new();
    space
        .mincore(at, 0x2000, |b| {
            seen.push(b);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [1, 0]);
    assert_eq!(space.mincore(at, 0x30_0000, |_| Ok(())), Err(Errno::ENOMEM));
    assert_eq!(space.mincore(at + 1, 1, |_| Ok(())), Err(Errno::EINVAL));
    assert_eq!(space.msync(at, 0x1000, 4), Ok(()));
    assert_eq!(space.msync(at, 0x30_0000, 4), Err(Errno::ENOMEM));
    assert_eq!(space.msync(at, 0x1000, 5), Err(Errno::EINVAL));
    assert_eq!(space.msync(at + 1, 0x1000, 4), Err(Errno::EINVAL));
    assert_eq!(space.msync(at, 0x1000, 8), Err(Errno::EINVAL));
}

#[test]
fn locking_is_accounted() {
    let mut space = space();
    space.limits.locked = 0x4000;
    let at = map_memory(&mut space, 0x10000);
    assert_eq!(space.mlock(at + 0x10, 0x1000, false), Ok(()));
    assert_eq!(space.locked(), 0x2000);
    assert_eq!(space.mlock(at, 0x4000, false), Ok(()));
    assert_eq!(space.mlock(at + 0x4000, 0x1000, false), Err(Errno::ENOMEM));
    assert_eq!(space.mmap(anonymous(0, 0x1000, 3, map::PRIVATE | map::LOCKED)), Err(Errno::EAGAIN));
    space.munmap(at, 0x2000).unwrap();
    assert_eq!(space.locked(), 0x2000);
    assert_eq!(space.munlock(at + 0x2000, 0x2000), Ok(()));
    assert_eq!((space.locked(), space.munlock(at, 0x1000)), (0, Err(Errno::ENOMEM)));
    space.limits.locked = 0;
    assert_eq!(space.mlock(at + 0x2000, 1, false), Err(Errno::EPERM));
    assert_eq!(space.mlockall(1), Err(Errno::EPERM));
    assert_eq!(space.mlockall(0), Err(Errno::EINVAL));
    space.limits.locked = u64::MAX;
    space.mlockall(3).unwrap();
    let more = map_memory(&mut space, 0x1000);
    assert!(space.locked() >= 0xf000 && more != 0);
    space.munlockall();
    assert_eq!(space.locked(), 0);
}

#[test]
fn files_are_mapped_only_as_they_are_open() {
    let mut space = space();
    let request = |readable, writable, protection, flags| MapRequest {
        address: 0,
        length: 4096,
        protection,
        flags,
        file: Some(Argument {
            file: image_file(0, 4),
            name: Rc::from("/f"),
            is_readable: readable,
            is_writable: writable,
        }),
        offset: 0,
    };
    assert_eq!(space.mmap(request(false, true, 2, map::PRIVATE)), Err(Errno::EACCES));
    assert_eq!(space.mmap(request(true, false, 2, map::SHARED)), Err(Errno::EACCES));
    assert_eq!(space.mmap(request(true, false, 1, 0)), Err(Errno::EINVAL));
    assert_eq!(space.mmap(request(true, false, 1, map::SHARED_VALIDATE | 1 << 30)), Err(Errno::EOPNOTSUPP));
    let at = space.mmap(request(true, false, 1, map::SHARED)).unwrap();
    assert_eq!(space.mprotect(at, 4096, 3), Err(Errno::EACCES));
    assert_eq!(load(&mut space, at), Ok(image_word(0)));
    let mut odd = request(true, false, 1, map::PRIVATE);
    odd.offset = 100;
    assert_eq!(space.mmap(odd), Err(Errno::EINVAL));
    let mut far = request(true, false, 1, map::PRIVATE);
    far.offset = !4095;
    assert_eq!(space.mmap(far), Err(Errno::EOVERFLOW));
}

#[test]
fn places_are_chosen_as_linux_does() {
    let mut space = space();
    let first = map_memory(&mut space, 0x3000);
    assert_eq!(first, BASE - 0x3000);
    for at in [0x40_0000, 0x40_1000, 0x40_3000, 0x7fff_0000_0000] {
        let flags = map::PRIVATE | map::FIXED;
        space.mmap(anonymous(at, 0x4000, 5, flags)).unwrap();
        space.mmap(anonymous(at + 0x1000, 0x1000, 1, flags)).unwrap();
        space.munmap(at + 0x3000, 0x1000).unwrap();
    }
    // A different protection, so that they stay apart.
    assert_eq!(space.mmap(anonymous(0, 0x1000, 1, map::PRIVATE)), Ok(BASE - 0x4000));
    assert_eq!(space.mmap(anonymous(0x1234_5678, 0x1000, 1, map::PRIVATE)), Ok(0x1234_5000));
    assert_eq!(space.mmap(anonymous(0x1234_5000, 0x1000, 1, map::PRIVATE)), Ok(BASE - 0x5000));
    let noreplace = map::PRIVATE | map::FIXED_NO_REPLACE;
    assert_eq!(space.mmap(anonymous(first, 0x1000, 1, noreplace)), Err(Errno::EEXIST));
    let low = space.mmap(anonymous(0, 0x1000, 1, map::PRIVATE | map::BITS_32)).unwrap();
    assert!((0x4000_0000..0x8000_0000).contains(&low));
    space.munmap(first, 0x1000).unwrap();
    assert_eq!(space.mmap(anonymous(0, 0x1000, 1, map::PRIVATE)), Ok(first));
    assert_eq!(space.mmap(anonymous(0, 0x1000, 3, map::PRIVATE | map::HUGE_TLB)), Err(Errno::ENOMEM));
    space.limits.address_space = space.sizes().0 + 0x1000;
    assert_eq!(space.mmap(anonymous(0, 0x2000, 3, map::PRIVATE)), Err(Errno::ENOMEM));
    assert!(
        space.mmap(anonymous(first, 0x2000, 3, map::PRIVATE | map::FIXED)).is_ok(),
        "what is replaced counts off"
    );
}

#[test]
fn maps_lists_what_is_there() {
    let mut space = space();
    space.mmap(anonymous(0x1000_0000, 0x2000, 3, map::PRIVATE | map::FIXED)).unwrap();
    let mut request = file_request(image_file(0, 4), 0x1000, 5, map::PRIVATE | map::FIXED, false);
    (request.address, request.offset) = (0x2000_0000, 0x1000);
    space.mmap(request).unwrap();
    space.map_special(0x3000_0000, 0x1000, prot::READ | prot::EXEC, 0x20_0000, "[vdso]").unwrap();
    space.map_stack(0x7ffd_0000_0000, 0x2000, false).unwrap();
    let text = space.maps_text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "10000000-10002000 rw-p 00000000 00:00 0 ");
    assert_eq!(lines[1], "20000000-20001000 r-xp 00001000 00:07 100                                /file");
    assert!(
        lines[2].ends_with("r-xp 00000000 00:00 0                                  [vdso]"),
        "{}",
        lines[2]
    );
    assert!(lines[3].ends_with("[stack]"));
    store(&mut space, 0x1000_0000, 1).unwrap();
    assert!(space.resident().dirty >= 4096);
}

#[test]
fn text_is_patched_in_a_copy_that_the_program_executes() {
    let mut space = space();
    let at = space.mmap(file_request(image_file(20, 16), 0x10000, 5, map::PRIVATE, false)).unwrap();
    assert_eq!(access(&mut space, at + 0x3000, Access::Execute, None), Ok(image_word(23)));
    let gpa = space.make_private(at + 0x3008).unwrap();
    use crate::mm::Physical;
    space.memory().physical.write(gpa, 0x90);
    assert_eq!(access(&mut space, at + 0x3000, Access::Execute, None), Ok(0x90));
    assert_eq!(space.make_private(at + 0x3000), Ok(gpa));
    assert_eq!(store(&mut space, at + 0x3000, 1), Err(Fault::NotAllowed));
    assert_eq!(space.make_private(0x1000), Err(Errno::EFAULT));
}

#[test]
fn a_stack_overflow_ends_at_the_limit_and_threads_keep_their_stacks_small() {
    let mut space = space();
    let mut stacks = Vec::new();
    for _ in 0..64 {
        let at = space.mmap(anonymous(0, 8 * MIB, 0, map::PRIVATE | map::NO_RESERVE | map::STACK)).unwrap();
        space.mprotect(at + 4096, 8 * MIB - 4096, 3).unwrap();
        store(&mut space, at + 8 * MIB - 64, 1).unwrap();
        store(&mut space, at + 8 * MIB - 0x5000, 1).unwrap();
        stacks.push(at);
    }
    assert!(space.resident().entered <= 64 * (64 << 10));
    assert_eq!(store(&mut space, stacks[0] + 8, 1), Err(Fault::NotAllowed), "the guard page");
}
