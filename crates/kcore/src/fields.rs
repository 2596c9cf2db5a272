//! Objects on their way to another kernel: numbers and bytes, little-endian, one after the other.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// Reads what [`Writer`] has written. What is too short is EINVAL.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// The next four bytes.
    ///
    /// # Errors
    /// EINVAL.
    pub fn u32(&mut self) -> Result<u32> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Errno::EINVAL)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*first))
    }

    /// The next eight bytes.
    ///
    /// # Errors
    /// EINVAL.
    pub fn u64(&mut self) -> Result<u64> {
        let (first, rest) = self.0.split_first_chunk().ok_or(Errno::EINVAL)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*first))
    }

    /// The next eight bytes as a number with a sign.
    ///
    /// # Errors
    /// EINVAL.
    pub fn i64(&mut self) -> Result<i64> {
        self.u64().map(|value| value as i64)
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// EINVAL.
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(length).ok_or(Errno::EINVAL)?;
        self.0 = rest;
        Ok(first)
    }

    /// Bytes with their number (u32) before them.
    ///
    /// # Errors
    /// EINVAL.
    pub fn part(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()? as usize;
        self.bytes(length)
    }

    /// Numbers with their number (u32) before them, at most `most`.
    ///
    /// # Errors
    /// EINVAL.
    pub fn numbers(&mut self, most: usize) -> Result<Vec<u64>> {
        let count = self.u32()? as usize;
        if count > most {
            return Err(Errno::EINVAL);
        }
        (0..count).map(|_| self.u64()).collect()
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes to the end of a vector.
#[derive(Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// Four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Bytes alone.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Bytes with their number before them.
    pub fn part(&mut self, bytes: &[u8]) -> &mut Self {
        self.u32(bytes.len() as u32).bytes(bytes)
    }

    /// Numbers with their number before them.
    pub fn numbers(&mut self, numbers: &[u64]) -> &mut Self {
        self.u32(numbers.len() as u32);
        for number in numbers {
            self.u64(*number);
        }
        self
    }
}
