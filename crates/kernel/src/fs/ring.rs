//! The console's rings, seen from the guest: see `ramet_abi::ring` for the protocol.

use crate::arch::hypercall::{console, ring_doorbell};
use crate::global::Global;
use core::cell::Cell;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::fence;
use ramet_abi::layout::{RING_SIZE, RINGS_OFFSET, SHARED_WINDOW};
use ramet_abi::ring::RINGS;
use ramet_kcore::errno::Errno;

/// Our own index of each ring, never read back from shared memory.
static OWN: Global<[Cell<u32>; RINGS]> = Global::new([const { Cell::new(0) }; RINGS]);

/// One ring; `index` as in `ramet_abi::ring`. All values with the same index are the same ring.
pub struct HostRing {
    index: usize,
}

impl HostRing {
    /// The ring with that index.
    pub const fn new(index: usize) -> Self {
        HostRing { index }
    }

    fn own(&self) -> &'static Cell<u32> {
        let own: &'static [Cell<u32>; RINGS] = &OWN;
        &own[self.index]
    }

    fn bytes(&self) -> *mut u8 {
        (SHARED_WINDOW + RINGS_OFFSET + self.index as u64 * RING_SIZE) as *mut u8
    }

    /// Produces as much of `data` as fits; returns how much.
    pub fn push(&self, data: &[u8]) -> usize {
        let ring = &console().rings[self.index];
        let used = self.own().get().wrapping_sub(ring.tail.load(Acquire)) as usize;
        assert!(used <= RING_SIZE as usize, "the host broke ring {}", self.index);
        let n = data.len().min(RING_SIZE as usize - used);
        let at = self.own().get() as usize % RING_SIZE as usize;
        let first = n.min(RING_SIZE as usize - at);
        // SAFETY: both parts are inside the ring, in its unused part, which the consumer does not read.
        unsafe {
            core::ptr::copy_nonoverlapping(data.as_ptr(), self.bytes().add(at), first);
            core::ptr::copy_nonoverlapping(data.as_ptr().add(first), self.bytes(), n - first);
        }
        self.own().set(self.own().get().wrapping_add(n as u32));
        ring.head.store(self.own().get(), Release);
        fence(SeqCst);
        if n != 0 && ring.consumer_waits.load(Relaxed) != 0 && ring.consumer_waits.swap(0, AcqRel) != 0 {
            ring_doorbell();
        }
        n
    }

    /// Bytes that fit now.
    pub fn room(&self) -> usize {
        let ring = &console().rings[self.index];
        (RING_SIZE as usize).saturating_sub(self.own().get().wrapping_sub(ring.tail.load(Acquire)) as usize)
    }

    /// Whether there is room; if not, the host is asked to say when there is.
    pub fn has_room(&self) -> bool {
        let ring = &console().rings[self.index];
        let full = |tail: u32| self.own().get().wrapping_sub(tail) as u64 >= RING_SIZE;
        if !full(ring.tail.load(Acquire)) {
            return true;
        }
        ring.producer_waits.store(1, SeqCst);
        fence(SeqCst);
        !full(ring.tail.load(Acquire))
    }

    /// Bytes that wait to be consumed.
    pub fn available(&self) -> usize {
        let ring = &console().rings[self.index];
        let waiting = ring.head.load(Acquire).wrapping_sub(self.own().get()) as usize;
        assert!(waiting <= RING_SIZE as usize, "the host broke ring {}", self.index);
        waiting
    }

    /// Consumes into `into`; returns how many bytes there were. Asks the host for input when there are none.
    pub fn pull(&self, into: &mut [u8]) -> usize {
        let ring = &console().rings[self.index];
        let n = self.available().min(into.len());
        let at = self.own().get() as usize % RING_SIZE as usize;
        let first = n.min(RING_SIZE as usize - at);
        // SAFETY: both parts are inside the ring, in its used part, which the producer does not write.
        unsafe {
            core::ptr::copy_nonoverlapping(self.bytes().add(at), into.as_mut_ptr(), first);
            core::ptr::copy_nonoverlapping(self.bytes(), into.as_mut_ptr().add(first), n - first);
        }
        self.own().set(self.own().get().wrapping_add(n as u32));
        ring.tail.store(self.own().get(), Release);
        fence(SeqCst);
        if n != 0 && ring.producer_waits.load(Relaxed) != 0 && ring.producer_waits.swap(0, AcqRel) != 0 {
            ring_doorbell();
        }
        n
    }

    /// Asks the host to read its input.
    pub fn want(&self) {
        let ring = &console().rings[self.index];
        ring.consumer_waits.store(1, SeqCst);
        if console().input_ended.load(Acquire) == 0 && console().input_wanted.swap(1, AcqRel) == 0 {
            ring_doorbell();
        }
    }

    /// Whether the host's input has ended and everything was consumed.
    pub fn ended(&self) -> bool {
        console().input_ended.load(Acquire) != 0 && self.available() == 0
    }

    /// Whether the host side of an output is gone.
    pub fn closed(&self) -> bool {
        self.failure().is_some()
    }

    /// Why the host side of an output takes nothing more.
    pub fn failure(&self) -> Option<Errno> {
        match console().output_closed[self.index].load(Acquire) {
            0 => None,
            number => Some(Errno(number as i32)),
        }
    }
}
