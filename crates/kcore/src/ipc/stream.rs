//! Standard input and output that are not a terminal: byte streams to and from the host.

use super::object::{Origin, next_id, pipe_stat, requests};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::stat::{S_IFCHR, S_IFIFO, S_IFREG, Stat, makedev};
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::collections::VecDeque;
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;

/// A pair of byte queues to the host, or one of them. No method blocks.
pub trait ByteChannel {
    /// Takes bytes that have come in; 0: none now.
    fn pull(&self, into: &mut [u8]) -> usize;
    /// Bytes that [`ByteChannel::pull`] would give now.
    fn available(&self) -> usize;
    /// No bytes will come after those available.
    fn ended(&self) -> bool;
    /// Hands bytes out; returns how many fitted.
    fn push(&self, from: &[u8]) -> usize;
    /// Bytes that [`ByteChannel::push`] would take now.
    fn room(&self) -> usize;
    /// Nobody will ever read what is pushed.
    fn closed(&self) -> bool;
    /// The program wants bytes and there are none (or room and there is none): called before EAGAIN is returned, so
    /// that the other side knows that it has to ring.
    fn want(&self, events: Events) {
        let _ = events;
    }
}

/// What a stream is on the host, as fstat(2) tells the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamKind {
    /// A pipe or a socket.
    Pipe,
    /// A regular file, read or written from where it stands. It cannot be positioned.
    File,
    /// /dev/null.
    Null,
}

/// Bytes moved per step.
const CHUNK: usize = 1024;

/// A stream of one direction, or of both.
pub struct ConsoleStream {
    channel: Rc<dyn ByteChannel>,
    kind: Cell<StreamKind>,
    reads: bool,
    writes: bool,
    id: u64,
    origin: Origin,
    /// Pulled, but the program's buffer was not writable.
    left: RefCell<VecDeque<u8>>,
    queue: WaitQueue,
}

impl ConsoleStream {
    /// Standard input.
    pub fn input(channel: Rc<dyn ByteChannel>, kind: StreamKind, origin: Origin) -> Rc<ConsoleStream> {
        ConsoleStream::new(channel, kind, origin, true, false)
    }

    /// Standard output or error.
    pub fn output(channel: Rc<dyn ByteChannel>, kind: StreamKind, origin: Origin) -> Rc<ConsoleStream> {
        ConsoleStream::new(channel, kind, origin, false, true)
    }

    fn new(
        channel: Rc<dyn ByteChannel>,
        kind: StreamKind,
        origin: Origin,
        reads: bool,
        writes: bool,
    ) -> Rc<ConsoleStream> {
        Rc::new(ConsoleStream {
            channel,
            kind: Cell::new(kind),
            reads,
            writes,
            id: next_id(),
            origin,
            left: RefCell::default(),
            queue: WaitQueue::new(),
        })
    }

    /// The kernel tells that the channel has changed.
    pub fn changed(&self) {
        self.queue.notify(self.poll());
    }

    /// In a copy of the session, whose stream is another: what it is, and that nothing of the old one's is left.
    pub fn become_copy(&self, kind: StreamKind) {
        self.kind.set(kind);
        self.left.borrow_mut().clear();
    }

    fn available(&self) -> usize {
        self.left.borrow().len()
            + if self.kind.get() == StreamKind::Null { 0 } else { self.channel.available() }
    }
}

impl File for ConsoleStream {
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        if !self.reads {
            return Err(Errno::EBADF);
        }
        if self.kind.get() == StreamKind::Null {
            return Ok(0);
        }
        let mut done = 0;
        while into.remaining() > 0 {
            let mut chunk = [0; CHUNK];
            let want = into.remaining().min(CHUNK);
            let n = {
                let mut left = self.left.borrow_mut();
                let kept = left.len().min(want);
                for (place, byte) in chunk.iter_mut().zip(left.drain(..kept)) {
                    *place = byte;
                }
                kept
            };
            let n = if n > 0 { n } else { self.channel.pull(&mut chunk[..want]) };
            if n == 0 {
                break;
            }
            let put = into.put(&chunk[..n]).unwrap_or(0);
            done += put;
            if put < n {
                let mut left = self.left.borrow_mut();
                for &byte in chunk[put..n].iter().rev() {
                    left.push_front(byte);
                }
                drop(left);
                return if done > 0 { Ok(done) } else { Err(Errno::EFAULT) };
            }
        }
        if done == 0 && into.remaining() > 0 && !(self.channel.ended() && self.channel.available() == 0) {
            self.channel.want(Events::IN);
            return Err(Errno::EAGAIN);
        }
        Ok(done)
    }

    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        if !self.writes {
            return Err(Errno::EBADF);
        }
        if self.kind.get() == StreamKind::Null {
            return Ok(from.remaining());
        }
        let mut done = 0;
        while from.remaining() > 0 {
            if self.channel.closed() {
                return if done > 0 { Ok(done) } else { Err(Errno::EPIPE) };
            }
            let want = from.remaining().min(CHUNK).min(self.channel.room());
            if want == 0 {
                break;
            }
            let mut chunk = [0; CHUNK];
            let n = match from.take(&mut chunk[..want]) {
                Ok(n) => n,
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            };
            done += self.channel.push(&chunk[..n]);
            if n < want {
                break;
            }
        }
        if done == 0 && from.remaining() > 0 {
            self.channel.want(Events::OUT);
            return Err(Errno::EAGAIN);
        }
        Ok(done)
    }

    fn stat(&self) -> Result<Stat> {
        let pipe = pipe_stat(self.id, self.origin);
        Ok(match self.kind.get() {
            StreamKind::Pipe => Stat { mode: S_IFIFO | 0o600, ..pipe },
            StreamKind::File => Stat { mode: S_IFREG | 0o600, ..pipe },
            StreamKind::Null => Stat { mode: S_IFCHR | 0o666, rdev: makedev(1, 3), ..pipe },
        })
    }

    fn poll(&self) -> Events {
        let mut events = Events::NONE;
        let null = self.kind.get() == StreamKind::Null;
        if self.reads {
            if null || self.available() > 0 {
                events = events.or(Events::IN).or(Events::RDNORM);
            } else if self.channel.ended() {
                events = events.or(if self.kind.get() == StreamKind::Pipe {
                    Events::HUP
                } else {
                    Events::IN.or(Events::RDNORM)
                });
            } else {
                self.channel.want(Events::IN);
            }
        }
        if self.writes {
            let closed = !null && self.channel.closed();
            if null || closed || self.channel.room() > 0 {
                events = events.or(Events::OUT).or(Events::WRNORM);
            } else {
                self.channel.want(Events::OUT);
            }
            if closed {
                events = events.or(Events::ERR);
            }
        }
        events
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        if request != requests::FIONREAD || !self.reads || self.kind.get() == StreamKind::Null {
            return Err(Errno::ENOTTY);
        }
        memory.write(argument, &(self.available() as i32).to_le_bytes())?;
        Ok(0)
    }

    fn describe(&self) -> Vec<u8> {
        match self.kind.get() {
            StreamKind::Null => b"/dev/null".to_vec(),
            StreamKind::Pipe | StreamKind::File => format!("pipe:[{}]", self.id).into_bytes(),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::user::{SliceSink, SliceSource};

    /// Queues in memory.
    #[derive(Default)]
    pub struct Fake {
        pub input: RefCell<VecDeque<u8>>,
        pub output: RefCell<Vec<u8>>,
        pub limit: Cell<usize>,
        pub ended: Cell<bool>,
        pub closed: Cell<bool>,
    }

    impl Fake {
        pub fn new() -> Rc<Fake> {
            let fake = Fake::default();
            fake.limit.set(usize::MAX);
            Rc::new(fake)
        }
    }

    impl ByteChannel for Fake {
        fn pull(&self, into: &mut [u8]) -> usize {
            let mut input = self.input.borrow_mut();
            let n = into.len().min(input.len());
            for (place, byte) in into.iter_mut().zip(input.drain(..n)) {
                *place = byte;
            }
            n
        }
        fn available(&self) -> usize {
            self.input.borrow().len()
        }
        fn ended(&self) -> bool {
            self.ended.get()
        }
        fn push(&self, from: &[u8]) -> usize {
            let n = from.len().min(self.room());
            self.output.borrow_mut().extend_from_slice(&from[..n]);
            n
        }
        fn room(&self) -> usize {
            self.limit.get() - self.output.borrow().len().min(self.limit.get())
        }
        fn closed(&self) -> bool {
            self.closed.get()
        }
    }

    fn read(file: &ConsoleStream, count: usize) -> Result<Vec<u8>> {
        let mut bytes = alloc::vec![0; count];
        let n = file.read(0, &mut SliceSink::new(&mut bytes), 0)?;
        bytes.truncate(n);
        Ok(bytes)
    }

    #[test]
    fn input_waits_and_ends() {
        let fake = Fake::new();
        let input = ConsoleStream::input(fake.clone(), StreamKind::Pipe, Origin::default());
        assert_eq!((read(&input, 5), input.poll()), (Err(Errno::EAGAIN), Events::NONE));
        fake.input.borrow_mut().extend(b"hello, world");
        assert!(input.poll().intersects(Events::IN));
        assert_eq!(read(&input, 5).unwrap(), b"hello");
        fake.ended.set(true);
        assert_eq!(read(&input, 50).unwrap(), b", world");
        assert_eq!((read(&input, 5), input.poll()), (Ok(Vec::new()), Events::HUP));
        assert_eq!(input.write(0, &mut SliceSource(b"x"), 0), Err(Errno::EBADF));
        let large: Vec<u8> = (0..5000).map(|i| i as u8).collect();
        fake.input.borrow_mut().extend(&large);
        assert_eq!(read(&input, 6000).unwrap(), large);
    }

    #[test]
    fn a_bad_address_loses_nothing() {
        struct Bad(usize);
        impl Sink for Bad {
            fn remaining(&self) -> usize {
                10
            }
            fn put(&mut self, bytes: &[u8]) -> Result<usize> {
                match core::mem::take(&mut self.0).min(bytes.len()) {
                    0 => Err(Errno::EFAULT),
                    n => Ok(n),
                }
            }
        }
        let fake = Fake::new();
        let input = ConsoleStream::input(fake.clone(), StreamKind::Pipe, Origin::default());
        fake.input.borrow_mut().extend(b"hello");
        assert_eq!(input.read(0, &mut Bad(0), 0), Err(Errno::EFAULT));
        assert_eq!(input.read(0, &mut Bad(2), 0), Ok(2));
        assert_eq!(read(&input, 9).unwrap(), b"llo");
    }

    #[test]
    fn output_fills_and_breaks() {
        let fake = Fake::new();
        fake.limit.set(1500);
        let output = ConsoleStream::output(fake.clone(), StreamKind::Pipe, Origin::default());
        assert_eq!(output.write(0, &mut SliceSource(&[7; 4000]), 0), Ok(1500));
        assert_eq!(output.write(0, &mut SliceSource(b"x"), 0), Err(Errno::EAGAIN));
        assert_eq!(output.poll(), Events::NONE);
        fake.closed.set(true);
        assert_eq!(output.write(0, &mut SliceSource(b"x"), 0), Err(Errno::EPIPE));
        assert_eq!(output.poll(), Events::OUT.or(Events::WRNORM).or(Events::ERR));
    }

    #[test]
    fn null() {
        let input = ConsoleStream::input(Fake::new(), StreamKind::Null, Origin::default());
        assert_eq!(read(&input, 5), Ok(Vec::new()));
        let output = ConsoleStream::output(Fake::new(), StreamKind::Null, Origin::default());
        assert_eq!(output.write(0, &mut SliceSource(b"abc"), 0), Ok(3));
        assert_eq!(output.stat().unwrap().rdev, makedev(1, 3));
    }
}
