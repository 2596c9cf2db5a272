//! Who a VM is, on the identity page and in its document.

use super::Error;
use ramet_abi::layout::{PAYLOAD_OFFSET, PAYLOAD_SIZE};
use ramet_memory::SharedArea;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Release;

/// The document that a program reads from `/dev/ramet`.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// 16 hexadecimal digits.
    pub id: String,
    /// 0 for a booted VM, the parent's plus one for a clone.
    pub generation: u64,
    /// For people.
    pub name: String,
    /// Arguments given at the clone.
    pub args: Vec<String>,
    /// Variables given at the clone.
    pub env: BTreeMap<String, String>,
    /// Input given at the clone.
    pub input: Option<String>,
}

/// Writes page and document, with fresh random bytes. A VM whose identity cannot be made must not run.
pub fn write(area: &SharedArea, pid: u32, identity: &Identity) -> Result<(), Error> {
    let document =
        serde_json::to_vec(identity).map_err(|e| Error::Request(format!("identity document: {e}")))?;
    if document.len() as u64 > PAYLOAD_SIZE {
        return Err(Error::Request(format!(
            "arguments and input are {} bytes, at most {PAYLOAD_SIZE} are possible",
            document.len()
        )));
    }
    area.write(PAYLOAD_OFFSET, &document)?;
    area.identity().payload_length.store(document.len() as u64, Release);
    renew(area, pid, identity.generation)
}

/// Writes the page with fresh random bytes, and leaves the document as it is: a process of the same session.
pub fn renew(area: &SharedArea, pid: u32, generation: u64) -> Result<(), Error> {
    let mut random = [0u8; 64];
    // SAFETY: the buffer is writable and as long as stated. Up to 256 bytes are never cut short (getrandom(2)).
    let filled = unsafe { libc::getrandom(random.as_mut_ptr().cast(), random.len(), 0) };
    if filled != random.len() as isize {
        return Err(Error::last("getrandom"));
    }
    let page = area.identity();
    for (word, bytes) in page.random.iter().zip(random.chunks_exact(8)) {
        word.store(u64::from_le_bytes(bytes.try_into().unwrap_or_default()), Release);
    }
    page.pid.store(pid.into(), Release);
    page.first_instruction_tsc.store(0, Release);
    // Last, because readers compare it.
    page.generation.store(generation, Release);
    Ok(())
}
