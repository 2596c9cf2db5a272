//! Epoll instances in the keeper. What the keeper has not (a signalfd, which is each reader's own) is watched by each VM for itself, in an
//! instance beside it.

use super::remote::RemoteFile;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::open_file::OpenFile;
use crate::ipc::epoll::{Epoll, Interest, Watched};
use crate::wait::{Events, Wake};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use ramet_abi::session::{DATA_MAX, Request, op};

/// Bytes of struct epoll_event of x86-64.
const EVENT: usize = 12;
/// Operation of EPOLL_CTL: an entry as another instance had it.
const RESTORE: u64 = 4;

/// Operations of epoll_ctl(2).
pub mod operation {
    /// EPOLL_CTL_ADD.
    pub const ADD: i32 = 1;
    /// EPOLL_CTL_DEL.
    pub const DELETE: i32 = 2;
    /// EPOLL_CTL_MOD.
    pub const MODIFY: i32 = 3;
}

/// What becomes ready here makes the instance readable.
struct Forward(Weak<RemoteFile>);

impl Wake for Forward {
    fn wake(&self, events: Events) {
        if let Some(remote) = self.0.upgrade() {
            remote.queue().notify(events);
        }
    }
}

impl RemoteFile {
    /// It is an epoll instance, which was `epoll`: what only this VM can watch stays there.
    pub(super) fn watches_here(self: &Rc<RemoteFile>, epoll: &Rc<Epoll>) {
        if self.here.set(epoll.clone()).is_ok()
            && let Some(queue) = epoll.wait_queue()
        {
            queue.add(Events::ALL, Rc::new(Forward(Rc::downgrade(self))));
        }
    }

    /// Whether it is an epoll instance.
    pub fn is_epoll(&self) -> bool {
        self.here.get().is_some()
    }

    pub(super) fn restore_interest(&self, watched: u64, interest: &Interest) -> Result<()> {
        let ready = u64::from(interest.is_ready);
        let arguments = [RESTORE, interest.events.into(), interest.data, interest.fd as u64, ready];
        let request = Request { other: watched, ..self.request(op::EPOLL_CTL, 0, &arguments) };
        self.client().call(&request, &[]).map(|_| ())
    }

    /// epoll_ctl(2): `what` is one of [`operation`].
    ///
    /// # Errors
    /// As there.
    pub fn epoll_control(
        &self,
        what: i32,
        fd: i32,
        target: &Rc<OpenFile>,
        events: u32,
        data: u64,
    ) -> Result<()> {
        let here = self.here.get().ok_or(Errno::EINVAL)?;
        if let Some(remote) = target.remote() {
            let arguments = [what as u64, events.into(), data, fd as u64];
            let request = Request { other: remote.id, ..self.request(op::EPOLL_CTL, 0, &arguments) };
            return self.client().call(&request, &[]).map(|_| ());
        }
        let description: Rc<dyn Any> = target.clone();
        let watched = Watched { fd, description: &description, file: target.file() };
        match what {
            operation::ADD => here.add(&watched, events, data),
            operation::DELETE => here.delete(&watched),
            operation::MODIFY => here.modify(&watched, events, data),
            _ => Err(Errno::EINVAL),
        }
    }

    /// As [`Epoll::wait`]: delivers up to `max` events to `put` (events, data), without waiting.
    ///
    /// # Errors
    /// EAGAIN: there is none, and the keeper will tell when there is. What `put` returned.
    pub fn epoll_wait(&self, max: usize, put: &mut dyn FnMut(u32, u64) -> Result<()>) -> Result<usize> {
        let here = self.here.get().ok_or(Errno::EINVAL)?;
        let done = here.wait(max, put)?;
        if done == max {
            return Ok(done);
        }
        let most = (max - done).min(DATA_MAX as usize / EVENT);
        let request =
            Request { wanted: (most * EVENT) as u64, ..self.request(op::EPOLL_WAIT, 0, &[most as u64]) };
        let mut events: Vec<u8> = Vec::new();
        let got = self.attempt(Events::IN, || {
            events.clear();
            match self.client().call_into(&request, &[], &mut events)?.result {
                0 => Err(Errno::EAGAIN),
                count => Ok(count as usize),
            }
        });
        match got {
            Ok(_) => {}
            Err(Errno::EAGAIN) if done > 0 => return Ok(done),
            Err(error) => return Err(error),
        }
        let mut count = done;
        for event in events.as_chunks::<EVENT>().0 {
            let (events, data) = event.split_at(4);
            let word =
                |bytes: &[u8]| bytes.iter().rev().fold(0, |all: u64, byte| all << 8 | u64::from(*byte));
            match put(word(events) as u32, word(data)) {
                Ok(()) => count += 1,
                Err(error) if count == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(count)
    }
}
