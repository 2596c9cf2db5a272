//! Interest lists on their way to another kernel: [`Epoll::interests`], [`Epoll::restore`].

use super::{ALWAYS, EPOLLET, Epoll, Item, PRIVATE, Watched, nest};
use crate::errno::{Errno, Result};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

/// One entry of an interest list.
#[derive(Clone)]
pub struct Interest {
    /// The number of the descriptor that it was made with.
    pub fd: i32,
    /// What is watched.
    pub description: Rc<dyn Any>,
    /// What is asked for, with its flags; without events: disarmed by EPOLLONESHOT.
    pub events: u32,
    /// The program's.
    pub data: u64,
    /// It is on the list of what may be ready.
    pub is_ready: bool,
}

impl Epoll {
    /// What is watched of what is still open; first what may be ready, in that order.
    pub fn interests(&self) -> Vec<Interest> {
        let ready: Vec<Rc<Item>> = self.ready.borrow().iter().cloned().collect();
        let rest: Vec<Rc<Item>> =
            self.items.borrow().values().filter(|item| !item.linked.get()).cloned().collect();
        let told = |item: &Rc<Item>| {
            Some(Interest {
                fd: item.key.0,
                description: item.description()?,
                events: item.events.get(),
                data: item.data.get(),
                is_ready: item.linked.get(),
            })
        };
        ready.iter().chain(&rest).filter_map(told).collect()
    }

    /// Does not watch it any more: another kernel does.
    pub fn remove(&self, interest: &Interest) {
        let key = (interest.fd, Rc::as_ptr(&interest.description) as *const () as usize);
        let item = self.items.borrow_mut().remove(&key);
        if let Some(item) = item {
            self.forget(&item);
        }
    }

    /// Watches what another kernel has watched, but tells no edge that it did not tell there.
    ///
    /// # Errors
    /// As [`Epoll::add`].
    pub fn restore(&self, watched: &Watched<'_>, events: u32, data: u64, is_ready: bool) -> Result<()> {
        let queue = self.check(watched)?;
        if self.items.borrow().contains_key(&watched.key()) {
            return Err(Errno::EEXIST);
        }
        if let Some(inner) = Epoll::of(&**watched.file) {
            nest::check(self, inner)?;
            inner.parents.borrow_mut().push(self.me.clone());
        }
        let armed = events & !PRIVATE != 0;
        let item = Item::new(&self.me, watched, if armed { events | ALWAYS } else { events }, data);
        self.items.borrow_mut().insert(watched.key(), item.clone());
        item.register(queue);
        if is_ready {
            self.push(&item);
        } else if events & EPOLLET == 0 {
            self.look(&item);
        }
        Ok(())
    }
}
