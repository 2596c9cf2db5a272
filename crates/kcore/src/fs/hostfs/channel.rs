//! Requests and their data.

use super::HostFs;
use crate::errno::{Errno, Result};
use ramet_abi::hostfs::{DATA_MAX, Request};

impl HostFs {
    /// The bytes of the shared buffer.
    #[allow(clippy::mut_from_ref)]
    pub(super) fn data(&self) -> &mut [u8] {
        // SAFETY: the transport vouches for the address and that the area is its own for as long as the kernel runs. The kernel
        // has one thread and each caller uses the slice for one copy; the VMM touches the area only during `call`.
        unsafe {
            core::slice::from_raw_parts_mut(self.transport.data_address() as *mut u8, DATA_MAX as usize)
        }
    }

    /// A request without data.
    pub(super) fn call(&self, request: Request) -> Result<Request> {
        self.call_value(request).map(|(_, answer)| answer)
    }

    /// A request without data: its result, and the answer.
    pub(super) fn call_value(&self, mut request: Request) -> Result<(u64, Request)> {
        let value = self.transport.call(&mut request)?;
        Ok((value, request))
    }

    /// A request with one or two names.
    pub(super) fn call_names(&self, request: Request, first: &[u8], second: &[u8]) -> Result<(u64, Request)> {
        let data = self.data();
        let length = first.len() + second.len();
        if length > data.len() {
            return Err(Errno::ENAMETOOLONG);
        }
        data[..first.len()].copy_from_slice(first);
        data[first.len()..length].copy_from_slice(second);
        let first_name = if second.is_empty() { 0 } else { first.len() as u64 };
        self.call_value(Request { length: length as u64, first_name, ..request })
    }
}
