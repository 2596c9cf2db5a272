//! All mappings of an address space, in order.

use super::Vma;
use crate::map::Map;
use crate::map::Values;
use alloc::vec::Vec;

/// Most mappings of one address space (Linux: vm.max_map_count).
pub const MOST: usize = 65530;

/// Mappings that do not overlap, by their start.
#[derive(Default)]
pub struct Areas {
    pub(super) map: Map<u64, Vma>,
    /// Bytes of all mappings.
    total: u64,
    /// Bytes of those that count for RLIMIT_DATA.
    data: u64,
    /// Every gap above this address is smaller than `hole`: where the search for a free area may start.
    pub(super) search_from: u64,
    pub(super) hole: u64,
}

impl Areas {
    /// No mapping.
    pub fn new() -> Areas {
        Areas::default()
    }

    /// Number of mappings.
    pub fn count(&self) -> usize {
        self.map.len()
    }

    /// Bytes of all mappings, and of those that count for RLIMIT_DATA.
    pub fn sizes(&self) -> (u64, u64) {
        (self.total, self.data)
    }

    /// The mapping that holds `va`.
    #[inline]
    pub fn find(&self, va: u64) -> Option<&Vma> {
        self.map.range(..=va).next_back().map(|(_, v)| v).filter(|v| va < v.end)
    }

    /// The same, to change it (neither its range, nor what [`Vma::is_data`] looks at).
    #[inline]
    pub fn find_mut(&mut self, va: u64) -> Option<&mut Vma> {
        self.map.last_before_mut(&va, true).map(|(_, v)| v).filter(|v| va < v.end)
    }

    /// The first mapping that ends after `va`.
    #[inline]
    pub fn at_or_after(&self, va: u64) -> Option<&Vma> {
        self.find(va).or_else(|| self.map.range(va..).next().map(|(_, v)| v))
    }

    /// The last mapping that starts before `va`.
    #[inline]
    pub fn before(&self, va: u64) -> Option<&Vma> {
        self.map.range(..va).next_back().map(|(_, v)| v)
    }

    /// All, in order.
    pub fn iter(&self) -> Values<'_, u64, Vma> {
        self.map.values()
    }

    /// Those that overlap `start..end`, in order.
    pub fn overlapping(&self, start: u64, end: u64) -> impl DoubleEndedIterator<Item = &Vma> {
        let from = self.find(start).map_or(start, |v| v.start);
        self.map.range(from..end.max(from)).map(|(_, v)| v)
    }

    /// Whether no mapping overlaps `start..end`.
    pub fn is_free(&self, start: u64, end: u64) -> bool {
        self.at_or_after(start).is_none_or(|v| v.start >= end)
    }

    /// Whether every page of `start..end` is mapped.
    pub fn is_covered(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        for vma in self.overlapping(start, end) {
            if vma.start > at {
                return false;
            }
            at = vma.end;
        }
        at >= end
    }

    /// Puts a mapping where none is, and joins it with its neighbours if they are alike.
    pub fn insert(&mut self, mut vma: Vma) {
        debug_assert!(self.is_free(vma.start, vma.end) && vma.start < vma.end);
        self.account(&vma, true);
        if let Some(next) = self.map.get(&vma.end)
            && vma.joins(next)
        {
            let next = self.map.remove(&vma.end).expect("found");
            vma.end = next.end;
            (vma.next, vma.window) = (next.next, next.window);
        }
        if let Some((_, before)) = self.map.last_before_mut(&vma.start, false)
            && before.joins(&vma)
        {
            before.end = vma.end;
            return;
        }
        self.map.insert(vma.start, vma);
    }

    /// Cuts the mapping that holds `va` in two there, unless it starts there.
    pub fn split(&mut self, va: u64) {
        let Some(vma) = self.find_mut(va) else { return };
        if vma.start == va {
            return;
        }
        let mut rest = vma.clone();
        vma.end = va;
        rest.cut_front(va);
        self.map.insert(va, rest);
    }

    /// Takes `start..end` out of the mappings; those that are cut keep the rest. Gives `f` what is gone, in order.
    pub fn remove(&mut self, start: u64, end: u64, mut f: impl FnMut(Vma)) {
        self.split(start);
        self.split(end);
        while let Some(key) = self.map.range(start..end).next().map(|(key, _)| *key)
            && let Some(vma) = self.map.remove(&key)
        {
            self.account(&vma, false);
            f(vma);
        }
        if self.search_from != 0 && end > self.search_from {
            // The gap that this made is the highest one that is large enough, if any is.
            let top = self.map.range(end..).next().map_or(0, |(k, _)| *k);
            if top == 0 { self.forget_search() } else { self.search_from = top }
        }
    }

    /// Changes every mapping in `start..end` by `f`, cutting at the ends and joining what is alike afterwards.
    pub fn update(&mut self, start: u64, end: u64, mut f: impl FnMut(&mut Vma)) {
        let mut changed = Vec::new();
        self.remove(start, end, |vma| changed.push(vma));
        for mut vma in changed {
            f(&mut vma);
            self.insert(vma);
        }
        self.join_at(end);
    }

    /// Joins the mappings on both sides of `va` if they are alike.
    fn join_at(&mut self, va: u64) {
        if !self.map.contains_key(&va) {
            return;
        }
        let next = self.map.remove(&va).expect("present");
        self.account(&next, false);
        self.insert(next);
    }

    /// Makes the mapping that starts at `start` begin lower.
    pub fn grow_down(&mut self, start: u64, to: u64) {
        if let Some(mut vma) = self.map.remove(&start) {
            self.account(&vma, false);
            vma.start = to;
            self.account(&vma, true);
            self.map.insert(to, vma);
        }
    }

    fn account(&mut self, vma: &Vma, add: bool) {
        let (all, data) = (vma.len(), if vma.is_data() { vma.len() } else { 0 });
        if add {
            self.total += all;
            self.data += data;
        } else {
            self.total -= all;
            self.data -= data;
        }
    }
}
