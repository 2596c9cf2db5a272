//! One thread that waits for the doorbell, the streams and (once there is one) the control socket, with poll(2).

use super::Console;
use crate::vm::{Error, GuestFault, Shared};
use ramet_kvm::EventFd;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What the I/O thread starts with.
#[derive(Debug)]
pub struct Start {
    /// What it shares with the vCPU's thread.
    pub shared: Arc<Shared>,
    /// The console.
    pub console: Console,
    /// Signalled by the guest's doorbell, and by this process to make the thread look up.
    pub doorbell: EventFd,
}

const RUN: u8 = 0;
const DRAIN: u8 = 1;
const STOP: u8 = 2;

#[derive(Debug)]
struct Common {
    order: AtomicU8,
    fault: Mutex<Option<GuestFault>>,
}

/// The running thread.
#[derive(Debug)]
pub struct IoThread {
    common: Arc<Common>,
    doorbell: EventFd,
    handle: JoinHandle<()>,
}

impl IoThread {
    /// Starts the thread.
    pub fn start(start: Start) -> Result<Self, Error> {
        let common = Arc::new(Common { order: AtomicU8::new(RUN), fault: Mutex::new(None) });
        let doorbell = start.doorbell.try_clone().map_err(Error::host("doorbell"))?;
        let theirs = common.clone();
        let handle = std::thread::Builder::new()
            .name("io".into())
            .stack_size(256 << 10)
            .spawn(move || {
                let shared = start.shared.clone();
                if let Err(fault) = serve(start, &theirs) {
                    *theirs.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
                    shared.request();
                }
            })
            .map_err(Error::host("I/O thread"))?;
        Ok(Self { common, doorbell, handle })
    }

    /// What the guest did to end itself, as seen by the I/O thread.
    pub fn fault(&self) -> Option<GuestFault> {
        self.common.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the thread: after all output is written (`drain`), or at once.
    pub fn finish(self, drain: bool) {
        self.common.order.store(if drain { DRAIN } else { STOP }, Ordering::Release);
        let _ = self.doorbell.write(1);
        let _ = self.handle.join();
    }
}

fn serve(mut start: Start, common: &Common) -> Result<(), GuestFault> {
    loop {
        let order = common.order.load(Ordering::Acquire);
        if order == STOP || (order == DRAIN && start.console.drained(&start.shared)?) {
            return Ok(());
        }
        let mut polled = start.console.interest(&start.shared)?;
        polled.push(libc::pollfd { fd: start.doorbell.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        if polled.len() == 1 && start.console.announce_sleep(&start.shared)? {
            continue;
        }
        // SAFETY: the array is of this frame and as long as stated.
        let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, -1) };
        if ready > 0 && polled.last().is_some_and(|p| p.revents != 0) {
            // The counter's value does not matter: one look serves all rings.
            let _ = start.doorbell.read();
        }
        start.console.transfer(&start.shared, &polled)?;
    }
}
