//! `/proc/self/mem`: the program's memory as a file, whose offsets are addresses (proc(5)).

use crate::arch::user;
use core::any::Any;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::stat::{S_IFREG, Stat};
use ramet_kcore::user::{Sink, Source};

const CHUNK: usize = 4096;

/// The memory of the VM's process. What the program itself cannot read or write is EIO here, too: Linux would give a private
/// copy of a read-only page.
pub struct Memory;

impl File for Memory {
    fn read(&self, offset: u64, into: &mut dyn Sink, _: u32) -> Result<usize> {
        let mut part = [0; CHUNK];
        let mut done = 0;
        while into.remaining() != 0 {
            let wanted = CHUNK.min(into.remaining());
            let got = user::read_some(offset as usize + done, &mut part[..wanted]);
            if got == 0 {
                break;
            }
            let put = into.put(&part[..got])?;
            done += put;
            if put < wanted {
                break;
            }
        }
        if done == 0 && into.remaining() != 0 { Err(Errno::EIO) } else { Ok(done) }
    }

    fn write(&self, offset: u64, from: &mut dyn Source, _: u32) -> Result<usize> {
        let mut part = [0; CHUNK];
        let mut done = 0;
        while from.remaining() != 0 {
            let wanted = CHUNK.min(from.remaining());
            let taken = from.take(&mut part[..wanted])?;
            let put = user::write_some(offset as usize + done, &part[..taken]);
            done += put;
            if put == 0 && done == 0 {
                return Err(Errno::EIO);
            }
            if put < wanted {
                break;
            }
        }
        Ok(done)
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat { mode: S_IFREG | 0o600, links: 1, block_size: 1024, ..Stat::default() })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
