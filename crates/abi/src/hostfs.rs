//! Host directories in the guest: a small file protocol, served by the VMM below the volume's root and nowhere
//! else. Modelled on 9P: the guest names host files by small numbers (`fid`) that it walks to.
//!
//! The request is at `HOSTFS_OFFSET`, data (names, bytes read or written, directory entries) at
//! `HOSTFS_OFFSET + DATA_OFFSET`, at most [`DATA_MAX`] bytes. Result of the hypercall: what the operation's
//! documentation says, or a negative Linux errno.

/// Where the data start.
pub const DATA_OFFSET: u64 = 0x1000;
/// Most bytes of data in one request.
pub const DATA_MAX: u64 = crate::layout::HOSTFS_SIZE - DATA_OFFSET;
/// Most fids open at once in one VM.
pub const FIDS: u32 = 4096;

/// The request. `stat` is the VMM's answer to the operations that say so.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// One of [`op`].
    pub operation: u32,
    /// The file or directory that the operation is about.
    pub fid: u32,
    /// A second fid: the new directory of RENAME and LINK.
    pub other: u32,
    /// Permission bits for CREATE, MKDIR (no set-id bits: EPERM); bits of `set` for SETATTR; open(2) flags for OPEN.
    pub flags: u32,
    /// File offset, directory cookie or new size.
    pub offset: u64,
    /// Bytes of data, or bytes wanted.
    pub length: u64,
    /// Length of the first of two names in the data (RENAME, SYMLINK, LINK: the second one follows it directly).
    pub first_name: u64,
    /// New attributes of SETATTR, or the answer.
    pub stat: Stat,
}

/// Attributes, times in nanoseconds since 1970.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Stat {
    /// Inode number on the host.
    pub inode: u64,
    /// File type and permission bits, as st_mode.
    pub mode: u32,
    /// Hard links.
    pub links: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// 512-byte blocks allocated.
    pub blocks: u64,
    /// Last access.
    pub accessed: u64,
    /// Last modification.
    pub modified: u64,
    /// Last status change.
    pub changed: u64,
}

/// Operations. "Names" are single path components: no slash, not `.` or `..`, no zero byte, 1 to 255 bytes.
pub mod op {
    /// Look up the name in the data in directory `fid`. Answers `stat`. Result: a new fid.
    pub const WALK: u32 = 1;
    /// Answers `stat` of `fid`. Result: 0.
    pub const STAT: u32 = 2;
    /// Open the regular file or directory `fid` with `flags` (O_ACCMODE, O_TRUNC, O_APPEND only). Result: 0.
    pub const OPEN: u32 = 3;
    /// Read `length` bytes at `offset` into the data. Result: bytes read.
    pub const READ: u32 = 4;
    /// Write the `length` data bytes at `offset`. Result: bytes written.
    pub const WRITE: u32 = 5;
    /// Directory entries, without `.` and `..`, from cookie `offset` (0: the start) into the data, each: u64 inode, u64 next cookie, u32 type
    /// (DT_*), u32 name length, name, padding to 8. Result: bytes of data, 0 at the end.
    pub const READDIR: u32 = 6;
    /// Create and open (read-write) the regular file named in the data in directory `fid`, permissions `flags`, fails
    /// with EEXIST. Answers `stat`. Result: a new fid.
    pub const CREATE: u32 = 7;
    /// Make a directory. Result: 0.
    pub const MKDIR: u32 = 8;
    /// Remove a name from directory `fid`; `flags` 1: a directory. Result: 0.
    pub const UNLINK: u32 = 9;
    /// Rename the first name in `fid` to the second name in `other`; `flags` as renameat2(2). Result: 0.
    pub const RENAME: u32 = 10;
    /// Make a symbolic link in `fid`: first name is the link, second its target (any bytes but zero). Result: 0.
    pub const SYMLINK: u32 = 11;
    /// Target of symbolic link `fid` into the data. Result: its length.
    pub const READLINK: u32 = 12;
    /// Make a hard link to `fid` in directory `other`, named in the data. Result: 0.
    pub const LINK: u32 = 13;
    /// Change attributes of `fid` that `flags` name (bits of [`super::set`]). Result: 0.
    pub const SETATTR: u32 = 14;
    /// fsync(2). Result: 0.
    pub const FSYNC: u32 = 15;
    /// Forget `fid`. Result: 0.
    pub const CLOSE: u32 = 16;
    /// Map `length` bytes (multiple of 4096) of the open file `fid` from `offset` (multiple of 4096) into the volume window,
    /// writable if the file is open for writing and `flags` is 1. Result: offset in the window.
    pub const MAP: u32 = 17;
    /// Take the mapping at window offset `offset` away again. Result: 0.
    pub const UNMAP: u32 = 18;
    /// Bytes of the file system: answers `stat.size` (total), `stat.blocks` (free), both in 4096-byte blocks. Result: 0.
    pub const STATFS: u32 = 19;
}

/// Bits for SETATTR.
pub mod set {
    /// `stat.mode` (permission bits).
    pub const MODE: u32 = 1;
    /// `stat.uid` and `stat.gid` (`u32::MAX`: leave).
    pub const OWNER: u32 = 2;
    /// `stat.size`.
    pub const SIZE: u32 = 4;
    /// `stat.accessed`.
    pub const ACCESSED: u32 = 8;
    /// `stat.modified`.
    pub const MODIFIED: u32 = 16;
}
