//! System V IPC (sysvipc(7)): the objects are the session's, which begins with the first of these calls.

use crate::arch::user;
use crate::mm::with_space;
use crate::session;
use crate::syscalls::Call;
use crate::syscalls::time::read_timespec;
use crate::task::{sched, time};
use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Reply, Request, op, sysv};
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::mm::space::{Argument, MapRequest, map};
use ramet_kcore::mm::vma::prot;
use ramet_kcore::session::{Client, SharedFile, error_of};
use ramet_kcore::wait::Events;

const PAGE: u64 = 4096;
/// Most operations of one semop(2) (SEMOPM), longest message (MSGMAX), most semaphores of a set (SEMMSL).
const OPERATIONS_MAX: usize = 500;
const MESSAGE_MAX: usize = 8192;
const SET_MAX: usize = 32000;

/// Commands of shmctl(2), semctl(2) and msgctl(2).
mod command {
    pub const SET: u32 = 1;
    pub const SETALL: u32 = 17;
}

/// The session, which begins now if it has not.
fn client() -> Result<Rc<Client>> {
    // Nothing of these calls says that it might help to try again.
    session::enter(&sched::current().process).map_err(|_| Errno::ENOSPC)
}

/// Effective user and group.
fn owner() -> [u32; 2] {
    sched::with_current(|thread| {
        let credentials = thread.credentials.borrow();
        [credentials.euid, credentials.egid]
    })
}

fn request(call: u32, arguments: &[u64]) -> Request {
    let [uid, gid] = owner().map(u64::from);
    let mut request = Request { operation: op::SYSV, flags: call, ..Request::default() };
    request.arguments[..arguments.len()].copy_from_slice(arguments);
    request.arguments[4..].copy_from_slice(&[uid, gid]);
    request
}

fn ask(call: u32, arguments: &[u64]) -> Result<i64> {
    Ok(client()?.call(&request(call, arguments), &[])?.result)
}

/// Asks until the answer is not that it has to wait, or until `deadline`.
fn wait(request: Request, data: &[u8], deadline: Option<u64>) -> Result<(Reply, Vec<u8>)> {
    let client = client()?;
    // A thread waits for one object at a time.
    let number = sched::with_current(|thread| thread.tid.get()) as u64;
    let request = Request { other: number, ..request };
    let mut answer = Vec::new();
    let asked = sched::wait_for(session::lock_queue(), Events::OUT, deadline, || {
        answer.clear();
        let reply = client.ask(&request, data, &mut answer)?;
        match error_of(&reply) {
            Some(Errno::EAGAIN) if reply.values[0] == 0 => Err(Errno::EAGAIN),
            Some(error) => Ok(Err(error)),
            None => Ok(Ok(reply)),
        }
    });
    match asked {
        Ok(answered) => Ok((answered?, answer)),
        Err(error) => {
            let cancel = Request { flags: sysv::CANCEL, ..request };
            // Whether it was waiting or not.
            let _ = client.call(&cancel, &[]);
            // These calls are never begun again.
            Err(if error == Errno::ERESTARTSYS { Errno::EINTR } else { error })
        }
    }
}

/// IPC_SET, IPC_STAT and the other commands, with a structure of `size` bytes at `at`.
fn control(call: u32, arguments: &[u64], command: u32, at: usize, size: usize) -> Result<i64> {
    let mut data = Vec::new();
    if command == command::SET {
        data.resize(size, 0);
        user::read(at, &mut data)?;
    }
    let mut answer = Vec::new();
    let reply = client()?.call_into(&request(call, arguments), &data, &mut answer)?;
    if !answer.is_empty() {
        user::write(at, &answer)?;
    }
    Ok(reply.result)
}

/// shmget(2).
pub fn shmget(call: &mut Call<'_>) -> Result<i64> {
    ask(sysv::SHMGET, &[call.int(0) as u64, call.arg(1) as u64, call.uint(2).into()])
}

/// shmctl(2).
pub fn shmctl(call: &mut Call<'_>) -> Result<i64> {
    const SIZE: usize = 112;
    let command = call.uint(1);
    control(sysv::SHMCTL, &[call.int(0) as u64, command.into()], command, call.arg(2), SIZE)
}

/// shmat(2).
pub fn shmat(call: &mut Call<'_>) -> Result<i64> {
    const READ_ONLY: u32 = 0o10000;
    const ROUND: u32 = 0o20000;
    const REMAP: u32 = 0o40000;
    const EXECUTE: u32 = 0o100_000;
    let (id, mut address, flags) = (call.int(0), call.arg(1) as u64, call.uint(2));
    if id < 0 || address == 0 && flags & REMAP != 0 {
        return Err(Errno::EINVAL);
    }
    if !address.is_multiple_of(PAGE) {
        if flags & ROUND == 0 {
            return Err(Errno::EINVAL);
        }
        address &= !(PAGE - 1);
    }
    let (file, size) = SharedFile::attach(&client()?, id as u64, flags, owner())?;
    let place = match address {
        0 => 0,
        _ if flags & REMAP != 0 => map::FIXED,
        _ => map::FIXED_NO_REPLACE,
    };
    let is_writable = flags & READ_ONLY == 0;
    let mut protection = prot::READ;
    for (wanted, bit) in [(is_writable, prot::WRITE), (flags & EXECUTE != 0, prot::EXEC)] {
        if wanted {
            protection |= bit;
        }
    }
    let name = format!("/SYSV{id:08x} (deleted)").into();
    let request = MapRequest {
        address,
        length: size,
        protection: protection.into(),
        flags: map::SHARED | place,
        file: Some(Argument { file, name, is_readable: true, is_writable }),
        offset: 0,
    };
    let mapped = with_space(|space| space.mmap(request));
    mapped.map(|at| at as i64).map_err(|error| if error == Errno::EEXIST { Errno::EINVAL } else { error })
}

/// shmdt(2).
pub fn shmdt(call: &mut Call<'_>) -> Result<i64> {
    let address = call.arg(0) as u64;
    with_space(|space| {
        let parts: Vec<(u64, u64)> = space
            .areas()
            .iter()
            .filter(|area| {
                area.file_at(area.start).is_some_and(|(mapping, offset)| {
                    area.start.wrapping_sub(offset) == address
                        && SharedFile::of(&*mapping.file).is_some_and(|file| file.segment().is_some())
                })
            })
            .map(|area| (area.start, area.len()))
            .collect();
        if parts.is_empty() {
            return Err(Errno::EINVAL);
        }
        for (start, length) in parts {
            space.munmap(start, length)?;
        }
        Ok(0)
    })
}

/// semget(2).
pub fn semget(call: &mut Call<'_>) -> Result<i64> {
    let count = u64::try_from(call.int(1)).map_err(|_| Errno::EINVAL)?;
    ask(sysv::SEMGET, &[call.int(0) as u64, count, call.uint(2).into()])
}

/// semctl(2).
pub fn semctl(call: &mut Call<'_>) -> Result<i64> {
    const SIZE: usize = 104;
    let (command, argument) = (call.uint(2), call.arg(3));
    let arguments = [call.int(0) as u64, call.int(1) as u64, command.into(), argument as u64];
    if command == command::SETALL {
        // As many as are there: the keeper knows how many it takes.
        let mut values = alloc::vec![0; SET_MAX * 2];
        let got = user::read_some(argument, &mut values);
        return Ok(client()?.call(&request(sysv::SEMCTL, &arguments), &values[..got])?.result);
    }
    control(sysv::SEMCTL, &arguments, command, argument, SIZE)
}

fn operate(id: i32, at: usize, count: usize, deadline: Option<u64>) -> Result<i64> {
    if count == 0 || id < 0 {
        return Err(Errno::EINVAL);
    }
    if count > OPERATIONS_MAX {
        return Err(Errno::E2BIG);
    }
    let mut operations = alloc::vec![0; count * 6];
    user::read(at, &mut operations)?;
    wait(request(sysv::SEMOP, &[id as u64]), &operations, deadline).map(|_| 0)
}

/// semop(2).
pub fn semop(call: &mut Call<'_>) -> Result<i64> {
    operate(call.int(0), call.arg(1), call.uint(2) as usize, None)
}

/// semtimedop(2).
pub fn semtimedop(call: &mut Call<'_>) -> Result<i64> {
    let deadline = match call.arg(3) {
        0 => None,
        at => Some(time::monotonic().saturating_add(read_timespec(at)?)),
    };
    operate(call.int(0), call.arg(1), call.uint(2) as usize, deadline)
}

/// msgget(2).
pub fn msgget(call: &mut Call<'_>) -> Result<i64> {
    ask(sysv::MSGGET, &[call.int(0) as u64, call.uint(1).into()])
}

/// msgsnd(2).
pub fn msgsnd(call: &mut Call<'_>) -> Result<i64> {
    let (id, at, size) = (call.int(0), call.arg(1), call.arg(2));
    if id < 0 || size > MESSAGE_MAX {
        return Err(Errno::EINVAL);
    }
    let mut message = alloc::vec![0; 8 + size];
    user::read(at, &mut message)?;
    wait(request(sysv::MSGSND, &[id as u64, call.uint(3).into()]), &message, None).map(|_| 0)
}

/// msgrcv(2).
pub fn msgrcv(call: &mut Call<'_>) -> Result<i64> {
    let (id, at, size, kind) = (call.int(0), call.arg(1), call.arg(2), call.arg(3));
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    let arguments = [id as u64, size as u64, kind as u64, call.uint(4).into()];
    let (reply, message) = wait(request(sysv::MSGRCV, &arguments), &[], None)?;
    user::write(at, &message)?;
    Ok(reply.result)
}

/// msgctl(2).
pub fn msgctl(call: &mut Call<'_>) -> Result<i64> {
    const SIZE: usize = 120;
    let command = call.uint(1);
    control(sysv::MSGCTL, &[call.int(0) as u64, command.into()], command, call.arg(2), SIZE)
}
