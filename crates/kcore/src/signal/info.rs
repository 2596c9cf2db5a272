//! What accompanies a signal: `siginfo_t` of x86-64 (sigaction(2); Linux: `asm-generic/siginfo.h`), and its other form for
//! signalfd(2).

use super::set::Signal;
use crate::wait::Events;

/// Bytes of `siginfo_t`.
pub const SIGINFO_SIZE: usize = 128;
/// Bytes of it that have a meaning (Linux: `struct kernel_siginfo`).
const MEANT: usize = 48;

/// Values of `si_code`.
pub mod code {
    /// kill(2).
    pub const SI_USER: i32 = 0;
    /// Sent by the kernel.
    pub const SI_KERNEL: i32 = 0x80;
    /// sigqueue(3).
    pub const SI_QUEUE: i32 = -1;
    /// A POSIX timer expired.
    pub const SI_TIMER: i32 = -2;
    /// A message arrived on an empty queue.
    pub const SI_MESGQ: i32 = -3;
    /// Asynchronous I/O completed.
    pub const SI_ASYNCIO: i32 = -4;
    /// Queued SIGIO.
    pub const SI_SIGIO: i32 = -5;
    /// tgkill(2).
    pub const SI_TKILL: i32 = -6;
    /// SIGIO: something to read.
    pub const POLL_IN: i32 = 1;
    /// SIGIO: room to write.
    pub const POLL_OUT: i32 = 2;
    /// SIGIO: the other side has gone.
    pub const POLL_HUP: i32 = 6;
    /// SIGILL: illegal operand.
    pub const ILL_ILLOPN: i32 = 2;
    /// SIGFPE: integer division by zero.
    pub const FPE_INTDIV: i32 = 1;
    /// SIGFPE: floating-point division by zero.
    pub const FPE_FLTDIV: i32 = 3;
    /// SIGFPE: floating-point overflow.
    pub const FPE_FLTOVF: i32 = 4;
    /// SIGFPE: floating-point underflow.
    pub const FPE_FLTUND: i32 = 5;
    /// SIGFPE: floating-point inexact result.
    pub const FPE_FLTRES: i32 = 6;
    /// SIGFPE: invalid floating-point operation.
    pub const FPE_FLTINV: i32 = 7;
    /// SIGSEGV: no mapping there.
    pub const SEGV_MAPERR: i32 = 1;
    /// SIGSEGV: the mapping forbids it.
    pub const SEGV_ACCERR: i32 = 2;
    /// SIGBUS: alignment.
    pub const BUS_ADRALN: i32 = 1;
    /// SIGBUS: no such page of the object.
    pub const BUS_ADRERR: i32 = 2;
    /// SIGTRAP: breakpoint.
    pub const TRAP_BRKPT: i32 = 1;
    /// SIGTRAP: single step.
    pub const TRAP_TRACE: i32 = 2;
    /// SIGCHLD: the child exited.
    pub const CLD_EXITED: i32 = 1;
    /// SIGCHLD: a signal ended the child.
    pub const CLD_KILLED: i32 = 2;
    /// SIGCHLD: likewise, with a core file.
    pub const CLD_DUMPED: i32 = 3;
    /// SIGCHLD: the child stopped.
    pub const CLD_STOPPED: i32 = 5;
    /// SIGCHLD: the child continued.
    pub const CLD_CONTINUED: i32 = 6;
    /// SIGSYS: a filter refused the call.
    pub const SYS_SECCOMP: i32 = 1;
}

/// The code and band (`si_band`) of the SIGIO that tells `events` of an object which tells `told` (fcntl(2) F_SETSIG).
pub fn told(told: Events, events: Events) -> Option<(i32, i64)> {
    // An end is told as what it lets the program do, except where HUP is told of its own (sockets).
    let end = events.intersects(Events::HUP.or(Events::ERR));
    if events.intersects(Events::HUP) && told.intersects(Events::HUP) {
        Some((code::POLL_HUP, 0x018))
    } else if told.intersects(Events::IN) && (end || events.intersects(Events::IN)) {
        Some((code::POLL_IN, 0x041))
    } else if told.intersects(Events::OUT) && (end || events.intersects(Events::OUT)) {
        Some((code::POLL_OUT, 0x304))
    } else {
        None
    }
}

/// Which fields follow the code (Linux: `siginfo_layout`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layout {
    /// Sender's pid and uid.
    Kill,
    /// Timer id, overrun, value.
    Timer,
    /// Band and descriptor.
    Poll,
    /// Address.
    Fault,
    /// Child's pid, uid, status, times.
    Child,
    /// Pid, uid, value.
    RealTime,
    /// Call address, number, architecture.
    System,
}

/// A signal's information. The fields lie where the program will see them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SigInfo([u8; MEANT]);

impl SigInfo {
    fn start(signal: Signal, code: i32) -> SigInfo {
        let mut info = SigInfo([0; MEANT]);
        info.put(0, &signal.number().to_le_bytes());
        info.put(8, &code.to_le_bytes());
        info
    }
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
    fn word(&self, at: usize) -> i32 {
        i32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }
    fn long(&self, at: usize) -> u64 {
        u64::from(self.word(at) as u32) | u64::from(self.word(at + 4) as u32) << 32
    }

    /// From kill(2) (`SI_USER`), tgkill(2) (`SI_TKILL`) or the kernel on somebody's behalf.
    pub fn kill(signal: Signal, code: i32, pid: i32, uid: u32) -> SigInfo {
        let mut info = Self::start(signal, code);
        info.put(16, &pid.to_le_bytes());
        info.put(20, &uid.to_le_bytes());
        info
    }
    /// From the kernel itself (`SI_KERNEL`).
    pub fn kernel(signal: Signal) -> SigInfo {
        Self::start(signal, code::SI_KERNEL)
    }
    /// From sigqueue(3) and its like: `code` is negative, `value` the sender's `sigval`.
    pub fn queued(signal: Signal, code: i32, pid: i32, uid: u32, value: u64) -> SigInfo {
        let mut info = Self::kill(signal, code, pid, uid);
        info.put(24, &value.to_le_bytes());
        info
    }
    /// From a POSIX timer.
    pub fn timer(signal: Signal, timer: i32, overrun: i32, value: u64) -> SigInfo {
        let mut info = Self::start(signal, code::SI_TIMER);
        info.put(16, &timer.to_le_bytes());
        info.put(20, &overrun.to_le_bytes());
        info.put(24, &value.to_le_bytes());
        info
    }
    /// From an instruction of the program at or touching `address`.
    pub fn fault(signal: Signal, code: i32, address: u64) -> SigInfo {
        let mut info = Self::start(signal, code);
        info.put(16, &address.to_le_bytes());
        info
    }
    /// SIGCHLD. `status` is the exit code or the signal number; times in clock ticks.
    pub fn child(code: i32, pid: i32, uid: u32, status: i32, user_ticks: u64, system_ticks: u64) -> SigInfo {
        let mut info = Self::kill(Signal::CHLD, code, pid, uid);
        info.put(24, &status.to_le_bytes());
        info.put(32, &user_ticks.to_le_bytes());
        info.put(40, &system_ticks.to_le_bytes());
        info
    }
    /// SIGIO for descriptor `fd`; `code` is one of POLL_IN ... (1 to 6), `band` has poll(2)'s bits.
    pub fn poll(signal: Signal, code: i32, band: i64, fd: i32) -> SigInfo {
        let mut info = Self::start(signal, code);
        info.put(16, &band.to_le_bytes());
        info.put(24, &fd.to_le_bytes());
        info
    }
    /// SIGSYS for system call `number`, whose instruction ends at `address`.
    pub fn system_call(code: i32, address: u64, number: i32) -> SigInfo {
        const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
        let mut info = Self::start(Signal::SYS, code);
        info.put(16, &address.to_le_bytes());
        info.put(24, &number.to_le_bytes());
        info.put(28, &AUDIT_ARCH_X86_64.to_le_bytes());
        info
    }

    /// From a program's own `siginfo_t` (rt_sigqueueinfo(2)), whose signal number is replaced by `signal`.
    ///
    /// # Errors
    /// E2BIG: a code that Linux knows no layout for, with bytes set past the fields (as Linux).
    pub fn from_user(signal: Signal, bytes: &[u8; SIGINFO_SIZE]) -> crate::errno::Result<SigInfo> {
        let mut info = SigInfo([0; MEANT]);
        info.0.copy_from_slice(&bytes[..MEANT]);
        info.put(0, &signal.number().to_le_bytes());
        let known = (-7..=6).contains(&info.code()) || info.code() == code::SI_KERNEL || info.code() == -60;
        if !known && bytes[MEANT..].iter().any(|&b| b != 0) {
            return Err(crate::errno::Errno::E2BIG);
        }
        Ok(info)
    }

    /// The signal.
    pub fn signal(&self) -> Signal {
        Signal::new(self.word(0).into()).unwrap_or(Signal::KILL)
    }
    /// `si_code`.
    pub fn code(&self) -> i32 {
        self.word(8)
    }
    /// The timer's id, if a POSIX timer sent it.
    pub fn timer_id(&self) -> Option<i32> {
        (self.code() == code::SI_TIMER).then(|| self.word(16))
    }
    /// Sets the overrun count of a timer's signal.
    pub fn set_overrun(&mut self, overrun: i32) {
        self.put(20, &overrun.to_le_bytes());
    }
    /// Sender's pid (kill, queue and child layouts).
    pub fn pid(&self) -> i32 {
        self.word(16)
    }
    /// Sender's real uid, likewise.
    pub fn uid(&self) -> u32 {
        self.word(20) as u32
    }
    /// `si_value` (kill and queue layouts), where a child's signal has si_status.
    pub fn value(&self) -> u64 {
        self.long(24)
    }
    /// Faulting address (fault layout).
    pub fn address(&self) -> u64 {
        self.long(16)
    }

    /// Which fields are valid.
    pub fn layout(&self) -> Layout {
        let signal = self.signal();
        match self.code() {
            code::SI_TIMER => Layout::Timer,
            code::SI_SIGIO => Layout::Poll,
            i32::MIN..=-1 => Layout::RealTime,
            code @ 1..0x80 => match signal {
                Signal::ILL | Signal::FPE | Signal::SEGV | Signal::BUS | Signal::TRAP => Layout::Fault,
                Signal::CHLD => Layout::Child,
                Signal::SYS => Layout::System,
                Signal::IO => Layout::Poll,
                _ if code <= 6 => Layout::Poll,
                _ => Layout::Kill,
            },
            _ => Layout::Kill,
        }
    }

    /// `siginfo_t`.
    pub fn to_user(&self) -> [u8; SIGINFO_SIZE] {
        let mut bytes = [0; SIGINFO_SIZE];
        bytes[..MEANT].copy_from_slice(&self.0);
        bytes
    }

    /// `struct signalfd_siginfo` (signalfd(2)).
    pub fn to_signalfd(&self) -> [u8; 128] {
        let mut out = [0u8; 128];
        let mut put = |at: usize, from: usize, length: usize| {
            out[at..at + length].copy_from_slice(&self.0[from..from + length]);
        };
        put(0, 0, 12);
        match self.layout() {
            Layout::Kill => put(12, 16, 8),
            Layout::Timer => {
                put(24, 16, 4);
                put(32, 20, 4);
                put(44, 24, 4);
                put(48, 24, 8);
            }
            Layout::Poll => {
                put(28, 16, 4);
                put(20, 24, 4);
            }
            Layout::Fault => {
                put(72, 16, 8);
                put(80, 24, 2);
            }
            Layout::Child => {
                put(12, 16, 8);
                put(40, 24, 4);
                put(56, 32, 8);
                put(64, 40, 8);
            }
            Layout::RealTime => {
                put(12, 16, 8);
                put(44, 24, 4);
                put(48, 24, 8);
            }
            Layout::System => {
                put(88, 16, 8);
                put(84, 24, 4);
                put(96, 28, 4);
            }
        }
        out
    }
}

impl core::fmt::Debug for SigInfo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} code {} {:?}", self.signal().name(), self.code(), self.layout())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }
    fn word(bytes: &[u8], at: usize) -> i32 {
        i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn fields_lie_where_linux_has_them() {
        let fault = SigInfo::fault(Signal::SEGV, code::SEGV_MAPERR, 0x1234_5678_9abc).to_user();
        assert_eq!((word(&fault, 0), word(&fault, 4), word(&fault, 8)), (11, 0, 1));
        assert_eq!(long(&fault, 16), 0x1234_5678_9abc);
        let child = SigInfo::child(code::CLD_EXITED, 5, 6, 7, 8, 9).to_user();
        assert_eq!((word(&child, 16), word(&child, 20), word(&child, 24)), (5, 6, 7));
        assert_eq!((long(&child, 32), long(&child, 40)), (8, 9));
        let timer = SigInfo::timer(Signal::ALRM, 3, 2, 0xdead_beef_0000).to_user();
        assert_eq!((word(&timer, 8), word(&timer, 16), word(&timer, 20)), (-2, 3, 2));
        assert_eq!(long(&timer, 24), 0xdead_beef_0000);
        let system = SigInfo::system_call(1, 0x40_1000, 39).to_user();
        assert_eq!(
            (long(&system, 16), word(&system, 24), word(&system, 28)),
            (0x40_1000, 39, 0xc000_003eu32 as i32)
        );
    }

    #[test]
    fn signalfd_form() {
        let bytes = SigInfo::queued(Signal::RTMIN, code::SI_QUEUE, 10, 20, 0x1_0000_0002).to_signalfd();
        assert_eq!((word(&bytes, 0), word(&bytes, 8), word(&bytes, 12), word(&bytes, 16)), (32, -1, 10, 20));
        assert_eq!((word(&bytes, 44), long(&bytes, 48)), (2, 0x1_0000_0002));
        let bytes = SigInfo::child(code::CLD_KILLED, 1, 2, 9, 3, 4).to_signalfd();
        assert_eq!((word(&bytes, 12), word(&bytes, 40), long(&bytes, 56), long(&bytes, 64)), (1, 9, 3, 4));
        let bytes = SigInfo::fault(Signal::BUS, 2, 77).to_signalfd();
        assert_eq!(long(&bytes, 72), 77);
        let bytes = SigInfo::timer(Signal::ALRM, 3, 2, 5).to_signalfd();
        assert_eq!((word(&bytes, 24), word(&bytes, 32), word(&bytes, 44)), (3, 2, 5));
    }

    #[test]
    fn users_information_is_kept_but_for_the_number() {
        let mut bytes = SigInfo::queued(Signal::USR1, code::SI_QUEUE, 1, 2, 3).to_user();
        bytes[0] = 99;
        let info = SigInfo::from_user(Signal::USR2, &bytes).unwrap();
        assert_eq!((info.signal(), info.pid(), info.uid()), (Signal::USR2, 1, 2));
        bytes[8..12].copy_from_slice(&(-100i32).to_le_bytes());
        assert!(SigInfo::from_user(Signal::USR2, &bytes).is_ok());
        bytes[127] = 1;
        assert!(SigInfo::from_user(Signal::USR2, &bytes).is_err());
    }
}
