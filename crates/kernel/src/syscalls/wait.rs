//! wait4(2), waitid(2): the VM's process has no children in the VM.

use super::Call;
use super::file::only;
use crate::arch::user;
use ramet_kcore::errno::{Errno, Result};

const NOHANG: u32 = 1;
const UNTRACED: u32 = 2;
const EXITED: u32 = 4;
const CONTINUED: u32 = 8;
const NOWAIT: u32 = 0x0100_0000;
/// __WNOTHREAD, __WALL, __WCLONE.
const KINDS: u32 = 0xe000_0000;

/// wait4(2).
pub fn wait4(call: &mut Call<'_>) -> Result<i64> {
    only(call.uint(2), NOHANG | UNTRACED | CONTINUED | KINDS)?;
    Err(if call.int(0) == i32::MIN { Errno::ESRCH } else { Errno::ECHILD })
}

fn find(which: u32, id: i32, options: u32) -> Errno {
    if only(options, NOHANG | NOWAIT | EXITED | UNTRACED | CONTINUED | KINDS).is_err()
        || options & (EXITED | UNTRACED | CONTINUED) == 0
    {
        return Errno::EINVAL;
    }
    match (which, id) {
        (0, _) | (1, 1..) | (2, 0..) => Errno::ECHILD,
        // A descriptor of a process: there are none.
        (3, 0..) => Errno::EBADF,
        _ => Errno::EINVAL,
    }
}

/// waitid(2). As on Linux, the siginfo_t is cleared whatever the error.
pub fn waitid(call: &mut Call<'_>) -> Result<i64> {
    const SIGINFO_SIZE: usize = 128;
    let error = find(call.uint(0), call.int(1), call.uint(3));
    let at = call.arg(2);
    if at != 0 {
        if !user::in_program(at, SIGINFO_SIZE) {
            return Err(Errno::EFAULT);
        }
        // si_signo, si_errno, si_code; si_pid, si_uid, si_status.
        user::write(at, &[0; 12])?;
        user::write(at + 16, &[0; 12])?;
    }
    Err(error)
}
