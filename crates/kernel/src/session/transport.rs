//! The channel to the keeper.

use crate::arch::hypercall;
use crate::global::Global;
use crate::task::time;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use ramet_abi::hypercall as number;
use ramet_abi::layout::SESSION_WINDOW;
use ramet_abi::mailbox::event;
use ramet_abi::session::{
    CONTROL_OFFSET, Control, DATA_MAX, DATA_OFFSET, NOTICES, NOTICES_OFFSET, Notice, REPLY_OFFSET,
    REQUEST_OFFSET, Reply, Request, SLEEPERS, SLEEPERS_OFFSET, TOUCHED_OFFSET, TOUCHED_SIZE, VERSIONS,
    VERSIONS_OFFSET, is_answered, op,
};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::session::Transport;

/// Begins the session.
///
/// # Errors
/// EAGAIN: the VMM cannot.
pub fn open() -> Result<()> {
    if hypercall::call(number::SESSION_OPEN, &[]) < 0 { Err(Errno::EAGAIN) } else { Ok(()) }
}

/// Whether notices wait in the ring, or in the keeper.
pub fn has_notices() -> bool {
    let control = control();
    control.head.load(Acquire) != control.tail.load(Relaxed) || control.more.load(Acquire) != 0
}

static EXCHANGES: Global<Cell<u64>> = Global::new(Cell::new(0));

/// How much this VM has heard from others so far: answers of the keeper, and notices.
pub fn exchanges() -> u64 {
    EXCHANGES.get()
}

/// One notice of the ring.
#[derive(Clone, Copy, Debug)]
pub struct News {
    /// One of [`ramet_abi::session::notice`].
    pub kind: u32,
    /// Detail.
    pub detail: u32,
    /// The object.
    pub id: u64,
    /// Values.
    pub values: [u64; 4],
}

/// Takes the next notice.
pub fn next_notice() -> Option<News> {
    let control = control();
    let tail = control.tail.load(Relaxed);
    if control.head.load(Acquire) == tail {
        return None;
    }
    let offset = NOTICES_OFFSET + u64::from(tail % NOTICES) * size_of::<Notice>() as u64;
    // SAFETY: the slot lies in the channel, which is mapped while a session is open, aligned, and consists of atomics.
    let slot = unsafe { &*((SESSION_WINDOW + offset) as *const Notice) };
    let news = News {
        kind: slot.kind.load(Relaxed),
        detail: slot.detail.load(Relaxed),
        id: slot.id.load(Relaxed),
        values: core::array::from_fn(|n| slot.values[n].load(Relaxed)),
    };
    control.tail.store(tail.wrapping_add(1), Release);
    EXCHANGES.set(EXCHANGES.get() + 1);
    Some(news)
}

/// Whether the keeper has more than fit.
pub fn has_more() -> bool {
    control().more.load(Acquire) != 0
}

fn control() -> &'static Control {
    // SAFETY: the channel is mapped there while a session is open; the page consists of atomics.
    unsafe { &*((SESSION_WINDOW + CONTROL_OFFSET) as *const Control) }
}

/// Puts a request without data into the channel, for a hypercall that serves it (FORK).
pub fn write(request: &Request) {
    // SAFETY: as in [`Channel`]'s `call`.
    unsafe { ((SESSION_WINDOW + REQUEST_OFFSET) as *mut Request).write_volatile(*request) };
    control().asked.fetch_add(1, SeqCst);
}

/// How long the answer to a request is watched for, ns: as long as that has paid lately.
static PATIENCE: Global<Cell<u64>> = Global::new(Cell::new(WATCH_MAX));
const WATCH_MAX: u64 = 100_000;
const WATCH_MIN: u64 = 4_000;

/// Watches for the answer to request `asked`, which the keeper is looking for by itself. True: it is there.
fn watch(asked: u32) -> bool {
    let control = control();
    let patience = PATIENCE.get();
    let end = time::monotonic() + patience;
    loop {
        for _ in 0..50 {
            if is_answered(asked, control.answered.load(Acquire)) {
                PATIENCE.set((patience * 2).min(WATCH_MAX));
                return true;
            }
            core::hint::spin_loop();
        }
        if control.watching.load(Relaxed) == 0 || time::monotonic() >= end {
            // What comes just now is found by the hypercall.
            PATIENCE.set((patience / 2).max(WATCH_MIN));
            return false;
        }
    }
}

/// Has the request in the channel served.
fn serve(request: &Request) -> Result<()> {
    let control = control();
    let asked = control.asked.fetch_add(1, SeqCst).wrapping_add(1);
    // In order: the keeper clears the flag before its last look.
    let is_watched =
        control.watching.load(SeqCst) != 0 && !matches!(request.operation, op::MEMORY | op::PIPE_MEMORY);
    if is_watched && watch(asked) {
        return Ok(());
    }
    if hypercall::call(number::SESSION_CALL, &[]) < 0 { Err(Errno::EIO) } else { Ok(()) }
}

/// An answer has come: notices that the request has caused are not announced otherwise.
pub fn look_for_notices() {
    if has_notices() {
        // On the way out, or before this VM sleeps.
        hypercall::mailbox().events.fetch_or(event::SESSION, Release);
    }
}

/// Requests: to a keeper that watches for them, or by the hypercall.
pub struct Channel;

impl Transport for Channel {
    fn call(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply> {
        if data.len() as u64 > DATA_MAX {
            return Err(Errno::EINVAL);
        }
        let area = (SESSION_WINDOW + DATA_OFFSET) as *mut u8;
        // SAFETY: the areas lie in the channel, apart from each other; the keeper touches them only while it serves a request, and no
        // reference into them exists.
        unsafe {
            ((SESSION_WINDOW + REQUEST_OFFSET) as *mut Request).write_volatile(*request);
            core::ptr::copy_nonoverlapping(data.as_ptr(), area, data.len());
        }
        serve(request)?;
        // SAFETY: as above, and the answer is there.
        let reply = unsafe { ((SESSION_WINDOW + REPLY_OFFSET) as *const Reply).read_volatile() };
        let length = reply.length.min(DATA_MAX) as usize;
        answer.reserve(length);
        // SAFETY: as above; there is room for `length` bytes behind the vector's.
        unsafe {
            core::ptr::copy_nonoverlapping(area, answer.as_mut_ptr().add(answer.len()), length);
            answer.set_len(answer.len() + length);
        }
        EXCHANGES.set(EXCHANGES.get() + 1);
        look_for_notices();
        Ok(reply)
    }

    fn control(&self) -> &Control {
        control()
    }

    fn touched(&self, index: u64) -> u8 {
        let index = index % TOUCHED_SIZE;
        // SAFETY: inside the map, which the keeper may write at any time: any byte is a value.
        unsafe { ((SESSION_WINDOW + TOUCHED_OFFSET + index) as *const u8).read_volatile() }
    }

    fn version(&self, slot: u64) -> u32 {
        let slot = slot % VERSIONS;
        // SAFETY: inside the counters, aligned to 4 bytes; the keeper may write them at any time, and any bytes are a value.
        unsafe { ((SESSION_WINDOW + VERSIONS_OFFSET + slot * 4) as *const u32).read_volatile() }
    }

    fn has_sleepers(&self, slot: u64) -> bool {
        let slot = slot % SLEEPERS;
        // SAFETY: as for `version`.
        unsafe { ((SESSION_WINDOW + SLEEPERS_OFFSET + slot * 4) as *const u32).read_volatile() != 0 }
    }

    fn is_steadfast(&self, signal: u32) -> bool {
        super::terminals::is_steadfast(signal)
    }

    fn lodger(&self) -> u64 {
        super::terminals::lodger()
    }
}
