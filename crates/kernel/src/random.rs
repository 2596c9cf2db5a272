//! The VM's random number generator, seeded from the identity page: see `ramet_kcore::random`.

use crate::arch::hypercall;
use crate::global::Global;
use core::sync::atomic::Ordering::Acquire;
use ramet_kcore::cell::RefCell;
use ramet_kcore::random::{Generator, Identity};

struct Page;

impl Identity for Page {
    fn generation(&self) -> u64 {
        hypercall::identity().generation.load(Acquire)
    }
    fn seed(&self) -> [u8; 64] {
        let mut seed = [0; 64];
        for (bytes, word) in seed.chunks_exact_mut(8).zip(&hypercall::identity().random) {
            bytes.copy_from_slice(&word.load(Acquire).to_le_bytes());
        }
        seed
    }
}

static GENERATOR: Global<RefCell<Generator>> = Global::new(RefCell::new(Generator::new()));

/// Fills `out`.
pub fn fill(out: &mut [u8]) {
    GENERATOR.borrow_mut().fill(&Page, out);
}

/// A random UUID's text.
pub fn uuid() -> [u8; 36] {
    GENERATOR.borrow_mut().uuid(&Page)
}

/// Mixes in bytes that a program wrote to /dev/urandom.
pub fn absorb(bytes: &[u8]) {
    GENERATOR.borrow_mut().absorb(bytes);
}
