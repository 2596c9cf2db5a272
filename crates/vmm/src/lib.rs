//! Ramet's virtual machine monitor: one process, one VM.
//!
//! Stages, each of which uses only those before it: [`vm`] (the parts), [`boot`], [`run`], `clone`, [`io`].

pub mod boot;
pub mod io;
pub mod run;
pub mod vm;

use boot::Config;
use io::{Console, IoThread, Start, Streams};
use ramet_abi::hypercall::DOORBELL_PORT;
use ramet_kvm::EventFd;
use run::{Runner, Stop};
use vm::{Ending, Error};

/// Boots the VM that `config` describes and runs it to its end.
pub fn run_vm(config: &Config) -> Result<Ending, Error> {
    // SAFETY: changes how this process treats signals; no handler is involved. A closed stream is an error to see,
    // not a reason to die; children are reaped by the kernel.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
    }
    vm::block(&[vm::KICK, vm::TIMER]);
    let mut machine = boot::boot(config)?;
    let doorbell = EventFd::new(libc::EFD_CLOEXEC | libc::EFD_NONBLOCK).map_err(Error::host("eventfd"))?;
    // Where KVM cannot bind the port, the guest's `out` exits and the run loop signals the event.
    let _ = machine.vm.bind_doorbell(DOORBELL_PORT, &doorbell);
    let shared = machine.body.shared.clone();
    let streams = Streams::standard().map_err(Error::host("standard streams"))?;
    let console = Console::new(&shared, streams, config.tty, true).map_err(Error::host("console"))?;
    let mut runner = Runner::new(doorbell.try_clone().map_err(Error::host("eventfd"))?)?;
    let io = IoThread::start(Start { shared, console, doorbell })?;
    let ending = loop {
        match runner.run(&mut machine) {
            Stop::Request => {
                if let Some(fault) = io.fault() {
                    break fault.into();
                }
            }
            Stop::State(_) => {}
            Stop::Ended(ending) => break ending,
        }
    };
    io.finish(true);
    Ok(ending)
}
