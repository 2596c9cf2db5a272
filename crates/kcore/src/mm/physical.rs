//! What memory management needs of the machine.

use crate::errno::Result;

/// Guest-physical memory as the kernel reaches it, and the hypercalls that concern it.
///
/// All addresses are guest-physical. The methods are on the fastest paths there are: implementations inline them.
/// Only addresses of RAM that is present are passed, and for [`Physical::copy`]'s source also of other memory that
/// the direct map shows (the image, volumes).
pub trait Physical {
    /// The 8-byte word at `gpa`, which is a multiple of 8.
    fn read(&self, gpa: u64) -> u64;

    /// Stores the 8-byte word at `gpa`, which is a multiple of 8.
    fn write(&self, gpa: u64, value: u64);

    /// Fills `length` bytes (a multiple of the page size) with zeros.
    fn zero(&self, gpa: u64, length: u64);

    /// Copies `length` bytes (a multiple of the page size) between areas that do not overlap.
    fn copy(&self, from: u64, to: u64, length: u64);

    /// Empties the whole TLB (about 30 µs on software KVM).
    fn flush(&self);

    /// Makes RAM at least `at_least` bytes large; returns the new size. New RAM reads as zeros. The caller maps it.
    ///
    /// # Errors
    /// ENOMEM: the limit is reached or the host has no memory.
    fn grow(&self, at_least: u64) -> Result<u64>;

    /// Gives RAM back to the host; it reads as zeros afterwards.
    ///
    /// # Errors
    /// As the host says; the memory is then unchanged.
    fn release(&self, gpa: u64, length: u64) -> Result<()>;
}
