//! Watching for requests, so that a VM that asks much need not exit for each.
//!
//! ```text
//!   asked by message, soon after the last ─► watching: `Control::watching` is set, `Control::asked` is looked at ─► served ─┐
//!        ▲                                                   │                                          ▲──────────────────┘
//!        └──── the flag is cleared, one more look ◄──────────┘ nothing for as long as PATIENCE, or a message
//! ```

use super::Server;
use crate::client::{ClientId, Host};
use ramet_abi::session::op;
use std::io;

/// How long the keeper watches after the last request, ns: about what an exit of a VM for a request costs.
const PATIENCE: u64 = 150_000;
/// How long it watches before it looks at everything else, ns.
const LONGEST: u64 = 500_000;
/// Requests that come so soon after an answer, exit and entry included, would have been found by watching, ns.
const SOON: u64 = 350_000;
/// Most VMs that are watched.
const MOST: usize = 4;
/// Looks at the VMs between two looks at the sockets.
const LOOKS: u32 = 24;
/// A watch that stood still for so long shared its CPU with others, ns ...
const CONTENDED: u64 = 400_000;
/// ... and is not repeated for so long.
const REST: u64 = 20_000_000;
/// Soon repeated requests, less watches in vain, up to here; from [`ENOUGH`] on they are watched for.
const SCORE_MAX: u32 = 6;
const ENOUGH: u32 = 2;

/// Whom to watch, and whether it pays.
#[derive(Debug)]
pub(super) struct Watch {
    /// Those who have asked last, the latest first.
    recent: Vec<ClientId>,
    score: u32,
    /// End of the last answer.
    last: u64,
    /// No watching before.
    rest: u64,
    /// There is a CPU for the keeper beside the VM's.
    possible: bool,
}

impl Watch {
    pub(super) fn new() -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        Self { recent: Vec::new(), score: 0, last: 0, rest: 0, possible: cpus > 1 }
    }

    /// A VM has asked by message.
    pub(super) fn rung(&mut self, id: ClientId, now: u64) {
        if now.saturating_sub(self.last) < SOON {
            self.score = (self.score + 1).min(SCORE_MAX);
        } else {
            self.score = self.score.saturating_sub(1);
        }
        self.note(id);
    }

    fn note(&mut self, id: ClientId) {
        if self.recent.first() != Some(&id) {
            self.recent.retain(|other| *other != id);
            self.recent.insert(0, id);
            self.recent.truncate(MOST);
        }
    }

    /// A request has been answered.
    pub(super) fn served(&mut self, now: u64) {
        self.last = now;
    }

    pub(super) fn forget(&mut self, id: ClientId) {
        self.recent.retain(|other| *other != id);
    }

    fn pays(&self) -> bool {
        self.possible && self.score >= ENOUGH && !self.recent.is_empty()
    }
}

impl Server {
    /// Watches, if that pays. False: there was nothing to do; else `ready` says which descriptors are, as after waiting.
    pub(super) fn watch_requests(&mut self, ready: &mut Vec<(u64, u32)>) -> io::Result<bool> {
        if !self.watch.pays() {
            return Ok(false);
        }
        let mut now = self.session.monotonic();
        if now < self.watch.rest || self.deadline().is_some_and(|at| at <= now + PATIENCE) {
            return Ok(false);
        }
        let watched = self.watch.recent.clone();
        self.show(&watched, true);
        let (mut end, mut found, mut told) = (now + PATIENCE, false, false);
        // What requests do may be a reason to look elsewhere: output, a timer.
        let last = now + LONGEST;
        while now < end.min(last) && !told {
            for _ in 0..LOOKS {
                if self.look(&watched)? {
                    found = true;
                    end = self.session.monotonic() + PATIENCE;
                }
                std::hint::spin_loop();
            }
            self.epoll.wait(Some(0), ready)?;
            told = !ready.is_empty();
            let before = std::mem::replace(&mut now, self.session.monotonic());
            if now - before > CONTENDED {
                self.watch.rest = now + REST;
                break;
            }
        }
        self.show(&watched, false);
        // A VM that saw the flag just before it was cleared is not left to its patience.
        found |= self.look(&watched)?;
        if !found && !told {
            self.watch.score -= 1;
        }
        Ok(told || found)
    }

    fn show(&self, watched: &[ClientId], on: bool) {
        for id in watched {
            if let Some(client) = self.session.clients.get(*id) {
                client.channel.set_watching(on);
            }
        }
    }

    /// Serves those who have asked. True: somebody has.
    fn look(&mut self, watched: &[ClientId]) -> io::Result<bool> {
        let mut found = false;
        for id in watched {
            let Some(client) = self.session.clients.get_mut(*id) else { continue };
            let asked = client.channel.asked();
            let is_new = asked.wrapping_sub(client.served) as i32 > 0;
            if !is_new || client.over || !matches!(client.host, Host::Running(_)) {
                continue;
            }
            // What is answered with descriptors, or later, needs the VMM.
            let operation = client.channel.operation();
            if matches!(operation, op::FORK | op::MEMORY | op::PIPE_MEMORY)
                || operation == op::EXIT && *id == self.first
            {
                continue;
            }
            (client.served, client.unasked) = (asked, true);
            self.watch.note(*id);
            self.watch.score = (self.watch.score + 1).min(SCORE_MAX);
            self.serve(*id, asked, false)?;
            found = true;
        }
        Ok(found)
    }
}
