//! What happens to files, and who is told: the watches of inotify(7).
//!
//! ```text
//!   Inotify ──► Watch ──► Path ──► Inode
//!      ▲          ▲                  │
//!      └── weak ──┴────── weak ── InodeState
//! ```
//!
//! A watch keeps its inode alive while that has a name; the inode's end is told when nobody has it open any more.

use super::dentry::Dentry;
use super::inode::{FileType, Inode, SetAttributes};
use super::path::Path;
use crate::cell::RefCell;
use crate::ipc::inotify::Inotify;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// Events and flags of inotify(7).
pub mod event {
    /// Read.
    pub const ACCESS: u32 = 0x1;
    /// Written, or of another length.
    pub const MODIFY: u32 = 0x2;
    /// Owner, permissions, times, links, extended attributes.
    pub const ATTRIB: u32 = 0x4;
    /// Closed by who could write.
    pub const CLOSE_WRITE: u32 = 0x8;
    /// Closed by who could not.
    pub const CLOSE_NOWRITE: u32 = 0x10;
    /// Opened.
    pub const OPEN: u32 = 0x20;
    /// A name has left the directory.
    pub const MOVED_FROM: u32 = 0x40;
    /// A name has come to the directory.
    pub const MOVED_TO: u32 = 0x80;
    /// A name is new.
    pub const CREATE: u32 = 0x100;
    /// A name is gone.
    pub const DELETE: u32 = 0x200;
    /// The file itself is gone.
    pub const DELETE_SELF: u32 = 0x400;
    /// The file itself has been renamed.
    pub const MOVE_SELF: u32 = 0x800;
    /// All that can be asked for.
    pub const ALL: u32 = 0xfff;
    /// Events were lost.
    pub const Q_OVERFLOW: u32 = 0x4000;
    /// The watch is over.
    pub const IGNORED: u32 = 0x8000;
    /// Only if it is a directory.
    pub const ONLYDIR: u32 = 0x0100_0000;
    /// The symbolic link itself.
    pub const DONT_FOLLOW: u32 = 0x0200_0000;
    /// Nothing of names that have been removed.
    pub const EXCL_UNLINK: u32 = 0x0400_0000;
    /// The watch must be new.
    pub const MASK_CREATE: u32 = 0x1000_0000;
    /// What is asked for is added to what was.
    pub const MASK_ADD: u32 = 0x2000_0000;
    /// It happened to a directory.
    pub const ISDIR: u32 = 0x4000_0000;
    /// The watch is over with its first event.
    pub const ONESHOT: u32 = 0x8000_0000;
}

use event::*;

/// Watches that there are: while there are none, nothing is looked at.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static COOKIE: AtomicU32 = AtomicU32::new(0);

/// What an instance wants to know of one inode.
pub struct Watch {
    instance: Weak<Inotify>,
    /// Its number in the instance.
    pub number: i32,
    /// Events and flags of [`event`].
    pub mask: Cell<u32>,
    /// Device and inode number.
    pub inode: (u64, u64),
    place: RefCell<Option<Path>>,
}

impl Watch {
    /// A watch on the inode with number `inode`, at `place` if this kernel can tell what happens to it.
    pub(crate) fn new(
        instance: Weak<Inotify>,
        number: i32,
        mask: u32,
        inode: (u64, u64),
        place: Option<Path>,
    ) -> Rc<Watch> {
        LIVE.fetch_add(1, Relaxed);
        let watch =
            Rc::new(Watch { instance, number, mask: Cell::new(mask), inode, place: RefCell::default() });
        if let Some(place) = place {
            if let Some(state) = place.inode().state() {
                state.watches.add(&watch);
            }
            watch.place.replace(Some(place));
        }
        watch
    }

    /// Where the file is, while it has a name.
    pub fn place(&self) -> Option<Path> {
        self.place.borrow().clone()
    }

    fn tell(&self, what: u32, cookie: u32, name: &[u8]) {
        if what & self.mask.get() & ALL != 0
            && let Some(instance) = self.instance.upgrade()
        {
            // Linux says nothing of what it is where the name is not in a directory that is watched.
            let what = if what & (DELETE_SELF | MOVE_SELF) != 0 { what & !ISDIR } else { what };
            instance.tell(self.number, what, cookie, name);
            if self.mask.get() & ONESHOT != 0 {
                instance.forget(self.number);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Relaxed);
    }
}

/// The watches on one inode.
#[derive(Default)]
pub struct Watches(RefCell<Vec<Weak<Watch>>>);

impl Watches {
    fn add(&self, watch: &Rc<Watch>) {
        let mut watches = self.0.borrow_mut();
        watches.retain(|old| old.strong_count() > 0);
        watches.push(Rc::downgrade(watch));
    }

    fn all(&self) -> Vec<Rc<Watch>> {
        self.0.borrow().iter().filter_map(Weak::upgrade).collect()
    }

    /// The inode is gone: says so, and all watches are over.
    pub fn inode_gone(&self) {
        for watch in self.all() {
            watch.tell(DELETE_SELF, 0, &[]);
            if let Some(instance) = watch.instance.upgrade() {
                instance.forget(watch.number);
            }
        }
    }
}

/// Whether anybody watches anything.
#[inline]
pub fn is_on() -> bool {
    LIVE.load(Relaxed) != 0
}

fn watches_of(inode: &dyn Inode) -> Vec<Rc<Watch>> {
    inode.used_state().map(|state| state.watches.all()).unwrap_or_default()
}

fn directory_bit(inode: &dyn Inode) -> u32 {
    match inode.attributes() {
        Ok(attributes) if attributes.file_type == FileType::Directory => ISDIR,
        _ => 0,
    }
}

/// `what` has happened to the file at `path`: its directory is told, and those who watch the file itself.
#[inline]
pub fn file(path: &Path, what: u32) {
    if is_on() {
        tell_both(path, what);
    }
}

#[cold]
fn tell_both(path: &Path, what: u32) {
    let inode = &**path.inode();
    let what = what | directory_bit(inode);
    if let Some(above) = path.dentry.parent() {
        for watch in watches_of(&**above.inode()) {
            if watch.mask.get() & EXCL_UNLINK == 0 || !path.is_deleted() {
                watch.tell(what, 0, &path.dentry.name());
            }
        }
    }
    for watch in watches_of(inode) {
        watch.tell(what, 0, &[]);
    }
}

/// `what` has happened to an inode, whatever its names.
fn itself(inode: &dyn Inode, what: u32) {
    let what = what | directory_bit(inode);
    for watch in watches_of(inode) {
        watch.tell(what, 0, &[]);
    }
}

fn entry(directory: &dyn Inode, what: u32, cookie: u32, name: &[u8]) {
    for watch in watches_of(directory) {
        watch.tell(what, cookie, name);
    }
}

/// The attributes of the file at `path` have been changed.
pub fn changed(path: &Path, change: &SetAttributes) {
    let mut what = 0;
    if change.uid.is_some() || change.gid.is_some() || change.permissions.is_some() {
        what |= ATTRIB;
    }
    if change.size.is_some() {
        what |= MODIFY;
    }
    what |= match (change.accessed.is_some(), change.modified.is_some()) {
        (true, true) => ATTRIB,
        (true, false) => ACCESS,
        (false, true) => MODIFY,
        (false, false) => 0,
    };
    if what != 0 {
        file(path, what);
    }
}

/// `name` in `directory` is new; `linked`: another name of that file.
pub fn created(directory: &dyn Inode, name: &[u8], inode: &dyn Inode, linked: bool) {
    if is_on() {
        if linked {
            itself(inode, ATTRIB);
        }
        entry(directory, CREATE | directory_bit(inode), 0, name);
    }
}

/// A name of `inode` has just been removed: a file's links are fewer, and a watch no longer keeps what has no name.
fn lost_name(inode: &dyn Inode, is_told: bool) {
    if is_told {
        itself(inode, ATTRIB);
    }
    if inode.stat().is_ok_and(|stat| stat.links == 0) {
        for watch in watches_of(inode) {
            let place = watch.place.take();
            drop(place);
        }
    }
}

/// `name`, which was `victim`, has been removed from `directory`; `forget` lets go of what else keeps its inode.
pub fn removed(directory: &dyn Inode, name: &[u8], victim: Rc<Dentry>, forget: impl FnOnce()) {
    if !is_on() {
        return forget();
    }
    let bit = directory_bit(&**victim.inode());
    lost_name(&**victim.inode(), bit == 0);
    forget();
    drop(victim);
    entry(directory, DELETE | bit, 0, name);
}

/// A directory and a name in it.
pub type Entry<'a> = (&'a dyn Inode, &'a [u8]);

fn moved(from: Entry<'_>, to: Entry<'_>, source: &dyn Inode, target: Option<&dyn Inode>) {
    let bit = directory_bit(source);
    let cookie = COOKIE.fetch_add(1, Relaxed).wrapping_add(1);
    entry(from.0, MOVED_FROM | bit, cookie, from.1);
    entry(to.0, MOVED_TO | bit, cookie, to.1);
    if let Some(target) = target {
        itself(target, ATTRIB);
    }
    itself(source, MOVE_SELF);
}

/// `source` has been renamed, and has taken the place of `target`, or changed places with it (`exchange`).
pub fn renamed(from: Entry<'_>, to: Entry<'_>, source: &Dentry, target: Option<Rc<Dentry>>, exchange: bool) {
    if !is_on() {
        return;
    }
    match target {
        None => moved(from, to, &**source.inode(), None),
        Some(target) if exchange => {
            moved(from, to, &**source.inode(), None);
            moved(to, from, &**target.inode(), None);
        }
        Some(target) => {
            moved(from, to, &**source.inode(), Some(&**target.inode()));
            lost_name(&**target.inode(), false);
        }
    }
}
