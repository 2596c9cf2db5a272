//! Structures of the system call interface: `struct stat`, `struct statx`, `struct linux_dirent64`, `struct statfs`.

use super::inode::StatFs;
use super::path::Path;
use crate::errno::{Errno, Result};
use crate::stat::Stat;
use crate::user::Sink;

const SECOND: i64 = 1_000_000_000;

struct Encoder<const N: usize>([u8; N]);

impl<const N: usize> Encoder<N> {
    fn u16(&mut self, at: usize, value: u16) {
        self.0[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    fn u32(&mut self, at: usize, value: u32) {
        self.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    fn u64(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    /// Seconds, then nanoseconds as 64 bits; or as 32 bits, which at this place is the same.
    fn time(&mut self, at: usize, time: i64) {
        self.u64(at, time.div_euclid(SECOND) as u64);
        self.u32(at + 8, time.rem_euclid(SECOND) as u32);
    }
}

/// Major number of a device number (gnu_dev_major(3)).
pub const fn major(device: u64) -> u32 {
    (((device >> 8) & 0xfff) | ((device >> 32) & 0xffff_f000)) as u32
}

/// Minor number of a device number (gnu_dev_minor(3)).
pub const fn minor(device: u64) -> u32 {
    ((device & 0xff) | ((device >> 12) & 0xffff_ff00)) as u32
}

/// `struct stat` of x86-64 (`asm/stat.h`).
pub fn stat(stat: &Stat) -> [u8; 144] {
    let mut out = Encoder([0; 144]);
    out.u64(0, stat.device);
    out.u64(8, stat.inode);
    out.u64(16, u64::from(stat.links));
    out.u32(24, stat.mode);
    out.u32(28, stat.uid);
    out.u32(32, stat.gid);
    out.u64(40, stat.rdev);
    out.u64(48, stat.size);
    out.u64(56, u64::from(stat.block_size));
    out.u64(64, stat.blocks);
    out.time(72, stat.accessed);
    out.time(88, stat.modified);
    out.time(104, stat.changed);
    out.0
}

/// `struct statx` (`linux/stat.h`): the basic fields and the creation time.
pub fn statx(stat: &Stat, mount_id: u64, is_mount_root: bool) -> [u8; 256] {
    const BASIC_STATS: u32 = 0x7ff;
    const BIRTH_TIME: u32 = 0x800;
    const MOUNT_ID: u32 = 0x1000;
    const ATTRIBUTE_MOUNT_ROOT: u64 = 0x2000;
    let mut out = Encoder([0; 256]);
    let birth = if stat.created != 0 { BIRTH_TIME } else { 0 };
    out.u32(0, BASIC_STATS | birth | MOUNT_ID);
    out.u32(4, stat.block_size);
    out.u64(8, if is_mount_root { ATTRIBUTE_MOUNT_ROOT } else { 0 });
    out.u32(16, stat.links);
    out.u32(20, stat.uid);
    out.u32(24, stat.gid);
    out.u16(28, stat.mode as u16);
    out.u64(32, stat.inode);
    out.u64(40, stat.size);
    out.u64(48, stat.blocks);
    out.u64(56, ATTRIBUTE_MOUNT_ROOT);
    out.time(64, stat.accessed);
    out.time(80, stat.created);
    out.time(96, stat.changed);
    out.time(112, stat.modified);
    out.u32(128, major(stat.rdev));
    out.u32(132, minor(stat.rdev));
    out.u32(136, major(stat.device));
    out.u32(140, minor(stat.device));
    out.u64(144, mount_id);
    out.0
}

/// `struct statfs` of x86-64; `flags` are the mount's.
pub fn statfs(fs: &StatFs, flags: u32) -> [u8; 120] {
    const ST_VALID: u64 = 0x20;
    let mut out = Encoder([0; 120]);
    out.u64(0, fs.magic);
    out.u64(8, fs.block_size);
    out.u64(16, fs.blocks);
    out.u64(24, fs.free);
    out.u64(32, fs.free);
    out.u64(40, fs.files);
    out.u64(48, fs.files_free);
    out.u64(56, fs.id);
    out.u64(64, super::inode::NAME_MAX as u64);
    out.u64(72, fs.block_size);
    out.u64(80, ST_VALID | u64::from(flags & 0xf));
    out.0
}

const ENTRY_HEADER: usize = 19;

/// One `struct linux_dirent64` into `into`: its length. 0: it does not fit.
fn entry(into: &mut dyn Sink, inode: u64, next: u64, kind: u8, name: &[u8]) -> Result<usize> {
    let length = (ENTRY_HEADER + name.len() + 1).next_multiple_of(8);
    if length > into.remaining() {
        return Ok(0);
    }
    let mut out = Encoder([0; 280]);
    let length = length.min(out.0.len());
    out.u64(0, inode);
    out.u64(8, next);
    out.u16(16, length as u16);
    out.0[18] = kind;
    let name = &name[..name.len().min(super::inode::NAME_MAX)];
    out.0[ENTRY_HEADER..ENTRY_HEADER + name.len()].copy_from_slice(name);
    if into.put(&out.0[..length])? < length { Err(Errno::EFAULT) } else { Ok(length) }
}

/// Positions 0 and 1 of a directory are `.` and `..`; the inode's own cookies follow, moved by this.
const OWN: u64 = 2;

/// Entries of directory `path` from `offset` on into `into`: bytes written, and the new offset.
///
/// # Errors
/// ENOTDIR; EINVAL: not even one entry fits; EFAULT.
pub(super) fn directory(path: &Path, mut offset: u64, into: &mut dyn Sink) -> Result<(usize, u64)> {
    const DIRECTORY: u8 = 4;
    if path.inode().attributes()?.file_type != super::inode::FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    let mut written = 0;
    let mut full = false;
    let mut fault = None;
    while offset < OWN && !full && fault.is_none() {
        let (name, inode): (&[u8], _) = if offset == 0 {
            (b".", path.inode().id().1)
        } else {
            let above = path.dentry.parent();
            (b"..", above.map_or(path.inode().id().1, |dentry| dentry.inode().id().1))
        };
        match entry(into, inode, offset + 1, DIRECTORY, name) {
            Ok(0) => full = true,
            Ok(n) => (written, offset) = (written + n, offset + 1),
            Err(e) => fault = Some(e),
        }
    }
    if !full && fault.is_none() {
        path.inode().read_directory(offset - OWN, &mut |e| {
            match entry(into, e.inode, e.next.saturating_add(OWN), e.file_type as u8, e.name) {
                Ok(0) => full = true,
                Ok(n) => {
                    (written, offset) = (written + n, e.next.saturating_add(OWN));
                    return true;
                }
                Err(e) => fault = Some(e),
            }
            false
        })?;
    }
    match fault {
        Some(e) if written == 0 => Err(e),
        _ if full && written == 0 => Err(Errno::EINVAL),
        _ => Ok((written, offset)),
    }
}
