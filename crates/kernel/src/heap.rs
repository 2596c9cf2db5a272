//! The kernel's heap: talc over chunks of RAM in the direct map. It starts with what the kernel's data leave of their 2 MiB page,
//! so that what a running kernel writes is in one place, and takes more from the frame allocator.

use core::alloc::Layout;
use core::cell::Cell;
use ramet_abi::layout::{DIRECT_MAP, FREE_RAM_GPA, KERNEL_WINDOW};
use talc::{OomHandler, Span, Talc, Talck};

use crate::global::Global;

unsafe extern "C" {
    /// The first byte after the kernel (`kernel.ld`).
    static KERNEL_END: u8;
}

/// Bytes that it takes at a time from the frame allocator, at least.
const CHUNK: u64 = 1 << 20;

/// Gives RAM: bytes wanted → guest-physical address.
type More = fn(u64) -> Option<u64>;

static MORE: Global<Cell<Option<More>>> = Global::new(Cell::new(None));

struct Grow;

impl OomHandler for Grow {
    fn handle_oom(talc: &mut Talc<Self>, layout: Layout) -> Result<(), ()> {
        let more = MORE.get().ok_or(())?;
        // Room for the allocation, its alignment and talc's own words.
        let wanted = (layout.size() as u64 + layout.align() as u64 + 4096).max(CHUNK).next_power_of_two();
        let gpa = more(wanted).ok_or(())?;
        // SAFETY: fresh RAM in the direct map that nobody else has.
        unsafe { talc.claim(span(gpa, wanted)).map(|_| ()) }
    }
}

fn span(gpa: u64, length: u64) -> Span {
    Span::from_base_size((DIRECT_MAP + gpa) as *mut u8, length as usize)
}

/// One vCPU, a kernel that is not preempted: nobody else can hold the lock.
struct NoLock;

// SAFETY: see `NoLock`; the out-of-memory handler does not allocate.
unsafe impl lock_api::RawMutex for NoLock {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = NoLock;
    type GuardMarker = lock_api::GuardNoSend;
    fn lock(&self) {}
    fn try_lock(&self) -> bool {
        true
    }
    unsafe fn unlock(&self) {}
}

#[global_allocator]
static HEAP: Talck<NoLock, Grow> = Talc::new(Grow).lock();

/// Claims the RAM between the kernel and [`FREE_RAM_GPA`]. To be called once, before anything allocates.
pub fn initialize() {
    let first = &raw const KERNEL_END as u64 - KERNEL_WINDOW;
    // SAFETY: that RAM is in the direct map from the start and belongs to nobody else.
    unsafe { HEAP.lock().claim(span(first, FREE_RAM_GPA - first)).expect("the first chunk is large enough") };
}

/// From now on the heap grows through `more`.
pub fn grow_with(more: More) {
    MORE.set(Some(more));
}
