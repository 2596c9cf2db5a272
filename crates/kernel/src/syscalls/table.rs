//! Which function serves which system call. `scripts/syscall_table.py` makes the documentation's table from this file.

use super::names::{COUNT, NAMES};
use super::{Handler, getrandom, ids, io, limits, memory, prctl, thread, time};
use crate::global::Global;
use crate::task::{exit, futex, signal};
use core::cell::Cell;

macro_rules! table {
    ($($name:ident => $handler:path,)*) => {{
        let mut table: [Option<Handler>; COUNT] = [None; COUNT];
        $(table[number_of(stringify!($name))] = Some($handler);)*
        table
    }};
}

const fn number_of(name: &str) -> usize {
    let wanted = name.as_bytes();
    let mut number = 0;
    while number < COUNT {
        let known = NAMES[number].as_bytes();
        if known.len() == wanted.len() {
            let mut at = 0;
            while at < known.len() && known[at] == wanted[at] {
                at += 1;
            }
            if at == known.len() {
                return number;
            }
        }
        number += 1;
    }
    panic!("no system call of that name")
}

static TABLE: [Option<Handler>; COUNT] = table! {
    arch_prctl => thread::arch_prctl,
    brk => memory::brk,
    clock_getres => time::clock_getres,
    clock_gettime => time::clock_gettime,
    clock_nanosleep => time::clock_nanosleep,
    clock_settime => time::clock_settime,
    clone => thread::clone,
    clone3 => thread::clone3,
    exit => exit::sys_exit,
    exit_group => exit::sys_exit_group,
    futex => futex::sys_futex,
    get_robust_list => thread::get_robust_list,
    getcpu => ids::getcpu,
    getpid => ids::getpid,
    getppid => ids::getppid,
    getpriority => limits::getpriority,
    getrandom => getrandom::getrandom,
    getrlimit => limits::getrlimit,
    getrusage => limits::getrusage,
    gettid => ids::gettid,
    gettimeofday => time::gettimeofday,
    ioctl => io::ioctl,
    mmap => memory::mmap,
    mprotect => memory::mprotect,
    munmap => memory::munmap,
    nanosleep => time::nanosleep,
    prctl => prctl::prctl,
    pread64 => io::pread64,
    prlimit64 => limits::prlimit64,
    pwrite64 => io::pwrite64,
    read => io::read,
    readv => io::readv,
    rt_sigreturn => signal::sys_rt_sigreturn,
    sched_getaffinity => ids::sched_getaffinity,
    sched_setaffinity => ids::sched_setaffinity,
    sched_yield => thread::sched_yield,
    set_robust_list => thread::set_robust_list,
    set_tid_address => thread::set_tid_address,
    setrlimit => limits::setrlimit,
    sysinfo => limits::sysinfo,
    time => time::time,
    times => limits::times,
    uname => ids::uname,
    write => io::write,
    writev => io::writev,
};

/// What serves call `number`.
#[inline(always)]
pub fn handler(number: u32) -> Option<Handler> {
    TABLE.get(number as usize).copied().flatten()
}

/// The call's name, for people.
pub fn name(number: u32) -> &'static str {
    NAMES.get(number as usize).copied().filter(|name| !name.is_empty()).unwrap_or("syscall")
}

static UNKNOWN: Global<[Cell<u32>; COUNT]> = Global::new([const { Cell::new(0) }; COUNT]);

/// Counts a call that nobody serves.
pub fn count_unknown(number: u32) {
    if let Some(count) = UNKNOWN.get(number as usize) {
        count.set(count.get().saturating_add(1));
    }
}

/// Calls that nobody served, and how often.
pub fn unknown() -> impl Iterator<Item = (u32, u32)> {
    UNKNOWN
        .iter()
        .enumerate()
        .filter(|(_, count)| count.get() != 0)
        .map(|(number, count)| (number as u32, count.get()))
}
