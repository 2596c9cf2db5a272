//! The memory that a VM and the session's keeper share: see [`ramet_abi::session`].

use crate::Mapping;
use ramet_abi::session::{
    CHANNEL_SIZE, CONTROL_OFFSET, Control, REPLY_OFFSET, REQUEST_OFFSET, Reply, Request,
};
use std::fs::File;
use std::io;
use std::sync::atomic::Ordering::Acquire;

/// A VM's channel. Children of `fork(2)` do not inherit it: each process of a session has its own.
#[derive(Debug)]
pub struct Channel {
    mapping: Mapping,
}

impl Channel {
    /// Maps a channel's memory object, which must be as large as a channel.
    pub fn map(memory: &File) -> io::Result<Self> {
        if memory.metadata()?.len() != CHANNEL_SIZE {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let mapping = Mapping::file(memory, 0, CHANNEL_SIZE, true)?;
        mapping.advise(0, CHANNEL_SIZE, libc::MADV_DONTFORK)?;
        Ok(Self { mapping })
    }

    /// Address in this process.
    pub fn address(&self) -> u64 {
        self.mapping.address()
    }

    fn control(&self) -> &Control {
        // SAFETY: Control consists of atomic integers.
        unsafe { self.mapping.atomics(CONTROL_OFFSET) }
    }

    /// Whether the keeper has written notices that the guest has not read.
    pub fn has_notices(&self) -> bool {
        let control = self.control();
        control.head.load(Acquire) != control.tail.load(Acquire)
    }

    /// [`Reply::result`] of the last answer.
    pub fn result(&self) -> i64 {
        const OFFSET: u64 = REPLY_OFFSET + std::mem::offset_of!(Reply, result) as u64;
        // Inside the mapping.
        self.mapping.read_u64(OFFSET).unwrap_or_default() as i64
    }

    /// Replaces [`Reply::result`].
    pub fn set_result(&self, result: i64) {
        const OFFSET: u64 = REPLY_OFFSET + std::mem::offset_of!(Reply, result) as u64;
        let _ = self.mapping.write_u64(OFFSET, result as u64);
    }

    /// The operation of the request that the guest has written: to choose how to send it. The keeper judges it.
    pub fn operation(&self) -> u32 {
        let mut word = [0; 4];
        let _ = self.mapping.read(REQUEST_OFFSET, &mut word);
        u32::from_le_bytes(word)
    }

    /// The flags of that request, likewise.
    pub fn flags(&self) -> u32 {
        const OFFSET: u64 = REQUEST_OFFSET + std::mem::offset_of!(Request, flags) as u64;
        let mut word = [0; 4];
        let _ = self.mapping.read(OFFSET, &mut word);
        u32::from_le_bytes(word)
    }

    /// In a child of fork(2), where the memory is not mapped: forgets it, so that nobody unmaps what may be at its place now.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::FromRawFd;

    fn memory(size: u64) -> File {
        // SAFETY: the name ends with a zero; the descriptor is new and belongs to nobody else.
        let file = unsafe { File::from_raw_fd(libc::memfd_create(c"test".as_ptr(), libc::MFD_CLOEXEC)) };
        file.set_len(size).unwrap();
        file
    }

    #[test]
    fn is_as_large_as_a_channel() {
        assert!(Channel::map(&memory(CHANNEL_SIZE - 4096)).is_err());
        let channel = Channel::map(&memory(CHANNEL_SIZE)).unwrap();
        assert!(!channel.has_notices());
        channel.control().head.fetch_add(1, std::sync::atomic::Ordering::Release);
        assert!(channel.has_notices());
        channel.set_result(-11);
        assert_eq!(channel.result(), -11);
    }
}
