//! brk(2).

use super::super::physical::Physical;
use super::super::vma::{Backing, Vma, property, prot};
use super::{AddressSpace, LOWEST, round_up};
use ramet_abi::layout::PROGRAM_END;

impl<P: Physical + 'static> AddressSpace<P> {
    /// Sets where the heap begins, which is then empty.
    pub fn set_break_start(&mut self, start: u64) {
        (self.heap, self.heap_end) = (start, start);
    }

    /// brk(2): the heap's new end, which is the old one where the request cannot be met (0 always asks).
    pub fn brk(&mut self, address: u64) -> u64 {
        self.try_break(address).unwrap_or(self.heap_end)
    }

    fn try_break(&mut self, address: u64) -> Option<u64> {
        if address < self.heap.max(LOWEST) || address > PROGRAM_END {
            return None;
        }
        let old = round_up(self.heap_end)?;
        let new = round_up(address)?;
        if new < old {
            self.unmap(new, old).ok()?;
        }
        if new > old {
            let (all, data) = self.areas.sizes();
            let more = new - old;
            // Linux counts the heap by itself as well as with all private writable memory.
            if address - self.heap > self.limits.heap
                || data.saturating_add(more) > self.limits.data
                || all.saturating_add(more) > self.limits.address_space
                || !self.areas.has_room(old, new)
                || self.lock_future && self.check_lock(more, crate::errno::Errno::EAGAIN).is_err()
                || more > self.memory.statistics().limit * super::PAGE + self.policy.overcommit
            {
                return None;
            }
            let lock = if self.lock_future { property::LOCKED } else { 0 };
            let vma = Vma::new(old, new, prot::READ | prot::WRITE, property::HEAP | lock, Backing::Anonymous);
            self.insert(vma, false);
        }
        self.heap_end = address;
        Some(address)
    }

    /// Where the heap begins and ends.
    pub fn heap(&self) -> (u64, u64) {
        (self.heap, self.heap_end)
    }
}
