//! Several buffers in one call: readv(2), writev(2) and their relatives.

use super::Call;
use super::io::{self, put, take};
use crate::arch::user;
use alloc::vec::Vec;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_APPEND, O_NONBLOCK};
use ramet_kcore::fs::open_file::COUNT_MAX;
use ramet_kcore::user::{Sink, Source};

/// Most buffers in one call (UIO_MAXIOV).
pub const VECTORS_MAX: usize = 1024;

/// Several buffers of the program, in order.
#[derive(Clone)]
pub struct Vectors {
    parts: Vec<(usize, usize)>,
    current: usize,
    left: usize,
}

impl Vectors {
    /// Reads an array of `count` struct iovec.
    ///
    /// # Errors
    /// EINVAL: too many, or a length that no ssize_t holds; EFAULT.
    pub fn read(at: usize, count: usize) -> Result<Vectors> {
        if count > VECTORS_MAX {
            return Err(Errno::EINVAL);
        }
        let mut bytes = alloc::vec![0; count * 16];
        user::read(at, &mut bytes)?;
        let mut parts = Vec::with_capacity(count);
        for entry in bytes.chunks_exact(16) {
            let word =
                |n: usize| u64::from_le_bytes(entry[n..n + 8].try_into().expect("eight bytes")) as usize;
            if word(8) > isize::MAX as usize {
                return Err(Errno::EINVAL);
            }
            parts.push((word(0), word(8)));
        }
        let mut left = 0;
        for (base, length) in &mut parts {
            // A single buffer is cut to what one call moves before it is looked at, as on Linux.
            if count == 1 {
                *length = (*length).min(COUNT_MAX);
            }
            if !user::in_program(*base, *length) {
                return Err(Errno::EFAULT);
            }
            *length = (*length).min(COUNT_MAX - left);
            left += *length;
        }
        parts.retain(|(_, length)| *length != 0);
        Ok(Vectors { parts, current: 0, left })
    }

    /// One buffer.
    ///
    /// # Errors
    /// EFAULT: not in the program's address space.
    pub fn one(at: usize, length: usize) -> Result<Vectors> {
        let length = length.min(COUNT_MAX);
        if !user::in_program(at, length) {
            return Err(Errno::EFAULT);
        }
        let parts = if length == 0 { Vec::new() } else { alloc::vec![(at, length)] };
        Ok(Vectors { parts, current: 0, left: length })
    }

    /// Bytes that are still to be moved.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The next bytes: address and length, at most `wanted`.
    fn next(&self, wanted: usize) -> Option<(usize, usize)> {
        self.parts.get(self.current).map(|(at, length)| (*at, wanted.min(*length)))
    }

    fn advance(&mut self, count: usize) {
        self.left -= count;
        if let Some((at, length)) = self.parts.get_mut(self.current) {
            *at += count;
            *length -= count;
            if *length == 0 {
                self.current += 1;
            }
        }
    }
}

impl Sink for Vectors {
    fn remaining(&self) -> usize {
        self.left
    }
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            let Some((at, length)) = self.next(bytes.len() - done) else { break };
            let written = user::write_some(at, &bytes[done..done + length]);
            self.advance(written);
            done += written;
            if written < length {
                return if done == 0 { Err(Errno::EFAULT) } else { Ok(done) };
            }
        }
        Ok(done)
    }
}

impl Source for Vectors {
    fn remaining(&self) -> usize {
        self.left
    }
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            let Some((at, length)) = self.next(buffer.len() - done) else { break };
            let got = user::read_some(at, &mut buffer[done..done + length]);
            self.advance(got);
            done += got;
            if got < length {
                return if done == 0 { Err(Errno::EFAULT) } else { Ok(done) };
            }
        }
        Ok(done)
    }
}

/// readv(2).
pub fn readv(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
    take(&file, &mut vectors, 0).map(|n| n as i64)
}

/// writev(2).
pub fn writev(call: &mut Call<'_>) -> Result<i64> {
    let file = io::file(call.int(0))?;
    let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
    put(&file, &mut vectors, 0)
}

/// The offset of preadv(2) and pwritev(2): on x86-64 its lower half holds all of it.
fn offset(call: &Call<'_>) -> Result<u64> {
    u64::try_from(call.arg(3) as i64).map_err(|_| Errno::EINVAL)
}

fn read_vectors_at(call: &Call<'_>, offset: u64) -> Result<i64> {
    let file = io::file(call.int(0))?;
    if !file.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
    file.read_at(offset, &mut vectors).map(|n| n as i64)
}

fn write_vectors_at(call: &Call<'_>, offset: u64) -> Result<i64> {
    let file = io::file(call.int(0))?;
    if !file.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
    io::put_at(&file, &mut vectors, offset)
}

/// preadv(2).
pub fn preadv(call: &mut Call<'_>) -> Result<i64> {
    let offset = offset(call)?;
    read_vectors_at(call, offset)
}

/// pwritev(2).
pub fn pwritev(call: &mut Call<'_>) -> Result<i64> {
    let offset = offset(call)?;
    write_vectors_at(call, offset)
}

/// Flags of preadv2(2) and pwritev2(2).
mod rwf {
    /// High priority polling: a hint.
    pub const HIPRI: u32 = 1;
    /// Synchronised: nothing is ever written late.
    pub const DSYNC: u32 = 2;
    pub const SYNC: u32 = 4;
    /// Do not wait.
    pub const NOWAIT: u32 = 8;
    /// Write at the end; reading does not mind it.
    pub const APPEND: u32 = 16;
    pub const ALL: u32 = HIPRI | DSYNC | SYNC | NOWAIT | APPEND;
}

/// preadv2(2); the offset -1 is the file's own.
pub fn preadv2(call: &mut Call<'_>) -> Result<i64> {
    let flags = call.uint(5);
    if call.arg(3) as i64 != -1 {
        let offset = offset(call)?;
        if flags & !rwf::ALL != 0 {
            io::file(call.int(0))?;
            return Err(Errno::EOPNOTSUPP);
        }
        return read_vectors_at(call, offset);
    }
    let file = io::file(call.int(0))?;
    let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
    if !file.is_readable() {
        return Err(Errno::EBADF);
    }
    if vectors.left() == 0 {
        return Ok(0);
    }
    if flags & !rwf::ALL != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    take(&file, &mut vectors, nonblocking(flags)).map(|n| n as i64)
}

/// pwritev2(2); the offset -1 is the file's own.
pub fn pwritev2(call: &mut Call<'_>) -> Result<i64> {
    let flags = call.uint(5);
    let own = call.arg(3) as i64 == -1;
    let at = if own { 0 } else { offset(call)? };
    let file = io::file(call.int(0))?;
    if flags & !rwf::ALL != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let append = flags & rwf::APPEND != 0 && file.is_seekable() && file.flags() & O_APPEND == 0;
    match (own, append) {
        (true, false) => {
            let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
            put(&file, &mut vectors, nonblocking(flags))
        }
        (false, false) => write_vectors_at(call, at),
        (_, true) => {
            let mut vectors = Vectors::read(call.arg(1), call.arg(2))?;
            let end = file.file().size()?;
            let done = io::put_at(&file, &mut vectors, end)?;
            if own {
                file.set_offset(end + done as u64);
            }
            Ok(done)
        }
    }
}

fn nonblocking(flags: u32) -> u32 {
    if flags & rwf::NOWAIT != 0 { O_NONBLOCK } else { 0 }
}
