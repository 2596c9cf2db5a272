//! Asking the VMM. Arguments and results travel in the mailbox; see `ramet_abi::hypercall`.

use core::arch::asm;
use core::sync::atomic::Ordering::Relaxed;
use ramet_abi::boot::BootInfo;
use ramet_abi::hypercall as number;
use ramet_abi::identity::Identity;
use ramet_abi::layout::*;
use ramet_abi::mailbox::Mailbox;
use ramet_abi::ring::Console;
use ramet_abi::syscall::Counters;
use ramet_abi::time::TimePage;

/// A shared page, by its offset in the shared area.
fn shared<T>(offset: u64) -> &'static T {
    // SAFETY: the VMM maps the whole shared area at SHARED_WINDOW before boot and never takes it away; `offset` is one
    // of the abi's, each aligned for its type; everything shared that changes is an atomic.
    unsafe { &*((SHARED_WINDOW + offset) as *const T) }
}

/// Events, hypercall and upcall.
pub fn mailbox() -> &'static Mailbox {
    shared(MAILBOX_OFFSET)
}
/// Time without exits.
pub fn time_page() -> &'static TimePage {
    shared(TIME_OFFSET)
}
/// Who this VM is.
pub fn identity() -> &'static Identity {
    shared(IDENTITY_OFFSET)
}
/// Console control words.
pub fn console() -> &'static Console {
    shared(CONSOLE_OFFSET)
}
/// What the VMM tells of when it is asked about this VM.
pub fn counters() -> &'static Counters {
    shared(COUNTERS_OFFSET)
}
/// Boot parameters. Written by the VMM before boot only.
pub fn boot_info() -> &'static BootInfo {
    shared(BOOT_OFFSET)
}

/// Bytes of the shared area that the VMM wrote before the vCPU ran (records, identity document).
///
/// # Panics
/// When the range is not within the shared area.
pub fn shared_bytes(offset: u64, length: u64) -> &'static [u8] {
    assert!(offset <= SHARED_SIZE && length <= SHARED_SIZE - offset);
    // SAFETY: inside the mapped shared area, checked above; these areas do not change while the vCPU runs.
    unsafe { core::slice::from_raw_parts((SHARED_WINDOW + offset) as *const u8, length as usize) }
}

/// One hypercall.
pub fn call(number: u16, arguments: &[u64]) -> i64 {
    let mailbox = mailbox();
    for (slot, value) in mailbox.hypercall.arguments.iter().zip(arguments) {
        slot.store(*value, Relaxed);
    }
    // SAFETY: `out` at IOPL 3 exits to the VMM, which reads and writes the shared area and RAM that the call names, and
    // no register. It is a compiler barrier (memory may change).
    unsafe {
        asm!("out dx, al", in("dx") number::HYPERCALL_PORT + number, in("al") 0u8, options(nostack, preserves_flags))
    };
    mailbox.hypercall.result.load(Relaxed) as i64
}

/// Wakes the VMM's I/O thread without leaving the vCPU for long.
pub fn ring_doorbell() {
    // SAFETY: as in `call`; the port is bound to an event, nothing is read or written.
    unsafe {
        asm!("out dx, al", in("dx") number::DOORBELL_PORT, in("al") 0u8, options(nostack, preserves_flags))
    };
}

/// The result of a hypercall that was not made by [`call`].
pub fn result() -> i64 {
    mailbox().hypercall.result.load(Relaxed) as i64
}

/// Flushes every translation.
pub fn flush_tlb() {
    call(number::FLUSH_TLB, &[]);
}

/// Ends the VM with the program's wait status.
pub fn exit(status: u32) -> ! {
    loop {
        call(number::EXIT, &[status as u64, 0]);
    }
}

/// Ends the VM because the program cannot be started: an exit code as a shell has it, and why.
pub fn not_started(code: u8, why: &str) -> ! {
    // An empty message would mean that the program has run.
    let length = put_log(if why.is_empty() { "?" } else { why });
    loop {
        call(number::EXIT, &[u64::from(code) << 8, length]);
    }
}

/// The process that somebody outside asked for cannot be: an exit code as a shell has it, and why.
pub fn exec_failed(code: u8, why: &str) {
    let length = put_log(why);
    call(number::EXEC_FAILED, &[code.into(), length]);
}

/// A line for the VMM's log.
pub fn log(text: &str) {
    let length = put_log(text);
    call(number::LOG, &[length]);
}

/// Ends the VM because the kernel cannot go on.
pub fn die(text: &str) -> ! {
    let length = put_log(text);
    loop {
        call(number::PANIC, &[length]);
    }
}

fn put_log(text: &str) -> u64 {
    let length = text.len().min(LOG_SIZE as usize);
    // SAFETY: the log area is LOG_SIZE bytes of the shared area, and only this function writes it.
    unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), (SHARED_WINDOW + LOG_OFFSET) as *mut u8, length) };
    length as u64
}
