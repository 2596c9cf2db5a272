//! The calls that sockets of all families have, on this one.

use super::super::socket::{Socket, SocketCaller, family};
use super::{Address, Outgoing, Received, SocketType, UnixSocket, msg};
use crate::errno::{Errno, Result};
use crate::file::File;
use crate::fs::credentials::cap;
use crate::user::{Sink, Source};
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;

impl UnixSocket {
    /// The socket that an address leads to.
    fn find(&self, address: &Address, caller: &dyn SocketCaller) -> Result<Rc<UnixSocket>> {
        let node = match address {
            Address::Unnamed => return Err(Errno::EINVAL),
            Address::Abstract(name) => return self.domain.find(self.kind, name),
            Address::Path(path) => caller.find_node(path)?,
        };
        let attached = node.state().and_then(|state| state.attached.borrow().clone());
        let socket = attached.and_then(|object| object.downcast::<Weak<UnixSocket>>().ok());
        socket.and_then(|socket| socket.upgrade()).ok_or(Errno::ECONNREFUSED)
    }

    fn bind_path(&self, path: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        let place = caller.make_node(path)?;
        let state = place.inode().state().filter(|state| state.attached.borrow().is_none());
        let bound = state.ok_or(Errno::EADDRINUSE).and_then(|state| {
            self.bound_to_path(path)?;
            let name: Rc<Weak<UnixSocket>> = Rc::new(self.me.clone());
            *state.attached.borrow_mut() = Some(name);
            self.set_place(place.clone());
            Ok(())
        });
        // The name is taken back, as on Linux.
        bound.inspect_err(|_| caller.remove_node(path))
    }

    /// With SO_PASSCRED a socket that speaks to another gets a name.
    fn name_if_passing(&self) -> Result<()> {
        if self.passes_credentials() { self.bind_automatically() } else { Ok(()) }
    }
}

impl Socket for UnixSocket {
    fn family(&self) -> u16 {
        family::UNIX
    }

    fn kind(&self) -> SocketType {
        self.kind
    }

    fn timeout(&self, sends: bool) -> u64 {
        let options = &self.options;
        if sends { &options.send_timeout } else { &options.receive_timeout }.get()
    }

    fn bind(&self, address: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        match &Address::decode(address)? {
            Address::Unnamed => self.bind_automatically(),
            Address::Abstract(name) => self.bind_abstract(name),
            Address::Path(path) => self.bind_path(path, caller),
        }
    }

    fn listen(&self, backlog: i32, _: &dyn SocketCaller) -> Result<()> {
        UnixSocket::listen(self, backlog)
    }

    fn connect(&self, address: &[u8], _: u32, caller: &dyn SocketCaller) -> Result<()> {
        let unspecified = address.get(..2) == Some(&family::UNSPEC.to_le_bytes());
        if self.kind == SocketType::Datagram && unspecified {
            return self.connect_unspecified();
        }
        let address = Address::decode(address)?;
        if address == Address::Unnamed {
            return Err(Errno::EINVAL);
        }
        self.name_if_passing()?;
        UnixSocket::connect(self, &self.find(&address, caller)?)
    }

    fn accept(&self, _: u32) -> Result<Rc<dyn File>> {
        Ok(UnixSocket::accept(self)?)
    }

    fn shutdown(&self, how: i32) -> Result<()> {
        UnixSocket::shutdown(self, how)
    }

    fn name(&self) -> Result<Vec<u8>> {
        Ok(UnixSocket::name(self).encode())
    }

    fn peer_name(&self) -> Result<Vec<u8>> {
        Ok(UnixSocket::peer_name(self)?.encode())
    }

    fn option(&self, level: i32, name: i32, _: usize) -> Result<Vec<u8>> {
        UnixSocket::option(self, level, name)
    }

    fn set_option(&self, level: i32, name: i32, value: &[u8], caller: &dyn SocketCaller) -> Result<()> {
        UnixSocket::set_option(self, level, name, value, caller.has(cap::NET_ADMIN))
    }

    fn send(&self, from: &mut dyn Source, mut message: Outgoing, caller: &dyn SocketCaller) -> Result<usize> {
        if message.flags & msg::OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let to = match (message.address.take(), self.kind) {
            (Some(_), SocketType::Stream) => {
                let connected = UnixSocket::peer_name(self).is_ok();
                return Err(if connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
            }
            (Some(bytes), SocketType::Datagram) => {
                let address = Address::decode(&bytes)?;
                if address == Address::Unnamed {
                    return Err(Errno::EINVAL);
                }
                self.name_if_passing()?;
                Some(self.find(&address, caller)?)
            }
            // A connection has no use for an address.
            _ => None,
        };
        self.name_if_passing()?;
        self.send_to(from, message, to)
    }

    fn receive(&self, into: &mut dyn Sink, flags: u32, _: usize) -> Result<Received> {
        UnixSocket::receive(self, into, flags)
    }
}
