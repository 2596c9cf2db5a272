//! One vCPU: set-up in 64-bit mode at CPL 3, and the run call.

use crate::{Error, Exit, Host, Vm};
use kvm_bindings::{
    KVM_SYNC_X86_EVENTS, KVM_SYNC_X86_REGS, KVM_SYNC_X86_SREGS, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET,
    KVMIO, Msrs, kvm_device_attr, kvm_msr_entry, kvm_regs, kvm_segment, kvm_sregs, kvm_vcpu_events, kvm_xcrs,
};
use kvm_ioctls::{VcpuExit, VcpuFd};
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Model-specific registers (SDM vol. 4).
pub(crate) mod msr {
    pub const TSC: u32 = 0x10;
    pub const STAR: u32 = 0xc000_0081;
    pub const LSTAR: u32 = 0xc000_0082;
    pub const CSTAR: u32 = 0xc000_0083;
    pub const SFMASK: u32 = 0xc000_0084;
    pub const KERNEL_GS_BASE: u32 = 0xc000_0102;
}

/// What a new vCPU starts with besides its registers.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Value of STAR: the selectors that `syscall` loads.
    pub star: u64,
    /// Value of LSTAR: where `syscall` goes.
    pub lstar: u64,
    /// Value of SFMASK: flags that `syscall` clears.
    pub sfmask: u64,
}

/// A virtual CPU. Belongs to the thread that runs it.
#[derive(Debug)]
pub struct Vcpu {
    pub(crate) fd: VcpuFd,
    /// How often in a row the host had no means to run it.
    refused: u32,
}

/// KVM_RUN answers EAGAIN as long as the host has no process for the thread that KVM itself starts at the first run (Linux 6.13:
/// `kvm_mmu_start_lpage_recovery`). So often it is tried again, [`REFUSED_PAUSE`] apart.
const REFUSED_MOST: u32 = 200;
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// `struct kvm_signal_mask` with room for the kernel's 64-bit set.
#[repr(C)]
struct SignalMask {
    length: u32,
    set: [u8; 8],
}

/// `_IOW(KVMIO, 0x8b, struct kvm_signal_mask)`; the structure's own size is that of `length` alone.
const KVM_SET_SIGNAL_MASK: libc::c_ulong = 1 << 30 | 4 << 16 | (KVMIO as libc::c_ulong) << 8 | 0x8b;

/// `_IOW(KVMIO, 0xe1, struct kvm_device_attr)`.
const KVM_SET_DEVICE_ATTR: libc::c_ulong = 1 << 30 | 24 << 16 | (KVMIO as libc::c_ulong) << 8 | 0xe1;

/// `_IOW(KVMIO, 0xe2, struct kvm_device_attr)`.
const KVM_GET_DEVICE_ATTR: libc::c_ulong = 1 << 30 | 24 << 16 | (KVMIO as libc::c_ulong) << 8 | 0xe2;

impl Vcpu {
    /// Makes the VM's only vCPU. `open_signals` are those that interrupt [`Vcpu::run`]: the calling thread keeps
    /// them blocked, so that one that arrives between two runs stays pending and ends the next run at once.
    pub fn new(host: &Host, vm: &Vm, open_signals: &[i32]) -> Result<Self, Error> {
        let mut fd = vm.fd.create_vcpu(0).map_err(Error::of("KVM_CREATE_VCPU"))?;
        let length = vm.fd.run_size();
        let run = std::ptr::from_mut(fd.get_kvm_run()).cast::<libc::c_void>();
        // SAFETY: `run` is the start of the mapping that kvm-ioctls made, of `run_size` bytes. Not inheriting it
        // only concerns children: there the mapping would keep this process's vCPU alive.
        if unsafe { libc::madvise(run, length, libc::MADV_DONTFORK) } != 0 {
            return Err(Error::last("madvise of kvm_run"));
        }
        fd.get_kvm_run().kvm_valid_regs =
            u64::from(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS | KVM_SYNC_X86_EVENTS);
        fd.set_cpuid2(&host.cpuid).map_err(Error::of("KVM_SET_CPUID2"))?;
        let mut mask = !0u64;
        for signal in open_signals {
            mask &= !(1 << (signal - 1));
        }
        let mask = SignalMask { length: 8, set: mask.to_le_bytes() };
        // SAFETY: `mask` has the layout of struct kvm_signal_mask followed by `length` bytes.
        if unsafe { libc::ioctl(fd.as_raw_fd(), KVM_SET_SIGNAL_MASK, &mask) } != 0 {
            return Err(Error::last("KVM_SET_SIGNAL_MASK"));
        }
        let vcpu = Self { fd, refused: 0 };
        vcpu.set_tsc_offset_zero(host);
        Ok(vcpu)
    }

    /// Sets registers for the first entry of a VM that starts at an entry point of its kernel.
    pub fn boot(
        &mut self,
        host: &Host,
        setup: &Setup,
        regs: &kvm_regs,
        sregs: &kvm_sregs,
    ) -> Result<(), Error> {
        let entry = |index, data| kvm_msr_entry { index, data, ..Default::default() };
        self.set_msrs(&[
            entry(msr::STAR, setup.star),
            entry(msr::LSTAR, setup.lstar),
            entry(msr::CSTAR, setup.lstar),
            entry(msr::SFMASK, setup.sfmask),
        ])?;
        if host.xcr0 != 0 {
            let mut xcrs = kvm_xcrs { nr_xcrs: 1, ..Default::default() };
            xcrs.xcrs[0].value = host.xcr0;
            self.fd.set_xcrs(&xcrs).map_err(Error::of("KVM_SET_XCRS"))?;
        }
        // The first run loads them: an ioctl of its own for each would cost as much as all of this together.
        let sync = self.fd.sync_regs_mut();
        (sync.regs, sync.sregs) = (*regs, *sregs);
        self.fd.get_kvm_run().kvm_dirty_regs = u64::from(KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS);
        Ok(())
    }

    /// Registers as the host's KVM resets them: what [`Vcpu::boot`]'s argument starts from.
    pub fn reset_state(&self) -> Result<kvm_sregs, Error> {
        self.fd.get_sregs().map_err(Error::of("KVM_GET_SREGS"))
    }

    pub(crate) fn set_msrs(&self, entries: &[kvm_msr_entry]) -> Result<(), Error> {
        let invalid =
            |_| Error { operation: "KVM_SET_MSRS", source: std::io::Error::from_raw_os_error(libc::E2BIG) };
        let msrs = Msrs::from_entries(entries).map_err(invalid)?;
        let done = self.fd.set_msrs(&msrs).map_err(Error::of("KVM_SET_MSRS"))?;
        if done != entries.len() {
            return Err(Error {
                operation: "KVM_SET_MSRS",
                source: std::io::Error::other(format!("register {:#x} was refused", entries[done].index)),
            });
        }
        Ok(())
    }

    /// Makes the guest's TSC the host's. Best effort: [`Vcpu::tsc`] tells whether it is. Where a new vCPU has the host's
    /// by itself, later ones are spared the call.
    fn set_tsc_offset_zero(&self, host: &Host) {
        if host.tsc_is_host.load(Ordering::Relaxed) {
            return;
        }
        let mut offset = u64::MAX;
        let mut attribute = kvm_device_attr {
            group: KVM_VCPU_TSC_CTRL,
            attr: u64::from(KVM_VCPU_TSC_OFFSET),
            addr: std::ptr::from_mut(&mut offset) as u64,
            flags: 0,
        };
        // SAFETY: `attribute` is a struct kvm_device_attr whose address is that of eight writable bytes.
        let known = unsafe { libc::ioctl(self.fd.as_raw_fd(), KVM_GET_DEVICE_ATTR, &attribute) };
        if known == 0 && offset == 0 {
            host.tsc_is_host.store(true, Ordering::Relaxed);
            return;
        }
        let zero = 0u64;
        attribute.addr = std::ptr::from_ref(&zero) as u64;
        // SAFETY: as above; the bytes are only read. A refusal (an old kernel) shows in the check of the TSC.
        unsafe { libc::ioctl(self.fd.as_raw_fd(), KVM_SET_DEVICE_ATTR, &attribute) };
    }

    /// The guest's time stamp counter, now.
    pub fn tsc(&self) -> Result<u64, Error> {
        let invalid =
            |_| Error { operation: "KVM_GET_MSRS", source: std::io::Error::from_raw_os_error(libc::E2BIG) };
        let mut msrs = Msrs::from_entries(&[kvm_msr_entry { index: msr::TSC, ..Default::default() }])
            .map_err(invalid)?;
        self.fd.get_msrs(&mut msrs).map_err(Error::of("KVM_GET_MSRS"))?;
        Ok(msrs.as_slice()[0].data)
    }

    /// Ticks of the guest's time stamp counter per second, as KVM knows it: a multiple of 1000.
    pub fn tsc_hz(&self) -> Result<u64, Error> {
        let khz = self.fd.get_tsc_khz().map_err(Error::of("KVM_GET_TSC_KHZ"))?;
        Ok(u64::from(khz) * 1000)
    }

    /// Runs the guest until something concerns the VMM. Afterwards [`Vcpu::registers`] and
    /// [`Vcpu::system_registers`] are the guest's; what was changed through their `_mut` twins is loaded first.
    pub fn run(&mut self) -> Result<Exit, Error> {
        let exit = match self.fd.run() {
            Ok(VcpuExit::IoOut(port, _)) => Exit::Out { port },
            Ok(VcpuExit::IoIn(port, data)) => {
                data.fill(0xff);
                Exit::In { port }
            }
            Ok(VcpuExit::MmioRead(address, data)) => {
                data.fill(0xff);
                Exit::Mmio { address, write: false }
            }
            Ok(VcpuExit::MmioWrite(address, _)) => Exit::Mmio { address, write: true },
            Ok(VcpuExit::MemoryFault { gpa, .. }) => Exit::MemoryFault { address: Some(gpa) },
            Ok(VcpuExit::Hlt) => Exit::Halt,
            Ok(VcpuExit::Shutdown) => Exit::Shutdown,
            Ok(VcpuExit::Intr) => Exit::Interrupted,
            Ok(VcpuExit::FailEntry(reason, _)) => Exit::FailEntry { reason },
            Ok(VcpuExit::InternalError) => {
                // SAFETY: the exit reason says that this member of the union is the one that KVM wrote.
                let suberror = unsafe { self.fd.get_kvm_run().__bindgen_anon_1.internal.suberror };
                Exit::InternalError { suberror }
            }
            Ok(_) => Exit::Unexpected { reason: self.fd.get_kvm_run().exit_reason },
            Err(e) => match e.errno() {
                libc::EINTR => Exit::Interrupted,
                libc::EAGAIN if self.refused < REFUSED_MOST => {
                    self.refused += 1;
                    std::thread::sleep(REFUSED_PAUSE);
                    return Ok(Exit::Interrupted);
                }
                libc::EFAULT | libc::EHWPOISON => Exit::MemoryFault { address: None },
                _ => return Err(Error::of("KVM_RUN")(e)),
            },
        };
        self.refused = 0;
        Ok(exit)
    }

    /// Completes the instruction of the last exit without running the guest further: state read afterwards is
    /// that between two instructions.
    pub fn complete_exit(&mut self) -> Result<(), Error> {
        self.fd.set_kvm_immediate_exit(1);
        let result = self.run();
        self.fd.set_kvm_immediate_exit(0);
        match result? {
            Exit::Interrupted => Ok(()),
            exit => Err(Error {
                operation: "KVM_RUN with an immediate exit",
                source: std::io::Error::other(format!("{exit:?}")),
            }),
        }
    }

    /// General registers after the last exit.
    pub fn registers(&self) -> kvm_regs {
        self.fd.sync_regs().regs
    }

    /// General registers, to be loaded by the next run.
    pub fn registers_mut(&mut self) -> &mut kvm_regs {
        self.fd.get_kvm_run().kvm_dirty_regs |= u64::from(KVM_SYNC_X86_REGS);
        &mut self.fd.sync_regs_mut().regs
    }

    /// Segment and control registers after the last exit.
    pub fn system_registers(&self) -> kvm_sregs {
        self.fd.sync_regs().sregs
    }

    /// Segment and control registers, to be loaded by the next run.
    pub fn system_registers_mut(&mut self) -> &mut kvm_sregs {
        self.fd.get_kvm_run().kvm_dirty_regs |= u64::from(KVM_SYNC_X86_SREGS);
        &mut self.fd.sync_regs_mut().sregs
    }

    /// Whether KVM is about to deliver an exception: then the instruction pointer is not where the guest goes on.
    pub fn exception_pending(&self) -> bool {
        let events: kvm_vcpu_events = self.fd.sync_regs().events;
        events.exception.injected != 0 || events.exception.pending != 0 || events.interrupt.injected != 0
    }
}

/// A flat 64-bit segment for [`kvm_sregs`].
pub(crate) const fn segment(selector: u16, type_: u8, dpl: u8, long: bool) -> kvm_segment {
    kvm_segment {
        base: 0,
        limit: 0xffff_ffff,
        selector,
        type_,
        present: 1,
        dpl,
        db: !long as u8,
        s: 1,
        l: long as u8,
        g: 1,
        avl: 0,
        unusable: 0,
        padding: 0,
    }
}

impl Vcpu {
    /// 64-bit code segment.
    pub const fn code_segment(selector: u16, dpl: u8) -> kvm_segment {
        segment(selector, 11, dpl, true)
    }

    /// Read-write data segment.
    pub const fn data_segment(selector: u16, dpl: u8) -> kvm_segment {
        segment(selector, 3, dpl, false)
    }

    /// A null data segment: usable in 64-bit mode only.
    pub const fn null_segment() -> kvm_segment {
        let mut null = segment(0, 0, 0, false);
        (null.present, null.unusable, null.limit, null.s, null.db, null.g) = (0, 1, 0, 0, 0, 0);
        null
    }

    /// A busy 64-bit task state segment.
    pub const fn task_segment(selector: u16, base: u64, limit: u32) -> kvm_segment {
        let mut task = segment(selector, 11, 0, false);
        (task.base, task.limit, task.s, task.db, task.g) = (base, limit, 0, 0, 0);
        task
    }
}
