//! Interval timers and POSIX timers of a process, armed on the kernel's deadlines.

use ramet_kcore::signal::SigInfo;

/// The timers of one process.
pub struct ProcessTimers {}

impl ProcessTimers {
    /// None armed.
    pub fn new() -> Self {
        ProcessTimers {}
    }

    /// A signal has been taken for delivery.
    pub fn taken(&self, _: &SigInfo) {}
}
