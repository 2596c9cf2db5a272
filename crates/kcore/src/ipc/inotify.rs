//! inotify(7): a queue of what has happened to files ([`crate::fs::notify`]).

use super::object::{anon_stat, requests};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::notify::{Watch, event};
use crate::fs::path::Path;
use crate::map::Map;
use crate::stat::Stat;
use crate::user::{Sink, Source, UserMemory};
use crate::wait::{Events, WaitQueue};
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Most watches of an instance.
pub const WATCHES_MAX: usize = 65536;
/// Most events that wait to be read.
pub const QUEUE_MAX: usize = 16384;
/// Most bytes of them.
const BYTES_MAX: usize = 1 << 20;
/// Most instances (of one user, on Linux).
pub const INSTANCES_MAX: usize = 128;
/// Bytes of struct inotify_event, and what its name is padded to.
const HEADER: usize = 16;

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// What is to be watched.
pub struct Target {
    /// Device and inode number.
    pub inode: (u64, u64),
    /// Its place; none: nothing is known of what happens to it.
    pub place: Option<Path>,
}

struct Queued {
    watch: i32,
    mask: u32,
    cookie: u32,
    name: Vec<u8>,
}

impl Queued {
    /// Bytes as read(2) gives them.
    fn size(&self) -> usize {
        HEADER + if self.name.is_empty() { 0 } else { (self.name.len() + 1).next_multiple_of(HEADER) }
    }

    fn encode(&self) -> Vec<u8> {
        let size = self.size();
        let mut bytes = Vec::with_capacity(size);
        for word in [self.watch as u32, self.mask, self.cookie, (size - HEADER) as u32] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&self.name);
        bytes.resize(size, 0);
        bytes
    }
}

/// An instance.
pub struct Inotify {
    me: Weak<Inotify>,
    watches: RefCell<Map<i32, Rc<Watch>>>,
    numbers: RefCell<Map<(u64, u64), i32>>,
    last: Cell<i32>,
    events: RefCell<VecDeque<Queued>>,
    bytes: Cell<usize>,
    queue: WaitQueue,
}

impl Inotify {
    /// An instance that watches nothing.
    ///
    /// # Errors
    /// EMFILE: there are too many.
    pub fn new() -> Result<Rc<Inotify>> {
        if LIVE.fetch_add(1, Relaxed) >= INSTANCES_MAX {
            LIVE.fetch_sub(1, Relaxed);
            return Err(Errno::EMFILE);
        }
        Ok(Rc::new_cyclic(|me| Inotify {
            me: me.clone(),
            watches: RefCell::default(),
            numbers: RefCell::default(),
            last: Cell::new(0),
            events: RefCell::default(),
            bytes: Cell::new(0),
            queue: WaitQueue::new(),
        }))
    }

    /// The instance behind `file`.
    pub fn of(file: &dyn File) -> Option<&Inotify> {
        file.as_any().downcast_ref()
    }

    /// inotify_add_watch(2), for a file that the caller has found and may read. The watch's number.
    ///
    /// # Errors
    /// EINVAL: `mask` asks for nothing, or contradicts itself; EEXIST; ENOSPC: there are too many.
    pub fn watch(&self, target: Target, mask: u32) -> Result<i32> {
        check_mask(mask)?;
        let kept = mask & (event::ALL | event::EXCL_UNLINK | event::ONESHOT);
        let known = self.numbers.borrow().get(&target.inode).copied();
        if let Some(number) = known
            && let Some(watch) = self.watches.borrow().get(&number)
        {
            if mask & event::MASK_CREATE != 0 {
                return Err(Errno::EEXIST);
            }
            let old = if mask & event::MASK_ADD != 0 { watch.mask.get() } else { 0 };
            watch.mask.set(old | kept);
            return Ok(number);
        }
        let number = self.last.get().checked_add(1).ok_or(Errno::ENOSPC)?;
        self.restore(number, target, kept)?;
        Ok(number)
    }

    /// Puts a watch back that has that number.
    ///
    /// # Errors
    /// ENOSPC: there are too many.
    pub fn restore(&self, number: i32, target: Target, mask: u32) -> Result<()> {
        if self.watches.borrow().len() >= WATCHES_MAX {
            return Err(Errno::ENOSPC);
        }
        self.last.set(self.last.get().max(number));
        let watch = Watch::new(self.me.clone(), number, mask, target.inode, target.place);
        self.numbers.borrow_mut().insert(target.inode, number);
        let old = self.watches.borrow_mut().insert(number, watch);
        drop(old);
        Ok(())
    }

    /// inotify_rm_watch(2).
    ///
    /// # Errors
    /// EINVAL: there is no such watch.
    pub fn unwatch(&self, number: i32) -> Result<()> {
        if self.forget(number) { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// The watch is over, which is told. Whether there was one.
    pub(crate) fn forget(&self, number: i32) -> bool {
        let watch = self.watches.borrow_mut().remove(&number);
        let Some(watch) = watch else { return false };
        let mut numbers = self.numbers.borrow_mut();
        if numbers.get(&watch.inode) == Some(&number) {
            numbers.remove(&watch.inode);
        }
        drop(numbers);
        drop(watch);
        self.tell(number, event::IGNORED, 0, &[]);
        true
    }

    /// Something has happened.
    pub(crate) fn tell(&self, watch: i32, mask: u32, cookie: u32, name: &[u8]) {
        let mut events = self.events.borrow_mut();
        // What says the same as the last one is not said again.
        let is_same = |last: &Queued| last.watch == watch && last.mask == mask && last.name == name;
        if mask & event::IGNORED == 0 && events.back().is_some_and(is_same) {
            return;
        }
        let mut new = Queued { watch, mask, cookie, name: name.to_vec() };
        if events.len() >= QUEUE_MAX || self.bytes.get() + new.size() > BYTES_MAX {
            if events.back().is_some_and(|last| last.mask == event::Q_OVERFLOW) {
                return;
            }
            new = Queued { watch: -1, mask: event::Q_OVERFLOW, cookie: 0, name: Vec::new() };
        }
        self.bytes.set(self.bytes.get() + new.size());
        events.push_back(new);
        drop(events);
        self.queue.notify(Events::IN.or(Events::RDNORM));
    }

    /// The watches, by number.
    pub fn watches(&self) -> Vec<Rc<Watch>> {
        self.watches.borrow().values().cloned().collect()
    }

    /// The highest number that a watch has had.
    pub fn last_number(&self) -> i32 {
        self.last.get()
    }

    /// What is waiting to be read, as read(2) gives it.
    pub fn unread(&self) -> Vec<u8> {
        self.events.borrow().iter().flat_map(Queued::encode).collect()
    }

    /// An instance was another kernel's: the highest number, and what was waiting to be read.
    ///
    /// # Errors
    /// EINVAL: those are no events.
    pub fn refill(&self, last: i32, mut unread: &[u8]) -> Result<()> {
        self.last.set(last.max(0));
        while let Some((header, rest)) = unread.split_at_checked(HEADER) {
            let word = |at: usize| {
                header[at..at + 4].iter().rev().fold(0, |all: u32, byte| all << 8 | u32::from(*byte))
            };
            let (name, rest) = rest.split_at_checked(word(12) as usize).ok_or(Errno::EINVAL)?;
            let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
            self.tell(word(0) as i32, word(4), word(8), &name[..end]);
            unread = rest;
        }
        if unread.is_empty() { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

/// What inotify_add_watch(2) says of a mask before it looks for the file.
///
/// # Errors
/// EINVAL.
pub fn check_mask(mask: u32) -> Result<()> {
    const KNOWN: u32 = event::ALL
        | 0xe000
        | event::ONLYDIR
        | event::DONT_FOLLOW
        | event::EXCL_UNLINK
        | event::MASK_CREATE
        | event::MASK_ADD
        | event::ISDIR
        | event::ONESHOT;
    let both = event::MASK_ADD | event::MASK_CREATE;
    if mask & KNOWN == 0 || mask & both == both { Err(Errno::EINVAL) } else { Ok(()) }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Relaxed);
    }
}

impl File for Inotify {
    /// # Errors
    /// EAGAIN: nothing has happened. EINVAL: there is no room for the first event. EFAULT: and the event is lost, as on Linux.
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        let mut done = 0;
        loop {
            let mut events = self.events.borrow_mut();
            let Some(size) = events.front().map(Queued::size) else { break };
            if into.remaining() < size {
                if done == 0 {
                    return Err(Errno::EINVAL);
                }
                break;
            }
            let Some(first) = events.pop_front() else { break };
            self.bytes.set(self.bytes.get().saturating_sub(size));
            // The program's memory may have to be made first.
            drop(events);
            match into.put(&first.encode()) {
                Ok(count) if count == size => done += size,
                _ if done == 0 => return Err(Errno::EFAULT),
                _ => break,
            }
        }
        if done == 0 { Err(Errno::EAGAIN) } else { Ok(done) }
    }

    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anon_stat())
    }

    fn poll(&self) -> Events {
        if self.events.borrow().is_empty() { Events::NONE } else { Events::IN.or(Events::RDNORM) }
    }

    fn is_stream(&self) -> bool {
        false
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn signalled(&self) -> Events {
        Events::IN
    }

    fn ioctl(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        if request != requests::FIONREAD {
            return Err(Errno::ENOTTY);
        }
        memory.write(argument, &(self.bytes.get() as i32).to_le_bytes())?;
        Ok(0)
    }

    fn describe(&self) -> Vec<u8> {
        b"anon_inode:inotify".to_vec()
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
