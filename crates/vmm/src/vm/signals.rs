//! The two signals that the vCPU's thread is woken by, and waiting for them.
//!
//! Both are blocked in every thread, except while the guest runs (`KVM_SET_SIGNAL_MASK`). One that arrives at any
//! other time stays pending, ends the next run at once and is taken here: no handler, no window in which it is lost.

use std::io;

/// Sent to the vCPU's thread by others: look at the events and requests. Ignored by default, so that one sent by a
/// stranger does no harm.
pub const KICK: i32 = libc::SIGURG;
/// The guest's timer has expired.
pub const TIMER: i32 = libc::SIGALRM;

fn set(signals: &[i32]) -> libc::sigset_t {
    // SAFETY: an all-zero sigset_t is a valid value, and sigemptyset makes it the empty set.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is a sigset_t of this frame, the numbers are valid signals.
    unsafe {
        libc::sigemptyset(&mut set);
        for signal in signals {
            libc::sigaddset(&mut set, *signal);
        }
    }
    set
}

/// Blocks signals in this thread and in those it starts from now on.
pub fn block(signals: &[i32]) {
    // SAFETY: the set is valid; the old mask is not asked for. Fails for an invalid first argument only.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set(signals), std::ptr::null_mut()) };
}

/// Blocks these signals and no others in this thread.
pub fn unblock_all_but(signals: &[i32]) {
    // SAFETY: as for `block`.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &set(signals), std::ptr::null_mut()) };
}

/// Takes one pending signal of the two, waiting for it until CLOCK_MONOTONIC reaches `deadline` (ns). `None`: time
/// is up.
pub fn wait_until(deadline: u64) -> Option<i32> {
    let signals = set(&[KICK, TIMER]);
    loop {
        let left = deadline.saturating_sub(super::monotonic());
        let timeout = libc::timespec {
            tv_sec: (left / 1_000_000_000).min(1 << 32) as libc::time_t,
            tv_nsec: (left % 1_000_000_000) as libc::c_long,
        };
        // SAFETY: set and timeout are valid; no information about the signal is asked for.
        let signal = unsafe { libc::sigtimedwait(&signals, std::ptr::null_mut(), &timeout) };
        if signal > 0 {
            return Some(signal);
        }
        // Interrupted by a signal that is not blocked (a debugger's stop): wait for the rest.
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return None;
        }
    }
}

/// Takes one pending signal of the two, without waiting.
pub fn take_pending() -> Option<i32> {
    wait_until(0)
}
