//! The VM's standard streams: files over the rings that the VMM connects to the host's.

use super::ring::HostRing;
use super::tty;
use crate::arch::hypercall;
use crate::global::Global;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::{Cell, OnceCell};
use core::sync::atomic::Ordering::Relaxed;
use ramet_abi::layout::RING_SIZE;
use ramet_abi::mailbox::event;
use ramet_abi::ring::{ERROR, INPUT, OUTPUT, kind};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::{File, flags};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::object;
use ramet_kcore::ipc::tty::TtyFile;
use ramet_kcore::stat::{S_IFCHR, S_IFMT, S_IFREG, Stat, makedev};
use ramet_kcore::user::{Sink, Source, UserMemory};
use ramet_kcore::wait::{Events, WaitQueue, Wake};

const FIONREAD: u32 = 0x541b;

/// One standard stream that was no terminal when the VM was booted.
struct Stream {
    index: usize,
    ring: HostRing,
    is_input: bool,
    id: u64,
    queue: WaitQueue,
    /// The ring did not have room when last asked.
    waiting: Cell<bool>,
    /// In a clone that has a terminal, which the VM that was booted had not: what the stream is from then on.
    terminal: OnceCell<Rc<TtyFile>>,
}

static STREAMS: Global<RefCell<Vec<Rc<Stream>>>> = Global::new(RefCell::new(Vec::new()));

impl Stream {
    fn new(index: usize) -> Rc<Stream> {
        Rc::new(Stream {
            index,
            ring: HostRing::new(index),
            is_input: index == INPUT,
            id: object::next_id(),
            queue: WaitQueue::new(),
            waiting: Cell::new(false),
            terminal: OnceCell::new(),
        })
    }

    /// What it is on the host, where a clone's streams are others than its parent's.
    fn kind(&self) -> u32 {
        hypercall::console().kinds[self.index].load(Relaxed)
    }
}

/// Tells those who wait for a stream what happens at the terminal that it has become.
struct Forward(Weak<Stream>);

impl Wake for Forward {
    fn wake(&self, events: Events) {
        if let Some(stream) = self.0.upgrade() {
            stream.queue.notify(events);
        }
    }
}

impl File for Stream {
    fn read(&self, _: u64, into: &mut dyn Sink, status: u32) -> Result<usize> {
        if let Some(terminal) = self.terminal.get() {
            return terminal.read(0, into, status);
        }
        if !self.is_input {
            return Err(Errno::EBADF);
        }
        if into.remaining() == 0 {
            return Ok(0);
        }
        let mut total = 0;
        while into.remaining() != 0 {
            let mut part = [0; 1024];
            let room = part.len().min(into.remaining());
            let n = self.ring.pull(&mut part[..room]);
            if n == 0 {
                break;
            }
            total += into.put(&part[..n])?;
        }
        if total == 0 && !self.ring.ended() {
            self.ring.want();
            // It may have come in between.
            return if self.ring.available() != 0 { self.read(0, into, status) } else { Err(Errno::EAGAIN) };
        }
        Ok(total)
    }

    fn write(&self, _: u64, from: &mut dyn Source, status: u32) -> Result<usize> {
        if let Some(terminal) = self.terminal.get() {
            return terminal.write(0, from, status);
        }
        if self.is_input {
            return Err(Errno::EBADF);
        }
        let mut total = 0;
        while from.remaining() != 0 {
            if let Some(error) = self.ring.failure() {
                return if total == 0 { Err(error) } else { Ok(total) };
            }
            let room = self.ring.room();
            if room == 0 {
                break;
            }
            let mut part = [0; 1024];
            let length = part.len().min(room).min(from.remaining());
            let taken = match from.take(&mut part[..length]) {
                Ok(taken) => taken,
                Err(_) if total != 0 => break,
                Err(error) => return Err(error),
            };
            total += self.ring.push(&part[..taken]);
            if taken < length {
                break;
            }
        }
        if total == 0 && from.remaining() != 0 {
            self.waiting.set(true);
            return if self.ring.has_room() { self.write(0, from, status) } else { Err(Errno::EAGAIN) };
        }
        Ok(total)
    }

    fn stat(&self) -> Result<Stat> {
        if self.terminal.get().is_some() {
            return tty::console_stat();
        }
        let mut stat = object::pipe_stat(self.id, object::Origin::default());
        match self.kind() {
            kind::FILE => stat.mode = S_IFREG | 0o644,
            kind::NULL => {
                stat.mode = stat.mode & !S_IFMT & !0o777 | S_IFCHR | 0o666;
                stat.rdev = makedev(1, 3);
            }
            _ => {}
        }
        Ok(stat)
    }

    fn poll(&self) -> Events {
        if let Some(terminal) = self.terminal.get() {
            return terminal.poll();
        }
        if self.is_input {
            if self.ring.available() != 0 {
                return Events::IN.or(Events::RDNORM);
            }
            if self.ring.ended() {
                return if self.kind() == kind::PIPE { Events::HUP } else { Events::IN.or(Events::RDNORM) };
            }
            self.ring.want();
            return Events::NONE;
        }
        match self.ring.failure() {
            Some(Errno::EPIPE) => return Events::OUT.or(Events::WRNORM).or(Events::ERR),
            Some(_) => return Events::OUT.or(Events::WRNORM),
            None => {}
        }
        if self.ring.has_room() {
            Events::OUT.or(Events::WRNORM)
        } else {
            self.waiting.set(true);
            Events::NONE
        }
    }

    fn signalled(&self) -> Events {
        match self.kind() {
            kind::PIPE if self.is_input => Events::IN,
            kind::PIPE => Events::OUT,
            kind::TERMINAL => Events::IN,
            _ => Events::NONE,
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        if let Some(terminal) = self.terminal.get() {
            return terminal.ioctl(request, argument, memory);
        }
        match request {
            FIONREAD if self.kind() != kind::NULL => {
                let count = match self.is_input {
                    true => self.ring.available(),
                    false => RING_SIZE as usize - self.ring.room(),
                };
                memory.write(argument, &(count as u32).to_le_bytes())?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn describe(&self) -> Vec<u8> {
        if let Some(terminal) = self.terminal.get() {
            return terminal.describe();
        }
        match self.kind() {
            kind::NULL => b"/dev/null".to_vec(),
            _ => alloc::format!("pipe:[{}]", self.id).into_bytes(),
        }
    }

    /// `/dev/stdout` and its like: the same stream.
    fn reopen(&self, open_flags: u32) -> Result<Rc<dyn File>> {
        if let Some(terminal) = self.terminal.get() {
            return terminal.reopen(open_flags);
        }
        let fits = match open_flags & flags::O_ACCMODE {
            flags::O_RDONLY => self.is_input,
            flags::O_WRONLY => !self.is_input,
            _ => self.kind() == kind::NULL,
        };
        let me = STREAMS.borrow().iter().find(|stream| stream.id == self.id).cloned();
        match me {
            Some(me) if fits => Ok(me),
            _ => Err(Errno::EACCES),
        }
    }

    fn as_any(&self) -> &dyn Any {
        match self.terminal.get() {
            Some(terminal) => terminal.as_any(),
            None => self,
        }
    }
}

/// Open file descriptions for descriptors 0, 1 and 2.
pub fn standard_streams() -> Vec<Rc<OpenFile>> {
    let streams: Vec<Rc<Stream>> = [INPUT, OUTPUT, ERROR].into_iter().map(Stream::new).collect();
    STREAMS.replace(streams.clone());
    streams
        .into_iter()
        .map(|stream| {
            let access = if stream.is_input { flags::O_RDONLY } else { flags::O_WRONLY };
            OpenFile::new(stream, None, access)
        })
        .collect()
}

/// The host did something with the rings.
pub fn on_events(events: u32) {
    tty::on_events(events);
    let streams = STREAMS.borrow().clone();
    for stream in &streams {
        if stream.is_input && events & event::INPUT != 0 {
            stream.queue.notify(Events::IN.or(Events::HUP));
        }
        if !stream.is_input && events & event::OUTPUT_ROOM != 0 && stream.waiting.take() {
            stream.queue.notify(Events::OUT);
        }
    }
}

/// A clone's rings start empty: the host has moved its own index of each to where ours is, so that ours stay.
pub fn became_clone() {
    let streams = STREAMS.borrow().clone();
    for stream in &streams {
        if stream.kind() == kind::TERMINAL {
            become_terminal(stream);
        }
        stream.queue.notify(Events::ALL);
    }
}

fn become_terminal(stream: &Rc<Stream>) {
    if stream.terminal.get().is_some() {
        // A clone's clone has its parent's terminal object, connected to its own rings.
        return;
    }
    let Ok(file) = tty::attach().open(flags::O_RDWR | flags::O_NOCTTY) else { return };
    if let Some(queue) = file.wait_queue() {
        // For good: the terminal lives as long as the VM.
        queue.add(Events::ALL, Rc::new(Forward(Rc::downgrade(stream))));
    }
    let _ = stream.terminal.set(file);
}

/// The number of the standard stream that is open there, unless it is a terminal or the keeper's already.
pub fn stream_of(file: &OpenFile) -> Option<usize> {
    file.downcast::<Stream>().map(|stream| stream.index)
}

/// The keeper is about to take the streams: waits (with `wait`) until output has been written.
pub fn finish_output(wait: impl Fn(&dyn Fn() -> bool)) {
    for stream in STREAMS.borrow().iter().filter(|stream| !stream.is_input) {
        wait(&|| stream.ring.closed() || stream.ring.room() == RING_SIZE as usize);
    }
}

/// The keeper has taken the streams: input that has come before.
pub fn take_input() -> Vec<u8> {
    let mut input = Vec::new();
    for stream in STREAMS.borrow().iter().filter(|stream| stream.is_input) {
        let mut part = [0; 1024];
        loop {
            match stream.ring.pull(&mut part) {
                0 => break,
                n => input.extend_from_slice(&part[..n]),
            }
        }
    }
    input
}
