//! Descriptor tables: what fork(2) copies.

use super::locks::LockOwner;
use super::object::ObjectId;
use super::open_file::OpenFile;
use crate::errno::{Errno, Result};
use crate::session;
use alloc::rc::Rc;
use alloc::vec::Vec;

/// Most descriptors that any limit allows (fs.nr_open).
pub const DESCRIPTORS_MAX: usize = 1 << 20;

#[derive(Clone)]
struct Entry {
    file: Rc<OpenFile>,
    close_on_exec: bool,
}

/// The descriptors of a process. Methods that close return what was open: drop it when the table is no longer borrowed,
/// because closing the last descriptor of a pipe or the like tells others.
pub struct FdTable {
    entries: Vec<Option<Entry>>,
    /// No descriptor below it is free.
    lowest_free: usize,
    id: ObjectId,
}

impl Default for FdTable {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for FdTable {
    /// The child's table after fork(2): the same open file descriptions, a new owner of POSIX locks.
    fn clone(&self) -> Self {
        FdTable { entries: self.entries.clone(), lowest_free: self.lowest_free, id: ObjectId::fresh() }
    }
}

impl FdTable {
    /// No descriptors.
    pub fn new() -> Self {
        FdTable { entries: Vec::new(), lowest_free: 0, id: ObjectId::fresh() }
    }

    /// The owner of the POSIX locks that are taken through this table.
    pub fn lock_owner(&self) -> LockOwner {
        LockOwner::Process(self.id)
    }

    /// The description of descriptor `fd`.
    ///
    /// # Errors
    /// EBADF.
    #[inline]
    pub fn get(&self, fd: i32) -> Result<&Rc<OpenFile>> {
        match self.entries.get(fd as usize) {
            Some(Some(entry)) => Ok(&entry.file),
            _ => Err(Errno::EBADF),
        }
    }

    /// As [`FdTable::get`], but O_PATH descriptors are EBADF too.
    ///
    /// # Errors
    /// EBADF.
    #[inline]
    pub fn get_io(&self, fd: i32) -> Result<&Rc<OpenFile>> {
        let file = self.get(fd)?;
        if file.is_path_only() { Err(Errno::EBADF) } else { Ok(file) }
    }

    /// Gives `file` the lowest free descriptor that is at least `minimum` and below `limit` (RLIMIT_NOFILE).
    ///
    /// # Errors
    /// EMFILE; EINVAL: `minimum` is not below the limit.
    pub fn insert_from(
        &mut self,
        minimum: i32,
        file: Rc<OpenFile>,
        close_on_exec: bool,
        limit: u64,
    ) -> Result<i32> {
        let limit = limit.min(DESCRIPTORS_MAX as u64) as usize;
        let minimum = usize::try_from(minimum).map_err(|_| Errno::EINVAL)?;
        if minimum != 0 && minimum >= limit {
            return Err(Errno::EINVAL);
        }
        let start = minimum.max(self.lowest_free);
        let taken = self.entries.get(start..).unwrap_or(&[]);
        let free = start + taken.iter().position(Option::is_none).unwrap_or(taken.len());
        if free >= limit {
            return Err(Errno::EMFILE);
        }
        self.put(free, Entry { file, close_on_exec })?;
        if start == self.lowest_free {
            self.lowest_free = free + 1;
        }
        Ok(free as i32)
    }

    /// Whether one more descriptor fits below `limit`.
    ///
    /// # Errors
    /// EMFILE.
    pub fn has_room(&self, limit: u64) -> Result<()> {
        let taken = self.entries.get(self.lowest_free..).unwrap_or(&[]);
        let free = self.lowest_free + taken.iter().position(Option::is_none).unwrap_or(taken.len());
        if free as u64 >= limit.min(DESCRIPTORS_MAX as u64) { Err(Errno::EMFILE) } else { Ok(()) }
    }

    /// Gives `file` the lowest free descriptor.
    ///
    /// # Errors
    /// EMFILE.
    pub fn insert(&mut self, file: Rc<OpenFile>, close_on_exec: bool, limit: u64) -> Result<i32> {
        self.insert_from(0, file, close_on_exec, limit)
    }

    fn put(&mut self, index: usize, entry: Entry) -> Result<Option<Rc<OpenFile>>> {
        if index >= self.entries.len() {
            let more = index + 1 - self.entries.len();
            self.entries.try_reserve(more).map_err(|_| Errno::ENOMEM)?;
            self.entries.resize(index + 1, None);
        }
        Ok(self.entries[index].replace(entry).map(|old| old.file))
    }

    /// dup2(2), dup3(2) for `old` ≠ `new`: returns what `new` was.
    ///
    /// # Errors
    /// EBADF: `old` is not open or `new` is beyond the limit.
    pub fn duplicate_to(
        &mut self,
        old: i32,
        new: i32,
        close_on_exec: bool,
        limit: u64,
    ) -> Result<Option<Rc<OpenFile>>> {
        let file = self.get(old)?.clone();
        let index = usize::try_from(new).map_err(|_| Errno::EBADF)?;
        if index as u64 >= limit.min(DESCRIPTORS_MAX as u64) {
            return Err(Errno::EBADF);
        }
        let replaced = self.put(index, Entry { file, close_on_exec })?;
        if let Some(replaced) = &replaced {
            self.release_locks(replaced);
        }
        Ok(replaced)
    }

    /// close(2).
    ///
    /// # Errors
    /// EBADF.
    pub fn close(&mut self, fd: i32) -> Result<Rc<OpenFile>> {
        let entry = self.entries.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::EBADF)?;
        self.lowest_free = self.lowest_free.min(fd as usize);
        self.release_locks(&entry.file);
        Ok(entry.file)
    }

    /// Closing any descriptor of a file releases all POSIX locks that the process has on it (fcntl(2)).
    fn release_locks(&self, file: &OpenFile) {
        session::closes(file, self.lock_owner());
        if let Some(locks) = file.used_locks().filter(|locks| !locks.has_no_ranges()) {
            locks.release(self.lock_owner());
        }
    }

    /// close_range(2): closes `first..=last`, or marks them close-on-exec.
    ///
    /// # Errors
    /// EINVAL: `first` > `last`.
    pub fn close_range(&mut self, first: u32, last: u32, mark_only: bool) -> Result<Vec<Rc<OpenFile>>> {
        if first > last {
            return Err(Errno::EINVAL);
        }
        let end = (last as usize).saturating_add(1).min(self.entries.len());
        let mut closed = Vec::new();
        for fd in first as usize..end {
            if mark_only {
                if let Some(entry) = &mut self.entries[fd] {
                    entry.close_on_exec = true;
                }
            } else if let Ok(file) = self.close(fd as i32) {
                closed.push(file);
            }
        }
        Ok(closed)
    }

    /// execve(2): closes what is marked so.
    pub fn close_on_exec(&mut self) -> Vec<Rc<OpenFile>> {
        let marked = |entry: &Option<Entry>| entry.as_ref().is_some_and(|e| e.close_on_exec);
        let fds: Vec<usize> = (0..self.entries.len()).filter(|&fd| marked(&self.entries[fd])).collect();
        fds.into_iter().filter_map(|fd| self.close(fd as i32).ok()).collect()
    }

    /// The end of the process: closes everything.
    pub fn close_all(&mut self) -> Vec<Rc<OpenFile>> {
        (0..self.entries.len()).filter_map(|fd| self.close(fd as i32).ok()).collect()
    }

    /// Puts other descriptions in the place of those for which `other` has one.
    pub fn replace(&mut self, other: &dyn Fn(&Rc<OpenFile>) -> Option<Rc<OpenFile>>) -> Vec<Rc<OpenFile>> {
        let entries = self.entries.iter_mut().flatten();
        entries
            .filter_map(|entry| {
                let other = other(&entry.file)?;
                Some(core::mem::replace(&mut entry.file, other))
            })
            .collect()
    }

    /// F_GETFD.
    ///
    /// # Errors
    /// EBADF.
    pub fn is_close_on_exec(&self, fd: i32) -> Result<bool> {
        match self.entries.get(fd as usize) {
            Some(Some(entry)) => Ok(entry.close_on_exec),
            _ => Err(Errno::EBADF),
        }
    }

    /// F_SETFD.
    ///
    /// # Errors
    /// EBADF.
    pub fn set_close_on_exec(&mut self, fd: i32, on: bool) -> Result<()> {
        match self.entries.get_mut(fd as usize) {
            Some(Some(entry)) => {
                entry.close_on_exec = on;
                Ok(())
            }
            _ => Err(Errno::EBADF),
        }
    }

    /// Open descriptors at or above `from`, in order, for `/proc/self/fd`.
    pub fn descriptors(&self, from: i32) -> impl Iterator<Item = (i32, &Rc<OpenFile>)> {
        let from = usize::try_from(from).unwrap_or(0);
        let open = self.entries.iter().enumerate().skip(from);
        open.filter_map(|(fd, entry)| entry.as_ref().map(|e| (fd as i32, &e.file)))
    }
}
