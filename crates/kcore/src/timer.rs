//! Timers ordered by deadline.
