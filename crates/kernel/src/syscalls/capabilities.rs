//! capget(2) and capset(2): capabilities(7), per thread.

use super::Call;
use crate::arch::user;
use crate::task::{process, sched};
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::credentials::{Credentials, cap};

const VERSION_1: u32 = 0x1998_0330;
const VERSION_2: u32 = 0x2007_1026;
const VERSION_3: u32 = 0x2008_0522;

/// How many 32-bit words a set has in the version that the header at `at` asks for; `None`: the version is unknown, and the
/// header now says which is the best.
fn words(at: usize) -> Result<Option<usize>> {
    match user::read_u32(at)? {
        VERSION_1 => Ok(Some(1)),
        VERSION_2 | VERSION_3 => Ok(Some(2)),
        _ => {
            user::write_u32(at, VERSION_3)?;
            Ok(None)
        }
    }
}

/// capget(2).
pub fn capget(call: &mut Call<'_>) -> Result<i64> {
    let (header, data) = (call.arg(0), call.arg(1));
    let Some(words) = words(header)? else {
        return if data == 0 { Ok(0) } else { Err(Errno::EINVAL) };
    };
    let pid = user::read_i32(header.wrapping_add(4))?;
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    let thread = sched::current();
    let target = if pid == 0 { thread } else { process::find_thread(pid).ok_or(Errno::ESRCH)? };
    if data == 0 {
        return Ok(0);
    }
    let of = target.credentials.borrow().clone();
    for word in 0..words {
        let at = data.wrapping_add(word * 12);
        for (n, set) in [of.effective, of.permitted, of.inheritable].into_iter().enumerate() {
            user::write_u32(at.wrapping_add(n * 4), (set >> (32 * word)) as u32)?;
        }
    }
    Ok(0)
}

/// capset(2), of the calling thread.
pub fn capset(call: &mut Call<'_>) -> Result<i64> {
    let (header, data) = (call.arg(0), call.arg(1));
    let Some(words) = words(header)? else { return Err(Errno::EINVAL) };
    let pid = user::read_i32(header.wrapping_add(4))?;
    let thread = sched::current();
    if pid != 0 && pid != thread.tid.get() {
        return Err(Errno::EPERM);
    }
    let mut sets = [0u64; 3];
    for word in 0..words {
        for (n, set) in sets.iter_mut().enumerate() {
            let part = user::read_u32(data.wrapping_add(word * 12 + n * 4))?;
            *set |= (part as u64) << (32 * word);
        }
    }
    let [effective, permitted, inheritable] = sets.map(|set| set & cap::ALL);
    let old = thread.credentials.borrow().clone();
    let outside = |set: u64, of: u64| set & !of != 0;
    if outside(permitted, old.permitted)
        || outside(effective, permitted)
        || outside(inheritable, old.inheritable | old.permitted) && !old.has(cap::SETPCAP)
        || outside(inheritable, old.inheritable | old.bounding)
    {
        return Err(Errno::EPERM);
    }
    let ambient = old.ambient & permitted & inheritable;
    let new = Credentials { effective, permitted, inheritable, ambient, ..(*old).clone() };
    thread.credentials.replace(Rc::new(new));
    crate::mm::limits_changed(&thread.process);
    Ok(0)
}
