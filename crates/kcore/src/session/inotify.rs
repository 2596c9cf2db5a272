//! inotify(7) instances in the keeper, where what happens to the session's files is known.

use super::client::Client;
use super::inode::SessionInode;
use super::remote::RemoteFile;
use super::traits::Traits;
use crate::errno::Result;
use crate::fs::path::Path;
use crate::ipc::inotify::Inotify;
use alloc::rc::Rc;
use ramet_abi::session::{Request, op};

/// INOTIFY_WATCH: the watch is over.
const END: u32 = 1;

impl RemoteFile {
    /// A new instance, with open(2)'s `flags`.
    ///
    /// # Errors
    /// What the keeper answers.
    pub fn inotify(client: &Rc<Client>, flags: u32) -> Result<Rc<RemoteFile>> {
        Self::make_inotify(client, flags, 0, &[])
    }

    fn make_inotify(client: &Rc<Client>, flags: u32, last: i32, unread: &[u8]) -> Result<Rc<RemoteFile>> {
        let arguments = [last as u64, 0, 0, 0, 0, 0];
        let request = Request { operation: op::INOTIFY, flags, arguments, ..Request::default() };
        let id = client.call(&request, unread)?.result as u64;
        Ok(RemoteFile::new(client, id, Traits::EVENT, None))
    }

    /// An instance that was this kernel's, with open(2)'s `flags`. The files have moved before.
    pub(super) fn move_inotify(
        client: &Rc<Client>,
        instance: &Inotify,
        flags: u32,
    ) -> Result<Rc<RemoteFile>> {
        let remote = Self::make_inotify(client, flags, instance.last_number(), &instance.unread())?;
        for watch in instance.watches() {
            remote.put_watch(watch.mask.get(), watch.number, watch.inode, watch.place().as_ref())?;
        }
        Ok(remote)
    }

    /// inotify_add_watch(2) for the file at `path`. The watch's number.
    ///
    /// # Errors
    /// As there.
    pub fn inotify_watch(&self, path: &Path, mask: u32) -> Result<i32> {
        self.put_watch(mask, 0, path.inode().id(), Some(path))
    }

    fn put_watch(&self, mask: u32, number: i32, inode: (u64, u64), path: Option<&Path>) -> Result<i32> {
        let node = path.and_then(|path| path.inode().as_any().downcast_ref::<SessionInode>());
        // Of other file systems the keeper hears nothing.
        let node = node.map_or(Ok(0), SessionInode::node)?;
        let arguments = [u64::from(mask), number as u64, inode.0, inode.1];
        let request = Request { other: node, ..self.request(op::INOTIFY_WATCH, 0, &arguments) };
        Ok(self.client().call(&request, &[])?.result as i32)
    }

    /// inotify_rm_watch(2).
    ///
    /// # Errors
    /// EINVAL: it has no such watch, or is no instance.
    pub fn inotify_unwatch(&self, number: i32) -> Result<()> {
        self.call(op::INOTIFY_WATCH, END, &[0, number as u64]).map(|_| ())
    }
}

impl Client {
    /// Whether somebody in the session may want to know who opens and reads files.
    pub(super) fn is_watched(&self) -> bool {
        self.control().watched.load(core::sync::atomic::Ordering::Acquire) != 0
    }
}
