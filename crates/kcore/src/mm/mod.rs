//! Memory: frames, page tables, mappings.
