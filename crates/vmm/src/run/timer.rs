//! Timers of the run loop, the guest's own among them: POSIX timers that signal the vCPU's thread.

use crate::vm::Error;

/// A timer of the calling thread. Not inherited by children of `fork(2)`: a clone makes its own.
#[derive(Debug)]
pub struct Timer {
    id: libc::timer_t,
    owner: u32,
}

// SAFETY: the identifier is a number of the process, valid in all its threads.
unsafe impl Send for Timer {}

impl Timer {
    /// A disarmed timer that sends `signal` to the calling thread.
    pub fn new(signal: i32) -> Result<Self, Error> {
        // SAFETY: zeros are a valid sigevent, and its fields are set below.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        // SAFETY: gettid has no preconditions.
        event.sigev_notify_thread_id = unsafe { libc::gettid() };
        let mut id: libc::timer_t = std::ptr::null_mut();
        // SAFETY: both pointers are to values of this frame.
        if unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut id) } != 0 {
            return Err(Error::last("timer_create"));
        }
        Ok(Self { id, owner: std::process::id() })
    }

    /// Arms the timer for CLOCK_MONOTONIC `deadline` (ns), or disarms it with `u64::MAX`.
    pub fn set(&self, deadline: u64) -> Result<(), Error> {
        let mut value = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        if deadline != u64::MAX {
            value.tv_sec = (deadline / 1_000_000_000) as libc::time_t;
            // Zero would disarm: a deadline that early has passed in any case.
            value.tv_nsec = (deadline % 1_000_000_000).max(1) as libc::c_long;
        }
        let spec =
            libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        // SAFETY: the timer exists as long as `self`; the old value is not asked for.
        if unsafe { libc::timer_settime(self.id, libc::TIMER_ABSTIME, &spec, std::ptr::null_mut()) } != 0 {
            return Err(Error::last("timer_settime"));
        }
        Ok(())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // After a fork the identifier is nobody's, or that of the child's own timer.
        if self.owner == std::process::id() {
            // SAFETY: the timer was made by this process and is deleted once.
            unsafe { libc::timer_delete(self.id) };
        }
    }
}
