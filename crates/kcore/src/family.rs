//! Parents and children: what wait4(2) and waitid(2) ask for, and what they tell (Linux: `kernel/exit.c`).

use crate::errno::{Errno, Result};
use crate::signal::info::code;
use crate::signal::{SigInfo, Signal};

/// Flags of wait4(2) and waitid(2).
mod flag {
    pub const NOHANG: u32 = 1;
    pub const STOPPED: u32 = 2;
    pub const EXITED: u32 = 4;
    pub const CONTINUED: u32 = 8;
    pub const NOWAIT: u32 = 0x0100_0000;
    pub const NOTHREAD: u32 = 0x2000_0000;
    pub const ALL: u32 = 0x4000_0000;
    pub const CLONE: u32 = 0x8000_0000;
}

/// Which children are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// All.
    Any,
    /// The one with that process id.
    Process(i32),
    /// Those in that process group.
    Group(i32),
}

impl Which {
    /// wait4(2)'s first argument; `own_group`: the caller's process group.
    ///
    /// # Errors
    /// ESRCH.
    pub fn of_wait4(pid: i32, own_group: i32) -> Result<Which> {
        match pid {
            i32::MIN => Err(Errno::ESRCH),
            -1 => Ok(Which::Any),
            0 => Ok(Which::Group(own_group)),
            pid if pid < 0 => Ok(Which::Group(-pid)),
            pid => Ok(Which::Process(pid)),
        }
    }

    /// waitid(2)'s first two arguments, except for descriptors of processes (P_PIDFD, 3).
    ///
    /// # Errors
    /// EINVAL.
    pub fn of_waitid(kind: u32, id: i32, own_group: i32) -> Result<Which> {
        match (kind, id) {
            (0, _) => Ok(Which::Any),
            (1, 1..) => Ok(Which::Process(id)),
            (2, 0) => Ok(Which::Group(own_group)),
            (2, 1..) => Ok(Which::Group(id)),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Whether a child with that id and process group is meant.
    pub fn matches(self, pid: i32, group: i32) -> bool {
        match self {
            Which::Any => true,
            Which::Process(wanted) => pid == wanted,
            Which::Group(wanted) => group == wanted,
        }
    }
}

/// What the caller wants to be told, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options(u32);

impl Options {
    /// wait4(2)'s, which always asks for the end.
    ///
    /// # Errors
    /// EINVAL: unknown flags.
    pub fn of_wait4(bits: u32) -> Result<Options> {
        let known = flag::NOHANG | flag::STOPPED | flag::CONTINUED | flag::NOTHREAD | flag::ALL | flag::CLONE;
        if bits & !known != 0 { Err(Errno::EINVAL) } else { Ok(Options(bits | flag::EXITED)) }
    }

    /// waitid(2)'s.
    ///
    /// # Errors
    /// EINVAL: unknown flags, or nothing is asked for.
    pub fn of_waitid(bits: u32) -> Result<Options> {
        let wanted = flag::EXITED | flag::STOPPED | flag::CONTINUED;
        let known = wanted | flag::NOHANG | flag::NOWAIT | flag::NOTHREAD | flag::ALL | flag::CLONE;
        if bits & !known != 0 || bits & wanted == 0 { Err(Errno::EINVAL) } else { Ok(Options(bits)) }
    }

    /// As waitid(2) has them.
    pub fn bits(self) -> u32 {
        self.0
    }
    /// Only children of the calling thread count.
    pub fn is_of_thread(self) -> bool {
        self.0 & flag::NOTHREAD != 0
    }
    /// Do not wait.
    pub fn is_nonblocking(self) -> bool {
        self.0 & flag::NOHANG != 0
    }
    /// The change can be asked for again.
    pub fn only_looks(self) -> bool {
        self.0 & flag::NOWAIT != 0
    }

    /// Whether a child that ends with `exit_signal` is meant (`eligible_child`).
    pub fn takes(self, exit_signal: i32) -> bool {
        let is_clone = exit_signal != Signal::CHLD.number() as i32;
        self.0 & flag::ALL != 0 || is_clone == (self.0 & flag::CLONE != 0)
    }

    /// Whether the caller wants to be told of `what`.
    pub fn wants(self, what: What) -> bool {
        let wanted = match what {
            What::Exited(_) | What::Killed(_) => flag::EXITED,
            What::Stopped(_) => flag::STOPPED,
            What::Continued => flag::CONTINUED,
        };
        self.0 & wanted != 0
    }
}

/// What has happened to a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// It has ended with this exit code.
    Exited(u8),
    /// This signal has ended it.
    Killed(u8),
    /// This signal has stopped it.
    Stopped(u8),
    /// It goes on after SIGCONT.
    Continued,
}

impl What {
    /// The end that a wait status tells of.
    pub fn of_end(status: u32) -> What {
        match status & 0x7f {
            0 => What::Exited((status >> 8) as u8),
            signal => What::Killed(signal as u8),
        }
    }

    /// From si_code and si_status.
    pub fn of_child_signal(code: i32, status: u8) -> Option<What> {
        Some(match code {
            code::CLD_EXITED => What::Exited(status),
            code::CLD_KILLED | code::CLD_DUMPED => What::Killed(status),
            code::CLD_STOPPED => What::Stopped(status),
            code::CLD_CONTINUED => What::Continued,
            _ => return None,
        })
    }

    /// As wait4(2) tells it.
    pub fn wait_status(self) -> u32 {
        match self {
            What::Exited(code) => u32::from(code) << 8,
            What::Killed(signal) => u32::from(signal),
            What::Stopped(signal) => u32::from(signal) << 8 | 0x7f,
            What::Continued => 0xffff,
        }
    }

    /// si_code and si_status.
    pub fn code_and_status(self) -> (i32, i32) {
        match self {
            What::Exited(code) => (code::CLD_EXITED, code.into()),
            What::Killed(signal) => (code::CLD_KILLED, signal.into()),
            What::Stopped(signal) => (code::CLD_STOPPED, signal.into()),
            What::Continued => (code::CLD_CONTINUED, Signal::CONT.number() as i32),
        }
    }

    /// Whether there is nothing more to come.
    pub fn is_end(self) -> bool {
        matches!(self, What::Exited(_) | What::Killed(_))
    }
}

/// What a process and its children that were waited for have used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// In the program, ns.
    pub user_time: u64,
    /// In the kernel, ns.
    pub system_time: u64,
    /// Most memory, KiB.
    pub resident: u64,
    /// Page faults that needed no input.
    pub faults: u64,
}

impl Usage {
    /// That of one more child.
    pub fn add(&mut self, child: Usage) {
        self.user_time += child.user_time;
        self.system_time += child.system_time;
        self.resident = self.resident.max(child.resident);
        self.faults += child.faults;
    }
}

/// A change of a child's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// Whose.
    pub pid: i32,
    /// Its real user id.
    pub uid: u32,
    /// What happened.
    pub what: What,
    /// What it has used.
    pub usage: Usage,
}

impl Change {
    /// What SIGCHLD, or the signal that the child was to end with, says of it.
    pub fn signal(&self, signal: Signal) -> SigInfo {
        const TICK: u64 = 10_000_000;
        let (code, status) = self.what.code_and_status();
        if signal != Signal::CHLD {
            return SigInfo::kill(signal, code, self.pid, self.uid);
        }
        let (user, system) = (self.usage.user_time / TICK, self.usage.system_time / TICK);
        SigInfo::child(code, self.pid, self.uid, status, user, system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_say_who_is_meant() {
        let which = |pid| Which::of_wait4(pid, 7);
        assert_eq!(which(i32::MIN), Err(Errno::ESRCH));
        assert_eq!([which(-1), which(0), which(-5), which(5)].map(Result::unwrap), {
            [Which::Any, Which::Group(7), Which::Group(5), Which::Process(5)]
        });
        assert_eq!(Which::of_waitid(1, 0, 7), Err(Errno::EINVAL));
        assert_eq!(Which::of_waitid(2, 0, 7), Ok(Which::Group(7)));
        assert_eq!(Which::of_waitid(4, 1, 7), Err(Errno::EINVAL));
        assert!(Which::Group(3).matches(9, 3) && !Which::Process(3).matches(9, 3));
    }

    #[test]
    fn options_say_what_is_wanted() {
        assert_eq!(Options::of_wait4(4), Err(Errno::EINVAL));
        assert_eq!(Options::of_waitid(1), Err(Errno::EINVAL));
        let plain = Options::of_wait4(0).unwrap();
        assert!(plain.wants(What::Exited(0)) && plain.wants(What::Killed(9)));
        assert!(!plain.wants(What::Stopped(19)) && !plain.wants(What::Continued));
        assert!(plain.takes(17) && !plain.takes(0) && !plain.takes(10));
        let clones = Options::of_wait4(0x8000_0000).unwrap();
        assert!(!clones.takes(17) && clones.takes(0));
        assert!(Options::of_wait4(0x4000_0000).unwrap().takes(0));
    }

    #[test]
    fn statuses_are_those_of_wait() {
        let all = [What::Exited(3), What::Killed(9), What::Stopped(19), What::Continued];
        assert_eq!(all.map(What::wait_status), [0x300, 9, 0x137f, 0xffff]);
        assert_eq!(all.map(What::code_and_status), [(1, 3), (2, 9), (5, 19), (6, 18)]);
        for what in [What::Exited(3), What::Killed(9)] {
            assert_eq!(What::of_end(what.wait_status()), what);
        }
    }
}
