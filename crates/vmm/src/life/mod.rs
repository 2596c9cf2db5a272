//! The life of a VM, from its process's point of view.
//!
//! ```text
//!            boot                    freeze
//!   (config) ────► running ────────────────────► frozen (template: no vCPU, one thread)
//!                  │  ▲  ▲                         │
//!            pause │  │  │ born (unless paused)    │ clone: fork(2)
//!                  ▼  │  │                         ▼
//!                 paused ◄── (child process) ◄─────┘
//!                  │  └─ clone: fork(2) from running or paused, too
//!                  ▼
//!   ended: output drained ► exit.json ► waiters answered ► socket removed ► process exits
//! ```
//!
//! The main thread is the vCPU's; orders from outside come to it through [`Desk`], from the I/O thread. In a template the
//! main thread serves the control socket itself. A child of fork(2) goes on in the same loop as another VM.

mod bytes;
mod child;
mod copy;
mod exec;
mod member;
mod parked;
mod pool;
mod reset;
mod session;
mod template;
mod warm;

use crate::boot::{self, Config};
use crate::clone::{
    Birth, CloneOrder, CloneSpec, Desk, Forked, FreezeSettings, Order, Profile, Refusal, State, Stopped,
    Ticket, adopt_descriptors, exit_document, fork, make_directory, rebuild, write_clone_config, write_exit,
    write_vmm,
};
use crate::io::{Console, Drain, IoThread, RawMode, Server, Streams, block_forwarded, tell, window_size};
use crate::run::{Runner, Stop};
use crate::session::Place;
use crate::vm::{self, Ending, Error, Machine, Still, host_tsc, wait_until};
use pool::Pool;
use ramet_kvm::EventFd;
use ramet_memory::WorkingSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use template::clone_answer;

/// A VM with a vCPU.
struct Live {
    profile: Arc<Profile>,
    machine: Machine,
    runner: Runner,
    desk: Arc<Desk>,
    io: IoThread,
    paused: bool,
    execs: exec::Waiting,
}

/// What the outside is told at the end, whatever happens before.
struct Report {
    profile: Arc<Profile>,
    status_pipe: Option<OwnedFd>,
}

/// How a stage of this process's life ends.
enum Outcome {
    /// The VM is over; its control socket, if it has one, is to tell so.
    Ended(Ending, Option<Box<Server>>),
    /// This process is now the clone.
    Born(Box<Birth>),
    /// This process is now a clone made ahead.
    Ahead(Box<parked::Cradle>),
    /// This process is now a fork's child.
    Forked(Box<(Machine, Runner, session::Newborn)>),
}

/// Boots the VM that `config` describes and lives its life, and in children those of its clones. The process's
/// exit status.
pub fn run(config: &Config) -> u8 {
    prepare_process();
    let mut report = Report { profile: Arc::new(Profile::of_config(config)), status_pipe: None };
    let mut raw = None;
    // What is wrong with a value is told as all that goes wrong before the program runs: nothing of the VM stays.
    let checked = config.check().map_err(|error| Error::Input(error.to_string()));
    let mut outcome = match checked.and_then(|()| Live::boot(config, report.profile.clone(), &mut raw)) {
        Ok(live) => live.run(&mut raw),
        Err(error) => Outcome::Ended(error.into(), None),
    };
    loop {
        match outcome {
            Outcome::Ended(ending, server) => {
                drop(raw);
                return report.conclude(&ending, server);
            }
            Outcome::Born(birth) => {
                // The parent's terminal is the parent's to restore.
                std::mem::forget(raw.take());
                outcome = born(*birth, &mut report, &mut raw);
            }
            Outcome::Ahead(cradle) => {
                std::mem::forget(raw.take());
                outcome = parked::live(*cradle, &mut report, &mut raw);
            }
            Outcome::Forked(forked) => {
                // Terminal, status pipe and files are the parent's: nothing here is dropped.
                let (machine, runner, newborn) = *forked;
                child::live(machine, runner, newborn)
            }
        }
    }
}

fn prepare_process() {
    // SAFETY: changes how this process treats signals and files; no handler is involved. A closed stream is an
    // error to see, not a reason to die; dead clones are reaped by the kernel.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        libc::umask(0o077);
        // A guest may hold thousands of files in its volumes.
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
    vm::block(&[vm::KICK, vm::TIMER]);
    block_forwarded();
}

fn doorbell() -> Result<EventFd, Error> {
    EventFd::new(libc::EFD_CLOEXEC | libc::EFD_NONBLOCK).map_err(Error::host("eventfd"))
}

fn copy(event: &EventFd) -> Result<EventFd, Error> {
    event.try_clone().map_err(Error::host("eventfd"))
}

/// Raw mode and size of the terminal that descriptor 0 is.
fn take_terminal(machine: &Machine, profile: &Profile, raw: &mut Option<RawMode>) -> Result<(), Error> {
    if !profile.tty {
        return Ok(());
    }
    let (rows, columns) = window_size(std::io::stdin()).unwrap_or((24, 80));
    let console = machine.body.shared.area.console();
    console.rows.store(rows, std::sync::atomic::Ordering::Release);
    console.columns.store(columns, std::sync::atomic::Ordering::Release);
    *raw = RawMode::enter(std::io::stdin()).map_err(Error::host("terminal"))?;
    Ok(())
}

impl Live {
    fn boot(config: &Config, profile: Arc<Profile>, raw: &mut Option<RawMode>) -> Result<Self, Error> {
        let machine = boot::boot(config)?;
        let streams = Streams::standard().map_err(Error::host("standard streams"))?;
        take_terminal(&machine, &profile, raw)?;
        let console =
            Console::new(&machine.body.shared, streams, config.tty, true).map_err(Error::host("console"))?;
        let bell = doorbell()?;
        let shared = machine.body.shared.clone();
        let desk = Arc::new(Desk::new(shared.clone(), copy(&bell)?, State::Running, false));
        let runner = Runner::new(copy(&bell)?)?;
        let (their_desk, their_profile) = (desk.clone(), profile.clone());
        let io = IoThread::start(desk.clone(), move || {
            write_vmm(&their_profile)?;
            Server::open(shared, their_desk, their_profile, console, bell)
        })?;
        io.wait_open();
        Ok(Self { profile, machine, runner, desk, io, paused: false, execs: exec::Waiting::new() })
    }

    /// Runs the VM until it ends, freezes, or this process is a child.
    fn run(mut self, raw: &mut Option<RawMode>) -> Outcome {
        loop {
            let stop = if self.paused { self.sleep() } else { self.runner.run(&mut self.machine) };
            match stop {
                Stop::State(state) => self.desk.note_program_state(state),
                Stop::Ended(ending) => return self.end(ending),
                Stop::Orphaned => return self.end_orphaned(),
                Stop::ExecFailed(status, why) => self.exec_failed(status, why),
                Stop::Reset => {
                    if let Err(error) = self.reset_self() {
                        return self.end(error.into());
                    }
                }
                Stop::OpenSession => {
                    if let Err(error) = self.open_session() {
                        return self.end(error.into());
                    }
                }
                Stop::Fork => {
                    self = match self.fork_process() {
                        Ok(live) => live,
                        Err(outcome) => return outcome,
                    };
                }
                Stop::Request => {
                    while let Some(order) = self.desk.next_order() {
                        self = match self.carry_out(order, raw) {
                            Ok(live) => live,
                            Err(outcome) => return outcome,
                        };
                    }
                }
            }
        }
    }

    /// Sleeps until there is a request. The guest's timer goes on, for it to notice afterwards.
    fn sleep(&mut self) -> Stop {
        while !self.machine.body.shared.take_request() {
            if wait_until(u64::MAX) == Some(vm::TIMER) {
                self.machine.body.shared.area.raise(ramet_abi::mailbox::event::TIMER);
            }
        }
        Stop::Request
    }

    fn carry_out(mut self, order: Order, raw: &mut Option<RawMode>) -> Result<Self, Outcome> {
        match order {
            Order::Pause(ticket) => {
                self.paused = true;
                self.desk.set_state(State::Paused);
                self.pause_others();
                self.desk.answer(ticket, Ok(serde_json::Value::Null));
                Ok(self)
            }
            Order::Resume(ticket) => {
                self.paused = false;
                self.desk.set_state(State::Running);
                if let Some(session) = &self.machine.body.session {
                    session.pause(false);
                }
                crate::run::announce_events(&mut self.machine);
                self.desk.answer(ticket, Ok(serde_json::Value::Null));
                Ok(self)
            }
            Order::Exec(ticket, order) => {
                self.exec(ticket, *order);
                Ok(self)
            }
            Order::Reset(ticket, order) => match self.reset(ticket, *order) {
                Ok(()) => Ok(self),
                Err(error) => {
                    self.desk.answer(ticket, Err(Refusal::new(error.to_string())));
                    Err(self.end(error.into()))
                }
            },
            Order::Write(ticket, write) => {
                self.write_memory(ticket, &write);
                Ok(self)
            }
            Order::Read(ticket, address, length) => {
                self.read_memory(ticket, address, length);
                Ok(self)
            }
            Order::End(ending) => Err(self.end(ending)),
            Order::Freeze(ticket, FreezeSettings { resettable: true, .. })
                if self.machine.body.session.is_some() =>
            {
                self.desk.answer(ticket, Err(reset::refuse_session()));
                Ok(self)
            }
            Order::Clone(ticket, order) if order.spec.resettable && self.machine.body.session.is_some() => {
                self.desk.answer(ticket, Err(reset::refuse_session()));
                Ok(self)
            }
            Order::Freeze(ticket, settings) => match self.freeze_session(ticket) {
                Ok(true) => Err(self.freeze(ticket, settings, raw)),
                Ok(false) => Ok(self),
                Err(error) => Err(self.end(error.into())),
            },
            Order::Pool(ticket, _) => {
                self.desk.answer(ticket, Err(Refusal::new("only a frozen VM has a pool: freeze it")));
                Ok(self)
            }
            Order::Clone(ticket, order) if self.machine.body.session.is_some() => {
                self.copy_session(ticket, *order)
            }
            Order::Clone(ticket, order) => self.clone_live(ticket, *order),
        }
    }

    fn end(self, ending: Ending) -> Outcome {
        let drain = match ending {
            Ending::Program(_) | Ending::Incomplete { .. } => Drain::Fully,
            Ending::Timeout
            | Ending::Killed
            | Ending::Failed(_)
            | Ending::Crashed(_)
            | Ending::NotStarted { .. } => Drain::Briefly,
        };
        let started = self.machine.body.shared.area.identity().program_start_tsc.load(Acquire) != 0;
        let mut server = self.io.finish(drain);
        let ending = match (ending, server.as_mut().and_then(Server::lost_output)) {
            (Ending::Program(status), Some(why)) => Ending::Incomplete { status, why },
            (Ending::Failed(why), _) if started => {
                Ending::Crashed(format!("the VM died while its program ran: {why}"))
            }
            (ending, _) => ending,
        };
        Outcome::Ended(ending, server.map(Box::new))
    }

    /// The profile with the generation as it is now.
    fn present_profile(&self) -> Arc<Profile> {
        match self.desk.resets() {
            0 => self.profile.clone(),
            _ => Arc::new(Profile { generation: self.generation(), ..(*self.profile).clone() }),
        }
    }

    /// Stops the vCPU between two instructions and reads its state.
    fn stop(&mut self) -> Result<ramet_kvm::CpuState, Error> {
        let Machine { vcpu, body, .. } = &mut self.machine;
        vcpu.complete_exit()?;
        body.clock.stop(|| vcpu.tsc())?;
        Ok(vcpu.save(&body.host)?)
    }

    /// Clones without stopping for longer than fork(2) takes.
    fn clone_live(mut self, ticket: Ticket, order: CloneOrder) -> Result<Self, Outcome> {
        let state = match self.stop() {
            Ok(state) => state,
            Err(error) => return Err(self.end(error.into())),
        };
        let desk = self.desk.clone();
        let quiet = desk.quiet();
        let forked = fork();
        if matches!(forked, Ok(Forked::Child)) {
            // The I/O thread does not exist here: its lock is not to be touched again.
            std::mem::forget(quiet);
            return Err(Outcome::Born(Box::new(self.birth(state, order, None))));
        }
        drop(quiet);
        let generation = self.generation() + 1;
        self.desk.answer(ticket, clone_answer(&forked, &order, generation));
        Ok(self)
    }

    /// In the child of fork(2): what the clone is made from.
    fn birth(self, state: ramet_kvm::CpuState, order: CloneOrder, place: Option<Place>) -> Birth {
        // The parent's KVM objects and timer go first: while they are open they keep its VM alive.
        let parent = self.present_profile();
        let Self { machine: Machine { vcpu, vm, mut body }, runner, io, .. } = self;
        let waits = runner.waits();
        drop((vcpu, vm, runner));
        // The I/O thread does not exist here; its handle must not be joined.
        std::mem::forget(io);
        body.forget_origin();
        Birth { stopped: Stopped { body, state, waits, working_set: None }, order, parent, place }
    }

    /// Becomes a template, and lives as one.
    fn freeze(mut self, ticket: Ticket, settings: FreezeSettings, raw: &mut Option<RawMode>) -> Outcome {
        let state = match self.stop() {
            Ok(state) => state,
            Err(error) => return self.end(error.into()),
        };
        let profile = self.present_profile();
        let Some(mut server) = self.io.finish(Drain::Briefly) else {
            return Outcome::Ended(Ending::Failed("the I/O thread ended".into()), None);
        };
        drop(raw.take());
        let Self { machine: Machine { vcpu, vm, mut body }, runner, desk, .. } = self;
        let waits = runner.waits();
        drop((vcpu, vm, runner));
        // Orders that came meanwhile: nothing that a template could do, except end.
        while let Some(order) = desk.next_order() {
            match order {
                Order::End(ending) => return Outcome::Ended(ending, Some(Box::new(server))),
                Order::Pause(t)
                | Order::Resume(t)
                | Order::Freeze(t, _)
                | Order::Pool(t, _)
                | Order::Clone(t, _)
                | Order::Reset(t, _)
                | Order::Write(t, _)
                | Order::Read(t, ..)
                | Order::Exec(t, _) => {
                    server.reply(t, &Err(Refusal::new("the VM was being frozen: ask again")));
                }
            }
        }
        desk.set_state(State::Frozen);
        server.freeze();
        if let Err(error) = close_standard_streams(0..3) {
            return Outcome::Ended(error.into(), Some(Box::new(server)));
        }
        body.ram.collapse();
        body.forget_origin();
        if body.session.is_some() {
            server.reply(ticket, &Ok(serde_json::Value::Null));
            return copy::live(Stopped { body, state, waits, working_set: None }, profile, server);
        }
        if settings.resettable {
            match Still::take() {
                Ok(still) => body.still = Some(still),
                Err(error) => return Outcome::Ended(error.into(), Some(Box::new(server))),
            }
        }
        let pool = match Pool::open(profile.directory.clone(), settings.pool) {
            Ok(pool) => pool,
            Err(error) => return Outcome::Ended(error.into(), Some(Box::new(server))),
        };
        server.reply(ticket, &Ok(serde_json::Value::Null));
        // Without it clones are slower, nothing else.
        let working_set = settings.pool.working_set.then(WorkingSet::new).and_then(Result::ok);
        template::live(Stopped { body, state, waits, working_set }, profile, server, pool)
    }
}

/// Points standard streams to /dev/null: whoever waits for their end sees it.
fn close_standard_streams(numbers: std::ops::Range<i32>) -> Result<(), Error> {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(Error::host("/dev/null"))?;
    for number in numbers {
        // SAFETY: replaces a descriptor by another; the values that own 0, 1 and 2 are the standard library's.
        if unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&null), number) } < 0 {
            return Err(Error::last("standard streams"));
        }
    }
    Ok(())
}

/// The first steps of a clone, in its own process.
fn born(birth: Birth, report: &mut Report, raw: &mut Option<RawMode>) -> Outcome {
    let Birth { mut stopped, mut order, parent, place } = birth;
    // Told by the clone itself: its template may be killed now, and whoever asked would never hear of it.
    if let Some(reply) = order.reply.take() {
        let forked = Forked::Parent { pid: std::process::id() as i32, forked_tsc: host_tsc() };
        if !tell(Some(reply), &clone_answer(&Ok(forked), &order, parent.generation + 1)) {
            // Whoever asked has given up: nobody would ever look after it.
            parked::leave();
        }
    }
    let profile = Arc::new(Profile::of_clone(&parent, &order.spec));
    // Closed while it is still this value's: `adopt_descriptors` closes by number.
    drop(report.status_pipe.take());
    let place = place.map_or(Ok(()), |place| member::take_place(&mut stopped.body, place));
    let adopted = place.and_then(|()| adopt_descriptors(&order, &stopped.body));
    *report = Report { profile: profile.clone(), status_pipe: order.status_pipe.take() };
    match adopted.and_then(|()| bring_up(stopped, order, profile, raw)) {
        Ok(live) => live.run(raw),
        Err(error) => Outcome::Ended(error.into(), None),
    }
}

fn bring_up(
    stopped: Stopped,
    order: CloneOrder,
    profile: Arc<Profile>,
    raw: &mut Option<RawMode>,
) -> Result<Live, Error> {
    let CloneOrder { spec, streams, .. } = order;
    let shared = stopped.body.shared.clone();
    shared.adopt();
    let mut stopped = stopped;
    member::exchange_memory(&mut stopped.body)?;
    let console =
        Console::new(&shared, Streams { fds: streams }, spec.tty, false).map_err(Error::host("console"))?;
    let bell = doorbell()?;
    let state = if spec.paused { State::Paused } else { State::Running };
    let desk = Arc::new(Desk::new(shared.clone(), copy(&bell)?, state, false));
    let waits = stopped.waits;
    let machine = rebuild(stopped, &spec, &profile)?;
    let mut runner = Runner::new(copy(&bell)?)?;
    runner.set_waits(waits);
    take_terminal(&machine, &profile, raw)?;
    member::wait_for_others(&machine.body)?;
    if let Some(session) = &machine.body.session {
        desk.give_streams();
        desk.open_line(session.line().map_err(Error::host("socket to the keeper"))?);
        machine.body.look_for_notices();
    }
    let paused = spec.paused;
    let (their_desk, their_profile) = (desk.clone(), profile.clone());
    // The clone runs while its files and its control socket are made: a failure of those ends it.
    let io = IoThread::start(desk.clone(), move || {
        write_files(&their_profile, &spec)?;
        Server::open(shared, their_desk, their_profile, console, bell)
    })?;
    Ok(Live { profile, machine, runner, desk, io, paused, execs: exec::Waiting::new() })
}

/// The files of a clone.
fn write_files(profile: &Profile, spec: &CloneSpec) -> Result<(), Error> {
    if let Some(record) = &spec.record {
        make_directory(&profile.directory, record)?;
    }
    write_clone_config(profile, spec)?;
    write_vmm(profile)
}

impl Report {
    /// Tells the outside how it ended. Returns the process's exit status.
    fn conclude(self, ending: &Ending, server: Option<Box<Server>>) -> u8 {
        let document = exit_document(ending);
        if let Some(message) = ending.message() {
            crate::complain(message);
        }
        // One line: where there is one already, the directory is missing for that reason.
        if let Err(error) = write_exit(&self.profile.directory, &document)
            && ending.message().is_none()
        {
            crate::complain(&error.to_string());
        }
        if let Some(pipe) = self.status_pipe {
            use std::io::Write;
            // A reader that is gone does not want to know.
            let _ = std::fs::File::from(pipe).write_all(format!("{document}\n").as_bytes());
        }
        if let Some(mut server) = server {
            server.conclude(&document);
        }
        ending.status()
    }
}
