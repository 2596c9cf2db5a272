//! The run loop: enter the guest, decode why it stopped, serve it, enter again.
//!
//! Races, and what makes them harmless:
//! 1. An event is set while the guest runs: the kick ends the run with [`Exit::Interrupted`].
//! 2. An event is set while this thread is in the VMM: the kick's signal stays pending and ends the next run at once.
//! 3. A kick finds the guest inside its kernel: nothing is done here; the kernel looks at the events before it leaves,
//!    and a kick inside the leaving sequence starts that again ([`ramet_abi::header::RestartRange`]).
//! 4. A kick finds an exception about to be delivered: the exception goes first, and its upcall looks at the events.
//! 5. A kick finds the kernel past its look at the events, but outside the leaving sequences (a call that is answered
//!    in a few instructions): as long as events are left, the kick is repeated every [`RETRY`].

mod exits;
mod hypercalls;
mod timer;
mod trace;

pub use exits::announce_events;
pub use hypercalls::{answer, errno};
pub use timer::Timer;

use crate::boot::in_syscall_stub;
use crate::vm::{Ending, GuestFault, KICK, Machine, Milestone, TIMER, monotonic};
use ramet_abi::hypercall::{DOORBELL_PORT, HYPERCALL_PORT, HYPERCALLS, SYSCALL_PORT, TRAP_PORT, WAIT};
use ramet_abi::layout::{VOLUME_GPA, VOLUME_SIZE};
use ramet_kvm::Exit;
use ramet_memory::SharedArea;
use trace::Trace;

/// Why the run loop returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// [`crate::vm::Shared::request`] was called: look at the requests, then run again.
    Request,
    /// The program wrote to `/dev/ramet`: one of the `STATE_*` of [`ramet_abi::hypercall`].
    State(u64),
    /// The program wants to be at its start again, and can be.
    Reset,
    /// Begin a session ([`SESSION_OPEN`](ramet_abi::hypercall::SESSION_OPEN)); the guest waits for [`answer`].
    OpenSession,
    /// Make a child ([`FORK`](ramet_abi::hypercall::FORK)); the guest waits for [`answer`].
    Fork,
    /// The process that somebody outside asked for cannot be added: its exit status, and why. The guest waits for [`answer`].
    ExecFailed(u8, String),
    /// The session's keeper is gone: the VM is over.
    Orphaned,
    /// The VM is over.
    Ended(Ending),
}

/// What an exit asks for. Decoded from the port and the privilege level, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// An exception reached its ring 0 stub.
    Trap(u8),
    /// A `syscall` instruction reached the stub at LSTAR (at CPL 0 on hardware, at CPL 3 on software KVM).
    Syscall,
    /// A hypercall.
    Hypercall(u16),
    /// The doorbell, where KVM cannot bind it to an event.
    Doorbell,
    /// A port that means nothing: what a processor without I/O permission answers with a protection fault.
    Forbidden,
}

fn decode(port: u16, ring0: bool, in_stub: bool) -> Call {
    match port {
        p if (TRAP_PORT..TRAP_PORT + 32).contains(&p) && ring0 => Call::Trap((p - TRAP_PORT) as u8),
        SYSCALL_PORT if in_stub => Call::Syscall,
        DOORBELL_PORT => Call::Doorbell,
        p if (HYPERCALL_PORT..HYPERCALL_PORT + HYPERCALLS).contains(&p) => {
            Call::Hypercall(p - HYPERCALL_PORT)
        }
        _ => Call::Forbidden,
    }
}

/// Who looks at the output rings when the guest rings.
#[derive(Debug)]
enum Bell {
    /// The I/O thread, which this wakes.
    Thread(ramet_kvm::EventFd),
    /// Nobody else: in a child of a fork this thread writes the trace, and there is no other output.
    Here(Trace),
}

/// State of the run loop beside the machine's.
#[derive(Debug)]
pub struct Runner {
    timer: Timer,
    /// Repeats a kick that the guest may not have noticed. Made when it is first needed.
    retry: Option<Timer>,
    /// Ends runs that would be too long for a clock by a counter of the guest's own; made when it is first needed.
    pacer: Option<Timer>,
    /// When that one is due.
    paced: u64,
    doorbell: Bell,
    /// How often the guest has rung it by an exit; none once KVM does it.
    rings: Option<u32>,
    /// Address and count of host faults in a row.
    faults: (u64, u32),
    /// The guest is in the hypercall WAIT, after which it looks at its events by itself.
    waits: bool,
}

/// So many host faults in a row at one instruction end the guest.
const MOST_FAULTS: u32 = 10_000;
/// So many rings by an exit bind the doorbell to its event in KVM. Not before: KVM takes 5-20 ms longer to destroy a VM
/// soon after a binding (it waits for an SRCU grace period), and a short program rings a few times or never.
const MOST_RINGS: u32 = 8;
/// Time until a kick is repeated, ns.
const RETRY: u64 = 1_000_000;
/// Most time between two readings of a counter of the guest's own, ns.
const PACE: u64 = 20_000_000;

impl Runner {
    /// For the calling thread. `doorbell` is signalled where KVM does not do it by itself.
    pub fn new(doorbell: ramet_kvm::EventFd) -> Result<Self, crate::vm::Error> {
        Self::with(Bell::Thread(doorbell))
    }

    /// For the only thread of a fork's child.
    pub fn alone(area: &SharedArea) -> Result<Self, crate::vm::Error> {
        Self::with(Bell::Here(Trace::inherit(area)))
    }

    fn with(doorbell: Bell) -> Result<Self, crate::vm::Error> {
        Ok(Self {
            timer: Timer::new(TIMER)?,
            retry: None,
            pacer: None,
            paced: 0,
            doorbell,
            rings: Some(0),
            faults: (0, 0),
            waits: false,
        })
    }

    /// Whether the guest is in the hypercall WAIT.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// Says whether the guest is in the hypercall WAIT: of a clone, as of what it was cloned from.
    pub fn set_waits(&mut self, waits: bool) {
        self.waits = waits;
    }

    /// The guest is at its start again.
    pub fn rewind(&mut self, waits: bool) -> Result<(), crate::vm::Error> {
        self.timer.set(u64::MAX)?;
        while crate::vm::take_pending().is_some() {}
        (self.faults, self.waits) = ((0, 0), waits);
        Ok(())
    }

    /// Runs the guest until something concerns more than this thread.
    pub fn run(&mut self, machine: &mut Machine) -> Stop {
        if machine.body.shared.area.events() != 0 && !self.waits {
            // Told while the vCPU stood still, perhaps where it does not look.
            if let Err(error) = self.kick_again() {
                return Stop::Ended(error.into());
            }
        }
        loop {
            if machine.body.shared.take_request() {
                return Stop::Request;
            }
            self.waits = false;
            let exit = match self.enter(machine) {
                Ok(exit) => exit,
                Err(error) => return Stop::Ended(error.into()),
            };
            match self.serve(machine, exit) {
                Ok(None) => {}
                Ok(Some(stop)) => return stop,
                Err(fault) => return Stop::Ended(fault.into()),
            }
        }
    }

    /// Runs the guest to its next exit, and looks after its clock.
    fn enter(&mut self, machine: &mut Machine) -> Result<Exit, crate::vm::Error> {
        let Machine { vcpu, body, .. } = machine;
        if body.clock.is_own() {
            self.pace()?;
        }
        let exit = vcpu.run()?;
        // Here and nowhere else: a counter of the guest's own stands still from now on.
        if body.clock.is_due() {
            body.clock.refresh(body.shared.area.time(), || vcpu.tsc())?;
        }
        Ok(exit)
    }

    /// Sees to it that the guest exits soon, so that its counter can be read.
    fn pace(&mut self) -> Result<(), crate::vm::Error> {
        let now = monotonic();
        if now >= self.paced {
            self.paced = now.saturating_add(PACE);
            if self.pacer.is_none() {
                self.pacer = Some(Timer::new(KICK)?);
            }
            self.pacer.as_ref().map_or(Ok(()), |timer| timer.set(self.paced))?;
        }
        Ok(())
    }

    /// Kicks this thread in a moment.
    fn kick_again(&mut self) -> Result<(), crate::vm::Error> {
        if self.retry.is_none() {
            self.retry = Some(Timer::new(KICK)?);
        }
        self.retry.as_ref().map_or(Ok(()), |timer| timer.set(monotonic().saturating_add(RETRY)))
    }

    /// Wakes the I/O thread, and sees to it that one who rings often need not exit for it; or writes the output itself.
    fn ring(&mut self, machine: &Machine) -> Result<(), GuestFault> {
        let doorbell = match &mut self.doorbell {
            Bell::Thread(doorbell) => doorbell,
            Bell::Here(trace) => return Ok(trace.write(&machine.body.shared.area)?),
        };
        // Full means that the I/O thread has been told already.
        let _ = doorbell.write(1);
        self.rings = match self.rings {
            Some(MOST_RINGS) => {
                // Where KVM cannot, the guest goes on exiting.
                let _ = machine.vm.bind_doorbell(DOORBELL_PORT, doorbell);
                None
            }
            Some(rings) => Some(rings + 1),
            None => None,
        };
        Ok(())
    }

    fn serve(&mut self, machine: &mut Machine, exit: Exit) -> Result<Option<Stop>, GuestFault> {
        let rip = machine.vcpu.registers().rip;
        if !matches!(exit, Exit::MemoryFault { .. } | Exit::Interrupted) {
            self.faults = (0, 0);
        }
        match exit {
            Exit::Out { port } => match decode(port, exits::in_ring0(machine), in_syscall_stub(rip)) {
                Call::Trap(vector) => exits::trap(machine, vector)?,
                Call::Syscall => exits::syscall(machine),
                Call::Hypercall(number) => {
                    self.waits = number == WAIT;
                    return hypercalls::serve(self, machine, number);
                }
                Call::Doorbell => {
                    // First: whoever waits for the output may end this VM when it is there.
                    machine.body.tell_working_set(Milestone::Output);
                    self.ring(machine)?;
                }
                Call::Forbidden => exits::forbidden(machine),
            },
            Exit::In { .. } => exits::forbidden(machine),
            Exit::Interrupted => {
                if !exits::interrupted(machine) {
                    // Without a timer the guest notices at its next system call.
                    let _ = self.kick_again();
                }
            }
            Exit::MemoryFault { address } => {
                self.faults = if self.faults.0 == rip { (rip, self.faults.1 + 1) } else { (rip, 1) };
                if self.faults.1 > MOST_FAULTS || exits::in_ring0(machine) {
                    return Err(GuestFault::FaultLoop { rip });
                }
                exits::host_fault(machine, address);
            }
            Exit::Shutdown => return Err(GuestFault::TripleFault { rip }),
            // A write to a volume that became read-only in a clone.
            Exit::Mmio { address, write: true }
                if (VOLUME_GPA..VOLUME_GPA + VOLUME_SIZE).contains(&address)
                    && machine.body.hostfs.has_mappings()
                    && !exits::in_ring0(machine) =>
            {
                exits::host_fault(machine, Some(address));
            }
            Exit::Mmio { .. }
            | Exit::Halt
            | Exit::InternalError { .. }
            | Exit::FailEntry { .. }
            | Exit::Unexpected { .. } => return Err(GuestFault::Exit { exit, rip }),
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_0_ports_are_forbidden_to_the_program() {
        assert_eq!(decode(TRAP_PORT + 14, true, false), Call::Trap(14));
        assert_eq!(decode(TRAP_PORT + 14, false, false), Call::Forbidden);
        assert_eq!(decode(SYSCALL_PORT, false, false), Call::Forbidden);
        assert_eq!(decode(HYPERCALL_PORT + 3, false, false), Call::Hypercall(3));
        assert_eq!(decode(HYPERCALL_PORT + HYPERCALLS, true, false), Call::Forbidden);
    }
}
