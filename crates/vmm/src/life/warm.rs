//! What the VMM itself needs to be quick: its code in its page tables, its stack its own.
//!
//! fork(2) does not copy the page tables of mapped files: a child faults at each page of its own code, and copies each page of its stack that
//! it writes. A clone made ahead does both before it is asked for.

use std::fs;

/// Stack below this frame that is made this process's own.
const STACK: usize = 64 << 10;
/// Larger mappings are not code (an image).
const MOST: u64 = 16 << 20;

/// Maps the code, and writes the stack.
pub fn warm() {
    const MADV_POPULATE_READ: i32 = 22;
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else { return };
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let range = fields.next().and_then(|range| range.split_once('-'));
        let Some((Ok(start), Ok(end))) =
            range.map(|(start, end)| (u64::from_str_radix(start, 16), u64::from_str_radix(end, 16)))
        else {
            continue;
        };
        // r-x and r-- of files: programs and libraries.
        let is_code = fields.next().is_some_and(|rights| rights.starts_with("r-") && rights.ends_with('p'));
        if is_code && end - start <= MOST && line.contains('/') {
            // SAFETY: reads pages of a mapping that exists; nothing changes. An error leaves things as they are.
            unsafe { libc::madvise(start as *mut libc::c_void, (end - start) as usize, MADV_POPULATE_READ) };
        }
    }
    write_stack();
}

#[inline(never)]
fn write_stack() {
    let mut room = [0u8; STACK];
    for page in room.chunks_mut(4096) {
        page[0] = 1;
    }
    std::hint::black_box(&mut room);
}
