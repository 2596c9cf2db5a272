//! poll(2) and select(2): what is ready now, and being told of a change.

use crate::file::File;
use crate::wait::{Events, WaitKey, Wake};
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Reported whether asked for or not.
pub const ALWAYS: Events = Events(Events::ERR.0 | Events::HUP.0);
/// What makes a descriptor readable for select(2): IN, RDNORM, RDBAND, HUP, ERR.
pub const SELECT_READ: Events = Events(0x001 | 0x040 | 0x080 | 0x010 | 0x008);
/// Writable: OUT, WRNORM, WRBAND, ERR.
pub const SELECT_WRITE: Events = Events(0x004 | 0x100 | 0x200 | 0x008);
/// Exceptional: PRI.
pub const SELECT_EXCEPT: Events = Events::PRI;

/// One entry of a poll(2) array.
pub enum Target {
    /// A negative descriptor: nothing is ever reported.
    Ignored,
    /// Not an open descriptor: NVAL.
    Missing,
    /// An open one.
    File(Rc<dyn File>),
}

impl Target {
    /// What is ready of `wanted` (poll(2)'s revents).
    pub fn ready(&self, wanted: Events) -> Events {
        match self {
            Target::Ignored => Events::NONE,
            Target::Missing => Events::NVAL,
            Target::File(file) => ready(&**file, wanted),
        }
    }
}

/// What of `wanted` and of the events always reported is ready.
pub fn ready(file: &dyn File, wanted: Events) -> Events {
    file.poll().and(wanted.or(ALWAYS))
}

/// Registrations of one waiter with many files; dropping it ends them all.
#[derive(Default)]
pub struct PollSet {
    entries: Vec<(Rc<dyn File>, WaitKey)>,
}

impl PollSet {
    /// No registrations.
    pub fn new() -> PollSet {
        PollSet::default()
    }

    /// Has `wake` told of `wanted` (and errors) on `file`. A file without a queue never changes: nothing to do.
    pub fn add(&mut self, file: &Rc<dyn File>, wanted: Events, wake: &Rc<dyn Wake>) {
        if let Some(queue) = file.wait_queue() {
            let key = queue.add(wanted.or(ALWAYS), wake.clone());
            self.entries.push((file.clone(), key));
        }
    }

    /// Ends all registrations.
    pub fn clear(&mut self) {
        for (file, key) in self.entries.drain(..) {
            if let Some(queue) = file.wait_queue() {
                queue.remove(key);
            }
        }
    }
}

impl Drop for PollSet {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::eventfd::EventFd;
    use crate::user::SliceSource;
    use core::cell::Cell;

    struct Count(Cell<u32>);
    impl Wake for Count {
        fn wake(&self, _: Events) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn reports_what_was_asked_for() {
        let fd: Rc<dyn File> = EventFd::new(1, false);
        assert_eq!(Target::File(fd.clone()).ready(Events::IN), Events::IN);
        assert_eq!(Target::File(fd.clone()).ready(Events::PRI), Events::NONE);
        assert_eq!(Target::Missing.ready(Events::NONE), Events::NVAL);
        assert_eq!(Target::Ignored.ready(Events::ALL), Events::NONE);
        assert!(ready(&*fd, SELECT_WRITE).intersects(SELECT_WRITE));
    }

    #[test]
    fn registers_until_dropped() {
        let (a, b): (Rc<dyn File>, Rc<dyn File>) = (EventFd::new(0, false), EventFd::new(0, false));
        let count = Rc::new(Count(Cell::new(0)));
        let wake: Rc<dyn Wake> = count.clone();
        let mut set = PollSet::new();
        set.add(&a, Events::IN, &wake);
        set.add(&b, Events::IN, &wake);
        a.write(0, &mut SliceSource(&1u64.to_le_bytes()), 0).unwrap();
        assert_eq!(count.0.get(), 1);
        drop(set);
        b.write(0, &mut SliceSource(&1u64.to_le_bytes()), 0).unwrap();
        assert_eq!(count.0.get(), 1);
        assert!(a.wait_queue().unwrap().is_empty() && b.wait_queue().unwrap().is_empty());
    }
}
