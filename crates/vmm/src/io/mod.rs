//! The I/O thread: everything that is not the vCPU.

mod console;
mod thread;

pub use console::{Console, Streams};
pub use thread::{IoThread, Start};
