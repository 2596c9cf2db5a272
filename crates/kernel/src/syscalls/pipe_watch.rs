//! Watching a pipe whose bytes go through memory, before sleeping at it.

use crate::arch::hypercall;
use crate::global::Global;
use crate::task::{sched, time};
use core::cell::Cell;
use core::sync::atomic::Ordering::Relaxed;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::wait::Events;

/// How long it is watched for, ns: twice as long after each success, half as long after each failure.
static PATIENCE: Global<Cell<u64>> = Global::new(Cell::new(WATCH_MAX));
const WATCH_MAX: u64 = 200_000;
const WATCH_MIN: u64 = 2_000;

/// Watches for a while. True: there is something to try again for.
pub fn soon_ready(file: &OpenFile, events: Events) -> bool {
    let Some(remote) = file.remote() else { return false };
    match remote.lent_ready(events, false) {
        None => return false,
        Some(true) => return true,
        Some(false) => {}
    }
    // Somebody else in this VM has to run for it, or wants to.
    if sched::runnable() > 1 {
        return false;
    }
    let patience = PATIENCE.get();
    let end = time::monotonic() + patience;
    let mailbox = hypercall::mailbox();
    loop {
        for _ in 0..20 {
            if remote.lent_ready(events, false) != Some(false) {
                PATIENCE.set((patience * 2).min(WATCH_MAX));
                return true;
            }
            core::hint::spin_loop();
        }
        if mailbox.events.load(Relaxed) != 0 {
            return false;
        }
        if time::monotonic() >= end {
            PATIENCE.set((patience / 2).max(WATCH_MIN));
            return false;
        }
    }
}

/// The caller is registered at the description's queue and about to sleep: from now on the other side says what it does. True: it has done
/// something before.
pub fn ready_before_sleep(file: &OpenFile, events: Events) -> bool {
    file.remote().and_then(|remote| remote.lent_ready(events, true)).unwrap_or(false)
}
