//! The program's memory as files see it: where read bytes go and written bytes come from.
//!
//! The kernel implements these over checked copies with fault recovery; host tests over vectors.

use crate::errno::{Errno, Result};

/// Where a read puts its bytes: the caller's buffers, in order.
pub trait Sink {
    /// Bytes that still fit.
    fn remaining(&self) -> usize;

    /// Appends as much of `bytes` as fits and can be written. Returns how many bytes went, which is less than
    /// `min(bytes.len(), remaining())` only when a bad address came after them.
    ///
    /// # Errors
    /// EFAULT when the very first byte could not be written.
    fn put(&mut self, bytes: &[u8]) -> Result<usize>;

    /// Appends `count` zeros, likewise.
    ///
    /// # Errors
    /// As [`Sink::put`].
    fn put_zeros(&mut self, count: usize) -> Result<usize> {
        const ZEROS: [u8; 512] = [0; 512];
        let mut done = 0;
        while done < count {
            let part = (count - done).min(ZEROS.len());
            match self.put(&ZEROS[..part]) {
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
}

/// Where a write takes its bytes from.
pub trait Source {
    /// Bytes that are still to be taken.
    fn remaining(&self) -> usize;

    /// Fills the start of `buffer` with the next bytes. Returns how many, which is less than
    /// `min(buffer.len(), remaining())` only when a bad address came after them.
    ///
    /// # Errors
    /// EFAULT when the very first byte could not be read.
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize>;

    /// Leaves out the next `count` bytes, which have been taken from a copy of the source.
    fn skip(&mut self, mut count: usize) {
        let mut part = [0; 512];
        while count > 0 {
            let most = count.min(part.len());
            match self.take(&mut part[..most]) {
                Ok(taken) if taken > 0 => count -= taken,
                _ => return,
            }
        }
    }
}

/// Random access to the program's memory, for ioctl(2) and its like.
pub trait UserMemory {
    /// Copies from the program's address `from`.
    ///
    /// # Errors
    /// EFAULT when any byte cannot be read.
    fn read(&self, from: usize, to: &mut [u8]) -> Result<()>;

    /// Copies to the program's address `to`.
    ///
    /// # Errors
    /// EFAULT when any byte cannot be written.
    fn write(&self, to: usize, from: &[u8]) -> Result<()>;

    /// Puts `new` in the place of the word at `at`, which is a multiple of 4, if that is `expected`; gives what it was. Where other VMs may write to
    /// it, this has to be one step.
    ///
    /// # Errors
    /// EFAULT.
    fn exchange_word(&self, at: usize, expected: u32, new: u32) -> Result<u32> {
        let mut word = [0; 4];
        self.read(at, &mut word)?;
        let seen = u32::from_le_bytes(word);
        if seen == expected {
            self.write(at, &new.to_le_bytes())?;
        }
        Ok(seen)
    }
}

/// A [`Sink`] over kernel memory.
pub struct SliceSink<'a> {
    buffer: &'a mut [u8],
    used: usize,
}

impl<'a> SliceSink<'a> {
    /// Fills `buffer` from its start.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        SliceSink { buffer, used: 0 }
    }
    /// Bytes filled so far.
    pub fn used(&self) -> usize {
        self.used
    }
}

impl Sink for SliceSink<'_> {
    fn remaining(&self) -> usize {
        self.buffer.len() - self.used
    }
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let n = bytes.len().min(self.remaining());
        self.buffer[self.used..self.used + n].copy_from_slice(&bytes[..n]);
        self.used += n;
        Ok(n)
    }
}

/// A [`Source`] over kernel memory.
pub struct SliceSource<'a>(pub &'a [u8]);

impl Source for SliceSource<'_> {
    fn remaining(&self) -> usize {
        self.0.len()
    }
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let n = buffer.len().min(self.0.len());
        buffer[..n].copy_from_slice(&self.0[..n]);
        self.0 = &self.0[n..];
        Ok(n)
    }
}

/// A source cut short.
pub struct Limited<'a> {
    /// The source.
    pub from: &'a mut dyn Source,
    /// Most bytes that are still taken from it.
    pub limit: usize,
}

impl Source for Limited<'_> {
    fn remaining(&self) -> usize {
        self.from.remaining().min(self.limit)
    }
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let most = buffer.len().min(self.limit);
        let n = self.from.take(&mut buffer[..most])?;
        self.limit -= n;
        Ok(n)
    }
}

/// No user memory: every access is EFAULT.
pub struct NoMemory;

impl UserMemory for NoMemory {
    fn read(&self, _: usize, _: &mut [u8]) -> Result<()> {
        Err(Errno::EFAULT)
    }
    fn write(&self, _: usize, _: &[u8]) -> Result<()> {
        Err(Errno::EFAULT)
    }
}
