//! The parts of a running VM, which every stage works on.

mod clock;
mod error;
mod identity;
mod origin;
mod shared;
mod signals;
mod still;

pub use clock::{Clock, host_tsc, monotonic, realtime};
pub use error::{Ending, Error, GuestFault};
pub use identity::{Identity, renew as renew_identity, write as write_identity};
pub use origin::{Done, First, Memory, Origin, Plan};
pub use shared::{Shared, Wake};
pub use signals::{KICK, TIMER, block, take_pending, unblock_all_but, wait_until};
pub use still::Still;

use crate::hostfs::HostFs;
use crate::session::Session;
use ramet_abi::header::KernelHeader;
use ramet_abi::mailbox::event;
use ramet_kvm::{Host, SystemRegisters, Vcpu, Vm};
use ramet_memory::{Mapping, Page, Ram, WorkingSet, private_pages, used_pages};
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

/// The vCPU, its memory and what belongs to them. Owned by the vCPU's thread. The KVM objects come first, so that
/// they are dropped before the memory they show.
#[derive(Debug)]
pub struct Machine {
    /// The vCPU.
    pub vcpu: Vcpu,
    /// The KVM virtual machine.
    pub vm: Vm,
    /// Everything else: what a clone keeps.
    pub body: Body,
}

/// The image's file, mapped.
#[derive(Debug)]
pub struct Image {
    /// What the guest sees.
    pub mapping: Mapping,
    /// The very file, whatever its path may lead to by now: for a session's keeper. A child of a fork has none.
    pub file: Option<File>,
}

/// What a VM is besides its KVM objects.
#[derive(Debug)]
pub struct Body {
    /// The host's KVM.
    pub host: Arc<Host>,
    /// RAM.
    pub ram: Ram,
    /// Sizes of RAM's slots, in order of their addresses.
    pub ram_slots: Vec<std::ops::Range<u64>>,
    /// The image, if there is one.
    pub image: Option<Image>,
    /// Volumes.
    pub hostfs: HostFs,
    /// The kernel's entry points, read once.
    pub header: KernelHeader,
    /// Segment and control registers that a vCPU starts with.
    pub sregs: SystemRegisters,
    /// The session, once the program has forked.
    pub session: Option<Session>,
    /// What other threads see.
    pub shared: Arc<Shared>,
    /// Source of the time page.
    pub clock: Clock,
    /// This is a template's first clone: where it tells which pages it has used.
    pub learning: Option<Learning>,
    /// The memory that this VM's clones, or it itself, go back to.
    pub still: Option<Still>,
    /// A clone that can be reset: what it goes back to.
    pub origin: Option<Box<Origin>>,
    /// Pages of the image (offset in bytes) that are this VM's own, with their bytes if they stay after a reset.
    pub own_image: std::collections::BTreeMap<u64, Option<Box<Page>>>,
}

/// A template's first clone tells twice which pages it has used: at its first output, and when it then rests, if that is at once.
#[derive(Debug)]
pub struct Learning {
    /// The list.
    pub set: WorkingSet,
    /// When it was told for the first time, CLOCK_MONOTONIC in ns.
    pub told: Option<u64>,
}

/// What happens at an exit that may end the time in which a VM tells its working set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// Output.
    Output,
    /// The guest waits.
    Rest,
    /// The program ends or forks.
    Other,
}

impl Body {
    /// Descriptors that a clone keeps.
    pub fn descriptors(&self) -> impl Iterator<Item = RawFd> + '_ {
        let image = self.image.as_ref().and_then(|image| image.file.as_ref()).map(AsRawFd::as_raw_fd);
        let session = self.session.iter().flat_map(Session::descriptors);
        let still = self.still.iter().flat_map(Still::descriptors);
        [self.host.descriptor()]
            .into_iter()
            .chain(image)
            .chain(still)
            .chain(self.hostfs.descriptors())
            .chain(session)
    }

    /// A new process, or a template's first clone, has given its first output or comes to rest: tells those that are made after it which
    /// pages it has used. Only this process's own time is at stake, so that a failure is nothing.
    pub fn tell_working_set(&mut self, milestone: Milestone) {
        // What is written first is the kernel's, at the low end; looking at all of a large RAM would take long. A child of a fork waits
        // while they are copied: no more of them than its parent would wait for.
        const MOST: u64 = 256 << 20;
        const MOST_PAGES: usize = 256;
        if let Some(set) = self.session.as_mut().and_then(|session| session.learning.take())
            && let Ok(pages) = private_pages(self.ram.address(0), self.ram.present().min(MOST))
        {
            set.publish(&pages[..pages.len().min(MOST_PAGES)], &[]);
        }
        if let Some(learning) = self.learning.take() {
            self.tell_touched(learning, milestone);
        }
    }

    fn tell_touched(&mut self, learning: Learning, milestone: Milestone) {
        /// A program that still works so long after its output does not do what it does before it rests, ns.
        const AT_ONCE: u64 = 20_000_000;
        let Learning { set, told } = learning;
        let again = match told {
            None => milestone == Milestone::Output,
            Some(_) if milestone == Milestone::Output => {
                self.learning = Some(Learning { set, told });
                return;
            }
            Some(at) if milestone == Milestone::Rest && monotonic() < at + AT_ONCE => false,
            Some(_) => return std::mem::forget(set),
        };
        if let Ok(used) = used_pages(&self.ram, self.shared.area.address()) {
            set.publish(&used.written, &used.touched);
        }
        if again {
            self.learning = Some(Learning { set, told: Some(monotonic()) });
        } else {
            // Not unmapped now: that has KVM flush what it has mapped.
            std::mem::forget(set);
        }
    }

    /// The VM is another's start from now on: what it would have gone back to itself is nobody's.
    pub fn forget_origin(&mut self) {
        (self.still, self.origin) = (None, None);
        let Some(image) = &self.image else { return };
        for (offset, bytes) in &mut self.own_image {
            let mut page: Box<Page> = Box::new([0; ramet_abi::layout::PAGE_SIZE as usize]);
            if image.mapping.read(*offset, &mut page[..]).is_ok() {
                *bytes = Some(page);
            }
        }
    }

    /// Guest memory by the page.
    pub fn memory(&self) -> Memory<'_> {
        let image = self.image.as_ref().map(|image| &image.mapping);
        Memory { ram: &self.ram, area: &self.shared.area, image }
    }

    /// Tells the guest of notices in its session's channel, and this thread of what the keeper wants. The keeper sends a kick after it has
    /// written some.
    pub fn look_for_notices(&self) {
        let Some(session) = &self.session else { return };
        if session.has_notices() {
            self.shared.area.raise(event::SESSION);
        }
        if session.is_to_hold() {
            self.shared.note_request();
        }
    }
}
