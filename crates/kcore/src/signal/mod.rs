//! Signals: sets, dispositions, queues, frames.
