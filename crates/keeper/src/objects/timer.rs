//! timerfd_create(2).

use super::describe;
use crate::client::ClientId;
use crate::descriptions::get;
use crate::session::Session;
use crate::sys;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use ramet_kcore::ipc::timerfd::{TimerClock, TimerFd, TimerHost, TimerSpec, TimerState};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

/// Only tell the setting.
const ASK: u32 = 0x100;
/// The wall clock may be set: no timer that follows it is slept on for longer than this, ns.
const LOOK_AGAIN: u64 = 1_000_000_000;

/// Timers that are armed.
#[derive(Default)]
pub struct Timers(RefCell<Vec<Weak<TimerFd>>>);

fn now(clock: TimerClock) -> u64 {
    sys::clock(match clock {
        TimerClock::Realtime => libc::CLOCK_REALTIME,
        TimerClock::Monotonic => libc::CLOCK_MONOTONIC,
        TimerClock::Boottime => libc::CLOCK_BOOTTIME,
    })
}

impl TimerHost for Timers {
    fn now(&self, clock: TimerClock) -> u64 {
        now(clock)
    }
    fn rearm(&self, timer: &Rc<TimerFd>) {
        let mut armed = self.0.borrow_mut();
        let this = Rc::downgrade(timer);
        armed.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&this));
        if timer.deadline().is_some() {
            armed.push(this);
        }
    }
}

impl Timers {
    /// When the first one is due, CLOCK_MONOTONIC.
    pub fn deadline(&self) -> Option<u64> {
        let armed = self.0.borrow();
        let due = armed.iter().filter_map(Weak::upgrade).filter_map(|timer| {
            let left = timer.deadline()?.saturating_sub(now(timer.clock()));
            let left = if timer.clock() == TimerClock::Realtime { left.min(LOOK_AGAIN) } else { left };
            Some(sys::clock(libc::CLOCK_MONOTONIC).saturating_add(left))
        });
        due.min()
    }

    /// Lets those expire whose time has come.
    pub fn expire(&self) {
        let armed: Vec<Rc<TimerFd>> = self.0.borrow().iter().filter_map(Weak::upgrade).collect();
        armed.iter().for_each(|timer| timer.expire());
    }
}

pub fn create(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    if request.flags & !(O_NONBLOCK | O_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let [clock, interval, left, ticks, canceled, _] = request.arguments;
    let clock = TimerClock::from_id(clock as i32, true)?;
    let timer = TimerFd::new(clock, session.objects.timers.clone());
    if [interval, left, ticks, canceled] != [0; 4] {
        let canceled = canceled.checked_sub(1).map(|canceled| canceled != 0);
        timer.restore(TimerState { left: left.checked_sub(1), interval, ticks, canceled });
    }
    let id = describe(session, client, timer, request.flags & O_NONBLOCK | O_RDWR)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}

pub fn set(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    let timer = TimerFd::of(&**file.file()).ok_or(Errno::EINVAL)?;
    let [interval, value, ..] = request.arguments;
    let old = if request.flags & ASK != 0 {
        timer.gettime()
    } else {
        let limit = i64::MAX as u64;
        timer.settime(request.flags, TimerSpec { interval: interval.min(limit), value: value.min(limit) })?
    };
    let mut reply = Reply::default();
    reply.values[..2].copy_from_slice(&[old.interval, old.value]);
    Ok(reply)
}
