//! The I/O thread of a running VM.

use super::Server;
use crate::clone::{Desk, Order};
use crate::vm::{Ending, Error, GuestFault, monotonic};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

/// How the thread is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Drain {
    /// When all output is written, however long the reader takes.
    Fully = 1,
    /// When all output is written, but soon.
    Briefly = 2,
}

/// Patience with a reader when the VM ends by force or freezes, ns.
const BRIEFLY: u64 = 500_000_000;

/// The vCPU's thread ends at once when it is told to, unless a host file holds it up; ns.
const OVERDUE: u64 = 5_000_000_000;

/// The running thread.
#[derive(Debug)]
pub struct IoThread {
    drain: Arc<AtomicU8>,
    desk: Arc<Desk>,
    opened: Receiver<()>,
    handle: JoinHandle<Option<Server>>,
}

impl IoThread {
    /// Starts the thread, which makes its server with `open`. A failure of that ends the VM.
    pub fn start(
        desk: Arc<Desk>,
        open: impl FnOnce() -> Result<Server, Error> + Send + 'static,
    ) -> Result<Self, Error> {
        let drain = Arc::new(AtomicU8::new(0));
        let (report, opened) = sync_channel(1);
        let (their_drain, their_desk) = (drain.clone(), desk.clone());
        let handle = std::thread::Builder::new()
            .name("io".into())
            .stack_size(512 << 10)
            .spawn(move || {
                let mut server = match open() {
                    Ok(server) => server,
                    Err(error) => {
                        their_desk.order(Order::End(error.into()));
                        return None;
                    }
                };
                // The receiver is gone if nobody waits.
                let _ = report.send(());
                if let Err(fault) = serve(&mut server, &their_desk, &their_drain) {
                    their_desk.order(Order::End(fault.into()));
                }
                Some(server)
            })
            .map_err(Error::host("I/O thread"))?;
        Ok(Self { drain, desk, opened, handle })
    }

    /// Waits until the server is there, or until its failure has become an order to end the VM.
    pub fn wait_open(&self) {
        let _ = self.opened.recv();
    }

    /// Ends the thread and takes its server over. `None` if there never was one.
    pub fn finish(self, drain: Drain) -> Option<Server> {
        self.drain.store(drain as u8, Ordering::Release);
        self.desk.ring();
        self.handle.join().ok().flatten()
    }
}

fn serve(server: &mut Server, desk: &Desk, drain: &AtomicU8) -> Result<(), GuestFault> {
    let mut ending: Option<(u64, Ending)> = None;
    loop {
        match drain.load(Ordering::Acquire) {
            0 => {}
            order if order == Drain::Fully as u8 => return server.drain(u64::MAX),
            _ => return server.drain(monotonic() + BRIEFLY),
        }
        let limit = match &ending {
            Some((overdue, ending)) if monotonic() >= *overdue => server.desert(ending),
            Some((overdue, _)) => *overdue,
            None => u64::MAX,
        };
        for order in server.step(limit)? {
            if let (Order::End(end), None) = (&order, &ending) {
                ending = Some((monotonic() + OVERDUE, end.clone()));
            }
            desk.order(order);
        }
    }
}
