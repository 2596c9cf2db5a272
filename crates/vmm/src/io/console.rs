//! The console: bytes between the guest's rings and the VM's standard streams.
//!
//! Streams are shared with other processes, so that they are not made non-blocking: a write happens when poll(2) has
//! said that it will not block, and is no larger than a pipe takes at once.

use crate::clone::Rewound;
use crate::vm::Shared;
use ramet_abi::mailbox::event;
use ramet_abi::ring::{ERROR, INPUT, OUTPUT, RINGS, TRACE, kind};
use ramet_memory::{BrokenRing, Consumer, Producer};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

/// poll(2) says that a pipe is writable when it takes this much (PIPE_BUF).
const PIPE_CHUNK: u32 = 4096;
/// Most bytes for one write to a stream that never blocks (a regular file).
const FILE_CHUNK: u32 = 1 << 16;

/// One output: ring and descriptor.
#[derive(Debug)]
struct Output {
    ring: usize,
    consumer: Consumer,
    fd: Option<OwnedFd>,
    chunk: u32,
    /// Why there is no descriptor any more: an error number.
    closed: u32,
}

fn chunk_of(kind: u32) -> u32 {
    if kind == kind::FILE || kind == kind::NULL { FILE_CHUNK } else { PIPE_CHUNK }
}

/// The VMM's end of the console.
#[derive(Debug)]
pub struct Console {
    input: Producer,
    input_fd: Option<OwnedFd>,
    outputs: [Output; 3],
    terminal: bool,
    /// The session's keeper has the streams: only the trace is still written here.
    given: bool,
    /// Output that the guest has handed over could not be written.
    lost: Option<String>,
}

/// The VM's standard streams.
#[derive(Debug)]
pub struct Streams {
    /// Standard input, output and error.
    pub fds: [OwnedFd; 3],
}

impl Streams {
    /// Duplicates of this process's descriptors 0, 1 and 2.
    pub fn standard() -> io::Result<Self> {
        let duplicate = |fd: i32| {
            // SAFETY: the standard library opens 0, 1 and 2 at start if they are closed, and nothing here closes them.
            let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
            fd.try_clone_to_owned()
        };
        Ok(Self { fds: [duplicate(0)?, duplicate(1)?, duplicate(2)?] })
    }
}

fn kind_of(fd: &OwnedFd, terminal: bool) -> u32 {
    if terminal {
        return kind::TERMINAL;
    }
    // SAFETY: zeros are a valid stat buffer.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, the buffer is of this frame.
    if unsafe { libc::fstat(fd.as_raw_fd(), &mut stat) } != 0 {
        return kind::NULL;
    }
    let null = libc::makedev(1, 3);
    match stat.st_mode & libc::S_IFMT {
        libc::S_IFREG => kind::FILE,
        libc::S_IFCHR if stat.st_rdev == null => kind::NULL,
        _ => kind::PIPE,
    }
}

/// Of the standard streams, for the guest.
pub fn kinds_of(streams: &[OwnedFd; 3], terminal: bool) -> [u32; 3] {
    streams.each_ref().map(|stream| kind_of(stream, terminal))
}

impl Console {
    /// A console over new rings (`fresh`), or over rings that a clone inherited: what is in those is the parent's.
    pub fn new(shared: &Shared, streams: Streams, terminal: bool, fresh: bool) -> io::Result<Self> {
        let area = &shared.area;
        let control = area.console();
        let kinds = kinds_of(&streams.fds, terminal);
        for (word, kind) in control.kinds.iter().zip(kinds) {
            word.store(kind, Release);
        }
        control.input_ended.store(u32::from(kinds[0] == kind::NULL), Release);
        for closed in &control.output_closed {
            closed.store(0, Release);
        }
        let trace = streams.fds[2].try_clone()?;
        let [input, output, error] = streams.fds;
        let consumer = |ring| if fresh { Consumer::new(ring) } else { Consumer::drop_content(area, ring) };
        let out = |ring, fd, kind| Output {
            ring,
            consumer: consumer(ring),
            fd: Some(fd),
            chunk: chunk_of(kind),
            closed: 0,
        };
        let outputs =
            [out(OUTPUT, output, kinds[1]), out(ERROR, error, kinds[2]), out(TRACE, trace, kinds[2])];
        // A clone of a VM that waited for room has it now. No kick: its vCPU has not run yet.
        let waited = outputs.iter().filter(|o| o.consumer.take_producer_waits(area)).count();
        if waited > 0 && !fresh {
            area.raise(event::OUTPUT_ROOM);
        }
        Ok(Self {
            input: if fresh { Producer::new(INPUT) } else { Producer::take_back(area, INPUT) },
            input_fd: (kinds[0] != kind::NULL).then_some(input),
            outputs,
            terminal,
            given: false,
            lost: None,
        })
    }

    /// What to poll for now: descriptor and events. In this order: input (if wanted), then outputs with bytes.
    pub fn interest(&self, shared: &Shared) -> Result<Vec<libc::pollfd>, BrokenRing> {
        let poll = |fd: &OwnedFd, events| libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 };
        let mut interest = Vec::with_capacity(RINGS);
        if let Some(fd) = &self.input_fd
            && !self.given
            && self.wants_input(shared)
            && self.input.room(&shared.area)? > 0
        {
            interest.push(poll(fd, libc::POLLIN));
        }
        for output in &self.outputs {
            if let Some(fd) = &output.fd
                && output.consumer.available(&shared.area)? > 0
            {
                interest.push(poll(fd, libc::POLLOUT));
            }
        }
        Ok(interest)
    }

    fn wants_input(&self, shared: &Shared) -> bool {
        // A terminal is always read: ^C must reach a program that does not read.
        self.terminal || shared.area.console().input_wanted.load(Acquire) != 0
    }

    /// Whether all output of the guest is written: then the streams can go to somebody else. Input that it has not taken is its own.
    pub fn is_idle(&self, shared: &Shared) -> Result<bool, BrokenRing> {
        for output in self.outputs.iter().filter(|output| output.ring != TRACE && output.fd.is_some()) {
            if output.consumer.available(&shared.area)? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The guest is at its start again: other ends of the rings, and perhaps other streams.
    pub fn rewind(&mut self, shared: &Shared, rewound: Rewound) {
        let control = shared.area.console();
        let Rewound { input, outputs, streams } = rewound;
        let mut events = 0;
        self.input = input;
        if let Some(streams) = streams {
            let kinds = kinds_of(&streams, self.terminal);
            let trace = streams[2].try_clone().ok();
            let [input, output, error] = streams;
            self.input_fd = (kinds[0] != kind::NULL).then_some(input);
            for (output, (fd, kind)) in self.outputs.iter_mut().zip([
                (Some(output), kinds[1]),
                (Some(error), kinds[2]),
                (trace, kinds[2]),
            ]) {
                (output.fd, output.chunk, output.closed) = (fd, chunk_of(kind), 0);
            }
        }
        for (output, consumer) in self.outputs.iter_mut().zip(outputs) {
            output.consumer = consumer;
            if output.fd.is_none() {
                control.output_closed[output.ring].store(output.closed, Release);
                events |= event::OUTPUT_ROOM;
            }
        }
        // What ended before has ended still.
        if self.input_fd.is_none() && control.input_ended.swap(1, AcqRel) == 0 {
            events |= event::INPUT;
        }
        if events != 0 {
            shared.raise(events);
        }
    }

    /// Writes what can be written without waiting.
    pub fn flush(&mut self, shared: &Shared) -> Result<(), BrokenRing> {
        const MOST: usize = 256;
        for _ in 0..MOST {
            let mut polled = self.interest(shared)?;
            polled.retain(|p| p.events & libc::POLLOUT != 0);
            // SAFETY: the array is of this frame; no waiting.
            let ready = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) };
            if polled.is_empty() || ready <= 0 {
                break;
            }
            self.transfer(shared, &polled)?;
        }
        Ok(())
    }

    /// Says whether somebody else has the streams: then nothing more is read.
    pub fn give(&mut self, given: bool) {
        self.given = given;
    }

    /// Announces that nobody looks at the output rings until the doorbell rings. True if there are bytes after all.
    pub fn announce_sleep(&self, shared: &Shared) -> Result<bool, BrokenRing> {
        let mut more = false;
        for output in &self.outputs {
            output.consumer.announce_sleep(&shared.area);
            more |= output.fd.is_some() && output.consumer.available(&shared.area)? > 0;
        }
        Ok(more)
    }

    /// Moves bytes for the descriptors that poll(2) reported.
    pub fn transfer(&mut self, shared: &Shared, ready: &[libc::pollfd]) -> Result<(), BrokenRing> {
        let is_ready = |fd: &OwnedFd, output: bool| {
            ready.iter().any(|p| {
                p.fd == fd.as_raw_fd() && p.revents != 0 && (p.events & libc::POLLOUT != 0) == output
            })
        };
        let mut events = 0;
        if self.input_fd.as_ref().is_some_and(|fd| is_ready(fd, false)) {
            events |= self.read_input(shared)?;
        }
        for output in &mut self.outputs {
            if output.fd.as_ref().is_some_and(|fd| is_ready(fd, true)) {
                if let Some(error) = output.write(shared, self.terminal)? {
                    let stream = if output.ring == OUTPUT { "standard output" } else { "standard error" };
                    self.lost.get_or_insert_with(|| format!("{stream} is not complete: {error}"));
                }
            } else if output.fd.is_none() {
                // The other end is gone: what the guest still writes is dropped.
                let gone = output.consumer.available(&shared.area)?;
                output.consumer.consume(&shared.area, gone);
            }
            if output.consumer.take_producer_waits(&shared.area) {
                events |= event::OUTPUT_ROOM;
            }
        }
        if events != 0 {
            shared.raise(events);
        }
        Ok(())
    }

    fn read_input(&mut self, shared: &Shared) -> Result<u32, BrokenRing> {
        let Some(fd) = &self.input_fd else { return Ok(0) };
        let room = self.input.room(&shared.area)?;
        if room == 0 {
            return Ok(0);
        }
        match self.input.read_from(&shared.area, room, fd.as_raw_fd()) {
            Ok(0) => self.end_input(shared),
            Ok(_) => {}
            Err(e) => match e.raw_os_error() {
                Some(libc::EINTR | libc::EAGAIN) => return Ok(0),
                // A terminal that hung up (EIO), or a descriptor that cannot be read: end of file.
                _ => self.end_input(shared),
            },
        }
        shared.area.console().input_wanted.swap(0, AcqRel);
        Ok(event::INPUT)
    }

    fn end_input(&mut self, shared: &Shared) {
        self.input_fd = None;
        shared.area.console().input_ended.store(1, Release);
    }

    /// Why not all output has arrived, for a reason that is not its reader's.
    pub fn lost(&mut self) -> Option<String> {
        self.lost.take()
    }

    /// Whether all output that the guest has produced is written (or has nowhere to go).
    pub fn drained(&self, shared: &Shared) -> Result<bool, BrokenRing> {
        for output in &self.outputs {
            if output.fd.is_some() && output.consumer.available(&shared.area)? > 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Output {
    /// Writes what there is. An error with which bytes are lost is returned: that nobody reads any more is none.
    fn write(&mut self, shared: &Shared, terminal: bool) -> Result<Option<io::Error>, BrokenRing> {
        let available = self.consumer.available(&shared.area)?;
        let Some(fd) = self.fd.as_ref().map(AsRawFd::as_raw_fd) else { return Ok(None) };
        if available == 0 {
            return Ok(None);
        }
        match self.consumer.write_to(&shared.area, available.min(self.chunk), fd) {
            Ok(_) => {}
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => {}
            Err(error) => {
                // EPIPE, or a full disk: the stream is gone for good, and the guest is told.
                let reader_left = terminal
                    || matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET | libc::ENOTCONN));
                let number =
                    if reader_left { libc::EPIPE } else { error.raw_os_error().unwrap_or(libc::EIO) };
                self.fd = None;
                self.closed = number as u32;
                shared.area.console().output_closed[self.ring].store(number as u32, Release);
                self.consumer.consume(&shared.area, available);
                shared.raise(event::OUTPUT_ROOM);
                return Ok((!reader_left).then_some(error));
            }
        }
        Ok(None)
    }
}
