//! Sockets inside the VM: socket(2), socketpair(2), shutdown(2). Addresses and connections, messages and options are in the
//! files beside this one. Internet sockets reach the loopback addresses only.

use super::origin;
use crate::arch::user;
use crate::fs::anonymous;
use crate::global::Global;
use crate::session;
use crate::syscalls::file::open::install;
use crate::syscalls::file::{as_caller, only};
use crate::syscalls::{Call, io};
use crate::task::thread::Thread;
use crate::task::{sched, time};
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec::Vec;
use ramet_abi::session::{Request, op};
use ramet_kcore::cell::RefCell;
use ramet_kcore::errno::{Errno, Result};
use ramet_kcore::file::File;
use ramet_kcore::file::flags::{O_CLOEXEC, O_NONBLOCK, O_RDWR};
use ramet_kcore::fs::inode::{FileType, Inode};
use ramet_kcore::fs::open_file::OpenFile;
use ramet_kcore::fs::path::Path;
use ramet_kcore::fs::permission::{self, WRITE};
use ramet_kcore::ipc::inet::Inet;
use ramet_kcore::ipc::netlink::NetlinkSocket;
use ramet_kcore::ipc::object::Origin;
use ramet_kcore::ipc::socket::{Credentials, Socket, SocketCaller, SocketType, family};
use ramet_kcore::ipc::unix::{UnixDomain, UnixSocket, kind_from_number};
use ramet_kcore::proc::source::InetTable;
use ramet_kcore::session::{Client, RemoteFile, Traits};

/// Families that Linux has numbers for.
const FAMILIES: i32 = 46;
/// Socket types end here (SOCK_MAX).
const TYPES: u32 = 11;

static INET: Global<RefCell<Option<Rc<Inet>>>> = Global::new(RefCell::new(None));

/// The internet sockets of this VM.
fn inet() -> Rc<Inet> {
    INET.borrow_mut().get_or_insert_with(|| Inet::new(Box::new(time::monotonic))).clone()
}

static DOMAIN: Global<RefCell<Option<Rc<UnixDomain>>>> = Global::new(RefCell::new(None));

/// The sockets of this VM.
fn domain() -> Rc<UnixDomain> {
    let mut domain = DOMAIN.borrow_mut();
    let made = || UnixDomain::new(Box::new(|| sched::with_current(effective)));
    domain.get_or_insert_with(made).clone()
}

/// Who a message says has sent it: the real ids.
pub fn sender(thread: &Thread) -> Credentials {
    let credentials = thread.credentials.borrow();
    Credentials { pid: thread.process.pid.get(), uid: credentials.uid, gid: credentials.gid }
}

/// A descriptor's socket.
pub struct Descriptor {
    /// The open file description.
    pub file: Rc<OpenFile>,
}

impl Descriptor {
    /// The socket behind `fd`.
    ///
    /// # Errors
    /// EBADF; ENOTSOCK.
    pub fn of(fd: i32) -> Result<Descriptor> {
        Descriptor::from_file(io::file(fd)?)
    }

    /// The socket that `file` has open.
    ///
    /// # Errors
    /// ENOTSOCK.
    pub fn from_file(file: Rc<OpenFile>) -> Result<Descriptor> {
        let socket = Descriptor { file };
        socket.get()?;
        Ok(socket)
    }

    /// The object, which is another after each wait: a fork of another thread may have moved it to the keeper.
    ///
    /// # Errors
    /// ENOTSOCK.
    pub fn get(&self) -> Result<&dyn Socket> {
        self.file.file().socket().ok_or(Errno::ENOTSOCK)
    }

    /// Whether calls on it do not block.
    pub fn is_nonblocking(&self) -> bool {
        self.file.flags() & O_NONBLOCK != 0
    }
}

/// The calling thread, as sockets see it.
pub struct Caller;

impl SocketCaller for Caller {
    fn find_node(&self, path: &[u8]) -> Result<Rc<dyn Inode>> {
        as_caller(|caller| {
            let found = caller.target(&caller.context.cwd, path, 0)?;
            let attributes = found.inode().attributes()?;
            permission::check(&attributes, caller.credentials, WRITE)?;
            if attributes.file_type != FileType::Socket {
                return Err(Errno::ECONNREFUSED);
            }
            Ok(found.inode().clone())
        })
    }

    fn make_node(&self, path: &[u8]) -> Result<Path> {
        as_caller(|caller| caller.make_socket(&caller.context.cwd, path))
    }

    fn remove_node(&self, path: &[u8]) {
        // Nobody can have changed the name meanwhile.
        let _ = as_caller(|caller| caller.unlink(&caller.context.cwd, path));
    }

    fn has(&self, capability: u32) -> bool {
        sched::with_current(|thread| thread.credentials.borrow().has(capability))
    }

    fn credentials(&self) -> Credentials {
        sched::with_current(effective)
    }
}

fn effective(thread: &Thread) -> Credentials {
    let credentials = thread.credentials.borrow();
    Credentials { pid: thread.process.pid.get(), uid: credentials.euid, gid: credentials.egid }
}

/// A new description for a socket; `flags`: SOCK_NONBLOCK, which is O_NONBLOCK.
pub fn describe(socket: Rc<dyn File>, flags: u32) -> Rc<OpenFile> {
    anonymous(socket, O_RDWR | flags & O_NONBLOCK)
}

/// Splits socket(2)'s type into the type and its flags.
fn split(kind: u32) -> Result<(u32, u32)> {
    let flags = kind & !0xf;
    only(flags, O_CLOEXEC | O_NONBLOCK)?;
    Ok((kind & 0xf, flags))
}

/// Refuses what is no family and no type.
fn check(family: i32, kind: u32) -> Result<()> {
    if !(0..FAMILIES).contains(&family) {
        return Err(Errno::EAFNOSUPPORT);
    }
    if kind >= TYPES {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

fn unix_kind(kind: u32, protocol: i32) -> Result<SocketType> {
    if protocol != 0 && protocol != i32::from(family::UNIX) {
        return Err(Errno::EPROTONOSUPPORT);
    }
    kind_from_number(kind)
}

/// socket(2).
pub fn socket(call: &mut Call<'_>) -> Result<i64> {
    let (kind, flags) = split(call.uint(1))?;
    let (number, protocol) = (call.int(0), call.int(2));
    check(number, kind)?;
    let socket: Rc<dyn File> = match number as u16 {
        family::UNIX => UnixSocket::new(&domain(), unix_kind(kind, protocol)?, origin()),
        family @ (family::INET | family::INET6) => match session::client() {
            // The ports are the session's. What is no socket is refused here.
            Some(client) if kind != SocketType::Raw as u32 => {
                session_socket(&client, family, kind | flags & O_NONBLOCK, protocol)?
            }
            _ => inet().socket(family, kind, protocol, origin(), &Caller)?,
        },
        family::NETLINK => NetlinkSocket::new(kind, protocol, origin())?,
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    install(describe(socket, flags), flags)
}

/// The session's internet sockets, as `/proc/net` shows them.
pub fn inet_table(table: InetTable) -> Vec<u8> {
    let number = table as u64;
    let Some(client) = session::client() else {
        return inet().table(number).unwrap_or_default().into_bytes();
    };
    let request =
        Request { operation: op::INET_TABLE, arguments: [number, 0, 0, 0, 0, 0], ..Request::default() };
    let mut text = Vec::new();
    // What cannot be asked for is not shown.
    let _ = client.call_into(&request, &[], &mut text);
    text
}

/// A socket in the keeper.
fn session_socket(client: &Rc<Client>, family: u16, kind: u32, protocol: i32) -> Result<Rc<dyn File>> {
    let Origin { uid, gid, .. } = origin();
    let request = Request {
        operation: op::SOCKET,
        arguments: [kind.into(), 0, uid.into(), gid.into(), family.into(), protocol as u64],
        ..Request::default()
    };
    let id = client.call(&request, &[])?.result as u64;
    let kind =
        if kind & 0xf == SocketType::Stream as u32 { SocketType::Stream } else { SocketType::Datagram };
    Ok(RemoteFile::new(client, id, Traits::socket(family, kind), None))
}

/// socketpair(2).
pub fn socketpair(call: &mut Call<'_>) -> Result<i64> {
    let (kind, flags) = split(call.uint(1))?;
    // Linux finds both descriptors and shows them before it makes the sockets.
    user::write(call.arg(3), &[0; 8])?;
    check(call.int(0), kind)?;
    match call.int(0) as u16 {
        family::UNIX => {}
        family::INET | family::INET6 | family::NETLINK => return Err(Errno::EOPNOTSUPP),
        _ => return Err(Errno::EAFNOSUPPORT),
    }
    let kind = unix_kind(kind, call.int(2))?;
    let (a, b) = UnixSocket::pair(&domain(), kind, origin());
    let first = install(describe(a, flags), flags)? as i32;
    let result = install(describe(b, flags), flags).and_then(|second| {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&first.to_le_bytes());
        bytes[4..].copy_from_slice(&(second as i32).to_le_bytes());
        user::write(call.arg(3), &bytes).inspect_err(|_| close(second as i32))
    });
    if let Err(error) = result {
        close(first);
        return Err(error);
    }
    Ok(0)
}

/// Takes back a descriptor that the program has not been told of.
pub fn close(fd: i32) {
    let closed = sched::with_current(|thread| thread.process.files.borrow_mut().close(fd));
    drop(closed);
}

/// shutdown(2).
pub fn shutdown(call: &mut Call<'_>) -> Result<i64> {
    let socket = Descriptor::of(call.int(0))?;
    socket.get()?.shutdown(call.int(1))?;
    Ok(0)
}
