//! The writable layer against models of what it should hold.

mod data;
mod names;
mod special;
