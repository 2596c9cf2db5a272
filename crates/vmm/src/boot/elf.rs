//! The guest kernel's ELF file: checked as if it were hostile, then copied into RAM.

use ramet_abi::ABI_VERSION;
use ramet_abi::header::{KERNEL_MAGIC, KernelHeader, RestartRange};
use ramet_abi::layout::{FREE_RAM_GPA, KERNEL_GPA, KERNEL_WINDOW, SPARE_TABLES_GPA};
use ramet_memory::{OutOfBounds, Ram};

/// Why a file is not a guest kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// The file ends inside a structure.
    #[error("the file is truncated")]
    Truncated,
    /// No ELF magic.
    #[error("not an ELF file")]
    NotElf,
    /// Another class, byte order or machine.
    #[error("not a 64-bit x86-64 ELF file")]
    Machine,
    /// Not an executable linked to a fixed address.
    #[error("not a static executable (ELF type {0})")]
    Type(u16),
    /// A segment outside the kernel's place.
    #[error("segment at {address:#x}, {size:#x} bytes, is outside the kernel's {most:#x} bytes", most = SPARE_TABLES_GPA - KERNEL_GPA)]
    Segment {
        /// Virtual address.
        address: u64,
        /// Bytes in memory.
        size: u64,
    },
    /// The header is not at the start of the image.
    #[error("no kernel header at {:#x}", KERNEL_WINDOW + KERNEL_GPA)]
    NoHeader,
    /// Another ABI version.
    #[error("ABI version {0}, this VMM needs {ABI_VERSION}: rebuild both")]
    Version(u32),
    /// An entry point outside the kernel.
    #[error("entry point {0:#x} is outside the kernel")]
    Entry(u64),
    /// RAM is too small.
    #[error("{0}")]
    Ram(#[from] OutOfBounds),
}

fn bytes<const N: usize>(file: &[u8], offset: u64) -> Result<[u8; N], ElfError> {
    let start = usize::try_from(offset).map_err(|_| ElfError::Truncated)?;
    let end = start.checked_add(N).ok_or(ElfError::Truncated)?;
    file.get(start..end).and_then(|s| s.try_into().ok()).ok_or(ElfError::Truncated)
}

fn u16_at(file: &[u8], offset: u64) -> Result<u16, ElfError> {
    bytes(file, offset).map(u16::from_le_bytes)
}

fn u32_at(file: &[u8], offset: u64) -> Result<u32, ElfError> {
    bytes(file, offset).map(u32::from_le_bytes)
}

fn u64_at(file: &[u8], offset: u64) -> Result<u64, ElfError> {
    bytes(file, offset).map(u64::from_le_bytes)
}

/// Loads the kernel and returns its header.
pub fn load(file: &[u8], ram: &Ram) -> Result<KernelHeader, ElfError> {
    let magic: [u8; 4] = bytes(file, 0)?;
    if magic != *b"\x7fELF" {
        return Err(ElfError::NotElf);
    }
    // EI_CLASS = 2 (64-bit), EI_DATA = 1 (little endian), e_machine = 62 (x86-64): System V ABI, figure 4-3.
    if bytes::<2>(file, 4)? != [2, 1] || u16_at(file, 18)? != 62 {
        return Err(ElfError::Machine);
    }
    let kind = u16_at(file, 16)?;
    if kind != 2 {
        return Err(ElfError::Type(kind));
    }
    let table = u64_at(file, 32)?;
    let entry_size = u64::from(u16_at(file, 54)?);
    let count = u64::from(u16_at(file, 56)?);
    for index in 0..count {
        let at =
            index.checked_mul(entry_size).and_then(|o| o.checked_add(table)).ok_or(ElfError::Truncated)?;
        if u32_at(file, at)? == 1 {
            load_segment(file, at, ram)?;
        }
    }
    read_header(ram)
}

fn load_segment(file: &[u8], at: u64, ram: &Ram) -> Result<(), ElfError> {
    let offset = u64_at(file, at + 8)?;
    let address = u64_at(file, at + 16)?;
    let in_file = u64_at(file, at + 32)?;
    let size = u64_at(file, at + 40)?;
    let outside = ElfError::Segment { address, size };
    let Some(gpa) = address.checked_sub(KERNEL_WINDOW) else { return Err(outside) };
    match gpa.checked_add(size) {
        Some(end) if gpa >= KERNEL_GPA && end <= SPARE_TABLES_GPA && in_file <= size => {}
        _ => return Err(outside),
    }
    let end = offset.checked_add(in_file).ok_or(ElfError::Truncated)?;
    let content = file.get(offset as usize..end as usize).ok_or(ElfError::Truncated)?;
    // The rest of the segment is zero already: RAM is new.
    Ok(ram.write(gpa, content)?)
}

fn read_header(ram: &Ram) -> Result<KernelHeader, ElfError> {
    let mut raw = [0u8; size_of::<KernelHeader>()];
    ram.read(KERNEL_GPA, &mut raw)?;
    let word = |offset: u64| u64_at(&raw, offset);
    if word(0)? != KERNEL_MAGIC {
        return Err(ElfError::NoHeader);
    }
    let abi_version = u32_at(&raw, 8)?;
    let size = u32_at(&raw, 12)?;
    if abi_version != ABI_VERSION || size as usize != size_of::<KernelHeader>() {
        return Err(ElfError::Version(abi_version));
    }
    let mut header = KernelHeader {
        magic: KERNEL_MAGIC,
        abi_version,
        size,
        boot: word(16)?,
        syscall_trap: word(24)?,
        upcall_program: word(32)?,
        upcall_kernel: word(40)?,
        restart: [RestartRange::default(); 4],
        fork_entry: word(112)?,
        park_entry: word(120)?,
    };
    for (range, offset) in header.restart.iter_mut().zip((48u64..).step_by(16)) {
        *range = RestartRange { start: word(offset)?, end: word(offset + 8)? };
        if range.end != 0 && !(inside(range.start) && range.start <= range.end) {
            return Err(ElfError::Entry(range.start));
        }
    }
    let entries = [
        header.boot,
        header.syscall_trap,
        header.upcall_program,
        header.upcall_kernel,
        header.fork_entry,
        header.park_entry,
    ];
    for entry in entries {
        if !inside(entry) {
            return Err(ElfError::Entry(entry));
        }
    }
    Ok(header)
}

fn inside(address: u64) -> bool {
    (KERNEL_WINDOW + KERNEL_GPA..KERNEL_WINDOW + FREE_RAM_GPA).contains(&address)
}
