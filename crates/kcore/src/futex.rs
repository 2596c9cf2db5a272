//! Wait queues keyed by address: futex(2).
