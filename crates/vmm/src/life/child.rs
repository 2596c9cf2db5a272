//! The life of a fork's child: a process of a session, without I/O thread, control socket or files of its own.
//!
//! What was its parent's it drops; what it has comes from the memory that fork(2) copied and from the keeper. It ends with its program,
//! with the session, or by a signal of the host; nobody waits for it there: the keeper tells its parent.

use super::member;
use super::session::{Newborn, split};
use crate::boot::{add_channel, add_slots, start_vcpu};
use crate::clone::close_all_but;
use crate::run::{Runner, Stop, answer, errno};
use crate::session::{Gone, Life, Session};
use crate::vm::{Body, Ending, Error, KICK, Machine, TIMER, renew_identity, unblock_all_but};
use ramet_kvm::{Vcpu, Vm};
use ramet_memory::Channel;
use std::sync::atomic::Ordering::Release;

/// Goes on as the child, and never returns.
pub fn live(machine: Machine, runner: Runner, newborn: Newborn) -> ! {
    let (mut parent, mut newborn) = ((machine, runner), newborn);
    loop {
        let (mut machine, mut runner) = match bring_up(parent, newborn) {
            Ok(process) => process,
            // Its parent gets to know of a death by SIGKILL.
            Err(error) => exit(&Ending::from(error)),
        };
        newborn = loop {
            match runner.run(&mut machine) {
                Stop::Ended(ending) => exit(&ending),
                Stop::Fork => match split(&mut machine, None) {
                    Ok(Some(newborn)) => break newborn,
                    Ok(None) => {}
                    Err(Gone) => exit(&Ending::Killed),
                },
                Stop::Orphaned => exit(&Ending::Killed),
                Stop::OpenSession => {
                    answer(&machine, errno(libc::EALREADY));
                }
                // Only the first process is known outside: there is nobody to freeze this one, or to be told.
                Stop::State(_) | Stop::Reset => answer(&machine, errno(libc::EOPNOTSUPP)),
                Stop::ExecFailed(..) => answer(&machine, errno(libc::ENOENT)),
                Stop::Request => {
                    let session = machine.body.session.as_ref();
                    if let Some(order) = session.and_then(Session::take_hold) {
                        (machine, runner) = member::hold(machine, runner, order);
                    }
                }
            }
        };
        parent = (machine, runner);
    }
}

/// Ends the process at once: the host's kernel takes the VM apart while the parent already goes on.
pub(super) fn exit(ending: &Ending) -> ! {
    if let Ending::Failed(message) = ending {
        crate::complain(message);
    }
    // SAFETY: ends the process; nothing that it holds needs more than being closed.
    unsafe { libc::_exit(ending.status().into()) }
}

/// New KVM objects around the inherited memory, a new identity, the current time, and a place in the session.
fn bring_up(parent: (Machine, Runner), newborn: Newborn) -> Result<(Machine, Runner), Error> {
    let (Machine { vcpu, vm, mut body }, runner) = parent;
    // While they are open they keep the parent's VM alive.
    drop((vcpu, vm, runner));
    let Newborn { berth, detached } = newborn;
    let host = |what: &'static str| Error::host(what);
    let (generation, (life, working_set)) = match body.session.take() {
        Some(session) => (session.generation + 1, session.inherit()),
        None => return Err(Error::Request("a fork without a session".into())),
    };
    let life = life.inherit().map_err(host("session"))?;
    let channel = Channel::map(&berth.memory).map_err(host("channel"))?;
    drop(berth.memory);
    // The keeper has it; closed with the others.
    if let Some(image) = &mut body.image {
        std::mem::forget(image.file.take());
    }
    // Its parent's, which can go back; this one cannot.
    (body.still, body.origin) = (None, None);
    leave_parent(&body, &berth.socket, &life, detached)?;
    body.shared.adopt();
    let pid = berth.pid;
    let mut session = Session::begin(channel, berth.socket, life, generation, false)
        .map_err(|gone| Error::Request(gone.to_string()))?;

    // What its parent's has grown to piece by piece is one slot here: each costs a wait of the host's.
    body.ram_slots.clear();
    body.ram_slots.push(0..body.ram.present());
    let mut vm = Vm::new(&body.host)?;
    add_slots(&mut vm, &body.ram, &body.ram_slots, &body.shared.area, body.image.as_ref())?;
    add_channel(&mut vm, &session.channel)?;
    body.hostfs.become_clone(true).map_err(host("volumes"))?;
    body.hostfs.add_slots(&mut vm)?;
    let mut vcpu = Vcpu::new(&body.host, &vm, &[KICK, TIMER])?;
    start_vcpu(&mut vcpu, &body.host, &body.sregs, body.header.fork_entry)?;
    if let Some(set) = working_set {
        if set.claim() {
            session.learning = Some(set);
        } else {
            body.ram.make_private(&set.pages());
        }
    }
    let area = &body.shared.area;
    body.clock.restart(area.time(), || vcpu.tsc())?;
    renew_identity(area, pid, generation)?;
    // What was on its way to the parent is the parent's.
    let mailbox = area.mailbox();
    mailbox.events.store(0, Release);
    mailbox.signals.store(0, Release);
    body.session = Some(session);
    let runner = Runner::alone(&body.shared.area)?;
    Ok((Machine { vcpu, vm, body }, runner))
}

/// Leaves the parent's session and terminal, and closes every inherited descriptor but those that belong to the process.
fn leave_parent(
    body: &Body,
    socket: &std::os::fd::OwnedFd,
    life: &Life,
    detached: bool,
) -> Result<(), Error> {
    use std::os::fd::AsRawFd;
    // SAFETY: concerns the session only; fails for a session leader, which a new process never is.
    unsafe { libc::setsid() };
    if !detached {
        // Standard error stays: for what a VMM has to complain of.
        super::close_standard_streams(0..2)?;
    }
    // Signals to the VMM are for the first process; this one has nobody to read them, so that they end it.
    unblock_all_but(&[KICK, TIMER]);
    let mut keep = vec![socket.as_raw_fd(), life.as_raw_fd()];
    keep.extend(body.descriptors());
    close_all_but(keep)
}
