//! Dispositions: what a process does about each signal (sigaction(2)).

use super::set::{DefaultAction, SigSet, Signal};
use crate::errno::{Errno, Result};

/// Bytes of `struct kernel_sigaction` on x86-64: handler, flags, restorer, mask.
pub const ACTION_SIZE: usize = 32;
/// Default action.
pub const SIG_DFL: u64 = 0;
/// Ignored.
pub const SIG_IGN: u64 = 1;

/// Bits of `sa_flags`.
pub mod sa {
    /// No SIGCHLD when a child stops.
    pub const NOCLDSTOP: u64 = 1;
    /// Children leave no zombies.
    pub const NOCLDWAIT: u64 = 2;
    /// The handler takes three arguments.
    pub const SIGINFO: u64 = 4;
    /// Tag bits of a fault address are shown (no effect on x86-64).
    pub const EXPOSE_TAGBITS: u64 = 0x800;
    /// The restorer is valid.
    pub const RESTORER: u64 = 0x0400_0000;
    /// Run on the alternate stack.
    pub const ONSTACK: u64 = 0x0800_0000;
    /// Restart interrupted system calls.
    pub const RESTART: u64 = 0x1000_0000;
    /// The signal is not blocked in its own handler.
    pub const NODEFER: u64 = 0x4000_0000;
    /// Back to the default when the handler runs.
    pub const RESETHAND: u64 = 0x8000_0000;
    /// All of them; other bits are dropped, so that a program can ask which ones there are.
    pub const KNOWN: u64 =
        NOCLDSTOP | NOCLDWAIT | SIGINFO | EXPOSE_TAGBITS | RESTORER | ONSTACK | RESTART | NODEFER | RESETHAND;
}

/// One disposition.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Action {
    /// SIG_DFL, SIG_IGN or an address.
    pub handler: u64,
    /// Bits of [`sa`].
    pub flags: u64,
    /// Where the handler returns to.
    pub restorer: u64,
    /// Blocked while the handler runs.
    pub mask: SigSet,
}

impl Action {
    /// From the program's structure.
    pub fn decode(bytes: &[u8; ACTION_SIZE]) -> Action {
        let long = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Action { handler: long(0), flags: long(8), restorer: long(16), mask: SigSet(long(24)) }
    }

    /// To the program's structure.
    pub fn encode(&self) -> [u8; ACTION_SIZE] {
        let mut bytes = [0; ACTION_SIZE];
        for (part, value) in
            bytes.chunks_exact_mut(8).zip([self.handler, self.flags, self.restorer, self.mask.0])
        {
            part.copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// Whether `flags` has any of `bits`.
    pub const fn has(&self, bits: u64) -> bool {
        self.flags & bits != 0
    }

    /// The thread's mask while this handler runs for `signal`.
    pub const fn handler_mask(&self, signal: Signal, blocked: SigSet) -> SigSet {
        let mask = blocked.or(self.mask);
        if self.has(sa::NODEFER) { mask } else { mask.with(signal) }.blockable()
    }
}

/// What to do with a signal that is about to be delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing.
    Ignore,
    /// The process ends with this signal; `core`: its default is a core file.
    Terminate {
        /// The default action asks for a core file.
        core: bool,
    },
    /// The process stops.
    Stop,
    /// The process goes on.
    Continue,
    /// Run this handler.
    Handle(Action),
}

/// The dispositions of one process. Copied by fork, shared by threads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dispositions {
    actions: [Action; 64],
}

impl Default for Dispositions {
    fn default() -> Self {
        Self::new()
    }
}

impl Dispositions {
    /// All default.
    pub const fn new() -> Dispositions {
        let action = Action { handler: SIG_DFL, flags: 0, restorer: 0, mask: SigSet::EMPTY };
        Dispositions { actions: [action; 64] }
    }

    /// The disposition of `signal`.
    pub fn get(&self, signal: Signal) -> &Action {
        &self.actions[signal.number() as usize - 1]
    }

    /// Sets the disposition of `signal`. When [`Dispositions::ignores`] is true afterwards, the caller discards the
    /// signal from the pending queues of the process and of all its threads (POSIX).
    ///
    /// # Errors
    /// EINVAL for SIGKILL and SIGSTOP.
    pub fn set(&mut self, signal: Signal, action: Action) -> Result<()> {
        if SigSet::UNBLOCKABLE.contains(signal) {
            return Err(Errno::EINVAL);
        }
        self.actions[signal.number() as usize - 1] =
            Action { flags: action.flags & sa::KNOWN, mask: action.mask.blockable(), ..action };
        Ok(())
    }

    /// Whether delivery would do nothing.
    pub fn ignores(&self, signal: Signal) -> bool {
        match self.get(signal).handler {
            SIG_IGN => true,
            SIG_DFL => matches!(signal.default_action(), DefaultAction::Ignore | DefaultAction::Continue),
            _ => false,
        }
    }

    /// Whether a signal that is sent now is dropped: ignored, and not blocked by the thread that it is for (a blocked one
    /// waits: sigwait(3) may take it). SIGCONT still continues the process.
    pub fn drops(&self, signal: Signal, blocked: SigSet) -> bool {
        !blocked.contains(signal) && self.ignores(signal)
    }

    /// What to do with `signal` now; resets the handler for SA_RESETHAND.
    pub fn outcome(&mut self, signal: Signal) -> Outcome {
        let action = *self.get(signal);
        match action.handler {
            SIG_IGN => Outcome::Ignore,
            SIG_DFL => match signal.default_action() {
                DefaultAction::Ignore => Outcome::Ignore,
                DefaultAction::Continue => Outcome::Continue,
                DefaultAction::Stop => Outcome::Stop,
                DefaultAction::Core => Outcome::Terminate { core: true },
                DefaultAction::Terminate => Outcome::Terminate { core: false },
            },
            _ => {
                if action.has(sa::RESETHAND) {
                    self.actions[signal.number() as usize - 1].handler = SIG_DFL;
                }
                Outcome::Handle(action)
            }
        }
    }

    /// Whether children leave no zombies: SIGCHLD ignored, or SA_NOCLDWAIT.
    pub fn discards_children(&self) -> bool {
        let action = self.get(Signal::CHLD);
        action.handler == SIG_IGN || action.has(sa::NOCLDWAIT)
    }

    /// A fault whose signal is blocked or ignored, or whose frame cannot be written, must not loop: back to the default
    /// (Linux: `force_sig_fault`). The caller unblocks the signal too.
    pub fn force_default(&mut self, signal: Signal) {
        self.actions[signal.number() as usize - 1].handler = SIG_DFL;
    }

    /// For execve(2): handlers become the default, ignored signals stay ignored.
    pub fn reset_for_exec(&mut self) {
        for action in &mut self.actions {
            let handler = if action.handler == SIG_IGN { SIG_IGN } else { SIG_DFL };
            *action = Action { handler, ..Action::default() };
        }
    }

    /// CLONE_CLEAR_SIGHAND of clone3(2): handlers become the default, ignored signals stay ignored.
    pub fn clear_handlers(&mut self) {
        self.reset_for_exec();
    }

    /// Caught signals, for SigCgt in /proc/pid/status.
    pub fn caught(&self) -> SigSet {
        self.collect(|handler| handler > SIG_IGN)
    }
    /// Explicitly ignored signals, for SigIgn in /proc/pid/status.
    pub fn ignored(&self) -> SigSet {
        self.collect(|handler| handler == SIG_IGN)
    }
    fn collect(&self, which: impl Fn(u64) -> bool) -> SigSet {
        SigSet(self.actions.iter().enumerate().map(|(i, a)| u64::from(which(a.handler)) << i).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structure_round_trips_and_unknown_flags_go() {
        let action = Action {
            handler: 0x1000,
            flags: sa::RESTORER | sa::SIGINFO,
            restorer: 0x2000,
            mask: SigSet::of(Signal::TERM),
        };
        assert_eq!(Action::decode(&action.encode()), action);
        let mut dispositions = Dispositions::new();
        let odd = Action { flags: u64::MAX, mask: SigSet::ALL, ..action };
        dispositions.set(Signal::USR1, odd).unwrap();
        assert_eq!(dispositions.get(Signal::USR1).flags, sa::KNOWN);
        assert_eq!(dispositions.get(Signal::USR1).mask, SigSet::ALL.blockable());
        assert_eq!(dispositions.set(Signal::KILL, action), Err(Errno::EINVAL));
    }

    #[test]
    fn outcomes() {
        let mut d = Dispositions::new();
        assert_eq!(d.outcome(Signal::TERM), Outcome::Terminate { core: false });
        assert_eq!(d.outcome(Signal::SEGV), Outcome::Terminate { core: true });
        assert_eq!(d.outcome(Signal::CHLD), Outcome::Ignore);
        assert_eq!(d.outcome(Signal::TSTP), Outcome::Stop);
        assert_eq!(d.outcome(Signal::RTMAX), Outcome::Terminate { core: false });
        assert!(d.drops(Signal::CHLD, SigSet::EMPTY) && !d.drops(Signal::CHLD, SigSet::ALL));
        let once = Action { handler: 0x1000, flags: sa::RESETHAND, ..Action::default() };
        d.set(Signal::INT, once).unwrap();
        d.set(Signal::HUP, Action { handler: SIG_IGN, ..Action::default() }).unwrap();
        d.set(Signal::USR1, Action { handler: 0x1000, ..Action::default() }).unwrap();
        assert_eq!(d.caught(), SigSet::of(Signal::INT).with(Signal::USR1));
        assert_eq!(d.outcome(Signal::INT), Outcome::Handle(once));
        assert_eq!(d.outcome(Signal::INT), Outcome::Terminate { core: false });
        d.reset_for_exec();
        assert_eq!((d.caught(), d.ignored()), (SigSet::EMPTY, SigSet::of(Signal::HUP)));
        assert_eq!(once.handler_mask(Signal::INT, SigSet::EMPTY), SigSet::of(Signal::INT));
        let open = Action { flags: sa::NODEFER, ..once };
        assert_eq!(open.handler_mask(Signal::INT, SigSet::EMPTY), SigSet::EMPTY);
    }
}
