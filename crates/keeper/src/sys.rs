//! The host's system calls that the standard library does not have.

mod copy;

pub use copy::copy_memory;
pub(crate) use copy::{close_all_but, fork, remap_shared, replace};

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

/// Most descriptors that go with one message.
pub const DESCRIPTORS: usize = 4;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A descriptor that a system call has just returned.
fn own(result: libc::c_int) -> io::Result<OwnedFd> {
    let fd = check(result)?;
    // SAFETY: the kernel has just opened it for this process, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// CLOCK_MONOTONIC, CLOCK_REALTIME or CLOCK_BOOTTIME, ns.
pub fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is of this frame. Fails for an unknown clock only.
    unsafe { libc::clock_gettime(id, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// memfd_create(2): closed on exec, can be sealed.
///
/// # Errors
/// Those of the system call.
pub fn memory_file(name: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: the name is a C string.
    own(unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) })
}

/// ftruncate(2).
///
/// # Errors
/// Those of the system call.
pub fn set_size(fd: BorrowedFd<'_>, size: u64) -> io::Result<()> {
    // SAFETY: concerns the descriptor only.
    check(unsafe { libc::ftruncate(fd.as_raw_fd(), size as libc::off_t) }).map(drop)
}

/// Nobody can change the size of that memory file any more.
///
/// # Errors
/// Those of fcntl(2).
pub fn seal_size(fd: BorrowedFd<'_>) -> io::Result<()> {
    let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
    // SAFETY: concerns the descriptor only.
    unsafe {
        let have = check(libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS))?;
        if have & seals != seals {
            check(libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals))?;
        }
    }
    Ok(())
}

/// fallocate(2).
///
/// # Errors
/// Those of the system call.
pub fn allocate(fd: BorrowedFd<'_>, mode: libc::c_int, offset: u64, length: u64) -> io::Result<()> {
    let (offset, length) = (offset as libc::off_t, length as libc::off_t);
    // SAFETY: concerns the descriptor only.
    check(unsafe { libc::fallocate(fd.as_raw_fd(), mode, offset, length) }).map(drop)
}

/// lseek(2) with SEEK_DATA or SEEK_HOLE.
///
/// # Errors
/// Those of the system call.
pub fn seek(fd: BorrowedFd<'_>, offset: u64, whence: libc::c_int) -> io::Result<u64> {
    // SAFETY: concerns the descriptor only.
    let at = unsafe { libc::lseek(fd.as_raw_fd(), offset as libc::off_t, whence) };
    u64::try_from(at).map_err(|_| io::Error::last_os_error())
}

/// Changes the 32-bit word at `offset` of a file that is mapped elsewhere, as one step: `change` gives its new value, or nothing for
/// leaving it. The old one. `None`: there is no such word.
///
/// # Errors
/// Those of fstat(2) and mmap(2).
pub fn change_word(
    fd: BorrowedFd<'_>,
    offset: u64,
    change: impl Fn(u32) -> Option<u32>,
) -> io::Result<Option<u32>> {
    const PAGE: u64 = 4096;
    if !offset.is_multiple_of(4) || offset.checked_add(4).is_none_or(|end| end > i64::MAX as u64) {
        return Ok(None);
    }
    if offset + 4 > size(fd)? {
        return Ok(None);
    }
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let start = (offset - offset % PAGE) as libc::off_t;
    let (null, length) = (std::ptr::null_mut(), PAGE as usize);
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
    let at = unsafe { libc::mmap(null, length, protection, libc::MAP_SHARED, fd.as_raw_fd(), start) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let base = NonNull::new(at.cast::<u8>()).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: the word lies in the mapped page, aligned to 4 bytes, and atomics may be changed by others. The file is as long as was
    // found above: only this process changes the length of memory that the session shares.
    let word = unsafe { base.add((offset % PAGE) as usize).cast::<AtomicU32>().as_ref() };
    let old = match word.fetch_update(SeqCst, SeqCst, &change) {
        Ok(old) | Err(old) => old,
    };
    unmap(base, length);
    Ok(Some(old))
}

/// Size of a file.
///
/// # Errors
/// Those of fstat(2).
pub fn size(fd: BorrowedFd<'_>) -> io::Result<u64> {
    Ok(status(fd)?.st_size as u64)
}

/// fstat(2).
///
/// # Errors
/// Those of the system call.
pub fn status(fd: BorrowedFd<'_>) -> io::Result<libc::stat> {
    // SAFETY: zeros are a valid stat buffer.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, the buffer is of this frame.
    check(unsafe { libc::fstat(fd.as_raw_fd(), &mut stat) })?;
    Ok(stat)
}

/// Maps a file, shared, to be read and written.
///
/// # Errors
/// Those of mmap(2).
pub fn map_shared(fd: BorrowedFd<'_>, length: usize) -> io::Result<NonNull<u8>> {
    map(fd, length, libc::PROT_READ | libc::PROT_WRITE)
}

fn map(fd: BorrowedFd<'_>, length: usize, protection: libc::c_int) -> io::Result<NonNull<u8>> {
    // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
    let at =
        unsafe { libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(at.cast()).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
}

/// A file that nobody changes, such as an image, for as long as the keeper runs.
///
/// # Errors
/// Those of fstat(2) and mmap(2). An empty file is EINVAL.
pub fn map_image(fd: BorrowedFd<'_>) -> io::Result<&'static [u8]> {
    let length = size(fd)? as usize;
    let at = map(fd, length, libc::PROT_READ)?;
    // SAFETY: the mapping is never removed; the file is an image, which the host's owner does not change while VMs use it.
    Ok(unsafe { std::slice::from_raw_parts(at.as_ptr(), length) })
}

/// Removes a mapping of [`map_shared`].
pub fn unmap(at: NonNull<u8>, length: usize) {
    // SAFETY: called by the mapping's owner when it is dropped: nothing refers to it any more.
    unsafe { libc::munmap(at.as_ptr().cast(), length) };
}

/// pipe2(2): reading and writing end.
///
/// # Errors
/// Those of the system call.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds: [RawFd; 2] = [-1; 2];
    // SAFETY: room for two descriptors.
    check(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((own(fds[0])?, own(fds[1])?))
}

/// A pair of sockets that keep messages apart. `first` tells who sends to it: see [`Message::pid`].
///
/// # Errors
/// Those of socketpair(2) and setsockopt(2).
pub fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds: [RawFd; 2] = [-1; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC;
    // SAFETY: room for two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    let first = own(fds[0])?;
    let second = own(fds[1])?;
    ask_for_sender(&first)?;
    Ok((first, second))
}

/// Messages that arrive at that socket tell who has sent them.
///
/// # Errors
/// Those of setsockopt(2).
pub fn ask_for_sender(socket: &OwnedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option's value is an int of this frame.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PASSCRED,
            (&raw const on).cast(),
            size,
        )
    })
    .map(drop)
}

/// A message from a VMM.
#[derive(Debug)]
pub struct Message {
    /// Its bytes.
    pub bytes: [u8; 16],
    /// How many.
    pub length: usize,
    /// The sender's process, as the host's kernel says; 0: it says nothing.
    pub pid: i32,
    /// Descriptors that came with it.
    pub descriptors: Vec<OwnedFd>,
}

/// The next message, without waiting for it. `None`: the other end is closed. Of more than [`DESCRIPTORS`] descriptors the kernel closes the
/// rest.
///
/// # Errors
/// Those of recvmsg(2); EAGAIN: there is none.
pub fn receive(socket: BorrowedFd<'_>) -> io::Result<Option<Message>> {
    let mut bytes = [0u8; 16];
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut control = [0u64; 16];
    // SAFETY: zeros are a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    // SAFETY: computes lengths, which the control buffer is longer than.
    header.msg_controllen = unsafe {
        libc::CMSG_SPACE(size_of::<libc::ucred>() as u32)
            + libc::CMSG_SPACE((DESCRIPTORS * size_of::<RawFd>()) as u32)
    } as usize;
    // SAFETY: header, buffer and control buffer are of this frame and as long as said.
    let got = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &mut header, libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC)
    };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    let (mut pid, mut descriptors) = (0, Vec::new());
    // SAFETY: the kernel has filled `header`, and the macros walk inside the control buffer that it describes; a message with credentials carries
    // a ucred, whose size is checked; a descriptor in a message with rights is new and belongs to nobody else.
    unsafe {
        let mut current = libc::CMSG_FIRSTHDR(&header);
        while let Some(message) = current.as_ref() {
            let data = libc::CMSG_DATA(current);
            let length = message.cmsg_len - libc::CMSG_LEN(0) as usize;
            match (message.cmsg_level, message.cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if length >= size_of::<libc::ucred>() => {
                    pid = data.cast::<libc::ucred>().read_unaligned().pid;
                }
                (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                    for index in 0..length / size_of::<RawFd>() {
                        descriptors
                            .push(OwnedFd::from_raw_fd(data.cast::<RawFd>().add(index).read_unaligned()));
                    }
                }
                _ => {}
            }
            current = libc::CMSG_NXTHDR(&header, current);
        }
    }
    // The other end's close is a message of 0 bytes that nobody has sent.
    if got == 0 && pid == 0 {
        return Ok(None);
    }
    Ok(Some(Message { bytes, length: got as usize, pid, descriptors }))
}

/// Sends one message, without waiting for room, with up to [`DESCRIPTORS`] descriptors.
///
/// # Errors
/// Those of sendmsg(2).
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[OwnedFd]) -> io::Result<()> {
    let mut part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = [0u64; 8];
    // SAFETY: zeros are a valid msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    if !descriptors.is_empty() {
        let descriptors = &descriptors[..descriptors.len().min(DESCRIPTORS)];
        let length = size_of_val(descriptors) as u32;
        header.msg_control = control.as_mut_ptr().cast();
        // SAFETY: the control buffer has room for DESCRIPTORS descriptors: 16 + 4 * 4 bytes of 64.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(length) as usize;
            let first = libc::CMSG_FIRSTHDR(&header);
            (*first).cmsg_level = libc::SOL_SOCKET;
            (*first).cmsg_type = libc::SCM_RIGHTS;
            (*first).cmsg_len = libc::CMSG_LEN(length) as usize;
            for (index, fd) in descriptors.iter().enumerate() {
                libc::CMSG_DATA(first).cast::<RawFd>().add(index).write_unaligned(fd.as_raw_fd());
            }
        }
    }
    // SAFETY: header, bytes and control messages live until the call returns.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// pidfd_open(2).
///
/// # Errors
/// Those of the system call.
pub fn pidfd(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: a system call without pointers; a descriptor fits a c_int.
    own(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as libc::c_int)
}

/// pidfd_send_signal(2). A process that is gone gets none.
pub fn kill(pidfd: BorrowedFd<'_>, signal: i32) {
    // SAFETY: no siginfo is passed; the descriptor is a pidfd.
    unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
}

/// An epoll instance.
#[derive(Debug)]
pub struct Epoll(OwnedFd);

impl Epoll {
    /// epoll_create1(2).
    ///
    /// # Errors
    /// Those of the system call.
    pub fn new() -> io::Result<Self> {
        // SAFETY: a system call without pointers.
        own(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Self)
    }

    /// Its descriptor.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    fn control(&self, operation: libc::c_int, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: the event is of this frame.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), operation, fd.as_raw_fd(), &mut event) }).map(drop)
    }

    /// Watches a descriptor.
    ///
    /// # Errors
    /// Those of epoll_ctl(2); EPERM: a file that is always ready.
    pub fn add(&self, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, events, token)
    }

    /// Watches it for something else.
    ///
    /// # Errors
    /// Those of epoll_ctl(2).
    pub fn change(&self, fd: BorrowedFd<'_>, events: u32, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, events, token)
    }

    /// Watches it no more.
    pub fn remove(&self, fd: BorrowedFd<'_>) {
        let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
    }

    /// Waits until CLOCK_MONOTONIC reaches `deadline`, or for ever. Tokens and events.
    ///
    /// # Errors
    /// Those of epoll_pwait2(2); a signal is no error.
    pub fn wait(&self, deadline: Option<u64>, ready: &mut Vec<(u64, u32)>) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        let timeout = deadline.map(|at| {
            let left = at.saturating_sub(clock(libc::CLOCK_MONOTONIC));
            libc::timespec {
                tv_sec: (left / 1_000_000_000) as libc::time_t,
                tv_nsec: (left % 1_000_000_000) as libc::c_long,
            }
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        ready.clear();
        // SAFETY: the events and the time are of this frame; no signal mask is passed.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.0.as_raw_fd(),
                events.as_mut_ptr(),
                events.len() as libc::c_int,
                timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        if count < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        ready.extend(events[..count as usize].iter().map(|event| (event.u64, event.events)));
        Ok(())
    }
}

/// read(2).
///
/// # Errors
/// Those of the system call.
pub fn read(fd: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the buffer is as long as said.
    let got = unsafe { libc::read(fd.as_raw_fd(), into.as_mut_ptr().cast(), into.len()) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

/// write(2).
///
/// # Errors
/// Those of the system call.
pub fn write(fd: BorrowedFd<'_>, from: &[u8]) -> io::Result<usize> {
    // SAFETY: the buffer is as long as said.
    let put = unsafe { libc::write(fd.as_raw_fd(), from.as_ptr().cast(), from.len()) };
    usize::try_from(put).map_err(|_| io::Error::last_os_error())
}

/// Starts a program with exactly these descriptors, in this order, and no blocked signals. Its pid.
///
/// # Errors
/// Those of posix_spawn(3).
pub(crate) fn spawn(path: &CStr, arguments: &[String], descriptors: &[BorrowedFd<'_>]) -> io::Result<i32> {
    let arguments: Vec<CString> =
        arguments.iter().map(|text| CString::new(text.as_str())).collect::<Result<_, _>>()?;
    let mut pointers: Vec<*mut libc::c_char> =
        arguments.iter().map(|text| text.as_ptr().cast_mut()).collect();
    pointers.push(std::ptr::null_mut());
    let environment = [std::ptr::null_mut()];
    // Copies above all targets, so that no target is a source that is still needed.
    let sources = descriptors.iter().map(|fd| {
        // SAFETY: concerns the descriptor only.
        own(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 64) })
    });
    let sources: Vec<OwnedFd> = sources.collect::<io::Result<_>>()?;
    let mut pid = 0;
    // SAFETY: zeros are valid places for both objects, which are initialised before they are used and destroyed after; strings and
    // descriptors live until the call returns.
    let error = unsafe {
        let mut actions: libc::posix_spawn_file_actions_t = std::mem::zeroed();
        let mut attributes: libc::posix_spawnattr_t = std::mem::zeroed();
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        let mut error = libc::posix_spawn_file_actions_init(&mut actions);
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        error = libc::posix_spawnattr_init(&mut attributes);
        if error == 0 {
            libc::posix_spawnattr_setsigmask(&mut attributes, &none);
            libc::posix_spawnattr_setflags(&mut attributes, libc::POSIX_SPAWN_SETSIGMASK as libc::c_short);
            for (source, target) in sources.iter().zip(0..) {
                if error == 0 {
                    error = libc::posix_spawn_file_actions_adddup2(&mut actions, source.as_raw_fd(), target);
                }
            }
            if error == 0 {
                error = libc::posix_spawn(
                    &mut pid,
                    path.as_ptr(),
                    &actions,
                    &attributes,
                    pointers.as_ptr(),
                    environment.as_ptr(),
                );
            }
            libc::posix_spawnattr_destroy(&mut attributes);
        }
        libc::posix_spawn_file_actions_destroy(&mut actions);
        error
    };
    if error != 0 { Err(io::Error::from_raw_os_error(error)) } else { Ok(pid) }
}

/// The terminal that `fd` is of once more, so that it can be non-blocking without being so for everybody who shares the description.
///
/// # Errors
/// Those of open(2): it may be somebody else's.
pub(crate) fn open_again(fd: BorrowedFd<'_>, flags: libc::c_int) -> io::Result<OwnedFd> {
    let path = CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))?;
    // SAFETY: the path is a string that lives until the call returns.
    own(unsafe { libc::open(path.as_ptr(), flags | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC) })
}

/// A descriptor that this process was started with, if it is open. To be asked for once.
pub(crate) fn inherited(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: asks about a number only.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return None;
    }
    // SAFETY: open, as the call above says; the start-up code takes each number once.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Closes every descriptor from that number on: what a VMM has left open is not the keeper's.
pub(crate) fn close_from(first: RawFd) {
    // SAFETY: called at the start, when nothing of this process is open but what it was started with.
    unsafe { libc::syscall(libc::SYS_close_range, first, RawFd::MAX, 0) };
}

/// This process gets no more rights than it has, and its memory is not written to a file when it crashes.
///
/// # Errors
/// Those of prctl(2).
pub(crate) fn give_up_privileges() -> io::Result<()> {
    // SAFETY: numbers only; concerns this process.
    unsafe {
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        check(libc::setrlimit(libc::RLIMIT_CORE, &limit))?;
    }
    Ok(())
}

/// The process of a keeper: signals for the programs are not for it, and it may have a descriptor or three for each of them.
pub(crate) fn prepare_process() {
    // SAFETY: changes how this process treats signals and files; no handler is involved.
    unsafe {
        for signal in [
            libc::SIGPIPE,
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGTERM,
            libc::SIGHUP,
            libc::SIGTTOU,
            libc::SIGTTIN,
        ] {
            libc::signal(signal, libc::SIG_IGN);
        }
        // No terminal is this process's: none has a say in what it reads and writes.
        libc::setsid();
        libc::umask(0o077);
        libc::prctl(libc::PR_SET_NAME, c"ramet-keeper".as_ptr());
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}
