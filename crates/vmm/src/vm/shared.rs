//! What the vCPU's thread and the I/O thread both see.

use super::KICK;
use ramet_memory::SharedArea;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

/// A reason for the vCPU's thread to look up from the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Another thread has a request (pause, freeze, clone, end).
    Request = 1,
}

/// Shared between threads of one VMM. A clone makes a new one.
#[derive(Debug)]
pub struct Shared {
    /// The area that the guest sees.
    pub area: SharedArea,
    requests: AtomicU32,
    /// Thread id of the vCPU's thread.
    vcpu_thread: AtomicI32,
    ram_present: AtomicU64,
    ram_limit: AtomicU64,
}

impl Shared {
    /// For the calling thread as the vCPU's.
    pub fn new(area: SharedArea) -> Self {
        let shared = Self {
            area,
            requests: AtomicU32::new(0),
            vcpu_thread: AtomicI32::new(0),
            ram_present: AtomicU64::new(0),
            ram_limit: AtomicU64::new(0),
        };
        shared.adopt();
        shared
    }

    /// Makes the calling thread the vCPU's (after a fork), with nothing asked of it.
    pub fn adopt(&self) {
        self.requests.store(0, Ordering::Release);
        // SAFETY: gettid has no preconditions.
        self.vcpu_thread.store(unsafe { libc::gettid() }, Ordering::Release);
    }

    /// Sets guest events and makes the guest notice them.
    pub fn raise(&self, events: u32) {
        self.area.raise(events);
        self.kick();
    }

    /// Asks the vCPU's thread to look at the requests.
    pub fn request(&self) {
        self.requests.fetch_or(Wake::Request as u32, Ordering::AcqRel);
        self.kick();
    }

    /// In the vCPU's thread: it is to look at the requests before it enters the guest again.
    pub fn note_request(&self) {
        self.requests.fetch_or(Wake::Request as u32, Ordering::AcqRel);
    }

    /// Takes the mark that [`Shared::request`] left.
    pub fn take_request(&self) -> bool {
        self.requests.swap(0, Ordering::AcqRel) != 0
    }

    /// Whether there is a request.
    pub fn requested(&self) -> bool {
        self.requests.load(Ordering::Acquire) != 0
    }

    /// Notes how much RAM there is and may be, for others to read.
    pub fn note_ram(&self, present: u64, limit: u64) {
        self.ram_present.store(present, Ordering::Relaxed);
        self.ram_limit.store(limit, Ordering::Relaxed);
    }

    /// Bytes of RAM that the guest has.
    pub fn ram_present(&self) -> u64 {
        self.ram_present.load(Ordering::Relaxed)
    }

    /// Bytes of RAM that the guest may have.
    pub fn ram_limit(&self) -> u64 {
        self.ram_limit.load(Ordering::Relaxed)
    }

    fn kick(&self) {
        let thread = self.vcpu_thread.load(Ordering::Acquire);
        // SAFETY: sends a signal to a thread of this process; one that has ended is an error that means nothing.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, KICK) };
    }
}
