//! Signal numbers and sets of them (signal(7), x86-64).

/// A signal number from 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Signal(u8);

/// Names with their numbers.
macro_rules! signals {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        impl Signal {
            $(#[doc = $text] pub const $name: Signal = Signal($number);)*

            /// The name, as strace shows it; `SIGRT` for the real-time signals.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($number => concat!("SIG", stringify!($name)),)*
                    _ => "SIGRT",
                }
            }
        }
    };
}

signals! {
    HUP = 1, "Hangup of the controlling terminal.";
    INT = 2, "Interrupt from the keyboard.";
    QUIT = 3, "Quit from the keyboard.";
    ILL = 4, "Illegal instruction.";
    TRAP = 5, "Trace or breakpoint trap.";
    ABRT = 6, "abort(3).";
    BUS = 7, "Bad memory access: no such page of the file.";
    FPE = 8, "Arithmetic exception.";
    KILL = 9, "Kill; cannot be caught.";
    USR1 = 10, "User-defined.";
    SEGV = 11, "Invalid memory reference.";
    USR2 = 12, "User-defined.";
    PIPE = 13, "Write to a pipe without readers.";
    ALRM = 14, "alarm(2), ITIMER_REAL.";
    TERM = 15, "Termination.";
    STKFLT = 16, "Unused.";
    CHLD = 17, "A child changed its state.";
    CONT = 18, "Continue if stopped.";
    STOP = 19, "Stop; cannot be caught.";
    TSTP = 20, "Stop from the terminal.";
    TTIN = 21, "Terminal input for a background process.";
    TTOU = 22, "Terminal output of a background process.";
    URG = 23, "Urgent data.";
    XCPU = 24, "CPU time limit.";
    XFSZ = 25, "File size limit.";
    VTALRM = 26, "ITIMER_VIRTUAL.";
    PROF = 27, "ITIMER_PROF.";
    WINCH = 28, "The terminal's size changed.";
    IO = 29, "I/O is possible.";
    PWR = 30, "Power failure.";
    SYS = 31, "Bad system call.";
}

impl Signal {
    /// The first real-time signal, as the kernel counts (the C library keeps some for itself).
    pub const RTMIN: Signal = Signal(32);
    /// The last signal.
    pub const RTMAX: Signal = Signal(64);

    /// The signal with this number; none outside 1 to 64.
    pub const fn new(number: i64) -> Option<Signal> {
        if number >= 1 && number <= 64 { Some(Signal(number as u8)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// Whether it is queued in order instead of merged.
    pub const fn is_real_time(self) -> bool {
        self.0 >= Self::RTMIN.0
    }

    /// What happens without a handler.
    pub const fn default_action(self) -> DefaultAction {
        match self {
            Self::CHLD | Self::URG | Self::WINCH => DefaultAction::Ignore,
            Self::CONT => DefaultAction::Continue,
            Self::STOP | Self::TSTP | Self::TTIN | Self::TTOU => DefaultAction::Stop,
            Self::QUIT
            | Self::ILL
            | Self::TRAP
            | Self::ABRT
            | Self::BUS
            | Self::FPE
            | Self::SEGV
            | Self::XCPU
            | Self::XFSZ
            | Self::SYS => DefaultAction::Core,
            _ => DefaultAction::Terminate,
        }
    }
}

/// Default actions of signal(7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultAction {
    /// The process ends.
    Terminate,
    /// The process ends; the wait status has the core bit where a core file was written.
    Core,
    /// Nothing.
    Ignore,
    /// The process stops.
    Stop,
    /// The process continues if it was stopped.
    Continue,
}

/// A set of signals: bit n - 1 for signal n.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SigSet(pub u64);

impl SigSet {
    /// No signal.
    pub const EMPTY: SigSet = SigSet(0);
    /// Every signal.
    pub const ALL: SigSet = SigSet(u64::MAX);
    /// SIGKILL and SIGSTOP, which cannot be blocked, caught or ignored.
    pub const UNBLOCKABLE: SigSet = SigSet::of(Signal::KILL).with(Signal::STOP);
    /// The signals that an instruction of the program causes; delivered before all others (Linux: `SYNCHRONOUS_MASK`).
    pub const SYNCHRONOUS: SigSet = SigSet::of(Signal::SEGV)
        .with(Signal::BUS)
        .with(Signal::ILL)
        .with(Signal::TRAP)
        .with(Signal::FPE)
        .with(Signal::SYS);
    /// The signals whose default is to stop.
    pub const STOPPING: SigSet =
        SigSet::of(Signal::STOP).with(Signal::TSTP).with(Signal::TTIN).with(Signal::TTOU);

    /// One signal.
    pub const fn of(signal: Signal) -> SigSet {
        SigSet(1 << (signal.0 - 1))
    }
    /// With `signal` added.
    pub const fn with(self, signal: Signal) -> SigSet {
        SigSet(self.0 | SigSet::of(signal).0)
    }
    /// With `signal` removed.
    pub const fn without(self, signal: Signal) -> SigSet {
        SigSet(self.0 & !SigSet::of(signal).0)
    }
    /// Signals in either.
    pub const fn or(self, other: SigSet) -> SigSet {
        SigSet(self.0 | other.0)
    }
    /// Signals in both.
    pub const fn and(self, other: SigSet) -> SigSet {
        SigSet(self.0 & other.0)
    }
    /// Signals in `self` and not in `other`.
    pub const fn minus(self, other: SigSet) -> SigSet {
        SigSet(self.0 & !other.0)
    }
    /// Whether `signal` is in it.
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & SigSet::of(signal).0 != 0
    }
    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
    /// As a thread's mask: without what cannot be blocked.
    pub const fn blockable(self) -> SigSet {
        self.minus(SigSet::UNBLOCKABLE)
    }
    /// The lowest signal.
    pub const fn first(self) -> Option<Signal> {
        if self.0 == 0 { None } else { Some(Signal(self.0.trailing_zeros() as u8 + 1)) }
    }
    /// The signals in ascending order.
    pub fn iter(self) -> impl Iterator<Item = Signal> {
        (1..=64).map(Signal).filter(move |&s| self.contains(s))
    }
}

/// rt_sigprocmask(2): the new mask, without what cannot be blocked.
///
/// # Errors
/// EINVAL: unknown `how`.
pub fn change_mask(old: SigSet, how: i32, set: SigSet) -> crate::errno::Result<SigSet> {
    match how {
        0 => Ok(old.or(set).blockable()),
        1 => Ok(old.minus(set)),
        2 => Ok(set.blockable()),
        _ => Err(crate::errno::Errno::EINVAL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names_and_sets() {
        assert_eq!(Signal::new(0), None);
        assert_eq!(Signal::new(65), None);
        assert_eq!(Signal::new(64), Some(Signal::RTMAX));
        assert_eq!((Signal::SEGV.name(), Signal::RTMIN.name()), ("SIGSEGV", "SIGRT"));
        let set = SigSet::of(Signal::TERM).with(Signal::KILL).with(Signal::RTMAX);
        assert_eq!(set.0, 1 << 14 | 1 << 8 | 1 << 63);
        assert_eq!(set.blockable().first(), Some(Signal::TERM));
        assert_eq!(set.iter().count(), 3);
        assert_eq!(change_mask(SigSet::EMPTY, 2, SigSet::ALL), Ok(SigSet::ALL.blockable()));
        assert_eq!(change_mask(SigSet::of(Signal::HUP), 1, SigSet::ALL), Ok(SigSet::EMPTY));
        assert!(change_mask(SigSet::EMPTY, 3, SigSet::ALL).is_err());
    }
}
