//! poll(2), ppoll(2), select(2), pselect(2).

use crate::arch::user;
use crate::session;
use crate::syscalls::Call;
use crate::syscalls::signals::read_set;
use crate::syscalls::time::{read_timespec, write_timespec};
use crate::task::process::resource;
use crate::task::sched::{self, Woken};
use crate::task::time;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::ipc::poll::{PollSet, SELECT_EXCEPT, SELECT_READ, SELECT_WRITE, Target};
use ramet_kcore::wait::{Events, Wake};

fn target(fd: i32) -> Target {
    if fd < 0 {
        return Target::Ignored;
    }
    sched::with_current(|thread| match thread.process.files.borrow().get_io(fd) {
        Ok(file) => Target::File(file.file().clone()),
        Err(_) => Target::Missing,
    })
}

/// Waits until `scan` finds something (not 0) or the deadline comes. The watched files are registered once. None: a fork of another
/// thread has moved files to the session's keeper, so that the descriptors are to be looked up again.
fn wait(
    targets: &[(Target, Events)],
    deadline: Option<u64>,
    mut scan: impl FnMut() -> usize,
) -> Result<Option<usize>> {
    let found = scan();
    if found != 0 || deadline == Some(0) {
        return Ok(Some(found));
    }
    let exports = session::exports();
    let thread = sched::current();
    let wake: Rc<dyn Wake> = thread.clone();
    let mut set = PollSet::new();
    for (target, events) in targets {
        if let Target::File(file) = target {
            set.add(file, *events, &wake);
        }
    }
    loop {
        thread.woken.set(false);
        let found = scan();
        if found != 0 {
            return Ok(Some(found));
        }
        match sched::sleep(deadline) {
            Ok(_) if session::exports() != exports => return Ok(None),
            Ok(Woken::Event) => {}
            Ok(Woken::Deadline) => return Ok(Some(scan())),
            Err(_) => return Err(Errno::ERESTARTNOHAND),
        }
    }
}

/// Milliseconds as a deadline: negative is none, 0 is now.
fn deadline_ms(timeout: i32) -> Option<u64> {
    match timeout {
        i32::MIN..0 => None,
        0 => Some(0),
        ms => Some(time::monotonic() + ms as u64 * 1_000_000),
    }
}

/// A span as a deadline.
fn deadline_ns(span: u64) -> u64 {
    if span == 0 { 0 } else { time::monotonic().saturating_add(span) }
}

fn poll_at(at: usize, count: usize, deadline: Option<u64>) -> Result<i64> {
    if count as u64 > sched::with_current(|thread| thread.process.limit(resource::NOFILE)) {
        return Err(Errno::EINVAL);
    }
    let mut bytes = alloc::vec![0; count * 8];
    user::read(at, &mut bytes)?;
    let targets: Vec<(Target, Events)> = bytes
        .chunks_exact(8)
        .map(|entry| {
            let fd = i32::from_le_bytes(entry[..4].try_into().expect("four bytes"));
            let events = u16::from_le_bytes([entry[4], entry[5]]);
            (target(fd), Events(events as u32))
        })
        .collect();
    let scan = || {
        let mut found = 0;
        for (entry, (target, events)) in bytes.chunks_exact_mut(8).zip(&targets) {
            let ready = target.ready(*events);
            entry[6..8].copy_from_slice(&(ready.0 as u16).to_le_bytes());
            found += usize::from(!ready.is_empty());
        }
        found
    };
    let Some(found) = wait(&targets, deadline, scan)? else { return poll_at(at, count, deadline) };
    for (n, entry) in bytes.chunks_exact(8).enumerate() {
        user::write(at + n * 8 + 6, &entry[6..8])?;
    }
    Ok(found as i64)
}

/// poll(2).
pub fn poll(call: &mut Call<'_>) -> Result<i64> {
    poll_at(call.arg(0), call.uint(1) as usize, deadline_ms(call.int(2)))
}

/// Waits with another signal mask, if one is given; the old one comes back after the handlers, or at once.
pub fn with_mask<R>(mask: usize, size: usize, f: impl FnOnce() -> Result<R>) -> Result<R> {
    if mask == 0 {
        return f();
    }
    let set = read_set(mask, size)?;
    let thread = sched::current();
    let old = thread.mask.replace(set.blockable());
    let result = f();
    if matches!(result, Err(Errno::ERESTARTNOHAND)) {
        thread.saved_mask.set(Some(old));
    } else {
        thread.mask.set(old);
    }
    sched::request(sched::work::SIGNAL);
    result
}

/// What is left of a timeout goes back to the program.
fn put_remaining(at: usize, deadline: Option<u64>, put: impl FnOnce(usize, u64) -> Result<()>) {
    if let Some(deadline) = deadline {
        // Linux ignores a failure here, too: the result counts.
        let _ = put(at, deadline.saturating_sub(time::monotonic()));
    }
}

/// ppoll(2).
pub fn ppoll(call: &mut Call<'_>) -> Result<i64> {
    let deadline = if call.arg(2) == 0 { None } else { Some(deadline_ns(read_timespec(call.arg(2))?)) };
    let result =
        with_mask(call.arg(3), call.arg(4), || poll_at(call.arg(0), call.uint(1) as usize, deadline));
    if call.arg(2) != 0 {
        put_remaining(call.arg(2), deadline, write_timespec);
    }
    result
}

/// Most descriptors of an fd_set that are looked at: as many as there can be.
const SELECT_MAX: usize = 1 << 20;

fn select_at(count: i32, sets: [usize; 3], deadline: Option<u64>) -> Result<i64> {
    const MEANINGS: [Events; 3] = [SELECT_READ, SELECT_WRITE, SELECT_EXCEPT];
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?.min(SELECT_MAX);
    let length = count.div_ceil(64) * 8;
    let mut wanted: [Vec<u8>; 3] = Default::default();
    for (bits, at) in wanted.iter_mut().zip(sets) {
        if at != 0 {
            bits.resize(length, 0);
            user::read(at, bits)?;
        }
    }
    let has = |bits: &[u8], fd: usize| bits.get(fd / 8).is_some_and(|byte| byte >> (fd % 8) & 1 != 0);
    let mut targets = Vec::new();
    let mut numbers = Vec::new();
    for fd in 0..count {
        let mut events = Events::NONE;
        for (bits, meaning) in wanted.iter().zip(MEANINGS) {
            if has(bits, fd) {
                events = events.or(meaning);
            }
        }
        if !events.is_empty() {
            let target = target(fd as i32);
            if matches!(target, Target::Missing) {
                return Err(Errno::EBADF);
            }
            targets.push((target, events));
            numbers.push(fd);
        }
    }
    let mut results: [Vec<u8>; 3] = core::array::from_fn(|n| alloc::vec![0; wanted[n].len()]);
    let scan = || {
        let mut found = 0;
        for (fd, (target, events)) in numbers.iter().zip(&targets) {
            let ready = target.ready(*events);
            for n in 0..3 {
                if has(&wanted[n], *fd) && ready.intersects(MEANINGS[n]) {
                    results[n][fd / 8] |= 1 << (fd % 8);
                    found += 1;
                }
            }
        }
        found
    };
    let Some(found) = wait(&targets, deadline, scan)? else {
        return select_at(count as i32, sets, deadline);
    };
    for (bits, at) in results.iter().zip(sets) {
        if at != 0 {
            user::write(at, bits)?;
        }
    }
    Ok(found as i64)
}

/// select(2).
pub fn select(call: &mut Call<'_>) -> Result<i64> {
    let at = call.arg(4);
    let deadline = if at == 0 {
        None
    } else {
        let (seconds, microseconds) = (user::read_i64(at)?, user::read_i64(at.wrapping_add(8))?);
        if seconds < 0 || microseconds < 0 {
            return Err(Errno::EINVAL);
        }
        // More than a second of microseconds is carried over, as in Linux.
        let span = (seconds as u64)
            .saturating_mul(1_000_000_000)
            .saturating_add((microseconds as u64).saturating_mul(1000));
        Some(deadline_ns(span))
    };
    let result = select_at(call.int(0), [call.arg(1), call.arg(2), call.arg(3)], deadline);
    if at != 0 {
        put_remaining(at, deadline, |at, left| {
            user::write_u64(at, left / 1_000_000_000)?;
            user::write_u64(at + 8, left % 1_000_000_000 / 1000)
        });
    }
    result
}

/// pselect6(2). The sixth argument points to the mask's address and size.
pub fn pselect6(call: &mut Call<'_>) -> Result<i64> {
    let deadline = if call.arg(4) == 0 { None } else { Some(deadline_ns(read_timespec(call.arg(4))?)) };
    let (mask, size) = match call.arg(5) {
        0 => (0, 0),
        at => (user::read_u64(at)? as usize, user::read_u64(at.wrapping_add(8))? as usize),
    };
    let sets = [call.arg(1), call.arg(2), call.arg(3)];
    let result = with_mask(mask, size, || select_at(call.int(0), sets, deadline));
    if call.arg(4) != 0 {
        put_remaining(call.arg(4), deadline, write_timespec);
    }
    result
}
