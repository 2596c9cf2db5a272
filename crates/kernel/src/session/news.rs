//! Notices from the keeper.

use super::transport::{self, News};
use super::{answers, call, client, questions};
use crate::global::Global;
use crate::syscalls::file::signal_io;
use crate::syscalls::ipc::{pidfd, signalfd};
use crate::task::process::Process;
use crate::task::{process, sched, session_futex, signal};
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Request, notice, op};
use ramet_kcore::errno::Result;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::map::{Map, Set};
use ramet_kcore::signal::info::code;
use ramet_kcore::signal::{SigInfo, Signal};
use ramet_kcore::wait::{Events, WaitQueue};

/// Threads that wait for a lock of the session.
static LOCKS: Global<WaitQueue> = Global::new(WaitQueue::new());

/// Where to wait for a lock that the keeper tells of: whoever is woken asks again.
pub fn lock_queue() -> &'static WaitQueue {
    &LOCKS
}

/// Takes all notices.
pub fn on_events() {
    if client().is_none() {
        return;
    }
    loop {
        while let Some(news) = questions::next_news() {
            take(&news);
        }
        if !transport::has_more() {
            return;
        }
        if call(&Request { operation: op::DRAIN, ..Request::default() }, &[]).is_err() {
            return;
        }
    }
}

/// As [`on_events`], before something is answered from what this VM knows.
pub fn look() {
    if client().is_some() && transport::has_notices() {
        on_events();
    }
}

fn take(news: &News) {
    match news.kind {
        notice::READY => {
            if let Some(client) = client() {
                client.ready(news.id, Events(news.detail));
            }
        }
        notice::SIGNAL => take_signal(news),
        notice::CHILD => {
            for process in process::all() {
                process.family.children_changed.notify(Events::IN);
            }
        }
        notice::FUTEX => session_futex::woken(news.id),
        notice::QUESTION => answers::answer(news),
        notice::LOCK => LOCKS.notify(Events::OUT),
        notice::GROUP => {
            if let Some(process) = process::first() {
                process.group.set(news.values[0] as i32);
            }
        }
        notice::REPARENTED => {
            if let Some(process) = process::first() {
                process.family.parent_elsewhere.set(news.values[0] as i32);
                sched::with_current(crate::arch::site::set_thread);
            }
        }
        // Kinds of a later version: nothing that this kernel has asked for.
        _ => {}
    }
}

fn take_signal(news: &News) {
    const CHILD: u32 = 17;
    const BY_NUMBER: u64 = 1 << 32;
    let Some(signal) = Signal::new(news.detail.into()) else { return };
    let [code, pid, uid, value] = news.values;
    let (code, pid, uid) = (code as i32, pid as i32, uid as u32);
    let info = if news.detail == CHILD && code > 0 {
        let (user, system) = (news.values[2] >> 32, value >> 32);
        SigInfo::child(code, pid, uid, value as i32, user, system)
    } else if (code::POLL_IN..=code::POLL_HUP).contains(&code) {
        // Signal-driven I/O: the band, and the descriptor.
        let [_, band, fd, _] = news.values;
        signal_io::info(signal, code, band as i64, fd as i32)
    } else {
        SigInfo::queued(signal, code, pid, uid, value)
    };
    // A queue that is full has lost it, as kill(2) would have said to a sender in this VM.
    let _ = match news.id {
        number if number & BY_NUMBER != 0 => send_by_number(number as i32, info),
        0 => process::first().map_or(Ok(()), |process| signal::send_process(&process, info)),
        thread => {
            process::find_thread(thread as i32).map_or(Ok(()), |thread| signal::send_thread(&thread, info))
        }
    };
}

/// For the process that has a number, or whose thread has it; with a negative number: for the VM's own process, of which the keeper
/// knows that it is in that group, and for its children here that are in it, too.
fn send_by_number(number: i32, info: SigInfo) -> Result<()> {
    if number > 0 {
        return process::of_id(number).map_or(Ok(()), |process| signal::send_process(&process, info));
    }
    let first = process::first();
    let is_first = |process: &Rc<Process>| first.as_ref().is_some_and(|first| Rc::ptr_eq(first, process));
    let others = process::group(-number).into_iter().filter(|process| !is_first(process));
    first.iter().cloned().chain(others).try_for_each(|process| signal::send_process(&process, info))
}

/// In the child of a fork, before anything of the session is used: what the parent watches, the child does not.
pub fn after_fork_child() {
    signalfd::after_fork_child();
    session_futex::after_fork_child();
    questions::forget();
    if let Some(client) = client() {
        client.forked();
    }
}

/// In the child of a fork: what none of its descriptors reaches is given up. Threads that slept on it do not live on, and would hold it for ever;
/// what they hold of the rest is of no account.
pub fn release_unreachable(process: &Process) {
    let Some(client) = client() else { return };
    let mut users: Map<usize, (Rc<OpenFile>, usize)> = Map::new();
    for (_, file) in process.files.borrow().descriptors(0) {
        let (_, count) = users.get_or_insert_with(Rc::as_ptr(file).addr(), || (file.clone(), 1));
        *count += 1;
    }
    let mut reborn: Map<usize, Rc<OpenFile>> = Map::new();
    for (address, (file, count)) in &users {
        if Rc::strong_count(file) > *count {
            reborn.extend(file.reborn().map(|other| (*address, other)));
        }
    }
    drop(users);
    let replaced = match reborn.is_empty() {
        true => Vec::new(),
        false => process.files.borrow_mut().replace(&|file| reborn.get(&Rc::as_ptr(file).addr()).cloned()),
    };
    drop((reborn, replaced));
    let files: Vec<Rc<OpenFile>> =
        process.files.borrow().descriptors(0).map(|(_, file)| file.clone()).collect();
    let objects = files.iter().map(|file| file.file().clone());
    let others = files.iter().filter_map(|file| pidfd::elsewhere_of(file));
    let used: Set<usize> = objects.chain(others).map(|file| Rc::as_ptr(&file).addr()).collect();
    client.release_others(&|file| used.contains(&core::ptr::from_ref(file).addr()));
}
