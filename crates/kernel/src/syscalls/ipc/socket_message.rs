//! What sendmsg(2) and recvmsg(2) take and give: struct msghdr, ancillary data.

use super::socket::{Descriptor, close, sender};
use super::socket_connect::{ADDRESS_MAX, read_address};
use crate::arch::user;
use crate::syscalls::file::open::install;
use crate::syscalls::vectors::{VECTORS_MAX, Vectors};
use crate::task::sched;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::any::Any;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::flags::O_CLOEXEC;
use ramet_kcore::fs::credentials::cap;
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::ipc::socket::{
    Control, ControlReader, ControlWriter, Credentials, MAX_RIGHTS, Outgoing, Received, family, msg,
};

/// Bytes of struct msghdr.
pub const HEADER: usize = 56;
/// Offset of msg_namelen.
const NAME_LENGTH: usize = 8;
/// Offset of msg_controllen.
const CONTROL_LENGTH: usize = 40;
/// Offset of msg_flags.
const FLAGS: usize = 48;
/// Most ancillary data in one message (net.core.optmem_max).
const CONTROL_MAX: usize = 131_072;

/// What recvmsg(2) tells in the header.
pub struct Outcome {
    flags: u32,
    control_length: u64,
}

/// A struct msghdr, copied.
pub struct Header {
    at: usize,
    /// msg_name.
    pub name: usize,
    name_length: i32,
    /// The buffers.
    pub vectors: Vectors,
    control: usize,
    control_length: usize,
}

impl Header {
    /// Reads the one at `at`, and the array of buffers that it leads to.
    ///
    /// # Errors
    /// EFAULT; EINVAL: a negative name length, bad buffers; EMSGSIZE: too many buffers.
    pub fn read(at: usize) -> Result<Header> {
        let mut bytes = [0; HEADER];
        user::read(at, &mut bytes)?;
        let word =
            |n: usize| u64::from_le_bytes(bytes[n * 8..n * 8 + 8].try_into().expect("eight bytes")) as usize;
        let name = word(0);
        let name_length = if name == 0 { 0 } else { word(1) as u32 as i32 };
        if name_length < 0 {
            return Err(Errno::EINVAL);
        }
        if word(3) > VECTORS_MAX {
            return Err(Errno::EMSGSIZE);
        }
        Ok(Header {
            at,
            name,
            name_length: name_length.min(ADDRESS_MAX as i32),
            vectors: Vectors::read(word(2), word(3))?,
            control: word(4),
            control_length: word(5),
        })
    }

    /// The address to send to, if there is one.
    ///
    /// # Errors
    /// EFAULT.
    pub fn address(&self) -> Result<Option<Vec<u8>>> {
        if self.name_length == 0 { Ok(None) } else { read_address(self.name, self.name_length).map(Some) }
    }

    /// Reads the ancillary data into `message`.
    ///
    /// # Errors
    /// ENOBUFS: too long; EFAULT; EINVAL; EBADF: not an open descriptor; EPERM, ESRCH: credentials that the caller may not claim.
    pub fn control(&self, socket: &Descriptor, message: &mut Outgoing) -> Result<()> {
        if self.control_length > CONTROL_MAX {
            return Err(Errno::ENOBUFS);
        }
        let mut bytes = alloc::vec![0; self.control_length];
        user::read(self.control, &mut bytes)?;
        let is_local = socket.get()?.family() == family::UNIX;
        for control in ControlReader(&bytes) {
            match control? {
                // As on Linux, they mean nothing elsewhere.
                Control::Rights(_) | Control::Credentials(_) if !is_local => {}
                Control::Rights(numbers) => {
                    if message.rights.len() + numbers.len() > MAX_RIGHTS {
                        return Err(Errno::EINVAL);
                    }
                    for number in numbers {
                        let file: Rc<dyn Any> =
                            sched::with_current(|thread| thread.process.files.borrow().get(number).cloned())?;
                        message.rights.push(file);
                    }
                }
                Control::Credentials(claimed) => {
                    check_credentials(claimed)?;
                    message.credentials = Some(claimed);
                }
                Control::Other(other) => message.control.push(other),
            }
        }
        Ok(())
    }

    /// Gives the program the ancillary data of a message. Descriptors that it cannot be told of are not kept.
    pub fn put_control(&self, received: Received, flags: u32) -> Outcome {
        let room = if self.control == 0 { 0 } else { self.control_length };
        let mut writer = ControlWriter::new(room);
        if let Some(credentials) = received.credentials {
            writer.credentials(credentials);
        }
        for message in &received.control {
            writer.message(message);
        }
        let cloexec = if flags & msg::CMSG_CLOEXEC != 0 { O_CLOEXEC } else { 0 };
        let sent = received.rights.len();
        let mut numbers = Vec::new();
        for right in received.rights.into_iter().take(writer.room_for_rights()) {
            // Only descriptions are ever sent.
            let Ok(file) = right.downcast::<OpenFile>() else { break };
            match install(file, cloexec) {
                Ok(fd) => numbers.push(fd as i32),
                Err(_) => break,
            }
        }
        writer.rights(&numbers, sent);
        let (bytes, truncated) = writer.finish();
        let mut length = bytes.len();
        let mut shown = received.flags | flags & msg::CMSG_CLOEXEC;
        if truncated {
            shown |= msg::CTRUNC;
        }
        if user::write(self.control, &bytes).is_err() {
            numbers.into_iter().for_each(close);
            length = 0;
            shown |= msg::CTRUNC;
        }
        Outcome { flags: shown, control_length: length as u64 }
    }

    /// Gives the program the flags and the length of the ancillary data.
    ///
    /// # Errors
    /// EFAULT.
    pub fn put_outcome(&self, outcome: Outcome) -> Result<()> {
        user::write_u32(self.at + FLAGS, outcome.flags)?;
        user::write_u64(self.at + CONTROL_LENGTH, outcome.control_length)
    }

    /// Where msg_namelen is.
    pub fn name_length_at(&self) -> usize {
        self.at + NAME_LENGTH
    }
}

/// SCM_CREDENTIALS: ids of one's own, unless one may take any (`scm_check_creds` of Linux).
fn check_credentials(claimed: Credentials) -> Result<()> {
    let known = sched::with_current(|thread| {
        let own = thread.credentials.borrow();
        let pid_allowed = claimed.pid == thread.process.pid.get() || own.has(cap::SYS_ADMIN);
        let uid_allowed = [own.uid, own.euid, own.suid].contains(&claimed.uid) || own.has(cap::SETUID);
        let gid_allowed = [own.gid, own.egid, own.sgid].contains(&claimed.gid) || own.has(cap::SETGID);
        if !(pid_allowed && uid_allowed && gid_allowed) {
            return Err(Errno::EPERM);
        }
        // The process and its parent are those that a process here can know of.
        Ok(claimed.pid == thread.process.pid.get() || claimed.pid == thread.process.parent_pid())
    })?;
    if known { Ok(()) } else { Err(Errno::ESRCH) }
}

/// The message that a call of send(2)'s family starts with.
pub fn outgoing(socket: &Descriptor, flags: u32) -> Outgoing {
    let nonblocking = if socket.is_nonblocking() { msg::DONTWAIT } else { 0 };
    Outgoing {
        flags: flags | nonblocking,
        credentials: Some(sched::with_current(sender)),
        ..Default::default()
    }
}
