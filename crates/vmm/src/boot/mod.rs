//! From a configuration to a VM that is about to execute its kernel's first instruction.

mod config;
mod elf;
mod image;
mod probe;
mod records;
mod slots;
mod tables;
mod text;

pub use config::{Config, ConfigError, Volume, check_id, check_timeout};
pub use probe::{Measured, measure};
pub use records::replace as replace_records;
pub use slots::{add as add_slots, add_channel, add_ram};
pub use tables::in_syscall_stub;
pub use text::Text;

use crate::hostfs::HostFs;
use crate::vm::{Body, Clock, Error, Identity, KICK, Machine, Shared, TIMER, write_identity};
use ramet_abi::ABI_VERSION;
use ramet_abi::boot::BootInfo;
use ramet_abi::layout::{ROOT_TABLE_GPA, selector};
use ramet_kvm::{Host, Registers, Setup, SystemRegisters, Vcpu, Vm};
use ramet_memory::{Ram, SharedArea};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Flags with which guest code is entered: IOPL 3, interrupts on, the reserved bit. IOPL 3 lets code at CPL 3 use ports on
/// hardware; software KVM loses it, and goes by the task state segment's bitmap.
pub const GUEST_FLAGS: u64 = 0x3202;

/// Control register bits (SDM vol. 3, 2.5).
mod control {
    /// PE, MP, ET, NE, WP, AM, PG.
    pub const CR0: u64 = 1 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 16 | 1 << 18 | 1 << 31;
    /// PAE, OSFXSR, OSXMMEXCPT.
    pub const CR4: u64 = 1 << 5 | 1 << 9 | 1 << 10;
    pub const CR4_FSGSBASE: u64 = 1 << 16;
    pub const CR4_OSXSAVE: u64 = 1 << 18;
    /// SCE, LME, LMA, NXE.
    pub const EFER: u64 = 1 | 1 << 8 | 1 << 10 | 1 << 11;
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Input(error.to_string())
    }
}

/// Boots a VM: everything but its first entry.
pub fn boot(config: &Config) -> Result<Machine, Error> {
    let host = Arc::new(Host::open()?);
    let image = config.image.as_deref().map(image::map).transpose()?;
    let mut hostfs = HostFs::default();
    for volume in &config.volumes {
        hostfs
            .add_volume(&volume.host, volume.read_only)
            .map_err(Error::host(format!("volume {}", volume.host.display())))?;
    }
    let kernel_path = config.kernel.display().to_string();
    let kernel = std::fs::read(&config.kernel).map_err(Error::host(format!("kernel {kernel_path}")))?;
    let ram =
        Ram::new(config.memory).map_err(Error::host(format!("{} bytes of guest memory", config.memory)))?;
    let header = elf::load(&kernel, &ram)
        .map_err(|e| Error::Kernel { path: kernel_path.clone(), reason: e.to_string() })?;
    drop(kernel);
    tables::page_tables(&ram)?;
    tables::descriptors(&ram)?;
    let area = SharedArea::new().map_err(Error::host("shared memory"))?;

    let mut vm = Vm::new(&host)?;
    let mut ram_slots = Vec::with_capacity(4);
    ram_slots.push(0..ram.present());
    add_slots(&mut vm, &ram, &ram_slots, &area, image.as_ref())?;
    let mut vcpu = Vcpu::new(&host, &vm, &[KICK, TIMER])?;
    let clock = Clock::new(vcpu.tsc_hz()?, || vcpu.tsc())?;
    clock.publish(area.time());
    let info = BootInfo {
        abi_version: ABI_VERSION,
        flags: records::flags(config, host.fsgsbase()),
        ram_size: ram.present(),
        ram_limit: ram.limit(),
        image_size: image.as_ref().map_or(0, |i| i.mapping.length()),
        xcr0: host.xcr0(),
        records_length: 0,
        tsc_hz: clock.tsc_hz(),
        host_cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
    };
    records::write(&area, config, info).map_err(|e| Error::Input(e.to_string()))?;
    write_identity(
        &area,
        std::process::id(),
        &Identity {
            id: config.id.clone(),
            generation: 0,
            name: config.name.clone(),
            args: Vec::new(),
            env: BTreeMap::new(),
            input: None,
        },
    )?;
    let sregs = system_registers(vcpu.reset_state()?, &host);
    start_vcpu(&mut vcpu, &host, &sregs, header.boot)?;
    let shared = Arc::new(Shared::new(area));
    shared.note_ram(ram.present(), ram.limit());
    let body = Body {
        host,
        ram,
        ram_slots,
        image,
        hostfs,
        header,
        sregs,
        session: None,
        shared,
        clock,
        learning: None,
        still: None,
        origin: None,
        own_image: BTreeMap::new(),
    };
    Ok(Machine { vcpu, vm, body })
}

/// Lets a new vCPU start at `entry` with every general register zero.
pub fn start_vcpu(vcpu: &mut Vcpu, host: &Host, sregs: &SystemRegisters, entry: u64) -> Result<(), Error> {
    let regs = Registers { rip: entry, rflags: GUEST_FLAGS, ..Default::default() };
    Ok(vcpu.boot(host, &SETUP, &regs, sregs)?)
}

/// `syscall` loads CS and SS from bits 47-32; `sysret` would from bits 63-48 (SDM vol. 3, 5.8.8). It clears TF, IF, DF,
/// IOPL, NT and AC, like Linux.
const SETUP: Setup = Setup {
    star: (0x23 << 48) | (selector::KERNEL_CODE as u64) << 32,
    lstar: tables::SYSCALL_STUB,
    sfmask: 0x4_7700,
};

fn system_registers(reset: SystemRegisters, host: &Host) -> SystemRegisters {
    let mut sregs = reset;
    sregs.cs = Vcpu::code_segment(selector::USER_CODE, 3);
    sregs.ss = Vcpu::data_segment(selector::USER_DATA, 3);
    let null = Vcpu::null_segment();
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ldt) = (null, null, null, null, null);
    sregs.tr = Vcpu::task_segment(selector::TASK_STATE, tables::TSS, tables::TSS_LIMIT);
    (sregs.gdt.base, sregs.gdt.limit) = (tables::GDT, tables::GDT_LIMIT);
    (sregs.idt.base, sregs.idt.limit) = (tables::IDT, tables::IDT_LIMIT);
    sregs.cr0 = control::CR0;
    sregs.cr3 = ROOT_TABLE_GPA;
    sregs.cr4 = control::CR4;
    if host.fsgsbase() {
        sregs.cr4 |= control::CR4_FSGSBASE;
    }
    if host.xcr0() != 0 {
        sregs.cr4 |= control::CR4_OSXSAVE;
    }
    sregs.efer = control::EFER;
    sregs
}
