//! execve(2), execveat(2).

use super::Call;
use crate::arch::user;
use crate::fs;
use crate::task::exec::{self, Program};
use crate::task::process::resource;
use crate::task::sched;
use alloc::format;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::exec::stack::{Budget, STRING_MAX};
use ramet_kcore::exec::strings::Strings;
use ramet_kcore::fs::ops::{AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW};

/// Longest path with its zero byte (PATH_MAX).
const PATH_MAX: usize = 4096;

/// How many pointers there are before the null pointer.
fn count(list: usize) -> Result<usize> {
    if list == 0 {
        return Ok(0);
    }
    let mut total = 0;
    loop {
        // Page by page: what follows the end need not be there.
        let at = list.wrapping_add(total * 8);
        let mut part = [0; 512];
        let room = (4096 - (at & 4095)).clamp(8, part.len());
        let got = user::read_some(at, &mut part[..room]) & !7;
        if got == 0 {
            return Err(Errno::EFAULT);
        }
        let words = part[..got].chunks_exact(8);
        match words.clone().position(|word| word == [0; 8]) {
            Some(end) => return Ok(total + end),
            None => total += words.len(),
        }
    }
}

/// Copies the strings of a list, as far as the budget reaches.
fn copy(list: usize, count: usize, budget: &mut Budget) -> Result<Strings> {
    let mut strings = Strings::new();
    for n in 0..count {
        let at = user::read_u64(list.wrapping_add(n * 8))?;
        // A list that another thread is shortening.
        if at == 0 {
            return Err(Errno::EFAULT);
        }
        let string = match user::read_string(at as usize, STRING_MAX) {
            Err(Errno::ENAMETOOLONG) => return Err(Errno::E2BIG),
            other => other?,
        };
        budget.take(string.len())?;
        strings.push(&string)?;
    }
    Ok(strings)
}

/// Where the program is named, and how.
struct Place {
    directory: i32,
    path: Vec<u8>,
    flags: u32,
}

fn execute(call: &mut Call<'_>, place: Place, arguments: usize, environment: usize) -> Result<i64> {
    let thread = sched::current();
    let process = thread.process.clone();
    let credentials = thread.credentials.borrow().clone();
    let context = process.context.borrow().clone();
    let Place { directory, path, flags } = place;
    let by_descriptor = directory != AT_FDCWD && path.first() != Some(&b'/');
    let (start, is_closing) = {
        let files = process.files.borrow();
        let closing = by_descriptor && files.is_close_on_exec(directory).unwrap_or(false);
        (context.start(&files, directory, &path)?, closing)
    };
    let file = fs::caller(&context, &credentials, |caller| caller.open_executable(&start, &path, flags))?;
    // As Linux calls it: what interpreters open.
    let (name, title) = match (by_descriptor, path.is_empty()) {
        (false, _) => (path, None),
        (true, true) => {
            let title = file.path().map(|path| {
                let name = path.dentry.name();
                let name = name.strip_prefix(b"/").unwrap_or(&name);
                name.strip_suffix(b" (deleted)").unwrap_or(name).to_vec()
            });
            (format!("/dev/fd/{directory}").into_bytes(), title)
        }
        (true, false) => {
            let mut name = format!("/dev/fd/{directory}/").into_bytes();
            name.extend_from_slice(&path);
            (name, None)
        }
    };
    let counts = (count(arguments)?, count(environment)?);
    let mut budget = Budget::new(process.limit(resource::STACK), counts.0, counts.1)?;
    budget.take(name.len())?;
    let environment = copy(environment, counts.1, &mut budget)?;
    let mut arguments = copy(arguments, counts.0, &mut budget)?;
    if arguments.is_empty() {
        budget.take(0)?;
        arguments.push(b"")?;
    }
    let program = Program { file, name, title, is_closing, arguments, environment, budget };
    let open = |path: &[u8]| fs::open_executable(&context, path, &credentials);
    let plan = exec::plan(program, &process, &credentials, &open)?;
    exec::replace(plan, call.frame)?;
    Ok(0)
}

/// execve(2).
pub fn execve(call: &mut Call<'_>) -> Result<i64> {
    let path = user::read_string(call.arg(0), PATH_MAX - 1)?;
    let (arguments, environment) = (call.arg(1), call.arg(2));
    execute(call, Place { directory: AT_FDCWD, path, flags: 0 }, arguments, environment)
}

/// execveat(2).
pub fn execveat(call: &mut Call<'_>) -> Result<i64> {
    let flags = call.uint(4);
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = user::read_string(call.arg(1), PATH_MAX - 1)?;
    if path.is_empty() && flags & AT_EMPTY_PATH == 0 {
        return Err(Errno::ENOENT);
    }
    let place = Place { directory: call.int(0), path, flags };
    let (arguments, environment) = (call.arg(2), call.arg(3));
    execute(call, place, arguments, environment)
}
