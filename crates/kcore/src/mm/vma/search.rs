//! Finding room for a mapping.

use super::{Areas, Vma, property};

/// Where a mapping without a fixed place may go.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Lowest address.
    pub low: u64,
    /// First address past the area: the search goes from here downwards.
    pub high: u64,
}

/// Linux leaves 1 MiB free below a mapping that grows downwards (stack_guard_gap).
pub const GUARD: u64 = 1 << 20;

fn lowest(vma: &Vma) -> u64 {
    if vma.flags & property::GROWS_DOWN != 0 { vma.start.saturating_sub(GUARD) } else { vma.start }
}

impl Areas {
    /// Whether `start..end` is free, and not in the guard area of a stack above.
    pub fn has_room(&self, start: u64, end: u64) -> bool {
        self.at_or_after(start).is_none_or(|v| v.start >= end && lowest(v) >= end)
    }

    /// The highest free area of `length` bytes in `search`. `length` is a positive multiple of the page size.
    pub fn find_room(&mut self, length: u64, search: Search) -> Option<u64> {
        // The usual search is remembered: all gaps from `search_from` to its top are smaller than `hole`.
        let is_usual = self.search_from != 0 && length >= self.hole && self.search_from <= search.high;
        let mut top = if is_usual { self.search_from } else { search.high };
        // A stack above may reach down with its guard area.
        top = self.at_or_after(top).map_or(top, |above| lowest(above).min(top));
        for vma in self.map.range(..top).rev().map(|(_, v)| v) {
            if vma.end <= top && top - vma.end >= length {
                break;
            }
            top = top.min(lowest(vma));
            if top < search.low {
                return None;
            }
        }
        let found = top.checked_sub(length).filter(|start| *start >= search.low);
        if let Some(start) = found
            && (!is_usual || length <= self.hole)
        {
            self.search_from = start + length;
            self.hole = length;
        }
        found
    }

    /// The lowest free area of `length` bytes in `search`.
    pub fn find_room_upwards(&self, length: u64, search: Search) -> Option<u64> {
        let mut start = search.low;
        loop {
            let end = start.checked_add(length).filter(|e| *e <= search.high)?;
            match self.at_or_after(start) {
                Some(vma) if lowest(vma) < end => start = vma.end,
                _ => return Some(start),
            }
        }
    }

    /// The usual search area has changed.
    pub(in super::super) fn forget_search(&mut self) {
        self.search_from = 0;
        self.hole = 0;
    }
}
