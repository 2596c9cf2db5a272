//! The VM's files: what is mounted where, and the console. The rules are `ramet_kcore::fs`'s.

pub mod console;
pub mod control;
pub mod devices;
pub mod memory;
pub mod proc;
pub mod proc_elsewhere;
pub mod ring;
pub mod tty;
pub mod users;
pub mod volumes;

use crate::arch::hypercall;
use crate::global::Global;
use crate::mm;
use crate::task::process::{Process, resource};
use crate::task::time;
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::layout::{DIRECT_MAP, IMAGE_GPA};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::O_RDWR;
use ramet_kcore::fs::credentials::Credentials;
use ramet_kcore::fs::device::Devices;
use ramet_kcore::fs::erofs::Image;
use ramet_kcore::fs::fd_table::FdTable;
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::fs::inode::{Clock, Creation};
use ramet_kcore::fs::memfs::{Limits, MemFs, PageListener};
use ramet_kcore::fs::mount::{MS_NODEV, MS_NOEXEC, MS_NOSUID, MountName, Namespace};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::ops::{Caller, FsContext, Vfs};
use ramet_kcore::fs::path::Path;
use ramet_kcore::proc::{Source, proc_root, sys_root};

/// Device numbers of the VM's file systems (`st_dev`).
pub mod device {
    /// The image and its writable layer.
    pub const ROOT: u64 = 0x100;
    /// Shared memory.
    pub const SHM: u64 = 0x101;
    /// memfd_create(2).
    pub const MEMORY: u64 = 0x102;
    /// /dev.
    pub const DEV: u64 = 0x103;
    /// /dev/pts.
    pub const PTS: u64 = 0x104;
    /// /proc.
    pub const PROC: u64 = 0x105;
    /// /sys.
    pub const SYS: u64 = 0x106;
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
    fn truncated(&self, inode: (u64, u64), size: u64) {
        mm::truncated(inode, size);
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

/// The file system of memfd_create(2)'s files, if there have been any.
pub fn used_memory_files() -> Option<Rc<MemFs>> {
    MEMORY_FILES.borrow().clone()
}

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

/// A file system over the image in which nothing is written.
///
/// # Errors
/// EUCLEAN, ENOMEM.
pub fn pristine() -> Result<Option<Rc<MemFs>>> {
    let Some(image) = image()? else { return Ok(None) };
    let creation = Creation { permissions: 0o755, uid: 0, gid: 0 };
    let (fs, _) = MemFs::new(device::ROOT, Some(image), mm::page_source(), clock(), limits(), creation)?;
    Ok(Some(fs))
}

/// Mounts the image under its writable layer, and the system's file systems.
///
/// # Errors
/// EUCLEAN: the image is damaged; ENOMEM.
pub fn mount_all() -> Result<Path> {
    let creation = Creation { permissions: 0o755, uid: 0, gid: 0 };
    let (fs, root) = MemFs::new(device::ROOT, image()?, mm::page_source(), clock(), limits(), creation)?;
    fs.set_listener(Rc::new(Mappings));
    let vfs: &'static Vfs =
        Box::leak(Box::new(Vfs { namespace: Namespace::new(), devices: Devices::new(), clock: clock() }));
    let name = MountName { source: b"ramet", file_system: b"erofs", flags: 0 };
    let root = vfs.namespace.mount_root(root, name);
    VFS.replace(Some(vfs));
    ROOT.replace(Some(root.clone()));
    mount_system(vfs, &root)?;
    Ok(root)
}

/// Mounts what every program expects: /dev, /dev/pts, /dev/shm, /proc, /sys.
fn mount_system(vfs: &'static Vfs, root: &Path) -> Result<()> {
    let facts: Rc<dyn Source> = Rc::new(proc::Facts::default());
    let mount = |place: &[u8], tree: Rc<dyn Inode>, file_system: &[u8], flags: u32| -> Result<()> {
        let context = FsContext::new(root.clone());
        let place =
            caller(&context, &Credentials::root(), |caller| match caller.mkdir(root, place, 0o755) {
                Ok(()) | Err(Errno::EEXIST) => caller.directory(root, place),
                Err(error) => Err(error),
            })?;
        vfs.namespace.mount(tree, &place, MountName { source: file_system, file_system, flags }).map(|_| ())
    };
    mount(b"/dev", devices::build(&vfs.devices)?, b"devtmpfs", MS_NOSUID)?;
    mount(b"/dev/pts", tty::pts_root(), b"devpts", MS_NOSUID | MS_NOEXEC)?;
    mount(b"/dev/shm", new_tmpfs(device::SHM, 0o1777)?, b"tmpfs", MS_NOSUID | MS_NODEV)?;
    let nothing = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    mount(b"/proc", proc_root(facts.clone(), device::PROC, clock()), b"proc", nothing)?;
    mount(b"/sys", sys_root(facts, device::SYS, clock()), b"sysfs", nothing)
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

/// Descriptors 0, 1 and 2: three streams, or one terminal three times, which belongs to the user.
pub fn standard_files(credentials: &Credentials) -> FdTable {
    let mut table = FdTable::new();
    let files = match terminal(credentials) {
        Some(file) => alloc::vec![file.clone(), file.clone(), file],
        None => console::standard_streams(),
    };
    for file in files {
        // Three descriptors fit under any limit.
        let _ = table.insert(file, false, 3);
    }
    table
}

/// The console, if it is a terminal.
fn terminal(credentials: &Credentials) -> Option<Rc<OpenFile>> {
    if !tty::take_console() {
        return None;
    }
    let root = root_of_everything();
    let opened = caller(&FsContext::new(root.clone()), &Credentials::root(), |caller| {
        let place = caller.target(&root, b"/dev/console", 0)?;
        caller.chown_path(&place, credentials.uid, u32::MAX)?;
        caller.open_path(place, O_RDWR, false)
    });
    opened.ok()
}

/// RLIMIT_NOFILE or another limit that files obey has changed: nothing is kept of them here.
pub fn limits_changed(process: &Process) {
    process.signal_limit.limit.set(process.limit(resource::SIGPENDING));
}

/// A new description for an object without a name.
pub fn anonymous(file: Rc<dyn File>, flags: u32) -> Rc<OpenFile> {
    let file = OpenFile::new(file, None, flags);
    crate::session::register(&file);
    file
}
