//! Everything of a VM that is not its vCPU: console, control socket, signals, terminal.

mod connection;
mod console;
mod protocol;
mod requests;
mod server;
mod signals;
mod thread;
mod tty;

pub use console::{Console, Streams, kinds_of};
pub use requests::{Requests, Wish, tell};
pub use server::Server;
pub use signals::block_forwarded;
pub use thread::{Drain, IoThread};
pub use tty::{RawMode, window_size};
