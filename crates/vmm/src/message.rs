//! Messages with descriptors (`SCM_RIGHTS`, unix(7)).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Most descriptors with one message.
pub const MOST_FDS: usize = 8;

/// What recvmsg(2) brought.
#[derive(Debug)]
pub struct Received {
    /// Bytes; 0 at the end.
    pub count: usize,
    /// Descriptors.
    pub fds: Vec<OwnedFd>,
    /// Descriptors are missing: there was no room for them, here or in this process's table.
    pub truncated: bool,
}

/// recvmsg(2) with `flags`, and MSG_CMSG_CLOEXEC.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: i32) -> io::Result<Received> {
    // SAFETY: CMSG_SPACE only computes.
    const SPACE: usize = unsafe { libc::CMSG_SPACE((MOST_FDS * size_of::<RawFd>()) as u32) } as usize;
    let mut control = [0u64; SPACE.div_ceil(8)];
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: zeros are a valid msghdr; its pointers are set to buffers of this frame below.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control);
    // SAFETY: all buffers are as large as stated and live until the call returns.
    let count = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC | flags) };
    if count < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut fds = Vec::new();
    // SAFETY: the kernel has filled `message`; the CMSG macros walk inside the control buffer it describes, and each
    // descriptor in an SCM_RIGHTS message is new and belongs to nobody else.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&message);
        while let Some(current) = header.as_ref() {
            if current.cmsg_level == libc::SOL_SOCKET && current.cmsg_type == libc::SCM_RIGHTS {
                let length = current.cmsg_len - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(header).cast::<RawFd>();
                for index in 0..length / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
                }
            }
            header = libc::CMSG_NXTHDR(&message, header);
        }
    }
    Ok(Received { count: count as usize, fds, truncated: message.msg_flags & libc::MSG_CTRUNC != 0 })
}

/// sendmsg(2) of one packet with up to [`MOST_FDS`] descriptors.
pub fn send_with(socket: BorrowedFd<'_>, bytes: &[u8], fds: &[RawFd]) -> io::Result<()> {
    // SAFETY: CMSG_SPACE only computes.
    const SPACE: usize = unsafe { libc::CMSG_SPACE((MOST_FDS * size_of::<RawFd>()) as u32) } as usize;
    let mut control = [0u64; SPACE.div_ceil(8)];
    let fds = &fds[..fds.len().min(MOST_FDS)];
    let length = size_of_val(fds) as u32;
    let mut vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: zeros are a valid msghdr; its pointers are set to buffers of this frame below.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: the control buffer has room for MOST_FDS descriptors, and no more are written; the macros walk inside it.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(length) as usize;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(length) as usize;
        for (index, fd) in fds.iter().enumerate() {
            libc::CMSG_DATA(header).cast::<RawFd>().add(index).write_unaligned(*fd);
        }
    }
    loop {
        // SAFETY: all buffers live until the call returns.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL) };
        if sent >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// send(2) of the whole of `bytes`, which is one packet.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    loop {
        // SAFETY: the buffer is as long as stated.
        let sent =
            unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
        if sent == bytes.len() as isize {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if sent >= 0 || error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
