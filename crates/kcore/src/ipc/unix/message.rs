//! What lies in an inbox.

use super::{Address, Credentials, UnixSocket, WRITABLE};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::any::Any;

pub(super) struct Message {
    pub data: Vec<u8>,
    /// Bytes already read (streams).
    pub start: usize,
    pub rights: Vec<Rc<dyn Any>>,
    pub credentials: Credentials,
    pub address: Option<Rc<Address>>,
    pub sender: Weak<UnixSocket>,
    pub charge: usize,
}

impl Message {
    pub fn unread(&self) -> usize {
        self.data.len() - self.start
    }
}

impl Drop for Message {
    /// Gives the sender its room back.
    fn drop(&mut self) {
        if let Some(sender) = self.sender.upgrade() {
            sender.charged.set(sender.charged.get() - self.charge);
            if sender.is_writable() {
                sender.queue.notify(WRITABLE);
            }
        }
    }
}

const PAGE: usize = 4096;
/// struct sk_buff and struct skb_shared_info of Linux 6.x.
const HEADER: usize = 256;
const TRAILER: usize = 320;

/// What Linux counts for a buffer of `linear` bytes in one piece and `paged` bytes in pages.
fn truesize(linear: usize, paged: usize) -> usize {
    HEADER + (linear.next_multiple_of(64) + TRAILER).next_power_of_two() + paged.next_multiple_of(PAGE)
}

/// Charge of a part of a stream (`unix_stream_sendmsg`): what does not fit in a page goes to pages.
pub(super) fn stream_charge(size: usize) -> usize {
    let paged = size.saturating_sub(PAGE - TRAILER).next_multiple_of(PAGE).min(size);
    truesize(size - paged, paged)
}

/// Charge of a datagram (`unix_dgram_sendmsg`).
pub(super) fn datagram_charge(size: usize) -> usize {
    let paged = size.saturating_sub(4 * PAGE - TRAILER).min(17 * PAGE).next_multiple_of(PAGE);
    truesize(size.saturating_sub(paged), paged)
}

/// Longest part of a stream in one message.
pub(super) const STREAM_PART: usize = 4 * PAGE - TRAILER + 32768;
