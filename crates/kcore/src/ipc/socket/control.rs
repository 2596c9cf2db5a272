//! Ancillary data: struct cmsghdr, cmsg(3).

use super::{ControlMessage, Credentials, SOL_SOCKET};
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;
/// size_t length, int level, int type.
const HEADER: usize = 16;

/// One control message that the program sends.
#[derive(Debug, PartialEq, Eq)]
pub enum Control {
    /// SCM_RIGHTS: descriptor numbers.
    Rights(Vec<i32>),
    /// SCM_CREDENTIALS.
    Credentials(Credentials),
    /// A message of another level.
    Other(ControlMessage),
}

/// Walks the control buffer of sendmsg(2), already copied from the program.
pub struct ControlReader<'a>(pub &'a [u8]);

impl Iterator for ControlReader<'_> {
    type Item = Result<Control>;

    /// EINVAL: a malformed one; the walk ends there.
    fn next(&mut self) -> Option<Result<Control>> {
        let header = self.0.get(..HEADER)?;
        let length = usize::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|k| header[k]));
        let int = |at: usize| i32::from_le_bytes([0, 1, 2, 3].map(|k| header[at + k]));
        let (level, kind) = (int(8), int(12));
        if length < HEADER || length > self.0.len() {
            self.0 = &[];
            return Some(Err(Errno::EINVAL));
        }
        let data = &self.0[HEADER..length];
        self.0 = self.0.get(length.next_multiple_of(8)..).unwrap_or(&[]);
        if level != SOL_SOCKET {
            return Some(Ok(Control::Other(ControlMessage { level, kind, data: data.to_vec() })));
        }
        let words = data.chunks_exact(4).map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        Some(match kind {
            SCM_RIGHTS => Ok(Control::Rights(words.collect())),
            SCM_CREDENTIALS => match <&[u8; 12]>::try_from(data) {
                Ok(bytes) => Ok(Control::Credentials(Credentials::decode(bytes))),
                Err(_) => Err(Errno::EINVAL),
            },
            _ => Err(Errno::EINVAL),
        })
    }
}

/// Builds the control buffer of recvmsg(2), of at most `limit` bytes.
pub struct ControlWriter {
    bytes: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl ControlWriter {
    /// An empty buffer for a program that has room for `limit` bytes.
    pub fn new(limit: usize) -> ControlWriter {
        ControlWriter { bytes: Vec::new(), limit, truncated: false }
    }

    /// How many descriptors there is room for: only so many are to be installed, before [`ControlWriter::rights`].
    pub fn room_for_rights(&self) -> usize {
        (self.limit - self.bytes.len()).saturating_sub(HEADER) / 4
    }

    /// SCM_CREDENTIALS; must come before the rights, as on Linux.
    pub fn credentials(&mut self, credentials: Credentials) {
        self.put(SOL_SOCKET, SCM_CREDENTIALS, &credentials.encode());
    }

    /// A message of another level.
    pub fn message(&mut self, message: &ControlMessage) {
        self.put(message.level, message.kind, &message.data);
    }

    /// SCM_RIGHTS with the numbers installed, of `sent` descriptions.
    pub fn rights(&mut self, numbers: &[i32], sent: usize) {
        if numbers.len() < sent {
            self.truncated = true;
        }
        if !numbers.is_empty() {
            let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            self.put(SOL_SOCKET, SCM_RIGHTS, &data);
        }
    }

    /// The bytes for the program, and whether MSG_CTRUNC is to be set.
    pub fn finish(self) -> (Vec<u8>, bool) {
        (self.bytes, self.truncated)
    }

    fn put(&mut self, level: i32, kind: i32, data: &[u8]) {
        let room = self.limit - self.bytes.len();
        if room < HEADER {
            self.truncated = true;
            return;
        }
        let length = (HEADER + data.len()).min(room);
        if length < HEADER + data.len() {
            self.truncated = true;
        }
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&level.to_le_bytes());
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.bytes.extend_from_slice(&data[..length - HEADER]);
        let padded = self.bytes.len().next_multiple_of(8).min(self.limit);
        self.bytes.resize(padded.max(self.bytes.len()), 0);
    }
}
