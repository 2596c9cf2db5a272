//! Memory files, and files that VMs map.

use super::{answer, encode, path, tree};
use crate::client::ClientId;
use crate::session::Session;
use crate::sys;
use ramet_abi::session::{Reply, Request, tree as trees};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_RDWR;
use ramet_kcore::fs::inode::Inode;
use ramet_kcore::fs::memfs::{Backing, create_memfd};
use ramet_kcore::fs::path::Path;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::rc::{Rc, Weak};

const MFD_CLOEXEC: u32 = 1;
const MFD_ALLOW_SEALING: u32 = 2;
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 16;
/// Longest name (MFD_NAME_MAX_LEN).
const NAME_MAX: usize = 249;

/// A file of the host that holds the data of one of the session's.
#[derive(Debug)]
pub struct HostMemory(File);

fn failed(error: io::Error) -> Errno {
    match error.raw_os_error() {
        Some(libc::ENOSPC | libc::ENOMEM) => Errno::ENOSPC,
        Some(libc::EFBIG) => Errno::EFBIG,
        Some(libc::ENXIO) => Errno::ENXIO,
        _ => Errno::EIO,
    }
}

impl Backing for HostMemory {
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        self.0.read_at(into, offset).map_err(failed)
    }
    fn write(&self, offset: u64, from: &[u8]) -> Result<()> {
        self.0.write_all_at(from, offset).map_err(failed)
    }
    fn resize(&self, size: u64) -> Result<()> {
        self.0.set_len(size).map_err(failed)
    }
    fn punch(&self, from: u64, to: u64) -> Result<()> {
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        if from < to { sys::allocate(self.0.as_fd(), mode, from, to - from).map_err(failed) } else { Ok(()) }
    }
    fn allocate(&self, from: u64, to: u64) -> Result<()> {
        let mode = libc::FALLOC_FL_KEEP_SIZE;
        if from < to { sys::allocate(self.0.as_fd(), mode, from, to - from).map_err(failed) } else { Ok(()) }
    }
    fn seek(&self, offset: u64, wants_data: bool) -> Result<u64> {
        let whence = if wants_data { libc::SEEK_DATA } else { libc::SEEK_HOLE };
        sys::seek(self.0.as_fd(), offset, whence).map_err(failed)
    }
    fn blocks(&self) -> u64 {
        sys::status(self.0.as_fd()).map_or(0, |status| status.st_blocks as u64)
    }
}

/// Files whose data are in memory of the host, by device and inode number.
#[derive(Debug, Default)]
pub struct Shared {
    files: BTreeMap<(u64, u64), Weak<HostMemory>>,
    /// Shared writable mappings that VMs have, by node.
    writable: BTreeMap<(ClientId, u64), u32>,
}

/// The memory that holds the data of a file that VMs map.
///
/// # Errors
/// EBADF; EINVAL: nobody maps it.
pub(crate) fn memory(session: &Session, client: ClientId, id: u64) -> Result<Rc<HostMemory>> {
    let key = path(session, client, id)?.inode().id();
    session.nodes.shared.files.get(&key).and_then(Weak::upgrade).ok_or(Errno::EINVAL)
}

impl HostMemory {
    /// The file.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A copy of memory that VMs share.
#[derive(Debug)]
pub struct CopiedMemory {
    /// Where the keeper has what was copied.
    number: RawFd,
    /// What VMs know that by.
    pub inode: u64,
    copy: OwnedFd,
}

impl CopiedMemory {
    /// In a copy of the keeper: the copy takes its place.
    ///
    /// # Errors
    /// Those of dup3(2).
    pub fn settle(self) -> io::Result<(u64, RawFd)> {
        sys::replace(self.copy.as_fd(), self.number)?;
        Ok((self.inode, self.number))
    }
}

/// Copies of all memory that VMs share, which nobody writes meanwhile.
///
/// # Errors
/// Those of [`sys::copy_memory`].
pub(crate) fn copy_all(session: &Session) -> io::Result<Vec<CopiedMemory>> {
    let copy = |memory: Rc<HostMemory>| {
        Ok(CopiedMemory {
            number: memory.0.as_raw_fd(),
            inode: sys::status(memory.fd())?.st_ino,
            copy: sys::copy_memory(memory.fd(), c"ramet-shared")?,
        })
    };
    session.nodes.shared.files.values().filter_map(Weak::upgrade).map(copy).collect()
}

/// Descriptors of all memory that VMs share.
pub(crate) fn descriptors(session: &Session) -> Vec<RawFd> {
    session.nodes.shared.files.values().filter_map(Weak::upgrade).map(|memory| memory.0.as_raw_fd()).collect()
}

const WRITABLE: u32 = 1;

pub fn share(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let path = path(session, client, request.id)?;
    let node = super::node_of(&path)?;
    let file = node.rc()?.open(O_RDWR)?;
    match request.flags {
        0 => {}
        WRITABLE => note_mapped(session, client, request.id, &*file)?,
        _ => return Err(Errno::EINVAL),
    }
    let key = path.inode().id();
    let memory = match session.nodes.shared.files.get(&key).and_then(Weak::upgrade) {
        Some(memory) => memory,
        None => {
            let memory = sys::memory_file(c"ramet-shared").map_err(|_| Errno::ENFILE)?;
            let memory = Rc::new(HostMemory(File::from(memory)));
            node.relocate(memory.clone())?;
            let files = &mut session.nodes.shared.files;
            files.retain(|_, memory| memory.strong_count() > 0);
            files.insert(key, Rc::downgrade(&memory));
            memory
        }
    };
    session.client_mut(client)?.shares_memory = true;
    let passed = memory.0.try_clone().map_err(|_| Errno::ENFILE)?;
    session.pass(passed.into());
    Ok(Reply { stat: encode(&path.inode().stat()?), ..Reply::default() })
}

/// A VM has a shared writable mapping more.
fn note_mapped(
    session: &mut Session,
    client: ClientId,
    id: u64,
    file: &dyn ramet_kcore::file::File,
) -> Result<()> {
    file.note_shared_writable(1)?;
    *session.nodes.shared.writable.entry((client, id)).or_default() += 1;
    Ok(())
}

/// [`ramet_abi::session::op::MAPPED`].
pub fn mapped(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let path = path(session, client, request.id)?;
    let file = super::node_of(&path)?.rc()?.open(O_RDWR)?;
    note_mapped(session, client, request.id, &*file)?;
    Ok(Reply::default())
}

/// [`ramet_abi::session::op::UNMAP`].
pub fn unmap(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    path(session, client, request.id)?;
    let mappings = (client, request.id);
    let count = session.nodes.shared.writable.get_mut(&mappings).ok_or(Errno::EINVAL)?;
    *count -= 1;
    if *count == 0 {
        session.nodes.shared.writable.remove(&mappings);
    }
    note(session, request.id, -1);
    Ok(Reply::default())
}

/// `child` is a copy of `parent`, with its mappings.
pub fn inherit(session: &mut Session, parent: ClientId, child: ClientId) {
    let shares = session.clients.get(parent).is_some_and(|parent| parent.shares_memory);
    if let Some(child) = session.clients.get_mut(child) {
        child.shares_memory = shares;
    }
    let mappings = &session.nodes.shared.writable;
    let range = mappings.range((parent, 0)..=(parent, u64::MAX));
    let copied: Vec<(u64, u32)> = range.map(|((_, id), count)| (*id, *count)).collect();
    for (id, count) in copied {
        note(session, id, count as i32);
        session.nodes.shared.writable.insert((child, id), count);
    }
}

/// The mappings of a VM are gone.
pub fn client_gone(session: &mut Session, client: ClientId) {
    let range = session.nodes.shared.writable.range((client, 0)..=(client, u64::MAX));
    let gone: Vec<(u64, u32)> = range.map(|((_, id), count)| (*id, *count)).collect();
    for (id, count) in gone {
        session.nodes.shared.writable.remove(&(client, id));
        note(session, id, -(count as i32));
    }
}

fn note(session: &Session, id: u64, change: i32) {
    let Some(entry) = session.nodes.entries.get(&id) else { return };
    if let Ok(file) = entry.path.inode().clone().open(O_RDWR) {
        // A seal that came in between is no reason for a copy of a mapping not to be one.
        let _ = file.note_shared_writable(change);
    }
}

pub fn create(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let flags = request.flags;
    let both = MFD_NOEXEC_SEAL | MFD_EXEC;
    if flags & !(MFD_CLOEXEC | MFD_ALLOW_SEALING | both) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    if data.len() > NAME_MAX {
        return Err(Errno::EINVAL);
    }
    let index = trees::MEMORY as usize;
    let fs = &tree::get(session, index)?.fs;
    let sealing = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) != 0;
    let [uid, gid, ..] = request.arguments;
    let node = create_memfd(fs, uid as u32, gid as u32, sealing, flags & MFD_NOEXEC_SEAL == 0)?;
    let shown = [b"/memfd:", data, b" (deleted)"].concat();
    answer(session, client, index, Path::anonymous(node, &shown))
}

pub fn seals(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let add = u32::try_from(request.arguments[0]).map_err(|_| Errno::EINVAL)?;
    let file = path(session, client, request.id)?.inode().clone().open(O_RDWR)?;
    Ok(Reply { result: i64::from(file.seals(add)?), ..Reply::default() })
}
