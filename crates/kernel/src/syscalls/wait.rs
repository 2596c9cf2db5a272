//! wait4(2), waitid(2).

use super::Call;
use super::ipc::pidfd;
use crate::arch::user;
use crate::task::{family, sched};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::family::{Change, Options, Usage, Which};

fn own_group() -> i32 {
    sched::with_current(|thread| thread.process.group.get())
}

/// A struct rusage of a child.
fn write_usage(at: usize, usage: &Usage) -> Result<()> {
    const MICROSECOND: u64 = 1000;
    let mut words = [0u64; 18];
    for (n, time) in [usage.user_time, usage.system_time].into_iter().enumerate() {
        words[n * 2] = time / 1_000_000_000;
        words[n * 2 + 1] = time % 1_000_000_000 / MICROSECOND;
    }
    words[4] = usage.resident;
    words[8] = usage.faults;
    let mut bytes = [0; 144];
    for (field, word) in bytes.chunks_exact_mut(8).zip(words) {
        field.copy_from_slice(&word.to_le_bytes());
    }
    user::write(at, &bytes)
}

/// wait4(2).
pub fn wait4(call: &mut Call<'_>) -> Result<i64> {
    let options = Options::of_wait4(call.uint(2))?;
    let which = Which::of_wait4(call.int(0), own_group())?;
    let Some(change) = family::wait(which, options)? else { return Ok(0) };
    if call.arg(1) != 0 {
        user::write_u32(call.arg(1), change.what.wait_status())?;
    }
    if call.arg(3) != 0 {
        write_usage(call.arg(3), &change.usage)?;
    }
    Ok(change.pid as i64)
}

fn find(which: u32, id: i32, options: u32) -> Result<Option<Change>> {
    const PIDFD: u32 = 3;
    const NOHANG: u32 = 1;
    let wanted = Options::of_waitid(options)?;
    if which == PIDFD && id >= 0 {
        let (pid, is_nonblocking) = pidfd::target(id)?;
        if is_nonblocking {
            let wanted = Options::of_waitid(options | NOHANG)?;
            let found = family::wait(Which::Process(pid), wanted)?;
            return if found.is_none() && options & NOHANG == 0 { Err(Errno::EAGAIN) } else { Ok(found) };
        }
        return family::wait(Which::Process(pid), wanted);
    }
    let options = wanted;
    family::wait(Which::of_waitid(which, id, own_group())?, options)
}

/// waitid(2). As on Linux, the siginfo_t is cleared if there is nothing to tell, whatever the error.
pub fn waitid(call: &mut Call<'_>) -> Result<i64> {
    const SIGINFO_SIZE: usize = 128;
    let found = find(call.uint(0), call.int(1), call.uint(3));
    if let (Ok(Some(change)), usage @ 1..) = (&found, call.arg(4)) {
        write_usage(usage, &change.usage)?;
    }
    let at = call.arg(2);
    if at != 0 {
        if !user::in_program(at, SIGINFO_SIZE) {
            return Err(Errno::EFAULT);
        }
        let mut fields = [0i32; 7];
        if let Ok(Some(change)) = &found {
            let (code, status) = change.what.code_and_status();
            fields = [CHILD, 0, code, 0, change.pid, change.uid as i32, status];
        }
        // si_signo, si_errno, si_code; si_pid, si_uid, si_status.
        for n in [0, 1, 2, 4, 5, 6] {
            user::write_i32(at + n * 4, fields[n])?;
        }
    }
    found.map(|_| 0)
}

/// SIGCHLD.
const CHILD: i32 = 17;
