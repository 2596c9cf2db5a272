//! Ramet's guest kernel: a library OS in the same VM and at the same privilege level as its one program.
//!
//! ARCHITECTURE.md shows the path of a system call and of a clone. In short: `arch` gets in and out, `syscalls` has one verb
//! per file, `task` schedules, `mm` and `fs` are thin layers over the logic in `ramet-kcore`, `boot` starts it all.
#![no_std]
#![no_main]

extern crate alloc;

mod arch;
mod boot;
mod fs;
mod global;
mod heap;
mod libmem;
mod mm;
mod panic;
mod random;
mod session;
mod syscalls;
mod task;

/// The first Rust code: called by `boot` in `arch/entry.rs` on the boot stack.
#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    boot::start()
}
