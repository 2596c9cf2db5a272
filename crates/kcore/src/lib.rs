//! The pure logic of Ramet's guest kernel: everything that needs neither a page table, nor a system
//! register, nor a hypercall, so that ordinary host tests reach all of it.
//!
//! The kernel runs on one vCPU and is never preempted while it is in kernel code, so that the types here use
//! `Rc`, `Cell` and `RefCell` (of [`cell`]; [`map`] and [`sort`] are for the kernel's size, too), and nothing is locked. A borrow must never be held across a call that can block;
//! nothing in this crate blocks: what cannot go on returns [`errno::Errno::EAGAIN`], and the caller waits on
//! [`file::File::wait_queue`].
//!
//! Errors are Linux's errno values; a function's documentation names the section 2 manual page that it follows.
#![cfg_attr(not(test), no_std)]
extern crate alloc;

pub mod cell;
pub mod clock;
pub mod errno;
pub mod exec;
pub mod family;
pub mod fields;
pub mod file;
pub mod fs;
pub mod futex;
pub mod ipc;
pub mod map;
pub mod mm;
pub mod proc;
pub mod random;
pub mod session;
pub mod signal;
pub mod sort;
pub mod stat;
pub mod timer;
pub mod user;
pub mod wait;
