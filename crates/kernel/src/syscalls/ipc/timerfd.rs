//! timerfd_create(2), timerfd_settime(2), timerfd_gettime(2).

use crate::arch::user;
use crate::fs::anonymous;
use crate::global::Global;
use crate::syscalls::file::only;
use crate::syscalls::file::open::install;
use crate::syscalls::{Call, io};
use crate::task::timers::{self, Expire, TimerKey};
use crate::task::{sched, time};
use alloc::rc::{Rc, Weak};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use ramet_kcore::ipc::timerfd::{
    TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET, TimerClock, TimerFd, TimerHost, TimerSpec,
};
use ramet_kcore::map::Map;

/// Arms timers on the kernel's deadlines. Keys of armed deadlines, by address of the timer.
struct Host;

static ARMED: Global<RefCell<Map<usize, TimerKey>>> = Global::new(RefCell::new(Map::new()));

struct Alarm(Weak<TimerFd>, usize);

impl Expire for Alarm {
    fn expire(&self) {
        ARMED.borrow_mut().remove(&self.1);
        if let Some(timer) = self.0.upgrade() {
            timer.expire();
        }
    }
}

impl TimerHost for Host {
    fn now(&self, clock: TimerClock) -> u64 {
        match clock {
            TimerClock::Realtime => time::realtime(),
            TimerClock::Monotonic => time::monotonic(),
            TimerClock::Boottime => time::boottime(),
        }
    }
    fn rearm(&self, timer: &Rc<TimerFd>) {
        let address = Rc::as_ptr(timer) as usize;
        let old = ARMED.borrow_mut().remove(&address);
        if let Some(key) = old {
            timers::cancel(key);
        }
        if let Some(at) = timer.deadline() {
            let left = at.saturating_sub(self.now(timer.clock()));
            let alarm = Rc::new(Alarm(Rc::downgrade(timer), address));
            let key = timers::add(time::monotonic().saturating_add(left), alarm);
            ARMED.borrow_mut().insert(address, key);
        }
    }
}

/// timerfd_create(2).
pub fn timerfd_create(call: &mut Call<'_>) -> Result<i64> {
    let flags = call.uint(1);
    only(flags, O_CLOEXEC | O_NONBLOCK)?;
    let may_wake = sched::with_current(|thread| thread.credentials.borrow().euid == 0);
    let clock = TimerClock::from_id(call.int(0), may_wake)?;
    install(anonymous(TimerFd::new(clock, Rc::new(Host)), O_RDWR | flags & O_NONBLOCK), flags)
}

/// timerfd_settime(2).
pub fn timerfd_settime(call: &mut Call<'_>) -> Result<i64> {
    let mut bytes = [0; 32];
    user::read(call.arg(2), &mut bytes)?;
    let spec = TimerSpec::decode(&bytes)?;
    let file = io::file(call.int(0))?;
    let old = match file.remote() {
        Some(remote) => {
            only(call.uint(1), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)?;
            remote.set_timer(call.uint(1), spec)?
        }
        None => TimerFd::of(&**file.file()).ok_or(Errno::EINVAL)?.settime(call.uint(1), spec)?,
    };
    if call.arg(3) != 0 {
        user::write(call.arg(3), &old.encode())?;
    }
    Ok(0)
}

/// timerfd_gettime(2).
pub fn timerfd_gettime(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    let spec = match file.remote() {
        Some(remote) => remote.timer()?,
        None => TimerFd::of(&**file.file()).ok_or(Errno::EINVAL)?.gettime(),
    };
    user::write(call.arg(1), &spec.encode())?;
    Ok(0)
}
