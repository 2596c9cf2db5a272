//! A KVM virtual machine: its memory slots and doorbell.

use crate::{Error, Host};
use kvm_bindings::{KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, kvm_userspace_memory_region};
use kvm_ioctls::{IoEventAddress, NoDatamatch, VmFd};
use libc::EINTR;
use vmm_sys_util::eventfd::EventFd;

/// A memory slot of a [`Vm`], as it was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Number of the slot.
    pub number: u32,
    /// First guest-physical address.
    pub gpa: u64,
    /// Bytes.
    pub size: u64,
}

/// A KVM virtual machine. Belongs to the process that made it.
#[derive(Debug)]
pub struct Vm {
    pub(crate) fd: VmFd,
    next_slot: u32,
    free_slots: Vec<u32>,
    /// See the module `log`.
    pub(crate) logs: bool,
    pub(crate) protects_by_hand: bool,
    pub(crate) logged: Vec<Slot>,
}

impl Vm {
    /// `KVM_CREATE_VM`.
    pub fn new(host: &Host) -> Result<Self, Error> {
        // EINTR: a signal came while KVM started a thread of its own; nothing was made.
        let fd = loop {
            match host.kvm.create_vm() {
                Err(e) if e.errno() == EINTR => {}
                other => break other.map_err(Error::of("KVM_CREATE_VM"))?,
            }
        };
        Ok(Self {
            fd,
            next_slot: 0,
            free_slots: Vec::new(),
            logs: false,
            protects_by_hand: false,
            logged: Vec::new(),
        })
    }

    /// Gives the guest `size` bytes at guest-physical `gpa`, which are this process's memory at `address`.
    ///
    /// # Safety
    /// The range `address..address + size` must be a mapping that the caller keeps, and that no Rust reference
    /// treats as unshared memory, for as long as the slot exists.
    pub unsafe fn add_slot(
        &mut self,
        gpa: u64,
        address: u64,
        size: u64,
        read_only: bool,
    ) -> Result<Slot, Error> {
        // SAFETY: the caller's.
        unsafe { self.add(gpa, address, size, if read_only { KVM_MEM_READONLY } else { 0 }) }
    }

    /// The same for a writable slot whose writes are noted, if [`Vm::log_writes`] has said so: for as long as the VM exists.
    ///
    /// # Safety
    /// As [`Vm::add_slot`].
    pub unsafe fn add_logged_slot(&mut self, gpa: u64, address: u64, size: u64) -> Result<Slot, Error> {
        // SAFETY: the caller's.
        let slot =
            unsafe { self.add(gpa, address, size, if self.logs { KVM_MEM_LOG_DIRTY_PAGES } else { 0 }) }?;
        if self.logs {
            self.logged.push(slot);
        }
        Ok(slot)
    }

    /// # Safety
    /// As [`Vm::add_slot`].
    unsafe fn add(&mut self, gpa: u64, address: u64, size: u64, flags: u32) -> Result<Slot, Error> {
        let number = self.free_slots.pop().unwrap_or(self.next_slot);
        let region = kvm_userspace_memory_region {
            slot: number,
            flags,
            guest_phys_addr: gpa,
            memory_size: size,
            userspace_addr: address,
        };
        // SAFETY: the caller keeps the mapping, see above.
        let result = unsafe { self.fd.set_user_memory_region(region) };
        if let Err(e) = result {
            if number != self.next_slot {
                self.free_slots.push(number);
            }
            return Err(Error::of("KVM_SET_USER_MEMORY_REGION")(e));
        }
        if number == self.next_slot {
            self.next_slot += 1;
        }
        Ok(Slot { number, gpa, size })
    }

    /// Takes a slot away again.
    pub fn remove_slot(&mut self, slot: Slot) -> Result<(), Error> {
        let region = kvm_userspace_memory_region {
            slot: slot.number,
            flags: 0,
            guest_phys_addr: slot.gpa,
            memory_size: 0,
            userspace_addr: 0,
        };
        // SAFETY: a size of zero removes the slot; KVM touches no memory for it.
        unsafe { self.fd.set_user_memory_region(region) }.map_err(Error::of("KVM_SET_USER_MEMORY_REGION"))?;
        self.free_slots.push(slot.number);
        Ok(())
    }

    /// Makes every write to `port` signal `event` without an exit to user space (`KVM_IOEVENTFD`).
    pub fn bind_doorbell(&self, port: u16, event: &EventFd) -> Result<(), Error> {
        self.fd
            .register_ioevent(event, &IoEventAddress::Pio(port.into()), NoDatamatch)
            .map_err(Error::of("KVM_IOEVENTFD"))
    }
}
