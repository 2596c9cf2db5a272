//! Tests of memory management on mock memory with a software MMU whose TLB forgets nothing until it is flushed.

mod basic;
mod calls;
mod frames;
mod machine;
mod model;
mod random;
