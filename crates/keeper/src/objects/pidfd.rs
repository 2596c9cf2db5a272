//! pidfd_open(2).

use super::describe;
use crate::client::ClientId;
use crate::descriptions::get;
use crate::session::Session;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::{O_NONBLOCK, O_RDWR};
use ramet_kcore::ipc::object::{anon_name, anon_stat};
use ramet_kcore::stat::Stat;
use ramet_kcore::user::{Sink, Source};
use ramet_kcore::wait::{Events, WaitQueue};
use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

struct Pidfd {
    pid: i32,
    ended: Cell<bool>,
    /// It has been waited for.
    gone: Cell<bool>,
    queue: WaitQueue,
}

impl File for Pidfd {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }
    fn stat(&self) -> Result<Stat> {
        Ok(anon_stat())
    }
    fn poll(&self) -> Events {
        let ended = Events::IN.or(Events::RDNORM);
        match (self.ended.get(), self.gone.get()) {
            (_, true) => ended.or(Events::HUP),
            (true, false) => ended,
            (false, false) => Events::NONE,
        }
    }
    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
    fn describe(&self) -> Vec<u8> {
        anon_name("pidfd")
    }
    fn ignores_seek(&self) -> bool {
        true
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Those that are open, by process.
#[derive(Default)]
pub struct Pidfds(BTreeMap<i32, Vec<Weak<Pidfd>>>);

impl Pidfds {
    /// The process has ended.
    pub fn ended(&mut self, pid: i32) {
        for pidfd in self.0.get(&pid).into_iter().flatten().filter_map(Weak::upgrade) {
            pidfd.ended.set(true);
            pidfd.queue.notify(Events::IN.or(Events::RDNORM));
        }
    }

    /// Nobody will wait for the process any more.
    pub fn gone(&mut self, pid: i32) {
        for pidfd in self.0.remove(&pid).unwrap_or_default().iter().filter_map(Weak::upgrade) {
            pidfd.ended.set(true);
            pidfd.gone.set(true);
            pidfd.queue.notify(Events::HUP);
        }
    }
}

pub fn open(session: &mut Session, client: ClientId, pid: i32, flags: u32) -> Result<u64> {
    if flags & !O_NONBLOCK != 0 {
        return Err(Errno::EINVAL);
    }
    let ended = session.processes.get(pid).map_err(|_| Errno::ESRCH)?.is_zombie();
    let file =
        Rc::new(Pidfd { pid, ended: Cell::new(ended), gone: Cell::new(false), queue: WaitQueue::new() });
    let all = session.objects.pidfds.0.entry(pid).or_default();
    all.retain(|pidfd| pidfd.strong_count() > 0);
    all.push(Rc::downgrade(&file));
    describe(session, client, file, flags | O_RDWR)
}

pub fn target(session: &Session, client: ClientId, id: u64) -> Result<i32> {
    Ok(get(session, client, id)?.downcast::<Pidfd>().ok_or(Errno::EBADF)?.pid)
}
