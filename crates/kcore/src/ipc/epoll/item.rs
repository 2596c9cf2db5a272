//! One entry of an epoll's interest list.

use super::{ALWAYS, EPOLLET, Epoll, Key, PRIVATE, Watched};
use crate::cell::RefCell;
use crate::file::File;
use crate::fs::open_file::OpenFile;
use crate::wait::{Events, WaitKey, WaitQueue, Wake};
use alloc::rc::{Rc, Weak};
use core::any::Any;
use core::cell::Cell;

pub(super) struct Item {
    me: Weak<Item>,
    epoll: Weak<Epoll>,
    pub key: Key,
    description: Weak<dyn Any>,
    file: RefCell<Weak<dyn File>>,
    /// What is asked for; only [`PRIVATE`] bits: disarmed by EPOLLONESHOT.
    pub events: Cell<u32>,
    pub data: Cell<u64>,
    /// Whether it is on the ready list.
    pub linked: Cell<bool>,
    registration: Cell<Option<WaitKey>>,
}

impl Item {
    pub fn new(epoll: &Weak<Epoll>, watched: &Watched<'_>, events: u32, data: u64) -> Rc<Item> {
        Rc::new_cyclic(|me| Item {
            me: me.clone(),
            epoll: epoll.clone(),
            key: watched.key(),
            description: Rc::downgrade(watched.description),
            file: RefCell::new(Rc::downgrade(watched.file)),
            events: Cell::new(events),
            data: Cell::new(data),
            linked: Cell::new(false),
            registration: Cell::new(None),
        })
    }

    pub fn register(&self, queue: &WaitQueue) {
        if let Some(me) = self.me.upgrade() {
            // Every event: what is asked for changes with EPOLL_CTL_MOD.
            self.registration.set(Some(queue.add(Events::ALL, me)));
        }
    }

    /// What the description has open.
    pub fn file(&self) -> Option<Rc<dyn File>> {
        self.file.borrow().upgrade()
    }

    /// The description, while it is open.
    pub fn description(&self) -> Option<Rc<dyn Any>> {
        self.description.upgrade()
    }

    /// The description may have another file now: it has moved to a session's keeper. Whether it has.
    fn follow(&self) -> bool {
        let Some(description) = self.description.upgrade() else { return false };
        let Some(file) = description.downcast_ref::<OpenFile>().map(OpenFile::file) else { return false };
        if core::ptr::addr_eq(self.file.borrow().as_ptr(), Rc::as_ptr(file)) {
            return false;
        }
        self.unregister();
        self.file.replace(Rc::downgrade(file));
        if let Some(queue) = file.wait_queue() {
            self.register(queue);
        }
        true
    }

    pub fn unregister(&self) {
        if let (Some(key), Some(file)) = (self.registration.take(), self.file())
            && let Some(queue) = file.wait_queue()
        {
            queue.remove(key);
        }
    }

    /// Whether the description has been closed.
    pub fn is_gone(&self) -> bool {
        self.description.strong_count() == 0
    }

    /// What the file has of what is asked for; none: the description has gone.
    pub fn poll(&self) -> Option<u32> {
        if self.is_gone() {
            return None;
        }
        let wanted = self.wanted();
        if wanted == 0 {
            return Some(0);
        }
        self.follow();
        Some(self.file()?.poll().0 & wanted)
    }

    fn wanted(&self) -> u32 {
        self.events.get() & !PRIVATE
    }
}

impl Wake for Item {
    fn wake(&self, events: Events) {
        let (Some(epoll), Some(me)) = (self.epoll.upgrade(), self.me.upgrade()) else { return };
        if self.is_gone() {
            epoll.items.borrow_mut().remove(&self.key);
            epoll.forget(&me);
            return;
        }
        if self.follow() {
            // No edge; but from now on the keeper is to tell of them.
            let ready = self.poll().is_some_and(|events| events != 0);
            if ready && self.events.get() & EPOLLET == 0 {
                epoll.push(&me);
            }
            return;
        }
        if self.wanted() & events.0 != 0 {
            epoll.push(&me);
        }
    }
}

const _: () = assert!(PRIVATE & ALWAYS == 0 && PRIVATE & EPOLLET != 0);
