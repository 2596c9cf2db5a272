//! The kernel's heap: talc over chunks of RAM in the direct map. It starts with what the kernel's data leave of their 2 MiB page,
//! so that what a running kernel writes is in one place, and takes more from the frame allocator.

use core::alloc::Layout;
use core::cell::Cell;
use ramet_abi::layout::{DIRECT_MAP, KERNEL_WINDOW, SPARE_TABLES_GPA};
use talc::{OomHandler, Span, Talc, Talck};

use crate::global::Global;

unsafe extern "C" {
    /// The first byte after the kernel (`kernel.ld`).
    static KERNEL_END: u8;
}

/// Bytes that it takes at a time from the frame allocator, while there are as many.
const CHUNK: u64 = 1 << 20;

/// Gives RAM: bytes wanted → guest-physical address.
type More = fn(u64) -> Option<u64>;

static MORE: Global<Cell<Option<More>>> = Global::new(Cell::new(None));

/// The frame allocator has refused.
static EXHAUSTED: Global<Cell<bool>> = Global::new(Cell::new(false));

struct Grow;

impl OomHandler for Grow {
    fn handle_oom(talc: &mut Talc<Self>, layout: Layout) -> Result<(), ()> {
        let more = MORE.get().ok_or(())?;
        // Room for the allocation, its alignment and talc's own words.
        let least = (layout.size() as u64 + layout.align() as u64 + 4096).next_power_of_two();
        let mut wanted = least.max(CHUNK);
        loop {
            if let Some(gpa) = more(wanted) {
                // SAFETY: fresh RAM in the direct map that nobody else has.
                return unsafe { talc.claim(span(gpa, wanted)).map(|_| ()) };
            }
            // Little is left, and it may be in pieces.
            wanted /= 2;
            if wanted < least {
                EXHAUSTED.set(true);
                return Err(());
            }
        }
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

/// Claims the RAM between the kernel and [`SPARE_TABLES_GPA`]. To be called once, before anything allocates.
pub fn initialize() {
    let first = &raw const KERNEL_END as u64 - KERNEL_WINDOW;
    // SAFETY: that RAM is in the direct map from the start and belongs to nobody else.
    unsafe {
        HEAP.lock().claim(span(first, SPARE_TABLES_GPA - first)).expect("the first chunk is large enough")
    };
}

/// From now on the heap grows through `more`.
pub fn grow_with(more: More) {
    MORE.set(Some(more));
}

/// Whether an allocation of some size (a thread's stack and more) would succeed now without more RAM.
pub fn has_room() -> bool {
    let more = MORE.replace(None);
    let there_is = make_room();
    MORE.set(more);
    there_is
}

/// Whether it would succeed; afterwards the heap has what it takes.
pub fn make_room() -> bool {
    const SOME: Layout = Layout::new::<[u64; 6 << 10]>();
    // SAFETY: the layout is not of size zero; what is allocated is freed with the same layout, unused. The compiler may drop a
    // pair of calls whose result nobody looks at.
    unsafe {
        let memory = core::hint::black_box(alloc::alloc::alloc(SOME));
        if !memory.is_null() {
            alloc::alloc::dealloc(memory, SOME);
        }
        !memory.is_null()
    }
}

/// Whether an allocation has failed for lack of memory.
pub fn is_exhausted() -> bool {
    EXHAUSTED.get()
}
