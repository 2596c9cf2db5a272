//! The vector state in signal frames: the XSAVE area in its standard format, with Linux's marks in the bytes that
//! software may use (SDM vol. 1, 13.4; Linux: `asm/sigcontext.h`, `fpu/signal.c`).

use alloc::vec;
use alloc::vec::Vec;

/// Bytes of the FXSAVE part.
pub const LEGACY_SIZE: usize = 512;
/// Bytes of the FXSAVE part and the XSAVE header: the smallest area.
pub const HEADER_END: usize = 576;
/// Offset of `struct _fpx_sw_bytes` (`sw_reserved`).
const SOFTWARE: usize = 464;
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;
/// Bytes of the second magic number, behind the area.
pub const MAGIC2_SIZE: usize = 4;
const MXCSR: usize = 24;
/// x87 and SSE, the state of FXSAVE.
const LEGACY_FEATURES: u64 = 3;

/// The vCPU's vector state: constant after boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    /// Bits of XCR0 (0: no XSAVE, the area is FXSAVE's).
    pub features: u64,
    /// Bytes of an XSAVE area for these features (CPUID leaf 13, EBX); 512 without XSAVE.
    pub size: usize,
    /// MXCSR bits that may be set (`MXCSR_MASK` of an FXSAVE area; 0 there means 0xffbf).
    pub mxcsr_mask: u32,
}

impl Format {
    /// Whether the area is XSAVE's.
    pub const fn extended(&self) -> bool {
        self.features != 0
    }

    /// Bytes of the state in a signal frame.
    pub const fn frame_size(&self) -> usize {
        self.size + if self.extended() { MAGIC2_SIZE } else { 0 }
    }

    /// The state for a frame, from an XSAVE (not XSAVEC: no compaction) or FXSAVE area. `area` shorter than the format is
    /// filled up with zeros.
    pub fn to_frame(&self, area: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; self.frame_size()];
        let n = area.len().min(self.size);
        bytes[..n].copy_from_slice(&area[..n]);
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        if self.extended() {
            put(SOFTWARE, &MAGIC1.to_le_bytes());
            put(SOFTWARE + 4, &(self.frame_size() as u32).to_le_bytes());
            put(SOFTWARE + 8, &self.features.to_le_bytes());
            put(SOFTWARE + 16, &(self.size as u32).to_le_bytes());
            put(SOFTWARE + 20, &[0; 28]);
            put(self.size, &MAGIC2.to_le_bytes());
            // The legacy state is always in the frame, so that old programs may edit it.
            bytes[LEGACY_SIZE] |= LEGACY_FEATURES as u8;
        } else {
            put(SOFTWARE, &[0; 48]);
        }
        bytes
    }

    /// How much of a frame's state to read, from its first [`LEGACY_SIZE`] bytes: the extended size (without the second magic
    /// number), or only the legacy part.
    pub fn claimed(&self, legacy: &[u8; LEGACY_SIZE]) -> Option<Claim> {
        let word =
            |at: usize| u32::from_le_bytes([legacy[at], legacy[at + 1], legacy[at + 2], legacy[at + 3]]);
        let size = word(SOFTWARE + 16) as usize;
        let good = self.extended()
            && word(SOFTWARE) == MAGIC1
            && size >= HEADER_END
            && size <= self.size
            && word(SOFTWARE + 4) as usize >= size;
        let features = u64::from(word(SOFTWARE + 8)) | u64::from(word(SOFTWARE + 12)) << 32;
        good.then_some(Claim { size, features })
    }

    /// Checks a frame's state and makes an area of it that XRSTOR with every feature accepts.
    /// `bytes`: [`Claim::read_size`] bytes for a claim, else the legacy part. Features that the frame does not have get
    /// their initial values. None: XRSTOR would fault (the program gets SIGSEGV).
    pub fn from_frame(&self, bytes: &[u8], claim: Option<Claim>) -> Option<Vec<u8>> {
        let legacy = bytes.get(..LEGACY_SIZE)?;
        let mxcsr =
            u32::from_le_bytes([legacy[MXCSR], legacy[MXCSR + 1], legacy[MXCSR + 2], legacy[MXCSR + 3]]);
        if mxcsr & !self.mxcsr_mask != 0 {
            return None;
        }
        let mut area = vec![0; self.size.max(LEGACY_SIZE)];
        area[..LEGACY_SIZE].copy_from_slice(legacy);
        // The marks are the frame's, not the CPU's.
        area[SOFTWARE..LEGACY_SIZE].fill(0);
        if !self.extended() {
            return Some(area);
        }
        let magic = |claim: &Claim| {
            bytes.get(claim.size..claim.size + MAGIC2_SIZE) == Some(&MAGIC2.to_le_bytes()[..])
        };
        let present = match claim.filter(magic) {
            None => LEGACY_FEATURES,
            Some(claim) => {
                let header = bytes.get(LEGACY_SIZE..HEADER_END)?;
                let mut word = [0; 8];
                word.copy_from_slice(&header[..8]);
                let present = u64::from_le_bytes(word);
                // Unknown features, or a compacted area: XRSTOR raises #GP.
                if present & !self.features != 0 || header[8..24].iter().any(|&b| b != 0) {
                    return None;
                }
                area[HEADER_END..claim.size].copy_from_slice(&bytes[HEADER_END..claim.size]);
                present & claim.features
            }
        };
        area[LEGACY_SIZE..LEGACY_SIZE + 8].copy_from_slice(&(present & self.features).to_le_bytes());
        Some(area)
    }

    /// The state that a new program and a signal handler start with: x87 control word 0x37f, MXCSR 0x1f80, everything else zero.
    pub fn initial(&self) -> Vec<u8> {
        let mut area = vec![0; self.size.max(LEGACY_SIZE)];
        area[..2].copy_from_slice(&0x37fu16.to_le_bytes());
        area[MXCSR..MXCSR + 4].copy_from_slice(&0x1f80u32.to_le_bytes());
        area
    }
}

/// What a frame says about its extended state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Bytes of the area.
    pub size: usize,
    features: u64,
}

impl Claim {
    /// Bytes to read, with the second magic number.
    pub const fn read_size(&self) -> usize {
        self.size + MAGIC2_SIZE
    }
}
