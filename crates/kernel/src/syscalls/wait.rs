//! wait4(2), waitid(2): the VM's process has no children in the VM.

use super::Call;
use super::file::only;
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

/// waitid(2).
pub fn waitid(call: &mut Call<'_>) -> Result<i64> {
    let (which, id, options) = (call.uint(0), call.int(1), call.uint(3));
    only(options, NOHANG | NOWAIT | EXITED | UNTRACED | CONTINUED | KINDS)?;
    if options & (EXITED | UNTRACED | CONTINUED) == 0 {
        return Err(Errno::EINVAL);
    }
    match (which, id) {
        (0, _) | (1, 1..) | (2, 0..) => Err(Errno::ECHILD),
        // A descriptor of a process: there are none.
        (3, 0..) => Err(Errno::EBADF),
        _ => Err(Errno::EINVAL),
    }
}
