//! Bytes on their way into an answer.

use ramet_kcore::errno::Result;
use ramet_kcore::user::Sink;

/// Appends to a vector, up to a number of bytes.
pub struct BoundedSink<'a> {
    bytes: &'a mut Vec<u8>,
    limit: usize,
}

impl<'a> BoundedSink<'a> {
    /// Takes `most` bytes behind those that are in `bytes`.
    pub fn new(bytes: &'a mut Vec<u8>, most: usize) -> Self {
        let limit = bytes.len() + most;
        BoundedSink { bytes, limit }
    }
}

impl Sink for BoundedSink<'_> {
    fn remaining(&self) -> usize {
        self.limit - self.bytes.len()
    }
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let n = bytes.len().min(self.remaining());
        self.bytes.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
    fn put_zeros(&mut self, count: usize) -> Result<usize> {
        let n = count.min(self.remaining());
        self.bytes.resize(self.bytes.len() + n, 0);
        Ok(n)
    }
}
