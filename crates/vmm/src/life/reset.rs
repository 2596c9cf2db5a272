//! Back to the start ([`crate::vm::Origin`]).
//!
//! ```text
//!   running or paused ── plan (nothing is changed; may be refused) ── put back ── new identity ── goes on from where the clone began
//!                                                                        └── fails: the VM ends
//! ```

use super::Live;
use crate::clone::{Refusal, ResetOrder, ResetSpec, Rewound, Ticket, renew_objects};
use crate::io::kinds_of;
use crate::run::announce_events;
use crate::session::Session;
use crate::vm::{Done, Error, Machine, write_identity};
use ramet_abi::layout::{ROOT_TABLE_GPA, ROOT_TABLE_TWIN_GPA};
use ramet_abi::mailbox::event;
use ramet_abi::ring::{ERROR, INPUT, OUTPUT, TRACE, kind};
use ramet_memory::{Consumer, Producer};
use serde_json::json;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::{Acquire, Release};

/// What a reset has come to.
struct Outcome {
    done: Done,
    renewed: bool,
}

/// A clone of a session begins with one.
pub fn refuse_session() -> Refusal {
    Refusal::new("the program has forked: clones of a session of several processes cannot be reset")
}

impl Live {
    /// Goes back to the start, as somebody outside asks for it. `Err`: the VM is over.
    pub(super) fn reset(&mut self, ticket: Ticket, order: ResetOrder) -> Result<(), Error> {
        if self.machine.body.origin.is_none() {
            let why = match &self.profile.parent {
                None => {
                    "it was never cloned, so that there is no state to go back to: freeze it, and clone it as resettable"
                }
                Some(_) => "it was not cloned as resettable: say so when it, or its template, is made",
            };
            self.desk.answer(ticket, Err(Refusal::new(why)));
            return Ok(());
        }
        match self.go_back(order.spec, order.streams)? {
            Ok(outcome) => {
                let answer = json!({
                    "generation": self.generation(),
                    "pages": outcome.done.changed,
                    "kept": outcome.done.kept,
                    "renewed": outcome.renewed,
                });
                self.desk.answer(ticket, Ok(answer));
            }
            Err(refusal) => self.desk.answer(ticket, Err(refusal)),
        }
        Ok(())
    }

    /// The same, as the program asks for it.
    pub(super) fn reset_self(&mut self) -> Result<(), Error> {
        match self.go_back(ResetSpec::default(), None)? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(Error::Request(refusal.text)),
        }
    }

    fn go_back(
        &mut self,
        spec: ResetSpec,
        streams: Option<[OwnedFd; 3]>,
    ) -> Result<Result<Outcome, Refusal>, Error> {
        let machine = &mut self.machine;
        machine.vcpu.complete_exit()?;
        let desk = self.desk.clone();
        let _quiet = desk.quiet();
        let body = &mut machine.body;
        let (Some(mut origin), Some(still)) = (body.origin.take(), body.still.as_ref()) else {
            return Ok(Err(Refusal::new("it cannot be reset")));
        };
        let plan = origin.plan(&machine.vm, body.memory(), still);
        let mut plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                body.origin = Some(origin);
                return Ok(Err(Refusal::new(error.to_string())));
            }
        };
        // From here on it is neither what it was nor what it is to be.
        let Some(first) = &mut origin.first else {
            return Err(Error::Request("a clone without a start".into()));
        };
        plan.renew |= spec.thorough | body.session.is_some();
        plan.renew |= !body.hostfs.rewind(&first.files).map_err(Error::host("volumes"))?;
        first.identity.generation = self.profile.generation + desk.resets() + 1;
        first.identity.args = spec.args.unwrap_or(std::mem::take(&mut first.identity.args));
        first.identity.env = spec.env.unwrap_or(std::mem::take(&mut first.identity.env));
        first.identity.input = spec.input.or(first.identity.input.take());
        if let Some(streams) = &streams {
            first.kinds = kinds_of(streams, self.profile.tty);
        }
        body.put_image_back()?;
        body.clock.stop(|| machine.vcpu.tsc())?;
        let size = {
            let console = body.shared.area.console();
            (console.rows.load(Acquire), console.columns.load(Acquire))
        };
        let done = origin.put_back(&machine.vm, body.memory(), &mut plan)?;
        // New objects know nothing of its channel; the old ones show it until then.
        let session = machine.body.session.take();
        if plan.renew {
            renew_objects(machine, &origin.state)?;
        } else {
            let now = machine.vcpu.system_registers().cr3;
            let cr3 = match now {
                ROOT_TABLE_GPA | ROOT_TABLE_TWIN_GPA if plan.changes_tables() => {
                    now ^ ROOT_TABLE_GPA ^ ROOT_TABLE_TWIN_GPA
                }
                ROOT_TABLE_GPA | ROOT_TABLE_TWIN_GPA => now,
                _ => ROOT_TABLE_GPA,
            };
            machine.vcpu.rewind(&origin.state, cr3)?;
        }
        if let Some(session) = session {
            self.end_session(session)?;
        }
        let waits = origin.waits;
        self.machine.body.origin = Some(origin);
        self.begin_again(streams, size, waits)?;
        Ok(Ok(Outcome { done, renewed: plan.renew }))
    }

    /// What is made anew after the memory has been put back, as for a clone.
    fn begin_again(
        &mut self,
        streams: Option<[OwnedFd; 3]>,
        size: (u32, u32),
        waits: bool,
    ) -> Result<(), Error> {
        let Machine { vcpu, body, .. } = &mut self.machine;
        body.learning = None;
        body.shared.note_ram(body.ram.present(), body.ram.limit());
        let area = &body.shared.area;
        body.clock.restart(area.time(), || vcpu.tsc())?;
        let mut events = event::CLONED;
        if let Some(first) = body.origin.as_ref().and_then(|origin| origin.first.as_ref()) {
            write_identity(area, std::process::id(), &first.identity)?;
            area.identity().flags.store(first.flags, Release);
            let console = area.console();
            for (word, kind) in console.kinds.iter().zip(first.kinds) {
                word.store(kind, Release);
            }
            console.input_ended.store(u32::from(first.kinds[0] == kind::NULL), Release);
            for closed in &console.output_closed {
                closed.store(0, Release);
            }
            console.rows.store(size.0, Release);
            console.columns.store(size.1, Release);
        }
        let outputs = [OUTPUT, ERROR, TRACE].map(|ring| Consumer::drop_content(area, ring));
        if outputs.iter().filter(|output| output.take_producer_waits(area)).count() > 0 {
            events |= event::OUTPUT_ROOM;
        }
        for output in &outputs {
            // The I/O thread sleeps, or looks here before it does again.
            output.announce_sleep(area);
        }
        let is_urgent = streams.is_some();
        self.desk.rewind(Rewound { input: Producer::take_back(area, INPUT), outputs, streams });
        if is_urgent {
            self.desk.ring();
        }
        self.runner.rewind(waits)?;
        for (ticket, _) in self.execs.drain(..) {
            self.desk.answer(ticket, Err(Refusal::new("the VM was reset")));
        }
        area.raise(events);
        announce_events(&mut self.machine);
        Ok(())
    }

    /// A clone has no session when it begins: what it has forked since ends.
    fn end_session(&self, session: Session) -> Result<(), Error> {
        self.desk.forget_line();
        // With its keeper the host's kernel ends the others.
        if !session.end() {
            return Err(Error::Request("the session's keeper does not end".into()));
        }
        self.desk.return_streams();
        Ok(())
    }

    /// The identity's generation as it is now.
    pub(super) fn generation(&self) -> u64 {
        self.profile.generation + self.desk.resets()
    }
}
