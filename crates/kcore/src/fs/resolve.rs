//! Path resolution as path_resolution(7) and openat2(2) describe it.

use super::credentials::Credentials;
use super::inode::{FileType, Link, NAME_MAX, PATH_MAX};
use super::mount::Namespace;
use super::path::Path;
use super::permission::{self, EXECUTE};
use crate::errno::{Errno, Result};
use crate::stat::S_ISVTX;
use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

/// openat2(2): do not cross mounts.
pub const RESOLVE_NO_XDEV: u64 = 0x01;
/// openat2(2): no magic links.
pub const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
/// openat2(2): no symbolic links at all.
pub const RESOLVE_NO_SYMLINKS: u64 = 0x04;
/// openat2(2): never leave the starting directory's tree.
pub const RESOLVE_BENEATH: u64 = 0x08;
/// openat2(2): the starting directory is the root.
pub const RESOLVE_IN_ROOT: u64 = 0x10;
/// openat2(2): only what is cached; never refused here, because nothing blocks.
pub const RESOLVE_CACHED: u64 = 0x20;
/// All of them.
pub const RESOLVE_ALL: u64 = 0x3f;

/// Symbolic links followed in one resolution at most.
const LINKS_MAX: u32 = 40;

/// The last component of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// A name, which may not exist.
    Name(Vec<u8>),
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// There is none: the path is `/`.
    Root,
}

/// The directory of a path's last component.
pub struct Parent {
    /// The directory. Search permission has been checked.
    pub directory: Path,
    /// The last component.
    pub last: Last,
    /// The path ends in a slash: the last component must be a directory.
    pub trailing_slash: bool,
}

/// One resolution, which may go on over several calls (a link at the end of an open(2) that creates).
pub struct Resolver<'a> {
    namespace: &'a Namespace,
    root: &'a Path,
    credentials: &'a Credentials,
    resolve: u64,
    links: Cell<u32>,
}

enum Walked {
    Whole(Path),
    Parent(Parent),
}

impl<'a> Resolver<'a> {
    /// Resolves for a process with root directory `root`; `resolve` are bits `RESOLVE_*`.
    pub fn new(namespace: &'a Namespace, root: &'a Path, credentials: &'a Credentials, resolve: u64) -> Self {
        Resolver { namespace, root, credentials, resolve, links: Cell::new(0) }
    }

    /// The file that `path`, relative to `start`, names. `follow`: also through a symbolic link at its end.
    ///
    /// # Errors
    /// ENOENT, ENOTDIR, ELOOP, EACCES, ENAMETOOLONG, EXDEV (openat2 restrictions).
    #[inline]
    pub fn lookup(&self, start: &Path, path: &[u8], follow: bool) -> Result<Path> {
        match self.walk(start, path, false, follow)? {
            Walked::Whole(path) => Ok(path),
            Walked::Parent(_) => Err(Errno::EIO),
        }
    }

    /// The directory that holds the last component of `path`.
    ///
    /// # Errors
    /// As [`Resolver::lookup`].
    pub fn parent(&self, start: &Path, path: &[u8]) -> Result<Parent> {
        match self.walk(start, path, true, false)? {
            Walked::Parent(parent) => Ok(parent),
            Walked::Whole(directory) => Ok(Parent { directory, last: Last::Root, trailing_slash: true }),
        }
    }

    /// The entry `name` of directory `parent`, across a mount on it.
    ///
    /// # Errors
    /// ENOENT; EXDEV.
    #[inline]
    pub fn child(&self, parent: &Path, name: &[u8]) -> Result<Path> {
        let dentry = self.namespace.child(&parent.dentry, name)?;
        let mut path = Path { mount: parent.mount.clone(), dentry };
        self.cross(&mut path)?;
        Ok(path)
    }

    #[inline]
    fn cross(&self, path: &mut Path) -> Result<()> {
        if self.namespace.cross(path) && self.resolve & RESOLVE_NO_XDEV != 0 {
            return Err(Errno::EXDEV);
        }
        Ok(())
    }

    fn step_up(&self, at: &Path, start: &Path) -> Result<Path> {
        let bounded = self.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) != 0;
        if bounded && at.is(start) {
            return if self.resolve & RESOLVE_BENEATH != 0 { Err(Errno::EXDEV) } else { Ok(at.clone()) };
        }
        let mut up = at.parent(self.root);
        if self.resolve & RESOLVE_NO_XDEV != 0 && !Rc::ptr_eq(&up.mount, &at.mount) {
            return Err(Errno::EXDEV);
        }
        self.cross(&mut up)?;
        Ok(up)
    }

    /// Where an absolute path begins.
    fn top(&self, start: &Path) -> Result<Path> {
        if self.resolve & RESOLVE_BENEATH != 0 {
            return Err(Errno::EXDEV);
        }
        if self.resolve & RESOLVE_IN_ROOT != 0 {
            return Ok(start.clone());
        }
        if self.resolve & RESOLVE_NO_XDEV != 0 && !Rc::ptr_eq(&start.mount, &self.root.mount) {
            return Err(Errno::EXDEV);
        }
        Ok(self.root.clone())
    }

    /// Where a symbolic link leads, which was found in `directory`.
    ///
    /// # Errors
    /// ELOOP: too many, or forbidden; EACCES: someone else's link in a sticky directory (fs.protected_symlinks).
    pub fn follow(&self, link: &Path, directory: &Path) -> Result<Link> {
        self.links.set(self.links.get() + 1);
        if self.links.get() > LINKS_MAX || self.resolve & RESOLVE_NO_SYMLINKS != 0 {
            return Err(Errno::ELOOP);
        }
        let above = directory.inode().attributes()?;
        if above.permissions & (S_ISVTX | 0o002) == S_ISVTX | 0o002 {
            let owner = link.inode().attributes()?.uid;
            if owner != self.credentials.fsuid && owner != above.uid {
                return Err(Errno::EACCES);
            }
        }
        match link.inode().follow()? {
            Link::Magic(_) if self.resolve & RESOLVE_NO_MAGICLINKS != 0 => Err(Errno::ELOOP),
            Link::Magic(_) if self.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT) != 0 => Err(Errno::EXDEV),
            Link::Magic(path)
                if self.resolve & RESOLVE_NO_XDEV != 0 && !Rc::ptr_eq(&path.mount, &link.mount) =>
            {
                Err(Errno::EXDEV)
            }
            Link::Text(text) if text.is_empty() => Err(Errno::ENOENT),
            link => Ok(link),
        }
    }

    fn walk(&self, start: &Path, path: &[u8], want_parent: bool, follow_last: bool) -> Result<Walked> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut text = Cow::Borrowed(path);
        let mut position = 0;
        let mut at = if path[0] == b'/' { self.top(start)? } else { start.clone() };
        loop {
            while text.get(position) == Some(&b'/') {
                position += 1;
            }
            if position >= text.len() {
                return Ok(Walked::Whole(at));
            }
            let length = text[position..].iter().position(|&b| b == b'/').unwrap_or(text.len() - position);
            let end = position + length;
            let is_last = text[end..].iter().all(|&b| b == b'/');
            let trailing_slash = is_last && end < text.len();
            let directory = at.inode().attributes()?;
            if directory.file_type != FileType::Directory {
                return Err(Errno::ENOTDIR);
            }
            permission::check(&directory, self.credentials, EXECUTE)?;
            let name = &text[position..end];
            if name.len() > NAME_MAX {
                return Err(Errno::ENAMETOOLONG);
            }
            if want_parent && is_last {
                let last = match name {
                    b"." => Last::Dot,
                    b".." => Last::DotDot,
                    name => Last::Name(name.to_vec()),
                };
                return Ok(Walked::Parent(Parent { directory: at, last, trailing_slash }));
            }
            if name == b"." || name == b".." {
                if name == b".." {
                    at = self.step_up(&at, start)?;
                }
                position = end;
                continue;
            }
            let child = self.child(&at, name)?;
            position = end;
            let file_type = child.inode().attributes()?.file_type;
            if file_type == FileType::Symlink && (!is_last || follow_last || trailing_slash) {
                match self.follow(&child, &at)? {
                    Link::Magic(path) => at = path,
                    Link::Text(mut link) => {
                        link.extend_from_slice(&text[position..]);
                        if link.len() >= 2 * PATH_MAX {
                            return Err(Errno::ENAMETOOLONG);
                        }
                        if link[0] == b'/' {
                            at = self.top(start)?;
                        }
                        text = Cow::Owned(link);
                        position = 0;
                        continue;
                    }
                }
            } else {
                at = child;
            }
            if trailing_slash && at.inode().attributes()?.file_type != FileType::Directory {
                return Err(Errno::ENOTDIR);
            }
        }
    }
}
