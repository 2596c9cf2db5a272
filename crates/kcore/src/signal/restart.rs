//! Interrupted system calls: EINTR, or once more (signal(7), "Interruption of system calls and library functions by
//! signal handlers"; Linux: `handle_signal`, `arch_do_signal_or_restart`).
//!
//! A call that was interrupted leaves one of the `ERESTART*` values. "Once more" means: RIP back on the original two-byte
//! `syscall` instruction, RAX the call's number. That is what frames show at a patched site, too; an entry there traps and is
//! served.

use super::action::{Action, sa};
use super::registers::{NO_CALL, Registers};
use crate::errno::Errno;

/// The call starts again, whatever the handler's flags.
pub const ERESTARTNOINTR: Errno = Errno(513);
/// EINTR when a handler runs; else restart_syscall(2), which goes on where the call was (remaining time of a sleep).
pub const ERESTART_RESTARTBLOCK: Errno = Errno(516);
/// Number of restart_syscall(2).
pub const RESTART_SYSCALL: u64 = 219;
/// Bytes of a `syscall` instruction.
const SYSCALL_SIZE: u64 = 2;

/// What `registers` say: interrupted with this value.
fn interrupted(registers: &Registers) -> Option<Errno> {
    if registers.orig_rax == NO_CALL {
        return None;
    }
    match (registers.rax as i64).checked_neg()? {
        error @ (512 | 513 | 514 | 516) => Some(Errno(error as i32)),
        _ => None,
    }
}

fn again(registers: &mut Registers, number: u64) {
    registers.rip = registers.rip.wrapping_sub(SYSCALL_SIZE);
    registers.rax = number;
    registers.orig_rax = NO_CALL;
}

/// Before the frame of a handler is built.
pub fn before_handler(registers: &mut Registers, action: &Action) {
    let Some(error) = interrupted(registers) else { return };
    if error == ERESTARTNOINTR || (error == Errno::ERESTARTSYS && action.has(sa::RESTART)) {
        let number = registers.orig_rax;
        again(registers, number);
    } else {
        registers.rax = Errno::EINTR.to_return_value() as u64;
        registers.orig_rax = NO_CALL;
    }
}

/// When the thread returns to the program and no handler runs. True: the registers now start the call again (the kernel may serve it at
/// once instead of returning).
pub fn without_handler(registers: &mut Registers) -> bool {
    let Some(error) = interrupted(registers) else { return false };
    let number = if error == ERESTART_RESTARTBLOCK { RESTART_SYSCALL } else { registers.orig_rax };
    again(registers, number);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(error: Errno) -> Registers {
        Registers { rax: error.to_return_value() as u64, orig_rax: 0, rip: 0x1002, ..Registers::default() }
    }

    #[test]
    fn as_linux_decides() {
        let (plain, restart) = (Action::default(), Action { flags: sa::RESTART, ..Action::default() });
        let eintr = (Errno::EINTR.to_return_value() as u64, 0x1002);
        let once_more = (0, 0x1000);
        for (error, action, expected) in [
            (Errno::ERESTARTSYS, &plain, eintr),
            (Errno::ERESTARTSYS, &restart, once_more),
            (Errno::ERESTARTNOHAND, &restart, eintr),
            (ERESTART_RESTARTBLOCK, &restart, eintr),
            (ERESTARTNOINTR, &plain, once_more),
            (Errno::EINTR, &restart, eintr),
        ] {
            let mut registers = call(error);
            before_handler(&mut registers, action);
            assert_eq!((registers.rax, registers.rip), expected, "{error:?}");
        }
        for (error, rax) in [
            (Errno::ERESTARTSYS, 0),
            (Errno::ERESTARTNOHAND, 0),
            (ERESTARTNOINTR, 0),
            (ERESTART_RESTARTBLOCK, RESTART_SYSCALL),
        ] {
            let mut registers = call(error);
            assert!(without_handler(&mut registers));
            assert_eq!((registers.rax, registers.rip), (rax, 0x1000));
            // A second handler of the same delivery must not move it again.
            before_handler(&mut registers, &plain);
            assert_eq!((registers.rax, registers.rip), (rax, 0x1000));
        }
        let mut registers = call(Errno::EBADF);
        assert!(!without_handler(&mut registers));
        let mut registers = Registers { orig_rax: NO_CALL, ..call(Errno::ERESTARTSYS) };
        assert!(!without_handler(&mut registers));
    }
}
