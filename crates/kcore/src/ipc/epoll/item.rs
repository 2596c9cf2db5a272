//! One entry of an epoll's interest list.

use super::{ALWAYS, EPOLLET, Epoll, Key, PRIVATE, Watched};
use crate::file::File;
use crate::wait::{Events, WaitKey, WaitQueue, Wake};
use alloc::rc::{Rc, Weak};
use core::any::Any;
use core::cell::Cell;

pub(super) struct Item {
    me: Weak<Item>,
    epoll: Weak<Epoll>,
    pub key: Key,
    description: Weak<dyn Any>,
    pub file: Weak<dyn File>,
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
            file: Rc::downgrade(watched.file),
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

    pub fn unregister(&self) {
        if let (Some(key), Some(file)) = (self.registration.take(), self.file.upgrade())
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
        Some(self.file.upgrade()?.poll().0 & wanted)
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
        } else if self.wanted() & events.0 != 0 {
            epoll.push(&me);
        }
    }
}

const _: () = assert!(PRIVATE & ALWAYS == 0 && PRIVATE & EPOLLET != 0);
