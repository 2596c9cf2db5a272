//! Copies of a whole session, as the VMM of its first process makes them, and the life of a template that is one.
//!
//! The keeper has the others stand still and fork; see `crates/keeper/src/server/copy.rs`.

use super::template::clone_answer;
use super::{Live, Outcome};
use crate::clone::{Answer, Birth, CloneOrder, Desk, Order, PoolSettings, Profile, Refusal, Stopped, Ticket};
use crate::clone::{Forked, fork};
use crate::io::Server;
use crate::session::{Gone, Place, Session, Word};
use crate::vm::{Body, Ending, Error};
use std::fs::File;
use std::sync::Arc;

/// Which side of fork(2).
enum Side {
    /// The original, and what whoever has asked is told.
    Original(Answer),
    /// The copy.
    Copy(Box<Place>),
}

/// Makes one copy. This VM stands still. `desk`: where there is an I/O thread.
fn split(session: &Session, order: &CloneOrder, generation: u64, desk: Option<&Desk>) -> Result<Side, Gone> {
    let refuse = |reason: String| Ok(Side::Original(Err(Refusal::new(reason))));
    let spec = &order.spec;
    if spec.tty {
        return refuse("the program has forked: its clones have no terminal".into());
    }
    session.ask_for_copy(&order.streams, spec.paused, spec.share_volumes, spec.memory)?;
    let place = match session.word()? {
        Word::Split(place) => place,
        Word::Go(reason) => return refuse(reason.unwrap_or_else(|| "there is no copy".into())),
    };
    let quiet = desk.map(Desk::quiet);
    let forked = fork();
    if matches!(forked, Ok(Forked::Child)) {
        // The I/O thread does not exist here: its lock is not to be touched again.
        std::mem::forget(quiet);
        return Ok(Side::Copy(place));
    }
    let round = place.round;
    drop((quiet, place));
    let answer = clone_answer(&forked, order, generation);
    session.say_forked(round, &forked.map(drop))?;
    match session.word()? {
        Word::Go(None) => Ok(Side::Original(answer)),
        Word::Go(Some(reason)) => refuse(reason),
        Word::Split(_) => Err(Gone),
    }
}

fn orphaned() -> Ending {
    Ending::Failed(Gone.to_string())
}

impl Live {
    /// Makes a copy of all processes of the session.
    pub(super) fn copy_session(mut self, ticket: Ticket, order: CloneOrder) -> Result<Self, Outcome> {
        let state = match self.stop() {
            Ok(state) => state,
            Err(error) => return Err(self.end(error.into())),
        };
        let desk = self.desk.clone();
        let Some(session) = &self.machine.body.session else { return Ok(self) };
        match split(session, &order, self.profile.generation + 1, Some(&desk)) {
            Ok(Side::Original(answer)) => {
                desk.answer(ticket, answer);
                Ok(self)
            }
            Ok(Side::Copy(place)) => Err(Outcome::Born(Box::new(self.birth(state, order, Some(*place))))),
            Err(Gone) => Err(self.end_orphaned()),
        }
    }

    /// Has all processes of the session stand still for good. False: that cannot be, and whoever has asked has been told.
    pub(super) fn freeze_session(&self, ticket: Ticket) -> Result<bool, Error> {
        let Some(session) = &self.machine.body.session else { return Ok(true) };
        let null =
            File::options().read(true).write(true).open("/dev/null").map_err(Error::host("/dev/null"))?;
        let word = session.ask_to_freeze(&null).and_then(|()| session.word());
        match word.map_err(|gone| Error::Request(gone.to_string()))? {
            Word::Go(None) => Ok(true),
            Word::Go(Some(reason)) => {
                self.desk.answer(ticket, Err(Refusal::new(reason)));
                Ok(false)
            }
            Word::Split(_) => Err(Error::Request(Gone.to_string())),
        }
    }
}

/// Clones until it is ended. No clones are made ahead.
pub fn live(stopped: Stopped, profile: Arc<Profile>, mut server: Server) -> Outcome {
    let none = PoolSettings { target: 0, maximum: 0, working_set: false };
    server.describe_pool(
        serde_json::json!({"parked": 0, "wanted": 0, "target": none.target, "maximum": none.maximum}),
    );
    loop {
        let orders = match server.step(u64::MAX) {
            Ok(orders) => orders,
            Err(fault) => return Outcome::Ended(fault.into(), Some(Box::new(server))),
        };
        for order in orders {
            let (ticket, order) = match order {
                Order::Clone(ticket, order) if order.spec.resettable => {
                    server.reply(ticket, &Err(super::reset::refuse_session()));
                    continue;
                }
                Order::Clone(ticket, order) => (ticket, order),
                Order::End(ending) => return Outcome::Ended(ending, Some(Box::new(server))),
                Order::Pool(t, _) => {
                    let why = "the program has forked: no clones of its session are made ahead";
                    server.reply(t, &Err(Refusal::new(why)));
                    continue;
                }
                Order::Pause(t)
                | Order::Resume(t)
                | Order::Freeze(t, _)
                | Order::Reset(t, _)
                | Order::Write(t, _)
                | Order::Read(t, ..)
                | Order::Exec(t, _) => {
                    server.reply(t, &Err(Refusal::new("the VM is frozen")));
                    continue;
                }
            };
            match split_off(&stopped.body, &order, profile.generation + 1) {
                Ok(Side::Original(answer)) => server.reply(ticket, &answer),
                Ok(Side::Copy(place)) => {
                    // Closed with the other descriptors; the socket files are the template's.
                    std::mem::forget(server);
                    let place = Some(*place);
                    return Outcome::Born(Box::new(Birth { stopped, order: *order, parent: profile, place }));
                }
                Err(Gone) => return Outcome::Ended(orphaned(), Some(Box::new(server))),
            }
        }
    }
}

fn split_off(body: &Body, order: &CloneOrder, generation: u64) -> Result<Side, Gone> {
    split(body.session.as_ref().ok_or(Gone)?, order, generation, None)
}
