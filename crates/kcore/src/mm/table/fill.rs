//! Filling empty entries.

use super::super::frames::Memory;
use super::super::physical::Physical;
use super::{Directory, SPAN_2M};
use crate::errno::Result;

impl<P: Physical> Memory<P> {
    /// Calls `f(va)` for every page of `start..end` that has no leaf; what it returns becomes the leaf. `None` ends
    /// the filling. Needs no flush. Returns the number of leaves made.
    ///
    /// `f` must not change the page tables.
    ///
    /// # Errors
    /// ENOMEM: no frame for a page table; what was filled stays.
    pub fn fill(&self, start: u64, end: u64, f: &mut impl FnMut(u64) -> Option<u64>) -> Result<u64> {
        let mut total = 0;
        let mut va = start;
        while va < end {
            let part = ((va & !(SPAN_2M - 1)) + SPAN_2M).min(end);
            if let Directory::Table(table) = self.table_for(va)? {
                let mut made = 0;
                let mut is_done = false;
                while va < part {
                    let slot = Self::slot(table, 12, va);
                    if self.physical.read(slot) == 0 {
                        match f(va) {
                            Some(leaf) => self.physical.write(slot, leaf),
                            None => {
                                is_done = true;
                                break;
                            }
                        }
                        made += 1;
                    }
                    va += 4096;
                }
                if made > 0 {
                    self.add_entries(table, made);
                }
                total += made as u64;
                if is_done {
                    break;
                }
            }
            va = part;
        }
        Ok(total)
    }
}
