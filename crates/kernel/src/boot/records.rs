//! Boot records: what to run and how.

use crate::arch::hypercall;
use alloc::vec::Vec;
use ramet_abi::boot::tag;
use ramet_abi::layout::{RECORDS_OFFSET, RECORDS_SIZE};

/// A host directory to be mounted.
pub struct Volume {
    /// fid of its root.
    pub index: u32,
    /// Writes fail.
    pub read_only: bool,
    /// Mount point.
    pub path: Vec<u8>,
}

/// All records, sorted.
#[derive(Default)]
pub struct Records {
    /// Program and arguments.
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=VALUE`.
    pub environment: Vec<Vec<u8>>,
    /// Working directory.
    pub directory: Vec<u8>,
    /// `uid[:gid]` or names.
    pub user: Vec<u8>,
    /// Host name.
    pub hostname: Vec<u8>,
    /// Host directories.
    pub volumes: Vec<Volume>,
}

/// Reads the records that the VMM wrote.
pub fn read() -> Records {
    let mut records = Records::default();
    let length = hypercall::boot_info().records_length.min(RECORDS_SIZE);
    let mut rest = hypercall::shared_bytes(RECORDS_OFFSET, length);
    while rest.len() >= 8 {
        let tag = u32::from_le_bytes(rest[..4].try_into().expect("four bytes"));
        let length = u32::from_le_bytes(rest[4..8].try_into().expect("four bytes")) as usize;
        let Some(value) = rest[8..].get(..length) else { break };
        match tag {
            tag::ARGUMENT => records.arguments.push(value.to_vec()),
            tag::ENVIRONMENT => records.environment.push(value.to_vec()),
            tag::DIRECTORY => records.directory = value.to_vec(),
            tag::USER => records.user = value.to_vec(),
            tag::HOSTNAME => records.hostname = value.to_vec(),
            tag::VOLUME if length > 8 => records.volumes.push(Volume {
                index: u32::from_le_bytes(value[..4].try_into().expect("four bytes")),
                read_only: value[4] & 1 != 0,
                path: value[8..].to_vec(),
            }),
            _ => {}
        }
        rest = rest.get(8 + length.next_multiple_of(8)..).unwrap_or(&[]);
    }
    records
}
