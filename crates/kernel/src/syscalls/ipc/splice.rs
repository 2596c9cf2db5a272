//! splice(2), tee(2), vmsplice(2): moving bytes between pipes, files and the program's memory.

use crate::arch::user;
use crate::syscalls::file::only;
use crate::syscalls::vectors::Vectors;
use crate::syscalls::{Call, io};
use crate::task::sched;
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_APPEND, O_NONBLOCK};
use ramet_kcore::fs::open_file::{COUNT_MAX, OpenFile};
use ramet_kcore::ipc::pipe::{self, PipeEnd};
use ramet_kcore::signal::Signal;
use ramet_kcore::stat::{S_IFCHR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK};
use ramet_kcore::wait::Events;

/// SPLICE_F_NONBLOCK.
const NONBLOCK: u32 = 2;
/// SPLICE_F_MOVE, NONBLOCK, MORE and GIFT.
const FLAGS: u32 = 15;

fn pipe_of(file: &OpenFile) -> Option<&PipeEnd> {
    PipeEnd::of(&**file.file())
}

/// Repeats `attempt` until it moves something: between attempts waits for input in `from` or room in `to`, whichever is missing.
fn moving(
    from: &OpenFile,
    to: &OpenFile,
    wait: bool,
    mut attempt: impl FnMut() -> Result<usize>,
) -> Result<usize> {
    loop {
        match attempt() {
            Err(Errno::EAGAIN) if wait => {}
            Err(Errno::EPIPE) => {
                io::raise(Signal::PIPE);
                return Err(Errno::EPIPE);
            }
            other => return other,
        }
        let ready = |file: &OpenFile, events: Events| file.file().poll().intersects(events);
        let (file, events) =
            if ready(from, Events::IN.or(Events::HUP)) { (to, Events::OUT) } else { (from, Events::IN) };
        let queue = file.file().wait_queue().ok_or(Errno::EAGAIN)?;
        let registration = sched::Registration::new(queue, events);
        sched::sleep(None)?;
        drop(registration);
    }
}

/// Whether splice(2) knows how to read from or write to a file that is no pipe: regular files, devices, sockets.
pub fn is_supported(file: &OpenFile) -> bool {
    file.stat().is_ok_and(|stat| matches!(stat.mode & S_IFMT, S_IFREG | S_IFCHR | S_IFSOCK | S_IFIFO))
}

/// The offset argument of the side that is no pipe; a null pointer means the file's own.
fn read_offset(at: usize) -> Result<Option<u64>> {
    if at == 0 { Ok(None) } else { Ok(Some(user::read_i64(at)? as u64)) }
}

/// Checks an offset that is given, and says where to start.
fn start(file: &OpenFile, offset: Option<u64>) -> Result<u64> {
    match offset {
        None => Ok(if file.is_seekable() { file.offset() } else { 0 }),
        Some(_) if !file.is_seekable() => Err(Errno::EINVAL),
        Some(offset) if offset > i64::MAX as u64 => Err(Errno::EINVAL),
        Some(offset) => Ok(offset),
    }
}

/// Leaves the new offset where the old one came from.
fn advance(file: &OpenFile, at: usize, end: u64) -> Result<()> {
    if at != 0 {
        return user::write_u64(at, end);
    }
    if file.is_seekable() {
        file.set_offset(end);
    }
    Ok(())
}

struct Move {
    from: Rc<OpenFile>,
    from_offset: usize,
    to: Rc<OpenFile>,
    to_offset: usize,
    count: usize,
    wait: bool,
}

impl Move {
    fn between_pipes(&self, from: &PipeEnd, to: &PipeEnd) -> Result<usize> {
        let nonblocking = (self.from.flags() | self.to.flags()) & O_NONBLOCK != 0;
        moving(&self.from, &self.to, self.wait && !nonblocking, || pipe::pipe_to_pipe(from, to, self.count))
    }

    fn empty_pipe(&self, from: &PipeEnd) -> Result<usize> {
        let to = &self.to;
        let offset = start(to, read_offset(self.to_offset)?)?;
        if to.flags() & O_APPEND != 0 || !is_supported(to) {
            return Err(Errno::EINVAL);
        }
        let wait = self.wait && self.from.flags() & O_NONBLOCK == 0;
        let done = moving(&self.from, to, wait, || {
            pipe::pipe_to_file(from, &**to.file(), offset, self.count, to.flags())
        })?;
        advance(to, self.to_offset, offset + done as u64)?;
        Ok(done)
    }

    fn fill_pipe(&self, to: &PipeEnd) -> Result<usize> {
        let from = &self.from;
        let offset = start(from, read_offset(self.from_offset)?)?;
        let wait = self.wait && self.to.flags() & O_NONBLOCK == 0;
        if !is_supported(from) {
            return Err(Errno::EINVAL);
        }
        let done = moving(from, &self.to, wait, || {
            pipe::file_to_pipe(&**from.file(), offset, to, self.count, from.flags())
        })?;
        advance(from, self.from_offset, offset + done as u64)?;
        Ok(done)
    }
}

/// splice(2).
pub fn splice(call: &mut Call<'_>) -> Result<i64> {
    let count = call.arg(4).min(COUNT_MAX);
    if count == 0 {
        return Ok(0);
    }
    only(call.uint(5), FLAGS)?;
    let (from, to) = (io::file(call.int(0))?, io::file(call.int(2))?);
    let (from_offset, to_offset) = (call.arg(1), call.arg(3));
    let wait = call.uint(5) & NONBLOCK == 0;
    let (input, output) = (pipe_of(&from), pipe_of(&to));
    if input.is_some() && from_offset != 0 || output.is_some() && to_offset != 0 {
        return Err(Errno::ESPIPE);
    }
    // Both are read before anything else is looked at.
    read_offset(to_offset)?;
    read_offset(from_offset)?;
    if !from.is_readable() || !to.is_writable() {
        return Err(Errno::EBADF);
    }
    let moved = Move { from: from.clone(), from_offset, to: to.clone(), to_offset, count, wait };
    let done = match (input, output) {
        (Some(input), Some(output)) => moved.between_pipes(input, output),
        (Some(input), None) => moved.empty_pipe(input),
        (None, Some(output)) => moved.fill_pipe(output),
        (None, None) => Err(Errno::EINVAL),
    }?;
    Ok(done as i64)
}

/// tee(2).
pub fn tee(call: &mut Call<'_>) -> Result<i64> {
    only(call.uint(3), FLAGS)?;
    let count = call.arg(2).min(COUNT_MAX);
    if count == 0 {
        return Ok(0);
    }
    let (from, to) = (io::file(call.int(0))?, io::file(call.int(1))?);
    if !from.is_readable() || !to.is_writable() {
        return Err(Errno::EBADF);
    }
    let (Some(input), Some(output)) = (pipe_of(&from), pipe_of(&to)) else { return Err(Errno::EINVAL) };
    let wait = call.uint(3) & NONBLOCK == 0 && (from.flags() | to.flags()) & O_NONBLOCK == 0;
    moving(&from, &to, wait, || pipe::tee(input, output, count)).map(|n| n as i64)
}

/// vmsplice(2).
pub fn vmsplice(call: &mut Call<'_>) -> Result<i64> {
    only(call.uint(3), FLAGS)?;
    let file = io::file(call.int(0))?;
    if !file.is_writable() && !file.is_readable() {
        return Err(Errno::EBADF);
    }
    let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
    if vectors.left() == 0 {
        return Ok(0);
    }
    let end = pipe_of(&file).ok_or(Errno::EBADF)?;
    let events = if file.is_writable() { Events::OUT } else { Events::IN };
    let mut attempt = || {
        if file.is_writable() { end.pipe().write(&mut vectors, false) } else { end.pipe().read(&mut vectors) }
    };
    // The descriptor's O_NONBLOCK does not count here.
    let done = match attempt() {
        Err(Errno::EAGAIN) if call.uint(3) & NONBLOCK == 0 => {
            let queue = file.file().wait_queue().ok_or(Errno::EAGAIN)?;
            sched::wait_for(queue, events, None, attempt)
        }
        other => other,
    };
    if done == Err(Errno::EPIPE) {
        io::raise(Signal::PIPE);
    }
    done.map(|n| n as i64)
}
