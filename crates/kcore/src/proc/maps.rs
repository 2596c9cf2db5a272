//! /proc/pid/maps, smaps, smaps_rollup.

use super::source::{Mapping, Source};
use super::text::{Text, kib, put};
use alloc::vec::Vec;

/// The column of the name.
const NAME_COLUMN: usize = 73;

fn major(device: u64) -> u64 {
    (device >> 8 & 0xfff) | (device >> 32 & !0xfff)
}

fn minor(device: u64) -> u64 {
    (device & 0xff) | (device >> 12 & !0xff)
}

fn line(text: &mut Text, m: &Mapping<'_>) {
    let flag = |on: bool, letter: char| if on { letter } else { '-' };
    let start = text.0.len();
    put!(
        text,
        "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
        m.start,
        m.end,
        flag(m.protection.read, 'r'),
        flag(m.protection.write, 'w'),
        flag(m.protection.execute, 'x'),
        if m.shared { 's' } else { 'p' },
        m.offset,
        major(m.device),
        minor(m.device),
        m.inode
    );
    if !m.name.is_empty() {
        let length = text.0.len().max(start + NAME_COLUMN);
        text.0.resize(length, b' ');
        text.escaped(m.name, b"\n");
    }
    text.0.push(b'\n');
}

pub(super) fn maps(source: &dyn Source, pid: u32) -> Vec<u8> {
    let mut text = Text::new();
    source.mappings(pid, &mut |m| line(&mut text, m));
    text.0
}

/// The sums of smaps.
#[derive(Default)]
struct Sums {
    resident: u64,
    shared: u64,
    anonymous: u64,
    locked: u64,
}

impl Sums {
    fn of(m: &Mapping<'_>) -> Sums {
        let shared = m.resident.saturating_sub(m.anonymous);
        let locked = if m.locked { m.resident } else { 0 };
        Sums { resident: m.resident, shared, anonymous: m.anonymous, locked }
    }

    fn add(&mut self, other: &Sums) {
        self.resident += other.resident;
        self.shared += other.shared;
        self.anonymous += other.anonymous;
        self.locked += other.locked;
    }

    /// One process's view: what is not its own copy is clean and, as far as it can tell, shared with nobody else.
    fn write(&self, text: &mut Text, rollup: bool) {
        let mut field = |name: &str, bytes: u64| put!(text, "{name:<15} {:>8} kB\n", kib(bytes));
        field("Rss:", self.resident);
        field("Pss:", self.resident);
        field("Pss_Dirty:", self.anonymous);
        if rollup {
            field("Pss_Anon:", self.anonymous);
            field("Pss_File:", self.shared);
            field("Pss_Shmem:", 0);
        }
        field("Shared_Clean:", 0);
        field("Shared_Dirty:", 0);
        field("Private_Clean:", self.shared);
        field("Private_Dirty:", self.anonymous);
        field("Referenced:", self.resident);
        field("Anonymous:", self.anonymous);
        for name in [
            "LazyFree:",
            "AnonHugePages:",
            "ShmemPmdMapped:",
            "FilePmdMapped:",
            "Shared_Hugetlb:",
            "Private_Hugetlb:",
            "Swap:",
            "SwapPss:",
        ] {
            field(name, 0);
        }
        field("Locked:", self.locked);
    }
}

pub(super) fn smaps(source: &dyn Source, pid: u32) -> Vec<u8> {
    let mut text = Text::new();
    source.mappings(pid, &mut |m| {
        line(&mut text, m);
        put!(text, "{:<15} {:>8} kB\n", "Size:", kib(m.end - m.start));
        put!(text, "KernelPageSize:        4 kB\nMMUPageSize:           4 kB\n");
        Sums::of(m).write(&mut text, false);
        put!(text, "THPeligible:    0\nVmFlags:");
        let flags = [
            (m.protection.read, "rd"),
            (m.protection.write, "wr"),
            (m.protection.execute, "ex"),
            (m.shared, "sh"),
            (true, "mr mw me"),
            (m.name == b"[stack]", "gd"),
            (m.locked, "lo"),
            (m.inode == 0 && m.protection.write, "ac"),
        ];
        for (_, name) in flags.iter().filter(|f| f.0) {
            put!(text, " {name}");
        }
        put!(text, " \n");
    });
    text.0
}

pub(super) fn smaps_rollup(source: &dyn Source, pid: u32) -> Vec<u8> {
    let (mut sums, mut range) = (Sums::default(), None);
    source.mappings(pid, &mut |m| {
        sums.add(&Sums::of(m));
        range = Some((range.map_or(m.start, |(start, _)| start), m.end));
    });
    let (start, end) = range.unwrap_or((0, 0));
    let mut text = Text::new();
    let name = b"[rollup]";
    let protection = crate::exec::elf::Protection { read: false, write: false, execute: false };
    let whole = Mapping {
        start,
        end,
        protection,
        shared: false,
        offset: 0,
        device: 0,
        inode: 0,
        name,
        resident: 0,
        anonymous: 0,
        locked: false,
    };
    line(&mut text, &whole);
    sums.write(&mut text, true);
    text.0
}
