//! What the objects of this module have in common: identity, attributes, and the text that names them in
//! `/proc/self/fd`.

use crate::fs::inode::SetAttributes;
use crate::stat::{Nanoseconds, S_IFIFO, S_IFMT, S_IFSOCK, Stat, makedev};
use alloc::format;
use alloc::vec::Vec;
use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};

/// Who makes an object, and when: what stat(2) says of it later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// File-system user of the creating thread.
    pub uid: u32,
    /// File-system group.
    pub gid: u32,
    /// CLOCK_REALTIME at creation.
    pub now: Nanoseconds,
}

/// Device number that pipes report.
pub const PIPE_DEVICE: u64 = makedev(0, 14);
/// Device number that sockets report.
pub const SOCKET_DEVICE: u64 = makedev(0, 8);
/// Device number that the anonymous inode reports.
pub const ANON_DEVICE: u64 = makedev(0, 15);
/// The one inode that all eventfds, epolls ... share.
pub const ANON_INODE: u64 = 1031;

/// A number never given before: the inode number of a new pipe or socket. It identifies the object as long as the
/// VM lives, and is the first half of its name once objects are shared between VMs.
pub fn next_id() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

static NEXT: AtomicU64 = AtomicU64::new(ANON_INODE + 1);

/// From now on the numbers of [`next_id`] are those of kernel `origin` of a session: objects that move between kernels keep theirs.
pub fn set_origin(origin: u32) {
    NEXT.store(u64::from(origin) << 32, Ordering::Relaxed);
}

fn stat(device: u64, inode: u64, mode: u32, origin: Origin) -> Stat {
    Stat {
        device,
        inode,
        mode,
        links: 1,
        uid: origin.uid,
        gid: origin.gid,
        block_size: 4096,
        accessed: origin.now,
        modified: origin.now,
        changed: origin.now,
        created: origin.now,
        ..Stat::default()
    }
}

/// Attributes of a pipe.
pub fn pipe_stat(id: u64, origin: Origin) -> Stat {
    stat(PIPE_DEVICE, id, S_IFIFO | 0o600, origin)
}

/// Attributes of a socket.
pub fn socket_stat(id: u64, origin: Origin) -> Stat {
    stat(SOCKET_DEVICE, id, S_IFSOCK | 0o777, origin)
}

/// Attributes of an object on the anonymous inode: no type bits, as Linux has it.
pub fn anon_stat() -> Stat {
    stat(ANON_DEVICE, ANON_INODE, 0o600, Origin::default())
}

/// What fchmod(2), fchown(2) and futimens(2) have changed of an object that has no name.
#[derive(Default)]
pub struct Changed(Cell<SetAttributes>);

impl Changed {
    /// Changes what `change` says.
    pub fn set(&self, change: &SetAttributes) {
        let old = self.0.get();
        self.0.set(SetAttributes {
            permissions: change.permissions.or(old.permissions),
            uid: change.uid.or(old.uid),
            gid: change.gid.or(old.gid),
            size: None,
            accessed: change.accessed.or(old.accessed),
            modified: change.modified.or(old.modified),
        });
    }

    /// All that has been changed.
    pub fn get(&self) -> Option<SetAttributes> {
        Some(self.0.get()).filter(|change| *change != SetAttributes::default())
    }

    /// `stat`, with what has been changed.
    pub fn show(&self, stat: Stat) -> Stat {
        let change = self.0.get();
        Stat {
            mode: change.permissions.map_or(stat.mode, |permissions| stat.mode & S_IFMT | permissions),
            uid: change.uid.unwrap_or(stat.uid),
            gid: change.gid.unwrap_or(stat.gid),
            accessed: change.accessed.unwrap_or(stat.accessed),
            modified: change.modified.unwrap_or(stat.modified),
            ..stat
        }
    }
}

/// `anon_inode:[eventpoll]`: what `/proc/self/fd` shows for an object on the anonymous inode.
pub fn anon_name(class: &str) -> Vec<u8> {
    format!("anon_inode:[{class}]").into_bytes()
}

/// ioctl(2) requests that more than one kind of object knows.
pub mod requests {
    /// Bytes that can be read, as an int (also TIOCINQ).
    pub const FIONREAD: u32 = 0x541b;
    /// Bytes still in the output queue (also SIOCOUTQ).
    pub const TIOCOUTQ: u32 = 0x5411;
}
