//! The alternate signal stack (sigaltstack(2)).

use crate::errno::{Errno, Result};

/// Bytes of `stack_t`: pointer, flags, padding, size.
pub const STACK_T_SIZE: usize = 24;
/// The thread runs on it.
pub const SS_ONSTACK: u32 = 1;
/// There is none.
pub const SS_DISABLE: u32 = 2;
/// Forget it while a handler runs on it.
pub const SS_AUTODISARM: u32 = 1 << 31;
/// Smallest accepted size (MINSIGSTKSZ).
pub const MINIMUM: u64 = 2048;

/// A thread's alternate stack. Threads start without one, execve and a child that shares memory reset it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AltStack {
    /// Lowest address.
    pub base: u64,
    /// Bytes; 0: none.
    pub size: u64,
    /// As set: SS_DISABLE, SS_ONSTACK (which means nothing) or 0, with SS_AUTODISARM.
    pub flags: u32,
}

impl Default for AltStack {
    fn default() -> Self {
        AltStack::NONE
    }
}

impl AltStack {
    /// No alternate stack.
    pub const NONE: AltStack = AltStack { base: 0, size: 0, flags: SS_DISABLE };

    /// Whether `rsp` lies on it (Linux: `__on_sig_stack`; the stack grows down, so that its lowest address is not "on" it and its end is).
    pub fn holds(&self, rsp: u64) -> bool {
        rsp > self.base && rsp - self.base <= self.size
    }

    /// As [`AltStack::holds`], but never with SS_AUTODISARM, which expects the stack to be used again.
    pub fn is_in_use(&self, rsp: u64) -> bool {
        self.flags & SS_AUTODISARM == 0 && self.holds(rsp)
    }

    /// Flags as sigaltstack(2) reports them to a thread at `rsp`.
    pub fn state(&self, rsp: u64) -> u32 {
        if self.size == 0 {
            SS_DISABLE
        } else if self.is_in_use(rsp) {
            SS_ONSTACK
        } else {
            0
        }
    }

    /// The structure that sigaltstack(2) reports to a thread at `rsp`.
    pub fn report(&self, rsp: u64) -> [u8; STACK_T_SIZE] {
        self.with_flags(self.state(rsp) | self.flags & SS_AUTODISARM)
    }

    /// The structure of a signal frame: the flags as they were set.
    pub fn encode(&self) -> [u8; STACK_T_SIZE] {
        self.with_flags(self.flags)
    }

    fn with_flags(&self, flags: u32) -> [u8; STACK_T_SIZE] {
        let mut bytes = [0; STACK_T_SIZE];
        bytes[..8].copy_from_slice(&self.base.to_le_bytes());
        bytes[8..12].copy_from_slice(&flags.to_le_bytes());
        bytes[16..].copy_from_slice(&self.size.to_le_bytes());
        bytes
    }

    /// From the program's structure, unchecked: see [`AltStack::change`].
    pub fn decode(bytes: &[u8; STACK_T_SIZE]) -> AltStack {
        let long = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        AltStack { base: long(0), size: long(16), flags: long(8) as u32 }
    }

    /// Sets a new stack for a thread at `rsp`.
    ///
    /// # Errors
    /// EPERM: it runs on the present one; EINVAL: unknown flags; ENOMEM: smaller than [`MINIMUM`].
    pub fn change(&mut self, wanted: AltStack, rsp: u64) -> Result<()> {
        if self.is_in_use(rsp) {
            return Err(Errno::EPERM);
        }
        let mode = wanted.flags & !SS_AUTODISARM;
        if !matches!(mode, 0 | SS_ONSTACK | SS_DISABLE) {
            return Err(Errno::EINVAL);
        }
        if *self == wanted {
            return Ok(());
        }
        if mode == SS_DISABLE {
            *self = AltStack { base: 0, size: 0, flags: wanted.flags };
        } else if wanted.size < MINIMUM {
            return Err(Errno::ENOMEM);
        } else {
            *self = wanted;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_sigaltstack() {
        let mut stack = AltStack::NONE;
        let new = AltStack { base: 0x1000, size: 0x2000, flags: 0 };
        assert_eq!(stack.change(AltStack { size: 100, ..new }, 0), Err(Errno::ENOMEM));
        assert_eq!(stack.change(AltStack { flags: 4, ..new }, 0), Err(Errno::EINVAL));
        assert_eq!(stack.change(new, 0), Ok(()));
        assert_eq!(AltStack::decode(&stack.encode()), new);
        assert_eq!((stack.state(0x1000), stack.state(0x1001), stack.state(0x3000)), (0, 1, 1));
        assert_eq!(stack.change(AltStack::NONE, 0x2000), Err(Errno::EPERM));
        let disarm = AltStack { flags: SS_AUTODISARM, ..new };
        assert_eq!(stack.change(disarm, 0), Ok(()));
        assert_eq!(stack.report(0x2000)[8..12], SS_AUTODISARM.to_le_bytes());
        assert_eq!(stack.change(AltStack { flags: SS_DISABLE, ..new }, 0x2000), Ok(()));
        assert_eq!(stack, AltStack::NONE);
        assert_eq!(stack.report(0)[8..12], SS_DISABLE.to_le_bytes());
    }
}
