//! Memory of a pipe that two VMs use without asking the keeper: [`crate::session::op::PIPE_MEMORY`].
//!
//! One writes and one reads. Each has one store at which its operation happens, a compare-and-swap of its own index; the keeper takes the pipe
//! back by setting [`CLOSED`] in both indices, from when on no such store succeeds: whoever finds it asks the keeper as before. Nobody waits for anybody.
//! A side that is about to sleep says so and looks once more; the other looks there after each operation, and has it woken
//! ([`crate::session::op::PIPE_WAKE`]).

use core::sync::atomic::{AtomicU32, AtomicU64};

/// The keeper has taken the pipe back.
pub const CLOSED: u64 = 1 << 63;
/// Bytes before the ring, which holds the pipe's capacity or more.
pub const RING_OFFSET: u64 = 4096;

/// A word alone on its cache line.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Line<T>(pub T);

/// First page. Indices count bytes, from 0 on.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Header {
    /// Bytes written so far: the writer's.
    pub head: Line<AtomicU64>,
    /// Bytes read so far: the reader's.
    pub tail: Line<AtomicU64>,
    /// The reader sleeps, or is about to, until there are bytes.
    pub reader_sleeps: Line<AtomicU32>,
    /// The writer sleeps, or is about to, until there is room.
    pub writer_sleeps: Line<AtomicU32>,
}

const _: () = assert!(size_of::<Header>() as u64 <= RING_OFFSET);
