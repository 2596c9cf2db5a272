//! Signals (signal(7)): sets, information, dispositions, queues, alternate stacks, frames, restarts, timers that signal.
//!
//! The kernel keeps, per process, [`action::Dispositions`], a [`pending::Queue`] and a [`pending::Limit`]; per thread a mask, a
//! [`pending::Queue`] and an [`altstack::AltStack`]. On the way back to the program it asks [`pending::next`] for a signal,
//! [`action::Dispositions::outcome`] what to do with it, and for a handler [`frame::build`] for the frame to write;
//! [`restart::before_handler`] comes before that, [`restart::without_handler`] when no handler ran.

pub mod action;
pub mod altstack;
pub mod frame;
pub mod info;
pub mod itimer;
pub mod pending;
pub mod posix_timer;
pub mod registers;
pub mod restart;
pub mod restore;
pub mod set;
pub mod xstate;

pub use info::SigInfo;
pub use registers::Registers;
pub use set::{SigSet, Signal};
