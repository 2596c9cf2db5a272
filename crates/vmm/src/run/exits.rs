//! Traps, interruptions and faults: how the guest goes on after an exit that is not a hypercall.

use crate::boot::GUEST_FLAGS;
use crate::vm::{GuestFault, Machine, TIMER, take_pending};
use ramet_abi::layout::*;
use ramet_abi::mailbox::{VECTOR_HOST_FAULT, VECTOR_KICK, event};
use ramet_kvm::Vcpu;
use std::sync::atomic::Ordering::{Relaxed, Release};

/// General protection fault (SDM vol. 3, 6.15).
const GENERAL_PROTECTION: u64 = 13;
const PAGE_FAULT: u64 = 14;

/// What interrupted the guest, for its kernel to read.
struct Upcall {
    vector: u64,
    error: u64,
    rip: u64,
    rflags: u64,
    address: u64,
}

/// Whether the vCPU is in a ring 0 stub.
pub fn in_ring0(machine: &Machine) -> bool {
    machine.vcpu.system_registers().cs.selector & 3 != 3
}

/// Whether an address is program code, which an upcall may interrupt: everything below the kernel, and the
/// trampolines of patched sites, which the kernel can roll back.
fn is_program(rip: u64) -> bool {
    const TRAMPOLINES: u64 = KERNEL_WINDOW + SITE_TRAMPOLINES_GPA;
    rip < KERNEL_CODE_START || (TRAMPOLINES..TRAMPOLINES + SITES * SITE_TRAMPOLINE_SIZE).contains(&rip)
}

fn user_segments(machine: &mut Machine) {
    let sregs = machine.vcpu.system_registers_mut();
    sregs.cs = Vcpu::code_segment(selector::USER_CODE, 3);
    sregs.ss = Vcpu::data_segment(selector::USER_DATA, 3);
}

/// Enters the kernel for an upcall. Flags and RIP are set; RSP and segments are the caller's business.
fn deliver(machine: &mut Machine, upcall: &Upcall) {
    let page = &machine.body.shared.area.mailbox().upcall;
    page.vector.store(upcall.vector, Relaxed);
    page.error.store(upcall.error, Relaxed);
    page.rip.store(upcall.rip, Relaxed);
    page.rflags.store(upcall.rflags, Relaxed);
    page.address.store(upcall.address, Release);
    let header = &machine.body.header;
    let entry = if is_program(upcall.rip) { header.upcall_program } else { header.upcall_kernel };
    let regs = machine.vcpu.registers_mut();
    regs.rip = entry;
    regs.rflags = GUEST_FLAGS;
}

/// An exception went through its stub: hand it to the kernel at CPL 3.
pub fn trap(machine: &mut Machine, vector: u8) -> Result<(), GuestFault> {
    let fault = GuestFault::Ring0 { vector: vector.into() };
    let has_error = trap_frame::WITH_ERROR_CODE >> vector & 1 != 0;
    let bottom = if has_error { trap_frame::ERROR_GPA } else { trap_frame::RIP_GPA };
    // An exception that interrupted ring 0 itself pushed its frame elsewhere.
    if machine.vcpu.registers().rsp != KERNEL_WINDOW + bottom {
        return Err(fault);
    }
    let ram = &machine.body.ram;
    let word = |gpa| ram.read_u64(gpa).map_err(|_| fault.clone());
    let upcall = Upcall {
        vector: vector.into(),
        error: if has_error { word(trap_frame::ERROR_GPA)? } else { 0 },
        rip: word(trap_frame::RIP_GPA)?,
        rflags: word(trap_frame::RFLAGS_GPA)?,
        address: if u64::from(vector) == PAGE_FAULT { machine.vcpu.system_registers().cr2 } else { 0 },
    };
    let rsp = word(trap_frame::RSP_GPA)?;
    machine.vcpu.registers_mut().rsp = rsp;
    user_segments(machine);
    deliver(machine, &upcall);
    Ok(())
}

/// A `syscall` went through the stub at LSTAR: hand it to the kernel at CPL 3, with all registers as they are.
pub fn syscall(machine: &mut Machine) {
    let entry = machine.body.header.syscall_trap;
    let regs = machine.vcpu.registers_mut();
    regs.rip = entry;
    regs.rflags = GUEST_FLAGS;
    user_segments(machine);
}

/// The program used a port that it has no right to: #GP, as on Linux. RIP may be behind the instruction.
pub fn forbidden(machine: &mut Machine) {
    let regs = machine.vcpu.registers();
    deliver(
        machine,
        &Upcall { vector: GENERAL_PROTECTION, error: 0, rip: regs.rip, rflags: regs.rflags, address: 0 },
    );
}

/// The host could not provide memory that the guest touched.
pub fn host_fault(machine: &mut Machine, address: Option<u64>) {
    let regs = machine.vcpu.registers();
    // KVM may not say where. Only pages of mapped host files can be missing: look which.
    let address = address.or_else(|| machine.body.hostfs.missing_page()).unwrap_or(u64::MAX);
    deliver(
        machine,
        &Upcall { vector: VECTOR_HOST_FAULT, error: 0, rip: regs.rip, rflags: regs.rflags, address },
    );
}

/// Takes the signals that are pending for this thread; the timer's becomes an event, and a kick may be the session's keeper's.
pub fn take_signals(machine: &Machine) {
    while let Some(signal) = take_pending() {
        if signal == TIMER {
            machine.body.shared.area.raise(event::TIMER);
        }
    }
    machine.body.look_for_notices();
}

/// The run was interrupted: tell the kernel if there is an event and the program was running. Returns as
/// [`announce_events`].
pub fn interrupted(machine: &mut Machine) -> bool {
    take_signals(machine);
    announce_events(machine)
}

/// Makes a guest that is running its program notice its events. One inside its kernel looks by itself, unless it has
/// looked already and is about to leave. False: that may be so, look again soon.
pub fn announce_events(machine: &mut Machine) -> bool {
    if machine.body.shared.area.events() == 0 {
        return true;
    }
    if in_ring0(machine) || machine.vcpu.exception_pending() {
        return false;
    }
    let regs = machine.vcpu.registers();
    if is_program(regs.rip) {
        let upcall = Upcall { vector: VECTOR_KICK, error: 0, rip: regs.rip, rflags: regs.rflags, address: 0 };
        deliver(machine, &upcall);
        return true;
    }
    let restart = machine.body.header.restart.iter().find(|r| (r.start..r.end).contains(&regs.rip));
    let Some(start) = restart.map(|r| r.start) else { return false };
    machine.vcpu.registers_mut().rip = start;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trampolines_count_as_program_code() {
        assert!(is_program(0x40_0000));
        assert!(is_program(PROGRAM_END));
        assert!(!is_program(KERNEL_WINDOW + KERNEL_GPA));
        assert!(is_program(KERNEL_WINDOW + SITE_TRAMPOLINES_GPA));
        assert!(!is_program(KERNEL_WINDOW + SITE_TRAMPOLINES_GPA + SITES * SITE_TRAMPOLINE_SIZE));
    }
}
