//! What the guest's `cpuid` says: what KVM supports, less what this VM cannot use.

use kvm_bindings::{CpuId, kvm_cpuid_entry2};

/// Vector state that Ramet's guests may use: x87, SSE, AVX and AVX-512 (SDM vol. 1, 13.1). Not MPX (gone from
/// hardware), protection keys (the guest's tables do not use them) or AMX (its state is 8 KiB per thread).
const XCR0_WANTED: u64 = 0x07 | XCR0_AVX512;
const XCR0_AVX512: u64 = 0xe0;

/// Control bits that follow from CPUID.
pub(crate) struct Features {
    pub xcr0: u64,
    pub fsgsbase: bool,
}

/// Hides what the guest cannot use, and reports what decides the vCPU's control registers.
pub(crate) fn restrict(cpuid: &mut CpuId) -> Features {
    let mut supported = 0;
    let mut xsave = false;
    let mut fsgsbase = false;
    for entry in cpuid.as_slice() {
        match (entry.function, entry.index) {
            (1, _) => xsave = entry.ecx & 1 << 26 != 0,
            (7, 0) => fsgsbase = entry.ebx & 1 != 0,
            (0xd, 0) => supported = u64::from(entry.eax) | u64::from(entry.edx) << 32,
            _ => {}
        }
    }
    let mut xcr0 = supported & XCR0_WANTED;
    if xcr0 & XCR0_AVX512 != XCR0_AVX512 {
        xcr0 &= !XCR0_AVX512;
    }
    if !xsave || xcr0 & 3 != 3 {
        xcr0 = 0;
    }
    for entry in cpuid.as_mut_slice() {
        restrict_entry(entry, xcr0);
    }
    Features { xcr0, fsgsbase }
}

fn restrict_entry(entry: &mut kvm_cpuid_entry2, xcr0: u64) {
    match (entry.function, entry.index) {
        (1, _) => {
            // One vCPU, APIC id 0, no hyper-threading (bits 23-16 of EBX count logical processors).
            entry.ebx = entry.ebx & 0x0000_ffff | 1 << 16;
            entry.edx &= !(1 << 28);
            // MONITOR (3), x2APIC (21) and the TSC deadline timer (24) need an interrupt controller or CPL 0.
            entry.ecx &= !(1 << 3 | 1 << 21 | 1 << 24);
            if xcr0 == 0 {
                entry.ecx &= !(1 << 26 | 1 << 27 | 1 << 28 | 1 << 29 | 1 << 12);
            }
        }
        // Deterministic cache parameters: one core shares each cache.
        (4, _) => entry.eax &= !0xffff_c000,
        (7, 0) => {
            // SMEP (7), MPX (14), SMAP (20), Processor Trace (25).
            entry.ebx &= !(1 << 7 | 1 << 14 | 1 << 20 | 1 << 25);
            // UMIP (2), PKU (3), OSPKE (4), WAITPKG (5), shadow stacks (7), LA57 (16), PKS (31).
            entry.ecx &= !(1 << 2 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 16 | 1 << 31);
            // User interrupts (5), IBT (20), AMX-BF16 (22), AMX-TILE (24), AMX-INT8 (25).
            entry.edx &= !(1 << 5 | 1 << 20 | 1 << 22 | 1 << 24 | 1 << 25);
            if xcr0 & 4 == 0 {
                entry.ebx &= !(1 << 5);
            }
            if xcr0 & XCR0_AVX512 != XCR0_AVX512 {
                entry.ebx &= !(1 << 16 | 1 << 17 | 1 << 21 | 1 << 28 | 1 << 30 | 1 << 31);
            }
        }
        // AMX-FP16 and its like.
        (7, 1) => entry.eax &= !(1 << 21 | 1 << 26),
        // Extended topology: one thread, one core.
        (0xb | 0x1f, index) => {
            entry.eax = 0;
            entry.ebx = u32::from(index < 2);
            entry.ecx = index | if index < 2 { (index + 1) << 8 } else { 0 };
            entry.edx = 0;
        }
        (0xd, 0) => {
            entry.eax = xcr0 as u32;
            entry.edx = (xcr0 >> 32) as u32;
        }
        // Supervisor state (XSAVES, IA32_XSS) is of no use at CPL 3.
        (0xd, 1) => {
            entry.eax &= !(1 << 3 | 1 << 4);
            entry.ecx = 0;
            entry.edx = 0;
        }
        (0xd, n) if n < 64 && xcr0 & 1 << n == 0 => clear(entry),
        // Tile information.
        (0x1d | 0x1e, _) => clear(entry),
        // Paravirtual features of KVM need CPL 0 and an interrupt controller; the signature stays.
        (0x4000_0001, _) => clear(entry),
        _ => {}
    }
}

fn clear(entry: &mut kvm_cpuid_entry2) {
    (entry.eax, entry.ebx, entry.ecx, entry.edx) = (0, 0, 0, 0);
}
