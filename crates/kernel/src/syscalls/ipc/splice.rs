//! splice(2), tee(2), vmsplice(2): moving bytes between pipes, files and the program's memory.

use crate::arch::user;
use crate::session;
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
use ramet_kcore::user::{SliceSink, SliceSource, Source};
use ramet_kcore::wait::Events;

/// SPLICE_F_NONBLOCK.
const NONBLOCK: u32 = 2;
/// SPLICE_F_MOVE, NONBLOCK, MORE and GIFT.
const FLAGS: u32 = 15;

fn pipe_of(file: &OpenFile) -> Option<&PipeEnd> {
    PipeEnd::of(&**file.file())
}

/// Whether it is a pipe, here or in the keeper.
fn is_pipe(file: &OpenFile) -> bool {
    match file.remote() {
        Some(remote) => remote.is_pipe(),
        None => pipe_of(file).is_some(),
    }
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
        // What is missing is watched; whichever of them it is, its queue tells.
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

/// An offset as a request has it.
fn own_or(offset: Option<u64>) -> u64 {
    offset.unwrap_or(u64::MAX)
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
    /// With a pipe in the keeper on one side at least.
    fn elsewhere(&self) -> Result<usize> {
        let (from, to) = (&self.from, &self.to);
        for file in [from, to] {
            if !is_pipe(file) && (!is_supported(file) || Rc::ptr_eq(file, to) && to.flags() & O_APPEND != 0) {
                return Err(Errno::EINVAL);
            }
            // The keeper moves the bytes, if it can have both.
            if session::is_common(file) {
                session::share(file)?;
            }
        }
        let (at, target) = (read_offset(self.from_offset)?, read_offset(self.to_offset)?);
        let nonblocking = |file: &OpenFile| is_pipe(file) && file.flags() & O_NONBLOCK != 0;
        let wait = self.wait && !nonblocking(from) && !nonblocking(to);
        let done = match (from.remote(), to.remote()) {
            (Some(source), Some(sink)) => {
                let offsets = (own_or(at), own_or(target));
                moving(from, to, wait, || source.splice(sink, offsets, self.count, false))?
            }
            _ => self.through_here(at, target, wait)?,
        };
        for (given, place) in [(at, self.from_offset), (target, self.to_offset)] {
            if let Some(given) = given {
                user::write_u64(place, given + done as u64)?;
            }
        }
        Ok(done)
    }

    /// One side is this VM's alone (a device, a file of a volume).
    fn through_here(&self, at: Option<u64>, target: Option<u64>, wait: bool) -> Result<usize> {
        const PART: usize = 65536;
        let mut bytes = alloc::vec![0; self.count.min(PART)];
        let got = moving(&self.from, &self.to, wait, || {
            let mut sink = SliceSink::new(&mut bytes);
            match at {
                Some(at) => self.from.read_at(at, &mut sink),
                None => self.from.read(&mut sink),
            }
        })?;
        let mut source = SliceSource(&bytes[..got]);
        let thread = sched::current();
        let put = moving(&self.from, &self.to, wait, || {
            io::as_writer(&thread, |writer| match target {
                Some(at) => self.to.write_at(at, &mut source, writer),
                None => self.to.write(&mut source, writer),
            })
        });
        if self.from.is_seekable() && at.is_none() {
            let done = put.as_ref().map_or(0, |put| *put);
            self.from.set_offset(self.from.offset() - (got - done) as u64);
        }
        put
    }

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
    if is_pipe(&from) && from_offset != 0 || is_pipe(&to) && to_offset != 0 {
        return Err(Errno::ESPIPE);
    }
    // Both are read before anything else is looked at.
    read_offset(to_offset)?;
    read_offset(from_offset)?;
    if !from.is_readable() || !to.is_writable() {
        return Err(Errno::EBADF);
    }
    let moved = Move { from: from.clone(), from_offset, to: to.clone(), to_offset, count, wait };
    let is_elsewhere = |file: &OpenFile| file.remote().is_some() && is_pipe(file);
    let done = match (pipe_of(&from), pipe_of(&to)) {
        _ if is_elsewhere(&from) || is_elsewhere(&to) => moved.elsewhere(),
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
    if !is_pipe(&from) || !is_pipe(&to) {
        return Err(Errno::EINVAL);
    }
    let wait = call.uint(3) & NONBLOCK == 0 && (from.flags() | to.flags()) & O_NONBLOCK == 0;
    if from.remote().is_some() || to.remote().is_some() {
        session::share(&from)?;
        session::share(&to)?;
    }
    let done = moving(&from, &to, wait, || match (from.remote(), to.remote()) {
        (Some(source), Some(sink)) => source.splice(sink, (0, 0), count, true),
        _ => match (pipe_of(&from), pipe_of(&to)) {
            (Some(input), Some(output)) => pipe::tee(input, output, count),
            _ => Err(Errno::EINVAL),
        },
    });
    done.map(|n| n as i64)
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
    if !is_pipe(&file) {
        return Err(Errno::EBADF);
    }
    let thread = sched::current();
    let events = if file.is_writable() { Events::OUT } else { Events::IN };
    let mut attempt = || {
        match pipe_of(&file) {
            Some(end) if file.is_writable() => end.pipe().write(&mut vectors, false),
            Some(end) => end.pipe().read(&mut vectors),
            None if file.is_writable() => {
                // The keeper may accept less than it was sent.
                let mut part = vectors.clone();
                let sent = io::as_writer(&thread, |writer| file.write(&mut part, writer))?;
                vectors.skip(sent);
                Ok(sent)
            }
            None => file.read(&mut vectors),
        }
    };
    // The descriptor's O_NONBLOCK does not count here.
    let done = match attempt() {
        Err(Errno::EAGAIN) if call.uint(3) & NONBLOCK == 0 => io::wait_until(&file, events, None, attempt),
        other => other,
    };
    if done == Err(Errno::EPIPE) {
        io::raise(Signal::PIPE);
    }
    done.map(|n| n as i64)
}
