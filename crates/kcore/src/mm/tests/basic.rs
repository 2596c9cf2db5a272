//! Mappings and faults, one behaviour at a time.

use super::machine::*;
use crate::errno::Errno;
use crate::mm::{Access, AddressSpace, Fault, map};
use ramet_abi::layout::PROGRAM_END;

#[test]
fn memory_reads_as_zeros_keeps_what_is_stored_and_is_gone_after_munmap() {
    let mut space = space();
    let at = map_memory(&mut space, 64 << 10);
    for page in 0..16 {
        assert_eq!(load(&mut space, at + page * 4096), Ok(0));
        store(&mut space, at + page * 4096, page + 1).unwrap();
    }
    assert_eq!(space.counters.faults, 0, "a small mapping is filled at once");
    assert_eq!(load(&mut space, at + 4096), Ok(2));
    space.munmap(at, 64 << 10).unwrap();
    assert_eq!(load(&mut space, at), Err(Fault::NotMapped));
    let again = map_memory(&mut space, 64 << 10);
    assert_eq!((again, load(&mut space, again)), (at, Ok(0)));
}

#[test]
fn what_nobody_touched_goes_without_a_flush() {
    let mut space = space();
    space.policy.preset_dirty = false;
    let at = map_memory(&mut space, 64 << 10);
    space.munmap(at, 64 << 10).unwrap();
    assert_eq!(space.counters.flushes, 0);
    let at = map_memory(&mut space, 64 << 10);
    load(&mut space, at).unwrap();
    space.munmap(at, 64 << 10).unwrap();
    assert_eq!(space.counters.flushes, 1);
}

#[test]
fn protections_are_real() {
    let mut space = space();
    let at = map_memory(&mut space, 0x3000);
    store(&mut space, at, 5).unwrap();
    space.mprotect(at, 0x1000, 1).unwrap();
    assert_eq!(store(&mut space, at, 6), Err(Fault::NotAllowed));
    assert_eq!(load(&mut space, at), Ok(5));
    space.mprotect(at, 0x1000, 0).unwrap();
    assert_eq!(load(&mut space, at), Err(Fault::NotAllowed));
    space.mprotect(at, 0x1000, 2).unwrap();
    assert_eq!((load(&mut space, at), store(&mut space, at, 7)), (Ok(5), Ok(5)));
    assert_eq!(access(&mut space, at, Access::Execute, None), Err(Fault::NotAllowed));
    space.mprotect(at, 0x1000, 4).unwrap();
    assert_eq!(access(&mut space, at, Access::Execute, None), Ok(7));
    assert_eq!(space.mprotect(at + 0x1000, 0x5000, 1), Err(Errno::ENOMEM));
    assert_eq!(
        store(&mut space, at + 0x1000, 1),
        Err(Fault::NotAllowed),
        "the part before the gap has changed"
    );
}

#[test]
fn a_file_of_the_image_is_mapped_at_its_first_fault_and_copied_when_written() {
    let mut space = space();
    let request = file_request(image_file(10, 300), 300 * 4096, 5, map::PRIVATE, false);
    let at = space.mmap(request).unwrap();
    assert_eq!(space.counters.entered, 0, "put off");
    assert_eq!(load(&mut space, at + 7 * 4096), Ok(image_word(17)));
    assert_eq!(space.counters.faults, 1);
    assert_eq!(load(&mut space, at + 299 * 4096), Ok(image_word(309)));
    assert_eq!(space.counters.faults, 1, "all of it");
    let request = file_request(image_file(10, 300), 300 * 4096, 3, map::PRIVATE, false);
    let copy = space.mmap(request).unwrap();
    assert_eq!(store(&mut space, copy + 7 * 4096, 1), Ok(image_word(17)));
    assert_eq!(load(&mut space, at + 7 * 4096), Ok(image_word(17)));
    assert_eq!(load(&mut space, copy + 7 * 4096), Ok(1));
    assert_eq!(load(&mut space, copy + 7 * 4096 + 8), Ok(image_word(17)));
}

#[test]
fn a_page_past_the_end_of_the_file_is_a_bus_error() {
    let mut space = space();
    let at = space.mmap(file_request(image_file(0, 2), 4 * 4096, 1, map::PRIVATE, false)).unwrap();
    assert_eq!(load(&mut space, at + 4096), Ok(image_word(1)));
    assert_eq!(load(&mut space, at + 2 * 4096), Err(Fault::BeyondFile));
}

#[test]
fn the_parts_of_a_library_are_entered_as_the_linker_cuts_it() {
    let mut space = space();
    let library = image_file(0, 64);
    let at = space
        .mmap(file_request(library.clone(), 64 * 4096, 1, map::PRIVATE | map::DENY_WRITE, false))
        .unwrap();
    for (first, pages, protection) in [(16u64, 30u64, 5), (46, 10, 1), (56, 8, 3)] {
        let mut request =
            file_request(library.clone(), pages * 4096, protection, map::PRIVATE | map::FIXED, false);
        (request.address, request.offset) = (at + first * 4096, first * 4096);
        space.mmap(request).unwrap();
    }
    assert_eq!((space.counters.entered, space.counters.flushes), (64, 0));
    for page in 0..64 {
        assert_eq!(load(&mut space, at + page * 4096), Ok(image_word(page)));
    }
    assert_eq!(store(&mut space, at + 60 * 4096, 1), Ok(image_word(60)));
    assert_eq!(space.counters.faults, 0);
}

#[test]
fn the_heap_grows_and_shrinks() {
    let mut space = space();
    space.set_break_start(0x60_0000);
    assert_eq!(space.brk(0), 0x60_0000);
    assert_eq!(space.brk(0x62_1010), 0x62_1010);
    assert_eq!(store(&mut space, 0x62_1000, 9), Ok(0));
    assert_eq!(load(&mut space, 0x62_2000), Err(Fault::NotMapped));
    assert_eq!(space.brk(0x60_0800), 0x60_0800);
    assert_eq!(load(&mut space, 0x62_1000), Err(Fault::NotMapped));
    assert_eq!(space.brk(0x50_0000), 0x60_0800);
    space.limits.data = 1 << 20;
    assert_eq!(space.brk(0x80_0000), 0x60_0800);
}

#[test]
fn the_stack_grows_to_its_limit_and_keeps_its_distance() {
    let mut space = space();
    let top = 0x7fff_0000_0000;
    space.limits.stack = 1 << 20;
    space.map_stack(top, 0x2_1000, false).unwrap();
    store(&mut space, top - 0x10_0000, 1).unwrap();
    assert_eq!(store(&mut space, top - 0x10_1000, 1), Err(Fault::NotMapped));
    space.limits.stack = 64 << 20;
    let below = top - 0x100_0000;
    space.mmap(anonymous(below, 0x1000, 3, map::PRIVATE | map::FIXED)).unwrap();
    store(&mut space, below + 0x1000 + (1 << 20), 1).unwrap();
    assert_eq!(store(&mut space, below + 0x1000, 1), Err(Fault::NotMapped));
}

#[test]
fn a_reservation_of_64_gib_touched_here_and_there_runs_in_64_mib() {
    let mut space = AddressSpace::new(memory(16 * MIB, 64 * MIB), BASE);
    let at = map_memory(&mut space, 64 << 30);
    for i in 0..10 * 256 {
        store(&mut space, at + (i % 5) * (12 << 30) + i * 4096, i + 1).unwrap();
    }
    space.munmap(at, 64 << 30).unwrap();
    let at = map_memory(&mut space, 64 << 30);
    let mut touched = 0;
    for i in 0..32768 {
        match store(&mut space, at + i * 2 * MIB, i + 1) {
            Ok(_) => touched += 1,
            Err(fault) => {
                assert_eq!(fault, Fault::OutOfMemory);
                break;
            }
        }
    }
    assert!(touched > 6500, "{touched} pages, each with its page table");
    for i in 0..touched {
        assert_eq!(load(&mut space, at + i * 2 * MIB), Ok(i + 1));
    }
    space.munmap(at, 64 << 30).unwrap();
    map_memory(&mut space, 4096);
}

#[test]
fn a_large_area_filled_from_the_start_gets_large_pages() {
    let mut space = space();
    let at = map_memory(&mut space, 64 * MIB);
    for page in 0..64 * 256 {
        store(&mut space, at + page * 4096, page).unwrap();
    }
    assert!(space.counters.faults < 45, "{}", space.counters.faults);
    let (_, _, large) = space.memory().leaf(at + 32 * MIB);
    assert!(large);
    space.munmap(at + 33 * MIB, 4096).unwrap();
    assert_eq!(load(&mut space, at + 33 * MIB), Err(Fault::NotMapped));
    assert_eq!(load(&mut space, at + 33 * MIB + 4096), Ok(33 * 256 + 1));
    let free = space.memory().statistics().free;
    space.munmap(at, 64 * MIB).unwrap();
    assert!(space.memory().statistics().free >= free + 64 * 256 - 1);
}

#[test]
fn hostile_arguments_are_errors() {
    let mut space = space();
    space.mmap(file_request(image_file(0, 40), 40 * 4096, 3, map::PRIVATE, false)).unwrap();
    let big = [0, 1, 4095, 4096, 1 << 47, PROGRAM_END, u64::MAX - 4095, u64::MAX - 1, u64::MAX, 1 << 63];
    for a in big {
        for l in big {
            for flags in [
                map::PRIVATE,
                map::PRIVATE | map::FIXED,
                map::PRIVATE | map::BITS_32,
                map::FIXED,
                0xffff_ffff,
            ] {
                let mut request = anonymous(a, l, 0xffff_ffff, 0);
                request.flags = flags | map::ANONYMOUS;
                request.offset = a;
                let _ = space.mmap(request);
            }
            let _ = space.munmap(a, l);
            let _ = space.mprotect(a, l, 3);
            let _ = space.mprotect(a, l, 0xffff_ffff);
            let _ = space.mlock(a, l, false);
            let _ = space.munlock(a, l);
            let _ = space.prepare(a, l.min(1 << 20), Access::Write);
            for advice in 0..27 {
                let _ = space.madvise(a, l, advice);
            }
            let _ = space.msync(a, l, 4);
            let _ = space.mincore(a, l.min(1 << 30), |_| Ok(()));
            for b in big {
                for flags in 0..8 {
                    let _ = space.mremap(a, l, b, flags, b);
                    let _ = space.mremap(a, b, l, flags, a);
                }
            }
        }
        let _ = space.brk(a);
        let _ = space.fault(a, Access::Read);
        let _ = space.make_private(a);
        let _ = space.find_area(a);
        space.truncated(7, 100, a);
        space.pages_replaced(7, 100, a, a.wrapping_add(5));
    }
    assert_eq!(space.mmap(anonymous(0x1234, 4096, 3, map::PRIVATE | map::FIXED)), Err(Errno::EINVAL));
    assert_eq!(space.mmap(anonymous(0x1000, 4096, 3, map::PRIVATE | map::FIXED)), Err(Errno::EPERM));
    assert_eq!(space.mmap(anonymous(0, 0, 3, map::PRIVATE)), Err(Errno::EINVAL));
    assert_eq!(space.mmap(anonymous(0, 1 << 48, 3, map::PRIVATE)), Err(Errno::ENOMEM));
    assert_eq!(space.munmap(PROGRAM_END, 4096), Err(Errno::EINVAL));
}

#[test]
fn memory_that_is_filled_to_the_end_costs_few_faults() {
    let mut space = AddressSpace::new(memory(64 * MIB, 64 * MIB), BASE);
    let at = map_memory(&mut space, 128 * MIB);
    let mut page = 0;
    while store(&mut space, at + page * 4096, page + 1).is_ok() {
        page += 1;
    }
    assert!(page > 55 * 256, "{page}");
    assert!(space.counters.faults < 400, "{}", space.counters.faults);
    for i in (0..page).step_by(97) {
        assert_eq!(load(&mut space, at + i * 4096), Ok(i + 1));
    }
}
