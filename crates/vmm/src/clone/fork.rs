//! Copying a VM: fork(2), and what the child must make anew before its vCPU runs.
//!
//! Guest memory needs nothing: the host's kernel has made it copy-on-write. The KVM objects belong to the parent's
//! address space, so that the child makes its own. Descriptors are shared by fork(2): the child keeps only those that it
//! names, and none that would tie it to its parent (streams, sockets, status pipes, the parent's KVM objects).

use super::{CloneOrder, CloneSpec, Profile};
use crate::boot::{add_channel, add_slots};
use crate::run::announce_events;
use crate::session::Place;
use crate::vm::{
    Body, Error, First, Identity, KICK, Learning, Machine, Origin, Still, TIMER, host_tsc, renew_identity,
    write_identity,
};
use ramet_abi::identity::flag::VOLUMES_READ_ONLY;
use ramet_abi::layout::{TOUCH_OFFSET, TOUCH_SIZE};
use ramet_abi::mailbox::event;
use ramet_kvm::{CpuState, Vcpu, Vm};
use ramet_memory::{SharedArea, WorkingSet, forget_accesses};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A VM without KVM objects: what can be copied any number of times.
pub struct Stopped {
    /// Memory and what describes it.
    pub body: Body,
    /// State of the vCPU between two instructions.
    pub state: CpuState,
    /// Whether the guest is in the hypercall WAIT.
    pub waits: bool,
    /// What a template's clones write first.
    pub working_set: Option<WorkingSet>,
}

/// What a child process makes its VM from.
pub struct Birth {
    /// Inherited.
    pub stopped: Stopped,
    /// What it is to be.
    pub order: CloneOrder,
    /// Whom it comes from.
    pub parent: Arc<Profile>,
    /// Of a copy of a whole session: where it belongs.
    pub place: Option<Place>,
}

/// Which side of the fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forked {
    /// The parent.
    Parent {
        /// The child's process id.
        pid: i32,
        /// Time stamp counter when fork(2) had returned.
        forked_tsc: u64,
    },
    /// The child: the calling thread is its only one.
    Child,
}

/// fork(2). The caller keeps the I/O thread quiet.
pub fn fork() -> io::Result<Forked> {
    // SAFETY: the child goes on with the calling thread alone. The C library keeps its allocator usable in the child;
    // the only other lock of this program that the child will take is the I/O thread's `quiet`, which the caller holds
    // or which does not exist; everything else that threads share is made anew.
    match unsafe { libc::fork() } {
        0 => Ok(Forked::Child),
        pid if pid > 0 => Ok(Forked::Parent { pid, forked_tsc: host_tsc() }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// In the child: makes the order's streams its standard streams, leaves the parent's session and terminal, and closes
/// every inherited descriptor but those that belong to the clone. Values that own others are not to be used any more.
pub fn adopt_descriptors(order: &CloneOrder, body: &Body) -> Result<(), Error> {
    // SAFETY: concerns the session only; fails for a session leader, which a new process never is.
    unsafe { libc::setsid() };
    use_streams(&order.streams)?;
    let mut keep: Vec<RawFd> = order.streams.iter().map(AsRawFd::as_raw_fd).collect();
    keep.extend(order.status_pipe.as_ref().map(AsRawFd::as_raw_fd));
    keep.extend(body.descriptors());
    close_all_but(keep)
}

/// Makes these the standard streams of this process.
pub fn use_streams(streams: &[OwnedFd; 3]) -> Result<(), Error> {
    for (stream, number) in streams.iter().zip(0..) {
        // SAFETY: replaces a descriptor by another; the values that own 0, 1 and 2 are the standard library's.
        if unsafe { libc::dup2(stream.as_raw_fd(), number) } < 0 {
            return Err(Error::last("standard streams of the clone"));
        }
    }
    Ok(())
}

/// In a child: closes every descriptor from 3 on but these.
pub fn close_all_but(mut keep: Vec<RawFd>) -> Result<(), Error> {
    keep.sort_unstable();
    let mut first = 3;
    for fd in keep.into_iter().filter(|fd| *fd >= 3) {
        close_range(first, fd - 1)?;
        first = fd + 1;
    }
    close_range(first, RawFd::MAX)
}

fn close_range(first: RawFd, last: RawFd) -> Result<(), Error> {
    if first > last {
        return Ok(());
    }
    // SAFETY: nothing in the child uses a descriptor of this range: see `adopt_descriptors`.
    if unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } != 0 {
        return Err(Error::last("close_range"));
    }
    Ok(())
}

/// In the child: new KVM objects around the inherited memory. The vCPU has the saved state; nobody has told the guest that it is another.
pub fn assemble(stopped: Stopped) -> Result<Assembled, Error> {
    let Stopped { body, state, working_set, .. } = stopped;
    body.shared.adopt();
    let is_resettable = body.still.is_some();
    let (vcpu, vm) = objects(&body, &state, is_resettable)?;
    Ok(Assembled { machine: Machine { vcpu, vm, body }, state, working_set })
}

/// New KVM objects for a body, with a vCPU in that state. `log`: KVM notes what the guest writes.
fn objects(body: &Body, state: &CpuState, log: bool) -> Result<(Vcpu, Vm), Error> {
    let mut vm = Vm::new(&body.host)?;
    if log {
        vm.log_writes();
    }
    add_slots(&mut vm, &body.ram, &body.ram_slots, &body.shared.area, body.image.as_ref())?;
    let mut vcpu = Vcpu::new(&body.host, &vm, &[KICK, TIMER])?;
    vcpu.restore(&body.host, state)?;
    if let Some(session) = &body.session {
        add_channel(&mut vm, &session.channel)?;
    }
    Ok((vcpu, vm))
}

/// Other KVM objects in the place of a machine's: nothing that KVM has made of the guest's state is left.
pub fn renew_objects(machine: &mut Machine, state: &CpuState) -> Result<(), Error> {
    let (vcpu, mut vm) = objects(&machine.body, state, true)?;
    machine.body.hostfs.add_slots(&mut vm)?;
    (machine.vcpu, machine.vm) = (vcpu, vm);
    Ok(())
}

/// A copy of a VM that does not know yet that it is one.
pub struct Assembled {
    /// The copy.
    pub machine: Machine,
    /// What its vCPU has been given.
    pub state: CpuState,
    /// As in [`Stopped`].
    pub working_set: Option<WorkingSet>,
}

/// Writes the kernel's list of pages that are to be touched.
pub fn list_touches(area: &SharedArea, pages: &[u64]) -> Result<(), Error> {
    let most = TOUCH_SIZE as usize / 8 - 1;
    let pages = &pages[..pages.len().min(most)];
    let mut list = Vec::with_capacity(8 + pages.len() * 8);
    list.extend_from_slice(&(pages.len() as u64).to_le_bytes());
    list.extend(pages.iter().flat_map(|page| page.to_le_bytes()));
    Ok(area.write(TOUCH_OFFSET, &list)?)
}

/// A template's first clone notes which pages it uses until its first output, for those that follow. To be called before its vCPU runs as a
/// clone.
pub fn learn(machine: &mut Machine, working_set: Option<WorkingSet>, spec: &CloneSpec) {
    let Some(set) = working_set else { return };
    if !spec.paused && set.claim() {
        forget_accesses(&machine.body.ram);
        machine.body.learning = Some(Learning { set, told: None });
        // Its tables are not the template's any more: it goes back to its own.
        machine.body.still = None;
    } else {
        // Not now: to unmap anything of a process with a VM has KVM flush what it has mapped.
        std::mem::forget(set);
    }
}

/// Notes what a copy that can be reset goes back to, if it is to be one, or is one because its template is. Its vCPU has not run as a clone.
pub fn note_origin(
    machine: &mut Machine,
    state: CpuState,
    waits: bool,
    spec: &CloneSpec,
) -> Result<(), Error> {
    if !spec.resettable && !machine.vm.logs() {
        return Ok(());
    }
    if machine.body.still.is_none() {
        machine.body.still = Some(Still::take()?);
    }
    if !machine.vm.logs() {
        renew_objects(machine, &state)?;
    }
    // What was written until now is as it was.
    machine.body.shared.area.take_written();
    machine.body.origin = Some(Box::new(Origin::new(state, waits)));
    Ok(())
}

/// Gives a copy its identity and the current time. Its vCPU is ready to run.
pub fn begin(machine: &mut Machine, spec: &CloneSpec, profile: &Profile) -> Result<(), Error> {
    settle(machine, spec.share_volumes, spec.memory)?;
    let area = &machine.body.shared.area;
    // In a copy of a session processes have the numbers that they have had.
    let pid = if machine.body.session.is_some() { own_pid(machine) } else { std::process::id() };
    write_identity(area, pid, &identity(spec, profile.generation))?;
    tell(machine, spec.share_volumes);
    note_first(machine, spec, profile)
}

/// What a copy that can be reset has beside its memory.
fn note_first(machine: &mut Machine, spec: &CloneSpec, profile: &Profile) -> Result<(), Error> {
    let body = &mut machine.body;
    let Some(origin) = &mut body.origin else { return Ok(()) };
    let area = &body.shared.area;
    let flags = area.identity().flags.load(Ordering::Acquire);
    let kinds = area.console().kinds.each_ref().map(|kind| kind.load(Ordering::Acquire));
    let files = body.hostfs.keep().map_err(Error::host("volumes"))?;
    origin.first = Some(First { identity: identity(spec, profile.generation), flags, kinds, files });
    Ok(())
}

/// Gives a copy of a session's process, other than the first, the current time and randomness of its own. Its vCPU is ready to run.
pub fn begin_member(machine: &mut Machine, generation: u64, place: &Membership) -> Result<(), Error> {
    settle(machine, place.share_volumes, place.memory)?;
    renew_identity(&machine.body.shared.area, own_pid(machine), generation)?;
    tell(machine, place.share_volumes);
    Ok(())
}

/// What a process of a copied session is told of the clone.
#[derive(Clone, Copy, Debug)]
pub struct Membership {
    /// Volumes stay writable.
    pub share_volumes: bool,
    /// Limit of RAM, if it is another.
    pub memory: Option<u64>,
}

/// The process's number in its session, as its kernel has it: nobody else relies on that.
fn own_pid(machine: &Machine) -> u32 {
    machine.body.shared.area.identity().pid.load(Ordering::Acquire) as u32
}

fn settle(machine: &mut Machine, share_volumes: bool, memory: Option<u64>) -> Result<(), Error> {
    let Machine { vcpu, vm, body } = machine;
    body.hostfs.become_clone(share_volumes).map_err(Error::host("volumes"))?;
    body.hostfs.add_slots(vm)?;
    if let Some(limit) = memory {
        body.ram.set_limit(limit);
    }
    body.shared.note_ram(body.ram.present(), body.ram.limit());
    body.clock.restart(body.shared.area.time(), || vcpu.tsc())?;
    Ok(())
}

fn tell(machine: &mut Machine, share_volumes: bool) {
    let area = &machine.body.shared.area;
    if !share_volumes {
        // For good: a clone of this one cannot share what it does not have.
        area.identity().flags.fetch_or(VOLUMES_READ_ONLY, Ordering::Release);
    }
    area.raise(event::CLONED);
    announce_events(machine);
}

/// Who a clone is.
pub fn identity(spec: &CloneSpec, generation: u64) -> Identity {
    Identity {
        id: spec.id.clone(),
        generation,
        name: spec.name.clone(),
        args: spec.args.clone(),
        env: spec.env.clone(),
        input: spec.input.clone(),
    }
}

/// In the child of a fork that was asked for: both at once.
pub fn rebuild(stopped: Stopped, spec: &CloneSpec, profile: &Profile) -> Result<Machine, Error> {
    let mut stopped = stopped;
    if spec.resettable && stopped.body.still.is_none() {
        stopped.body.still = Some(Still::take()?);
    }
    let waits = stopped.waits;
    let Assembled { mut machine, state, working_set } = assemble(stopped)?;
    // Its first instruction waits for this, its first output gains: many times as much by the first two hundred, nothing by more.
    const FIRST: usize = 200;
    if let Some(set) = &working_set {
        let pages = set.pages();
        machine.body.ram.make_private(&pages[..pages.len().min(FIRST)]);
    }
    learn(&mut machine, working_set, spec);
    note_origin(&mut machine, state, waits, spec)?;
    begin(&mut machine, spec, profile)?;
    Ok(machine)
}
