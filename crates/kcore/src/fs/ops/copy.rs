//! Copies between descriptors: sendfile(2), copy_file_range(2), splice(2)-like loops.

use crate::errno::{Errno, Result};
use crate::fs::open_file::{OpenFile, Writer};
use crate::user::{SliceSink, SliceSource};
use alloc::vec;

const BUFFER: usize = 65536;

/// Copies up to `count` bytes from `from` to `to`. An offset that is given is used and advanced in the place of the file's own.
/// Less than `count`: the end of the input, or the output takes no more for now.
///
/// # Errors
/// As read(2) and write(2), when nothing was copied. ESPIPE: an offset for what has none.
pub fn copy_range(
    from: &OpenFile,
    mut from_offset: Option<&mut u64>,
    to: &OpenFile,
    mut to_offset: Option<&mut u64>,
    count: usize,
    writer: &Writer<'_>,
) -> Result<usize> {
    if !from.is_readable() || !to.is_writable() {
        return Err(Errno::EBADF);
    }
    let mut buffer = vec![0; BUFFER.min(count)];
    let mut done = 0;
    while done < count {
        let part = buffer.len().min(count - done);
        let mut sink = SliceSink::new(&mut buffer[..part]);
        let start = from_offset.as_deref().copied();
        let read = match start {
            Some(offset) => from.read_at(offset, &mut sink),
            None => from.read(&mut sink),
        };
        let got = match read {
            Ok(0) => break,
            Ok(got) => got,
            Err(e) if done == 0 => return Err(e),
            Err(_) => break,
        };
        let mut source = SliceSource(&buffer[..got]);
        let written = match &to_offset {
            Some(offset) => to.write_at(**offset, &mut source, writer),
            None => to.write(&mut source, writer),
        };
        let put = written.as_ref().copied().unwrap_or(0);
        if let Some(offset) = to_offset.as_deref_mut() {
            *offset += put as u64;
        }
        match from_offset.as_deref_mut() {
            Some(offset) => *offset += put as u64,
            // What was read and not written stays unread, where the input can be read again.
            None if from.is_seekable() => from.set_offset(from.offset() - (got - put) as u64),
            None => {}
        }
        done += put;
        match written {
            Err(e) if done == 0 => return Err(e),
            Ok(n) if n == got && got == part => {}
            _ => break,
        }
    }
    Ok(done)
}
