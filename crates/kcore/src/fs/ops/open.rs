//! open(2), openat(2), openat2(2).

use super::{AT_SYMLINK_NOFOLLOW, Caller};
use crate::errno::{Errno, Result};
use crate::file::{File, flags::*};
use crate::fs::anonymous;
use crate::fs::inode::{Attributes, FileType, Inode, Link, NewNode, SetAttributes};
use crate::fs::mount::MS_NODEV;
use crate::fs::notify::event;
use crate::fs::open_file::OpenFile;
use crate::fs::path::Path;
use crate::fs::permission::{self, READ, WRITE};
use crate::fs::resolve::{Last, RESOLVE_ALL, RESOLVE_BENEATH, RESOLVE_CACHED, RESOLVE_IN_ROOT};
use crate::session::SessionInode;
use crate::stat::{S_ISVTX, Stat};
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use core::any::Any;

/// Arguments of an open.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenHow {
    /// Flags of open(2).
    pub flags: u32,
    /// Permission bits for a new file, before the umask.
    pub mode: u32,
    /// Bits `RESOLVE_*` of openat2(2).
    pub resolve: u64,
}

/// How often a file is made that others make and remove at the same time, before the caller is told that it is there.
const CREATIONS_MAX: u32 = 64;
const O_TMPFILE_ONLY: u32 = O_TMPFILE & !O_DIRECTORY;

impl Caller<'_> {
    /// Opens (and perhaps creates) `path` relative to `start`.
    ///
    /// # Errors
    /// As openat2(2). EAGAIN: a FIFO whose other side must be waited for.
    pub fn open(&self, start: &Path, path: &[u8], how: OpenHow) -> Result<Rc<OpenFile>> {
        let mut flags = how.flags;
        let both = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
        if how.resolve & !RESOLVE_ALL != 0 || how.resolve & both == both {
            return Err(Errno::EINVAL);
        }
        // Linux: what may have to write cannot be answered from the cache.
        if how.resolve & RESOLVE_CACHED != 0 && flags & (O_CREAT | O_TRUNC | O_TMPFILE_ONLY) != 0 {
            return Err(Errno::EAGAIN);
        }
        if flags & O_PATH != 0 {
            flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        }
        if flags & O_TMPFILE_ONLY != 0 {
            return self.open_unnamed(start, path, flags, how);
        }
        if flags & (O_CREAT | O_DIRECTORY) == O_CREAT | O_DIRECTORY {
            return Err(Errno::EINVAL);
        }
        if flags & O_CREAT != 0 {
            return self.open_or_create(start, path, flags, how);
        }
        let found = self.resolver(how.resolve).lookup(start, path, flags & O_NOFOLLOW == 0)?;
        self.open_path(found, flags, false)
    }

    fn open_or_create(&self, start: &Path, path: &[u8], flags: u32, how: OpenHow) -> Result<Rc<OpenFile>> {
        let resolver = self.resolver(how.resolve);
        let mut parent = resolver.parent(start, path)?;
        let mut attempts = 0;
        loop {
            let name = match &parent.last {
                Last::Name(name) if parent.trailing_slash => {
                    // An existing directory is EISDIR as below; nothing can be created.
                    return match resolver.child(&parent.directory, name) {
                        Err(Errno::ENOENT) => Err(Errno::EISDIR),
                        Err(e) => Err(e),
                        Ok(_) => Err(Errno::EISDIR),
                    };
                }
                Last::Name(name) => name.clone(),
                _ if flags & O_EXCL != 0 => return Err(Errno::EEXIST),
                _ => return Err(Errno::EISDIR),
            };
            let child = match resolver.child(&parent.directory, &name) {
                Err(Errno::ENOENT) => {
                    attempts += 1;
                    let created = match self.make(&parent.directory, &name, NewNode::Regular, how.mode) {
                        // Another process has made it meanwhile.
                        Err(Errno::EEXIST) if flags & O_EXCL == 0 && attempts < CREATIONS_MAX => continue,
                        other => other?,
                    };
                    return self.open_path(created, flags, true);
                }
                other => other?,
            };
            if flags & O_EXCL != 0 {
                return Err(Errno::EEXIST);
            }
            let attributes = child.inode().attributes()?;
            if attributes.file_type == FileType::Symlink && flags & O_NOFOLLOW == 0 {
                match resolver.follow(&child, &parent.directory)? {
                    Link::Magic(path) => return self.open_path(path, flags, false),
                    Link::Text(text) => parent = resolver.parent(&parent.directory, &text)?,
                }
                continue;
            }
            self.check_sticky(&parent.directory, &attributes)?;
            return self.open_path(child, flags, false);
        }
    }

    /// fs.protected_regular and fs.protected_fifos: opening with O_CREAT what someone else left in a sticky directory.
    fn check_sticky(&self, directory: &Path, file: &Attributes) -> Result<()> {
        let above = directory.inode().attributes()?;
        let guarded = matches!(file.file_type, FileType::Regular | FileType::Fifo)
            && above.permissions & S_ISVTX != 0
            && above.permissions & 0o022 != 0;
        if guarded && file.uid != above.uid && file.uid != self.credentials.fsuid {
            return Err(Errno::EACCES);
        }
        Ok(())
    }

    fn open_unnamed(&self, start: &Path, path: &[u8], flags: u32, how: OpenHow) -> Result<Rc<OpenFile>> {
        if flags & O_DIRECTORY == 0 || flags & O_ACCMODE == O_RDONLY {
            return Err(Errno::EINVAL);
        }
        let directory = self.resolver(how.resolve).lookup(start, path, flags & O_NOFOLLOW == 0)?;
        if directory.inode().attributes()?.file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        directory.mount.check_writable()?;
        let creation = self.creation(&directory, FileType::Regular, how.mode)?;
        let inode = directory.inode().create_unnamed(creation, flags & O_EXCL == 0)?;
        let path = self.unnamed(&directory, inode);
        self.open_path(path, flags & !(O_TMPFILE_ONLY | O_DIRECTORY), true)
    }

    /// Opens the file at `found`; `created`: just made by this call, so that its permissions do not matter.
    ///
    /// # Errors
    /// As open(2).
    pub fn open_path(&self, found: Path, flags: u32, created: bool) -> Result<Rc<OpenFile>> {
        let (file, truncation) = self.open_place(found, flags, created)?;
        file.tell(event::OPEN);
        if let (Some(change), Some(inode)) = (truncation, file.inode()) {
            inode.set_attributes(&change)?;
            file.tell(event::MODIFY);
        }
        Ok(file)
    }

    /// As [`Caller::open_path`], without a word to those who watch. What is still to be done for O_TRUNC.
    ///
    /// # Errors
    /// As open(2).
    pub fn open_place(
        &self,
        found: Path,
        flags: u32,
        created: bool,
    ) -> Result<(Rc<OpenFile>, Option<SetAttributes>)> {
        let attributes = found.inode().attributes()?;
        let file_type = attributes.file_type;
        if flags & O_DIRECTORY != 0 && file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        if flags & O_PATH != 0 {
            let file = Rc::new(PathFile { inode: found.inode().clone() });
            return Ok((OpenFile::new(file, Some(found), flags), None));
        }
        if file_type == FileType::Symlink {
            return Err(Errno::ELOOP);
        }
        let writes = flags & O_ACCMODE != O_RDONLY;
        if file_type == FileType::Directory && (writes || flags & (O_CREAT | O_TRUNC) != 0) {
            return Err(Errno::EISDIR);
        }
        if !created {
            self.check_open(&found, &attributes, flags)?;
        }
        if anonymous::is_anonymous(found.inode()) {
            let file = found.inode().clone().open(flags)?;
            return Ok((OpenFile::new(file, None, flags), None));
        }
        if !matches!(file_type, FileType::Regular | FileType::Directory) {
            let is_device = !matches!(file_type, FileType::Fifo | FileType::Socket);
            if found.mount.flags.get() & MS_NODEV != 0 && is_device {
                return Err(Errno::EACCES);
            }
            let file = match file_type {
                // Its other side may be another process's.
                FileType::Fifo if found.inode().as_any().is::<SessionInode>() => {
                    found.inode().clone().open(flags)?
                }
                _ => self.vfs.devices.open(found.inode(), file_type, flags)?,
            };
            return Ok((OpenFile::new(file, Some(found), flags), None));
        }
        let state = if writes { found.inode().state() } else { None };
        if let Some(state) = state {
            state.add_writer()?;
        }
        let counted = state.is_some();
        let inode = found.inode().clone();
        let file = match inode.clone().open(flags) {
            Ok(file) => file,
            Err(e) => {
                if let Some(state) = inode.state().filter(|_| counted) {
                    state.remove_writer();
                }
                return Err(e);
            }
        };
        let open = if counted {
            OpenFile::new_writer(file, found, flags)
        } else {
            OpenFile::new(file, Some(found), flags)
        };
        let truncates = flags & O_TRUNC != 0 && !created && file_type == FileType::Regular;
        let truncation = truncates.then(|| {
            let permissions = permission::after_write(&attributes, self.credentials);
            SetAttributes { size: Some(0), permissions, ..SetAttributes::default() }
        });
        Ok((open, truncation))
    }

    fn check_open(&self, found: &Path, attributes: &Attributes, flags: u32) -> Result<()> {
        let want = match flags & O_ACCMODE {
            O_RDONLY => READ,
            O_WRONLY => WRITE,
            _ => READ | WRITE,
        };
        let want = if flags & O_TRUNC != 0 { want | WRITE } else { want };
        permission::check(attributes, self.credentials, want)?;
        let on_disk = matches!(attributes.file_type, FileType::Regular | FileType::Directory);
        if want & WRITE != 0 && on_disk {
            found.mount.check_writable()?;
        }
        if flags & O_NOATIME != 0 && !permission::is_owner(attributes, self.credentials) {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// Opens an executable file for the kernel itself (execve(2), program interpreters): execute permission instead of read.
    ///
    /// # Errors
    /// EACCES: not a regular file, no permission, or on a noexec mount; ELOOP; as path_resolution(7).
    pub fn open_executable(&self, start: &Path, path: &[u8], at_flags: u32) -> Result<Rc<OpenFile>> {
        let found = self.target(start, path, at_flags)?;
        let attributes = found.inode().attributes()?;
        if attributes.file_type == FileType::Symlink && at_flags & AT_SYMLINK_NOFOLLOW != 0 {
            return Err(Errno::ELOOP);
        }
        if attributes.file_type != FileType::Regular
            || found.mount.flags.get() & crate::fs::mount::MS_NOEXEC != 0
        {
            return Err(Errno::EACCES);
        }
        permission::check(&attributes, self.credentials, permission::EXECUTE)?;
        let file = found.inode().clone().open(O_RDONLY)?;
        let open = OpenFile::new(file, Some(found), O_RDONLY);
        open.tell(event::OPEN);
        Ok(open)
    }
}

/// What an O_PATH descriptor has in the place of a file.
struct PathFile {
    inode: Rc<dyn Inode>,
}

impl File for PathFile {
    fn read(&self, _: u64, _: &mut dyn Sink, _: u32) -> Result<usize> {
        Err(Errno::EBADF)
    }
    fn write(&self, _: u64, _: &mut dyn Source, _: u32) -> Result<usize> {
        Err(Errno::EBADF)
    }
    fn stat(&self) -> Result<Stat> {
        self.inode.stat()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
