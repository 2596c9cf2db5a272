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
            ..ramet_keeper::Limits::default()
        },
        terminal: start.terminal,
        streams,
        memory: memory.into(),
        socket: theirs,
        life: its_life,
    })?;
    Session::begin(channel, ours, life, start.generation, true)
        .map_err(|_| io::Error::from_raw_os_error(libc::EAGAIN))
}
