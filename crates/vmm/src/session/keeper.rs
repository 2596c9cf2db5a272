//! Starting the session's keeper.

use super::{Life, Session};
use ramet_memory::Channel;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// What the keeper is to know. The standard streams are this process's descriptors 0, 1 and 2.
#[derive(Debug)]
pub struct Start<'a> {
    /// The image's file.
    pub image: Option<&'a File>,
    /// Most processes beside the first.
    pub max_clones: u32,
    /// Most bytes of RAM of all VMs together.
    pub memory: u64,
    /// Most bytes of files, in each of the places where there are any: the program's tree, `/dev/shm`, memory without a name.
    pub file_bytes: u64,
    /// What this VM has of the RAM.
    pub ram: u64,
    /// Rows and columns, if the streams are a terminal.
    pub terminal: Option<(u16, u16)>,
    /// The identity's generation of the first process.
    pub generation: u64,
}

/// Starts the keeper. The session of this VM, with which it begins.
pub fn start(start: &Start<'_>, streams: [OwnedFd; 3]) -> io::Result<Session> {
    let (memory, theirs, ours) = ramet_keeper::first_channel()?;
    let memory = File::from(memory);
    let channel = Channel::map(&memory)?;
    let (life, its_life) = Life::pipe()?;
    ramet_keeper::spawn(&ramet_keeper::Start {
        image: start.image.map(File::try_clone).transpose()?.map(OwnedFd::from),
        // What the identity page says: see `crate::vm::write_identity`.
        first_pid: std::process::id().cast_signed(),
        limits: ramet_keeper::Limits {
            processes: start.max_clones.saturating_add(1),
            ram: start.memory,
            file_bytes: start.file_bytes,
        },
        terminal: start.terminal,
        streams,
        memory: memory.into(),
        socket: theirs,
        life: its_life,
    })?;
    Session::begin(channel, ours, life, start.generation, true)
        .and_then(|session| session.ram(start.ram).map(|_| session))
        .map_err(|_| io::Error::from_raw_os_error(libc::EAGAIN))
}

/// The limit of a session's RAM, all VMs together, if none is given: twice the host's memory. A child's RAM counts in full although it
/// shares most of it with its parent.
pub fn default_memory() -> u64 {
    // SAFETY: asks for two numbers.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    // What the C library does not know is not limited.
    u64::try_from(pages)
        .and_then(|pages| Ok(pages.saturating_mul(u64::try_from(size)?)))
        .map_or(u64::MAX, |bytes| bytes.saturating_mul(2))
}
