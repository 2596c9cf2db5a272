//! Vector and floating-point state beyond the low halves of XMM0-15 (which are in the frame).

use alloc::boxed::Box;
use core::arch::asm;
use core::arch::x86_64::__cpuid_count;
use core::cell::Cell;

use crate::global::Global;

/// Size of the standard-format area for all enabled components (SDM vol. 1, 13.4), and the mask of components.
struct Layout {
    size: Cell<usize>,
    mask: Cell<u64>,
}

static LAYOUT: Global<Layout> = Global::new(Layout { size: Cell::new(576), mask: Cell::new(3) });

/// To be called once at boot, with XCR0.
pub fn initialize(xcr0: u64) {
    // Leaf 0DH, subleaf 0, EBX: bytes for the components enabled in XCR0.
    let size = __cpuid_count(0xd, 0).ebx as usize;
    LAYOUT.size.set(size.clamp(576, 64 << 10));
    LAYOUT.mask.set(xcr0 | 3);
}

/// Bytes of an area.
pub fn size() -> usize {
    LAYOUT.size.get()
}

/// Components that are saved: XCR0.
pub fn mask() -> u64 {
    LAYOUT.mask.get()
}

/// One thread's saved state, standard format, 64-aligned.
pub struct Area(Box<[Line]>);

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

impl Area {
    /// The state of a fresh thread: x87 control word 0x37f, MXCSR 0x1f80, all else initial.
    pub fn new() -> Area {
        let mut area = Area(alloc::vec![Line([0; 64]); size().div_ceil(64)].into_boxed_slice());
        let bytes = area.bytes_mut();
        bytes[0..2].copy_from_slice(&0x037fu16.to_le_bytes());
        bytes[24..28].copy_from_slice(&0x1f80u32.to_le_bytes());
        bytes[512..520].copy_from_slice(&3u64.to_le_bytes());
        area
    }

    /// The whole area.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: a slice of 64-byte arrays is that many bytes.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().cast(), size()) }
    }

    /// The whole area.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let size = size();
        // SAFETY: as above, exclusively borrowed.
        unsafe { core::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), size) }
    }

    /// Saves the vCPU's state.
    pub fn save(&mut self) {
        let mask = mask();
        // SAFETY: the area is 64-aligned and as large as CPUID says for XCR0; OSXSAVE is set.
        unsafe {
            asm!("xsave64 [{}]", in(reg) self.0.as_mut_ptr(), in("eax") mask as u32, in("edx") (mask >> 32) as u32,
                options(nostack, preserves_flags))
        };
    }

    /// Loads it into the vCPU. Writes XMM registers: the compiler must not hold anything in them, which inline assembly
    /// with all of them as clobbers says.
    pub fn restore(&self) {
        let mask = mask();
        // SAFETY: as above; the content came from `save`, `new` or a validated signal frame, so that XRSTOR does not fault.
        unsafe {
            asm!("xrstor64 [{}]", in(reg) self.0.as_ptr(), in("eax") mask as u32, in("edx") (mask >> 32) as u32,
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _, out("xmm6") _,
                out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _,
                out("xmm13") _, out("xmm14") _, out("xmm15") _, options(nostack, preserves_flags, readonly))
        };
    }
}

/// The vCPU as a new program finds it.
pub fn reset() {
    Area::new().restore();
}

/// MXCSR bits that may be set (`MXCSR_MASK` of the FXSAVE area).
pub fn mxcsr_mask() -> u32 {
    let area = {
        let mut area = Area::new();
        area.save();
        area
    };
    u32::from_le_bytes(area.bytes()[28..32].try_into().expect("four bytes"))
}
