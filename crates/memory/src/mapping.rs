//! Memory mappings of this process that a guest sees.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use vm_memory::volatile_memory::VolatileSlice;
use vm_memory::{Bytes, VolatileMemory};

/// An access outside a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes at {offset:#x} are outside guest memory of {size:#x} bytes")]
pub struct OutOfBounds {
    /// Where the access began.
    pub offset: u64,
    /// Bytes asked for.
    pub length: u64,
    /// Bytes there are.
    pub size: u64,
}

/// A mapping that lives as long as this value, or for ever in children of `fork(2)`.
#[derive(Debug)]
pub struct Mapping {
    address: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is plain memory of the process; all accesses are volatile or atomic.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

const LARGE: usize = 2 << 20;

/// The bytes of a page.
pub type Page = [u8; ramet_abi::layout::PAGE_SIZE as usize];

impl Mapping {
    /// Private anonymous memory of `length` bytes (a multiple of the page size), 2 MiB aligned, without reserving
    /// swap for it: what is not touched costs nothing.
    pub fn anonymous(length: u64) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(|_| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Self::aligned(length, libc::PROT_READ | libc::PROT_WRITE)
    }

    /// Private anonymous memory of `length` bytes (a multiple of the page size), 2 MiB aligned.
    fn aligned(length: usize, protection: i32) -> io::Result<Self> {
        let whole = length.checked_add(LARGE).ok_or(io::Error::from_raw_os_error(libc::ENOMEM))?;
        // SAFETY: a new mapping at an address that the kernel chooses touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                whole,
                protection,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = start as usize;
        let aligned = start.next_multiple_of(LARGE);
        let (before, after) = (aligned - start, whole - length - (aligned - start));
        // SAFETY: both ranges are the unused ends of the mapping made above.
        unsafe {
            if before > 0 {
                libc::munmap(start as *mut _, before);
            }
            if after > 0 {
                libc::munmap((aligned + length) as *mut _, after);
            }
        }
        let address = NonNull::new(aligned as *mut u8).ok_or(io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { address, length })
    }

    /// Anonymous memory that children of fork(2) share, zeroed.
    pub fn shared_anonymous(length: u64) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(|_| io::Error::from_raw_os_error(libc::ENOMEM))?;
        // SAFETY: a new mapping at an address that the kernel chooses touches nothing that exists.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let address = NonNull::new(start.cast()).ok_or(io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { address, length })
    }

    /// `length` bytes of a file from `offset`, shared with the host's page cache.
    pub fn file(file: &File, offset: u64, length: u64, writable: bool) -> io::Result<Self> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let length = usize::try_from(length).map_err(|_| invalid())?;
        let offset = libc::off_t::try_from(offset).map_err(|_| invalid())?;
        let protection = libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 };
        // SAFETY: a new mapping at an address that the kernel chooses touches nothing that exists.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_SHARED, file.as_raw_fd(), offset)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let address = NonNull::new(start.cast()).ok_or_else(invalid)?;
        Ok(Self { address, length })
    }

    /// The same place, where from now on there are bytes of another file. What a guest sees there changes with it.
    pub fn place(&self, file: &File, offset: u64, writable: bool) -> io::Result<()> {
        let offset = libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let protection = libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 };
        self.replace(protection, libc::MAP_SHARED, file.as_raw_fd(), offset)
    }

    /// The same place, where from now on there is nothing: an access is a fault.
    pub fn vacate(&self) -> io::Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        self.replace(libc::PROT_NONE, flags, -1, 0)
    }

    fn replace(&self, protection: i32, flags: i32, fd: i32, offset: libc::off_t) -> io::Result<()> {
        let start = self.address.as_ptr().cast();
        // SAFETY: the new mapping takes the place of this value's own, to whose bytes no reference points.
        let placed =
            unsafe { libc::mmap(start, self.length, protection, flags | libc::MAP_FIXED, fd, offset) };
        if placed == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Address in this process.
    pub fn address(&self) -> u64 {
        self.address.as_ptr() as u64
    }

    /// Bytes.
    pub fn length(&self) -> u64 {
        self.length as u64
    }

    /// `length` bytes (a multiple of the page size) from the start of a file, as [`Self::file`] for reading, at a
    /// 2 MiB boundary and on 2 MiB pages where the host's file system has such in its page cache: a guest then touches
    /// 512 pages with one fault.
    pub fn file_on_large_pages(file: &File, length: u64) -> io::Result<Self> {
        let length = usize::try_from(length).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let mapping = Self::aligned(length, libc::PROT_NONE)?;
        let start = mapping.address.as_ptr().cast();
        // SAFETY: the new mapping replaces one of the same length that this function has made and nobody uses.
        let placed = unsafe {
            let (shared, fd) = (libc::MAP_SHARED | libc::MAP_FIXED, file.as_raw_fd());
            libc::mmap(start, length, libc::PROT_READ, shared, fd, 0)
        };
        if placed == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Refused where the host has no transparent huge pages: the mapping is as good without.
        let _ = mapping.advise(0, mapping.length(), libc::MADV_HUGEPAGE);
        Ok(mapping)
    }

    /// madvise(2) on `offset..offset + length`.
    pub(crate) fn advise(&self, offset: u64, length: u64, advice: i32) -> io::Result<()> {
        self.check(offset, length).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        // SAFETY: the range is inside the mapping, whose bytes no reference points to; advice that throws the
        // content away leaves zeros, which are as valid as any bytes.
        let result = unsafe {
            libc::madvise(self.address.as_ptr().add(offset as usize).cast(), length as usize, advice)
        };
        if result != 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    fn check(&self, offset: u64, length: u64) -> Result<(), OutOfBounds> {
        match offset.checked_add(length) {
            Some(end) if end <= self.length() => Ok(()),
            _ => Err(OutOfBounds { offset, length, size: self.length() }),
        }
    }

    fn slice(&self, offset: u64, length: u64) -> Result<VolatileSlice<'_>, OutOfBounds> {
        self.check(offset, length)?;
        // SAFETY: the range is inside the mapping, which lives as long as `self`.
        Ok(unsafe { VolatileSlice::new(self.address.as_ptr().add(offset as usize), length as usize) })
    }

    /// Copies bytes out.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), OutOfBounds> {
        let slice = self.slice(offset, buffer.len() as u64)?;
        slice.read_slice(buffer, 0).map_err(|_| OutOfBounds {
            offset,
            length: buffer.len() as u64,
            size: self.length(),
        })
    }

    /// Copies bytes in. The mapping must be writable.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), OutOfBounds> {
        let slice = self.slice(offset, bytes.len() as u64)?;
        slice.write_slice(bytes, 0).map_err(|_| OutOfBounds {
            offset,
            length: bytes.len() as u64,
            size: self.length(),
        })
    }

    /// Makes the page at `offset` be `page` again. Whether it was not. Nobody else may write to it meanwhile.
    pub fn put_back(&self, offset: u64, page: &Page) -> Result<bool, OutOfBounds> {
        self.check(offset, page.len() as u64)?;
        // SAFETY: the range is inside the mapping, and no reference points there; what the guest would change meanwhile would
        // only change which bytes are there.
        unsafe {
            let place = self.address.as_ptr().add(offset as usize);
            if libc::memcmp(place.cast(), page.as_ptr().cast(), page.len()) == 0 {
                return Ok(false);
            }
            std::ptr::copy_nonoverlapping(page.as_ptr(), place, page.len());
        }
        Ok(true)
    }

    /// Has KVM forget the translations that lead to `offset..offset + length`: the host's kernel tells it of a change of protection, and that
    /// it is changed back.
    pub fn forget_translations(&self, offset: u64, length: u64, writable: bool) -> io::Result<()> {
        self.check(offset, length).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let start = self.address.as_ptr().wrapping_add(offset as usize).cast();
        let protection = libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 };
        for protection in [libc::PROT_NONE, protection] {
            // SAFETY: the range is inside the mapping, which nobody uses between the two calls: the vCPU stands still.
            if unsafe { libc::mprotect(start, length as usize, protection) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }

    /// Makes one page of a file's mapping this process's own, and writable: its bytes stay, and are nobody else's from now on.
    pub fn make_own(&self, file: &File, offset: u64) -> io::Result<()> {
        let page = ramet_abi::layout::PAGE_SIZE;
        self.check(offset, page).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let start = self.address.as_ptr().wrapping_add(offset as usize).cast();
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_FIXED);
        // SAFETY: the new mapping shows the same bytes of the same file, in the place of one page of this value's own mapping.
        let placed = unsafe {
            libc::mmap(start, page as usize, protection, flags, file.as_raw_fd(), offset as libc::off_t)
        };
        if placed == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Undoes [`Mapping::make_own`].
    pub fn give_up_own(&self, file: &File, offset: u64) -> io::Result<()> {
        let page = ramet_abi::layout::PAGE_SIZE;
        self.check(offset, page).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let start = self.address.as_ptr().wrapping_add(offset as usize).cast();
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        // SAFETY: as above.
        let placed = unsafe {
            libc::mmap(start, page as usize, libc::PROT_READ, flags, file.as_raw_fd(), offset as libc::off_t)
        };
        if placed == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Reads a little-endian word.
    pub fn read_u64(&self, offset: u64) -> Result<u64, OutOfBounds> {
        let mut bytes = [0; 8];
        self.read(offset, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes a little-endian word.
    pub fn write_u64(&self, offset: u64, value: u64) -> Result<(), OutOfBounds> {
        self.write(offset, &value.to_le_bytes())
    }

    /// A structure of atomics inside the mapping.
    ///
    /// # Safety
    /// `T` must consist of atomic integers only: the guest changes them at any time.
    pub(crate) unsafe fn atomics<T>(&self, offset: u64) -> &T {
        let inside = self.check(offset, size_of::<T>() as u64).is_ok();
        assert!(
            inside && offset.is_multiple_of(align_of::<T>() as u64),
            "layout constants are checked by the abi crate"
        );
        // SAFETY: in bounds and aligned (the mapping is page-aligned); shared mutation is through atomics only.
        unsafe { &*self.address.as_ptr().add(offset as usize).cast::<T>() }
    }

    /// Reads from a descriptor straight into the mapping, at most `length` bytes. `pread` at `offset_in_file` if given.
    pub fn read_from(&self, offset: u64, length: u64, fd: i32, at: Option<u64>) -> io::Result<usize> {
        let invalid = |_| io::Error::from_raw_os_error(libc::EINVAL);
        let slice = self.slice(offset, length).map_err(invalid)?;
        let pointer = slice.ptr_guard_mut().as_ptr().cast();
        // SAFETY: the range is inside the mapping, and the host kernel may write it like the guest does.
        let count = unsafe {
            match at {
                Some(at) => libc::pread(fd, pointer, length as usize, at as libc::off_t),
                None => libc::read(fd, pointer, length as usize),
            }
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Writes to a descriptor straight from the mapping, at most `length` bytes. `pwrite` at `at` if given.
    pub fn write_to(&self, offset: u64, length: u64, fd: i32, at: Option<u64>) -> io::Result<usize> {
        let invalid = |_| io::Error::from_raw_os_error(libc::EINVAL);
        let slice = self.slice(offset, length).map_err(invalid)?;
        let pointer = slice.ptr_guard().as_ptr().cast();
        // SAFETY: the range is inside the mapping; what the guest changes meanwhile only changes the bytes written.
        let count = unsafe {
            match at {
                Some(at) => libc::pwrite(fd, pointer, length as usize, at as libc::off_t),
                None => libc::write(fd, pointer, length as usize),
            }
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

impl VolatileMemory for Mapping {
    type B = ();

    fn len(&self) -> usize {
        self.length
    }

    fn get_slice(
        &self,
        offset: usize,
        count: usize,
    ) -> vm_memory::volatile_memory::Result<VolatileSlice<'_>> {
        self.slice(offset as u64, count as u64)
            .map_err(|_| vm_memory::volatile_memory::Error::OutOfBounds { addr: offset })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this value's own mapping. Slots of a KVM VM that show it are gone by then, or fault.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.length) };
    }
}
