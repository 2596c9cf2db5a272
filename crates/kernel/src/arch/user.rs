//! The only doors to program memory. A program address is a claim: it is checked against the end of the program's address
//! space, then copied with fault recovery. No reference into program memory ever exists.

use core::arch::global_asm;
use ramet_abi::layout::PROGRAM_END;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::user::{Sink, Source, UserMemory};

// A fault between copy_user and copy_user_end that cannot be resolved sets RIP to copy_user_fixup; RCX then holds what
// was not copied. Programs' addresses are only ever touched by the `rep` instructions and the marked loads.
global_asm!(
    r#"
    .text
    .balign 32
    .globl copy_user, copy_user_end, copy_user_fixup
copy_user:
    mov rcx, rdx
    rep movsb
copy_user_end:
copy_user_fixup:
    mov rax, rcx
    ret

    .balign 32
    .globl zero_user, zero_user_end, zero_user_fixup
zero_user:
    mov rcx, rsi
    xor eax, eax
    rep stosb
zero_user_end:
zero_user_fixup:
    mov rax, rcx
    ret

    # compare_exchange_user(address, expected: u32, new: u32) -> u64: the old value, or u64::MAX on a fault
    .balign 32
    .globl exchange_user, exchange_user_end, exchange_user_fixup
exchange_user:
    mov eax, esi
    lock cmpxchg [rdi], edx
exchange_user_end:
    mov eax, eax
    ret
exchange_user_fixup:
    mov rax, -1
    ret

    # load_user(address) -> u64: the u32 there, or u64::MAX on a fault
    .balign 32
    .globl load_user, load_user_end, load_user_fixup
load_user:
    mov eax, [rdi]
load_user_end:
    ret
load_user_fixup:
    mov rax, -1
    ret
"#
);

unsafe extern "C" {
    fn copy_user(to: usize, from: usize, length: usize) -> usize;
    fn zero_user(to: usize, length: usize) -> usize;
    fn exchange_user(address: usize, expected: u32, new: u32) -> u64;
    fn load_user(address: usize) -> u64;
    static copy_user_end: u8;
    static copy_user_fixup: u8;
    static zero_user_end: u8;
    static zero_user_fixup: u8;
    static exchange_user_end: u8;
    static exchange_user_fixup: u8;
    static load_user_end: u8;
    static load_user_fixup: u8;
}

/// Where a fault at kernel address `rip` may go on, if it is in a user copy.
pub fn fixup(rip: u64) -> Option<u64> {
    let table = [
        (
            copy_user as *const () as u64,
            (&raw const copy_user_end) as u64,
            (&raw const copy_user_fixup) as u64,
        ),
        (
            zero_user as *const () as u64,
            (&raw const zero_user_end) as u64,
            (&raw const zero_user_fixup) as u64,
        ),
        (
            exchange_user as *const () as u64,
            (&raw const exchange_user_end) as u64,
            (&raw const exchange_user_fixup) as u64,
        ),
        (
            load_user as *const () as u64,
            (&raw const load_user_end) as u64,
            (&raw const load_user_fixup) as u64,
        ),
    ];
    table.iter().find(|(start, end, _)| (*start..*end).contains(&rip)).map(|entry| entry.2)
}

/// Whether all of `address .. address + length` is the program's.
#[inline]
pub fn in_program(address: usize, length: usize) -> bool {
    address.checked_add(length).is_some_and(|end| end as u64 <= PROGRAM_END)
}

/// Copies memory of the kernel's that the host may fail to provide; returns how many bytes were not copied.
///
/// # Safety
/// `from` is mapped, and `to` is the caller's to write, `length` bytes each, without overlap.
pub unsafe fn copy_recoverable(to: usize, from: usize, length: usize) -> usize {
    // SAFETY: the caller's; a fault ends the copy early.
    unsafe { copy_user(to, from, length) }
}

/// Copies into `to`; returns how many bytes could be read.
#[inline]
pub fn read_some(from: usize, to: &mut [u8]) -> usize {
    if !in_program(from, to.len()) {
        return 0;
    }
    // SAFETY: `to` is exclusively ours; `from` is a program address, and a fault there ends the copy early.
    let left = unsafe { copy_user(to.as_mut_ptr() as usize, from, to.len()) };
    to.len() - left
}

/// Copies from `from`; returns how many bytes could be written.
#[inline]
pub fn write_some(to: usize, from: &[u8]) -> usize {
    if !in_program(to, from.len()) {
        return 0;
    }
    // SAFETY: as `read_some`, the other way round.
    let left = unsafe { copy_user(to, from.as_ptr() as usize, from.len()) };
    from.len() - left
}

/// Copies all of `to`.
///
/// # Errors
/// EFAULT.
#[inline]
pub fn read(from: usize, to: &mut [u8]) -> Result<()> {
    if read_some(from, to) == to.len() { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Copies all of `from`.
///
/// # Errors
/// EFAULT.
#[inline]
pub fn write(to: usize, from: &[u8]) -> Result<()> {
    if write_some(to, from) == from.len() { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Zeroes `length` bytes; returns how many could be written.
pub fn zero_some(to: usize, length: usize) -> usize {
    if !in_program(to, length) {
        return 0;
    }
    // SAFETY: a program address; a fault there ends the work early.
    length - unsafe { zero_user(to, length) }
}

macro_rules! scalar {
    ($read:ident, $write:ident, $type:ty) => {
        /// Reads one value; it need not be aligned.
        ///
        /// # Errors
        /// EFAULT.
        pub fn $read(from: usize) -> Result<$type> {
            let mut bytes = [0; size_of::<$type>()];
            read(from, &mut bytes)?;
            Ok(<$type>::from_le_bytes(bytes))
        }
        /// Writes one value; it need not be aligned.
        ///
        /// # Errors
        /// EFAULT.
        pub fn $write(to: usize, value: $type) -> Result<()> {
            write(to, &value.to_le_bytes())
        }
    };
}
scalar!(read_u32, write_u32, u32);
scalar!(read_i32, write_i32, i32);
scalar!(read_u64, write_u64, u64);
scalar!(read_i64, write_i64, i64);

/// One aligned load of a futex word.
///
/// # Errors
/// EFAULT; EINVAL when it is not aligned.
pub fn load_word(address: usize) -> Result<u32> {
    if address & 3 != 0 {
        return Err(Errno::EINVAL);
    }
    if !in_program(address, 4) {
        return Err(Errno::EFAULT);
    }
    // SAFETY: an aligned program address; a fault gives u64::MAX.
    let value = unsafe { load_user(address) };
    if value == u64::MAX { Err(Errno::EFAULT) } else { Ok(value as u32) }
}

/// Atomic compare and exchange of a futex word; returns the old value.
///
/// # Errors
/// EFAULT; EINVAL when it is not aligned.
pub fn exchange_word(address: usize, expected: u32, new: u32) -> Result<u32> {
    if address & 3 != 0 {
        return Err(Errno::EINVAL);
    }
    if !in_program(address, 4) {
        return Err(Errno::EFAULT);
    }
    // SAFETY: an aligned program address; a fault gives u64::MAX.
    let value = unsafe { exchange_user(address, expected, new) };
    if value == u64::MAX { Err(Errno::EFAULT) } else { Ok(value as u32) }
}

/// Reads a zero-terminated string of at most `limit` bytes (without the zero).
///
/// # Errors
/// EFAULT; ENAMETOOLONG when no zero comes.
pub fn read_string(from: usize, limit: usize) -> Result<alloc::vec::Vec<u8>> {
    let mut text = alloc::vec::Vec::new();
    let mut at = from;
    loop {
        // Page by page, so that a string that ends before an unmapped page is read.
        let mut part = [0; 256];
        let room = (4096 - (at & 4095)).min(part.len());
        let got = read_some(at, &mut part[..room]);
        if got == 0 {
            return Err(Errno::EFAULT);
        }
        if let Some(end) = part[..got].iter().position(|byte| *byte == 0) {
            text.extend_from_slice(&part[..end]);
            return if text.len() > limit { Err(Errno::ENAMETOOLONG) } else { Ok(text) };
        }
        text.extend_from_slice(&part[..got]);
        if text.len() > limit {
            return Err(Errno::ENAMETOOLONG);
        }
        at += got;
    }
}

/// The program's memory for kcore.
pub struct Program;

impl UserMemory for Program {
    fn read(&self, from: usize, to: &mut [u8]) -> Result<()> {
        read(from, to)
    }
    fn write(&self, to: usize, from: &[u8]) -> Result<()> {
        write(to, from)
    }
    fn exchange_word(&self, at: usize, expected: u32, new: u32) -> Result<u32> {
        exchange_word(at, expected, new)
    }
}

/// One buffer of the program, to be filled.
pub struct UserSink {
    at: usize,
    left: usize,
}

impl UserSink {
    /// `length` bytes at `at`.
    pub fn new(at: usize, length: usize) -> Self {
        UserSink { at, left: length }
    }
}

impl Sink for UserSink {
    fn remaining(&self) -> usize {
        self.left
    }
    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let wanted = bytes.len().min(self.left);
        let done = write_some(self.at, &bytes[..wanted]);
        self.at += done;
        self.left -= done;
        if done == 0 && wanted != 0 { Err(Errno::EFAULT) } else { Ok(done) }
    }
    fn put_zeros(&mut self, count: usize) -> Result<usize> {
        let wanted = count.min(self.left);
        let done = zero_some(self.at, wanted);
        self.at += done;
        self.left -= done;
        if done == 0 && wanted != 0 { Err(Errno::EFAULT) } else { Ok(done) }
    }
}

/// One buffer of the program, to be read.
#[derive(Clone)]
pub struct UserSource {
    at: usize,
    left: usize,
}

impl UserSource {
    /// `length` bytes at `at`.
    pub fn new(at: usize, length: usize) -> Self {
        UserSource { at, left: length }
    }
}

impl Source for UserSource {
    fn remaining(&self) -> usize {
        self.left
    }
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let wanted = buffer.len().min(self.left);
        let done = read_some(self.at, &mut buffer[..wanted]);
        self.at += done;
        self.left -= done;
        if done == 0 && wanted != 0 { Err(Errno::EFAULT) } else { Ok(done) }
    }
    fn skip(&mut self, count: usize) {
        let count = count.min(self.left);
        self.at += count;
        self.left -= count;
    }
}
