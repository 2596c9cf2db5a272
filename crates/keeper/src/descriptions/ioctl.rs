//! ioctl(2), whose argument's memory comes along.

use super::get;
use crate::client::ClientId;
use crate::session::Session;
use ramet_abi::session::{Reply, Request};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_NONBLOCK;
use ramet_kcore::fs::inode::FileType;
use ramet_kcore::ipc::object::requests::FIONREAD;
use ramet_kcore::user::UserMemory;
use std::cell::{Cell, RefCell};

const FIONBIO: u32 = 0x5421;
/// Most bytes that an answer may have.
const ROOM: usize = 4096;

/// What the argument points to: as much as came along can be read, and a page written.
struct Argument {
    base: usize,
    bytes: RefCell<Vec<u8>>,
    given: usize,
    written: Cell<usize>,
}

impl UserMemory for Argument {
    fn read(&self, from: usize, to: &mut [u8]) -> Result<()> {
        let start = from.checked_sub(self.base).ok_or(Errno::EFAULT)?;
        let end = start.checked_add(to.len()).filter(|end| *end <= self.given).ok_or(Errno::EFAULT)?;
        to.copy_from_slice(&self.bytes.borrow()[start..end]);
        Ok(())
    }

    fn write(&self, to: usize, from: &[u8]) -> Result<()> {
        let start = to.checked_sub(self.base).ok_or(Errno::EFAULT)?;
        let end = start.checked_add(from.len()).filter(|end| *end <= ROOM).ok_or(Errno::EFAULT)?;
        let mut bytes = self.bytes.borrow_mut();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(from);
        self.written.set(self.written.get().max(end));
        Ok(())
    }
}

pub fn ioctl(
    session: &mut Session,
    client: ClientId,
    request: &Request,
    data: &mut Vec<u8>,
) -> Result<Reply> {
    let file = get(session, client, request.id)?;
    if file.is_path_only() {
        return Err(Errno::EBADF);
    }
    crate::objects::begin_job(session, request, &file);
    let [number, raw, ..] = request.arguments;
    let (number, raw) = (number as u32, raw as usize);
    let bytes = std::mem::take(data);
    let argument =
        Argument { base: raw, given: bytes.len(), bytes: RefCell::new(bytes), written: Cell::new(0) };
    let result = match number {
        FIONBIO => {
            let mut on = [0; 4];
            argument.read(raw, &mut on)?;
            let on = if on == [0; 4] { 0 } else { O_NONBLOCK };
            file.set_flags(file.flags() & !O_NONBLOCK | on);
            0
        }
        FIONREAD if is_regular(&file) => {
            let left = file.file().size()?.saturating_sub(file.offset());
            argument.write(raw, &(left as i32).to_le_bytes())?;
            0
        }
        _ => file.file().ioctl(number, raw, &argument)?,
    };
    let written = argument.written.get();
    *data = argument.bytes.into_inner();
    data.truncate(written);
    Ok(Reply { result, ..Reply::default() })
}

fn is_regular(file: &ramet_kcore::fs::open_file::OpenFile) -> bool {
    let attributes = file.inode().map(|inode| inode.attributes());
    matches!(attributes, Some(Ok(attributes)) if attributes.file_type == FileType::Regular)
}
