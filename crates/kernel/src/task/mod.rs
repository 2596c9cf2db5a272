//! Threads, processes, the scheduler, timers, signals.
//!
//! One vCPU. Kernel code is never preempted: a thread leaves the vCPU in [`sched::sleep`] or [`sched::yield_now`], or on the
//! way out of the kernel when its time slice is over.
//!
//! ```text
//!             spawn                 schedule
//!   (new) ───────────▶ Runnable ───────────────▶ Running
//!                         ▲  ▲   slice over, yield  │  │
//!              wake, timer│  └──────────────────────┘  │ sleep
//!              or signal  │                            ▼
//!                         └───────────────────────── Blocked        Running ──exit──▶ Dead
//! ```

pub mod enter;
pub mod exec;
pub mod exit;
pub mod family;
pub mod fork;
pub mod futex;
pub mod headcount;
pub mod itimer;
pub mod makers;
pub mod process;
pub mod relatives;
pub mod sched;
pub mod session_futex;
pub mod signal;
pub mod spawn;
pub mod targets;
pub mod thread;
pub mod time;
pub mod timers;
