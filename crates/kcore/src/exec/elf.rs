//! ELF64 for x86-64: from the file's bytes to a list of mappings (elf(5); Linux: `fs/binfmt_elf.c`).

use super::ReadAt;
use super::layout::{PAGE, PROGRAM_END, page_down, page_up};
use crate::errno::{Errno, Result};
use alloc::vec;
use alloc::vec::Vec;

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
/// Most bytes of program headers (Linux: `load_elf_phdrs`).
const PROGRAM_HEADERS_MAX: usize = 65536;
/// Longest interpreter path with its zero byte (PATH_MAX).
const INTERPRETER_MAX: u64 = 4096;

const ET_EXEC: u16 = 2;
const ET_DYN: u16 = 3;
const EM_X86_64: u16 = 62;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_GNU_STACK: u32 = 0x6474_e551;
const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PF_R: u32 = 4;

/// What the program may do with a mapping, as mmap(2)'s `prot`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protection {
    /// PROT_READ.
    pub read: bool,
    /// PROT_WRITE.
    pub write: bool,
    /// PROT_EXEC.
    pub execute: bool,
}

/// One PT_LOAD, as private mappings to be made in this order, each replacing what an earlier segment put there.
/// Addresses are those of the file: the load bias is still to be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Where the mapping of the file starts: page aligned.
    pub address: u64,
    /// Page aligned offset of the mapping in the file.
    pub file_offset: u64,
    /// Bytes of the mapping of the file: a multiple of the page size, 0 if there is none.
    pub file_length: u64,
    /// First byte of the rest of the last file page that must be cleared.
    pub clear: u64,
    /// How many bytes to clear there. 0 also when the segment is not writable: then the file's bytes show, as on Linux.
    pub clear_length: u64,
    /// Where zero pages follow (`address + file_length`).
    pub anonymous: u64,
    /// Bytes of zero pages: a multiple of the page size, 0 if there are none.
    pub anonymous_length: u64,
    /// Protection of all of it.
    pub protection: Protection,
}

/// A checked ELF file: its load plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Elf {
    /// ET_DYN: it may be loaded anywhere. Otherwise the load bias is 0.
    pub position_independent: bool,
    /// Where execution starts (without the bias).
    pub entry: u64,
    /// What to map; at least one.
    pub segments: Vec<Segment>,
    /// PT_INTERP: path of the program interpreter, without its zero byte.
    pub interpreter: Option<Vec<u8>>,
    /// Address of the program headers in memory (without the bias) for AT_PHDR; none when no segment holds them (AT_PHDR is 0).
    pub headers: Option<u64>,
    /// Number of program headers (AT_PHNUM).
    pub header_count: u16,
    /// PT_GNU_STACK asks for an executable stack.
    pub executable_stack: bool,
    /// Power of two, at least the page size: what the load bias must be a multiple of.
    pub alignment: u64,
    /// Lowest address that is mapped, page aligned (without the bias).
    pub start: u64,
    /// First address past the highest byte of any segment, not aligned (without the bias): the program break follows it.
    pub end: u64,
}

impl Elf {
    /// Bytes of address space from the first to the last page.
    pub fn span(&self) -> u64 {
        page_up(self.end).unwrap_or(PROGRAM_END) - self.start
    }

    /// The load bias that puts a position-independent file at about `base`: never below it, always aligned.
    /// Fixed files have bias 0. Added with wrapping arithmetic.
    ///
    /// # Errors
    /// ENOMEM when the file does not fit between `base` and the end of the address space.
    pub fn bias(&self, base: u64) -> Result<u64> {
        if !self.position_independent {
            return Ok(0);
        }
        let mask = self.alignment - 1;
        let start = self.start & !mask;
        let aligned = base.checked_add(mask).ok_or(Errno::ENOMEM)? & !mask;
        let bias = aligned.wrapping_sub(start);
        let end = self.start.wrapping_add(bias).checked_add(self.span()).ok_or(Errno::ENOMEM)?;
        if end > PROGRAM_END { Err(Errno::ENOMEM) } else { Ok(bias) }
    }

    /// Address space to set aside for a position-independent file so that [`Elf::bias`] of its start fits.
    pub fn reservation(&self) -> u64 {
        self.span().saturating_add(self.alignment).saturating_sub(PAGE)
    }
}

/// What the file is wanted for: decides the errors only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The file that execve(2) names.
    Program,
    /// The file that PT_INTERP of the program names.
    Interpreter,
}

/// Reads and checks `file`.
///
/// # Errors
/// ENOEXEC (program) or ELIBBAD (interpreter): not such a file, or truncated. EINVAL: sizes and addresses that cannot be.
/// Errors of the reader.
pub fn parse<R: ReadAt + ?Sized>(file: &R, role: Role) -> Result<Elf> {
    let bad = if role == Role::Program { Errno::ENOEXEC } else { Errno::ELIBBAD };
    let mut header = [0u8; HEADER];
    read_exactly(file, 0, &mut header, bad)?;
    // Class 64, little endian, version 1.
    if header[..7] != *b"\x7fELF\x02\x01\x01" {
        return Err(bad);
    }
    let kind = u16_at(&header, 16);
    if (kind != ET_EXEC && kind != ET_DYN) || u16_at(&header, 18) != EM_X86_64 {
        return Err(bad);
    }
    let header_count = u16_at(&header, 56);
    let headers_size = PROGRAM_HEADER * usize::from(header_count);
    if usize::from(u16_at(&header, 54)) != PROGRAM_HEADER
        || headers_size == 0
        || headers_size > PROGRAM_HEADERS_MAX
    {
        return Err(bad);
    }
    let headers_offset = u64_at(&header, 32);
    let mut table = vec![0u8; headers_size];
    read_exactly(file, headers_offset, &mut table, bad)?;

    let mut elf = Elf {
        position_independent: kind == ET_DYN,
        entry: u64_at(&header, 24),
        segments: Vec::new(),
        interpreter: None,
        headers: None,
        header_count,
        executable_stack: false,
        alignment: PAGE,
        start: u64::MAX,
        end: 0,
    };
    for entry in table.chunks_exact(PROGRAM_HEADER) {
        let entry = ProgramHeader::decode(entry);
        match entry.kind {
            PT_LOAD => elf.add_segment(&entry, file.size(), headers_offset, bad)?,
            PT_INTERP if elf.interpreter.is_none() && role == Role::Program => {
                elf.interpreter = Some(interpreter(file, &entry)?);
            }
            PT_GNU_STACK => elf.executable_stack = entry.flags & PF_X != 0,
            _ => {}
        }
    }
    if elf.segments.is_empty() {
        return Err(bad);
    }
    if !elf.position_independent && elf.entry >= PROGRAM_END {
        return Err(Errno::EINVAL);
    }
    Ok(elf)
}

struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
    align: u64,
}

impl ProgramHeader {
    fn decode(bytes: &[u8]) -> ProgramHeader {
        ProgramHeader {
            kind: u32_at(bytes, 0),
            flags: u32_at(bytes, 4),
            offset: u64_at(bytes, 8),
            address: u64_at(bytes, 16),
            file_size: u64_at(bytes, 32),
            memory_size: u64_at(bytes, 40),
            align: u64_at(bytes, 48),
        }
    }
}

impl Elf {
    fn add_segment(
        &mut self,
        entry: &ProgramHeader,
        size: u64,
        headers_offset: u64,
        bad: Errno,
    ) -> Result<()> {
        if entry.memory_size == 0 && entry.file_size == 0 {
            return Ok(());
        }
        let end = entry.address.checked_add(entry.memory_size).ok_or(Errno::EINVAL)?;
        if entry.file_size > entry.memory_size || end > PROGRAM_END {
            return Err(Errno::EINVAL);
        }
        // Past the end of the file: Linux maps it and kills the program at the first touch.
        if entry.offset.checked_add(entry.file_size).is_none_or(|file_end| file_end > size) {
            return Err(bad);
        }
        let in_page = entry.address % PAGE;
        if entry.file_size > 0 && entry.offset % PAGE != in_page {
            return Err(Errno::EINVAL);
        }
        if entry.align.is_power_of_two() && entry.align <= PROGRAM_END {
            self.alignment = self.alignment.max(entry.align);
        }
        let address = page_down(entry.address);
        let file_end = entry.address + entry.file_size;
        let file_length = match entry.file_size {
            0 => 0,
            _ => page_up(file_end).ok_or(Errno::EINVAL)? - address,
        };
        let anonymous = address + file_length;
        let memory_end = page_up(end).ok_or(Errno::EINVAL)?;
        let clears = file_length > 0 && entry.memory_size > entry.file_size && entry.flags & PF_W != 0;
        self.segments.push(Segment {
            address,
            file_offset: if file_length == 0 { 0 } else { entry.offset - in_page },
            file_length,
            clear: file_end,
            clear_length: if clears { anonymous - file_end } else { 0 },
            anonymous,
            anonymous_length: memory_end - anonymous,
            protection: Protection {
                read: entry.flags & PF_R != 0,
                write: entry.flags & PF_W != 0,
                execute: entry.flags & PF_X != 0,
            },
        });
        self.start = self.start.min(address);
        self.end = self.end.max(end);
        if self.headers.is_none()
            && headers_offset >= entry.offset
            && headers_offset - entry.offset < entry.file_size
        {
            self.headers = Some(headers_offset - entry.offset + entry.address);
        }
        Ok(())
    }
}

fn interpreter<R: ReadAt + ?Sized>(file: &R, entry: &ProgramHeader) -> Result<Vec<u8>> {
    if entry.file_size < 2 || entry.file_size > INTERPRETER_MAX {
        return Err(Errno::ENOEXEC);
    }
    let mut path = vec![0u8; entry.file_size as usize];
    read_exactly(file, entry.offset, &mut path, Errno::ENOEXEC)?;
    if path.pop() != Some(0) {
        return Err(Errno::ENOEXEC);
    }
    // A zero byte inside ends the path, as for any C string.
    if let Some(zero) = path.iter().position(|&b| b == 0) {
        path.truncate(zero);
    }
    Ok(path)
}

fn read_exactly<R: ReadAt + ?Sized>(file: &R, offset: u64, buffer: &mut [u8], short: Errno) -> Result<()> {
    offset.checked_add(buffer.len() as u64).ok_or(short)?;
    if file.read_at(offset, buffer)? < buffer.len() { Err(short) } else { Ok(()) }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
#[path = "elf_tests.rs"]
mod tests;
