//! A clone made ahead, until it is one.
//!
//! It has been forked from its template, has its KVM objects, has entered its vCPU once ([`KernelHeader::park_entry`]) and waits for a
//! request. With the request it gets its identity and goes on where the template stood. Until then it is nobody: it has no directory,
//! answers nobody, and dies with its template.
//!
//! [`KernelHeader::park_entry`]: ramet_abi::header::KernelHeader::park_entry

use super::pool::{LEAVES, WAITS};
use super::warm::warm;
use super::{Live, Outcome, Report, copy, doorbell, exec, take_terminal, write_files};
use crate::boot::GUEST_FLAGS;
use crate::clone::{
    Assembled, CloneOrder, CloneSpec, Desk, Profile, Refusal, State, Stopped, assemble, begin, close_all_but,
    learn, list_touches, note_origin, start_time, use_streams,
};
use crate::io::{Console, IoThread, RawMode, Requests, Server, Streams, Wish, tell};
use crate::run::{Runner, Timer};
use crate::vm::{Error, KICK, Machine, Shared, monotonic, take_pending};
use ramet_abi::hypercall::{HYPERCALL_PORT, PARK};
use ramet_kvm::{CpuState, EventFd, Exit, Registers};
use ramet_memory::{WorkingSet, allowed};
use serde_json::json;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// What a child of a template makes itself from.
pub struct Cradle {
    /// Inherited.
    pub stopped: Stopped,
    /// Whom it comes from.
    pub parent: Arc<Profile>,
    /// Where its request comes from.
    pub requests: Requests,
    /// On which it tells its template how it is.
    pub line: OwnedFd,
    /// The template's process.
    pub template: u32,
}

/// Longest time that the first entry may take, ns.
const ENTRY: u64 = 10_000_000_000;
/// So long the console comes before the clone's files, ns.
const OUTPUT_FIRST: u64 = 5_000_000;

/// All that there is before the request.
struct Parked {
    machine: Machine,
    runner: Runner,
    desk: Arc<Desk>,
    io: IoThread,
    jobs: SyncSender<Job>,
    working_set: Option<WorkingSet>,
    line: OwnedFd,
    state: CpuState,
    waits: bool,
}

/// What the I/O thread waits for.
struct Job {
    profile: Arc<Profile>,
    spec: CloneSpec,
    console: Console,
    reply: Option<OwnedFd>,
    requested_tsc: u64,
    line: OwnedFd,
}

/// Waits, and goes on as a clone.
pub fn live(cradle: Cradle, report: &mut Report, raw: &mut Option<RawMode>) -> Outcome {
    let Cradle { stopped, parent, requests, line, template } = cradle;
    follow_parent(libc::SIGKILL);
    if std::os::unix::process::parent_id() != template {
        // It was gone before it could be followed.
        leave();
    }
    // Its own end is not the template's: nothing of the template's is told or removed.
    drop(report.status_pipe.take());
    let mut parked = match park(stopped, &requests, line) {
        Ok(parked) => parked,
        Err(_) => leave(),
    };
    let order = wait(&requests, &parked.line);
    // From here on it lives on without its template.
    follow_parent(0);
    drop(requests);
    let profile = Arc::new(Profile::of_clone(&parent, &order.spec));
    let CloneOrder { spec, streams, status_pipe, requested_tsc, mut reply } = order;
    *report = Report { profile: profile.clone(), status_pipe };
    let console = begin_with(&mut parked, &spec, streams, &profile, raw);
    let Parked { mut machine, runner, desk, io, jobs, line, state, waits, .. } = parked;
    let begun = console.and_then(|console| {
        note_origin(&mut machine, state, waits, &spec)?;
        begin(&mut machine, &spec, &profile)?;
        Ok(console)
    });
    match begun {
        Ok(console) => {
            let paused = spec.paused;
            let job = Job { profile: profile.clone(), spec, console, reply, requested_tsc, line };
            // It waits for nothing else.
            let _ = jobs.send(job);
            Live { profile, machine, runner, desk, io, paused, execs: exec::Waiting::new() }.run(raw)
        }
        Err(error) => {
            // Whoever asked knows; it has no directory, and nobody else knows it.
            tell(reply.take(), &Err(Refusal::new(error.to_string())));
            leave()
        }
    }
}

/// Ends the process without a word: nobody knows it.
pub fn leave() -> ! {
    // SAFETY: ends the process; nothing that it holds needs more than being closed.
    unsafe { libc::_exit(0) }
}

/// Has this process killed when its parent ends (0: no more).
fn follow_parent(signal: i32) {
    // SAFETY: concerns this process's own attribute.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) };
}

/// Everything that can be done before anybody asks.
fn park(stopped: Stopped, requests: &Requests, line: OwnedFd) -> Result<Parked, Error> {
    // SAFETY: concerns the session only; fails for a session leader, which a new process never is.
    unsafe { libc::setsid() };
    let mut keep = vec![requests.as_raw_fd(), line.as_raw_fd()];
    keep.extend(stopped.body.descriptors());
    close_all_but(keep)?;
    let waits = stopped.waits;
    let Assembled { mut machine, state, working_set } = assemble(stopped)?;
    let shared = machine.body.shared.clone();
    let mut touched = Vec::new();
    if let Some(set) = &working_set {
        machine.body.ram.make_private(&set.pages());
        touched = allowed(&machine.body.ram, &set.touched());
    }
    prepare_area(&shared);
    if state.is_at_cpl3() {
        enter_once(&mut machine, &state, &touched)?;
    }
    let bell = doorbell()?;
    let desk = Arc::new(Desk::new(shared.clone(), copy(&bell)?, State::Running, false));
    let mut runner = Runner::new(copy(&bell)?)?;
    runner.set_waits(waits);
    let (jobs, incoming) = sync_channel::<Job>(1);
    let their_desk = desk.clone();
    let began = start_time()?;
    let io = IoThread::start(desk.clone(), move || {
        let Ok(job) = incoming.recv() else { return Err(Error::Request("there is no clone".into())) };
        serve(job, &shared, their_desk, bell, began)
    })?;
    Ok(Parked { machine, runner, desk, io, jobs, working_set, line, state, waits })
}

/// Makes the pages of the shared area that are written at the request this process's own.
fn prepare_area(shared: &Shared) {
    use ramet_abi::layout::{
        CONSOLE_OFFSET, IDENTITY_OFFSET, MAILBOX_OFFSET, PAYLOAD_OFFSET, RINGS_OFFSET, TIME_OFFSET,
    };
    let rings = (0..4).map(|ring| RINGS_OFFSET + ring * ramet_abi::layout::RING_SIZE);
    for offset in [MAILBOX_OFFSET, TIME_OFFSET, IDENTITY_OFFSET, CONSOLE_OFFSET, PAYLOAD_OFFSET]
        .into_iter()
        .chain(rings)
    {
        let mut byte = [0];
        if shared.area.read(offset, &mut byte).is_ok() {
            let _ = shared.area.write(offset, &byte);
        }
    }
}

/// Enters the vCPU at the kernel's `park_entry`, and has it touch `pages`. Afterwards it is where it was.
fn enter_once(machine: &mut Machine, state: &CpuState, pages: &[u64]) -> Result<(), Error> {
    list_touches(&machine.body.shared.area, pages)?;
    let entry = machine.body.header.park_entry;
    machine.vcpu.detour(&Registers { rip: entry, rflags: GUEST_FLAGS, ..Default::default() });
    // The guest's tables may lead anywhere.
    let alarm = Timer::new(KICK)?;
    let until = monotonic().saturating_add(ENTRY);
    alarm.set(until)?;
    loop {
        match machine.vcpu.run()? {
            Exit::Out { port } if port == HYPERCALL_PORT + PARK => break,
            Exit::Interrupted if monotonic() < until => {
                take_pending();
            }
            exit => return Err(Error::Request(format!("the first entry ended with {exit:?}"))),
        }
    }
    machine.vcpu.complete_exit()?;
    machine.vcpu.go_on(state);
    // Done: not for the clone's first instructions.
    list_touches(&machine.body.shared.area, &[])?;
    Ok(())
}

/// Waits for this clone's request.
fn wait(requests: &Requests, line: &OwnedFd) -> CloneOrder {
    let mut buffer = Requests::buffer();
    // So that its first pages are there.
    buffer[..16384].fill(1);
    warm();
    Requests::rehearse();
    say(line, WAITS);
    let wish = requests.take(&mut buffer, true);
    // Giving it back takes longer than all that is to be done now; so much address space, of which little is in use, is nothing.
    std::mem::forget(buffer);
    match wish {
        Ok(Some(Wish::Clone(order))) => *order,
        Ok(Some(Wish::Leave)) => {
            say(line, LEAVES);
            leave()
        }
        Ok(None) | Err(_) => leave(),
    }
}

fn say(line: &OwnedFd, word: u8) {
    // SAFETY: one byte of this frame. If nobody listens, the template is gone, and so is this process in a moment.
    unsafe { libc::write(line.as_raw_fd(), (&raw const word).cast(), 1) };
}

/// Makes the copy a clone. The vCPU's thread does what must be done before the first instruction, and nothing else.
fn begin_with(
    parked: &mut Parked,
    spec: &CloneSpec,
    streams: [OwnedFd; 3],
    profile: &Profile,
    raw: &mut Option<RawMode>,
) -> Result<Console, Error> {
    let machine = &mut parked.machine;
    use_streams(&streams)?;
    let console = Console::new(&machine.body.shared, Streams { fds: streams }, spec.tty, false)
        .map_err(Error::host("console"))?;
    if spec.paused {
        parked.desk.set_state(State::Paused);
    }
    take_terminal(machine, profile, raw)?;
    learn(machine, parked.working_set.take(), spec);
    Ok(console)
}

/// In the I/O thread: what can be done while the clone runs.
fn serve(
    job: Job,
    shared: &Arc<Shared>,
    desk: Arc<Desk>,
    bell: EventFd,
    began: u64,
) -> Result<Server, Error> {
    let Job { profile, spec, mut console, reply, requested_tsc, line } = job;
    let generation = profile.generation;
    let pid = std::process::id();
    let answer = json!({
        "pid": pid,
        "start_time": began,
        "generation": generation,
        "requested_tsc": requested_tsc,
        "pooled": true,
    });
    if !tell(reply, &Ok(answer)) {
        // Whoever asked has given up: nobody would ever look after it.
        leave();
    }
    drop(line);
    first_output(shared, &mut console, &bell)?;
    write_files(&profile, &spec)?;
    Server::open(shared.clone(), desk, profile, console, bell)
}

/// Waits a moment for the clone's first output, and writes it: its reader waits for that, nobody yet for the clone's files.
fn first_output(shared: &Shared, console: &mut Console, bell: &EventFd) -> Result<(), Error> {
    let until = monotonic().saturating_add(OUTPUT_FIRST);
    loop {
        let arrived = console.announce_sleep(shared).map_err(broken)?;
        let mut polled = console.interest(shared).map_err(broken)?;
        let outputs = polled.iter().any(|p| p.events & libc::POLLOUT != 0);
        polled.push(libc::pollfd { fd: bell.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        let left = until.saturating_sub(monotonic());
        if left == 0 {
            return Ok(());
        }
        let timeout = libc::timespec { tv_sec: 0, tv_nsec: if arrived { 0 } else { left as libc::c_long } };
        // SAFETY: the array and the timeout are of this frame.
        unsafe { libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, &timeout, std::ptr::null()) };
        if polled.last().is_some_and(|p| p.revents != 0) {
            let _ = bell.read();
        }
        console.transfer(shared, &polled).map_err(broken)?;
        if outputs {
            // Whoever reads it has perhaps been woken on this CPU.
            std::thread::yield_now();
            return Ok(());
        }
    }
}

fn broken(ring: ramet_memory::BrokenRing) -> Error {
    Error::Request(ring.to_string())
}
