//! Text that is mostly numbers and may hold any bytes.

use alloc::vec::Vec;
use core::fmt;

/// Grows as it is written to.
#[derive(Default)]
pub(super) struct Text(pub Vec<u8>);

impl fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.extend_from_slice(s.as_bytes());
        Ok(())
    }
}

impl Text {
    pub fn new() -> Text {
        Text(Vec::new())
    }

    /// Appends formatted text; memory is the only thing that it can fail for, and that does not return.
    pub fn put(&mut self, arguments: fmt::Arguments<'_>) {
        let _ = fmt::Write::write_fmt(self, arguments);
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends bytes with those in `special` as octal escapes (Linux: `mangle_path`).
    pub fn escaped(&mut self, bytes: &[u8], special: &[u8]) {
        for &b in bytes {
            if special.contains(&b) {
                self.put(format_args!("\\{b:03o}"));
            } else {
                self.0.push(b);
            }
        }
    }
}

/// `put!(text, "format", ...)`.
macro_rules! put {
    ($text:expr, $($argument:tt)*) => { $text.put(format_args!($($argument)*)) };
}
pub(super) use put;

/// Clock ticks (USER_HZ, 100 a second) of nanoseconds.
pub(super) const fn ticks(ns: u64) -> u64 {
    ns / 10_000_000
}

/// KiB of bytes.
pub(super) const fn kib(bytes: u64) -> u64 {
    bytes >> 10
}
