//! Making names: mkdir(2), mknod(2), symlink(2), and files for open(2).

use super::Caller;
use crate::errno::{Errno, Result};
use crate::fs::credentials::cap;
use crate::fs::dentry::Dentry;
use crate::fs::inode::{Creation, FileType, Inode, NewNode, PATH_MAX};
use crate::fs::notify;
use crate::fs::path::Path;
use crate::fs::permission::{self, EXECUTE, WRITE};
use crate::fs::resolve::Last;
use crate::stat::{S_IFMT, S_ISGID, S_ISVTX};
use alloc::rc::Rc;
use alloc::vec::Vec;

impl Caller<'_> {
    /// Owner and permissions of a new file in `directory`, in which the caller may make one.
    pub(super) fn creation(&self, directory: &Path, file_type: FileType, mode: u32) -> Result<Creation> {
        let above = directory.inode().attributes()?;
        permission::check(&above, self.credentials, WRITE | EXECUTE)?;
        let kept = if file_type == FileType::Directory { 0o777 | S_ISVTX } else { 0o7777 };
        let mut permissions =
            if file_type == FileType::Symlink { 0o777 } else { mode & kept & !self.context.umask };
        let mut gid = self.credentials.fsgid;
        if above.permissions & S_ISGID != 0 {
            gid = above.gid;
            if file_type == FileType::Directory {
                permissions |= S_ISGID;
            }
        }
        // A file that is executable for its group does not become set-group-ID for a stranger to the group (inode_init_owner()).
        if file_type != FileType::Directory
            && permissions & (S_ISGID | 0o010) == S_ISGID | 0o010
            && !self.credentials.in_group(gid)
            && !self.credentials.has(cap::FSETID)
        {
            permissions &= !S_ISGID;
        }
        Ok(Creation { permissions, uid: self.credentials.fsuid, gid })
    }

    /// Makes `name` in `directory`, where it does not exist.
    pub(super) fn make(&self, directory: &Path, name: &[u8], node: NewNode<'_>, mode: u32) -> Result<Path> {
        directory.mount.check_writable()?;
        let creation = self.creation(directory, node.file_type(), mode)?;
        let inode = directory.inode().create(name, node, creation)?;
        notify::created(&**directory.inode(), name, &*inode, false);
        self.vfs.namespace.note_cached();
        Ok(Path { mount: directory.mount.clone(), dentry: directory.dentry.add(name, inode) })
    }

    /// A place for an inode without a name in the file system of `directory`.
    pub(super) fn unnamed(&self, directory: &Path, inode: Rc<dyn Inode>) -> Path {
        let mut name = Vec::from(*b"/#");
        name.extend_from_slice(alloc::format!("{}", inode.id().1).as_bytes());
        name.extend_from_slice(b" (deleted)");
        Path { mount: directory.mount.clone(), dentry: Dentry::root(inode, &name) }
    }

    /// The directory and the last name of a path at which something is to be made.
    pub(super) fn new_name(&self, start: &Path, path: &[u8], is_directory: bool) -> Result<(Path, Vec<u8>)> {
        let resolver = self.resolver(0);
        let parent = resolver.parent(start, path)?;
        let Last::Name(name) = parent.last else { return Err(Errno::EEXIST) };
        match resolver.child(&parent.directory, &name) {
            Ok(_) => Err(Errno::EEXIST),
            Err(Errno::ENOENT) if parent.trailing_slash && !is_directory => Err(Errno::ENOENT),
            Err(Errno::ENOENT) => Ok((parent.directory, name)),
            Err(e) => Err(e),
        }
    }

    /// mkdir(2).
    ///
    /// # Errors
    /// EEXIST, EACCES, ENOSPC, EROFS; as path_resolution(7).
    pub fn mkdir(&self, start: &Path, path: &[u8], mode: u32) -> Result<()> {
        let (directory, name) = self.new_name(start, path, true)?;
        self.make(&directory, &name, NewNode::Directory, mode & 0o1777).map(|_| ())
    }

    /// mknod(2).
    ///
    /// # Errors
    /// EPERM: only CAP_MKNOD makes devices; EINVAL; EEXIST; as path_resolution(7).
    pub fn mknod(&self, start: &Path, path: &[u8], mode: u32, device: u64) -> Result<()> {
        let file_type = match mode & S_IFMT {
            0 => FileType::Regular,
            _ => FileType::from_mode(mode).ok_or(Errno::EINVAL)?,
        };
        let node = match file_type {
            FileType::Regular => NewNode::Regular,
            FileType::Fifo => NewNode::Fifo,
            FileType::Socket => NewNode::Socket,
            FileType::CharacterDevice => NewNode::CharacterDevice(device),
            FileType::BlockDevice => NewNode::BlockDevice(device),
            FileType::Directory => return Err(Errno::EPERM),
            FileType::Symlink => return Err(Errno::EINVAL),
        };
        let (directory, name) = self.new_name(start, path, false)?;
        let is_device = matches!(file_type, FileType::CharacterDevice | FileType::BlockDevice);
        if is_device && !self.credentials.has(cap::MKNOD) {
            return Err(Errno::EPERM);
        }
        self.make(&directory, &name, node, mode & 0o7777).map(|_| ())
    }

    /// The name of a socket, for bind(2): the new inode's place. The caller puts the socket into
    /// [`crate::fs::inode::InodeState::attached`].
    ///
    /// # Errors
    /// As [`Caller::mknod`], but EEXIST is EADDRINUSE.
    pub fn make_socket(&self, start: &Path, path: &[u8]) -> Result<Path> {
        let (directory, name) = self.new_name(start, path, false).map_err(|e| match e {
            Errno::EEXIST => Errno::EADDRINUSE,
            e => e,
        })?;
        self.make(&directory, &name, NewNode::Socket, 0o777)
    }

    /// symlink(2).
    ///
    /// # Errors
    /// ENOENT: the target is empty; ENAMETOOLONG; EEXIST; as path_resolution(7).
    pub fn symlink(&self, target: &[u8], start: &Path, path: &[u8]) -> Result<()> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        if target.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let (directory, name) = self.new_name(start, path, false)?;
        self.make(&directory, &name, NewNode::Symlink(target), 0o777).map(|_| ())
    }
}
