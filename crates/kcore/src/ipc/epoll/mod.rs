//! epoll(7).
//!
//! An [`Epoll`] holds one [`Item`] per (descriptor number, open file description). An item is registered in the
//! wait queue of its file for as long as it exists; each notification that meets its events puts it on the ready list.
//! [`Epoll::wait`] asks the files on that list what is ready *now*, delivers it, and puts level-triggered items
//! back at the end. A waiter that finds nothing may sleep: whatever comes later notifies [`File::wait_queue`].
//!
//! Items hold their file and its description weakly; that the description is gone is noticed when the item is next
//! touched. Nothing is borrowed while a file is polled or a queue notified.

mod item;
mod nest;
#[cfg(test)]
mod tests;
mod transfer;

pub use transfer::Interest;

use super::object::{anon_name, anon_stat};
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::map::Map;
use crate::stat::Stat;
use crate::user::{Sink, Source};
use crate::wait::{Events, WaitQueue};
use alloc::collections::VecDeque;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use core::cell::Cell;
use item::Item;

/// Report only changes.
pub const EPOLLET: u32 = 1 << 31;
/// Report once, then wait for EPOLL_CTL_MOD.
pub const EPOLLONESHOT: u32 = 1 << 30;
/// Keep the system awake: accepted, without effect.
pub const EPOLLWAKEUP: u32 = 1 << 29;
/// Wake at least one of several epolls: all are woken, which the manual page allows.
pub const EPOLLEXCLUSIVE: u32 = 1 << 28;

const PRIVATE: u32 = EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE;
const ALWAYS: u32 = Events::ERR.0 | Events::HUP.0;
const EXCLUSIVE_ALLOWED: u32 = Events::IN.0 | Events::OUT.0 | ALWAYS | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

/// What an item is found by: descriptor number, and address of the description (which no other description can
/// have while the item's weak reference exists).
type Key = (i32, usize);

/// An epoll instance.
pub struct Epoll {
    me: Weak<Epoll>,
    items: RefCell<Map<Key, Rc<Item>>>,
    ready: RefCell<VecDeque<Rc<Item>>>,
    queue: WaitQueue,
    /// Epolls that watch this one.
    parents: RefCell<Vec<Weak<Epoll>>>,
    /// Number of items at which those of closed descriptions are looked for.
    sweep_at: Cell<usize>,
}

/// An open file description as epoll_ctl(2) names it: the number it was found under, the description (whose death
/// ends the interest), and its file.
pub struct Watched<'a> {
    /// Descriptor number.
    pub fd: i32,
    /// The open file description.
    pub description: &'a Rc<dyn Any>,
    /// Its file.
    pub file: &'a Rc<dyn File>,
}

impl Watched<'_> {
    fn key(&self) -> Key {
        (self.fd, Rc::as_ptr(self.description) as *const () as usize)
    }
}

impl Epoll {
    /// An instance that watches nothing (epoll_create1(2)).
    pub fn new() -> Rc<Epoll> {
        Rc::new_cyclic(|me| Epoll {
            me: me.clone(),
            items: RefCell::default(),
            ready: RefCell::default(),
            queue: WaitQueue::new(),
            parents: RefCell::default(),
            sweep_at: Cell::new(16),
        })
    }

    /// The instance, if `file` is one.
    pub fn of(file: &dyn File) -> Option<&Epoll> {
        file.as_any().downcast_ref()
    }

    /// EPOLL_CTL_ADD.
    ///
    /// # Errors
    /// EPERM: the file cannot be waited for. EEXIST. EINVAL: the instance itself, or bits that EPOLLEXCLUSIVE
    /// forbids. ELOOP: a circle of instances, or a chain of more than five.
    pub fn add(&self, watched: &Watched<'_>, events: u32, data: u64) -> Result<()> {
        let queue = self.check(watched)?;
        let inner = Epoll::of(&**watched.file);
        if events & EPOLLEXCLUSIVE != 0 && (inner.is_some() || events & !EXCLUSIVE_ALLOWED != 0) {
            return Err(Errno::EINVAL);
        }
        if self.items.borrow().contains_key(&watched.key()) {
            return Err(Errno::EEXIST);
        }
        self.sweep();
        if let Some(inner) = inner {
            nest::check(self, inner)?;
            inner.parents.borrow_mut().push(self.me.clone());
        }
        let item = Item::new(&self.me, watched, events | ALWAYS, data);
        self.items.borrow_mut().insert(watched.key(), item.clone());
        item.register(queue);
        self.look(&item);
        Ok(())
    }

    /// EPOLL_CTL_MOD: also arms an item again.
    ///
    /// # Errors
    /// ENOENT. EINVAL: EPOLLEXCLUSIVE, given now or when the item was added. EPERM.
    pub fn modify(&self, watched: &Watched<'_>, events: u32, data: u64) -> Result<()> {
        self.check(watched)?;
        if events & EPOLLEXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        let item = self.items.borrow().get(&watched.key()).cloned().ok_or(Errno::ENOENT)?;
        if item.events.get() & EPOLLEXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        item.events.set(events | ALWAYS);
        item.data.set(data);
        self.look(&item);
        Ok(())
    }

    /// EPOLL_CTL_DEL.
    ///
    /// # Errors
    /// ENOENT. EINVAL: the instance itself. EPERM.
    pub fn delete(&self, watched: &Watched<'_>) -> Result<()> {
        self.check(watched)?;
        let item = self.items.borrow_mut().remove(&watched.key()).ok_or(Errno::ENOENT)?;
        self.forget(&item);
        Ok(())
    }

    /// Delivers up to `max` events to `put` (events, data) without waiting, and returns how many.
    ///
    /// # Errors
    /// What `put` returned, if it failed on the first event; the event stays ready.
    pub fn wait(&self, max: usize, put: &mut dyn FnMut(u32, u64) -> Result<()>) -> Result<usize> {
        let mut done = 0;
        let scan = self.ready.borrow().len();
        for _ in 0..scan {
            if done >= max {
                break;
            }
            let Some(item) = self.ready.borrow_mut().pop_front() else { break };
            item.linked.set(false);
            let Some(events) = self.ready_events(&item) else { continue };
            if let Err(error) = put(events, item.data.get()) {
                if !item.linked.replace(true) {
                    self.ready.borrow_mut().push_front(item);
                }
                return if done > 0 { Ok(done) } else { Err(error) };
            }
            done += 1;
            let wanted = item.events.get();
            if wanted & EPOLLONESHOT != 0 {
                item.events.set(wanted & PRIVATE);
            } else if wanted & EPOLLET == 0 && !item.linked.replace(true) {
                self.ready.borrow_mut().push_back(item);
            }
        }
        Ok(done)
    }

    /// How many descriptions are watched, those closed but not yet noticed included.
    pub fn len(&self) -> usize {
        self.items.borrow().len()
    }

    /// Whether nothing is watched.
    pub fn is_empty(&self) -> bool {
        self.items.borrow().is_empty()
    }

    fn check<'a>(&self, watched: &Watched<'a>) -> Result<&'a WaitQueue> {
        let queue = watched.file.wait_queue().ok_or(Errno::EPERM)?;
        match Epoll::of(&**watched.file) {
            Some(inner) if core::ptr::eq(inner, self) => Err(Errno::EINVAL),
            _ => Ok(queue),
        }
    }

    /// What to report of an item now; an item whose description has gone is removed.
    fn ready_events(&self, item: &Rc<Item>) -> Option<u32> {
        match item.poll() {
            Some(events) => (events != 0).then_some(events),
            None => {
                self.items.borrow_mut().remove(&item.key);
                self.forget(item);
                None
            }
        }
    }

    /// Makes an item ready if its file is.
    fn look(&self, item: &Rc<Item>) {
        if item.poll().is_some_and(|events| events != 0) {
            self.push(item);
        }
    }

    fn push(&self, item: &Rc<Item>) {
        if !item.linked.replace(true) {
            self.ready.borrow_mut().push_back(item.clone());
        }
        self.queue.notify(Events::IN.or(Events::RDNORM));
    }

    /// Ends an item that is no longer in the map.
    fn forget(&self, item: &Rc<Item>) {
        item.unregister();
        if item.linked.replace(false) {
            self.ready.borrow_mut().retain(|other| !Rc::ptr_eq(other, item));
        }
        if let Some(file) = item.file()
            && let Some(inner) = Epoll::of(&*file)
        {
            let mut parents = inner.parents.borrow_mut();
            if let Some(index) = parents.iter().position(|parent| parent.ptr_eq(&self.me)) {
                parents.swap_remove(index);
            }
        }
    }

    /// Removes the items of closed descriptions, now and then: a description that never notifies would otherwise
    /// leave its item behind for good.
    fn sweep(&self) {
        if self.items.borrow().len() < self.sweep_at.get() {
            return;
        }
        let gone: Vec<Rc<Item>> =
            self.items.borrow().values().filter(|item| item.is_gone()).cloned().collect();
        for item in gone {
            self.items.borrow_mut().remove(&item.key);
            self.forget(&item);
        }
        self.sweep_at.set(self.items.borrow().len() * 2 + 16);
    }
}

impl File for Epoll {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anon_stat())
    }

    /// Readable when [`Epoll::wait`] would deliver something.
    fn poll(&self) -> Events {
        let scan = self.ready.borrow().len();
        for _ in 0..scan {
            let Some(item) = self.ready.borrow().front().cloned() else { break };
            if self.ready_events(&item).is_some() {
                return Events::IN.or(Events::RDNORM);
            }
            if item.linked.replace(false) {
                self.ready.borrow_mut().retain(|other| !Rc::ptr_eq(other, &item));
            }
        }
        Events::NONE
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn describe(&self) -> Vec<u8> {
        anon_name("eventpoll")
    }

    fn release(&self) {
        let items = self.items.take();
        for item in items.values() {
            self.forget(item);
        }
    }

    fn ignores_seek(&self) -> bool {
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        self.release();
    }
}
