//! A process of a session that is being copied, other than the first: it stands still, forks, and goes on; or it is the copy.

use super::child::exit;
use crate::clone::{Forked, Membership, Stopped, assemble, begin_member, close_all_but, fork};
use crate::run::Runner;
use crate::session::{Gone, Hold, NoCopy, Place, Session, Word};
use crate::vm::{Body, Ending, Error, Machine};
use std::os::fd::AsRawFd;

/// Stands still until the keeper lets it go on, or only its copies. What comes back is the original or a copy, and runs.
pub fn hold(machine: Machine, runner: Runner, order: Hold) -> (Machine, Runner) {
    let Machine { mut vcpu, vm, mut body } = machine;
    let mut stop = || -> Result<_, Error> {
        vcpu.complete_exit()?;
        body.clock.stop(|| vcpu.tsc())?;
        Ok(vcpu.save(&body.host)?)
    };
    let state = match stop() {
        Ok(state) => state,
        Err(error) => exit(&error.into()),
    };
    let waits = runner.waits();
    let mut running = Some((vcpu, vm, runner));
    if order.for_good {
        running = None;
        body.ram.collapse();
    }
    let mut place = match wait(&body, Some(order)) {
        Ok(place) => place,
        Err(Gone) => exit(&Ending::Killed),
    };
    loop {
        match (place, running) {
            (None, Some((vcpu, vm, runner))) => return (Machine { vcpu, vm, body }, runner),
            // It does not go on, whatever it is told.
            (None, None) => running = None,
            (Some(own), kept) => match fork() {
                Ok(Forked::Child) => {
                    // While they are open they keep the original's VM alive.
                    drop(kept);
                    return begin(Stopped { body, state, waits, working_set: None }, *own);
                }
                forked => {
                    let round = own.round;
                    drop(own);
                    running = kept;
                    if session(&body)
                        .and_then(|session| session.say_forked(round, &forked.map(drop)))
                        .is_err()
                    {
                        exit(&Ending::Killed);
                    }
                }
            },
        }
        place = match wait(&body, None) {
            Ok(place) => place,
            Err(Gone) => exit(&Ending::Killed),
        };
    }
}

fn session(body: &Body) -> Result<&Session, Gone> {
    body.session.as_ref().ok_or(Gone)
}

/// The next word of the keeper's: a copy's place, or none to go on.
fn wait(body: &Body, order: Option<Hold>) -> Result<Option<Box<Place>>, Gone> {
    let session = session(body)?;
    if let Some(order) = order {
        session.say_held(order)?;
    }
    match session.word()? {
        Word::Split(place) => Ok(Some(place)),
        Word::Go(_) => Ok(None),
    }
}

fn begin(stopped: Stopped, place: Place) -> (Machine, Runner) {
    match bring_up(stopped, place) {
        Ok(process) => process,
        Err(error) => exit(&error.into()),
    }
}

/// The copy's place in its session, instead of the original's. Descriptors of the original's are closed afterwards.
pub fn take_place(body: &mut Body, place: Place) -> Result<(), Error> {
    let Some(session) = body.session.take() else {
        return Err(Error::Request("a place without a session".into()));
    };
    body.session = Some(session.take_place(place).map_err(Error::host("session"))?);
    body.learning = None;
    Ok(())
}

/// The session's memory is the copy's.
pub fn exchange_memory(body: &mut Body) -> Result<(), Error> {
    let Body { hostfs, session, .. } = body;
    let Some(session) = session else { return Ok(()) };
    hostfs.exchange(&|inode| session.exchange(inode)).map_err(Error::host("memory of the session"))
}

/// Waits until all of the copy could run.
pub fn wait_for_others(body: &Body) -> Result<(), Error> {
    match body.session.as_ref().map_or(Ok(()), Session::wait_for_beginning) {
        Ok(()) => Ok(()),
        Err(NoCopy::Aborted) => super::parked::leave(),
        Err(NoCopy::Gone) => {
            Err(Error::Request("the session could not be copied: a process's VM could not be made".into()))
        }
    }
}

fn bring_up(stopped: Stopped, place: Place) -> Result<(Machine, Runner), Error> {
    let Stopped { mut body, state, waits, working_set } = stopped;
    // SAFETY: concerns the session only; fails for a session leader, which a new process never is.
    unsafe { libc::setsid() };
    // Standard error: for what a VMM has to complain of.
    // SAFETY: replaces a descriptor by another; the value that owns 2 is the standard library's.
    if unsafe { libc::dup2(place.error.as_raw_fd(), 2) } < 0 {
        return Err(Error::last("standard error"));
    }
    let membership = Membership { share_volumes: place.share_volumes, memory: place.memory_limit };
    take_place(&mut body, place)?;
    close_all_but(body.descriptors().collect())?;
    exchange_memory(&mut body)?;
    let generation = body.session.as_ref().map_or(0, |session| session.generation);
    let mut machine = assemble(Stopped { body, state, waits, working_set })?.machine;
    begin_member(&mut machine, generation, &membership)?;
    let mut runner = Runner::alone(&machine.body.shared.area)?;
    runner.set_waits(waits);
    wait_for_others(&machine.body)?;
    machine.body.look_for_notices();
    Ok((machine, runner))
}
