//! The trace of system calls in a child of a fork, which has no I/O thread: written when the guest rings.

use ramet_abi::mailbox::event;
use ramet_abi::ring::TRACE;
use ramet_memory::{BrokenRing, Consumer, SharedArea};
use std::io;

/// Standard error: of the first process, and inherited from it.
const STDERR: i32 = 2;

/// The VMM's end of the ring.
#[derive(Debug)]
pub struct Trace {
    consumer: Consumer,
}

impl Trace {
    /// Takes the ring over. What is in it is the parent's, which writes it.
    pub fn inherit(area: &SharedArea) -> Self {
        let consumer = Consumer::drop_content(area, TRACE);
        consumer.announce_sleep(area);
        // The parent's program waited for room; the child's has it.
        consumer.take_producer_waits(area);
        Self { consumer }
    }

    /// Writes everything, however long the reader takes: the program waits, as one does that is traced on Linux.
    pub fn write(&mut self, area: &SharedArea) -> Result<(), BrokenRing> {
        loop {
            let available = self.consumer.available(area)?;
            if available == 0 {
                self.consumer.announce_sleep(area);
                if self.consumer.available(area)? == 0 {
                    break;
                }
            }
            match self.consumer.write_to(area, available, STDERR) {
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Nobody reads it any more.
                Err(_) => self.consumer.consume(area, available),
            }
        }
        if self.consumer.take_producer_waits(area) {
            area.raise(event::OUTPUT_ROOM);
        }
        Ok(())
    }
}
