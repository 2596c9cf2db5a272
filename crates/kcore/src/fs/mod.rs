//! File systems: the namespace, regular files, open file descriptions, descriptor tables.
//!
//! From the bottom up: [`inode::Inode`] is what a file system gives ([`memfs`] over [`erofs`], procfs, host directories);
//! [`dentry`], [`mount`] and [`resolve`] make one tree of names of them; [`ops::Caller`] are the calls that take paths;
//! [`open_file::OpenFile`] are those that take descriptors, which [`fd_table::FdTable`] keeps.
//!
//! Apart from each other are what fork(2) shares ([`ops::Vfs`], inodes, open file descriptions; each shared object has an
//! [`object::ObjectId`]) and what it copies ([`ops::FsContext`], [`credentials::Credentials`], [`fd_table::FdTable`]: all `Clone`).
//!
//! ```
//! # use std::rc::Rc;
//! # use ramet_kcore::{errno::Result, file::{Page, PageSource, flags::*}, user::{SliceSink, SliceSource}};
//! # use ramet_kcore::fs::{credentials::Credentials, device::Devices, fd_table::FdTable, inode::{Clock, Creation},
//! #     memfs::{Limits, MemFs}, mount::{MountName, Namespace}, open_file::Writer, ops::{AT_FDCWD, Caller, FsContext, OpenHow, Vfs}};
//! # #[repr(align(4096))] struct Memory([u8; 4096]);
//! # struct P(Box<Memory>);
//! # impl Page for P { fn address(&self) -> usize { self.0.0.as_ptr() as usize } fn is_read_only(&self) -> bool { false } }
//! # struct Pages;
//! # impl PageSource for Pages { fn zeroed(&self) -> Result<Rc<dyn Page>> { Ok(Rc::new(P(Box::new(Memory([0; 4096]))))) } }
//! # fn main() -> Result<()> {
//! // Once: the root file system. With an image: `Some(erofs::Image::new(bytes)?)` in the place of `None`.
//! let clock: Clock = Rc::new(|| 1_700_000_000_000_000_000);
//! let limits = Limits { bytes: 64 << 20, nodes: 10_000 };
//! let owner = Creation { permissions: 0o755, uid: 0, gid: 0 };
//! let (_fs, root) = MemFs::new(1, None, Rc::new(Pages), clock.clone(), limits, owner)?;
//! let vfs = Vfs { namespace: Namespace::new(), devices: Devices::new(), clock };
//! let root = vfs.namespace.mount_root(root, MountName { source: b"ramet", file_system: b"erofs", flags: 0 });
//!
//! // For each process: context, credentials, descriptors.
//! let (context, credentials) = (FsContext::new(root), Credentials::root());
//! let mut table = FdTable::new();
//!
//! // A call: openat(AT_FDCWD, "hello", O_RDWR | O_CREAT, 0666).
//! let caller = Caller { vfs: &vfs, context: &context, credentials: &credentials };
//! let start = context.start(&table, AT_FDCWD, b"hello")?;
//! let how = OpenHow { flags: O_RDWR | O_CREAT, mode: 0o666, resolve: 0 };
//! let fd = table.insert(caller.open(&start, b"hello", how)?, false, 1024)?;
//!
//! let writer = Writer { credentials: &credentials, size_limit: u64::MAX };
//! assert_eq!(table.get(fd)?.write(&mut SliceSource(b"hello, world"), &writer)?, 12);
//! let mut bytes = [0; 5];
//! table.get(fd)?.read_at(7, &mut SliceSink::new(&mut bytes))?;
//! assert_eq!(&bytes, b"world");
//!
//! let how = OpenHow { flags: O_RDONLY | O_DIRECTORY, ..OpenHow::default() };
//! let directory = caller.open(&start, b"/", how)?;
//! let mut records = [0; 1024]; // three `struct linux_dirent64`: ".", "..", "hello"
//! assert_eq!(directory.read_directory(&mut SliceSink::new(&mut records))?, 24 + 24 + 32);
//!
//! // close(2): what it returns is dropped when the table is no longer borrowed.
//! drop(table.close(fd)?);
//! # Ok(()) }
//! ```
pub mod anonymous;
pub mod credentials;
pub mod dentry;
pub mod devfs;
pub mod device;
pub mod encode;
pub mod erofs;
pub mod fd_table;
pub mod hostfs;
pub mod inode;
mod inode_state;
pub mod locks;
pub mod memfs;
pub mod mount;
pub mod notify;
pub mod object;
pub mod open_file;
pub mod ops;
pub mod path;
pub mod permission;
pub mod procfs;
pub mod resolve;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
