//! Attributes of nodes.

use super::{changed, encode, path};
use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::hostfs::set;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::fs::inode::{NAME_MAX, SetAttributes};
use ramet_kcore::fs::notify::{self, event::ATTRIB};

/// Largest value of an extended attribute (XATTR_SIZE_MAX).
const VALUE_MAX: usize = 65536;

pub fn stat(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let stat = encode(&path(session, client, request.id)?.inode().stat()?);
    Ok(Reply { stat, ..Reply::default() })
}

/// What a request changes.
///
/// # Errors
/// EINVAL.
pub(crate) fn decode(request: &Request) -> Result<SetAttributes> {
    let known = set::MODE | set::OWNER | set::SIZE | set::ACCESSED | set::MODIFIED;
    if request.flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let [mode, uid, gid, size, accessed, modified] = request.arguments;
    let on = |bit: u32| request.flags & bit != 0;
    let owner = |id: u64| (on(set::OWNER) && id as u32 != u32::MAX).then_some(id as u32);
    Ok(SetAttributes {
        permissions: on(set::MODE).then_some(mode as u32 & 0o7777),
        uid: owner(uid),
        gid: owner(gid),
        size: on(set::SIZE).then_some(size),
        accessed: on(set::ACCESSED).then_some(accessed as i64),
        modified: on(set::MODIFIED).then_some(modified as i64),
    })
}

pub fn set(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let change = decode(request)?;
    let on = |bit: u32| request.flags & bit != 0;
    let place = path(session, client, request.id)?;
    place.inode().set_attributes(&change)?;
    notify::changed(&place, &change);
    if on(set::MODE | set::OWNER) {
        changed(session, &place);
    }
    Ok(Reply { stat: encode(&place.inode().stat()?), ..Reply::default() })
}

pub fn xattr(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let place = path(session, client, request.id)?;
    let inode = place.inode();
    let input = std::mem::take(data);
    let checked = |name: &[u8]| match name.len() {
        0 => Err(Errno::ERANGE),
        length if length > NAME_MAX => Err(Errno::ERANGE),
        _ if name.contains(&0) => Err(Errno::EINVAL),
        _ => Ok(()),
    };
    match request.flags {
        1 => {
            checked(&input)?;
            *data = inode.get_xattr(&input)?;
        }
        2 => *data = inode.list_xattrs()?,
        3 => {
            let length = usize::try_from(request.arguments[0]).map_err(|_| Errno::EINVAL)?;
            let (name, value) = input.split_at_checked(length).ok_or(Errno::EINVAL)?;
            checked(name)?;
            if value.len() > VALUE_MAX {
                return Err(Errno::E2BIG);
            }
            inode.set_xattr(name, Some(value), request.arguments[1] as u32)?;
            notify::file(&place, ATTRIB);
        }
        4 => {
            checked(&input)?;
            inode.set_xattr(&input, None, 0)?;
            notify::file(&place, ATTRIB);
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(Reply { result: data.len() as i64, ..Reply::default() })
}

pub fn statfs(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let fs = path(session, client, request.id)?.inode().statfs()?;
    let values = [fs.magic, fs.block_size, fs.blocks, fs.free, fs.files, fs.files_free, fs.id, 0];
    Ok(Reply { values, ..Reply::default() })
}
