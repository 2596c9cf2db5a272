//! `/dev`: a tree in memory with the usual device files, and the drivers of the simplest of them.

mod files;

#[cfg(test)]
mod tests;

pub use files::{FullFile, NullFile, RandomFile, ZeroFile};

use super::device::Devices;
use super::inode::{Clock, Creation, Inode, NewNode};
use super::memfs::{Limits, MemFs, Node};
use crate::errno::Result;
use crate::file::PageSource;
use crate::stat::makedev;
use alloc::rc::Rc;

/// `/dev/null`.
pub const NULL: u64 = makedev(1, 3);
/// `/dev/zero`.
pub const ZERO: u64 = makedev(1, 5);
/// `/dev/full`.
pub const FULL: u64 = makedev(1, 7);
/// `/dev/random`.
pub const RANDOM: u64 = makedev(1, 8);
/// `/dev/urandom`.
pub const URANDOM: u64 = makedev(1, 9);
/// `/dev/tty`: the controlling terminal. Its driver is registered by the kernel.
pub const TTY: u64 = makedev(5, 0);
/// `/dev/console`. Its driver is registered by the kernel.
pub const CONSOLE: u64 = makedev(5, 1);
/// `/dev/ptmx`. Its driver is registered by the kernel.
pub const PTMX: u64 = makedev(5, 2);
/// `/dev/ramet` (a dynamic minor number of misc devices). Its driver is registered by the kernel.
pub const RAMET: u64 = makedev(10, 240);

/// Fills a buffer with random bytes.
pub type Fill = Rc<dyn Fn(&mut [u8])>;
/// Mixes in what a program wrote.
pub type Absorb = Rc<dyn Fn(&[u8])>;

/// The generator behind `/dev/random` and `/dev/urandom`.
#[derive(Clone)]
pub struct Randomness {
    /// Fills a buffer with random bytes.
    pub fill: Fill,
    /// Mixes in what a program wrote.
    pub absorb: Absorb,
}

/// Group `tty` of Debian, to which terminals belong.
const TTY_GROUP: u32 = 5;

/// Makes the tree, whose `st_dev` is `device`, and registers the drivers of null, zero, full, random and urandom.
/// `/dev/pts` is an empty directory to mount on, `/dev/shm` one for everybody.
///
/// # Errors
/// ENOSPC: the limits are too small.
pub fn build(
    device: u64,
    pages: &Rc<dyn PageSource>,
    clock: Clock,
    limits: Limits,
    random: Randomness,
    devices: &Devices,
) -> Result<(Rc<MemFs>, Rc<Node>)> {
    let owner = |permissions| Creation { permissions, uid: 0, gid: 0 };
    let (fs, root) = MemFs::new(device, None, pages.clone(), clock, limits, owner(0o755))?;
    let files: [(&[u8], u64, u32, u32); 9] = [
        (b"null", NULL, 0o666, 0),
        (b"zero", ZERO, 0o666, 0),
        (b"full", FULL, 0o666, 0),
        (b"random", RANDOM, 0o666, 0),
        (b"urandom", URANDOM, 0o666, 0),
        (b"tty", TTY, 0o666, TTY_GROUP),
        (b"console", CONSOLE, 0o620, TTY_GROUP),
        (b"ptmx", PTMX, 0o666, TTY_GROUP),
        (b"ramet", RAMET, 0o666, 0),
    ];
    for (name, number, permissions, gid) in files {
        root.create(name, NewNode::CharacterDevice(number), Creation { permissions, uid: 0, gid })?;
    }
    root.create(b"pts", NewNode::Directory, owner(0o755))?;
    root.create(b"shm", NewNode::Directory, owner(0o1777))?;
    let links: [(&[u8], &[u8]); 4] = [
        (b"fd", b"/proc/self/fd"),
        (b"stdin", b"/proc/self/fd/0"),
        (b"stdout", b"/proc/self/fd/1"),
        (b"stderr", b"/proc/self/fd/2"),
    ];
    for (name, target) in links {
        root.create(name, NewNode::Symlink(target), owner(0o777))?;
    }
    devices.register(NULL, Rc::new(|_| Ok(Rc::new(NullFile))));
    let zero_pages = pages.clone();
    devices.register(ZERO, Rc::new(move |_| Ok(Rc::new(ZeroFile::new(zero_pages.clone())))));
    devices.register(FULL, Rc::new(|_| Ok(Rc::new(FullFile))));
    for number in [RANDOM, URANDOM] {
        let random = random.clone();
        devices.register(number, Rc::new(move |_| Ok(Rc::new(RandomFile::new(number, random.clone())))));
    }
    Ok((fs, root))
}
