//! Loading programs: ELF, the initial stack, the auxiliary vector.
