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

/// User-mode instructions, by CPUID leaf: (leaf, subleaf, EAX, EBX, ECX, EDX). They need nothing of an operating system but
/// XCR0 and CR4.FSGSBASE (SDM vol. 2, CPUID).
const USER_MODE: [(u32, u32, [u32; 4]); 5] = [
    // SSE3, PCLMULQDQ, SSSE3, FMA, CMPXCHG16B, SSE4.1, SSE4.2, MOVBE, POPCNT, AES, XSAVE, AVX, F16C, RDRAND
    (1, 0, [0, 0, 0x76d8_3203, 0]),
    // FSGSBASE, BMI1, AVX2, BMI2, ERMS, AVX-512, RDSEED, ADX, CLFLUSHOPT, CLWB, SHA; VBMI, GFNI, VAES ...; FSRM, FP16 ...
    (7, 0, [0, 0xfdaf_0329, 0x1a00_5f42, 0x0080_411c]),
    // AVX-VNNI, AVX-512-BF16, fast short string operations
    (7, 1, [0x1c30, 0, 0, 0]),
    // XSAVEOPT, XSAVEC, XGETBV with ECX = 1
    (0xd, 1, [7, 0, 0, 0]),
    // LAHF, LZCNT, PREFETCHW
    (0x8000_0001, 0, [0, 0, 0x121, 0]),
];

/// A KVM without hardware virtualization runs CPL 3 code on the CPU itself and reports only what its emulator of CPL 0 code knows:
/// no XSAVE in leaf 1, although leaf 13 has its components. There the CPU's own user-mode features work, as XCR0 allows.
/// True: this is such a KVM.
pub(crate) fn add_native(cpuid: &mut CpuId) -> bool {
    use std::arch::x86_64::__cpuid_count;
    let word = |function, index| cpuid.as_slice().iter().find(|e| e.function == function && e.index == index);
    let hides_xsave =
        word(1, 0).is_some_and(|e| e.ecx & 1 << 26 == 0) && word(0xd, 0).is_some_and(|e| e.eax & 3 == 3);
    let native_has_it = __cpuid_count(1, 0).ecx & 1 << 27 != 0;
    if !hides_xsave || !native_has_it {
        return false;
    }
    for entry in cpuid.as_mut_slice() {
        for (function, index, [eax, ebx, ecx, edx]) in USER_MODE {
            if (entry.function, entry.index) == (function, index) {
                let native = __cpuid_count(function, index);
                entry.eax |= native.eax & eax;
                entry.ebx |= native.ebx & ebx;
                entry.ecx |= native.ecx & ecx;
                entry.edx |= native.edx & edx;
            }
        }
    }
    true
}

/// Descriptors of leaf 2 for caches with lines of 64 bytes (SDM vol. 2, table 3-12): (level and type as in leaf 4, bytes, descriptor).
const CACHES: [(u32, u64, u8); 10] = [
    (0x21, 32 << 10, 0x2c),
    (0x22, 32 << 10, 0x30),
    (0x43, 256 << 10, 0x21),
    (0x43, 1 << 20, 0x78),
    (0x43, 2 << 20, 0x7d),
    (0x63, 4 << 20, 0xd8),
    (0x63, 8 << 20, 0xe4),
    (0x63, 12 << 20, 0xea),
    (0x63, 18 << 20, 0xeb),
    (0x63, 24 << 20, 0xec),
];

/// Makes leaf 2 say by itself what it else refers to leaf 4 for: the largest cache of the list that the CPU's is as large as. The C
/// library's start asks for a dozen numbers and goes through leaf 4 for each: some fifty instructions, of which each is a trap of
/// 30-40 µs on a KVM in software. Leaf 4 stays exact.
pub(crate) fn shorten_cache_search(cpuid: &mut CpuId) {
    let bytes = |e: &kvm_cpuid_entry2| {
        let field = |shift: u32, bits: u32| u64::from(e.ebx >> shift & ((1 << bits) - 1)) + 1;
        field(22, 10) * field(12, 10) * field(0, 12) * (u64::from(e.ecx) + 1)
    };
    let mut found = [None; 4];
    for entry in cpuid.as_slice().iter().filter(|e| e.function == 4) {
        for (kind, size, descriptor) in CACHES {
            if entry.eax & 0xff == kind && bytes(entry) >= size {
                found[match kind {
                    0x21 => 0,
                    0x22 => 1,
                    0x43 => 2,
                    _ => 3,
                }] = Some(descriptor);
            }
        }
    }
    let [Some(data), Some(code), Some(second), third] = found.map(|d| d.map(u32::from)) else { return };
    for entry in cpuid.as_mut_slice() {
        // Only where all is said by leaf 4 (0xff). 0xf0: lines of 64 bytes are fetched ahead. No register's top byte is used: some
        // of the descriptors would make it invalid there.
        if entry.function == 2 && entry.eax.to_le_bytes().contains(&0xff) {
            (entry.eax, entry.ebx) = (1 | data << 8 | code << 16, second | 0xf0 << 8);
            (entry.ecx, entry.edx) = (third.unwrap_or(0), 0);
        }
    }
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
    // A leaf that is not listed reads as zeros; each one listed makes KVM_SET_CPUID2 slower, in every clone.
    cpuid.retain(|e| e.eax | e.ebx | e.ecx | e.edx != 0);
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
