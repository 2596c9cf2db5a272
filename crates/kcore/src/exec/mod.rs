//! Loading programs: ELF, `#!` scripts, the address layout, the initial stack and the auxiliary vector.
//!
//! A file that is to be executed is hostile: everything is checked before anything of the old program is given up,
//! so that execve(2) fails with an errno and never kills its caller half way.

pub mod elf;
pub mod layout;
pub mod script;
pub mod stack;
pub mod strings;

use crate::errno::Result;

/// The file to be executed.
pub trait ReadAt {
    /// Reads at `offset`. Returns how many bytes there were; fewer than wanted only at the end of the file.
    ///
    /// # Errors
    /// EIO and the like.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize>;

    /// Length of the file in bytes.
    fn size(&self) -> u64;
}

impl ReadAt for [u8] {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|start| self.get(start..)).unwrap_or(&[]);
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
    fn size(&self) -> u64 {
        self.len() as u64
    }
}
