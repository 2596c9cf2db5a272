//! mmap(2) and its relatives.

use super::Call;
use crate::mm::with_space;
use alloc::string::String;
use ramet_kcore::errno::Result;
use ramet_kcore::mm::space::{Argument, MapRequest, map};

/// mmap(2).
pub fn mmap(call: &mut Call<'_>) -> Result<i64> {
    let flags = call.uint(3);
    let file = if flags & map::ANONYMOUS != 0 {
        None
    } else {
        let file = super::io::file(call.int(4))?;
        let name = String::from_utf8_lossy(&file.display(&crate::fs::root_of_everything())).into_owned();
        Some(Argument {
            file: file.file().clone(),
            name: name.into(),
            is_readable: file.is_readable(),
            is_writable: file.is_writable(),
        })
    };
    let request = MapRequest {
        address: call.arg(0) as u64,
        length: call.arg(1) as u64,
        protection: call.uint(2),
        flags,
        file,
        offset: call.arg(5) as u64,
    };
    with_space(|space| space.mmap(request)).map(|at| at as i64)
}

/// munmap(2).
pub fn munmap(call: &mut Call<'_>) -> Result<i64> {
    with_space(|space| space.munmap(call.arg(0) as u64, call.arg(1) as u64))?;
    Ok(0)
}

/// mprotect(2).
pub fn mprotect(call: &mut Call<'_>) -> Result<i64> {
    with_space(|space| space.mprotect(call.arg(0) as u64, call.arg(1) as u64, call.uint(2)))?;
    Ok(0)
}

/// brk(2).
pub fn brk(call: &mut Call<'_>) -> Result<i64> {
    Ok(with_space(|space| space.brk(call.arg(0) as u64)) as i64)
}
