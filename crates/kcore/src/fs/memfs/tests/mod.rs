//! The writable layer against models of what it should hold.

mod damaged;
mod data;
mod names;
mod special;
mod transfer;
