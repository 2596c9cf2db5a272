//! System calls. Each file is one verb or a family of verbs that share everything; [`table`] maps numbers to them.
//!
//! A call takes a [`Call`] (the six arguments) and returns what RAX is to hold, or an errno. A pointer argument is a claim
//! that only `arch::user` looks behind.

use crate::arch::frame::Frame;
use crate::arch::{site, upcall};
use ramet_kcore::errno::{Errno, Result};

mod accounting;
pub mod capabilities;
pub mod count;
pub mod exec;
pub mod file;
pub mod getrandom;
pub mod ids;
pub mod io;
pub mod ipc;
pub mod limits;
pub mod memory;
pub mod pipe_watch;
pub mod prctl;
pub mod process;
pub mod scheduling;
pub mod signals;
mod signature;
pub mod table;
pub mod thread;
pub mod time;
mod time_adjust;
pub mod timers;
pub mod trace;
pub mod users;
pub mod vectors;
pub mod wait;

/// A system call's arguments, and the registers it was made with.
pub struct Call<'a> {
    /// The program's registers.
    pub frame: &'a mut Frame,
}

impl Call<'_> {
    /// Argument `n`, 0 to 5.
    #[inline(always)]
    pub fn arg(&self, n: usize) -> usize {
        let frame = &*self.frame;
        (match n {
            0 => frame.rdi,
            1 => frame.rsi,
            2 => frame.rdx,
            3 => frame.r10,
            4 => frame.r8,
            _ => frame.r9,
        }) as usize
    }
    /// Argument `n` as an int: the upper half does not count.
    #[inline(always)]
    pub fn int(&self, n: usize) -> i32 {
        self.arg(n) as i32
    }
    /// Argument `n` as an unsigned int.
    #[inline(always)]
    pub fn uint(&self, n: usize) -> u32 {
        self.arg(n) as u32
    }
}

/// What every call looks like.
pub type Handler = fn(&mut Call<'_>) -> Result<i64>;

#[unsafe(no_mangle)]
extern "C" fn syscall_trapped(frame: &mut Frame) {
    site::trapped(frame.rip, frame.orig_rax);
    count::trapped();
    upcall::leave_with_flags(frame);
    dispatch(frame);
}

#[unsafe(no_mangle)]
extern "C" fn syscall_jumped(frame: &mut Frame) {
    upcall::put_back_flags(frame);
    dispatch(frame);
}

/// Serves the call in `frame` and puts its result into RAX.
pub fn dispatch(frame: &mut Frame) {
    let number = frame.orig_rax as u32;
    frame.r11 = frame.rflags;
    let result = match table::handler(number) {
        Some(handler) => {
            count::served(number);
            if trace::is_on() {
                trace::call(number, handler, &mut Call { frame })
            } else {
                handler(&mut Call { frame })
            }
        }
        None => {
            count::not_served(number);
            if trace::is_on() {
                trace::unknown(number, &Call { frame });
            }
            Err(Errno::ENOSYS)
        }
    };
    match result {
        Ok(value) => frame.rax = value as u64,
        Err(error) => {
            frame.rax = error.to_return_value() as u64;
            if error == Errno::ERESTARTSYS || error == Errno::ERESTARTNOHAND {
                // The way out sees the restart and decides with the signal at hand.
                crate::task::sched::request(crate::task::sched::work::SIGNAL);
            }
        }
    }
}
