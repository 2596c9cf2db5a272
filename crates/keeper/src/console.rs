//! The session's standard streams: the host's descriptors, and output on its way to them.
//!
//! The streams are shared with other processes of the host, so that they are not made non-blocking: [`crate::server`] writes when
//! epoll has said that it will not block, and no more than a pipe takes at once.

use std::collections::VecDeque;

/// Bytes of output that wait for the host at most, for each stream.
const ROOM: usize = 1 << 16;

/// Bytes of output on their way.
#[derive(Debug, Default)]
pub struct Output {
    bytes: VecDeque<u8>,
    closed: bool,
}

/// The streams.
#[derive(Debug)]
pub struct Console {
    /// What the streams are: [`ramet_abi::ring::kind`].
    pub kinds: [u32; 3],
    /// Whether they are a terminal that is the session's controlling one.
    pub terminal: bool,
    /// Rows and columns of the terminal.
    pub size: (u16, u16),
    outputs: [Output; 2],
}

impl Console {
    /// A console over these streams.
    pub fn new(kinds: [u32; 3], size: Option<(u16, u16)>) -> Self {
        Self { kinds, terminal: size.is_some(), size: size.unwrap_or_default(), outputs: Default::default() }
    }

    fn output(&self, stream: usize) -> &Output {
        &self.outputs[stream.clamp(1, 2) - 1]
    }

    fn output_mut(&mut self, stream: usize) -> &mut Output {
        &mut self.outputs[stream.clamp(1, 2) - 1]
    }

    /// Bytes that standard output (1) or error (2) takes now.
    pub fn room(&self, stream: usize) -> usize {
        ROOM - self.output(stream).bytes.len()
    }

    /// Whether nobody reads that stream any more: EPIPE.
    pub fn closed(&self, stream: usize) -> bool {
        self.output(stream).closed
    }

    /// Takes bytes for standard output (1) or error (2). How many.
    pub fn write(&mut self, stream: usize, bytes: &[u8]) -> usize {
        let room = self.room(stream);
        let output = self.output_mut(stream);
        if output.closed {
            return 0;
        }
        let taken = &bytes[..bytes.len().min(room)];
        output.bytes.extend(taken);
        taken.len()
    }

    /// Whether there are bytes on their way to that stream.
    pub fn pending(&self, stream: usize) -> bool {
        !self.output(stream).bytes.is_empty()
    }

    /// The next bytes for that stream, at most `most`.
    pub fn front(&self, stream: usize, most: usize) -> &[u8] {
        let (first, second) = self.output(stream).bytes.as_slices();
        let bytes = if first.is_empty() { second } else { first };
        &bytes[..bytes.len().min(most)]
    }

    /// Those have been written.
    pub fn written(&mut self, stream: usize, count: usize) {
        self.output_mut(stream).bytes.drain(..count);
    }

    /// Nobody reads that stream any more.
    pub fn close(&mut self, stream: usize) {
        let output = self.output_mut(stream);
        output.closed = true;
        output.bytes.clear();
    }

    /// Whether all output has been written, or has nowhere to go.
    pub fn drained(&self) -> bool {
        !self.pending(1) && !self.pending(2)
    }
}
