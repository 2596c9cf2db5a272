//! READDIR, CREATE, MKDIR, UNLINK, RENAME, SYMLINK, LINK.

use super::fid::{Fid, Kind, Open};
use super::request::{Call, DATA, answer_stat, component};
use super::{Errno, HostFs, proc_path, sys};
use ramet_memory::SharedArea;
use std::ffi::CString;
use std::os::fd::AsRawFd;

/// Permission bits that a guest may set: set-id bits would act on the host.
pub(super) const PERMISSIONS: u32 = 0o1777;

/// Length of the fixed part of an entry in the guest's form.
const ENTRY: usize = 24;
/// Offsets in struct linux_dirent64 (getdents(2)).
const RECORD_LENGTH: usize = 16;
const TYPE: usize = 18;
const NAME: usize = 19;

fn permissions(call: &Call) -> Result<u32, Errno> {
    let mode = call.request.flags;
    if mode & !PERMISSIONS != 0 { Err(Errno(libc::EPERM)) } else { Ok(mode) }
}

impl HostFs {
    pub(super) fn read_directory(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let wanted = call.length()? as usize;
        let fid = self.directory(call.request.fid)?;
        let fd = fid.readable()?.as_raw_fd();
        let mut cookie = call.request.offset as i64;
        let mut host = vec![0u8; wanted.clamp(1024, 32768)];
        let mut entries = Vec::new();
        loop {
            let count = sys::read_directory(fd, cookie, &mut host)?;
            let mut rest = &host[..count];
            while let Some(length) = rest.get(RECORD_LENGTH..RECORD_LENGTH + 2) {
                let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
                let Some(record) = rest.get(..length).filter(|r| r.len() > NAME) else { break };
                rest = &rest[length..];
                let name = record[NAME..].split(|b| *b == 0).next().unwrap_or_default();
                if name == b"." || name == b".." {
                    continue;
                }
                if entries.len() + (ENTRY + name.len()).next_multiple_of(8) > wanted {
                    return finish(area, &entries);
                }
                entries.extend_from_slice(&record[..16]);
                entries.extend(u32::from(record[TYPE]).to_le_bytes());
                entries.extend((name.len() as u32).to_le_bytes());
                entries.extend_from_slice(name);
                entries.resize(entries.len().next_multiple_of(8), 0);
                cookie = i64::from_le_bytes(record[8..16].try_into().unwrap_or_default());
            }
            if count == 0 || !entries.is_empty() {
                break;
            }
            // Only `.` and `..` so far: go on behind them.
            cookie = last_cookie(&host[..count]).unwrap_or(cookie);
        }
        if entries.is_empty() {
            return Ok(0);
        }
        write_entries(area, &entries)
    }

    pub(super) fn create(&mut self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let name = call.name(area)?;
        let mode = permissions(call)?;
        let directory = self.writable_directory(call.request.fid)?;
        let volume = directory.volume;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        let file = std::fs::File::from(sys::open_beneath(&directory.path, &name, flags, 0o600)?);
        // SAFETY: changes the mode of a file that is open.
        sys::check(unsafe { libc::fchmod(file.as_raw_fd(), mode) })?;
        let path = sys::open(&proc_path(&file), libc::O_PATH)?;
        let mut fid = Fid::new(path, volume)?;
        answer_stat(area, &sys::attributes(&sys::stat(&fid.path)?))?;
        fid.open = Some(Open { file, readable: true, writable: true });
        self.insert(fid).map(u64::from)
    }

    pub(super) fn make_directory(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let name = call.name(area)?;
        let mode = permissions(call)?;
        let parent = self.writable_directory(call.request.fid)?;
        // SAFETY: the name ends with a zero.
        sys::check(unsafe { libc::mkdirat(parent.path.as_raw_fd(), name.as_ptr(), 0o700) })?;
        // The process's file mode mask must not decide: set the mode on the directory itself.
        let made = sys::open_beneath(&parent.path, &name, libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
        // SAFETY: changes the mode of a directory that is open.
        sys::check(unsafe { libc::fchmod(made.as_raw_fd(), mode) })?;
        Ok(0)
    }

    pub(super) fn unlink(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let name = call.name(area)?;
        let flags = match call.request.flags {
            0 => 0,
            1 => libc::AT_REMOVEDIR,
            _ => return Err(Errno(libc::EINVAL)),
        };
        let parent = self.writable_directory(call.request.fid)?;
        // SAFETY: the name ends with a zero.
        sys::check(unsafe { libc::unlinkat(parent.path.as_raw_fd(), name.as_ptr(), flags) })?;
        Ok(0)
    }

    pub(super) fn rename(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let (old, new) = call.names(area)?;
        let new = component(new)?;
        let flags = call.request.flags;
        if flags & !(libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE) != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let from = self.writable_directory(call.request.fid)?;
        let to = self.writable_directory(call.request.other)?;
        if from.volume != to.volume {
            return Err(Errno(libc::EXDEV));
        }
        // SAFETY: both names end with a zero.
        let result = unsafe {
            libc::renameat2(from.path.as_raw_fd(), old.as_ptr(), to.path.as_raw_fd(), new.as_ptr(), flags)
        };
        sys::check(result)?;
        Ok(0)
    }

    pub(super) fn symlink(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let (name, target) = call.names(area)?;
        let target = CString::new(target).map_err(|_| Errno(libc::EINVAL))?;
        let parent = self.writable_directory(call.request.fid)?;
        // SAFETY: both strings end with a zero.
        sys::check(unsafe { libc::symlinkat(target.as_ptr(), parent.path.as_raw_fd(), name.as_ptr()) })?;
        Ok(0)
    }

    pub(super) fn link(&self, area: &SharedArea, call: &Call) -> Result<u64, Errno> {
        let name = call.name(area)?;
        let file = self.fid(call.request.fid)?;
        let parent = self.writable_directory(call.request.other)?;
        if file.volume != parent.volume {
            return Err(Errno(libc::EXDEV));
        }
        if file.kind == Kind::Directory {
            return Err(Errno(libc::EPERM));
        }
        // SAFETY: both paths end with a zero. The first names the very file of the fid.
        let result = unsafe {
            libc::linkat(
                libc::AT_FDCWD,
                proc_path(&file.path).as_ptr(),
                parent.path.as_raw_fd(),
                name.as_ptr(),
                libc::AT_SYMLINK_FOLLOW,
            )
        };
        sys::check(result)?;
        Ok(0)
    }
}

/// The cookie of the last record.
fn last_cookie(mut records: &[u8]) -> Option<i64> {
    let mut cookie = None;
    while let Some(length) = records.get(RECORD_LENGTH..RECORD_LENGTH + 2) {
        cookie = records.get(8..16).and_then(|b| b.try_into().ok()).map(i64::from_le_bytes);
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        records = records.get(length.max(1)..)?;
    }
    cookie
}

/// The next entry does not fit: fine, if there are others.
fn finish(area: &SharedArea, entries: &[u8]) -> Result<u64, Errno> {
    if entries.is_empty() { Err(Errno(libc::EINVAL)) } else { write_entries(area, entries) }
}

fn write_entries(area: &SharedArea, entries: &[u8]) -> Result<u64, Errno> {
    area.write(DATA, entries).map_err(|_| Errno(libc::EFAULT))?;
    Ok(entries.len() as u64)
}
