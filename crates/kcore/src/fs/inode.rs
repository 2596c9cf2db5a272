//! What a file system gives the rest of the kernel: [`Inode`].

pub use super::inode_state::InodeState;
use super::path::Path;
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::stat::{self, Nanoseconds, Stat};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;

/// Longest file name, bytes (NAME_MAX).
pub const NAME_MAX: usize = 255;
/// Longest path, bytes with its terminating zero (PATH_MAX).
pub const PATH_MAX: usize = 4096;
/// Largest offset and size of a file.
pub const OFFSET_MAX: u64 = i64::MAX as u64;
/// renameat2(2): fail if the new name exists.
pub const RENAME_NOREPLACE: u32 = 1;
/// renameat2(2): exchange the two names.
pub const RENAME_EXCHANGE: u32 = 2;

/// Tells the time for time stamps (CLOCK_REALTIME).
pub type Clock = Rc<dyn Fn() -> Nanoseconds>;

/// What kind of file an inode is. The values are those of `d_type` in getdents64(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FileType {
    /// Named pipe.
    Fifo = 1,
    /// Character device.
    CharacterDevice = 2,
    /// Directory.
    Directory = 4,
    /// Block device.
    BlockDevice = 6,
    /// Regular file.
    Regular = 8,
    /// Symbolic link.
    Symlink = 10,
    /// Bound UNIX socket.
    Socket = 12,
}

impl FileType {
    /// From the type bits of a mode; none: not one that Linux knows.
    pub const fn from_mode(mode: u32) -> Option<FileType> {
        Some(match mode & stat::S_IFMT {
            stat::S_IFIFO => FileType::Fifo,
            stat::S_IFCHR => FileType::CharacterDevice,
            stat::S_IFDIR => FileType::Directory,
            stat::S_IFBLK => FileType::BlockDevice,
            stat::S_IFREG => FileType::Regular,
            stat::S_IFLNK => FileType::Symlink,
            stat::S_IFSOCK => FileType::Socket,
            _ => return None,
        })
    }

    /// The type bits of a mode.
    pub const fn mode_bits(self) -> u32 {
        (self as u32) << 12
    }
}

/// What a permission check needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Kind of file.
    pub file_type: FileType,
    /// Permission bits with set-user-ID, set-group-ID and sticky (07777).
    pub permissions: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Attributes to change; none: leave. The caller has checked permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttributes {
    /// Permission bits (07777).
    pub permissions: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Length of a regular file.
    pub size: Option<u64>,
    /// Access time.
    pub accessed: Option<Nanoseconds>,
    /// Modification time.
    pub modified: Option<Nanoseconds>,
}

/// What [`Inode::create`] makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewNode<'a> {
    /// An empty regular file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link to these bytes.
    Symlink(&'a [u8]),
    /// A named pipe.
    Fifo,
    /// The name of a bound socket.
    Socket,
    /// A character device with this device number.
    CharacterDevice(u64),
    /// A block device with this device number.
    BlockDevice(u64),
}

impl NewNode<'_> {
    /// The kind of file that it makes.
    pub const fn file_type(&self) -> FileType {
        match self {
            NewNode::Regular => FileType::Regular,
            NewNode::Directory => FileType::Directory,
            NewNode::Symlink(_) => FileType::Symlink,
            NewNode::Fifo => FileType::Fifo,
            NewNode::Socket => FileType::Socket,
            NewNode::CharacterDevice(_) => FileType::CharacterDevice,
            NewNode::BlockDevice(_) => FileType::BlockDevice,
        }
    }
}

/// Owner and permissions of a new inode: umask and set-group-ID directories are already accounted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creation {
    /// Permission bits (07777).
    pub permissions: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// One name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryEntry<'a> {
    /// Its inode number.
    pub inode: u64,
    /// Its kind.
    pub file_type: FileType,
    /// Where to go on after it.
    pub next: u64,
    /// The name.
    pub name: &'a [u8],
}

/// statfs(2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatFs {
    /// Type number (`*_MAGIC`).
    pub magic: u64,
    /// Unit of the block counts, bytes.
    pub block_size: u64,
    /// Size in blocks.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Inodes.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// File system id.
    pub id: u64,
}

/// Where a symbolic link leads.
pub enum Link {
    /// To this path.
    Text(Vec<u8>),
    /// To this very object, whatever its name (a magic link of procfs).
    Magic(Path),
}

/// A file of any kind in a file system. Names passed in are single components: not empty, not `.` or `..`, without slash and
/// zero, at most [`NAME_MAX`] bytes. The caller has checked permissions and the type of `self`; an inode that is not a
/// directory answers ENOTDIR to directory operations.
pub trait Inode: Any {
    /// Device and inode number: what makes two inodes the same.
    fn id(&self) -> (u64, u64);

    /// What permission checks need.
    ///
    /// # Errors
    /// EIO.
    fn attributes(&self) -> Result<Attributes>;

    /// All attributes.
    ///
    /// # Errors
    /// EIO.
    fn stat(&self) -> Result<Stat>;

    /// Changes attributes.
    ///
    /// # Errors
    /// EPERM (not a file system where that can be), EROFS, EFBIG, ENOSPC.
    fn set_attributes(&self, change: &SetAttributes) -> Result<()> {
        let _ = change;
        Err(Errno::EPERM)
    }

    /// The inode of `name` in this directory.
    ///
    /// # Errors
    /// ENOENT, EIO.
    fn lookup(&self, name: &[u8]) -> Result<Rc<dyn Inode>> {
        let _ = name;
        Err(Errno::ENOTDIR)
    }

    /// Whether a name in this directory changes only through this kernel, so that the result of a lookup may be kept.
    fn is_cacheable(&self) -> bool {
        true
    }

    /// What was looked up in this directory holds while this value stays the same.
    fn names_version(&self) -> u64 {
        0
    }

    /// Makes `name`, which must not exist.
    ///
    /// # Errors
    /// EEXIST, ENOSPC, EROFS, ENOENT (the directory has been removed).
    fn create(&self, name: &[u8], node: NewNode<'_>, creation: Creation) -> Result<Rc<dyn Inode>> {
        let _ = (name, node, creation);
        Err(Errno::EPERM)
    }

    /// Makes a regular file without a name in this directory's file system (O_TMPFILE), which may be given one if `linkable`.
    ///
    /// # Errors
    /// EOPNOTSUPP.
    fn create_unnamed(&self, creation: Creation, linkable: bool) -> Result<Rc<dyn Inode>> {
        let _ = (creation, linkable);
        Err(Errno::EOPNOTSUPP)
    }

    /// One more name for `target`, an inode of the same file system that is not a directory.
    ///
    /// # Errors
    /// EEXIST, EMLINK, EXDEV, EPERM, EROFS.
    fn link(&self, name: &[u8], target: &Rc<dyn Inode>) -> Result<()> {
        let _ = (name, target);
        Err(Errno::EPERM)
    }

    /// Removes the name of what is not a directory.
    ///
    /// # Errors
    /// ENOENT, EISDIR, EROFS.
    fn unlink(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(Errno::EPERM)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// ENOENT, ENOTDIR, ENOTEMPTY, EROFS.
    fn rmdir(&self, name: &[u8]) -> Result<()> {
        let _ = name;
        Err(Errno::EPERM)
    }

    /// Renames `old` in this directory to `new` in `directory`, of the same file system. The caller has checked that a directory
    /// does not become its own descendant.
    ///
    /// # Errors
    /// As rename(2) and renameat2(2).
    fn rename(&self, old: &[u8], directory: &Rc<dyn Inode>, new: &[u8], flags: u32) -> Result<()> {
        let _ = (old, directory, new, flags);
        Err(Errno::EPERM)
    }

    /// The text of a symbolic link.
    ///
    /// # Errors
    /// EINVAL: not a symbolic link.
    fn read_link(&self) -> Result<Vec<u8>> {
        Err(Errno::EINVAL)
    }

    /// Where path resolution goes on at this symbolic link.
    ///
    /// # Errors
    /// As [`Inode::read_link`]; ENOENT: what a magic link leads to is gone.
    fn follow(&self) -> Result<Link> {
        self.read_link().map(Link::Text)
    }

    /// Calls `emit` with the entries from `cookie` on (0: the first), without `.` and `..`, until it returns false, whereupon
    /// that entry counts as not read. No borrow is held during the call.
    ///
    /// # Errors
    /// ENOTDIR, EIO.
    fn read_directory(&self, cookie: u64, emit: &mut dyn FnMut(&DirectoryEntry<'_>) -> bool) -> Result<()> {
        let _ = (cookie, emit);
        Err(Errno::ENOTDIR)
    }

    /// Opens a regular file or directory (devices, FIFOs and sockets are opened by their registries).
    ///
    /// # Errors
    /// EIO; ENXIO.
    fn open(self: Rc<Self>, flags: u32) -> Result<Rc<dyn File>>;

    /// An extended attribute.
    ///
    /// # Errors
    /// ENODATA, EOPNOTSUPP.
    fn get_xattr(&self, name: &[u8]) -> Result<Vec<u8>> {
        let _ = name;
        Err(Errno::EOPNOTSUPP)
    }

    /// Names of all extended attributes, each followed by a zero byte.
    ///
    /// # Errors
    /// EOPNOTSUPP.
    fn list_xattrs(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// Sets (some) or removes (none) an extended attribute; `flags` as setxattr(2).
    ///
    /// # Errors
    /// EOPNOTSUPP, EEXIST, ENODATA, ENOSPC.
    fn set_xattr(&self, name: &[u8], value: Option<&[u8]>, flags: u32) -> Result<()> {
        let _ = (name, value, flags);
        Err(Errno::EOPNOTSUPP)
    }

    /// The file system that holds the inode.
    ///
    /// # Errors
    /// EIO.
    fn statfs(&self) -> Result<StatFs>;

    /// Locks and the like; none: the file system keeps none (ENOLCK).
    fn state(&self) -> Option<&InodeState> {
        None
    }

    /// As [`Inode::state`], but none too if nobody has asked for it yet: then there is nothing to release.
    fn used_state(&self) -> Option<&InodeState> {
        self.state()
    }

    /// For file systems that need their own type back.
    fn as_any(&self) -> &dyn Any;
}
