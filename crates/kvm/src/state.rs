//! The whole state of a vCPU, for a clone to start from.

use crate::vcpu::msr;
use crate::{Error, Host, Vcpu};
use kvm_bindings::{
    KVM_SYNC_X86_EVENTS, KVM_SYNC_X86_REGS, KVM_SYNC_X86_SREGS, Msrs, Xsave, kvm_debugregs, kvm_msr_entry,
    kvm_regs, kvm_sregs, kvm_vcpu_events, kvm_xcrs, kvm_xsave,
};

/// Registers that a clone needs beside the general and system ones. The TSC is not among them: every vCPU shows
/// the host's.
const SAVED_MSRS: [u32; 5] = [msr::STAR, msr::LSTAR, msr::CSTAR, msr::SFMASK, msr::KERNEL_GS_BASE];

enum VectorState {
    /// `KVM_GET_XSAVE`: 4 KiB.
    Fixed(Box<kvm_xsave>),
    /// `KVM_GET_XSAVE2`: as large as this host's KVM says.
    Sized(Xsave),
}

/// State of a vCPU between two instructions.
pub struct CpuState {
    regs: kvm_regs,
    sregs: kvm_sregs,
    vector: VectorState,
    xcrs: kvm_xcrs,
    debug: kvm_debugregs,
    events: kvm_vcpu_events,
    msrs: Vec<kvm_msr_entry>,
}

impl CpuState {
    /// General registers.
    pub fn registers(&self) -> &kvm_regs {
        &self.regs
    }

    /// Whether it stands at CPL 3.
    pub fn is_at_cpl3(&self) -> bool {
        self.sregs.cs.selector & 3 == 3
    }
}

/// Whether the debug registers are in use: a new vCPU has none.
fn has_breakpoints(debug: &kvm_debugregs) -> bool {
    debug.db != [0; 4] || debug.dr7 & 0xff != 0
}

impl Vcpu {
    /// Reads the whole state. The last exit must have been completed ([`Vcpu::complete_exit`]).
    pub fn save(&self, host: &Host) -> Result<CpuState, Error> {
        let vector = if host.xsave_size > size_of::<kvm_xsave>() {
            let extra = (host.xsave_size - size_of::<kvm_xsave>()).div_ceil(size_of::<u32>());
            let too_large = |_| Error {
                operation: "KVM_GET_XSAVE2",
                source: std::io::Error::from_raw_os_error(libc::E2BIG),
            };
            let mut xsave = Xsave::new(extra).map_err(too_large)?;
            // SAFETY: the buffer has at least the size that KVM_CAP_XSAVE2 reported for this host.
            unsafe { self.fd.get_xsave2(&mut xsave) }.map_err(Error::of("KVM_GET_XSAVE2"))?;
            VectorState::Sized(xsave)
        } else {
            VectorState::Fixed(Box::new(self.fd.get_xsave().map_err(Error::of("KVM_GET_XSAVE"))?))
        };
        let entries = SAVED_MSRS.map(|index| kvm_msr_entry { index, ..Default::default() });
        let too_many =
            |_| Error { operation: "KVM_GET_MSRS", source: std::io::Error::from_raw_os_error(libc::E2BIG) };
        let mut msrs = Msrs::from_entries(&entries).map_err(too_many)?;
        let read = self.fd.get_msrs(&mut msrs).map_err(Error::of("KVM_GET_MSRS"))?;
        if read != SAVED_MSRS.len() {
            return Err(Error {
                operation: "KVM_GET_MSRS",
                source: std::io::Error::other(format!("register {:#x} was refused", SAVED_MSRS[read])),
            });
        }
        Ok(CpuState {
            regs: self.fd.get_regs().map_err(Error::of("KVM_GET_REGS"))?,
            sregs: self.fd.get_sregs().map_err(Error::of("KVM_GET_SREGS"))?,
            vector,
            xcrs: self.fd.get_xcrs().map_err(Error::of("KVM_GET_XCRS"))?,
            debug: self.fd.get_debug_regs().map_err(Error::of("KVM_GET_DEBUGREGS"))?,
            events: self.fd.get_vcpu_events().map_err(Error::of("KVM_GET_VCPU_EVENTS"))?,
            msrs: msrs.as_slice().to_vec(),
        })
    }

    /// Loads the whole state into a new vCPU of the same host.
    pub fn restore(&mut self, host: &Host, state: &CpuState) -> Result<(), Error> {
        if host.xcr0 != 0 {
            self.fd.set_xcrs(&state.xcrs).map_err(Error::of("KVM_SET_XCRS"))?;
        }
        self.load_vector_state(state)?;
        self.set_msrs(&state.msrs)?;
        if has_breakpoints(&state.debug) {
            self.fd.set_debug_regs(&state.debug).map_err(Error::of("KVM_SET_DEBUGREGS"))?;
        }
        // The first run loads the rest: an ioctl of its own for each would cost as much as all of this together.
        let sync = self.fd.sync_regs_mut();
        (sync.regs, sync.sregs, sync.events) = (state.regs, state.sregs, state.events);
        self.fd.get_kvm_run().kvm_dirty_regs =
            u64::from(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS);
        Ok(())
    }

    /// After [`Vcpu::restore`]: has the next run begin elsewhere, with nothing about to be delivered.
    pub fn detour(&mut self, regs: &kvm_regs) {
        self.fd.sync_regs_mut().regs = *regs;
        self.fd.get_kvm_run().kvm_dirty_regs = u64::from(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS);
    }

    /// After a [`Vcpu::detour`] that changed no system register: the next run goes on from the saved state. What need not be loaded is not,
    /// so that what KVM has built for this vCPU stays.
    pub fn go_on(&mut self, state: &CpuState) {
        let sync = self.fd.sync_regs_mut();
        (sync.regs, sync.events) = (state.regs, state.events);
        self.fd.get_kvm_run().kvm_dirty_regs |= u64::from(KVM_SYNC_X86_REGS | KVM_SYNC_X86_EVENTS);
    }

    /// The vCPU that was started with this state has only run code at CPL 3, and the stubs, since: it goes on from there once more. What such
    /// code cannot change is not loaded. `cr3`: the top-level table; another one than now makes it forget what it knows of the tables.
    pub fn rewind(&mut self, state: &CpuState, cr3: u64) -> Result<(), Error> {
        self.load_vector_state(state)?;
        if has_breakpoints(&state.debug) {
            self.fd.set_debug_regs(&state.debug).map_err(Error::of("KVM_SET_DEBUGREGS"))?;
        }
        let wanted = kvm_sregs { cr3, ..state.sregs };
        if self.system_registers() != wanted {
            *self.system_registers_mut() = wanted;
        }
        self.go_on(state);
        Ok(())
    }

    fn load_vector_state(&mut self, state: &CpuState) -> Result<(), Error> {
        let loaded = match &state.vector {
            VectorState::Fixed(xsave) => {
                // SAFETY: KVM_SET_XSAVE reads 4 KiB, the size of the structure that KVM_GET_XSAVE filled; dynamic
                // features (AMX), which would need more, are not enabled in these vCPUs.
                unsafe { self.fd.set_xsave(xsave) }
            }
            VectorState::Sized(xsave) => {
                // SAFETY: the buffer has the size that KVM_CAP_XSAVE2 reported for this host.
                unsafe { self.fd.set_xsave2(xsave) }
            }
        };
        loaded.map_err(Error::of("KVM_SET_XSAVE"))
    }
}
