//! splice(2) and tee(2) with a pipe on at least one side. vmsplice(2) is [`Pipe::read`](super::Pipe::read) and
//! [`Pipe::write`](super::Pipe::write) over the program's vector.

use super::{Pipe, PipeEnd};
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::user::{SliceSink, SliceSource};
use alloc::rc::Rc;
use alloc::vec;

/// Bytes moved per step between a pipe and a file that may be anything.
const CHUNK: usize = 65536;

/// Moves up to `count` bytes from a pipe to `file` at `offset`, whose status flags are `flags`. 0: end of file.
///
/// # Errors
/// EAGAIN: the pipe is empty or the file takes nothing now; as read(2) and write(2).
pub fn pipe_to_file(from: &PipeEnd, file: &dyn File, offset: u64, count: usize, flags: u32) -> Result<usize> {
    let pipe = readable(from)?;
    let mut done = 0;
    while done < count {
        // Copied out first: the file may be anything, and nothing is borrowed while it works.
        let part = match pipe.ring.try_borrow() {
            Ok(ring) => ring.front_bytes((count - done).min(CHUNK)).to_vec(),
            Err(_) => return Err(Errno::EAGAIN),
        };
        if part.is_empty() {
            break;
        }
        match file.write(offset + done as u64, &mut SliceSource(&part), flags) {
            Ok(n) => {
                let mut ring = pipe.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?;
                let was_full = ring.is_full();
                ring.consume(n);
                let wake = was_full && !ring.is_full();
                drop(ring);
                if wake {
                    pipe.notify_writers();
                }
                done += n;
                if n < part.len() {
                    break;
                }
            }
            Err(e) if done == 0 => return Err(e),
            Err(_) => break,
        }
    }
    if done == 0 && count > 0 && pipe.writers() > 0 {
        return Err(Errno::EAGAIN);
    }
    Ok(done)
}

/// Moves up to `count` bytes from `file` at `offset` into a pipe. 0: end of file.
///
/// # Errors
/// EPIPE: no reader. EAGAIN: the pipe is full or the file has nothing now; as read(2).
pub fn file_to_pipe(file: &dyn File, offset: u64, to: &PipeEnd, count: usize, flags: u32) -> Result<usize> {
    let pipe = writable(to)?;
    let mut done = 0;
    while done < count {
        let room = {
            let ring = pipe.ring.try_borrow().map_err(|_| Errno::EAGAIN)?;
            if ring.is_full() { 0 } else { ring.capacity() - ring.slots_used() * super::PIPE_BUF }
        };
        if room == 0 {
            break;
        }
        let mut part = vec![0; (count - done).min(room).min(CHUNK)];
        let mut sink = SliceSink::new(&mut part);
        let n = match file.read(offset + done as u64, &mut sink, flags) {
            Ok(n) => n,
            Err(e) if done == 0 => return Err(e),
            Err(_) => break,
        };
        if n == 0 {
            return Ok(done);
        }
        let mut ring = pipe.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?;
        let mut put = 0;
        while put < n {
            let room = ring.room(n - put)?;
            let len = room.1.min(n - put);
            ring.room_bytes(room)[..len].copy_from_slice(&part[put..put + len]);
            ring.commit(len, false);
            put += len;
        }
        drop(ring);
        pipe.notify_readers();
        done += n;
        if n < part.len() {
            break;
        }
    }
    if done == 0 && count > 0 { Err(Errno::EAGAIN) } else { Ok(done) }
}

/// Moves up to `count` bytes from one pipe to another.
///
/// # Errors
/// EINVAL: both are the same pipe. EPIPE. EAGAIN: nothing to take, or no room.
pub fn pipe_to_pipe(from: &PipeEnd, to: &PipeEnd, count: usize) -> Result<usize> {
    let done = tee(from, to, count)?;
    let pipe = from.pipe();
    if done > 0 {
        let mut ring = pipe.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?;
        let was_full = ring.is_full();
        ring.consume(done);
        drop(ring);
        if was_full {
            pipe.notify_writers();
        }
    }
    Ok(done)
}

/// Copies up to `count` bytes from one pipe to another; they stay in the first. 0: it is empty and has no writer.
///
/// # Errors
/// EINVAL: both are the same pipe. EPIPE. EAGAIN: nothing to copy, or no room.
pub fn tee(from: &PipeEnd, to: &PipeEnd, count: usize) -> Result<usize> {
    let (from, to) = (readable(from)?, writable_end(to)?);
    if Rc::ptr_eq(from, to) {
        return Err(Errno::EINVAL);
    }
    if count == 0 {
        return Ok(0);
    }
    if to.readers() == 0 {
        return Err(Errno::EPIPE);
    }
    let source = from.ring.try_borrow().map_err(|_| Errno::EAGAIN)?;
    if source.is_empty() {
        return if from.writers() == 0 { Ok(0) } else { Err(Errno::EAGAIN) };
    }
    let done = source.copy_to(&mut *to.ring.try_borrow_mut().map_err(|_| Errno::EAGAIN)?, count)?;
    drop(source);
    if done == 0 {
        return Err(Errno::EAGAIN);
    }
    to.notify_readers();
    Ok(done)
}

fn readable(end: &PipeEnd) -> Result<&Rc<Pipe>> {
    if end.reads() { Ok(end.pipe()) } else { Err(Errno::EBADF) }
}

fn writable_end(end: &PipeEnd) -> Result<&Rc<Pipe>> {
    if end.writes() { Ok(end.pipe()) } else { Err(Errno::EBADF) }
}

fn writable(end: &PipeEnd) -> Result<&Rc<Pipe>> {
    let pipe = writable_end(end)?;
    if pipe.readers() == 0 { Err(Errno::EPIPE) } else { Ok(pipe) }
}
