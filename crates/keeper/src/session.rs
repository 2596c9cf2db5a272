//! The whole of a session.

use crate::client::{Client, ClientId, Clients, Host};
use crate::console::Console;
use crate::process::Table;
use crate::process::questions::Questions;
use crate::{descriptions, execs, heap, nodes, objects, sys};
use ramet_abi::session::notice;
use ramet_kcore::errno::{Errno, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// What the vCPU's thread of a VMM is woken by.
const KICK: i32 = libc::SIGURG;
/// Default of [`Session::own_max`].
const OWN_MAX: u64 = 256 << 20;

/// A [`ramet_abi::session::Notice`] to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// One of [`notice`].
    pub kind: u32,
    /// Detail.
    pub detail: u32,
    /// The object.
    pub id: u64,
    /// Values.
    pub values: [u64; 4],
}

impl Note {
    /// Description `id` may have become ready for the poll(2) events.
    pub fn ready(id: u64, events: u32) -> Self {
        Self { kind: notice::READY, detail: events, id, ..Self::default() }
    }
}

/// Notices on their way, for code that is called back deep inside and cannot reach the session.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Rc<RefCell<Vec<(ClientId, Note)>>>);

impl Outbox {
    /// Sends a notice after the current request, before its answer. A client that is gone by then gets none.
    pub fn notify(&self, client: ClientId, note: Note) {
        self.0.borrow_mut().push((client, note));
    }
}

/// Everything that the keeper keeps.
#[derive(Debug)]
pub struct Session {
    /// The VMs.
    pub clients: Clients,
    /// The processes.
    pub processes: Table,
    /// The session's standard streams.
    pub console: Console,
    /// The file system.
    pub nodes: nodes::State,
    /// Open file descriptions.
    pub descriptions: descriptions::State,
    /// Other objects.
    pub objects: objects::State,
    /// What VMs have asked one another.
    pub questions: Questions,
    /// Processes that were added from outside.
    pub execs: execs::State,
    /// All VMs but the first stand still.
    pub paused: bool,
    /// The image's file, if there is one.
    pub image: Option<File>,
    /// Most bytes of files in memory.
    pub file_bytes_max: u64,
    /// Most bytes of the keeper's own memory, beside data of files.
    pub own_max: u64,
    /// Most bytes of RAM of all VMs together.
    pub ram_max: u64,
    /// VMs that are to end by themselves, and when the host ends them (CLOCK_MONOTONIC, ns).
    pub killing: BTreeMap<ClientId, u64>,
    /// Made ahead for the next process, once there has been one.
    pub spare_berth: Option<crate::process::Berth>,
    /// Notices on their way.
    pub outbox: Outbox,
    /// Descriptors that go with the answer to the current request.
    passed: Vec<OwnedFd>,
    names: u64,
    names_shown: u64,
    /// VMs with something new in their rings.
    kicks: Vec<ClientId>,
    /// The VM whose request is being served: it looks by itself.
    serving: Option<ClientId>,
}

impl Session {
    /// A session without VMs.
    pub fn new(processes: Table, console: Console, image: Option<File>, file_bytes_max: u64) -> Self {
        Self {
            clients: Clients::default(),
            processes,
            console,
            nodes: nodes::State::default(),
            descriptions: descriptions::State::default(),
            objects: objects::State::default(),
            questions: Questions::default(),
            execs: execs::State::default(),
            paused: false,
            image,
            file_bytes_max,
            own_max: OWN_MAX,
            ram_max: u64::MAX,
            killing: BTreeMap::new(),
            spare_berth: None,
            outbox: Outbox::default(),
            passed: Vec::new(),
            names: 1,
            names_shown: 0,
            kicks: Vec::new(),
            serving: None,
        }
    }

    /// The VM.
    ///
    /// # Errors
    /// ESRCH when it is gone.
    pub fn client(&self, id: ClientId) -> Result<&Client> {
        self.clients.get(id).ok_or(Errno::ESRCH)
    }

    /// The VM.
    ///
    /// # Errors
    /// ESRCH when it is gone.
    pub fn client_mut(&mut self, id: ClientId) -> Result<&mut Client> {
        self.clients.get_mut(id).ok_or(Errno::ESRCH)
    }

    /// A name or an attribute has changed: every VM sees [`ramet_abi::session::Control::names`] change before the current request is
    /// answered.
    pub fn names_changed(&mut self) {
        self.names += 1;
    }

    /// A descriptor that goes to the VMM with the answer to the current request.
    pub fn pass(&mut self, descriptor: OwnedFd) {
        self.passed.push(descriptor);
    }

    /// Those of [`Session::pass`].
    pub fn take_passed(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.passed)
    }

    /// Sends a notice now. False if it is lost: too many signals wait. For a VM that is gone there is nothing to lose.
    pub fn notify(&mut self, id: ClientId, note: Note) -> bool {
        let Some(client) = self.clients.get_mut(id).filter(|client| !client.over) else { return true };
        if client.channel.send(note).is_err() {
            return false;
        }
        if !client.kick && self.serving != Some(id) {
            client.kick = true;
            self.kicks.push(id);
        }
        true
    }

    /// Whether VMs may have that much RAM, beside `except`'s and theirs that are over.
    pub fn has_ram(&self, wanted: u64, except: Option<ClientId>) -> bool {
        let counts = |(id, client): &(ClientId, &Client)| Some(*id) != except && !client.over;
        let others = self.clients.iter().filter(counts).map(|(_, client)| client.ram);
        others.fold(wanted, u64::saturating_add) <= self.ram_max
    }

    /// Whether what VMs have left in the keeper (queued bytes, watches, descriptions, names) takes all of its memory.
    pub fn is_full(&self) -> bool {
        heap::used() > nodes::file_bytes(self).saturating_add(self.own_max)
    }

    /// SIGKILL for the VM's process on the host: its socket ends when it is dead.
    pub fn doom(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id) {
            client.doomed = true;
            if let Host::Running(process) = &client.host {
                sys::kill(process.as_fd(), libc::SIGKILL);
            }
        }
    }

    /// All VMs but `first` stand still, or go on: stopped by the host's kernel, whatever they are doing.
    pub fn pause(&mut self, first: ClientId, paused: bool) {
        self.paused = paused;
        let signal = if paused { libc::SIGSTOP } else { libc::SIGCONT };
        for (id, client) in self.clients.iter() {
            if let Host::Running(process) = &client.host
                && id != first
            {
                sys::kill(process.as_fd(), signal);
            }
        }
    }

    /// VMs that are stopped by the host's kernel run again for as long as it takes them to stand still by themselves.
    pub fn resume_hosts(&self, first: ClientId) {
        for (id, client) in self.clients.iter() {
            if let Host::Running(process) = &client.host
                && id != first
            {
                sys::kill(process.as_fd(), libc::SIGCONT);
            }
        }
    }

    /// In a copy of the keeper: what is on its way to somebody outside is not the copy's. `kinds`: of its own standard streams.
    pub fn become_copy(&mut self, kinds: [u32; 3]) {
        self.console = Console::new(kinds, None);
        self.paused = false;
        self.spare_berth = None;
        self.passed.clear();
        self.kicks.clear();
        self.killing.clear();
    }

    /// From now on that VM's request is served, or none.
    pub fn serve_for(&mut self, id: Option<ClientId>) {
        self.serving = id;
    }

    /// Kicks the VMs with something new in their rings.
    pub fn kick(&mut self) {
        for id in self.kicks.drain(..) {
            let Some(client) = self.clients.get_mut(id) else { continue };
            // One that has not reported yet looks at its ring when it begins.
            client.kick = false;
            if let Host::Running(process) = &client.host {
                sys::kill(process.as_fd(), KICK);
            }
        }
    }

    /// A VM has reported: it is to look for notices that are older than that.
    pub fn greet(&mut self, id: ClientId) {
        if self.clients.get(id).is_some_and(|client| client.channel.has_unread()) {
            self.kicks.push(id);
        }
    }

    /// A new VM sees the number of names' changes from the beginning.
    pub fn show_names(&self, id: ClientId) {
        if let Some(client) = self.clients.get(id) {
            client.channel.set_names(self.names);
        }
    }

    /// Sends what is on its way: notices, and the number of names' changes.
    pub fn flush(&mut self) {
        let notes = std::mem::take(&mut *self.outbox.0.borrow_mut());
        for (id, note) in notes {
            self.notify(id, note);
        }
        if self.names != self.names_shown {
            self.names_shown = self.names;
            for (_, client) in self.clients.iter() {
                client.channel.set_names(self.names);
            }
        }
    }

    /// CLOCK_MONOTONIC, ns.
    pub fn monotonic(&self) -> u64 {
        crate::sys::clock(libc::CLOCK_MONOTONIC)
    }

    /// CLOCK_REALTIME, ns.
    pub fn realtime(&self) -> u64 {
        crate::sys::clock(libc::CLOCK_REALTIME)
    }
}
