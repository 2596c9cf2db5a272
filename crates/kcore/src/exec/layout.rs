//! Where things go in the program's address space: Linux's layout for x86-64 with four-level paging
//! (`arch/x86/mm/mmap.c`, `fs/binfmt_elf.c`). The caller supplies the randomness.

/// A page, in bytes.
pub const PAGE: u64 = 4096;
/// End of the program's addresses (`TASK_SIZE_MAX`); ramet_abi's `PROGRAM_END`.
pub const PROGRAM_END: u64 = 0x7fff_ffff_f000;
/// Where position-independent programs go (`ELF_ET_DYN_BASE`: two thirds of the address space).
pub const PIE_BASE: u64 = PROGRAM_END / 3 * 2;
/// Lowest address that mmap(2) gives or accepts (`vm.mmap_min_addr`).
pub const MMAP_MIN: u64 = 0x10000;
/// Room between the highest stack and the end of the address space, for the vDSO.
pub const VDSO_ROOM: u64 = 1 << 20;

/// Pages of randomness of mmap_base and PIE (`mmap_rnd_bits`).
const MMAP_RANDOM_BITS: u32 = 28;
/// Pages of randomness of the stack (`STACK_RND_MASK`).
const STACK_RANDOM_BITS: u32 = 22;
/// Random distance between the end of the program's data and the break.
const BREAK_RANDOM: u64 = 32 << 20;
/// Guard gap below the stack (`stack_guard_gap`).
const STACK_GUARD_GAP: u64 = 1 << 20;
const GAP_MIN: u64 = 128 << 20;
const GAP_MAX: u64 = PROGRAM_END / 6 * 5;

/// `address` rounded down to its page.
pub const fn page_down(address: u64) -> u64 {
    address & !(PAGE - 1)
}

/// `address` rounded up to a page; none when that overflows.
pub const fn page_up(address: u64) -> Option<u64> {
    match address.checked_add(PAGE - 1) {
        Some(up) => Some(page_down(up)),
        None => None,
    }
}

/// Uniform random words for one execve. All zero: the layout of `personality(ADDR_NO_RANDOMIZE)`.
#[derive(Clone, Copy, Default, Debug)]
pub struct Randomness {
    /// For the stack's top.
    pub stack: u64,
    /// For the bytes that the stack pointer is moved inside the first pages.
    pub stack_offset: u64,
    /// For mmap_base.
    pub mmap: u64,
    /// For a position-independent program's base.
    pub program: u64,
    /// For the program break.
    pub program_break: u64,
    /// For the vDSO.
    pub vdso: u64,
}

/// The choices of one execve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// First address past the stack; page aligned. The stack grows down from here.
    pub stack_top: u64,
    /// mmap(2) searches downwards from here; page aligned.
    pub mmap_base: u64,
    /// About where a position-independent program with an interpreter goes; page aligned. One without an interpreter (a
    /// static PIE, or the dynamic loader itself) goes into the mmap area.
    pub program_base: u64,
    /// Where to map the vvar page; the vDSO follows it. Above the stack.
    pub vvar: u64,
}

/// Chooses the layout. `stack_limit` is RLIMIT_STACK in bytes (`u64::MAX`: none).
pub fn choose(random: &Randomness, stack_limit: u64) -> Layout {
    let pages = |word: u64, bits: u32| (word & ((1 << bits) - 1)) * PAGE;
    let stack_top = PROGRAM_END - VDSO_ROOM - pages(random.stack, STACK_RANDOM_BITS);
    let stack_random = (PAGE << STACK_RANDOM_BITS) + VDSO_ROOM;
    let gap = stack_limit.saturating_add(STACK_GUARD_GAP + stack_random).clamp(GAP_MIN, GAP_MAX);
    let mmap_base = page_down(PROGRAM_END - gap - pages(random.mmap, MMAP_RANDOM_BITS));
    let program_base = page_down(PIE_BASE + pages(random.program, MMAP_RANDOM_BITS));
    // Anywhere in the room, leaving 64 KiB for vvar and vDSO.
    let vvar = PROGRAM_END - VDSO_ROOM + (random.vdso % ((VDSO_ROOM - (64 << 10)) / PAGE)) * PAGE;
    Layout { stack_top, mmap_base, program_base, vvar }
}

/// Start of the program break: `end` is the address past the program's last byte, bias included. A position-independent
/// program without an interpreter lies in the mmap area, where the break could not grow: pass `loader` = true then.
pub fn break_start(random: &Randomness, end: u64, loader: bool) -> u64 {
    let base = if loader { PIE_BASE } else { end };
    let base = page_up(base).unwrap_or(PROGRAM_END).min(PROGRAM_END);
    let moved = base + page_down(random.program_break % BREAK_RANDOM);
    if moved < PROGRAM_END { moved } else { base }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_in_order_for_every_randomness_and_limit() {
        let words = [0, 1, u64::MAX, 0x0123_4567_89ab_cdef];
        for word in words {
            for limit in [0, 8 << 20, 1 << 40, u64::MAX] {
                let random = Randomness {
                    stack: word,
                    stack_offset: word,
                    mmap: word,
                    program: word,
                    program_break: word,
                    vdso: word,
                };
                let layout = choose(&random, limit);
                for address in [layout.stack_top, layout.mmap_base, layout.program_base, layout.vvar] {
                    assert_eq!(address % PAGE, 0);
                    assert!((MMAP_MIN..PROGRAM_END).contains(&address));
                }
                assert!(layout.vvar >= layout.stack_top && layout.vvar + (64 << 10) <= PROGRAM_END);
                assert!(layout.mmap_base < layout.stack_top);
                if limit <= 8 << 20 {
                    assert!(layout.program_base < layout.mmap_base);
                    assert!(layout.stack_top - layout.mmap_base >= limit + STACK_GUARD_GAP);
                    assert!(matches!(layout.program_base >> 40, 0x55 | 0x56));
                }
            }
        }
    }

    #[test]
    fn looks_like_linux() {
        let layout = choose(&Randomness::default(), 8 << 20);
        assert_eq!(layout.program_base, 0x5555_5555_4000);
        assert_eq!(layout.stack_top, 0x7fff_ffff_f000 - VDSO_ROOM);
        assert_eq!(break_start(&Randomness::default(), 0x404_0a8, false), 0x405_000);
        assert_eq!(break_start(&Randomness::default(), 0x7fff_0000_0000, true), 0x5555_5555_5000);
        let random = Randomness { program_break: u64::MAX, ..Randomness::default() };
        assert!(break_start(&random, 0x1000, false) <= 0x1000 + BREAK_RANDOM);
        assert_eq!(break_start(&random, PROGRAM_END, false), PROGRAM_END);
    }
}
