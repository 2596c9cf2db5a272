//! Guest memory: the only crate that touches guest bytes.
//!
//! The guest runs while the VMM looks, and is hostile. So bytes are copied out with volatile accesses, once, and the
//! copy is checked and used; words that both sides use at the same time are atomics. No Rust reference to plain data
//! in guest memory ever exists.

mod channel;
mod mapping;
mod page_tables;
mod ram;
mod ring;
mod shared;
mod undo;
mod working_set;

pub use channel::Channel;
pub use mapping::{Mapping, OutOfBounds, Page};
pub use page_tables::{Used, allowed, forget_accesses, translate, used_pages};
pub use ram::{INITIAL_RAM, MIN_RAM, Ram};
pub use ring::{BrokenRing, Consumer, Producer};
pub use shared::SharedArea;
pub use undo::{Hard, Tables, Undo, find_tables};
pub use working_set::{WorkingSet, private_pages};
