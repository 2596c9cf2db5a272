//! Tests of what lies above the file systems.

mod credentials;
mod descriptors;
mod lock_ranges;
mod namespace;
mod native;
mod resolution;
