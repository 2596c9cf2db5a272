//! inotify(7) over files of the session.

use super::describe;
use crate::client::ClientId;
use crate::descriptions::get;
use crate::nodes;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::{O_NONBLOCK, O_RDONLY};
use ramet_kcore::ipc::inotify::{Inotify, Target};

const END: u32 = 1;

pub fn create(session: &mut Session, client: ClientId, request: &Request, data: &[u8]) -> Result<Reply> {
    if request.flags & !O_NONBLOCK != 0 {
        return Err(Errno::EINVAL);
    }
    let instance = Inotify::new()?;
    instance.refill(request.arguments[0] as i32, data)?;
    let id = describe(session, client, instance, request.flags | O_RDONLY)?;
    Ok(Reply { result: id as i64, ..Reply::default() })
}

pub fn watch(session: &mut Session, client: ClientId, request: &Request) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    let instance = Inotify::of(&**file.file()).ok_or(Errno::EINVAL)?;
    let [mask, number, device, inode, ..] = request.arguments;
    let (mask, number) = (mask as u32, number as i32);
    if request.flags == END {
        instance.unwatch(number)?;
        return Ok(Reply::default());
    }
    let target = match request.other {
        0 => Target { inode: (device, inode), place: None },
        node => {
            let place = nodes::path(session, client, node)?;
            Target { inode: place.inode().id(), place: Some(place) }
        }
    };
    let number = if number > 0 {
        instance.restore(number, target, mask)?;
        number
    } else {
        instance.watch(target, mask)?
    };
    nodes::are_watched(session);
    Ok(Reply { result: i64::from(number), ..Reply::default() })
}
