//! eventfd(2): a counter that can be waited for.

use super::object::{anon_name, anon_stat};
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::stat::Stat;
use crate::user::{Sink, Source};
use crate::wait::{Events, WaitQueue};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;

/// Flag of eventfd2(2): a read takes one instead of all.
pub const EFD_SEMAPHORE: u32 = 1;

/// The object behind an eventfd.
pub struct EventFd {
    count: Cell<u64>,
    semaphore: bool,
    queue: WaitQueue,
}

impl EventFd {
    /// A counter that starts at `initial`.
    pub fn new(initial: u32, semaphore: bool) -> Rc<EventFd> {
        Rc::new(EventFd { count: Cell::new(initial as u64), semaphore, queue: WaitQueue::new() })
    }

    /// Whether a read takes one instead of all.
    pub fn is_semaphore(&self) -> bool {
        self.semaphore
    }

    /// The counter's value.
    pub fn count(&self) -> u64 {
        self.count.get()
    }
}

impl File for EventFd {
    /// # Errors
    /// EINVAL: less than 8 bytes. EAGAIN: the counter is 0. EFAULT: and the value is lost, as on Linux.
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        if into.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let count = self.count.get();
        if count == 0 {
            return Err(Errno::EAGAIN);
        }
        let value = if self.semaphore { 1 } else { count };
        self.count.set(count - value);
        self.queue.notify(Events::OUT);
        match into.put(&value.to_le_bytes()) {
            Ok(8) => Ok(8),
            _ => Err(Errno::EFAULT),
        }
    }

    /// # Errors
    /// EINVAL: less than 8 bytes, or the value 2^64 - 1. EAGAIN: the counter would pass 2^64 - 2.
    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        if from.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; 8];
        if from.take(&mut bytes)? < 8 {
            return Err(Errno::EFAULT);
        }
        let value = u64::from_le_bytes(bytes);
        if value == u64::MAX {
            return Err(Errno::EINVAL);
        }
        if u64::MAX - self.count.get() <= value {
            return Err(Errno::EAGAIN);
        }
        self.count.set(self.count.get() + value);
        self.queue.notify(Events::IN);
        Ok(8)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anon_stat())
    }

    fn poll(&self) -> Events {
        let count = self.count.get();
        let mut events = Events::NONE;
        if count > 0 {
            events = events.or(Events::IN);
        }
        if count == u64::MAX {
            events = events.or(Events::ERR);
        }
        if count < u64::MAX - 1 {
            events = events.or(Events::OUT);
        }
        events
    }

    fn is_stream(&self) -> bool {
        false
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn describe(&self) -> Vec<u8> {
        anon_name("eventfd")
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::{SliceSink, SliceSource};

    fn read(fd: &EventFd) -> Result<u64> {
        let mut bytes = [0; 8];
        fd.read(0, &mut SliceSink::new(&mut bytes), 0).map(|_| u64::from_le_bytes(bytes))
    }
    fn write(fd: &EventFd, value: u64) -> Result<usize> {
        fd.write(0, &mut SliceSource(&value.to_le_bytes()), 0)
    }

    #[test]
    fn counts_and_empties() {
        let fd = EventFd::new(3, false);
        assert_eq!(write(&fd, 4), Ok(8));
        assert_eq!(fd.poll(), Events::IN.or(Events::OUT));
        assert_eq!(read(&fd), Ok(7));
        assert_eq!(read(&fd), Err(Errno::EAGAIN));
        assert_eq!(fd.poll(), Events::OUT);
    }

    #[test]
    fn semaphore_gives_one_at_a_time() {
        let fd = EventFd::new(2, true);
        assert_eq!((read(&fd), read(&fd), read(&fd)), (Ok(1), Ok(1), Err(Errno::EAGAIN)));
    }

    #[test]
    fn refuses_overflow_and_odd_sizes() {
        let fd = EventFd::new(0, false);
        assert_eq!(write(&fd, u64::MAX), Err(Errno::EINVAL));
        assert_eq!(write(&fd, u64::MAX - 1), Ok(8));
        assert_eq!(fd.poll(), Events::IN);
        assert_eq!(write(&fd, 1), Err(Errno::EAGAIN));
        assert_eq!(write(&fd, 0), Ok(8));
        assert_eq!(fd.read(0, &mut SliceSink::new(&mut [0; 7]), 0), Err(Errno::EINVAL));
        assert_eq!(fd.write(0, &mut SliceSource(&[0; 7]), 0), Err(Errno::EINVAL));
        assert_eq!(read(&fd), Ok(u64::MAX - 1));
    }

    #[test]
    fn takes_eight_of_more_bytes() {
        let fd = EventFd::new(0, false);
        assert_eq!(fd.write(0, &mut SliceSource(&[1; 16]), 0), Ok(8));
        assert_eq!(fd.read(0, &mut SliceSink::new(&mut [0; 16]), 0), Ok(8));
        assert_eq!(fd.stat().unwrap().mode, 0o600);
        assert_eq!(fd.describe(), b"anon_inode:[eventfd]");
    }
}
