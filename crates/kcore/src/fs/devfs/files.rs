//! null(4), zero(4), full(4), random(4).

use super::{FULL, NULL, Randomness, ZERO};
use crate::errno::{Errno, Result};
use crate::file::{File, Page, PageSource};
use crate::stat::{S_IFCHR, Stat};
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use core::any::Any;

/// The same for all: the device file's own attributes are those of its inode.
fn device_stat(rdev: u64) -> Stat {
    Stat { mode: S_IFCHR | 0o666, links: 1, rdev, block_size: 4096, ..Stat::default() }
}

/// `/dev/null`.
pub struct NullFile;

impl File for NullFile {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Ok(0)
    }
    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        // Not even looked at, as on Linux: a bad address is no error.
        Ok(from.remaining())
    }
    fn is_seekable(&self) -> bool {
        true
    }
    fn has_no_offset(&self) -> bool {
        true
    }
    fn stat(&self) -> Result<Stat> {
        Ok(device_stat(NULL))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `/dev/zero`. A private mapping of it is anonymous memory.
pub struct ZeroFile {
    pages: Rc<dyn PageSource>,
}

impl ZeroFile {
    pub(super) fn new(pages: Rc<dyn PageSource>) -> Self {
        ZeroFile { pages }
    }
}

impl File for ZeroFile {
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        into.put_zeros(into.remaining())
    }
    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        Ok(from.remaining())
    }
    fn is_seekable(&self) -> bool {
        true
    }
    fn has_no_offset(&self) -> bool {
        true
    }
    fn stat(&self) -> Result<Stat> {
        Ok(device_stat(ZERO))
    }
    /// A new page each time: pages of `/dev/zero` belong to the mapping, not to the file.
    fn page(&self, _: u64, _: bool) -> Result<Rc<dyn Page>> {
        self.pages.zeroed()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `/dev/full`.
pub struct FullFile;

impl File for FullFile {
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        into.put_zeros(into.remaining())
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::ENOSPC)
    }
    fn is_seekable(&self) -> bool {
        true
    }
    fn has_no_offset(&self) -> bool {
        true
    }
    fn stat(&self) -> Result<Stat> {
        Ok(device_stat(FULL))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `/dev/random` and `/dev/urandom`: the same generator, which is always seeded.
pub struct RandomFile {
    number: u64,
    random: Randomness,
}

impl RandomFile {
    pub(super) fn new(number: u64, random: Randomness) -> Self {
        RandomFile { number, random }
    }
}

impl File for RandomFile {
    fn read(&self, _: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        let mut done = 0;
        let mut bytes = [0; 256];
        while into.remaining() > 0 {
            let part = into.remaining().min(bytes.len());
            (self.random.fill)(&mut bytes[..part]);
            match into.put(&bytes[..part]) {
                Ok(n) => {
                    done += n;
                    if n < part {
                        break;
                    }
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn write(&self, _: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        let mut done = 0;
        let mut bytes = [0; 256];
        while from.remaining() > 0 {
            match from.take(&mut bytes) {
                Ok(0) => break,
                Ok(n) => {
                    (self.random.absorb)(&bytes[..n]);
                    done += n;
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }
    fn has_no_offset(&self) -> bool {
        true
    }
    fn stat(&self) -> Result<Stat> {
        Ok(device_stat(self.number))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
