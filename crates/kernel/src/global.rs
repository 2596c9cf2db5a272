//! Globals of a kernel that runs on one vCPU and is never preempted in its own code.

/// A value that all kernel code may reach. Interior mutability is the value's own business (`Cell`, `RefCell`).
pub struct Global<T>(T);

// SAFETY: there is one vCPU, kicks are not delivered inside the kernel, and an exception inside the kernel (a user copy that
// faults) only runs while the copying code holds no borrow of anything that the fault handler uses.
unsafe impl<T> Sync for Global<T> {}

impl<T> Global<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Global(value)
    }
}

impl<T> core::ops::Deref for Global<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
