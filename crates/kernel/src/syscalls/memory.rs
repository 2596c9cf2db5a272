//! mmap(2) and its relatives.

use super::Call;
use crate::arch::{known_sites, user};
use crate::mm::with_space;
use alloc::string::String;
use ramet_abi::layout::PAGE_SIZE;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::mm::space::{Argument, MapRequest, map};

const EXEC: u32 = ramet_kcore::mm::vma::prot::EXEC as u32;

/// mmap(2).
pub fn mmap(call: &mut Call<'_>) -> Result<i64> {
    crate::mm::need_room()?;
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
    let (length, executable) = (request.length, request.file.is_some() && request.protection & EXEC != 0);
    let start = with_space(|space| space.mmap(request))?;
    if executable && known_sites::is_loader(call.frame.rip) {
        known_sites::patch_mapped(start..start + length.next_multiple_of(PAGE_SIZE));
    }
    Ok(start as i64)
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

/// mremap(2).
pub fn mremap(call: &mut Call<'_>) -> Result<i64> {
    let (old, old_size, new_size) = (call.arg(0) as u64, call.arg(1) as u64, call.arg(2) as u64);
    with_space(|space| space.mremap(old, old_size, new_size, call.uint(3), call.arg(4) as u64))
        .map(|at| at as i64)
}

/// madvise(2).
pub fn madvise(call: &mut Call<'_>) -> Result<i64> {
    with_space(|space| space.madvise(call.arg(0) as u64, call.arg(1) as u64, call.uint(2)))?;
    Ok(0)
}

/// msync(2).
pub fn msync(call: &mut Call<'_>) -> Result<i64> {
    with_space(|space| space.msync(call.arg(0) as u64, call.arg(1) as u64, call.uint(2)))?;
    Ok(0)
}

/// mincore(2).
pub fn mincore(call: &mut Call<'_>) -> Result<i64> {
    let mut bytes = alloc::vec::Vec::new();
    let result = with_space(|space| {
        space.mincore(call.arg(0) as u64, call.arg(1) as u64, |byte| {
            bytes.push(byte);
            Ok(())
        })
    });
    // What comes before an unmapped page is written, as in Linux; a bad vector is found before that.
    user::write(call.arg(2), &bytes)?;
    result.map(|()| 0)
}

/// mlock(2).
pub fn mlock(call: &mut Call<'_>) -> Result<i64> {
    with_space(|space| space.mlock(call.arg(0) as u64, call.arg(1) as u64, false))?;
    Ok(0)
}

/// mlock2(2).
pub fn mlock2(call: &mut Call<'_>) -> Result<i64> {
    const ON_FAULT: u32 = 1;
    if call.uint(2) & !ON_FAULT != 0 {
        return Err(Errno::EINVAL);
    }
    with_space(|space| space.mlock(call.arg(0) as u64, call.arg(1) as u64, call.uint(2) != 0))?;
    Ok(0)
}

/// munlock(2).
pub fn munlock(call: &mut Call<'_>) -> Result<i64> {
    with_space(|space| space.munlock(call.arg(0) as u64, call.arg(1) as u64))?;
    Ok(0)
}

/// mlockall(2).
pub fn mlockall(call: &mut Call<'_>) -> Result<i64> {
    with_space(|space| space.mlockall(call.uint(0)))?;
    Ok(0)
}

/// munlockall(2).
pub fn munlockall(_: &mut Call<'_>) -> Result<i64> {
    with_space(|space| space.munlockall());
    Ok(0)
}
