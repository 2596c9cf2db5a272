//! The frame allocator.

use super::machine::{MIB, memory};
use crate::mm::{Content, Physical};
use std::collections::HashSet;

#[test]
fn every_frame_is_handed_out_once_and_comes_back() {
    let memory = memory(64 * MIB, 64 * MIB);
    let before = memory.statistics();
    let mut seen = HashSet::new();
    while let Some(gpa) = memory.allocate(Content::Zero) {
        assert!(seen.insert(gpa) && (6 * MIB..64 * MIB).contains(&gpa));
        assert_eq!((memory.physical.read(gpa), memory.references(gpa)), (0, 1));
        memory.physical.write(gpa, !0);
    }
    assert_eq!(seen.len() as u64, before.free - 256, "all but the kernel's reserve");
    assert!(memory.allocate_table().is_some() && memory.allocate_run(1).is_some(), "the reserve");
    for gpa in &seen {
        memory.release(*gpa, true);
    }
    let after = memory.statistics();
    assert_eq!(after.free, before.free - 2);
    for gpa in (0..1000).map_while(|_| memory.allocate(Content::Zero)) {
        assert_eq!(memory.physical.read(gpa), 0);
    }
}

#[test]
fn clean_frames_come_back_clean_and_cost_no_zeroing() {
    let memory = memory(64 * MIB, 64 * MIB);
    let clean = memory.statistics().clean;
    let gpas: Vec<u64> = (0..2000).map(|_| memory.allocate(Content::Zero).unwrap()).collect();
    gpas.iter().for_each(|gpa| memory.release(*gpa, false));
    assert_eq!(memory.statistics().clean, clean);
    assert_eq!(memory.physical.zeroed.get(), 0);
    let used = memory.allocate(Content::Any).unwrap();
    memory.physical.write(used, 5);
    memory.release(used, false);
    assert_eq!(memory.statistics().clean, clean - 1);
}

#[test]
fn references_are_counted() {
    let memory = memory(64 * MIB, 64 * MIB);
    let free = memory.statistics().free;
    let gpa = memory.allocate(Content::Zero).unwrap();
    memory.get(gpa);
    memory.get(gpa);
    memory.release(gpa, true);
    memory.release(gpa, false);
    assert_eq!(memory.references(gpa), 1);
    memory.release(gpa, false);
    assert_eq!((memory.statistics().free, memory.references(gpa)), (free, 0));
    assert_eq!(memory.statistics().clean, free - 1, "it was written once");
}

#[test]
fn large_frames_are_aligned_and_zeroed_where_needed() {
    let memory = memory(64 * MIB, 64 * MIB);
    let gpa = memory.allocate_large(Content::Zero).unwrap();
    assert!(gpa.is_multiple_of(2 * MIB));
    memory.physical.write(gpa + MIB, 7);
    memory.release_large(gpa, true);
    let again = memory.allocate_large(Content::Zero).unwrap();
    assert_eq!((again, memory.physical.read(gpa + MIB)), (gpa, 0));
    memory.split_large(again);
    for page in 0..512 {
        memory.release(again + page * 4096, page == 3);
    }
    assert_eq!(memory.physical.zeroed.get(), 512);
    assert_eq!(memory.allocate_large(Content::Zero), Some(gpa));
    assert_eq!(memory.physical.zeroed.get(), 513, "only the written frame");
}

#[test]
fn ram_grows_in_steps_up_to_its_limit_and_past_a_gib() {
    let limit = 2048 * MIB + 64 * MIB;
    let memory = memory(32 * MIB, limit);
    let mut blocks = 0;
    while memory.allocate_large(Content::Any).is_some() {
        blocks += 1;
    }
    assert_eq!(memory.statistics().total, limit >> 12);
    assert!(blocks >= 1056 - 3 - 3 - 2, "{blocks}");
    // The direct map shows it all.
    let pd = memory.physical.read(0x3000 + 8) & !0xfff;
    assert_ne!(memory.physical.read((pd & 0xf_ffff_ffff_f000) + 511 * 8), 0);
}

#[test]
fn runs_are_contiguous_and_aligned() {
    let memory = memory(64 * MIB, 64 * MIB);
    let free = memory.statistics().free;
    let sizes = [1u32, 2, 3, 16, 64, 100, 256, 300, 512, 1024, 2000];
    let runs: Vec<(u64, u32)> = sizes.iter().map(|n| (memory.allocate_run(*n).unwrap(), *n)).collect();
    for (i, (gpa, frames)) in runs.iter().enumerate() {
        assert!(
            gpa.is_multiple_of(u64::from(frames.next_power_of_two().min(512)) * 4096),
            "{gpa:#x} {frames}"
        );
        for (other, count) in &runs[..i] {
            assert!(gpa + u64::from(*frames) * 4096 <= *other || other + u64::from(*count) * 4096 <= *gpa);
        }
    }
    for (gpa, frames) in runs {
        memory.free_run(gpa, frames);
    }
    assert_eq!(memory.statistics().free, free);
}

#[test]
fn free_dirty_blocks_go_back_to_the_host_beyond_the_threshold() {
    let memory = memory(64 * MIB, 64 * MIB);
    memory.set_release_above(Some(8 * MIB));
    let blocks: Vec<u64> = (0..12).map(|_| memory.allocate_large(Content::Any).unwrap()).collect();
    blocks.iter().for_each(|gpa| memory.physical.write(*gpa, 3));
    blocks.iter().for_each(|gpa| memory.release_large(*gpa, true));
    assert!(memory.physical.released.get() >= 8 * MIB);
    let s = memory.statistics();
    assert!(s.free - s.clean <= (8 * MIB) >> 12);
    while let Some(gpa) = memory.allocate(Content::Zero) {
        assert_eq!(memory.physical.read(gpa), 0);
    }
}

#[test]
fn a_copy_leaves_the_frames_of_before_alone_as_long_as_there_are_others() {
    let memory = memory(64 * MIB, 64 * MIB);
    let before = memory.statistics().free;
    let old: Vec<u64> = (0..700).map(|_| memory.allocate(Content::Zero).unwrap()).collect();
    let blocks: HashSet<u64> = old.iter().map(|gpa| gpa / (2 * MIB)).collect();
    old.iter().step_by(2).for_each(|gpa| memory.release(*gpa, true));
    memory.set_apart();
    for content in [Content::Zero, Content::Any] {
        for _ in 0..300 {
            let gpa = memory.allocate(content).unwrap();
            assert!(!blocks.contains(&(gpa / (2 * MIB))), "{gpa:#x} is shared with the VM that was copied");
        }
    }
    // A frame that comes back does so to the block that it is of.
    memory.release(old[1], false);
    let mut rest = HashSet::new();
    while let Some(gpa) = memory.allocate(Content::Zero) {
        assert!(rest.insert(gpa));
        assert_eq!(memory.physical.read(gpa), 0);
    }
    assert!(old.iter().step_by(2).all(|gpa| rest.contains(gpa)) && rest.contains(&old[1]), "in need they do");
    assert_eq!(rest.len() as u64, before - 256 - 349 - 600);
}
