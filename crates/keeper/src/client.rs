//! One VM of the session, as the keeper sees it.

use crate::channel::Channel;
use crate::sys;
use ramet_kcore::errno::{Errno, Result};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

/// Names a VM for as long as the keeper runs; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// Ids that a VM may use, each with the number of times that it was given.
#[derive(Clone, Debug, Default)]
pub struct Held(BTreeMap<u64, u32>);

impl Held {
    /// Whether the VM holds it.
    pub fn contains(&self, id: u64) -> bool {
        self.0.contains_key(&id)
    }
    /// The VM has been given the id once more. True: for the first time.
    pub fn add(&mut self, id: u64) -> bool {
        let count = self.0.entry(id).or_default();
        *count = count.saturating_add(1);
        *count == 1
    }
    /// The VM does not use it any more, however often it was given. False: it did not hold it.
    pub fn remove(&mut self, id: u64) -> bool {
        self.0.remove(&id).is_some()
    }
    /// All ids.
    pub fn ids(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How far the VM's host process is.
#[derive(Debug)]
pub enum Host {
    /// Promised by an answer to FORK; nobody has reported yet.
    Promised,
    /// The parent says that it exists.
    Born,
    /// It has reported: its pidfd.
    Running(OwnedFd),
}

/// One VM.
#[derive(Debug)]
pub struct Client {
    /// Its process.
    pub pid: i32,
    /// Nodes that it may name.
    pub nodes: Held,
    /// Descriptions that it may name.
    pub descriptions: Held,
    /// The channel.
    pub channel: Channel,
    /// The keeper's end of the socket.
    pub socket: OwnedFd,
    /// Bytes of its RAM; 0: not known yet.
    pub ram: u64,
    /// Its process on the host.
    pub host: Host,
    /// That process's id, once it has reported.
    pub host_pid: i32,
    /// Keeps a place in the table of descriptors for its pidfd, until it reports.
    pub place: Option<OwnedFd>,
    /// The number of the last request that was served.
    pub served: u32,
    /// That one was served without a message: one that comes for it is only to be answered.
    pub unasked: bool,
    /// There is something new in its ring.
    pub kick: bool,
    /// SIGKILL is to be sent as soon as there is a process.
    pub doomed: bool,
    /// It may have mapped memory that others have as well.
    pub shares_memory: bool,
    /// It has said EXIT (or its process is over otherwise): it asks no more.
    pub over: bool,
}

/// The session's VMs.
#[derive(Debug, Default)]
pub struct Clients {
    all: BTreeMap<ClientId, Client>,
    next: u64,
    fresh: Vec<ClientId>,
}

impl Clients {
    /// A new VM, not reported yet.
    pub fn add(&mut self, pid: i32, channel: Channel, socket: OwnedFd) -> ClientId {
        let id = ClientId(self.next);
        self.next += 1;
        let client = Client {
            pid,
            nodes: Held::default(),
            descriptions: Held::default(),
            channel,
            socket,
            ram: 0,
            host: Host::Promised,
            host_pid: 0,
            place: None,
            served: 0,
            unasked: false,
            kick: false,
            doomed: false,
            shares_memory: false,
            over: false,
        };
        self.all.insert(id, client);
        self.fresh.push(id);
        id
    }
    /// Those added since the last call.
    pub fn take_fresh(&mut self) -> Vec<ClientId> {
        std::mem::take(&mut self.fresh)
    }
    /// Forgets a VM.
    pub fn remove(&mut self, id: ClientId) -> Option<Client> {
        self.all.remove(&id)
    }
    /// The VM, if it is there.
    pub fn get(&self, id: ClientId) -> Option<&Client> {
        self.all.get(&id)
    }
    /// The VM, if it is there.
    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.all.get_mut(&id)
    }
    /// All VMs.
    pub fn iter(&self) -> impl Iterator<Item = (ClientId, &Client)> {
        self.all.iter().map(|(id, client)| (*id, client))
    }
    /// All VMs.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ClientId, &mut Client)> {
        self.all.iter_mut().map(|(id, client)| (*id, client))
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.all.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl Client {
    /// It says that its process on the host is that one.
    ///
    /// # Errors
    /// Those of pidfd_open(2): it is gone already.
    pub fn report(&mut self, pid: i32) -> io::Result<()> {
        self.host = Host::Born;
        self.place = None;
        self.host = Host::Running(sys::pidfd(pid)?);
        self.host_pid = pid;
        Ok(())
    }
    /// In a copy of the keeper: from now on this is the copy of that VM, which reports by itself.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn become_copy(&mut self, memory: &OwnedFd, socket: OwnedFd) -> io::Result<()> {
        self.channel.move_to(memory)?;
        self.socket = socket;
        (self.host, self.host_pid, self.place) = (Host::Born, 0, None);
        (self.kick, self.doomed) = (false, false);
        Ok(())
    }
    /// EBADF unless the VM may name that node.
    ///
    /// # Errors
    /// EBADF.
    pub fn check_node(&self, id: u64) -> Result<()> {
        if self.nodes.contains(id) { Ok(()) } else { Err(Errno::EBADF) }
    }
    /// EBADF unless the VM may name that description.
    ///
    /// # Errors
    /// EBADF.
    pub fn check_description(&self, id: u64) -> Result<()> {
        if self.descriptions.contains(id) { Ok(()) } else { Err(Errno::EBADF) }
    }
}
