//! getrandom(2).

use super::Call;
use crate::arch::user::UserSink;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::user::Sink;

/// getrandom(2). Never blocks: the generator is seeded before the program runs.
pub fn getrandom(call: &mut Call<'_>) -> Result<i64> {
    const KNOWN: u32 = 7;
    let flags = call.uint(2);
    if flags & !KNOWN != 0 || flags & 6 == 6 {
        return Err(Errno::EINVAL);
    }
    let wanted = call.arg(1).min(0x1ff_ffff);
    let mut sink = UserSink::new(call.arg(0), wanted);
    let mut done = 0;
    while done < wanted {
        let mut part = [0; 256];
        let length = part.len().min(wanted - done);
        crate::random::fill(&mut part[..length]);
        match sink.put(&part[..length]) {
            Ok(n) if n == length => done += n,
            Ok(n) => return Ok((done + n) as i64),
            Err(_) if done != 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done as i64)
}
