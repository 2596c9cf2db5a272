//! The session's standard streams that are not a terminal.
//!
//! Bytes are kept in small buffers between the descriptions and [`crate::console::Console`], which has the host's descriptors: an object cannot
//! reach the session while it is called.

use crate::client::ClientId;
use crate::descriptions;
use crate::session::Session;
use ramet_abi::ring::kind;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_RDONLY, O_WRONLY};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::stream::{ByteChannel, ConsoleStream, StreamKind};
use ramet_kcore::wait::Events;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// Bytes of input that are taken from the host before anybody reads them.
const INPUT_MAX: usize = 1 << 16;

/// One stream's bytes.
#[derive(Debug, Default)]
pub struct Link {
    input: RefCell<VecDeque<u8>>,
    ended: Cell<bool>,
    /// Somebody waits for input.
    wanted: Cell<bool>,
    output: RefCell<Vec<u8>>,
    /// Bytes that the console takes beside those in `output`.
    room: Cell<usize>,
    closed: Cell<bool>,
}

impl ByteChannel for Link {
    fn pull(&self, into: &mut [u8]) -> usize {
        let mut input = self.input.borrow_mut();
        let count = into.len().min(input.len());
        for (place, byte) in into.iter_mut().zip(input.drain(..count)) {
            *place = byte;
        }
        count
    }
    fn available(&self) -> usize {
        self.input.borrow().len()
    }
    fn ended(&self) -> bool {
        self.ended.get()
    }
    fn push(&self, from: &[u8]) -> usize {
        let count = from.len().min(self.room.get());
        self.output.borrow_mut().extend_from_slice(&from[..count]);
        self.room.set(self.room.get() - count);
        count
    }
    fn room(&self) -> usize {
        self.room.get()
    }
    fn closed(&self) -> bool {
        self.closed.get()
    }
    fn want(&self, events: Events) {
        if events.intersects(Events::IN) {
            self.wanted.set(true);
        }
    }
}

/// The three streams.
pub struct Streams {
    links: [Rc<Link>; 3],
    streams: [Option<Rc<ConsoleStream>>; 3],
}

impl Streams {
    /// None is open.
    pub fn new() -> Streams {
        Streams { links: Default::default(), streams: Default::default() }
    }

    /// The queues of a terminal: what comes in at the first stream, and goes out at the second.
    pub fn terminal(&mut self) -> Rc<Link> {
        self.links[0] = self.links[1].clone();
        self.links[1].clone()
    }

    /// Bytes of input that are welcome.
    pub fn input_wanted(&self) -> usize {
        let link = &self.links[0];
        if link.wanted.get() { INPUT_MAX - link.available().min(INPUT_MAX) } else { 0 }
    }

    /// Input has come.
    pub fn input(&self, bytes: &[u8]) {
        let link = &self.links[0];
        link.input.borrow_mut().extend(bytes);
        link.wanted.set(false);
        self.changed(0);
    }

    /// No more will come.
    pub fn input_ended(&self) {
        self.links[0].ended.set(true);
        self.changed(0);
    }

    /// There is room again, or nobody reads.
    pub fn output_ready(&self, stream: usize) {
        self.changed(stream.min(2));
    }

    /// In a copy of the session: these are other streams. What the old ones have brought and not been read is not the copy's.
    pub fn become_copy(&self, kinds: [u32; 3]) {
        for (number, link) in self.links.iter().enumerate() {
            link.input.borrow_mut().clear();
            link.output.borrow_mut().clear();
            for cell in [&link.ended, &link.wanted, &link.closed] {
                cell.set(false);
            }
            if let Some(stream) = &self.streams[number] {
                stream.become_copy(stream_kind(kinds[number]));
            }
        }
    }

    /// Whoever waits for one of them looks again.
    pub fn all_changed(&self) {
        (0..3).for_each(|stream| self.changed(stream));
    }

    fn changed(&self, stream: usize) {
        if let Some(stream) = &self.streams[stream] {
            stream.changed();
        }
    }
}

fn stream_kind(kind: u32) -> StreamKind {
    match kind {
        kind::FILE => StreamKind::File,
        kind::NULL => StreamKind::Null,
        _ => StreamKind::Pipe,
    }
}

/// Notes how much the console takes.
pub fn begin(session: &mut Session) {
    for number in 1..3 {
        let link = &session.objects.console.links[number];
        link.room.set(session.console.room(number).saturating_sub(link.output.borrow().len()));
        link.closed.set(session.console.closed(number));
    }
}

/// Hands over what has been written.
pub fn settle(session: &mut Session) {
    for number in 1..3 {
        let bytes = session.objects.console.links[number].output.take();
        if !bytes.is_empty() {
            session.console.write(number, &bytes);
        }
    }
}

/// [`ramet_abi::session::op::CONSOLE`].
pub fn open(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    session.client(client)?;
    let number = request.arguments[0] as usize;
    if request.arguments[0] > 2 || session.console.terminal {
        return Err(Errno::EINVAL);
    }
    let kind = stream_kind(session.console.kinds[number]);
    let origin = session.objects.context.origin();
    let console = &mut session.objects.console;
    let link = console.links[number].clone();
    let stream = console.streams[number].get_or_insert_with(|| {
        if number == 0 {
            // What the first VM had read already.
            link.input.borrow_mut().extend(data);
            ConsoleStream::input(link, kind, origin)
        } else {
            ConsoleStream::output(link, kind, origin)
        }
    });
    let file = OpenFile::new(stream.clone(), None, if number == 0 { O_RDONLY } else { O_WRONLY });
    let id = descriptions::give(session, client, file)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}
