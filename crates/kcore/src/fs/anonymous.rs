//! Places for objects that are in no directory, so that `/proc/self/fd/N` leads to them.

use super::inode::{Attributes, FileType, Inode, SetAttributes, StatFs};
use super::open_file::OpenFile;
use super::path::Path;
use crate::errno::Result;
use crate::file::File;
use crate::stat::{S_IFIFO, S_IFMT, S_IFSOCK, Stat};
use alloc::rc::Rc;
use core::any::Any;

/// statfs(2) type of anonymous inodes.
const ANON_INODE_FS_MAGIC: u64 = 0x0904_1934;
/// statfs(2) type of pipes.
const PIPEFS_MAGIC: u64 = 0x5049_5045;
/// statfs(2) type of sockets.
const SOCKFS_MAGIC: u64 = 0x534f_434b;

struct Anonymous {
    file: Rc<dyn File>,
}

impl Inode for Anonymous {
    fn id(&self) -> (u64, u64) {
        self.file.stat().map_or((0, 0), |s| (s.device, s.inode))
    }

    fn attributes(&self) -> Result<Attributes> {
        let stat = self.file.stat()?;
        Ok(Attributes {
            file_type: FileType::from_mode(stat.mode).unwrap_or(FileType::Regular),
            permissions: stat.mode & 0o7777,
            uid: stat.uid,
            gid: stat.gid,
        })
    }

    fn stat(&self) -> Result<Stat> {
        self.file.stat()
    }

    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        self.file.set_attributes(change)
    }

    fn open(self: Rc<Self>, flags: u32) -> Result<Rc<dyn File>> {
        self.file.reopen(flags)
    }

    fn statfs(&self) -> Result<StatFs> {
        let magic = match self.file.stat()?.mode & S_IFMT {
            S_IFIFO => PIPEFS_MAGIC,
            S_IFSOCK => SOCKFS_MAGIC,
            _ => ANON_INODE_FS_MAGIC,
        };
        Ok(StatFs { magic, block_size: 4096, ..StatFs::default() })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Whether opening `inode` means asking its file for another one, whatever its type.
pub(super) fn is_anonymous(inode: &Rc<dyn Inode>) -> bool {
    inode.as_any().is::<Anonymous>()
}

/// The place of an open file: where it was opened, or one of its own.
pub fn place(file: &OpenFile) -> Path {
    match file.path() {
        Some(path) => path.clone(),
        None => {
            let inode = Rc::new(Anonymous { file: file.file().clone() });
            Path::anonymous(inode, &file.file().describe())
        }
    }
}
