//! Clock arithmetic: time page to nanoseconds, timespec and timeval.
