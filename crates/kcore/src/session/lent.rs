//! A pipe whose bytes go through memory that this VM shares with the one at the other end ([`ramet_abi::pipe`]).

use super::client::{Client, error_of};
use super::memory::Window;
use super::remote::RemoteFile;
use crate::errno::{Errno, Result};
use crate::file::Page;
use crate::file::flags::O_NONBLOCK;
use crate::ipc::pipe::PIPE_BUF;
use crate::user::{Sink, SliceSource, Source};
use crate::wait::Events;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use core::sync::atomic::{AtomicU32, AtomicU64};
use ramet_abi::pipe::{CLOSED, Header, RING_OFFSET};
use ramet_abi::session::{Request, op};

/// Most bytes of a lent pipe's ring: what one piece of the window shows.
const CAPACITY_MAX: u64 = 1 << 20;

/// What became of a transfer.
pub(super) enum Done {
    /// So many bytes. True: the other side is to be woken.
    Bytes(usize, bool),
    /// The keeper has the pipe again. These bytes were taken from the source and not written, or given to the sink and not read.
    Closed(Vec<u8>),
}

/// This VM's end.
pub(super) struct LentPipe {
    // The memory is mapped while it lives.
    _window: Rc<Window>,
    _page: Rc<dyn Page>,
    base: usize,
    /// Of the ring.
    capacity: u64,
    /// A writer that must not wait finds it full with so much.
    of_pipe: u64,
    /// Status flags of the description, which do not change while it is lent.
    flags: u32,
}

impl LentPipe {
    /// Asks for the memory of the pipe behind description `id`.
    ///
    /// # Errors
    /// EINVAL: the keeper has it again; what the VMM cannot give.
    pub(super) fn open(client: &Rc<Client>, id: u64) -> Result<LentPipe> {
        let request = Request { operation: op::PIPE_MEMORY, id, ..Request::default() };
        let reply = client.call(&request, &[])?;
        let window = Window::adopt(client, reply.result as u32)?;
        let [capacity, flags, of_pipe, ..] = reply.values;
        if !capacity.is_power_of_two() || capacity > CAPACITY_MAX {
            return Err(Errno::EIO);
        }
        let page = window.page(0, RING_OFFSET + capacity)?;
        let base = page.address();
        let of_pipe = of_pipe.min(capacity);
        Ok(LentPipe { _window: window, _page: page, base, capacity, of_pipe, flags: flags as u32 })
    }

    /// Says that this VM cannot use it.
    pub(super) fn refuse(client: &Rc<Client>, id: u64) {
        let request = Request { operation: op::PIPE_MEMORY, flags: 1, id, ..Request::default() };
        // Without a keeper there is nobody to tell.
        let _ = client.call(&request, &[]);
    }

    fn header(&self) -> &Header {
        // SAFETY: the first page of the memory, which is mapped while `self` lives, and consists of atomics.
        unsafe { &*(self.base as *const Header) }
    }

    /// Bytes that can be read, as far as the other side is to be believed; none: the keeper has the pipe again.
    fn filled(&self) -> Option<u64> {
        let (head, tail) = (self.header().head.0.load(Acquire), self.header().tail.0.load(Acquire));
        ((head | tail) & CLOSED == 0).then(|| head.wrapping_sub(tail).min(self.capacity))
    }

    /// Status flags of the description, as long as the keeper has not taken it back.
    pub(super) fn flags(&self) -> Option<u32> {
        self.filled().map(|_| self.flags)
    }

    /// Bytes that fit. A writer that waits for room may as well go on writing, beyond the pipe's capacity.
    fn room(&self, filled: u64) -> u64 {
        let most = if self.flags & O_NONBLOCK != 0 { self.of_pipe } else { self.capacity };
        most.saturating_sub(filled)
    }

    /// What is ready.
    pub(super) fn ready(&self, reads: bool) -> Option<Events> {
        let filled = self.filled()?;
        Some(match reads {
            true if filled > 0 => Events::IN.or(Events::RDNORM),
            false if self.room(filled) >= PIPE_BUF as u64 => Events::OUT.or(Events::WRNORM),
            _ => Events::NONE,
        })
    }

    /// Says that this end is about to sleep, or no longer. What has changed until then is seen by a look after it.
    pub(super) fn set_asleep(&self, reads: bool, asleep: bool) {
        let header = self.header();
        let word = if reads { &header.reader_sleeps.0 } else { &header.writer_sleeps.0 };
        if asleep || word.load(Relaxed) != 0 {
            word.store(asleep.into(), SeqCst);
        }
    }

    fn wakes(word: &AtomicU32) -> bool {
        word.load(SeqCst) != 0 && word.swap(0, SeqCst) != 0
    }

    /// The bytes of the ring from `index` on, `count` at most, which lie in one piece.
    fn piece(&self, index: u64, count: u64) -> (*mut u8, usize) {
        let at = index % self.capacity;
        let length = count.min(self.capacity - at);
        ((self.base + RING_OFFSET as usize + at as usize) as *mut u8, length as usize)
    }

    fn publish(index: &AtomicU64, from: u64, count: usize) -> bool {
        index.compare_exchange(from, from.wrapping_add(count as u64), SeqCst, SeqCst).is_ok()
    }

    /// Reads what there is.
    ///
    /// # Errors
    /// EAGAIN: nothing; EFAULT.
    pub(super) fn read(&self, into: &mut dyn Sink) -> Result<Done> {
        let header = self.header();
        let tail = header.tail.0.load(Relaxed);
        let Some(filled) = self.filled() else { return Ok(Done::Closed(Vec::new())) };
        if filled == 0 {
            return Err(Errno::EAGAIN);
        }
        let mut done = 0;
        while done < filled && into.remaining() > 0 {
            let (at, length) = self.piece(tail.wrapping_add(done), filled - done);
            // SAFETY: the piece lies in the ring, which is mapped. The other VM does not write there as long as it keeps to the contract; whatever it
            // does, any bytes are a value, and `put` copies each of them once.
            let bytes = unsafe { core::slice::from_raw_parts(at, length) };
            let wanted = length.min(into.remaining());
            match into.put(bytes) {
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
                Ok(put) => done += put as u64,
            }
            if done < filled && wanted < length {
                break;
            }
        }
        if !Self::publish(&header.tail.0, tail, done as usize) {
            return Ok(Done::Closed(alloc::vec![0; done as usize]));
        }
        let has_room = self.filled().is_some_and(|filled| self.capacity - filled >= PIPE_BUF as u64);
        Ok(Done::Bytes(done as usize, has_room && Self::wakes(&header.writer_sleeps.0)))
    }

    /// Writes what fits; up to [`PIPE_BUF`] bytes all or nothing.
    ///
    /// # Errors
    /// EAGAIN: no room; EFAULT.
    pub(super) fn write(&self, from: &mut dyn Source) -> Result<Done> {
        let header = self.header();
        let head = header.head.0.load(Relaxed);
        let Some(filled) = self.filled() else { return Ok(Done::Closed(Vec::new())) };
        let (room, wanted) = (self.room(filled), from.remaining() as u64);
        if room == 0 || wanted <= PIPE_BUF as u64 && room < wanted {
            return Err(Errno::EAGAIN);
        }
        let most = room.min(wanted);
        let mut done = 0;
        while done < most {
            let (at, length) = self.piece(head.wrapping_add(done), most - done);
            // SAFETY: the piece lies in the ring, which is mapped, and is this side's until the index says otherwise; see `read`.
            let bytes = unsafe { core::slice::from_raw_parts_mut(at, length) };
            match from.take(bytes) {
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
                Ok(taken) => done += taken as u64,
            }
            if done < most && from.remaining() == 0 {
                break;
            }
        }
        if done == 0 || !Self::publish(&header.head.0, head, done as usize) {
            let mut taken = Vec::new();
            while (taken.len() as u64) < done {
                let (at, length) =
                    self.piece(head.wrapping_add(taken.len() as u64), done - taken.len() as u64);
                // SAFETY: as above.
                taken.extend_from_slice(unsafe { core::slice::from_raw_parts(at, length) });
            }
            return if done == 0 { Err(Errno::EFAULT) } else { Ok(Done::Closed(taken)) };
        }
        Ok(Done::Bytes(done as usize, Self::wakes(&header.reader_sleeps.0)))
    }
}

impl RemoteFile {
    /// The keeper has lent the pipe behind this: gets its memory. None: it is the keeper's again, or stays there.
    pub(super) fn borrow_pipe(&self) -> Option<Rc<LentPipe>> {
        self.watched.set(false);
        match LentPipe::open(&self.client, self.id) {
            // The other side says what is the keeper's to say: nobody would ever come to an end with such memory.
            Ok(lent) if lent.filled().is_none() => {
                drop(lent);
                LentPipe::refuse(&self.client, self.id);
                None
            }
            Ok(lent) => {
                let lent = Rc::new(lent);
                self.lent.replace(Some(lent.clone()));
                Some(lent)
            }
            Err(Errno::EINVAL) => None,
            Err(_) => {
                LentPipe::refuse(&self.client, self.id);
                None
            }
        }
    }

    fn wake_other_side(&self, wanted: bool) {
        if wanted {
            // Without a keeper there is nobody to wake.
            let _ = self.call(op::PIPE_WAKE, 0, &[]);
        }
    }

    /// Whether the bytes go through memory that this VM has, and what is ready there; `asleep`: the caller is about to wait for `events`
    /// at [`RemoteFile::queue`], and has what comes from now on announced.
    pub fn lent_ready(&self, events: Events, asleep: bool) -> Option<bool> {
        let lent = self.lent.borrow().clone()?;
        let reads = events.intersects(Events::IN);
        if asleep {
            lent.set_asleep(reads, true);
        }
        // One that the keeper has taken back is to be asked about.
        let is_ready = lent.ready(reads).is_none_or(|ready| ready.intersects(events));
        if asleep && is_ready {
            lent.set_asleep(reads, false);
        }
        Some(is_ready)
    }

    /// Reads from a pipe that is lent. None: the keeper has it again.
    pub(super) fn read_lent(&self, lent: &LentPipe, into: &mut dyn Sink) -> Option<Result<usize>> {
        match lent.read(into) {
            Err(error) => Some(Err(error)),
            Ok(Done::Bytes(count, wakes)) => {
                self.wake_other_side(wakes);
                Some(Ok(count))
            }
            Ok(Done::Closed(given)) => {
                self.lent.replace(None);
                if given.is_empty() {
                    return None;
                }
                // The program has these bytes, and they are the first of those that went back to the keeper: they are read there, too.
                let wanted = given.len() as u64;
                let request = Request { wanted, ..self.request(op::READ, 0, &[0]) };
                let _ = self.client.call_into(&request, &[], &mut Vec::new());
                Some(Ok(given.len()))
            }
        }
    }

    /// Writes to a pipe that is lent. None: the keeper has it again.
    pub(super) fn write_lent(&self, lent: &LentPipe, from: &mut dyn Source) -> Option<Result<usize>> {
        match lent.write(from) {
            Err(error) => Some(Err(error)),
            Ok(Done::Bytes(count, wakes)) => {
                self.wake_other_side(wakes);
                Some(Ok(count))
            }
            Ok(Done::Closed(taken)) => {
                self.lent.replace(None);
                if taken.is_empty() {
                    return None;
                }
                Some(self.write_taken(&taken))
            }
        }
    }

    /// Writes bytes that cannot be given back to their source, wherever the pipe is.
    pub(super) fn write_taken(&self, bytes: &[u8]) -> Result<usize> {
        let request = self.request(op::WRITE, 0, &[0, u64::MAX]);
        loop {
            let put = self.attempt(Events::OUT, || {
                let reply = self.client.ask(&request, bytes, &mut Vec::new())?;
                match error_of(&reply) {
                    Some(error) => {
                        self.sigpipe.set(reply.values[0] != 0);
                        Err(error)
                    }
                    None => Ok((reply.result as usize).min(bytes.len())),
                }
            });
            if put != Err(Errno::EREMCHG) {
                return put;
            }
            let Some(pipe) = self.borrow_pipe() else { continue };
            if let Done::Bytes(count, wakes) = pipe.write(&mut SliceSource(bytes))? {
                self.wake_other_side(wakes);
                return Ok(count);
            }
            self.lent.replace(None);
        }
    }
}
