//! What a process has read and written, for /proc/PID/io: wrappers of the calls that Linux counts (`vfs_read`, `vfs_write`).

use super::{Call, Handler, file, io, vectors};
use crate::task::process::Transferred;
use crate::task::sched;
use core::cell::Cell;
use ramet_kcore::errno::{Errno, Result};

/// Whether a call got as far as to the file, which is where Linux counts it.
fn is_counted(result: &Result<i64>) -> bool {
    !matches!(result, Err(Errno::EBADF | Errno::EINVAL | Errno::ESPIPE | Errno::EOPNOTSUPP))
}

/// The counts of calls and bytes of one direction.
type Side = fn(&Transferred) -> (&Cell<u64>, &Cell<u64>);

fn count(result: &Result<i64>, sides: &[Side]) {
    if !is_counted(result) {
        return;
    }
    let done = result.as_ref().map_or(0, |done| *done as u64);
    sched::with_current(|thread| {
        for side in sides {
            let (calls, bytes) = side(&thread.process.transferred);
            calls.set(calls.get() + 1);
            bytes.set(bytes.get() + done);
        }
    });
}

fn reading(all: &Transferred) -> (&Cell<u64>, &Cell<u64>) {
    (&all.read_calls, &all.read_bytes)
}

fn writing(all: &Transferred) -> (&Cell<u64>, &Cell<u64>) {
    (&all.write_calls, &all.written_bytes)
}

fn reads(call: &mut Call<'_>, handler: Handler) -> Result<i64> {
    let result = handler(call);
    count(&result, &[reading]);
    result
}

fn writes(call: &mut Call<'_>, handler: Handler) -> Result<i64> {
    let result = handler(call);
    count(&result, &[writing]);
    result
}

fn copies(call: &mut Call<'_>, handler: Handler) -> Result<i64> {
    let result = handler(call);
    count(&result, &[reading, writing]);
    result
}

macro_rules! counted {
    ($($how:ident $name:ident = $handler:path;)*) => {
        $(
            #[doc = concat!(stringify!($name), "(2), counted.")]
            pub fn $name(call: &mut Call<'_>) -> Result<i64> {
                $how(call, $handler)
            }
        )*
    };
}

counted! {
    reads read = io::read;
    reads pread64 = io::pread64;
    reads readv = vectors::readv;
    reads preadv = vectors::preadv;
    reads preadv2 = vectors::preadv2;
    writes write = io::write;
    writes pwrite64 = io::pwrite64;
    writes writev = vectors::writev;
    writes pwritev = vectors::pwritev;
    writes pwritev2 = vectors::pwritev2;
    copies sendfile = file::copy::sendfile;
    copies copy_file_range = file::copy::copy_file_range;
}
