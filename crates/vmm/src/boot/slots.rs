//! Memory slots of a VM: what is present, and nothing else.

use crate::vm::Image;
use ramet_abi::layout::{IMAGE_GPA, RAM_GPA, SESSION_GPA, SHARED_GPA, SHARED_SIZE};
use ramet_abi::session::CHANNEL_SIZE;
use ramet_kvm::{Error, Vm};
use ramet_memory::{Channel, Ram, SharedArea};
use std::ops::Range;

/// Gives a new VM its RAM, shared area and image. The memory belongs to the same `Machine` as the VM, and is dropped
/// after it.
pub fn add(
    vm: &mut Vm,
    ram: &Ram,
    ram_slots: &[Range<u64>],
    area: &SharedArea,
    image: Option<&Image>,
) -> Result<(), Error> {
    for range in ram_slots {
        add_ram(vm, ram, range)?;
    }
    // SAFETY: the shared area outlives the VM (see above) and is accessed with volatile and atomic accesses only.
    unsafe { vm.add_logged_slot(SHARED_GPA, area.address(), SHARED_SIZE) }?;
    if let Some(image) = image {
        // SAFETY: as above; the mapping is read-only on both sides.
        unsafe { vm.add_slot(IMAGE_GPA, image.mapping.address(), image.mapping.length(), true) }?;
    }
    Ok(())
}

/// Adds one range of RAM.
pub fn add_ram(vm: &mut Vm, ram: &Ram, range: &Range<u64>) -> Result<(), Error> {
    // SAFETY: RAM outlives the VM, never moves, and is accessed with volatile accesses only.
    unsafe { vm.add_logged_slot(RAM_GPA + range.start, ram.address(range.start), range.end - range.start) }?;
    Ok(())
}

/// Adds the session's channel.
pub fn add_channel(vm: &mut Vm, channel: &Channel) -> Result<(), Error> {
    // SAFETY: a VM keeps its channel for as long as it runs; the VMM accesses it with volatile and atomic accesses only.
    unsafe { vm.add_slot(SESSION_GPA, channel.address(), CHANNEL_SIZE, false) }?;
    Ok(())
}
