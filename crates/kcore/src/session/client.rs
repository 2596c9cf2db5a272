//! Requests to the keeper: [`Client`].

use crate::errno::{Errno, Result};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::sync::atomic::Ordering::Acquire;
use ramet_abi::session::{Control, DATA_MAX, Reply, Request, TOUCHED_SIZE, op, touched_bit};

/// Nodes that are no longer used are told of when there are so many.
const RELEASE_BATCH: usize = 128;

/// Carries requests to the keeper.
pub trait Transport {
    /// Serves the request with `data`, at most [`DATA_MAX`] bytes. The answer's data are appended to `answer`, at most [`DATA_MAX`] bytes.
    ///
    /// # Errors
    /// EIO: there is no keeper (any more).
    fn call(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply>;

    /// The first page of the channel.
    fn control(&self) -> &Control;

    /// Byte `index` of the map of the image's inodes that differ from it, below [`TOUCHED_SIZE`].
    fn touched(&self, index: u64) -> u8;
}

/// The way to the keeper, and the ids that this VM holds there.
pub struct Client {
    transport: Rc<dyn Transport>,
    released: RefCell<Vec<u64>>,
}

impl Client {
    /// A client that holds nothing yet.
    pub fn new(transport: Rc<dyn Transport>) -> Rc<Client> {
        Rc::new(Client { transport, released: RefCell::new(Vec::new()) })
    }

    /// Serves a request whose answer has no data.
    ///
    /// # Errors
    /// What the keeper answers; EIO.
    pub fn call(&self, request: &Request, data: &[u8]) -> Result<Reply> {
        self.call_into(request, data, &mut Vec::new())
    }

    /// Serves a request. The answer's data are appended to `answer`.
    ///
    /// # Errors
    /// What the keeper answers; EIO.
    pub fn call_into(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply> {
        let reply = self.ask(request, data, answer)?;
        match i32::try_from(reply.result) {
            Ok(error @ -4095..0) => Err(Errno(-error)),
            _ if reply.result < 0 => Err(Errno::EIO),
            _ => Ok(reply),
        }
    }

    /// Serves a request, whatever its result.
    ///
    /// # Errors
    /// EIO: there is no keeper; EINVAL: too many data.
    pub fn ask(&self, request: &Request, data: &[u8], answer: &mut Vec<u8>) -> Result<Reply> {
        if data.len() as u64 > DATA_MAX {
            return Err(Errno::EINVAL);
        }
        self.release_nodes();
        let request = Request { length: data.len() as u64, ..*request };
        self.transport.call(&request, data, answer)
    }

    /// Changes whenever a name in the session's file system does.
    pub fn names(&self) -> u64 {
        self.transport.control().names.load(Acquire)
    }

    /// Whether the image's inode `number` may differ from it.
    pub fn is_touched(&self, number: u64) -> bool {
        let bit = touched_bit(number);
        self.transport.touched(bit / 8 % TOUCHED_SIZE) >> (bit % 8) & 1 != 0
    }

    fn release_nodes(&self) {
        if self.released.borrow().len() < RELEASE_BATCH {
            return;
        }
        let ids = self.released.take();
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        let request = Request { operation: op::RELEASE, length: bytes.len() as u64, ..Request::default() };
        // The keeper knows what it has given: there is nothing that could fail.
        let _ = self.transport.call(&request, &bytes, &mut Vec::new());
    }
}
