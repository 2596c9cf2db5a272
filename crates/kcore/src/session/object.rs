//! Calls on descriptions in the keeper of one kind alone: pipes, timers, signal-driven I/O.

use super::client::error_of;
use super::inode::encode_change;
use super::remote::RemoteFile;
use crate::errno::{Errno, Result};
use crate::fs::inode::SetAttributes;
use crate::fs::open_file::SignalOwner;
use crate::ipc::timerfd::TimerSpec;
use crate::user::UserMemory;
use crate::wait::Events;
use alloc::vec::Vec;
use ramet_abi::session::{Request, op};

/// Sizes of what an ioctl(2)'s argument points to, from the largest that is asked for.
const ARGUMENT_SIZES: [usize; 5] = [64, 44, 36, 8, 4];

impl RemoteFile {
    /// ioctl(2), with as much of what the argument points to as can be read.
    pub(super) fn control(&self, request: u32, argument: usize, memory: &dyn UserMemory) -> Result<i64> {
        let mut data = Vec::new();
        for size in ARGUMENT_SIZES {
            data.resize(size, 0);
            if memory.read(argument, &mut data).is_ok() {
                break;
            }
            data.clear();
        }
        let mut answer = Vec::new();
        let asked = self.writer_request(op::IOCTL, 0, &[u64::from(request), argument as u64]);
        let reply = self.client().call_into(&asked, &data, &mut answer)?;
        if !answer.is_empty() {
            memory.write(argument, &answer)?;
        }
        Ok(reply.result)
    }

    /// Changes attributes of what is in no file system.
    pub(super) fn change_attributes(&self, change: &SetAttributes) -> Result<()> {
        let (flags, arguments) = encode_change(change);
        self.call(op::SETATTR_DESCRIPTION, flags, &arguments).map(|_| ())
    }

    /// F_SETOWN_EX, F_SETSIG.
    ///
    /// # Errors
    /// EIO.
    pub fn set_owner(&self, owner: SignalOwner) -> Result<()> {
        let arguments = [owner.kind, owner.id, owner.signal].map(u64::from);
        self.call(op::OWNER, 0, &arguments).map(|_| ())
    }

    /// What [`RemoteFile::set_owner`] has set.
    ///
    /// # Errors
    /// EIO.
    pub fn owner(&self) -> Result<SignalOwner> {
        let [kind, id, signal, ..] = self.call(op::OWNER, 1, &[])?.values.map(|value| value as u32);
        Ok(SignalOwner { kind, id, signal })
    }

    /// Turns O_ASYNC on, for the descriptor with that number, or off.
    ///
    /// # Errors
    /// EINVAL: the object knows no such thing.
    pub fn set_async(&self, fd: Option<i32>) -> Result<()> {
        let arguments = [0, 0, 0, fd.unwrap_or(0) as u64];
        self.call(op::OWNER, if fd.is_some() { 2 } else { 3 }, &arguments).map(|_| ())
    }

    /// The size of a pipe, after setting it (0: only asked).
    ///
    /// # Errors
    /// As fcntl(2) F_SETPIPE_SZ.
    pub fn pipe_size(&self, size: u64) -> Result<u64> {
        Ok(self.call(op::PIPE_SIZE, 0, &[size])?.result as u64)
    }

    /// timerfd_settime(2), with its flags; gives the old setting.
    ///
    /// # Errors
    /// As there.
    pub fn set_timer(&self, flags: u32, spec: TimerSpec) -> Result<TimerSpec> {
        let [interval, value, ..] = self.call(op::TIMERFD_SET, flags, &[spec.interval, spec.value])?.values;
        Ok(TimerSpec { interval, value })
    }

    /// timerfd_gettime(2).
    ///
    /// # Errors
    /// EINVAL: it is no timer.
    pub fn timer(&self) -> Result<TimerSpec> {
        const ASK: u32 = 0x100;
        self.set_timer(ASK, TimerSpec::default())
    }

    /// Whether it is a pipe or FIFO.
    pub fn is_pipe(&self) -> bool {
        self.pipe.get()
    }

    /// It is one.
    pub(super) fn set_pipe(&self) {
        self.pipe.set(true);
    }

    /// splice(2) to another description, or tee(2) with `copies`. `offsets`: of the one and the other, `u64::MAX`: its own.
    ///
    /// # Errors
    /// As there; EAGAIN: what is missing is being watched.
    pub fn splice(&self, to: &RemoteFile, offsets: (u64, u64), count: usize, copies: bool) -> Result<usize> {
        let arguments = [offsets.0, offsets.1, count as u64];
        let request = Request { other: to.id, ..self.request(op::SPLICE, copies.into(), &arguments) };
        loop {
            let reply = self.client().ask(&request, &[], &mut Vec::new())?;
            match error_of(&reply) {
                Some(Errno::EAGAIN) => {
                    let (missing, events) =
                        if reply.values[0] == 1 { (self, Events::IN) } else { (to, Events::OUT) };
                    let known = missing.is_watched();
                    if known || !missing.watch()?.intersects(events.or(Events::ERR).or(Events::HUP)) {
                        return Err(Errno::EAGAIN);
                    }
                }
                Some(error) => return Err(error),
                None => return Ok(reply.result as usize),
            }
        }
    }
}
