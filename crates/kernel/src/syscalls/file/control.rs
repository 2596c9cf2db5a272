//! fcntl(2).

use super::{locks, signal_io};
use crate::arch::user;
use crate::syscalls::Call;
use crate::task::process::resource;
use crate::task::sched;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_ASYNC;
use ramet_kcore::ipc::pipe::PipeEnd;

mod command {
    pub const DUPFD: i32 = 0;
    pub const GETFD: i32 = 1;
    pub const SETFD: i32 = 2;
    pub const GETFL: i32 = 3;
    pub const SETFL: i32 = 4;
    pub const SETOWN: i32 = 8;
    pub const GETOWN: i32 = 9;
    pub const SETSIG: i32 = 10;
    pub const GETSIG: i32 = 11;
    pub const SETOWN_EX: i32 = 15;
    pub const GETOWN_EX: i32 = 16;
    pub const DUPFD_CLOEXEC: i32 = 1030;
    pub const SETPIPE_SZ: i32 = 1031;
    pub const GETPIPE_SZ: i32 = 1032;
    pub const ADD_SEALS: i32 = 1033;
    pub const GET_SEALS: i32 = 1034;
    pub const GET_RW_HINT: i32 = 1035;
    pub const SET_RW_HINT: i32 = 1036;
}

/// fcntl(2).
pub fn fcntl(call: &mut Call<'_>) -> Result<i64> {
    let (fd, what, argument) = (call.int(0), call.int(1), call.arg(2));
    let file = sched::with_current(|thread| thread.process.files.borrow().get(fd).cloned())?;
    let path_ok = matches!(
        what,
        command::DUPFD | command::DUPFD_CLOEXEC | command::GETFD | command::SETFD | command::GETFL
    );
    if file.is_path_only() && !path_ok {
        return Err(Errno::EBADF);
    }
    match what {
        command::DUPFD | command::DUPFD_CLOEXEC => sched::with_current(|thread| {
            let limit = thread.process.limit(resource::NOFILE);
            let minimum = argument as u32 as i32;
            if minimum < 0 || minimum as u64 >= limit {
                return Err(Errno::EINVAL);
            }
            let mut files = thread.process.files.borrow_mut();
            Ok(files.insert_from(minimum, file, what == command::DUPFD_CLOEXEC, limit)? as i64)
        }),
        command::GETFD => {
            sched::with_current(|thread| Ok(thread.process.files.borrow().is_close_on_exec(fd)? as i64))
        }
        command::SETFD => sched::with_current(|thread| {
            thread.process.files.borrow_mut().set_close_on_exec(fd, argument & 1 != 0)?;
            Ok(0)
        }),
        command::GETFL => Ok(file.flags() as i64),
        command::SETFL => {
            file.set_flags(argument as u32);
            signal_io::turn(&file, fd, argument as u32 & O_ASYNC != 0);
            Ok(0)
        }
        locks::command::GETLK
        | locks::command::SETLK
        | locks::command::SETLKW
        | locks::command::OFD_GETLK
        | locks::command::OFD_SETLK
        | locks::command::OFD_SETLKW => locks::record(&file, what, argument),
        command::GETPIPE_SZ | command::SETPIPE_SZ if file.remote().is_some() => {
            let size = if what == command::SETPIPE_SZ { (argument as u32).max(1) } else { 0 };
            file.remote().ok_or(Errno::EBADF)?.pipe_size(size.into()).map(|size| size as i64)
        }
        command::GETPIPE_SZ => {
            PipeEnd::of(&**file.file()).map(|end| end.pipe().capacity() as i64).ok_or(Errno::EBADF)
        }
        command::SETPIPE_SZ => {
            let privileged = sched::with_current(|thread| thread.credentials.borrow().euid == 0);
            let end = PipeEnd::of(&**file.file()).ok_or(Errno::EBADF)?;
            end.pipe().set_capacity(argument as u32 as u64, privileged).map(|size| size as i64)
        }
        command::GET_SEALS => file.file().seals(0).map(i64::from),
        command::ADD_SEALS => {
            if !file.is_writable() {
                return Err(Errno::EPERM);
            }
            file.file().seals(argument as u32)?;
            Ok(0)
        }
        command::GET_RW_HINT => {
            let state = file.inode().and_then(|inode| inode.state()).ok_or(Errno::EINVAL)?;
            user::write(argument, &state.write_life.get().to_le_bytes())?;
            Ok(0)
        }
        command::SET_RW_HINT => {
            // RWH_WRITE_LIFE_NOT_SET to RWH_WRITE_LIFE_EXTREME. Memory wears out the same whatever lives in it.
            const LONGEST: u64 = 5;
            let mut bytes = [0; 8];
            user::read(argument, &mut bytes)?;
            let hint = u64::from_le_bytes(bytes);
            let state = file.inode().and_then(|inode| inode.state()).ok_or(Errno::EINVAL)?;
            if hint > LONGEST {
                return Err(Errno::EINVAL);
            }
            state.write_life.set(hint);
            Ok(0)
        }
        command::SETOWN => signal_io::set_owner(&file, argument as i32),
        command::GETOWN => Ok(signal_io::owner(&file)),
        command::SETSIG => {
            if argument > 64 {
                return Err(Errno::EINVAL);
            }
            let mut owner = signal_io::get(&file);
            owner.signal = argument as u32;
            signal_io::put(&file, owner)?;
            Ok(0)
        }
        command::GETSIG => Ok(signal_io::get(&file).signal as i64),
        command::SETOWN_EX => {
            let (kind, id) = (user::read_u32(argument)?, user::read_u32(argument.wrapping_add(4))?);
            signal_io::set_owner_of_kind(&file, kind, id)
        }
        command::GETOWN_EX => {
            let owner = signal_io::get(&file);
            user::write_u32(argument, owner.kind)?;
            user::write_u32(argument.wrapping_add(4), owner.id)?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
