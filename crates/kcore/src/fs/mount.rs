//! The mount table: [`Namespace`].

use super::dentry::Dentry;
use super::inode::{FileType, Inode};
use super::path::Path;
use crate::cell::RefCell;
use crate::errno::{Errno, Result};
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

/// mount(2): no modification through this mount.
pub const MS_RDONLY: u32 = 1;
/// mount(2): ignore set-user-ID and set-group-ID bits.
pub const MS_NOSUID: u32 = 2;
/// mount(2): no access to devices.
pub const MS_NODEV: u32 = 4;
/// mount(2): no execution of programs.
pub const MS_NOEXEC: u32 = 8;

/// Cached names after which unused ones are forgotten.
const CACHE_MAX: usize = 1 << 13;

/// A file system at a place.
pub struct Mount {
    /// Number, as in `/proc/self/mountinfo`; 0: not in the table.
    pub id: u64,
    root: Rc<Dentry>,
    place: RefCell<Option<Path>>,
    /// Bits `MS_*`.
    pub flags: Cell<u32>,
    /// What is mounted, for `/proc/mounts`.
    pub source: Vec<u8>,
    /// Type of file system, for `/proc/mounts`.
    pub file_system: Vec<u8>,
}

impl Mount {
    pub(super) fn detached(root: Rc<Dentry>) -> Rc<Mount> {
        Rc::new(Mount {
            id: 0,
            root,
            place: RefCell::new(None),
            flags: Cell::new(0),
            source: Vec::new(),
            file_system: Vec::new(),
        })
    }

    /// Where its names begin.
    pub fn root(&self) -> &Rc<Dentry> {
        &self.root
    }

    /// Where it is mounted; none: the root of everything.
    pub fn mount_point(&self) -> Option<Path> {
        self.place.borrow().clone()
    }

    /// Fails on a read-only mount.
    ///
    /// # Errors
    /// EROFS.
    pub fn check_writable(&self) -> Result<()> {
        if self.flags.get() & MS_RDONLY != 0 { Err(Errno::EROFS) } else { Ok(()) }
    }
}

/// What a mount is called.
#[derive(Clone, Copy, Default)]
pub struct MountName<'a> {
    /// Device or the like, for `/proc/mounts`.
    pub source: &'a [u8],
    /// Type of file system.
    pub file_system: &'a [u8],
    /// Bits `MS_*`.
    pub flags: u32,
}

/// All mounts. Shared by the processes of a session.
#[derive(Default)]
pub struct Namespace {
    mounts: RefCell<Vec<Rc<Mount>>>,
    next_id: Cell<u64>,
    cached: Cell<usize>,
}

impl Namespace {
    /// No mounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mounts the first file system. The path is its root, for the first process's root and working directory.
    pub fn mount_root(&self, root: Rc<dyn Inode>, name: MountName<'_>) -> Path {
        self.attach(root, None, name)
    }

    /// Mounts the file system whose root directory (or single file) is `root` at `place`.
    ///
    /// # Errors
    /// ENOTDIR: only one of the two is a directory; ENOENT: the place has been removed.
    pub fn mount(&self, root: Rc<dyn Inode>, place: &Path, name: MountName<'_>) -> Result<Path> {
        let is_directory = |inode: &Rc<dyn Inode>| Ok(inode.attributes()?.file_type == FileType::Directory);
        if is_directory(&root)? != is_directory(place.inode())? {
            return Err(Errno::ENOTDIR);
        }
        if place.is_deleted() {
            return Err(Errno::ENOENT);
        }
        Ok(self.attach(root, Some(place.clone()), name))
    }

    fn attach(&self, root: Rc<dyn Inode>, place: Option<Path>, name: MountName<'_>) -> Path {
        self.next_id.set(self.next_id.get() + 1);
        let dentry = Dentry::root(root, b"/");
        if let Some(place) = &place {
            place.dentry.note_mount(1);
        }
        let mount = Rc::new(Mount {
            id: self.next_id.get(),
            root: dentry.clone(),
            place: RefCell::new(place),
            flags: Cell::new(name.flags),
            source: name.source.to_vec(),
            file_system: name.file_system.to_vec(),
        });
        self.mounts.borrow_mut().push(mount.clone());
        Path { mount, dentry }
    }

    /// Takes the mount away whose root `path` is. `detach`: even if it is in use (MNT_DETACH).
    ///
    /// # Errors
    /// EINVAL: not a mount's root, or the root of everything; EBUSY.
    pub fn unmount(&self, path: &Path, detach: bool) -> Result<()> {
        let mount = &path.mount;
        if !Rc::ptr_eq(&path.dentry, &mount.root) || mount.id == 0 {
            return Err(Errno::EINVAL);
        }
        let Some(place) = mount.mount_point() else { return Err(Errno::EINVAL) };
        let has_inner = |m: &Rc<Mount>| m.mount_point().is_some_and(|p| Rc::ptr_eq(&p.mount, mount));
        let inner = self.mounts.borrow().iter().any(has_inner);
        // Held by the table and by `path`; everything else is a user.
        if !detach && (inner || Rc::strong_count(mount) > 2) {
            return Err(Errno::EBUSY);
        }
        let mut gone = Vec::from([mount.clone()]);
        let mut next = 0;
        while let Some(outer) = gone.get(next).cloned() {
            let mounts = self.mounts.borrow();
            let below =
                mounts.iter().filter(|m| m.mount_point().is_some_and(|p| Rc::ptr_eq(&p.mount, &outer)));
            gone.extend(below.cloned());
            next += 1;
        }
        self.mounts.borrow_mut().retain(|m| !gone.iter().any(|g| Rc::ptr_eq(g, m)));
        place.dentry.note_mount(-1);
        mount.place.replace(None);
        mount.root.prune();
        Ok(())
    }

    /// All mounts in order, for `/proc/mounts`.
    pub fn mounts(&self) -> Vec<Rc<Mount>> {
        self.mounts.borrow().clone()
    }

    /// Whether something is mounted on `dentry`, as seen through `mount`.
    pub fn is_mount_point(&self, path: &Path) -> bool {
        path.dentry.mounts() > 0 && self.mounted_at(path).is_some()
    }

    fn mounted_at(&self, path: &Path) -> Option<Rc<Mount>> {
        let mounts = self.mounts.borrow();
        mounts.iter().rev().find(|m| m.place.borrow().as_ref().is_some_and(|p| p.is(path))).cloned()
    }

    /// Goes from a mount point to the root of what is mounted on it. True: the mount changed.
    #[inline]
    pub fn cross(&self, path: &mut Path) -> bool {
        let mut crossed = false;
        while path.dentry.mounts() > 0 {
            let Some(mount) = self.mounted_at(path) else { break };
            *path = Path { dentry: mount.root.clone(), mount };
            crossed = true;
        }
        crossed
    }

    /// The child `name` of directory `at`, not crossing mounts. Looks in the cache first.
    ///
    /// # Errors
    /// ENOENT, EIO.
    #[inline]
    pub fn child(&self, at: &Rc<Dentry>, name: &[u8]) -> Result<Rc<Dentry>> {
        match at.child(name) {
            Some(child) if child.is_of(at.inode().names_version()) || child.mounts() > 0 => Ok(child),
            Some(child) => self.look_again(at, name, child),
            None => {
                let inode = at.inode().lookup(name)?;
                self.note_cached();
                Ok(at.add(name, inode))
            }
        }
    }

    /// Others may have changed what the cached `child` of `at` is.
    fn look_again(&self, at: &Rc<Dentry>, name: &[u8], child: Rc<Dentry>) -> Result<Rc<Dentry>> {
        let version = at.inode().names_version();
        match at.inode().lookup(name) {
            Ok(inode) if inode.id() == child.inode().id() => {
                child.set_version(version);
                Ok(child)
            }
            Ok(inode) => {
                at.delete(name);
                Ok(at.add(name, inode))
            }
            Err(error) => {
                if error == Errno::ENOENT {
                    at.delete(name);
                }
                Err(error)
            }
        }
    }

    /// Counts one more cached name, and forgets unused ones when there are many.
    pub fn note_cached(&self) {
        self.cached.set(self.cached.get() + 1);
        if self.cached.get() >= CACHE_MAX {
            let left: usize = self.mounts().iter().map(|mount| mount.root.prune()).sum();
            // What is in use cannot go: look again only when as much has come anew.
            self.cached.set(left.min(CACHE_MAX / 2));
        }
    }
}
