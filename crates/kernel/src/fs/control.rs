//! `/dev/ramet`: the program says that it is ready to be cloned, and learns who it is.
//!
//! Writing `ready` blocks until this VM has become a clone (in a template, for ever); `done` is noted by the VMM; `reset` takes a clone that can be
//! reset back to where it began. Reading gives
//! the identity document, which is another one in each clone.

use crate::arch::hypercall::{self, identity};
use crate::global::Global;
use crate::task::sched::{self, Registration};
use alloc::rc::Rc;
use core::any::Any;
use core::cell::Cell;
use core::sync::atomic::Ordering::Acquire;
use ramet_abi::hypercall::{PROGRAM_STATE, STATE_DONE, STATE_READY, STATE_RESET};
use ramet_abi::layout::{PAYLOAD_OFFSET, PAYLOAD_SIZE};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::fs::devfs;
use ramet_kcore::fs::device::Devices;
use ramet_kcore::stat::{S_IFCHR, Stat};
use ramet_kcore::user::{Sink, Source};
use ramet_kcore::wait::{Events, WaitQueue};

/// Longest word that can be written, with its newline.
const WORD_MAX: usize = 8;

/// Threads that wait until this VM has become a clone.
static WAITING: Global<WaitQueue> = Global::new(WaitQueue::new());

/// One open `/dev/ramet`.
struct Control {
    /// The offset at which the document begins: behind what was written last, so that a program that writes and then
    /// reads gets all of it.
    start: Cell<u64>,
}

/// Registers the driver.
pub fn register(devices: &Devices) {
    devices.register(devfs::RAMET, Rc::new(|_| Ok(Rc::new(Control { start: Cell::new(0) }))));
}

/// Called when this VM has become a clone.
pub fn became_clone() {
    WAITING.notify(Events::ALL);
}

fn document() -> &'static [u8] {
    hypercall::shared_bytes(PAYLOAD_OFFSET, identity().payload_length.load(Acquire).min(PAYLOAD_SIZE))
}

/// Tells the VMM, which listens to the first process of a session only.
fn tell(state: u64) -> Result<()> {
    match hypercall::call(PROGRAM_STATE, &[state]) {
        0.. => Ok(()),
        error => Err(Errno::from_number(-error).unwrap_or(Errno::EOPNOTSUPP)),
    }
}

/// Tells the VMM, and waits until this VM is another one.
fn ready() -> Result<()> {
    let before = identity().generation.load(Acquire);
    tell(STATE_READY)?;
    while identity().generation.load(Acquire) == before {
        let registration = Registration::new(&WAITING, Events::IN);
        sched::sleep(None)?;
        drop(registration);
    }
    Ok(())
}

/// Goes back to where this clone began, when what it has written has been taken. Returns only if that cannot be.
fn reset() -> Result<()> {
    super::console::finish_output(crate::session::wait_for_output);
    super::tty::finish_output(crate::session::wait_for_output);
    tell(STATE_RESET)
}

impl File for Control {
    fn read(&self, offset: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        if offset < self.start.get() {
            self.start.set(0);
        }
        let from = usize::try_from(offset - self.start.get()).unwrap_or(usize::MAX);
        into.put(document().get(from..).unwrap_or(&[]))
    }

    /// Blocks whatever the description's flags say: a program that goes on is not one that is ready.
    fn write(&self, offset: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        let length = from.remaining();
        if length > WORD_MAX {
            return Err(Errno::EINVAL);
        }
        let mut word = [0; WORD_MAX];
        if from.take(&mut word[..length])? < length {
            return Err(Errno::EFAULT);
        }
        match word[..length].trim_ascii_end() {
            b"ready" => ready()?,
            b"done" => tell(STATE_DONE)?,
            b"reset" => reset()?,
            _ => return Err(Errno::EINVAL),
        }
        self.start.set(offset + length as u64);
        Ok(length)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat { mode: S_IFCHR | 0o666, links: 1, rdev: devfs::RAMET, block_size: 4096, ..Stat::default() })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
