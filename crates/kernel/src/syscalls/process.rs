//! What concerns other processes or the whole machine, as a VM without privileges outside sees it:
//! process_vm_readv(2), restart_syscall(2), and calls that nobody may make.

use super::Call;
use crate::arch::user;
use crate::task::family::elsewhere;
use crate::task::{process, sched};
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::cap;

/// One side of process_vm_readv(2).
fn vectors(at: usize, count: usize) -> Result<Vec<(usize, usize)>> {
    const MOST: usize = 1024;
    if count > MOST {
        return Err(Errno::EINVAL);
    }
    let mut parts = Vec::with_capacity(count);
    for n in 0..count {
        let entry = at.wrapping_add(n * 16);
        let (base, length) = (user::read_u64(entry)?, user::read_u64(entry.wrapping_add(8))?);
        if length > i64::MAX as u64 {
            return Err(Errno::EINVAL);
        }
        parts.push((base as usize, length as usize));
    }
    Ok(parts)
}

/// Copies between two lists of buffers of the program until one is full or a page is missing.
fn copy(from: &[(usize, usize)], to: &[(usize, usize)]) -> Result<i64> {
    let mut buffer = [0; 2048];
    let mut total = 0;
    let (mut from, mut to) = (from.iter().copied(), to.iter().copied());
    let (mut source, mut target) = ((0, 0), (0, 0));
    loop {
        while source.1 == 0 {
            let Some(next) = from.next() else { return Ok(total) };
            source = next;
        }
        while target.1 == 0 {
            let Some(next) = to.next() else { return Ok(total) };
            target = next;
        }
        let wanted = source.1.min(target.1).min(buffer.len());
        let got = user::read_some(source.0, &mut buffer[..wanted]);
        let put = user::write_some(target.0, &buffer[..got]);
        total += put as i64;
        if put < wanted {
            return if total == 0 { Err(Errno::EFAULT) } else { Ok(total) };
        }
        source = (source.0 + put, source.1 - put);
        target = (target.0 + put, target.1 - put);
    }
}

fn both_sides(call: &Call<'_>) -> Result<[Vec<(usize, usize)>; 2]> {
    if call.arg(5) != 0 {
        return Err(Errno::EINVAL);
    }
    let local = vectors(call.arg(1), call.arg(2))?;
    let remote = vectors(call.arg(3), call.arg(4))?;
    if process::of_id(call.int(0)).is_none() {
        // Another VM's memory is its own.
        return Err(elsewhere().place(call.int(0)).map_or(Errno::ESRCH, |_| Errno::EPERM));
    }
    Ok([local, remote])
}

/// process_vm_readv(2). All processes in the VM have the same memory.
pub fn process_vm_readv(call: &mut Call<'_>) -> Result<i64> {
    let [local, remote] = both_sides(call)?;
    copy(&remote, &local)
}

/// process_vm_writev(2), likewise.
pub fn process_vm_writev(call: &mut Call<'_>) -> Result<i64> {
    let [local, remote] = both_sides(call)?;
    copy(&local, &remote)
}

/// restart_syscall(2): no call of this kernel is restarted by it.
pub fn restart_syscall(_: &mut Call<'_>) -> Result<i64> {
    Err(Errno::EINTR)
}

/// reboot(2): nobody's to do; of one who might, it looks at the arguments first.
pub fn reboot(call: &mut Call<'_>) -> Result<i64> {
    const MAGIC: u32 = 0xfee1_dead;
    const SECOND: [u32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
    let might = sched::with_current(|thread| thread.credentials.borrow().has(cap::SYS_BOOT));
    if might && (call.uint(0) != MAGIC || !SECOND.contains(&call.uint(1))) {
        Err(Errno::EINVAL)
    } else {
        Err(Errno::EPERM)
    }
}

/// A call that changes the machine: the VM's, whoever asks, is not the program's to change.
pub fn refused(_: &mut Call<'_>) -> Result<i64> {
    Err(Errno::EPERM)
}
