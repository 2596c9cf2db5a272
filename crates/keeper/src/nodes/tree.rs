//! The file systems of a session, and taking over what was written before it began.

use super::pages::Heap;
use super::{answer, node_of};
use crate::client::ClientId;
use crate::session::Session;
use crate::sys;
use ramet_abi::session::{Reply, Request, tree};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::erofs::Image;
use ramet_kcore::fs::inode::Creation;
use ramet_kcore::fs::memfs::{Import, Limits, MemFs};
use ramet_kcore::fs::mount::{MountName, Namespace};
use ramet_kcore::fs::path::Path;
use std::os::fd::AsFd;
use std::rc::Rc;

/// Number of file systems.
pub const COUNT: usize = 3;
/// `st_dev` of the file systems of [`tree`], as the guest kernel has them.
const DEVICES: [u64; COUNT] = [0x100, 0x101, 0x102];
const NODES_MAX: u64 = 1 << 20;

/// One file system.
pub struct Tree {
    pub fs: Rc<MemFs>,
    pub namespace: Namespace,
    pub root: Path,
}

/// An import that is going on.
pub struct Running {
    pub client: ClientId,
    tree: usize,
    import: Import,
}

fn number(value: u64) -> Result<usize> {
    match value {
        tree::ROOT | tree::SHM | tree::MEMORY => Ok(value as usize),
        _ => Err(Errno::EINVAL),
    }
}

/// The file system, made when it is first asked for.
pub fn get(session: &mut Session, index: usize) -> Result<&Tree> {
    if session.nodes.trees[index].is_none() {
        let image = match (&session.image, index as u64) {
            (Some(file), tree::ROOT) => {
                let bytes = sys::map_image(file.as_fd()).map_err(|_| Errno::EIO)?;
                Some(Image::new(bytes)?)
            }
            _ => None,
        };
        let limits = Limits { bytes: session.file_bytes_max, nodes: NODES_MAX };
        let permissions = if index as u64 == tree::SHM { 0o1777 } else { 0o755 };
        let creation = Creation { permissions, uid: 0, gid: 0 };
        let clock = Rc::new(|| sys::clock(libc::CLOCK_REALTIME) as i64);
        let (fs, root) = MemFs::new(DEVICES[index], image, Rc::new(Heap), clock, limits, creation)?;
        if index as u64 == tree::ROOT {
            fs.set_listener(session.nodes.touched.clone());
        }
        let namespace = Namespace::new();
        let root = namespace.mount_root(root, MountName::default());
        session.nodes.trees[index] = Some(Tree { fs, namespace, root });
    }
    session.nodes.trees[index].as_ref().ok_or(Errno::EIO)
}

/// [`ramet_abi::session::op::ROOT`].
pub fn root(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let index = number(request.arguments[0])?;
    let root = get(session, index)?.root.clone();
    answer(session, client, index, root)
}

/// [`ramet_abi::session::op::IMPORT`].
pub fn import(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    session.client(client)?;
    if request.flags == 2 {
        session.nodes.imported.retain(|(importer, ..)| *importer != client);
        return Ok(Reply::default());
    }
    let index = number(request.arguments[0])?;
    if request.flags > 1 {
        return Err(Errno::EINVAL);
    }
    let mut running = match session.nodes.import.take() {
        Some(running) if running.client == client && running.tree == index => running,
        Some(other) => {
            session.nodes.import = Some(other);
            return Err(Errno::EBUSY);
        }
        None => {
            let fs = &get(session, index)?.fs;
            Running { client, tree: index, import: Import::new(fs)? }
        }
    };
    let fed = running.import.feed(data);
    if fed.is_ok() && request.flags == 1 {
        session.nodes.import = Some(running);
        return Ok(Reply::default());
    }
    let imported = match fed.and_then(|()| running.import.finish()) {
        Ok(imported) => imported,
        Err(error) => {
            // What has come so far is of no use: begin again with an empty one.
            session.nodes.trees[index] = None;
            return Err(error);
        }
    };
    session.nodes.imported.push((client, index, imported.nodes));
    session.names_changed();
    Ok(Reply::default())
}

/// [`ramet_abi::session::op::INODE`].
pub fn inode(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let index = number(request.arguments[0])?;
    session.client(client)?;
    let imported = &session.nodes.imported;
    let here = imported.iter().filter(|(importer, tree, _)| *importer == client && *tree == index);
    let node = here.filter_map(|(.., nodes)| nodes.get(&request.arguments[1])).next().ok_or(Errno::ENOENT)?;
    let path = Path::anonymous(node.clone(), &data[..data.len().min(4096)]);
    node_of(&path)?;
    answer(session, client, index, path)
}

/// The path as seen from the root of the session's file system.
pub fn display(session: &Session, path: &Path) -> Vec<u8> {
    let trees = session.nodes.trees.iter().zip(0u64..);
    let mut named = trees.filter_map(|(tree, index)| Some((tree.as_ref()?, index)));
    match named.find(|(tree, _)| Rc::ptr_eq(&tree.root.mount, &path.mount)) {
        Some((tree, index)) => {
            let mut shown = path.display(&tree.root);
            if index == tree::SHM {
                let below = if shown == b"/" { Vec::new() } else { shown };
                shown = [&b"/dev/shm"[..], &below].concat();
            }
            shown
        }
        // In no directory: it has only what is shown for it.
        None => path.dentry.name().to_vec(),
    }
}

/// The file system of the session that the place is in.
pub fn tree_of(session: &Session, path: &Path) -> Option<usize> {
    let node = node_of(path).ok()?;
    session
        .nodes
        .trees
        .iter()
        .position(|tree| tree.as_ref().is_some_and(|tree| Rc::ptr_eq(&tree.fs, node.file_system())))
}
