//! Regular files whose data are somewhere else: in a file of the host that several VMs map.

use super::data::Data;
use super::pages::Slot;
use super::{Node, PAGE};
use crate::errno::{Errno, Result};
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use alloc::vec;

/// Bytes moved at a time.
const CHUNK: usize = 65536;

/// Where the data are. Others may write to them, but only this file system changes the length.
pub trait Backing {
    /// Reads up to the end.
    ///
    /// # Errors
    /// EIO.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize>;
    /// Writes all of it.
    ///
    /// # Errors
    /// ENOSPC, EIO.
    fn write(&self, offset: u64, from: &[u8]) -> Result<()>;
    /// Sets the length.
    ///
    /// # Errors
    /// ENOSPC, EFBIG, EIO.
    fn resize(&self, size: u64) -> Result<()>;
    /// Makes a range zeros, and gives its memory back.
    ///
    /// # Errors
    /// ENOSPC, EIO.
    fn punch(&self, from: u64, to: u64) -> Result<()>;
    /// Gives a range memory, without changing the length.
    ///
    /// # Errors
    /// ENOSPC.
    fn allocate(&self, from: u64, to: u64) -> Result<()>;
    /// The next data (or hole) from `offset` on.
    ///
    /// # Errors
    /// ENXIO.
    fn seek(&self, offset: u64, wants_data: bool) -> Result<u64>;
    /// 512-byte blocks.
    fn blocks(&self) -> u64;
}

impl Node {
    /// Moves the data of this regular file to `backing`, which is empty. From then on its pages cannot be had with
    /// [`crate::file::File::page`].
    ///
    /// # Errors
    /// EISDIR, EINVAL: not a regular file; EEXIST: it has been moved before; ENOSPC, EIO.
    pub fn relocate(&self, backing: Rc<dyn Backing>) -> Result<()> {
        let data = self.data()?;
        if data.backing.get().is_some() {
            return Err(Errno::EEXIST);
        }
        self.fs.count_length(0, data.size())?;
        if let Err(error) = self.copy_to(data, &*backing) {
            self.fs.count_length(data.size(), 0)?;
            return Err(error);
        }
        // It may have been set before: not since the check above.
        let _ = data.backing.set(backing);
        self.keep();
        data.cut_lower(0);
        self.fs.give_pages(data.pages.remove(0, u64::MAX));
        Ok(())
    }

    fn copy_to(&self, data: &Data, backing: &dyn Backing) -> Result<()> {
        backing.resize(data.size())?;
        let mut offset = 0;
        while offset < data.size() {
            let (length, bytes) = self.part(data, offset)?;
            if let Some(bytes) = bytes {
                backing.write(offset, &bytes)?;
            }
            offset += length;
        }
        Ok(())
    }

    /// A new length of data that are somewhere else.
    pub(super) fn resize_backed(&self, data: &Data, backing: &dyn Backing, size: u64) -> Result<()> {
        let old = data.size();
        self.fs.count_length(old, size)?;
        if let Err(error) = backing.resize(size) {
            self.fs.count_length(size, old)?;
            return Err(error);
        }
        data.set_size(size);
        Ok(())
    }

    /// Whether the data are somewhere else.
    pub fn is_moved(&self) -> bool {
        self.data().is_ok_and(|data| data.backing.get().is_some())
    }

    /// The next part of the data from `offset` on: its length, and what it is unless it is zeros.
    fn part(&self, data: &Data, offset: u64) -> Result<(u64, Option<vec::Vec<u8>>)> {
        let left = data.size() - offset;
        let index = offset / PAGE;
        if !self.has_data(data, index)? {
            // Zeros up to the next page that has something, or to the end.
            let next = data.pages.next(index + 1).map(|(next, _)| next);
            let lower = data.lower_end().div_ceil(PAGE);
            let end = if index + 1 < lower || matches!(data.pages.get(index), Some(Slot::Hole)) {
                index + 1
            } else {
                next.unwrap_or(u64::MAX / PAGE)
            };
            return Ok(((end * PAGE - offset).min(left), None));
        }
        let mut bytes = vec![0; PAGE.min(left) as usize];
        let mut sink = crate::user::SliceSink::new(&mut bytes);
        let n = self.read_data(data, offset, &mut sink)?;
        if n < bytes.len() { Err(Errno::EIO) } else { Ok((n as u64, Some(bytes))) }
    }
}

/// read(2) of `want` bytes, which are before the end.
pub(super) fn read(backing: &dyn Backing, mut offset: u64, want: u64, into: &mut dyn Sink) -> Result<usize> {
    let mut chunk = vec![0; CHUNK.min(want as usize)];
    let mut done = 0;
    while done < want {
        let part = chunk.len().min((want - done) as usize);
        let got = backing.read(offset, &mut chunk[..part])?;
        let put = match into.put(&chunk[..got]) {
            Ok(put) => put,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        };
        done += put as u64;
        offset += put as u64;
        if put < part {
            break;
        }
    }
    Ok(done as usize)
}

/// write(2) of up to `want` bytes.
pub(super) fn write(backing: &dyn Backing, offset: u64, want: u64, from: &mut dyn Source) -> Result<usize> {
    let mut chunk = vec![0; CHUNK.min(want as usize)];
    let mut done = 0;
    while done < want {
        let part = chunk.len().min((want - done) as usize);
        let taken = from.take(&mut chunk[..part]);
        let n = taken.as_ref().copied().unwrap_or(0);
        let written = taken.and_then(|_| backing.write(offset + done, &chunk[..n]));
        match written {
            Ok(()) => done += n as u64,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
        if n < part {
            break;
        }
    }
    Ok(done as usize)
}
