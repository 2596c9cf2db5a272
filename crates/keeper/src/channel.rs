//! The memory that one VM and the keeper share ([`ramet_abi::session`]).
//!
//! A VM may write to it at any time, whatever the contract says. So it is read byte for byte into memory of the keeper's own before
//! anything is looked at, there are no references into it but to atomics, and its size is sealed.

use crate::session::Note;
use crate::sys;
use ramet_abi::session::{
    CHANNEL_SIZE, CONTROL_OFFSET, Control, DATA_MAX, DATA_OFFSET, NOTICES, NOTICES_OFFSET, Notice,
    REPLY_OFFSET, REQUEST_OFFSET, Reply, Request, SLEEPERS, SLEEPERS_OFFSET, TOUCHED_OFFSET, TOUCHED_SIZE,
    VERSIONS, VERSIONS_OFFSET, notice,
};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicU8, AtomicU32};

/// Most signals that wait for a VM that does not read its notices, as RLIMIT_SIGPENDING would have it.
const SIGNALS_MAX: usize = 4096;

/// One mapped channel.
#[derive(Debug)]
pub struct Channel {
    base: NonNull<u8>,
    /// Notices that did not fit into the ring.
    backlog: VecDeque<Note>,
}

impl Channel {
    /// New memory for a channel.
    ///
    /// # Errors
    /// Those of memfd_create(2), ftruncate(2).
    pub fn memory() -> io::Result<OwnedFd> {
        let memory = sys::memory_file(c"ramet-channel")?;
        sys::set_size(memory.as_fd(), CHANNEL_SIZE)?;
        sys::seal_size(memory.as_fd())?;
        Ok(memory)
    }

    /// Maps a channel.
    ///
    /// # Errors
    /// EINVAL when the memory has another size; those of fcntl(2) and mmap(2).
    pub fn map(memory: &OwnedFd) -> io::Result<Self> {
        // Sealed first: memory that shrinks later would be a SIGBUS here.
        sys::seal_size(memory.as_fd())?;
        if sys::size(memory.as_fd())? != CHANNEL_SIZE {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        Ok(Self { base: sys::map_shared(memory.as_fd(), CHANNEL_SIZE as usize)?, backlog: VecDeque::new() })
    }

    /// The same bytes in memory of its own, for a copy of the VM, which stands still. Of the data as many as request or answer have.
    ///
    /// # Errors
    /// Those of memfd_create(2), ftruncate(2), pwrite(2).
    pub fn copy(&self) -> io::Result<OwnedFd> {
        let length = |at: u64| {
            let mut word = [0; 8];
            self.read(at, &mut word);
            u64::from_le_bytes(word).min(DATA_MAX)
        };
        let request = length(REQUEST_OFFSET + std::mem::offset_of!(Request, length) as u64);
        let reply = length(REPLY_OFFSET + std::mem::offset_of!(Reply, length) as u64);
        let mut bytes = vec![0; (DATA_OFFSET + request.max(reply)) as usize];
        self.read(0, &mut bytes);
        let memory = File::from(Self::memory()?);
        memory.write_all_at(&bytes, 0)?;
        Ok(memory.into())
    }

    /// In a copy of the keeper: this is the copy's channel, with the memory of [`Channel::copy`].
    ///
    /// # Errors
    /// Those of mmap(2): what is mapped is not known then.
    pub fn move_to(&mut self, memory: &OwnedFd) -> io::Result<()> {
        sys::remap_shared(self.base, memory.as_fd(), CHANNEL_SIZE as usize)
    }

    /// Has the host give the pages that are used first, of new memory: it reads as zeros before and afterwards.
    pub fn warm(&self) {
        for offset in
            [CONTROL_OFFSET, REQUEST_OFFSET, REPLY_OFFSET, DATA_OFFSET, NOTICES_OFFSET, VERSIONS_OFFSET]
        {
            self.write(offset, &[0]);
        }
    }

    /// Copies bytes out of the channel.
    fn read(&self, offset: u64, into: &mut [u8]) {
        assert!(offset + into.len() as u64 <= CHANNEL_SIZE);
        // SAFETY: the range lies in the mapping, which lives as long as `self`. Another process may write to it meanwhile: the bytes are
        // then any bytes, which is what a caller expects; no reference to them is made.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.base.as_ptr().add(offset as usize),
                into.as_mut_ptr(),
                into.len(),
            );
        }
    }

    /// Copies bytes into the channel.
    fn write(&self, offset: u64, from: &[u8]) {
        assert!(offset + from.len() as u64 <= CHANNEL_SIZE);
        // SAFETY: as for `read`.
        unsafe {
            std::ptr::copy_nonoverlapping(from.as_ptr(), self.base.as_ptr().add(offset as usize), from.len());
        }
    }

    fn control(&self) -> &Control {
        // SAFETY: the control page lies in the mapping, aligned to a page, and consists of atomics, for which any bytes are a value.
        unsafe { self.base.add(CONTROL_OFFSET as usize).cast::<Control>().as_ref() }
    }

    fn slot(&self, index: u32) -> &Notice {
        let offset = NOTICES_OFFSET as usize + (index % NOTICES) as usize * size_of::<Notice>();
        // SAFETY: the slot lies in the mapping (the contract asserts it), aligned to 8 bytes, and consists of atomics.
        unsafe { self.base.add(offset).cast::<Notice>().as_ref() }
    }

    /// The request, and as many bytes of data as it says. The copy is the keeper's: the VM cannot change it any more.
    ///
    /// # Errors
    /// What the request says about its data, if that is more than there can be.
    pub fn request(&self, data: &mut Vec<u8>) -> Result<Request, u64> {
        let mut bytes = [0; size_of::<Request>()];
        self.read(REQUEST_OFFSET, &mut bytes);
        // SAFETY: a Request consists of integers without padding: any bytes are a value.
        let request: Request = unsafe { std::mem::transmute(bytes) };
        data.clear();
        if request.length > DATA_MAX {
            return Err(request.length);
        }
        data.resize(request.length as usize, 0);
        self.read(DATA_OFFSET, data);
        Ok(request)
    }

    /// Writes the answer and its data, at most [`DATA_MAX`] bytes.
    pub fn answer(&self, reply: &Reply, data: &[u8]) {
        let data = &data[..data.len().min(DATA_MAX as usize)];
        let reply = Reply { length: data.len() as u64, ..*reply };
        self.write(DATA_OFFSET, data);
        // SAFETY: a Reply consists of integers without padding.
        let bytes: [u8; size_of::<Reply>()] = unsafe { std::mem::transmute(reply) };
        self.write(REPLY_OFFSET, &bytes);
    }

    /// Says whether the keeper looks for requests by itself. In order with what it looks at next.
    pub fn set_watching(&self, on: bool) {
        self.control().watching.store(on.into(), SeqCst);
    }

    /// The number of the last request that the VM has written.
    pub fn asked(&self) -> u32 {
        self.control().asked.load(SeqCst)
    }

    /// The operation of the request in the channel: to choose how to answer it. It is judged when it is served.
    pub fn operation(&self) -> u32 {
        let mut word = [0; 4];
        self.read(REQUEST_OFFSET, &mut word);
        u32::from_le_bytes(word)
    }

    /// The answer to request `asked` is in the channel.
    pub fn set_answered(&self, asked: u32) {
        self.control().answered.store(asked, Release);
    }

    /// Tells the VM that somebody watches files.
    pub fn set_watched(&self) {
        self.control().watched.store(1, Release);
    }

    /// Tells the VM that names or attributes have changed.
    pub fn set_names(&self, value: u64) {
        self.control().names.store(value, Release);
    }

    /// Sets the version of inodes.
    pub fn set_version(&self, slot: u64, version: u32) {
        assert!(slot < VERSIONS);
        // SAFETY: the counter lies in the mapping (the contract asserts it), aligned to 4 bytes, and any bytes are a value of an atomic.
        let counter =
            unsafe { self.base.add((VERSIONS_OFFSET + slot * 4) as usize).cast::<AtomicU32>().as_ref() };
        counter.store(version, Release);
    }

    /// Says whether somebody waits at futexes of that slot. In order with what is done next to a futex's word.
    pub fn set_sleepers(&self, slot: u64, any: bool) {
        assert!(slot < SLEEPERS);
        // SAFETY: the counter lies in the mapping (the contract asserts it), aligned to 4 bytes, and any bytes are a value of an atomic.
        let counter =
            unsafe { self.base.add((SLEEPERS_OFFSET + slot * 4) as usize).cast::<AtomicU32>().as_ref() };
        counter.store(any.into(), SeqCst);
    }

    /// Sets a bit of the map of inodes that differ from the image.
    pub fn touch(&self, bit: u64) {
        assert!(bit < TOUCHED_SIZE * 8);
        // SAFETY: the byte lies in the mapping (the contract asserts it), and any byte is a value of an atomic one.
        let byte = unsafe { self.base.add((TOUCHED_OFFSET + bit / 8) as usize).cast::<AtomicU8>().as_ref() };
        byte.fetch_or(1 << (bit % 8), Release);
    }

    /// Sends a notice. True if the VM is to be kicked: there is something new in the ring.
    ///
    /// # Errors
    /// The notice, if too many wait already: only a signal can be that.
    pub fn send(&mut self, note: Note) -> Result<bool, Note> {
        if self.backlog.is_empty() && self.put(note) {
            return Ok(true);
        }
        self.refill();
        if self.backlog.is_empty() && self.put(note) {
            return Ok(true);
        }
        // What says nothing new is not kept: the backlog is bounded by the number of different things.
        let same = |old: &&mut Note| match note.kind {
            notice::READY | notice::FUTEX | notice::LOCK => old.kind == note.kind && old.id == note.id,
            notice::SIGNAL => {
                old.kind == note.kind && old.id == note.id && old.detail == note.detail && note.detail < 32
            }
            kind => old.kind == kind,
        };
        if let Some(old) = self.backlog.iter_mut().find(same) {
            if note.kind == notice::READY {
                old.detail |= note.detail;
            } else if note.kind != notice::SIGNAL {
                *old = note;
            }
        } else if note.kind == notice::SIGNAL && self.backlog.len() >= SIGNALS_MAX {
            return Err(note);
        } else {
            self.backlog.push_back(note);
        }
        self.control().more.store(1, Release);
        Ok(true)
    }

    /// Moves notices from the backlog into the ring.
    pub fn refill(&mut self) {
        while let Some(note) = self.backlog.front().copied() {
            if !self.put(note) {
                break;
            }
            self.backlog.pop_front();
        }
        self.control().more.store(u32::from(!self.backlog.is_empty()), Release);
    }

    /// Whether there are notices that the VM has not read.
    pub fn has_unread(&self) -> bool {
        let control = self.control();
        control.head.load(Relaxed) != control.tail.load(Acquire)
    }

    /// Writes into the ring, if there is room.
    fn put(&self, note: Note) -> bool {
        let control = self.control();
        // The VM may write to both indices: a wrong `head` shows it wrong notices, a wrong `tail` loses some of its own.
        let head = control.head.load(Relaxed);
        if head.wrapping_sub(control.tail.load(Acquire)) >= NOTICES {
            return false;
        }
        let slot = self.slot(head);
        slot.kind.store(note.kind, Relaxed);
        slot.detail.store(note.detail, Relaxed);
        slot.id.store(note.id, Relaxed);
        for (word, value) in slot.values.iter().zip(note.values) {
            word.store(value, Relaxed);
        }
        control.head.store(head.wrapping_add(1), Release);
        true
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        sys::unmap(self.base, CHANNEL_SIZE as usize);
    }
}
