//! read(2), write(2) and their relatives: blocking over files that never block.

use super::Call;
use crate::arch::user::{self, UserSink, UserSource};
use crate::task::sched;
use crate::task::thread::Thread;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_NONBLOCK;
use ramet_kcore::fs::open_file::{COUNT_MAX, OpenFile, Writer};
use ramet_kcore::signal::{SigInfo, Signal};
use ramet_kcore::user::{Sink, Source};
use ramet_kcore::wait::Events;

/// The open file description of `fd`, for I/O.
///
/// # Errors
/// EBADF.
#[inline]
pub fn file(fd: i32) -> Result<Rc<OpenFile>> {
    sched::with_current(|thread| thread.process.files.borrow().get_io(fd).cloned())
}

/// Repeats `attempt` until it does not say EAGAIN, unless the description does not block.
///
/// # Errors
/// Those of `attempt`; ERESTARTSYS.
#[inline]
pub fn blocking<T>(file: &OpenFile, events: Events, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    match attempt() {
        Err(Errno::EAGAIN) if file.flags() & O_NONBLOCK == 0 => {}
        other => return other,
    }
    let queue = file.file().wait_queue().ok_or(Errno::EAGAIN)?;
    sched::wait_for(queue, events, None, attempt)
}

/// Runs `f` with what writing needs to know of the writer.
fn as_writer<R>(thread: &Thread, f: impl FnOnce(&Writer<'_>) -> R) -> R {
    let credentials = thread.credentials.borrow().clone();
    f(&Writer {
        credentials: &credentials,
        size_limit: thread.process.limit(crate::task::process::resource::FSIZE),
    })
}

/// SIGPIPE and SIGXFSZ go with their errors.
fn with_signals(result: Result<usize>) -> Result<i64> {
    let signal = match result {
        Err(Errno::EPIPE) => Signal::PIPE,
        Err(Errno::EFBIG) => Signal::XFSZ,
        other => return other.map(|n| n as i64),
    };
    let thread = sched::current();
    let (pid, uid) = (thread.process.pid.get(), thread.credentials.borrow().uid);
    crate::task::signal::send_thread(&thread, SigInfo::kill(signal, 0, pid, uid))?;
    result.map(|n| n as i64)
}

/// Writes everything that `from` has, blocking as needed, until an error or a short write ends it.
fn write_all(
    file: &OpenFile,
    from: &mut dyn Source,
    mut write: impl FnMut(&mut dyn Source, &Writer<'_>) -> Result<usize>,
) -> Result<usize> {
    let thread = sched::current();
    let mut total = 0;
    loop {
        let result = blocking(file, Events::OUT, || as_writer(&thread, |writer| write(from, writer)));
        match result {
            Ok(n) => total += n,
            Err(_) if total != 0 => return Ok(total),
            Err(error) => return Err(error),
        }
        // A stream that took a part makes a blocking writer wait for the rest (pipe(7)).
        let again =
            from.remaining() != 0 && file.file().wait_queue().is_some() && file.flags() & O_NONBLOCK == 0;
        if !again {
            return Ok(total);
        }
    }
}

/// read(2).
pub fn read(call: &mut Call<'_>) -> Result<i64> {
    let file = file(call.int(0))?;
    let (at, length) = (call.arg(1), call.arg(2).min(COUNT_MAX));
    if !user::in_program(at, call.arg(2)) {
        return Err(if file.is_readable() { Errno::EFAULT } else { Errno::EBADF });
    }
    let mut sink = UserSink::new(at, length);
    blocking(&file, Events::IN, || file.read(&mut sink)).map(|n| n as i64)
}

/// write(2).
pub fn write(call: &mut Call<'_>) -> Result<i64> {
    let file = file(call.int(0))?;
    let (at, length) = (call.arg(1), call.arg(2).min(COUNT_MAX));
    if !user::in_program(at, call.arg(2)) {
        return Err(if file.is_writable() { Errno::EFAULT } else { Errno::EBADF });
    }
    let mut source = UserSource::new(at, length);
    with_signals(write_all(&file, &mut source, |from, writer| file.write(from, writer)))
}

/// pread64(2).
pub fn pread64(call: &mut Call<'_>) -> Result<i64> {
    if (call.arg(3) as i64) < 0 {
        return Err(Errno::EINVAL);
    }
    let file = file(call.int(0))?;
    if !user::in_program(call.arg(1), call.arg(2)) {
        return Err(Errno::EFAULT);
    }
    let mut sink = UserSink::new(call.arg(1), call.arg(2).min(COUNT_MAX));
    file.read_at(call.arg(3) as u64, &mut sink).map(|n| n as i64)
}

/// pwrite64(2).
pub fn pwrite64(call: &mut Call<'_>) -> Result<i64> {
    if (call.arg(3) as i64) < 0 {
        return Err(Errno::EINVAL);
    }
    let file = file(call.int(0))?;
    if !user::in_program(call.arg(1), call.arg(2)) {
        return Err(Errno::EFAULT);
    }
    let mut source = UserSource::new(call.arg(1), call.arg(2).min(COUNT_MAX));
    let thread = sched::current();
    with_signals(as_writer(&thread, |writer| file.write_at(call.arg(3) as u64, &mut source, writer)))
}

/// Several buffers of the program, in order.
pub struct Vectors {
    parts: Vec<(usize, usize)>,
    current: usize,
    left: usize,
}

/// Most buffers in one call (UIO_MAXIOV).
const VECTORS_MAX: usize = 1024;

impl Vectors {
    /// Reads an array of `count` struct iovec.
    ///
    /// # Errors
    /// EINVAL: too many, or more bytes than a ssize_t holds; EFAULT.
    pub fn read(at: usize, count: usize) -> Result<Vectors> {
        if count > VECTORS_MAX {
            return Err(Errno::EINVAL);
        }
        let mut bytes = alloc::vec![0; count * 16];
        user::read(at, &mut bytes)?;
        let mut parts = Vec::with_capacity(count);
        let mut total = 0usize;
        for entry in bytes.chunks_exact(16) {
            let word =
                |n: usize| u64::from_le_bytes(entry[n..n + 8].try_into().expect("eight bytes")) as usize;
            let (base, length) = (word(0), word(8));
            if length > isize::MAX as usize {
                return Err(Errno::EINVAL);
            }
            if !user::in_program(base, length) {
                return Err(Errno::EFAULT);
            }
            let length = length.min(COUNT_MAX - total);
            total += length;
            if length != 0 {
                parts.push((base, length));
            }
        }
        Ok(Vectors { parts, current: 0, left: total })
    }

    /// The next bytes: address and length, at most `wanted`.
    fn next(&self, wanted: usize) -> Option<(usize, usize)> {
        self.parts.get(self.current).map(|(at, length)| (*at, wanted.min(*length)))
    }

    fn advance(&mut self, count: usize) {
        self.left -= count;
        if let Some((at, length)) = self.parts.get_mut(self.current) {
            *at += count;
            *length -= count;
            if *length == 0 {
                self.current += 1;
            }
        }
    }
}

impl Sink for Vectors {
    fn remaining(&self) -> usize {
        self.left
    }
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            let Some((at, length)) = self.next(bytes.len() - done) else { break };
            let written = user::write_some(at, &bytes[done..done + length]);
            self.advance(written);
            done += written;
            if written < length {
                return if done == 0 { Err(Errno::EFAULT) } else { Ok(done) };
            }
        }
        Ok(done)
    }
}

impl Source for Vectors {
    fn remaining(&self) -> usize {
        self.left
    }
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let Some((at, length)) = self.next(buffer.len() - done) else { break };
            let got = user::read_some(at, &mut buffer[done..done + length]);
            self.advance(got);
            done += got;
            if got < length {
                return if done == 0 { Err(Errno::EFAULT) } else { Ok(done) };
            }
        }
        Ok(done)
    }
}

/// readv(2).
pub fn readv(call: &mut Call<'_>) -> Result<i64> {
    let file = file(call.int(0))?;
    let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
    blocking(&file, Events::IN, || file.read(&mut vectors)).map(|n| n as i64)
}

/// writev(2).
pub fn writev(call: &mut Call<'_>) -> Result<i64> {
    let file = file(call.int(0))?;
    let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
    with_signals(write_all(&file, &mut vectors, |from, writer| file.write(from, writer)))
}

/// ioctl(2).
pub fn ioctl(call: &mut Call<'_>) -> Result<i64> {
    const FIONCLEX: u32 = 0x5450;
    const FIOCLEX: u32 = 0x5451;
    const FIONBIO: u32 = 0x5421;
    let fd = call.int(0);
    let file = file(fd)?;
    match call.uint(1) {
        request @ (FIOCLEX | FIONCLEX) => sched::with_current(|thread| {
            thread.process.files.borrow_mut().set_close_on_exec(fd, request == FIOCLEX)?;
            Ok(0)
        }),
        FIONBIO => {
            let on = user::read_i32(call.arg(2))? != 0;
            file.set_flags(if on { file.flags() | O_NONBLOCK } else { file.flags() & !O_NONBLOCK });
            Ok(0)
        }
        request => file.file().ioctl(request, call.arg(2), &user::Program),
    }
}
