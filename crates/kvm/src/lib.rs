//! Typed access to `/dev/kvm`: the only crate that issues KVM ioctls.
//!
//! [`Host`] is the open device and what this host's KVM offers; [`Vm`] owns memory slots; [`Vcpu`] runs the guest
//! and reports why it stopped as an [`Exit`]. KVM objects belong to the address space that made them: after
//! `fork(2)` a child drops the inherited [`Vcpu`] and [`Vm`] and makes its own from the same [`Host`].

mod cpuid;
mod exit;
mod host;
mod log;
mod state;
mod vcpu;
mod vm;

pub use exit::Exit;
pub use host::{Host, OpenError};
pub use kvm_bindings::{kvm_regs as Registers, kvm_segment as Segment, kvm_sregs as SystemRegisters};
pub use state::CpuState;
pub use vcpu::{Setup, Vcpu};
pub use vm::{Slot, Vm};
pub use vmm_sys_util::eventfd::EventFd;

/// A KVM ioctl that failed.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {source}")]
pub struct Error {
    /// Name of the ioctl.
    pub operation: &'static str,
    /// What the host's kernel answered.
    pub source: std::io::Error,
}

impl Error {
    fn last(operation: &'static str) -> Self {
        Self { operation, source: std::io::Error::last_os_error() }
    }

    /// `map_err` adapter for kvm-ioctls' results.
    fn of(operation: &'static str) -> impl Fn(kvm_ioctls::Error) -> Self {
        move |e| Self { operation, source: std::io::Error::from_raw_os_error(e.errno()) }
    }
}
