//! How a keeper is started: `ramet-vmm keeper`, with its descriptors in fixed places.

use crate::channel::Channel;
use crate::client::ClientId;
use crate::console::Console;
use crate::process::Table;
use crate::session::Session;
use crate::sys;
use ramet_abi::ring::kind;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

/// Name of the subcommand.
const SUBCOMMAND: &str = "keeper";
/// The channel's memory; before it the standard streams.
const MEMORY: i32 = 3;
/// The channel's socket.
const SOCKET: i32 = 4;
/// The life pipe.
const LIFE: i32 = 5;
/// The image.
const IMAGE: i32 = 6;

/// Ceilings of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processes, zombies included.
    pub processes: u32,
    /// Bytes of files in memory.
    pub file_bytes: u64,
    /// Bytes of RAM of all VMs together.
    pub ram: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { processes: 4096, file_bytes: 4 << 30, ram: u64::MAX }
    }
}

/// What a keeper is started with.
#[derive(Debug)]
pub struct Start {
    /// The image's file, if the VM has one.
    pub image: Option<OwnedFd>,
    /// Pid of the session's first process.
    pub first_pid: i32,
    /// Ceilings.
    pub limits: Limits,
    /// Rows and columns of the terminal, if the streams are one and it is the session's controlling terminal.
    pub terminal: Option<(u16, u16)>,
    /// Standard input, output and error.
    pub streams: [OwnedFd; 3],
    /// The first VM's channel memory.
    pub memory: OwnedFd,
    /// The keeper's end of the first VM's socket.
    pub socket: OwnedFd,
    /// The writing end of a pipe, kept open for as long as the keeper lives, and by nobody else: the host's kernel kills the VMs of all
    /// children when it closes.
    pub life: OwnedFd,
}

/// Memory and both ends of a socket (the keeper's, the VMM's) for the first VM's channel.
///
/// # Errors
/// Those of memfd_create(2), socketpair(2).
pub fn first_channel() -> io::Result<(OwnedFd, OwnedFd, OwnedFd)> {
    let memory = Channel::memory()?;
    let (keeper, vmm) = sys::socket_pair()?;
    Ok((memory, keeper, vmm))
}

/// Starts a keeper: this program again, as `keeper`. Its pid; it is nobody's to wait for (SIGCHLD is ignored in a VMM), and ends by itself when
/// the VMs' sockets end.
///
/// # Errors
/// Those of posix_spawn(3).
pub fn spawn(start: &Start) -> io::Result<i32> {
    let mut arguments = vec![
        "ramet-vmm".to_owned(),
        SUBCOMMAND.to_owned(),
        start.first_pid.to_string(),
        start.limits.processes.to_string(),
        start.limits.file_bytes.to_string(),
        start.limits.ram.to_string(),
    ];
    arguments.push(start.terminal.map_or("-".into(), |(rows, columns)| format!("{rows}x{columns}")));
    arguments.push(if start.image.is_some() { "image" } else { "-" }.into());
    let [input, output, error] = &start.streams;
    let mut descriptors = vec![input.as_fd(), output.as_fd(), error.as_fd()];
    descriptors.extend([&start.memory, &start.socket, &start.life].map(AsFd::as_fd));
    descriptors.extend(start.image.as_ref().map(AsFd::as_fd));
    sys::spawn(c"/proc/self/exe", &arguments, &descriptors)
}

/// A keeper that is ready to serve.
#[derive(Debug)]
pub struct Keeper {
    /// The session, with its first process.
    pub session: Session,
    /// The first process's VM.
    pub first: ClientId,
    /// Standard input, output and error.
    pub streams: [OwnedFd; 3],
    /// See [`Start::life`].
    pub life: OwnedFd,
}

impl Keeper {
    /// A keeper in this process.
    ///
    /// # Errors
    /// Those of mmap(2), fstat(2).
    pub fn new(start: Start) -> io::Result<Self> {
        let kinds = start.streams.each_ref().map(|stream| kind_of(stream, start.terminal.is_some()));
        let console = Console::new(kinds, start.terminal);
        let table = Table::new(start.first_pid, start.limits.processes as usize);
        let mut session = Session::new(table, console, start.image.map(File::from), start.limits.file_bytes);
        session.ram_max = start.limits.ram;
        sys::ask_for_sender(&start.socket)?;
        let channel = Channel::map(&start.memory)?;
        let first = session.clients.add(start.first_pid, channel, start.socket);
        if let Ok(process) = session.processes.get_mut(start.first_pid) {
            process.client = Some(first);
        }
        session.flush();
        Ok(Self { session, first, streams: start.streams, life: start.life })
    }
}

/// What a standard stream is: one of [`kind`].
pub(crate) fn kind_of(stream: &OwnedFd, terminal: bool) -> u32 {
    if terminal {
        return kind::TERMINAL;
    }
    match sys::status(stream.as_fd()) {
        Ok(stat) if stat.st_mode & libc::S_IFMT == libc::S_IFREG => kind::FILE,
        Ok(stat) if stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == libc::makedev(1, 3) => {
            kind::NULL
        }
        Ok(_) => kind::PIPE,
        Err(_) => kind::NULL,
    }
}

/// What [`spawn`] has passed to this process.
fn inherited(arguments: &[String]) -> Option<Start> {
    let [first_pid, processes, file_bytes, ram, size, image] = arguments else { return None };
    let terminal = match size.split_once('x') {
        Some((rows, columns)) => Some((rows.parse().ok()?, columns.parse().ok()?)),
        None => None,
    };
    let image = if image == "image" { Some(sys::inherited(IMAGE)?) } else { None };
    sys::close_from(if image.is_some() { IMAGE + 1 } else { IMAGE });
    let [input, output, error, memory, socket, life] = [0, 1, 2, MEMORY, SOCKET, LIFE].map(sys::inherited);
    Some(Start {
        image,
        first_pid: first_pid.parse().ok().filter(|pid| *pid > 0)?,
        limits: Limits {
            processes: processes.parse().ok()?,
            file_bytes: file_bytes.parse().ok()?,
            ram: ram.parse().ok()?,
        },
        terminal,
        streams: [input?, output?, error?],
        memory: memory?,
        socket: socket?,
        life: life?,
    })
}

/// `ramet-vmm keeper`, with the arguments after that.
pub fn main(arguments: &[String]) -> ExitCode {
    sys::prepare_process();
    let Some(start) = inherited(arguments) else {
        eprintln!("ramet-vmm: keeper: started by ramet-vmm itself only");
        return ExitCode::from(2);
    };
    match Keeper::new(start).and_then(crate::server::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ramet-vmm: keeper: {error}");
            ExitCode::FAILURE
        }
    }
}
