//! What the guest holds: a file of the host, opened or not.

use super::{Errno, proc_path, sys};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Kinds of files that a guest may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Regular file.
    Regular,
    /// Directory.
    Directory,
    /// Symbolic link itself.
    Link,
}

/// An open file of a fid.
#[derive(Debug)]
pub struct Open {
    /// For reading, writing and mapping.
    pub file: File,
    /// May be read.
    pub readable: bool,
    /// May be written.
    pub writable: bool,
}

/// [`Fid::volume`] of files that are no volume's but the session's: they may be written.
pub const SESSION: usize = usize::MAX;

/// See the module's documentation.
#[derive(Debug)]
pub struct Fid {
    /// The file itself (`O_PATH`).
    pub path: OwnedFd,
    /// Index of the volume.
    pub volume: usize,
    /// What it is.
    pub kind: Kind,
    /// After OPEN or CREATE.
    pub open: Option<Open>,
}

fn kind_of(mode: u32) -> Result<Kind, Errno> {
    match mode & libc::S_IFMT {
        libc::S_IFREG => Ok(Kind::Regular),
        libc::S_IFDIR => Ok(Kind::Directory),
        libc::S_IFLNK => Ok(Kind::Link),
        _ => Err(Errno(libc::EACCES)),
    }
}

impl Fid {
    /// The root of a volume.
    pub fn root(path: &Path, volume: usize) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let error = |Errno(number)| io::Error::from_raw_os_error(number);
        let fid = Self::new(sys::open(&path, libc::O_PATH).map_err(error)?, volume).map_err(error)?;
        if fid.kind == Kind::Link {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        Ok(fid)
    }

    /// Of a descriptor opened with `O_PATH`.
    pub fn new(path: OwnedFd, volume: usize) -> Result<Self, Errno> {
        let kind = kind_of(sys::stat(&path)?.st_mode)?;
        Ok(Self { path, volume, kind, open: None })
    }

    /// Memory that a session's keeper has given.
    pub fn memory(file: File) -> Result<Self, Errno> {
        let path = sys::open(&proc_path(&file), libc::O_PATH)?;
        let kind = kind_of(sys::stat(&path)?.st_mode)?;
        Ok(Self { path, volume: SESSION, kind, open: Some(Open { file, readable: true, writable: true }) })
    }

    /// Opens the file itself once more.
    pub fn reopen(&self, flags: i32) -> Result<File, Errno> {
        if self.kind == Kind::Link {
            return Err(Errno(libc::ELOOP));
        }
        Ok(sys::open(&proc_path(&self.path), flags)?.into())
    }

    /// The open file, for reading.
    pub fn readable(&self) -> Result<&File, Errno> {
        self.open.as_ref().filter(|o| o.readable).map(|o| &o.file).ok_or(Errno(libc::EBADF))
    }

    /// The open file, for writing.
    pub fn writable(&self) -> Result<&File, Errno> {
        self.open.as_ref().filter(|o| o.writable).map(|o| &o.file).ok_or(Errno(libc::EBADF))
    }

    /// Both descriptors.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> + use<> {
        let open = self.open.as_ref().map(|o| o.file.as_raw_fd());
        [self.path.as_raw_fd()].into_iter().chain(open)
    }

    /// In a clone: without `share` nothing can be written. A directory has a position, which must not be the
    /// parent's; files are read and written at explicit positions.
    pub fn become_clone(&mut self, share: bool) -> io::Result<()> {
        if self.kind == Kind::Directory && self.open.is_some() {
            let file = self
                .reopen(libc::O_RDONLY | libc::O_DIRECTORY)
                .map_err(|Errno(number)| io::Error::from_raw_os_error(number))?;
            self.open = Some(Open { file, readable: true, writable: false });
        }
        if let Some(open) = self.open.as_mut().filter(|_| !share && self.volume != SESSION) {
            open.writable = false;
        }
        Ok(())
    }
}
