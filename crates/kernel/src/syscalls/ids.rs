//! Who is asking: getpid(2) and its like, uname(2), getcpu(2), sched_getaffinity(2).

use super::Call;
use crate::arch::user;
use crate::task::family::elsewhere;
use crate::task::{process, sched};
use ramet_kcore::errno::{Errno, Result};

/// getpid(2).
pub fn getpid(_: &mut Call<'_>) -> Result<i64> {
    sched::with_current(|thread| Ok(thread.process.pid.get() as i64))
}

/// gettid(2).
pub fn gettid(_: &mut Call<'_>) -> Result<i64> {
    sched::with_current(|thread| Ok(thread.tid.get() as i64))
}

/// getppid(2).
pub fn getppid(_: &mut Call<'_>) -> Result<i64> {
    sched::with_current(|thread| Ok(thread.process.parent_pid() as i64))
}

/// What uname(2) and /proc say.
pub mod release {
    /// Kernel name.
    pub const SYSTEM: &str = "Linux";
    /// The Linux release whose interface is offered (Debian 12's).
    pub const RELEASE: &str = "6.1.0-ramet";
    /// Version.
    pub const VERSION: &str = concat!("#1 Ramet ", env!("CARGO_PKG_VERSION"));
    /// Machine.
    pub const MACHINE: &str = "x86_64";
}

/// uname(2).
pub fn uname(call: &mut Call<'_>) -> Result<i64> {
    let mut bytes = [0; 6 * 65];
    let host = crate::boot::hostname();
    let fields: [&[u8]; 6] = [
        release::SYSTEM.as_bytes(),
        &host,
        release::RELEASE.as_bytes(),
        release::VERSION.as_bytes(),
        release::MACHINE.as_bytes(),
        b"(none)",
    ];
    for (n, field) in fields.iter().enumerate() {
        let length = field.len().min(64);
        bytes[n * 65..n * 65 + length].copy_from_slice(&field[..length]);
    }
    user::write(call.arg(0), &bytes)?;
    Ok(0)
}

/// personality(2): there is one, PER_LINUX.
pub fn personality(call: &mut Call<'_>) -> Result<i64> {
    const QUERY: u32 = u32::MAX;
    if matches!(call.uint(0), 0 | QUERY) { Ok(0) } else { Err(Errno::EINVAL) }
}

/// getcpu(2): there is one.
pub fn getcpu(call: &mut Call<'_>) -> Result<i64> {
    for at in [call.arg(0), call.arg(1)] {
        if at != 0 {
            user::write_u32(at, 0)?;
        }
    }
    Ok(0)
}

fn known_thread(tid: i32) -> Result<()> {
    let is_elsewhere = || tid > 0 && elsewhere().place(tid).is_some();
    if tid == 0 || process::find_thread(tid).is_some() || is_elsewhere() { Ok(()) } else { Err(Errno::ESRCH) }
}

/// sched_getaffinity(2): CPU 0.
pub fn sched_getaffinity(call: &mut Call<'_>) -> Result<i64> {
    let length = call.uint(1) as usize;
    if length < 8 || !length.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    known_thread(call.int(0))?;
    user::write_u64(call.arg(2), 1)?;
    Ok(8)
}

/// sched_setaffinity(2): any set with CPU 0 in it.
pub fn sched_setaffinity(call: &mut Call<'_>) -> Result<i64> {
    let mut first = [0; 8];
    let length = (call.uint(1) as usize).min(first.len());
    user::read(call.arg(2), &mut first[..length])?;
    known_thread(call.int(0))?;
    if first[0] & 1 == 0 { Err(Errno::EINVAL) } else { Ok(0) }
}
