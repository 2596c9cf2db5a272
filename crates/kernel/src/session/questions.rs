//! What only another VM's kernel knows: asked through the keeper, answered between two instructions of that VM's program.
//!
//! The asking VM stands still for the time of an answer, with all its threads, but answers what it is asked itself; so two that ask
//! each other both get their answers. One that does not answer within [`PATIENCE`] is not asked again until it does: nobody waits twice
//! for a VM that is stopped from outside, or hostile.

use super::transport::{self, News};
use super::{answers, call, call_data};
use crate::arch::hypercall;
use crate::global::Global;
use crate::task::thread::Thread;
use crate::task::{sched, time};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Release};
use ramet_abi::hypercall as number;
use ramet_abi::mailbox::event;
use ramet_abi::session::{DATA_MAX, Reply, Request, notice, op};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};

/// How long an answer may take, ns.
const PATIENCE: u64 = 1_000_000_000;

/// What can be asked. Arguments and answers: [`answers`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum What {
    /// Everything that procfs shows but lists and strings.
    Portrait = 1,
    /// Arguments, environment, auxiliary vector.
    Strings = 2,
    /// The mappings.
    Mappings = 3,
    /// Where exe, cwd and root lead.
    Place = 4,
    /// Open descriptors.
    Descriptors = 5,
    /// One of them.
    Descriptor = 6,
    /// To have one of them.
    Give = 7,
    /// A resource limit, which may be changed.
    Limit = 8,
    /// Policies and priorities of threads.
    Scheduling = 9,
    /// To change those.
    Schedule = 10,
    /// Processor time of all threads.
    CpuTime = 11,
}

impl What {
    pub(super) fn from_number(number: u32) -> Option<What> {
        use What::*;
        let all = [
            Portrait,
            Strings,
            Mappings,
            Place,
            Descriptors,
            Descriptor,
            Give,
            Limit,
            Scheduling,
            Schedule,
            CpuTime,
        ];
        all.into_iter().find(|what| *what as u32 == number)
    }
}

/// Notices that came while an answer was waited for.
static LATER: Global<RefCell<VecDeque<News>>> = Global::new(RefCell::new(VecDeque::new()));

/// The next notice, those that had to wait first.
pub fn next_news() -> Option<News> {
    let kept = LATER.borrow_mut().pop_front();
    kept.or_else(transport::next_notice)
}

/// In the child of a fork: the parent's news are not the child's.
pub fn forget() {
    LATER.take();
}

/// Asks the VM of process `pid`.
///
/// # Errors
/// ESRCH: there is no such process, or it has ended; EAGAIN: it does not answer; its errors.
pub fn ask(pid: i32, what: What, values: [u64; 3]) -> Result<(Reply, Vec<u8>)> {
    let [first, second, third] = values;
    let request = Request {
        operation: op::ASK,
        arguments: [pid as u64, what as u64, first, second, third, 0],
        ..Request::default()
    };
    let question = call(&request, &[])?.result as u64;
    let is_answered = wait_for_answer(question);
    if !LATER.borrow().is_empty() {
        hypercall::mailbox().events.fetch_or(event::SESSION, Release);
    }
    const GIVE_UP: u32 = 1;
    let request = Request {
        operation: op::TAKE_ANSWER,
        flags: if is_answered { 0 } else { GIVE_UP },
        arguments: [question, 0, 0, 0, 0, 0],
        wanted: DATA_MAX,
        ..Request::default()
    };
    call_data(&request, &[])
}

/// Processor time of process `pid`, ns.
///
/// # Errors
/// As [`ask`].
pub fn cpu_time(pid: i32) -> Result<u64> {
    let (_, bytes) = ask(pid, What::CpuTime, [0; 3])?;
    Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| Errno::EAGAIN)?))
}

fn wait_for_answer(question: u64) -> bool {
    let deadline = time::monotonic() + PATIENCE;
    loop {
        // Before the look at the ring: the VMM does not sleep if it has changed since.
        let sequence = hypercall::mailbox().sequence.load(Acquire);
        let mut is_answered = false;
        while let Some(news) = transport::next_notice() {
            match news.kind {
                notice::QUESTION => answers::answer(&news),
                notice::ANSWERED if news.id == question => is_answered = true,
                notice::ANSWERED => {}
                _ => LATER.borrow_mut().push_back(news),
            }
        }
        if is_answered {
            return true;
        }
        if transport::has_more() {
            if call(&Request { operation: op::DRAIN, ..Request::default() }, &[]).is_err() {
                return false;
            }
            continue;
        }
        if time::monotonic() >= deadline {
            return false;
        }
        sched::with_current(Thread::pause_cpu_time);
        hypercall::call(number::WAIT, &[u64::from(sequence), deadline]);
        sched::with_current(Thread::resume_cpu_time);
    }
}
