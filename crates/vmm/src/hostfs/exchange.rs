//! In a copy of a session: memory of the session is the copy's.

use super::fid::{Fid, SESSION};
use super::{Errno, HostFs};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};

/// What takes the place of files, by inode number.
struct Others<'a> {
    known: BTreeMap<u64, File>,
    ask: &'a dyn Fn(u64) -> io::Result<Option<File>>,
}

impl Others<'_> {
    fn of(&mut self, file: &File) -> io::Result<File> {
        let inode = file.metadata()?.ino();
        if let Some(other) = self.known.get(&inode) {
            return other.try_clone();
        }
        let other = match (self.ask)(inode)? {
            Some(other) => other,
            None => private_copy(file)?,
        };
        self.known.insert(inode, other.try_clone()?);
        Ok(other)
    }
}

/// Of memory that nobody else has any more (a pipe that has come back).
fn private_copy(file: &File) -> io::Result<File> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name ends with a zero.
    let number = unsafe { libc::memfd_create(c"ramet-old".as_ptr(), flags) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and belongs to nobody else.
    let copy = unsafe { File::from_raw_fd(number) };
    let length = file.metadata()?.len();
    copy.set_len(length)?;
    let mut buffer = vec![0; 1 << 16];
    let mut at = 0;
    while at < length {
        let piece = buffer.len().min((length - at) as usize);
        file.read_exact_at(&mut buffer[..piece], at)?;
        copy.write_all_at(&buffer[..piece], at)?;
        at += piece as u64;
    }
    Ok(copy)
}

impl HostFs {
    /// Every file and mapping of the session's memory becomes one of what `ask` has for its inode number, or a copy that nobody else has. Before
    /// the VM has slots.
    pub fn exchange(&mut self, ask: &dyn Fn(u64) -> io::Result<Option<File>>) -> io::Result<()> {
        let mut others = Others { known: BTreeMap::new(), ask };
        for fid in self.fids.values_mut().filter(|fid| fid.volume == SESSION) {
            let Some(open) = &fid.open else { continue };
            let other = others.of(&open.file)?;
            *fid = Fid::memory(other).map_err(|Errno(number)| io::Error::from_raw_os_error(number))?;
        }
        self.window.exchange(|file| others.of(file))
    }
}
