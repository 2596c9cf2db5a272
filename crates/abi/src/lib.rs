//! The contract between Ramet's guest kernel and its VMM: every number and every layout that crosses
//! the boundary, and nothing else. `docs/spec/abi.md` explains it in prose.
//!
//! Neither side may rely on anything that is not written here. Everything the guest writes is hostile
//! to the VMM: copy once, check the copy, use the copy. The VMM is trusted by the guest.
//!
//! The crate imports nothing, allocates nothing and contains no `unsafe`.
#![no_std]

pub mod boot;
pub mod header;
pub mod hostfs;
pub mod hypercall;
pub mod identity;
pub mod layout;
pub mod mailbox;
pub mod pipe;
pub mod ring;
pub mod session;
pub mod syscall;
pub mod time;

/// Version of this contract. A kernel and a VMM of different versions refuse to work together.
pub const ABI_VERSION: u32 = 5;
