//! dup(2) and its relatives.

use crate::syscalls::Call;
use crate::task::process::resource;
use crate::task::sched;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_CLOEXEC;

/// dup(2).
pub fn dup(call: &mut Call<'_>) -> Result<i64> {
    sched::with_current(|thread| {
        let limit = thread.process.limit(resource::NOFILE);
        let mut files = thread.process.files.borrow_mut();
        let file = files.get(call.int(0))?.clone();
        Ok(files.insert(file, false, limit)? as i64)
    })
}

fn duplicate(old: i32, new: i32, close_on_exec: bool) -> Result<i64> {
    let replaced = sched::with_current(|thread| {
        let limit = thread.process.limit(resource::NOFILE);
        thread.process.files.borrow_mut().duplicate_to(old, new, close_on_exec, limit)
    })?;
    // As in close(2): not while the table is borrowed.
    drop(replaced);
    Ok(new as i64)
}

/// dup2(2).
pub fn dup2(call: &mut Call<'_>) -> Result<i64> {
    let (old, new) = (call.int(0), call.int(1));
    if old == new {
        sched::with_current(|thread| thread.process.files.borrow().get(old).map(|_| ()))?;
        return Ok(new as i64);
    }
    duplicate(old, new, false)
}

/// dup3(2).
pub fn dup3(call: &mut Call<'_>) -> Result<i64> {
    if call.uint(2) & !O_CLOEXEC != 0 || call.int(0) == call.int(1) {
        return Err(Errno::EINVAL);
    }
    duplicate(call.int(0), call.int(1), call.uint(2) & O_CLOEXEC != 0)
}
