//! signalfd(2): signals read as records.

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

/// Size of struct signalfd_siginfo.
pub const RECORD: usize = 128;

const SIGKILL: u32 = 9;
const SIGSTOP: u32 = 19;

/// Bits of signals (bit n - 1 is signal n) that no signalfd ever delivers.
const NEVER: u64 = 1 << (SIGKILL - 1) | 1 << (SIGSTOP - 1);

/// The pending signals of whoever reads: the calling thread and its process.
pub trait SignalSource {
    /// Takes the next pending signal that is in `mask`, as struct signalfd_siginfo
    /// ([`SigInfo::to_signalfd`](crate::signal::info::SigInfo::to_signalfd)).
    fn take(&self, mask: u64) -> Option<[u8; RECORD]>;

    /// Whether a signal in `mask` is pending.
    fn is_pending(&self, mask: u64) -> bool;

    /// Notified with [`Events::IN`] when a signal becomes pending.
    fn queue(&self) -> &WaitQueue;
}

/// The object behind a signalfd.
pub struct SignalFd {
    mask: Cell<u64>,
    source: Rc<dyn SignalSource>,
}

impl SignalFd {
    /// Takes the signals of `mask`; SIGKILL and SIGSTOP in it are ignored.
    pub fn new(mask: u64, source: Rc<dyn SignalSource>) -> Rc<SignalFd> {
        Rc::new(SignalFd { mask: Cell::new(mask & !NEVER), source })
    }

    /// The signalfd, if `file` is one.
    pub fn of(file: &dyn File) -> Option<&SignalFd> {
        file.as_any().downcast_ref()
    }

    /// The signals that it takes.
    pub fn mask(&self) -> u64 {
        self.mask.get()
    }

    /// signalfd(2) on an existing descriptor.
    pub fn set_mask(&self, mask: u64) {
        self.mask.set(mask & !NEVER);
        self.source.queue().notify(Events::IN);
    }
}

impl File for SignalFd {
    /// # Errors
    /// EINVAL: less than one record. EAGAIN: no signal of the mask is pending.
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        if into.remaining() < RECORD {
            return Err(Errno::EINVAL);
        }
        let mut done = 0;
        while into.remaining() >= RECORD {
            let Some(record) = self.source.take(self.mask.get()) else { break };
            if into.put(&record) != Ok(RECORD) {
                return if done > 0 { Ok(done) } else { Err(Errno::EFAULT) };
            }
            done += RECORD;
        }
        if done > 0 { Ok(done) } else { Err(Errno::EAGAIN) }
    }

    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anon_stat())
    }

    fn poll(&self) -> Events {
        if self.source.is_pending(self.mask.get()) { Events::IN } else { Events::NONE }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(self.source.queue())
    }

    fn describe(&self) -> Vec<u8> {
        anon_name("signalfd")
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
    use crate::cell::RefCell;
    use crate::user::SliceSink;
    use alloc::vec::Vec;

    #[derive(Default)]
    struct Pending {
        signals: RefCell<Vec<[u8; RECORD]>>,
        queue: WaitQueue,
    }
    fn bit(record: &[u8; RECORD]) -> u64 {
        1 << (record[0] - 1)
    }
    impl SignalSource for Pending {
        fn take(&self, mask: u64) -> Option<[u8; RECORD]> {
            let mut signals = self.signals.borrow_mut();
            let index = signals.iter().position(|info| bit(info) & mask != 0)?;
            Some(signals.remove(index))
        }
        fn is_pending(&self, mask: u64) -> bool {
            self.signals.borrow().iter().any(|info| bit(info) & mask != 0)
        }
        fn queue(&self) -> &WaitQueue {
            &self.queue
        }
    }

    fn record(signal: u8) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        bytes[0] = signal;
        bytes[12] = signal;
        bytes
    }

    #[test]
    fn reads_the_signals_of_its_mask() {
        let source = Rc::new(Pending::default());
        let fd = SignalFd::new(1 << 9 | 1 << 11 | NEVER, source.clone());
        let mut bytes = [0; 300];
        assert_eq!(fd.read(0, &mut SliceSink::new(&mut bytes), 0), Err(Errno::EAGAIN));
        assert_eq!(fd.read(0, &mut SliceSink::new(&mut bytes[..127]), 0), Err(Errno::EINVAL));
        for signal in [9, 10, 11, 12, 10] {
            source.signals.borrow_mut().push(record(signal));
        }
        assert_eq!(fd.poll(), Events::IN);
        assert_eq!(fd.read(0, &mut SliceSink::new(&mut bytes), 0), Ok(256));
        assert_eq!((bytes[0], bytes[12], bytes[128], bytes[140]), (10, 10, 12, 12));
        assert_eq!(fd.read(0, &mut SliceSink::new(&mut bytes), 0), Ok(128));
        assert_eq!(fd.poll(), Events::NONE);
        fd.set_mask(1 << 10);
        assert_eq!(fd.poll(), Events::IN);
    }
}
