//! The VM's files: what is mounted where, and the console. The rules are `ramet_kcore::fs`'s.

pub mod console;
pub mod ring;
pub mod users;

use crate::arch::hypercall;
use crate::boot::records::Records;
use crate::global::Global;
use crate::mm;
use crate::task::process::{Process, resource};
use crate::task::time;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use ramet_abi::layout::{DIRECT_MAP, IMAGE_GPA};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::device::Devices;
use ramet_kcore::fs::erofs::Image;
use ramet_kcore::fs::fd_table::FdTable;
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::fs::inode::{Clock, Creation};
use ramet_kcore::fs::memfs::{Limits, MemFs, PageListener};
use ramet_kcore::fs::mount::{MountName, Namespace};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::ops::{Caller, FsContext, Vfs};
use ramet_kcore::fs::path::Path;

/// Device numbers of the VM's file systems (`st_dev`).
mod device {
    /// The image and its writable layer.
    pub const ROOT: u64 = 0x100;
    /// Shared memory.
    pub const SHM: u64 = 0x101;
    /// memfd_create(2).
    pub const MEMORY: u64 = 0x102;
}

static VFS: Global<RefCell<Option<&'static Vfs>>> = Global::new(RefCell::new(None));

static ROOT: Global<RefCell<Option<Path>>> = Global::new(RefCell::new(None));

/// Mounts, drivers, the clock.
///
/// # Panics
/// Before [`mount_all`].
pub fn vfs() -> &'static Vfs {
    VFS.borrow().expect("the root is mounted")
}

/// Runs `f` for a process with that context and those credentials.
pub fn caller<R>(context: &FsContext, credentials: &Credentials, f: impl FnOnce(&Caller<'_>) -> R) -> R {
    f(&Caller { vfs: vfs(), context, credentials })
}

fn clock() -> Clock {
    Rc::new(|| time::realtime() as i64)
}

/// Tells the address space that mapped pages of a file are no longer the file's.
struct Mappings;

impl PageListener for Mappings {
    fn pages_replaced(&self, inode: (u64, u64), first: u64, end: u64) {
        mm::pages_replaced(inode, first, end);
    }
}

/// An empty file system in memory.
///
/// # Errors
/// ENOMEM.
pub fn new_tmpfs(device: u64, mode: u32) -> Result<Rc<dyn Inode>> {
    let creation = Creation { permissions: mode, uid: 0, gid: 0 };
    let (fs, root) = MemFs::new(device, None, mm::page_source(), clock(), limits(), creation)?;
    fs.set_listener(Rc::new(Mappings));
    Ok(root)
}

static MEMORY_FILES: Global<RefCell<Option<Rc<MemFs>>>> = Global::new(RefCell::new(None));

/// The file system of memfd_create(2)'s files, which is nowhere mounted.
///
/// # Errors
/// ENOMEM.
pub fn memory_files() -> Result<Rc<MemFs>> {
    if let Some(fs) = &*MEMORY_FILES.borrow() {
        return Ok(fs.clone());
    }
    let creation = Creation { permissions: 0o777, uid: 0, gid: 0 };
    let (fs, root) = MemFs::new(device::MEMORY, None, mm::page_source(), clock(), limits(), creation)?;
    fs.set_listener(Rc::new(Mappings));
    // The file system lives for ever, its root too.
    core::mem::forget(root);
    MEMORY_FILES.replace(Some(fs.clone()));
    Ok(fs)
}

/// Files may take as much as there is: the frame allocator is what says no.
fn limits() -> Limits {
    Limits { bytes: mm::statistics().limit, nodes: 1 << 20 }
}

fn image() -> Result<Option<Image>> {
    let size = hypercall::boot_info().image_size;
    if size == 0 {
        return Ok(None);
    }
    // SAFETY: the VMM maps the image there read-only for the VM's whole life, and `mm::initialize` has put it into the
    // direct map.
    let bytes = unsafe { core::slice::from_raw_parts((DIRECT_MAP + IMAGE_GPA) as *const u8, size as usize) };
    Image::new(bytes).map(Some)
}

/// Mounts the image under its writable layer, and everything else.
///
/// # Errors
/// EUCLEAN: the image is damaged; ENOMEM.
pub fn mount_all(records: &Records) -> Result<Path> {
    let creation = Creation { permissions: 0o755, uid: 0, gid: 0 };
    let (fs, root) = MemFs::new(device::ROOT, image()?, mm::page_source(), clock(), limits(), creation)?;
    fs.set_listener(Rc::new(Mappings));
    let vfs: &'static Vfs =
        Box::leak(Box::new(Vfs { namespace: Namespace::new(), devices: Devices::new(), clock: clock() }));
    let name = MountName { source: b"ramet", file_system: b"erofs", flags: 0 };
    let root = vfs.namespace.mount_root(root, name);
    VFS.replace(Some(vfs));
    ROOT.replace(Some(root.clone()));
    let _ = records;
    Ok(root)
}

/// The root of the first mount.
///
/// # Panics
/// Before [`mount_all`].
pub fn root_of_everything() -> Path {
    ROOT.borrow().clone().expect("the root is mounted")
}

/// Opens the file `path`, if it may be executed.
///
/// # Errors
/// As execve(2).
pub fn open_executable(context: &FsContext, path: &[u8], credentials: &Credentials) -> Result<Rc<OpenFile>> {
    caller(context, credentials, |caller| caller.open_executable(&context.cwd, path, 0))
}

/// Looks for a program as execvp(3) does: along PATH of `environment` when the name has no slash. Gives the path it was
/// found under, too.
///
/// # Errors
/// As execvp(3).
pub fn find_program(
    context: &FsContext,
    name: &[u8],
    environment: &[Vec<u8>],
    credentials: &Credentials,
) -> Result<(Rc<OpenFile>, Vec<u8>)> {
    if name.contains(&b'/') || name.is_empty() {
        return Ok((open_executable(context, name, credentials)?, name.to_vec()));
    }
    let path = environment.iter().find_map(|entry| entry.strip_prefix(b"PATH="));
    let mut denied = false;
    for directory in
        path.unwrap_or(b"/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin").split(|c| *c == b':')
    {
        let mut full = if directory.is_empty() { b".".to_vec() } else { directory.to_vec() };
        full.push(b'/');
        full.extend_from_slice(name);
        match open_executable(context, &full, credentials) {
            Ok(file) => return Ok((file, full)),
            Err(Errno::EACCES) => denied = true,
            Err(_) => {}
        }
    }
    Err(if denied { Errno::EACCES } else { Errno::ENOENT })
}

/// Descriptors 0, 1 and 2.
pub fn standard_files(_: &Credentials) -> FdTable {
    let mut table = FdTable::new();
    for file in console::standard_streams() {
        // Three descriptors fit under any limit.
        let _ = table.insert(file, false, 3);
    }
    table
}

/// RLIMIT_NOFILE or another limit that files obey has changed: nothing is kept of them here.
pub fn limits_changed(process: &Process) {
    process.signal_limit.limit.set(process.limit(resource::SIGPENDING));
}

/// A new description for an object without a name.
pub fn anonymous(file: Rc<dyn File>, flags: u32) -> Rc<OpenFile> {
    OpenFile::new(file, None, flags)
}
