//! The beginning of a session, and fork as the guest asks for it.

use super::{Live, Outcome};
use crate::boot::add_channel;
use crate::clone::{Desk, Forked, Order, fork};
use crate::io::Streams;
use crate::run::{answer, errno};
use crate::session::{Berth, Gone, Session, keeper};
use crate::vm::{Ending, Error, Machine};
use ramet_memory::WorkingSet;
use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Acquire;

/// A child between fork(2) and its first instruction: what it needs beside the memory that it has inherited.
#[derive(Debug)]
pub struct Newborn {
    /// What the keeper has given.
    pub berth: Berth,
    /// Whether its parent has already turned its standard streams to /dev/null.
    pub detached: bool,
}

/// Makes a child, as the guest asks for with [`ramet_abi::hypercall::FORK`], and answers the guest. Some: this is the child.
///
/// Nothing of the vCPU is read or saved: the child's starts at an entry point of its kernel. `desk`: where there is an I/O thread.
pub fn split(machine: &mut Machine, desk: Option<&Desk>) -> Result<Option<Newborn>, Gone> {
    let Machine { vcpu, body, .. } = machine;
    let Some(session) = &mut body.session else {
        answer(machine, errno(libc::ENOTCONN));
        return Ok(None);
    };
    let berth = match session.berth()? {
        Ok(berth) => berth,
        Err(refusal) => {
            answer(machine, refusal as u64);
            return Ok(None);
        }
    };
    if session.children_write.is_none() {
        // Without it children are slower, nothing else.
        session.children_write = WorkingSet::new().ok();
    }
    // Only a counter of the guest's own is read here.
    if let Err(error) = body.clock.stop(|| vcpu.tsc()) {
        crate::complain(&error.to_string());
    }
    let quiet = desk.map(Desk::quiet);
    match fork() {
        Ok(Forked::Child) => {
            // The I/O thread does not exist here: its lock is not to be touched again.
            std::mem::forget(quiet);
            return Ok(Some(Newborn { berth, detached: !session.first }));
        }
        Ok(Forked::Parent { .. }) => {
            drop(quiet);
            let pid = berth.pid;
            berth.born();
            // The parent is about to write the same pages: a copy now spares it a fault for each.
            if let Some(set) = &session.children_write {
                body.ram.make_private(&set.pages());
            }
            answer(machine, pid.into());
        }
        Err(error) => {
            // The keeper sees that the child's socket closes, and that nobody has spoken on it.
            drop((quiet, berth));
            let number = match error.raw_os_error() {
                Some(libc::ENOMEM) => libc::ENOMEM,
                _ => libc::EAGAIN,
            };
            answer(machine, errno(number));
        }
    }
    Ok(None)
}

impl Live {
    /// Makes a child. `Err`: this is it, or the session is over.
    pub(super) fn fork_process(mut self) -> Result<Self, Outcome> {
        let desk = self.desk.clone();
        let is_promised = self.promise();
        match split(&mut self.machine, Some(&desk)) {
            Ok(None) => {
                if is_promised {
                    self.promised();
                }
                Ok(self)
            }
            Ok(Some(newborn)) => {
                let Self { machine, runner, io, desk: inner, execs, .. } = self;
                // The I/O thread does not exist here; its handle must not be joined, nor what it shares be dropped.
                std::mem::forget((io, inner, desk, execs));
                Err(Outcome::Forked(Box::new((machine, runner, newborn))))
            }
            Err(Gone) => Err(self.end_orphaned()),
        }
    }

    /// The keeper is gone, by itself or because somebody ended the VM.
    pub(super) fn end_orphaned(self) -> Outcome {
        while let Some(order) = self.desk.next_order() {
            if let Order::End(ending) = order {
                return self.end(ending);
            }
        }
        self.end(Ending::Failed(Gone.to_string()))
    }

    /// Begins a session, and answers the guest. An error ends the VM: the streams have already gone to the keeper.
    pub(super) fn open_session(&mut self) -> Result<(), Error> {
        if self.machine.body.session.is_some() {
            answer(&self.machine, errno(libc::EALREADY));
            return Ok(());
        }
        if !self.desk.take_streams() {
            answer(&self.machine, errno(libc::EAGAIN));
            return Ok(());
        }
        match self.start_keeper() {
            Ok(session) => {
                self.desk.open_line(session.line().map_err(Error::host("socket to the keeper"))?);
                add_channel(&mut self.machine.vm, &session.channel)?;
                self.machine.body.session = Some(session);
                answer(&self.machine, 0);
                Ok(())
            }
            Err(error) => {
                self.desk.return_streams();
                answer(&self.machine, errno(error.raw_os_error().unwrap_or(libc::EAGAIN)));
                Ok(())
            }
        }
    }

    fn start_keeper(&mut self) -> io::Result<Session> {
        let console = self.machine.body.shared.area.console();
        let size = |word: &AtomicU32| u16::try_from(word.load(Acquire)).unwrap_or(u16::MAX);
        let start = keeper::Start {
            image: self.machine.body.image.as_ref().and_then(|image| image.file.as_ref()),
            max_clones: self.profile.max_clones,
            memory: self.profile.session_memory,
            // As without a session, when they are in the VM's own memory.
            file_bytes: self.machine.body.ram.limit().min(self.profile.session_memory),
            ram: self.machine.body.ram.present(),
            terminal: self.profile.tty.then(|| (size(&console.rows), size(&console.columns))),
            generation: self.generation(),
        };
        keeper::start(&start, Streams::standard()?.fds)
    }
}
