//! read(2), write(2) and their relatives: blocking over files that never block.

use super::Call;
use super::file::{open, signal_io};
use super::pipe_watch;
use crate::arch::user::{self, UserSink, UserSource};
use crate::fs::tty;
use crate::task::sched::{self, Registration, Woken};
use crate::task::thread::Thread;
use crate::task::time;
use alloc::rc::Rc;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_ASYNC, O_NONBLOCK};
use ramet_kcore::fs::open_file::{COUNT_MAX, OpenFile, Writer};
use ramet_kcore::ipc::inet::interface;
use ramet_kcore::ipc::object::requests::FIONREAD;
use ramet_kcore::ipc::pipe::PipeEnd;
use ramet_kcore::signal::{SigInfo, Signal};
use ramet_kcore::stat::{S_IFMT, S_IFREG, S_IFSOCK};
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
pub fn blocking<T>(file: &OpenFile, events: Events, attempt: impl FnMut() -> Result<T>) -> Result<T> {
    blocking_with(file, events, 0, attempt)
}

/// As [`blocking`], with status flags that hold for this call in addition to the description's.
///
/// # Errors
/// As [`blocking`].
#[inline]
pub fn blocking_with<T>(
    file: &OpenFile,
    events: Events,
    more: u32,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    match attempt() {
        Err(Errno::EAGAIN) if (file.flags() | more) & O_NONBLOCK == 0 => wait(file, events, attempt),
        other => other,
    }
}

/// As [`sched::wait_for`] after a first attempt, on whatever object is behind the description: a fork of another thread may move it to the keeper.
///
/// # Errors
/// Those of `attempt`; EAGAIN when the deadline has come; ERESTARTSYS.
pub fn wait_until<T>(
    file: &OpenFile,
    events: Events,
    deadline: Option<u64>,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    loop {
        let mut woken = Woken::Event;
        if !pipe_watch::soon_ready(file, events) {
            let registration = Registration::new(file.file().wait_queue().ok_or(Errno::EAGAIN)?, events);
            if !pipe_watch::ready_before_sleep(file, events) {
                woken = sched::sleep(deadline)?;
            }
            drop(registration);
        }
        match attempt() {
            Err(Errno::EAGAIN) if woken != Woken::Deadline => {}
            other => return other,
        }
    }
}

/// Waits as long as the object allows: sockets have time-outs (SO_RCVTIMEO, SO_SNDTIMEO), with which a signal ends the call
/// for good (signal(7)).
fn wait<T>(file: &OpenFile, events: Events, attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let span = file.file().socket().map_or(0, |socket| socket.timeout(events.intersects(Events::OUT)));
    if span == 0 {
        return wait_until(file, events, None, attempt);
    }
    match wait_until(file, events, Some(time::monotonic().saturating_add(span)), attempt) {
        Err(Errno::ERESTARTSYS) => Err(Errno::EINTR),
        other => other,
    }
}

/// Runs `f` with what writing needs to know of the writer.
pub fn as_writer<R>(thread: &Thread, f: impl FnOnce(&Writer<'_>) -> R) -> R {
    let credentials = thread.credentials.borrow().clone();
    f(&Writer {
        credentials: &credentials,
        size_limit: thread.process.limit(crate::task::process::resource::FSIZE),
    })
}

/// Sends the calling thread a signal that its own call has earned.
pub fn raise(signal: Signal) {
    let thread = sched::current();
    let (pid, uid) = (thread.process.pid.get(), thread.credentials.borrow().uid);
    // There is always room for a signal of this kind; a real-time queue's limit does not count for it.
    let _ = crate::task::signal::send_thread(&thread, SigInfo::kill(signal, 0, pid, uid));
}

/// SIGXFSZ and SIGPIPE go with their errors.
///
/// # Errors
/// Those of `result`.
pub fn with_signals(file: &OpenFile, result: Result<usize>) -> Result<i64> {
    match result {
        Err(Errno::EPIPE) if file.file().raises_sigpipe() => raise(Signal::PIPE),
        Err(Errno::EFBIG) => raise(Signal::XFSZ),
        _ => {}
    }
    result.map(|n| n as i64)
}

/// Writes everything that `from` has, blocking as needed, until an error or a short write ends it.
fn write_all<S: Source + Clone>(file: &OpenFile, from: &mut S, more: u32) -> Result<usize> {
    let thread = sched::current();
    let mut total = 0;
    // An object that takes all or nothing may have taken the bytes before it says that it must wait (eventfd).
    let whole = if file.file().is_stream() || file.is_seekable() { None } else { Some(from.clone()) };
    loop {
        let attempt = || {
            if let Some(whole) = &whole {
                from.clone_from(whole);
            }
            if file.remote().is_none() {
                return as_writer(&thread, |writer| file.write(from, writer));
            }
            // The keeper may accept less than it was sent.
            let mut sent = from.clone();
            let written = as_writer(&thread, |writer| file.write(&mut sent, writer))?;
            from.skip(written);
            Ok(written)
        };
        match blocking_with(file, Events::OUT, more, attempt) {
            Ok(n) => total += n,
            Err(error) if total != 0 => {
                // A pipe whose reader goes away in between says so, although something was written; a socket does not.
                let is_pipe = || {
                    PipeEnd::of(&**file.file()).is_some()
                        || file.file().raises_sigpipe() && file.remote().is_some()
                };
                if error == Errno::EPIPE && is_pipe() {
                    raise(Signal::PIPE);
                }
                return Ok(total);
            }
            Err(error) => return Err(error),
        }
        // A stream that took a part makes a blocking writer wait for the rest (pipe(7)).
        let again =
            from.remaining() != 0 && (file.flags() | more) & O_NONBLOCK == 0 && file.file().is_stream();
        if !again {
            return Ok(total);
        }
    }
}

/// Reads from the file's own offset into `sink`. `more`: status flags for this call.
///
/// # Errors
/// As read(2).
pub fn take(file: &OpenFile, sink: &mut dyn Sink, more: u32) -> Result<usize> {
    match file.read(sink) {
        Err(Errno::EAGAIN) if (file.flags() | more) & O_NONBLOCK == 0 => {
            if tty::read_timer(file, 0).is_some() {
                return tty::wait_and_read(file, sink);
            }
            wait(file, Events::IN, || file.read(sink))
        }
        other => other,
    }
}

/// Writes all of `source` at the file's own offset. `more`: status flags for this call.
///
/// # Errors
/// As write(2).
pub fn put<S: Source + Clone>(file: &OpenFile, source: &mut S, more: u32) -> Result<i64> {
    with_signals(file, write_all(file, source, more))
}

/// Writes `source` at `offset`.
///
/// # Errors
/// As pwrite(2).
pub fn put_at(file: &OpenFile, source: &mut dyn Source, offset: u64) -> Result<i64> {
    let thread = sched::current();
    with_signals(file, as_writer(&thread, |writer| file.write_at(offset, source, writer)))
}

/// Refuses a buffer that is not the program's, or a length that no ssize_t holds.
fn check_buffer(at: usize, length: usize) -> Result<()> {
    if user::in_program(at, length) { Ok(()) } else { Err(Errno::EFAULT) }
}

/// read(2).
pub fn read(call: &mut Call<'_>) -> Result<i64> {
    let file = file(call.int(0))?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    check_buffer(call.arg(1), call.arg(2))?;
    let mut sink = UserSink::new(call.arg(1), call.arg(2).min(COUNT_MAX));
    take(&file, &mut sink, 0).map(|n| n as i64)
}

/// write(2).
pub fn write(call: &mut Call<'_>) -> Result<i64> {
    let file = file(call.int(0))?;
    if !file.is_writable() {
        return Err(Errno::EBADF);
    }
    check_buffer(call.arg(1), call.arg(2))?;
    put(&file, &mut UserSource::new(call.arg(1), call.arg(2).min(COUNT_MAX)), 0)
}

/// The file of pread(2) and pwrite(2), and the offset.
fn file_at(call: &Call<'_>) -> Result<(Rc<OpenFile>, u64)> {
    let offset = u64::try_from(call.arg(3) as i64).map_err(|_| Errno::EINVAL)?;
    let file = file(call.int(0))?;
    if file.is_seekable() { Ok((file, offset)) } else { Err(Errno::ESPIPE) }
}

/// pread64(2).
pub fn pread64(call: &mut Call<'_>) -> Result<i64> {
    let (file, offset) = file_at(call)?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    check_buffer(call.arg(1), call.arg(2))?;
    let mut sink = UserSink::new(call.arg(1), call.arg(2).min(COUNT_MAX));
    file.read_at(offset, &mut sink).map(|n| n as i64)
}

/// pwrite64(2).
pub fn pwrite64(call: &mut Call<'_>) -> Result<i64> {
    let (file, offset) = file_at(call)?;
    if !file.is_writable() {
        return Err(Errno::EBADF);
    }
    check_buffer(call.arg(1), call.arg(2))?;
    put_at(&file, &mut UserSource::new(call.arg(1), call.arg(2).min(COUNT_MAX)), offset)
}

/// ioctl(2).
pub fn ioctl(call: &mut Call<'_>) -> Result<i64> {
    const FIONCLEX: u32 = 0x5450;
    const FIOCLEX: u32 = 0x5451;
    const FIONBIO: u32 = 0x5421;
    const FIOASYNC: u32 = 0x5452;
    const FIOSETOWN: u32 = 0x8901;
    const SIOCSPGRP: u32 = 0x8902;
    const FIOGETOWN: u32 = 0x8903;
    const SIOCGPGRP: u32 = 0x8904;
    const TIOCGPTPEER: u32 = 0x5441;
    let is_socket = |file: &OpenFile| file.stat().is_ok_and(|stat| stat.mode & S_IFMT == S_IFSOCK);
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
        FIONREAD
            if file.is_seekable() && file.remote().is_none() && file.stat()?.mode & S_IFMT == S_IFREG =>
        {
            let left = file.file().size()?.wrapping_sub(file.offset());
            user::write(call.arg(2), &(left as i32).to_le_bytes())?;
            Ok(0)
        }
        FIOASYNC => {
            let on = user::read_i32(call.arg(2))? != 0;
            if on != (file.flags() & O_ASYNC != 0) && !signal_io::turn(&file, fd, on) {
                return Err(Errno::ENOTTY);
            }
            Ok(0)
        }
        FIOSETOWN | SIOCSPGRP if is_socket(&file) => {
            signal_io::set_owner(&file, user::read_i32(call.arg(2))?)
        }
        FIOGETOWN | SIOCGPGRP if is_socket(&file) => {
            user::write(call.arg(2), &(signal_io::owner(&file) as i32).to_le_bytes())?;
            Ok(0)
        }
        TIOCGPTPEER => open::peer(&file, call.uint(2)),
        // With pointers of the program's inside: not for the keeper.
        request if interface::REQUESTS.contains(&request) && is_socket(&file) && file.remote().is_some() => {
            interface::ioctl(request, call.arg(2), &user::Program)
        }
        request => file.file().ioctl(request, call.arg(2), &user::Program),
    }
}
