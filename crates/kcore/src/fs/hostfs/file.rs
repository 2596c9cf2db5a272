//! Open files of the host.

use super::inode::HostInode;
use crate::errno::{Errno, Result};
use crate::file::{File, Page};
use crate::fs::inode::{FileType, Inode, SetAttributes};
use crate::stat::Stat;
use crate::user::{Sink, Source};
use alloc::rc::Rc;
use core::any::Any;
use ramet_abi::hostfs::{Request, op};

pub(super) struct HostFile {
    inode: Rc<HostInode>,
}

impl HostFile {
    pub(super) fn new(inode: Rc<HostInode>) -> Self {
        HostFile { inode }
    }

    fn check_regular(&self) -> Result<()> {
        match self.inode.attributes()?.file_type {
            FileType::Directory => Err(Errno::EISDIR),
            _ => Ok(()),
        }
    }
}

impl File for HostFile {
    fn read(&self, offset: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        self.check_regular()?;
        let fs = &self.inode.fs;
        let mut done = 0;
        while into.remaining() > 0 {
            let length = into.remaining().min(fs.data().len());
            let request = Request {
                offset: offset + done as u64,
                length: length as u64,
                ..self.inode.request(op::READ)
            };
            let got = match fs.call_value(request) {
                Ok((got, _)) => (got as usize).min(length),
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            };
            if got == 0 {
                break;
            }
            match into.put(&fs.data()[..got]) {
                Ok(n) => {
                    done += n;
                    if n < got || got < length {
                        break;
                    }
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn write(&self, offset: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        self.check_regular()?;
        let fs = &self.inode.fs;
        let mut done = 0;
        while from.remaining() > 0 {
            let length = from.remaining().min(fs.data().len());
            let taken = match from.take(&mut fs.data()[..length]) {
                Ok(taken) => taken,
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            };
            let request = Request {
                offset: offset + done as u64,
                length: taken as u64,
                ..self.inode.request(op::WRITE)
            };
            match fs.call_value(request) {
                Ok((put, _)) => {
                    done += (put as usize).min(taken);
                    if put < length as u64 {
                        break;
                    }
                }
                // The descriptor is open for writing here: the VMM has made the volume read-only since (a clone).
                Err(Errno::EBADF) if done == 0 => return Err(Errno::EROFS),
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Inode::stat(&*self.inode)
    }

    fn size(&self) -> Result<u64> {
        Ok(self.inode.refresh()?.size)
    }

    fn truncate(&self, size: u64) -> Result<()> {
        self.check_regular()?;
        self.inode.set_attributes(&SetAttributes { size: Some(size), ..SetAttributes::default() })
    }

    fn page(&self, index: u64, for_write: bool) -> Result<Rc<dyn Page>> {
        self.check_regular().map_err(|_| Errno::ENODEV)?;
        self.inode.page(index, for_write)
    }

    fn allocate(&self, mode: u32, offset: u64, length: u64) -> Result<()> {
        // The protocol has no request for it. Growing a file is what most programs want of it; they cope without.
        let _ = (mode, offset, length);
        Err(Errno::EOPNOTSUPP)
    }

    fn sync(&self) -> Result<()> {
        self.inode.fs.call(self.inode.request(op::FSYNC)).map(|_| ())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
