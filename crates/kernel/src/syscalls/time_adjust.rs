//! adjtimex(2), clock_adjtime(2): the clock is the host's to discipline; what is known of it can be read.

use super::Call;
use super::time::read_clock;
use crate::arch::user;
use crate::task::time;
use ramet_kcore::errno::{Errno, Result};

/// Bytes of struct timex of x86-64.
const SIZE: usize = 208;
/// ADJ_OFFSET_SS_READ: only what is left of an adjtime(3).
const READ_OFFSET: u32 = 0xa001;
const CLOCK_REALTIME: i32 = 0;
/// STA_UNSYNC: nobody here knows how good the host's clock is.
const UNSYNCHRONISED: u32 = 0x40;
/// TIME_ERROR: what is returned then.
const TIME_ERROR: i64 = 5;

fn adjust(at: usize) -> Result<i64> {
    let mut timex = [0; SIZE];
    user::read(at, &mut timex)?;
    let modes = u32::from_le_bytes(timex[..4].try_into().expect("four bytes"));
    if modes != 0 && modes != READ_OFFSET {
        return Err(Errno::EPERM);
    }
    let now = time::realtime();
    let mut put = |offset: usize, value: u64| timex[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
    // offset, freq, maxerror, esterror (µs), status, constant, precision (µs), tolerance, time, tick (µs).
    let error = 16_000_000;
    let (seconds, microseconds) = (now / 1_000_000_000, now % 1_000_000_000 / 1000);
    let words = [
        (8, 0),
        (16, 0),
        (24, error),
        (32, error),
        (40, UNSYNCHRONISED.into()),
        (48, 2),
        (56, 1),
        (64, 32_768_000),
        (72, seconds),
        (80, microseconds),
        (88, 10_000),
    ];
    words.into_iter().for_each(|(offset, value)| put(offset, value));
    timex[96..].fill(0);
    user::write(at, &timex)?;
    Ok(TIME_ERROR)
}

/// adjtimex(2).
pub fn adjtimex(call: &mut Call<'_>) -> Result<i64> {
    adjust(call.arg(0))
}

/// clock_adjtime(2).
pub fn clock_adjtime(call: &mut Call<'_>) -> Result<i64> {
    read_clock(call.int(0))?;
    if call.int(0) != CLOCK_REALTIME {
        return Err(Errno::EOPNOTSUPP);
    }
    adjust(call.arg(1))
}
