//! The guest's request: copied once, then checked.

use super::Errno;
use ramet_abi::hostfs::{DATA_MAX, DATA_OFFSET, Request, Stat};
use ramet_abi::layout::HOSTFS_OFFSET;
use ramet_memory::SharedArea;
use std::ffi::CString;

/// Where the data start in the shared area.
pub const DATA: u64 = HOSTFS_OFFSET + DATA_OFFSET;
const STAT: u64 = HOSTFS_OFFSET + std::mem::offset_of!(Request, stat) as u64;

/// A copy of the request.
#[derive(Debug)]
pub struct Call {
    /// The copy.
    pub request: Request,
}

fn u32_at(raw: &[u8], offset: usize) -> u32 {
    raw.get(offset..offset + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(raw: &[u8], offset: usize) -> u64 {
    raw.get(offset..offset + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

impl Call {
    /// Copies the request out of the shared area.
    pub fn read(area: &SharedArea) -> Result<Self, Errno> {
        let mut raw = [0u8; size_of::<Request>()];
        area.read(HOSTFS_OFFSET, &mut raw).map_err(|_| Errno(libc::EFAULT))?;
        let stat = std::mem::offset_of!(Request, stat);
        let request = Request {
            operation: u32_at(&raw, 0),
            fid: u32_at(&raw, 4),
            other: u32_at(&raw, 8),
            flags: u32_at(&raw, 12),
            offset: u64_at(&raw, 16),
            length: u64_at(&raw, 24),
            first_name: u64_at(&raw, 32),
            stat: Stat {
                inode: u64_at(&raw, stat),
                mode: u32_at(&raw, stat + 8),
                links: u32_at(&raw, stat + 12),
                uid: u32_at(&raw, stat + 16),
                gid: u32_at(&raw, stat + 20),
                size: u64_at(&raw, stat + 24),
                blocks: u64_at(&raw, stat + 32),
                accessed: u64_at(&raw, stat + 40),
                modified: u64_at(&raw, stat + 48),
                changed: u64_at(&raw, stat + 56),
            },
        };
        Ok(Self { request })
    }

    /// Bytes of data that the guest asks for, which must fit.
    pub fn length(&self) -> Result<u64, Errno> {
        if self.request.length > DATA_MAX { Err(Errno(libc::EINVAL)) } else { Ok(self.request.length) }
    }

    fn data(&self, area: &SharedArea) -> Result<Vec<u8>, Errno> {
        // Two names or a name and a target: never more than this.
        if self.length()? > 8192 {
            return Err(Errno(libc::ENAMETOOLONG));
        }
        let mut data = vec![0; self.request.length as usize];
        area.read(DATA, &mut data).map_err(|_| Errno(libc::EFAULT))?;
        Ok(data)
    }

    /// The one name in the data.
    pub fn name(&self, area: &SharedArea) -> Result<CString, Errno> {
        component(self.data(area)?)
    }

    /// The two names in the data; the second one only without zero bytes.
    pub fn names(&self, area: &SharedArea) -> Result<(CString, Vec<u8>), Errno> {
        let mut first = self.data(area)?;
        if self.request.first_name > first.len() as u64 {
            return Err(Errno(libc::EINVAL));
        }
        let second = first.split_off(self.request.first_name as usize);
        Ok((component(first)?, second))
    }
}

/// Checks a single path component.
pub fn component(name: Vec<u8>) -> Result<CString, Errno> {
    match name.as_slice() {
        b"" => Err(Errno(libc::ENOENT)),
        b"." | b".." => Err(Errno(libc::EINVAL)),
        n if n.len() > 255 => Err(Errno(libc::ENAMETOOLONG)),
        n if n.contains(&b'/') => Err(Errno(libc::EINVAL)),
        _ => CString::new(name).map_err(|_| Errno(libc::EINVAL)),
    }
}

/// Writes the answer's attributes.
pub fn answer_stat(area: &SharedArea, stat: &Stat) -> Result<(), Errno> {
    let mut raw = Vec::with_capacity(size_of::<Stat>());
    raw.extend(stat.inode.to_le_bytes());
    for word in [stat.mode, stat.links, stat.uid, stat.gid] {
        raw.extend(word.to_le_bytes());
    }
    for word in [stat.size, stat.blocks, stat.accessed, stat.modified, stat.changed] {
        raw.extend(word.to_le_bytes());
    }
    area.write(STAT, &raw).map_err(|_| Errno(libc::EFAULT))
}

const _: () = {
    assert!(std::mem::offset_of!(Request, flags) == 12 && std::mem::offset_of!(Request, first_name) == 32);
    assert!(size_of::<Stat>() == 64 && std::mem::offset_of!(Stat, size) == 24);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for bad in [&b".."[..], b".", b"", b"a/b", b"/", b"a\0b", &[b'x'; 256]] {
            assert!(component(bad.to_vec()).is_err(), "{bad:?}");
        }
        assert!(component(b"...".to_vec()).is_ok());
        assert!(component(vec![b'x'; 255]).is_ok());
    }
}
