//! Bytes on their way, in pieces.

use crate::errno::{Errno, Result};
use crate::user::Source;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Small pieces are put together up to this size.
const PIECE: usize = 4096;

/// A queue of bytes.
#[derive(Default)]
pub struct ByteQueue {
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that are gone.
    start: usize,
    length: usize,
}

impl ByteQueue {
    /// Bytes in it.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Adds bytes at the end.
    pub fn push(&mut self, bytes: Vec<u8>) {
        self.length += bytes.len();
        if let Some(last) = self.pieces.back_mut()
            && last.capacity() - last.len() >= bytes.len()
        {
            last.extend_from_slice(&bytes);
        } else if bytes.len() >= PIECE {
            self.pieces.push_back(bytes);
        } else if !bytes.is_empty() {
            let mut piece = Vec::with_capacity(PIECE);
            piece.extend_from_slice(&bytes);
            self.pieces.push_back(piece);
        }
    }

    /// Takes up to `wanted` bytes from the front; none only if there are none.
    pub fn take(&mut self, wanted: usize) -> Vec<u8> {
        let Some(first) = self.pieces.front_mut() else { return Vec::new() };
        let count = wanted.min(first.len() - self.start);
        self.length -= count;
        if self.start + count < first.len() {
            self.start += count;
            return first[self.start - count..self.start].to_vec();
        }
        let mut taken = self.pieces.pop_front().unwrap_or_default();
        taken.drain(..self.start);
        self.start = 0;
        taken
    }

    /// Puts back what has just been taken.
    pub fn put_back(&mut self, bytes: Vec<u8>) {
        self.length += bytes.len();
        if self.start > 0
            && let Some(first) = self.pieces.front_mut()
        {
            first.drain(..self.start);
        }
        self.start = 0;
        if !bytes.is_empty() {
            self.pieces.push_front(bytes);
        }
    }

    /// A copy of up to `wanted` bytes from `offset` on: those of one piece.
    pub fn peek(&self, mut offset: usize, wanted: usize) -> Vec<u8> {
        offset += self.start;
        for piece in &self.pieces {
            if offset < piece.len() {
                return piece[offset..piece.len().min(offset.saturating_add(wanted))].to_vec();
            }
            offset -= piece.len();
        }
        Vec::new()
    }

    /// Throws everything away.
    pub fn clear(&mut self) {
        *self = ByteQueue::default();
    }
}

/// Copies the next `size` bytes; all or nothing.
///
/// # Errors
/// ENOBUFS; EFAULT.
pub fn copy_in(from: &mut dyn Source, size: usize) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    data.try_reserve_exact(size).map_err(|_| Errno::ENOBUFS)?;
    data.resize(size, 0);
    if size > 0 && from.take(&mut data)? < size {
        return Err(Errno::EFAULT);
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_was_put_in() {
        let mut queue = ByteQueue::default();
        for n in 0..100u8 {
            queue.push(alloc::vec![n; usize::from(n) * 100]);
        }
        assert_eq!(queue.len(), 495_000);
        assert_eq!(queue.peek(100, 4), [2; 4]);
        let mut all = Vec::new();
        while queue.len() > 0 {
            let mut part = queue.take(333);
            let rest = part.split_off(part.len() / 2);
            queue.put_back(rest);
            if part.is_empty() {
                part = queue.take(1);
            }
            all.extend(part);
        }
        let expected: Vec<u8> = (0..100u8).flat_map(|n| alloc::vec![n; usize::from(n) * 100]).collect();
        assert_eq!(all, expected);
        assert!(queue.take(1).is_empty() && queue.peek(0, 1).is_empty());
    }
}
