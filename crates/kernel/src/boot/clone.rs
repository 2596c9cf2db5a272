//! Becoming a clone: the VMM has copied the whole VM and given it a new identity; here the kernel takes note.

use crate::arch::cpu;
use crate::arch::hypercall::identity;
use crate::task::{process, sched};
use core::sync::atomic::Ordering::Relaxed;

/// Called when the event CLONED is seen, before the program runs again.
///
/// Randomness needs nothing here: the generator compares the identity's generation at every use.
pub fn became_clone() {
    identity().first_instruction_tsc.store(cpu::rdtsc(), Relaxed);
    if let Some(process) = process::first() {
        let (old, new) = (process.pid.get(), identity().pid.load(Relaxed) as i32);
        process.renumber(new);
        crate::fs::tty::became_clone(old, new);
        if sched::is_running() {
            sched::with_current(crate::arch::site::set_thread);
        }
    }
    crate::syscalls::count::became_clone();
    crate::mm::wipe_on_fork();
    crate::fs::volumes::became_clone();
    crate::fs::console::became_clone();
    crate::fs::control::became_clone();
    sched::clock_restarted();
}
