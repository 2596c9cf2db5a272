//! Which inodes of the image differ from it: what VMs are shown at [`ramet_abi::session::TOUCHED_OFFSET`].

use ramet_abi::session::{TOUCHED_SIZE, touched_bit};
use ramet_kcore::fs::memfs::PageListener;
use std::cell::RefCell;

struct Bits {
    words: Vec<u64>,
    /// Set since they were last shown.
    fresh: Vec<u64>,
}

/// The map, kept in the keeper: a VM can write to its own.
pub struct Touched(RefCell<Bits>);

impl Default for Touched {
    fn default() -> Self {
        Touched(RefCell::new(Bits { words: vec![0; TOUCHED_SIZE as usize / 8], fresh: Vec::new() }))
    }
}

impl Touched {
    /// Bits that have been set since the last call.
    pub fn take(&self) -> Vec<u64> {
        std::mem::take(&mut self.0.borrow_mut().fresh)
    }

    /// Calls `show` for every bit that is set.
    pub fn all(&self, mut show: impl FnMut(u64)) {
        let bits = self.0.borrow();
        for (index, word) in bits.words.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                show(index as u64 * 64 + u64::from(rest.trailing_zeros()));
                rest &= rest - 1;
            }
        }
    }
}

impl PageListener for Touched {
    fn pages_replaced(&self, _: (u64, u64), _: u64, _: u64) {}

    fn changed(&self, number: u64) {
        let bit = touched_bit(number);
        let mut bits = self.0.borrow_mut();
        let word = &mut bits.words[bit as usize / 64];
        if *word & 1 << (bit % 64) == 0 {
            *word |= 1 << (bit % 64);
            bits.fresh.push(bit);
        }
    }
}
