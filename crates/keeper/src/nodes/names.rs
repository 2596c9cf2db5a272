//! Names: looking them up, making and removing them.

use super::{answer, changed, entry, path, tree};
use crate::bytes::BoundedSink;
use crate::client::ClientId;
use crate::descriptions;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::inode::{
    Creation, DirectoryEntry, FileType, Inode, NAME_MAX, NewNode, PATH_MAX, RENAME_EXCHANGE, RENAME_NOREPLACE,
};
use ramet_kcore::fs::notify;
use ramet_kcore::fs::path::Path;
use ramet_kcore::user::Sink;
use std::rc::Rc;

/// A single path component.
fn component(name: &[u8]) -> Result<&[u8]> {
    if name.len() > NAME_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    let bad = name.is_empty() || name == b"." || name == b".." || name.iter().any(|b| *b == 0 || *b == b'/');
    if bad { Err(Errno::EINVAL) } else { Ok(name) }
}

/// The directory that a request is about, and its file system's number.
fn directory(session: &Session, client: ClientId, id: u64) -> Result<(Path, usize)> {
    let entry = entry(session, client, id)?;
    if entry.path.inode().attributes()?.file_type != FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    Ok((entry.path.clone(), entry.tree))
}

pub fn walk(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let name = component(data)?;
    let (above, index) = directory(session, client, request.id)?;
    let dentry = tree::get(session, index)?.namespace.child(&above.dentry, name)?;
    answer(session, client, index, Path { mount: above.mount, dentry })
}

pub fn create(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let [mode, uid, gid, device, length, _] = request.arguments;
    let file_type = FileType::from_mode(mode as u32).ok_or(Errno::EINVAL)?;
    let creation = Creation { permissions: mode as u32 & 0o7777, uid: uid as u32, gid: gid as u32 };
    let (above, index) = directory(session, client, request.id)?;
    if request.flags != 0 {
        if request.flags & !3 != 0 || file_type != FileType::Regular {
            return Err(Errno::EINVAL);
        }
        let inode = above.inode().create_unnamed(creation, request.flags & 2 == 0)?;
        let shown = format!("/#{} (deleted)", inode.id().1);
        return answer(session, client, index, Path::anonymous(inode, shown.as_bytes()));
    }
    let (name, target) = match file_type {
        FileType::Symlink => data.split_at_checked(length as usize).ok_or(Errno::EINVAL)?,
        _ => (data, &[][..]),
    };
    let new = match file_type {
        FileType::Regular => NewNode::Regular,
        FileType::Directory => NewNode::Directory,
        FileType::Symlink if target.is_empty() || target.contains(&0) => return Err(Errno::EINVAL),
        FileType::Symlink if target.len() >= PATH_MAX => return Err(Errno::ENAMETOOLONG),
        FileType::Symlink => NewNode::Symlink(target),
        FileType::Fifo => NewNode::Fifo,
        FileType::Socket => NewNode::Socket,
        FileType::CharacterDevice => NewNode::CharacterDevice(device),
        FileType::BlockDevice => NewNode::BlockDevice(device),
    };
    let name = component(name)?;
    let inode = above.inode().create(name, new, creation)?;
    notify::created(&**above.inode(), name, &*inode, false);
    changed(session, &above);
    tree::get(session, index)?.namespace.note_cached();
    let dentry = above.dentry.add(name, inode);
    answer(session, client, index, Path { mount: above.mount, dentry })
}

pub fn unlink(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let name = component(data)?;
    let (above, index) = directory(session, client, request.id)?;
    let victim = match notify::is_on() {
        true => Some(tree::get(session, index)?.namespace.child(&above.dentry, name)?),
        false => None,
    };
    match request.flags {
        0 => above.inode().unlink(name)?,
        1 => above.inode().rmdir(name)?,
        _ => return Err(Errno::EINVAL),
    }
    let forget = |inode: Option<&dyn Inode>| {
        above.dentry.delete(name);
        if let Some(inode) = inode {
            descriptions::tell_if_gone(session, inode);
        }
    };
    match victim {
        Some(victim) => {
            let inode = victim.inode().clone();
            notify::removed(&**above.inode(), name, victim, || forget(Some(&*inode)));
        }
        None => forget(None),
    }
    changed(session, &above);
    Ok(Reply::default())
}

pub fn rename(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let length = usize::try_from(request.arguments[0]).map_err(|_| Errno::EINVAL)?;
    let (old, new) = data.split_at_checked(length).ok_or(Errno::EINVAL)?;
    let (old, new) = (component(old)?, component(new)?);
    let both = RENAME_NOREPLACE | RENAME_EXCHANGE;
    if request.flags & !both != 0 || request.flags & both == both {
        return Err(Errno::EINVAL);
    }
    let exchange = request.flags & RENAME_EXCHANGE != 0;
    let (from, index) = directory(session, client, request.id)?;
    let (to, other) = directory(session, client, request.other)?;
    if index != other {
        return Err(Errno::EXDEV);
    }
    let namespace = &tree::get(session, index)?.namespace;
    let source = namespace.child(&from.dentry, old)?;
    let target = match namespace.child(&to.dentry, new) {
        Ok(target) => Some(target),
        Err(Errno::ENOENT) if !exchange => None,
        Err(error) => return Err(error),
    };
    if request.flags & RENAME_NOREPLACE != 0 && target.is_some() {
        return Err(Errno::EEXIST);
    }
    // A directory must not become its own descendant: the asking kernel's view of what is above what may be old.
    if source.is_ancestor_of(&to.dentry) {
        return Err(Errno::EINVAL);
    }
    if let Some(target) = &target {
        if target.is_ancestor_of(&from.dentry) {
            return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        if target.inode().id() == source.inode().id() {
            return Ok(Reply::default());
        }
    }
    from.inode().rename(old, to.inode(), new, request.flags)?;
    if exchange {
        from.dentry.exchange(old, &to.dentry, new);
    } else {
        from.dentry.rename(old, &to.dentry, new);
    }
    let over = target.as_ref().filter(|_| !exchange).map(|target| target.inode().clone());
    notify::renamed((&**from.inode(), old), (&**to.inode(), new), &source, target, exchange);
    if let Some(over) = over.filter(|_| notify::is_on()) {
        descriptions::tell_if_gone(session, &*over);
    }
    changed(session, &from);
    changed(session, &to);
    Ok(Reply::default())
}

pub fn link(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    let name = component(data)?;
    let target = path(session, client, request.id)?;
    let (above, index) = directory(session, client, request.other)?;
    let target: &Rc<dyn Inode> = target.inode();
    above.inode().link(name, target)?;
    notify::created(&**above.inode(), name, &**target, true);
    tree::get(session, index)?.namespace.note_cached();
    above.dentry.add(name, target.clone());
    changed(session, &above);
    Ok(Reply::default())
}

pub fn read_link(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    *data = path(session, client, request.id)?.inode().read_link()?;
    Ok(Reply { result: data.len() as i64, ..Reply::default() })
}

pub fn read_directory(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let (above, _) = directory(session, client, request.id)?;
    data.clear();
    let mut sink = BoundedSink::new(data, request.wanted as usize);
    let mut failed = None;
    let mut full = false;
    above.inode().read_directory(request.arguments[0], &mut |entry| {
        let record = record(entry);
        if record.len() > sink.remaining() {
            full = true;
            return false;
        }
        failed = sink.put(&record).err();
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error),
        None if full && data.is_empty() => Err(Errno::EINVAL),
        None => Ok(Reply { result: data.len() as i64, ..Reply::default() }),
    }
}

/// A record of [`ramet_abi::hostfs::op::READDIR`].
fn record(entry: &DirectoryEntry<'_>) -> Vec<u8> {
    let mut record = Vec::with_capacity(24 + entry.name.len() + 7);
    record.extend_from_slice(&entry.inode.to_le_bytes());
    record.extend_from_slice(&entry.next.to_le_bytes());
    record.extend_from_slice(&(entry.file_type as u32).to_le_bytes());
    record.extend_from_slice(&(entry.name.len() as u32).to_le_bytes());
    record.extend_from_slice(entry.name);
    record.resize(record.len().next_multiple_of(8), 0);
    record
}

pub fn show(session: &mut Session, client: ClientId, request: &Request, data: &mut Vec<u8>) -> Result<Reply> {
    let path = path(session, client, request.id)?;
    if path.is_deleted() && request.arguments[0] != 1 {
        return Err(Errno::ENOENT);
    }
    *data = tree::display(session, &path);
    Ok(Reply { result: data.len() as i64, ..Reply::default() })
}
