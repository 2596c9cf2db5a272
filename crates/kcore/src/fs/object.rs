//! Names of shared objects, unique in a session.
//!
//! What POSIX shares across fork(2) (open file descriptions, inodes with their locks, pipes) is named, so that another
//! process of the session can refer to it.

use core::sync::atomic::{AtomicU64, Ordering};

/// Names one shared object in a session: the number of the VM that made it (upper 24 bits) and a count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectId(pub u64);

const COUNT_BITS: u32 = 40;
static NEXT: AtomicU64 = AtomicU64::new(1);

impl ObjectId {
    /// An id that no object of the session has had.
    pub fn fresh() -> ObjectId {
        ObjectId(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes the ids of this VM from now on begin with `origin` (24 bits), which no other VM of the session uses.
    pub fn set_origin(origin: u32) {
        let count = NEXT.load(Ordering::Relaxed) & ((1 << COUNT_BITS) - 1);
        NEXT.store((u64::from(origin & 0xff_ffff) << COUNT_BITS) | count, Ordering::Relaxed);
    }
}
