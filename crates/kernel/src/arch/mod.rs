//! What depends on x86-64: entering and leaving the kernel, vector state, user copies, system call sites.

pub mod cpu;
pub mod entry;
pub mod frame;
pub mod hypercall;
pub mod known_sites;
pub mod site;
pub mod upcall;
pub mod user;
pub mod xsave;
