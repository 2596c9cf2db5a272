//! Copying a VM: fork(2), and what the child must make anew before its vCPU runs.
//!
//! Guest memory needs nothing: the host's kernel has made it copy-on-write. The KVM objects belong to the parent's
//! address space, so that the child makes its own. Descriptors are shared by fork(2): the child keeps only those that it
//! names, and none that would tie it to its parent (streams, sockets, status pipes, the parent's KVM objects).

use super::{CloneOrder, CloneSpec, Profile};
use crate::boot::add_slots;
use crate::run::announce_events;
use crate::vm::{Body, Error, Identity, KICK, Machine, Shared, TIMER, host_tsc, write_identity};
use ramet_abi::identity::flag::VOLUMES_READ_ONLY;
use ramet_abi::mailbox::event;
use ramet_kvm::{CpuState, Vcpu, Vm};
use ramet_memory::{WorkingSet, private_pages};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A VM without KVM objects: what can be copied any number of times.
pub struct Stopped {
    /// Memory and what describes it.
    pub body: Body,
    /// State of the vCPU between two instructions.
    pub state: CpuState,
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
    // SAFETY: the calls below concern descriptors and the session only.
    unsafe {
        // Fails for a session leader only, which a new process never is.
        libc::setsid();
        for (stream, number) in order.streams.iter().zip(0..) {
            if libc::dup2(stream.as_raw_fd(), number) < 0 {
                return Err(Error::last("standard streams of the clone"));
            }
        }
    }
    let mut keep: Vec<RawFd> = order.streams.iter().map(AsRawFd::as_raw_fd).collect();
    keep.extend(order.status_pipe.as_ref().map(AsRawFd::as_raw_fd));
    keep.extend(body.descriptors());
    close_all_but(keep)
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

/// In a template's first clone, while its vCPU runs: notes which pages it writes first, for the clones that follow. Only
/// this process's own time is at stake, so that any failure just ends it.
pub fn learn_working_set(working_set: &WorkingSet, shared: &Shared, ram: (u64, u64)) {
    const STEP: Duration = Duration::from_micros(100);
    // What is written first is the kernel's, at the low end; looking at all of a large RAM would take long.
    const MOST: u64 = 256 << 20;
    for _ in 0..200 {
        if shared.area.identity().first_instruction_tsc.load(Relaxed) != 0 {
            if let Ok(pages) = private_pages(ram.0, ram.1.min(MOST)) {
                working_set.publish(&pages);
            }
            return;
        }
        std::thread::sleep(STEP);
    }
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

/// In the child: new KVM objects around the inherited memory, new identity, current time. The vCPU is ready to run.
pub fn rebuild(stopped: Stopped, spec: &CloneSpec, profile: &Profile) -> Result<Machine, Error> {
    let Stopped { mut body, state, working_set } = stopped;
    body.shared.adopt();
    let area = &body.shared.area;
    let mut vm = Vm::new(&body.host)?;
    add_slots(&mut vm, &body.ram, &body.ram_slots, area, body.image.as_ref())?;
    body.hostfs.become_clone(spec.share_volumes).map_err(Error::host("volumes"))?;
    body.hostfs.add_slots(&mut vm)?;
    let mut vcpu = Vcpu::new(&body.host, &vm, &[KICK, TIMER])?;
    vcpu.restore(&body.host, &state)?;
    if let Some(limit) = spec.memory {
        body.ram.set_limit(limit);
    }
    // More would delay its first instruction by more than they save.
    const FIRST: usize = 96;
    if let Some(set) = &working_set {
        let pages = set.pages();
        body.ram.make_private(&pages[..pages.len().min(FIRST)]);
    }
    body.shared.note_ram(body.ram.present(), body.ram.limit());
    body.clock.restart(area.time(), || vcpu.tsc())?;
    write_identity(
        area,
        &Identity {
            id: spec.id.clone(),
            generation: profile.generation,
            name: spec.name.clone(),
            args: spec.args.clone(),
            env: spec.env.clone(),
            input: spec.input.clone(),
        },
    )?;
    if !spec.share_volumes {
        // For good: a clone of this one cannot share what it does not have.
        area.identity().flags.fetch_or(VOLUMES_READ_ONLY, std::sync::atomic::Ordering::Release);
    }
    area.raise(event::CLONED);
    let mut machine = Machine { vcpu, vm, body };
    announce_events(&mut machine);
    Ok(machine)
}
