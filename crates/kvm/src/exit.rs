//! Why a vCPU stopped.

/// Reason of a return from [`crate::Vcpu::run`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The guest wrote to a port. Whether RIP is at or behind the instruction depends on the kind of KVM.
    Out {
        /// The port.
        port: u16,
    },
    /// The guest read from a port.
    In {
        /// The port.
        port: u16,
    },
    /// A signal is pending for this thread, or an immediate exit was asked for.
    Interrupted,
    /// The guest touched a guest-physical address without a memory slot.
    Mmio {
        /// Guest-physical address.
        address: u64,
        /// It was a write.
        write: bool,
    },
    /// The host could not provide a page of a memory slot.
    MemoryFault {
        /// Guest-physical address, when KVM says it (`KVM_CAP_MEMORY_FAULT_INFO`).
        address: Option<u64>,
    },
    /// `hlt` at CPL 0.
    Halt,
    /// Triple fault.
    Shutdown,
    /// KVM could not go on, most often: an instruction it cannot emulate.
    InternalError {
        /// `KVM_INTERNAL_ERROR_*`.
        suberror: u32,
    },
    /// The processor refused the vCPU's state.
    FailEntry {
        /// The hardware's reason.
        reason: u64,
    },
    /// An exit that was never asked for.
    Unexpected {
        /// `KVM_EXIT_*`.
        reason: u32,
    },
}
